"""The Dockerfile's steps without a container engine: its commands run as they stand, in a root directory of their own.

The root is made of this machine's /usr, /etc and Python, read-only, and of empty directories where the Dockerfile
writes. So what it installs, copies and starts is real; that its base image exists and that its packages of Debian
install there is not shown. Needs root, which changing the root directory takes, and network for the registries.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dockerfile import REPOSITORY, of_stage

_SYSTEM = ("bin", "dev", "etc", "lib", "lib64", "proc", "sbin", "usr")
_DEBIAN = "/opt/debian"
_PYTHON = "/opt/base_python"
_STEP_SECONDS = 900
# A new network namespace has its loopback down; a container without network has it up.
_LOOPBACK_UP = f"{sys.executable} -c " + shlex.quote(
    "import fcntl, socket, struct; s = socket.socket(); "
    "fcntl.ioctl(s, 0x8914, struct.pack('16sh22x', b'lo', 1))"  # SIOCSIFFLAGS, IFF_UP
)


@dataclass
class ScratchImage:
    """A root directory under `directory`, and the environment that the instructions so far have made."""

    directory: Path
    environment: dict[str, str] = field(default_factory=dict)
    working_directory: str = "/"

    @property
    def root(self) -> Path:
        return self.directory / "root"

    def prepare(self) -> None:
        """What the base image brings: a Python with pip, tini and libnss-wrapper."""
        for name in (*_SYSTEM, "opt", "tmp", "wheels", sys.base_prefix.lstrip("/")):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        (self.root / "tmp").chmod(0o1777)
        (self.root / "usr_local_bin").mkdir()
        packages = self.directory / "packages"
        packages.mkdir()
        wanted = ["apt-get", "download", "--quiet", "libnss-wrapper", "tini"]
        subprocess.run(wanted, check=True, cwd=packages, capture_output=True)
        for package in packages.glob("*.deb"):
            subprocess.run(["dpkg", "-x", package, self.root / _DEBIAN.lstrip("/")], check=True)
        self.environment = self.base_environment()
        self.run(["sh", "-c", f"{sys.base_prefix}/bin/python3 -m venv {_PYTHON}"])  # its scripts name where they are

    def base_environment(self) -> dict[str, str]:
        (library,) = (self.root / _DEBIAN.lstrip("/")).glob("usr/lib/*/libnss_wrapper.so")
        return {
            "PATH": f"{_PYTHON}/bin:/usr_local_bin:{_DEBIAN}/usr/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LD_LIBRARY_PATH": "/" + str(library.parent.relative_to(self.root)),
            "LANG": "C.UTF-8",
        }

    def build(self) -> None:
        """Run the stage `build`."""
        self.environment = self.base_environment() | _network_of_this_machine()
        self._follow("build")

    def finish(self) -> None:
        """Run the stage `final`: like an engine, in an environment without what only the build was told."""
        self.environment = self.base_environment()
        self._follow("final")

    def _follow(self, stage: str) -> None:
        for instruction in of_stage(stage, "ENV", "WORKDIR", "COPY", "RUN"):
            if instruction.keyword == "ENV":
                for name, value in instruction.assignments.items():
                    self.environment[name] = value.replace("$PATH", self.environment["PATH"])
            elif instruction.keyword == "WORKDIR":
                self.working_directory = instruction.value
                self._inside(instruction.value).mkdir(parents=True, exist_ok=True)
            elif instruction.keyword == "COPY":
                self._copy(instruction.words, from_stage=instruction.flags.get("from"))
            else:
                self.run(["sh", "-c", instruction.value])

    def _copy(self, words: Sequence[str], from_stage: str | None) -> None:
        *sources, target = words
        for source in sources:
            if from_stage is not None:
                assert source == target, "one root stands for all stages"
                continue
            path = REPOSITORY / source
            target = "/usr_local_bin/" if target.startswith("/usr/local/bin/") else target
            place = self._inside(os.path.join(self.working_directory, target))
            if path.is_dir():
                shutil.copytree(path, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                place = place / path.name if target.endswith("/") else place
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, place)

    def _inside(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def run(self, command: Sequence[str]) -> None:
        """Run a step of the build."""
        done = self._in_namespaces(["--mount"], self._mounts(), command, self.environment)
        assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"

    def start(
        self, command: Sequence[str], lake: Path, user: str, tmpfs: str = "noexec", env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """`docker run --read-only --network none --cap-drop ALL --user … --tmpfs /tmp:… --volume lake:/lake`."""
        root, user_id, group = shlex.quote(str(self.root)), *user.split(":")
        mounts = [
            f"mount --bind {root} {root}",
            *self._mounts(),
            f"mount -t tmpfs -o mode=1777,{tmpfs} none {root}/tmp",
            f"mount --bind {shlex.quote(str(lake))} {root}/lake",
            f"mount -o remount,bind,ro {root}",
            _LOOPBACK_UP,
        ]
        as_user = ["setpriv", f"--reuid={user_id}", f"--regid={group}", "--clear-groups", "--no-new-privs"]
        as_user += ["--inh-caps=-all", "--bounding-set=-all"]
        inside = ["env", f"--chdir={self.working_directory}", *self.entrypoint, *command]
        return self._in_namespaces(
            ["--mount", "--net", "--ipc"], mounts, [*as_user, *inside], self.environment | dict(env or {})
        )

    @property
    def entrypoint(self) -> list[str]:
        (found,) = of_stage("final", "ENTRYPOINT")
        return found.words

    def _mounts(self) -> list[str]:
        shared = [f"/{name}" for name in _SYSTEM] + [sys.base_prefix]
        return [f"mount --rbind {place} {shlex.quote(str(self._inside(place)))}" for place in shared]

    def _in_namespaces(
        self, namespaces: Sequence[str], mounts: Sequence[str], command: Sequence[str], env: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        inside = ["chroot", str(self.root), *command]
        if command[0] == "sh":  # a step of the build runs where WORKDIR says
            inside = ["chroot", str(self.root), "env", f"--chdir={self.working_directory}", *command]
        script = " && ".join([*mounts, f"exec {shlex.join(inside)}"])
        return subprocess.run(
            ["unshare", *namespaces, "sh", "-c", script],
            env=dict(env),
            capture_output=True,
            text=True,
            timeout=_STEP_SECONDS,
        )


def _network_of_this_machine() -> dict[str, str]:
    """What this machine needs to reach the registries; it is its own business and not of the image."""
    names = ("PROXY", "CERT", "SSL", "CA_BUNDLE", "PIP_INDEX", "JAVA_TOOL_OPTIONS")
    return {name: value for name, value in os.environ.items() if any(part in name.upper() for part in names)}
