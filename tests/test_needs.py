"""What `make test` needs of the operating system is installed first, or its first line says why it cannot be."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from commands import REPOSITORY, Ended, run
from landing import write_text

NEEDS = REPOSITORY / "tests" / "needs"
JAVA_17 = "echo 'openjdk version \"17.0.12\" 2024-07-16' >&2"
# Stands for apt-get: puts down how it was called, and installs what it was asked for.
APT_GET = """
echo "apt-get $*" >>"{calls}"
case "$*" in *openjdk*) cp "{java}" "{bin}/java" ;; esac
case "$*" in *prometheus*) for name in prometheus promtool; do ln -sf /bin/true "{bin}/$name"; done ;; esac
"""


class Machine:
    """A directory of programs that is all of the PATH."""

    def __init__(self, directory: Path, user: int) -> None:
        self.bin, self.calls = directory / "bin", directory / "calls"
        self.has("id", f"echo {user}")
        for name in ("bash", "grep", "ln", "cp"):
            os.symlink(str(shutil.which(name)), self.bin / name)

    def has(self, name: str, script: str) -> None:
        write_text(self.bin / name, f"#!/bin/bash\n{script}\n").chmod(0o755)

    def has_apt(self, java: str = "openjdk-17-jre-headless") -> None:
        installed = write_text(self.bin.with_name("java17"), f"#!/bin/bash\n{JAVA_17}\n")
        installed.chmod(0o755)
        self.has("apt-get", APT_GET.format(calls=self.calls, bin=self.bin, java=installed))
        self.has("apt-cache", f'[ "$2" = {java} ]')

    def needs(self, *tools: str) -> Ended:
        return run([NEEDS, *tools], {"PATH": str(self.bin)}, stdin="")

    @property
    def called(self) -> list[str]:
        return self.calls.read_text(encoding="utf-8").splitlines() if self.calls.exists() else []


def test_needs_what_is_there_is_not_installed(tmp_path: Path) -> None:
    machine = Machine(tmp_path, user=0)
    machine.has_apt()
    machine.has("java", JAVA_17)
    machine.has("cc", "")
    assert (machine.needs("java", "cc"), machine.called) == (Ended(0, "", ""), [])


@pytest.mark.parametrize(("user", "has_apt"), [(1000, True), (0, False)], ids=["no right to", "no Debian"])
def test_needs_what_cannot_be_installed_is_said_in_the_first_line(tmp_path: Path, user: int, has_apt: bool) -> None:
    machine = Machine(tmp_path, user)
    if has_apt:
        machine.has_apt()
    ended = machine.needs("java", "cc")
    assert (ended.exit_code, ended.stdout, machine.called) == (2, "", [])
    (line,) = ended.stderr.splitlines()
    assert "java cc" in line and "make test-embedded" in line
    assert "make test-embedded" not in machine.needs("cc").stderr


@pytest.mark.parametrize("java", ["openjdk-17-jre-headless", "openjdk-21-jre-headless"])
def test_needs_what_is_missing_is_installed_in_one_go(tmp_path: Path, java: str) -> None:
    machine = Machine(tmp_path, user=0)
    machine.has_apt(java)
    machine.has("java", "echo 'openjdk version \"11.0.2\" 2019-01-15' >&2")
    ended = machine.needs("java", "promtool")
    assert (ended.exit_code, ended.stdout) == (0, "Installing for the tests: java promtool\n")
    install = "apt-get install --yes --no-install-recommends"
    assert machine.called == ["apt-get update --quiet", f"{install} {java} prometheus"]


def test_needs_of_another_user_are_installed_with_sudo(tmp_path: Path) -> None:
    machine = Machine(tmp_path, user=1000)
    machine.has_apt()
    machine.has("sudo", f'[ "$1" = -n ] || {{ echo sudo >>"{machine.calls}"; "$@"; }}')
    assert machine.needs("promtool").exit_code == 0
    assert [call.partition(" ")[0] for call in machine.called] == ["sudo", "apt-get"] * 2


def test_needs_what_was_installed_in_vain_is_said(tmp_path: Path) -> None:
    machine = Machine(tmp_path, user=0)
    machine.has("apt-get", "")
    ended = machine.needs("cc")
    assert ended.exit_code == 2
    assert ended.stderr == "cc is not there, though gcc libc6-dev are installed\n"
