"""What a command takes: seconds, seconds of processors, and peak memory of it and of all that it starts. For Linux."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# Looking at all processes takes about 3 ms: so the watch costs 3 % of one processor, the same for each program.
_SECONDS_BETWEEN_LOOKS = 0.1
# A JVM may outlive the command that started it by a moment. What is still there then is killed.
_SECONDS_FOR_STRAYS = 15.0
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_PR_SET_CHILD_SUBREAPER = 36


class CommandFailed(Exception):
    """A command that was measured ended with another code than 0, or took too long."""


@dataclass(frozen=True)
class Measured:
    """What one command took.

    `peak_bytes` is the greatest sum of resident memory that was seen. Memory that two processes share counts for both,
    so the true peak is at most that. `programs` are the names of all processes.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    programs: frozenset[str]


def measure(
    command: Sequence[str | Path], env: Mapping[str, str], cwd: Path, log: Path, most_seconds: float = 3600.0
) -> Measured:
    """Run a command to its end; its output goes to `log`. Raises CommandFailed with the end of that output."""
    with open(log, "wb") as output, _orphans_are_ours():
        started = time.perf_counter()
        process = subprocess.Popen(
            [str(part) for part in command],
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        watch = _Watch(process.pid)
        overdue = threading.Timer(most_seconds, os.killpg, (process.pid, signal.SIGKILL))
        overdue.start()
        watch.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - started
            process.returncode = os.waitstatus_to_exitcode(status)
        finally:
            overdue.cancel()
            watch.stop()
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            of_strays = _end_strays(watch.seen - {process.pid})
    if process.returncode != 0:
        said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-20:]
        raise CommandFailed(f"{' '.join(map(str, command))} ended with {process.returncode}:\n" + "\n".join(said))
    return Measured(seconds, usage.ru_utime + usage.ru_stime + of_strays, watch.peak_bytes, frozenset(watch.programs))


class _Watch(threading.Thread):
    """Looks at a process and its descendants again and again."""

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self.peak_bytes = 0
        self.seen = {root}
        self.programs: set[str] = set()
        self._root = root
        self._over = threading.Event()

    def run(self) -> None:
        while True:
            tree = descendants(self._root)
            self.seen |= tree.keys()
            self.programs |= set(tree.values())
            self.peak_bytes = max(self.peak_bytes, sum(map(_resident_bytes, tree)))
            if self._over.wait(_SECONDS_BETWEEN_LOOKS):
                return

    def stop(self) -> None:
        self._over.set()
        self.join()


def descendants(root: int) -> dict[int, str]:
    """The process and all that descend from it, by their ids, each with the name of its program."""
    names: dict[int, str] = {}
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{entry}/stat", "rb") as file:
                # The name stands in brackets and may hold any character.
                name, _, rest = file.read().decode(errors="replace").partition("(")[2].rpartition(")")
                names[int(entry)] = name
                children.setdefault(int(rest.split()[1]), []).append(int(entry))
    found: dict[int, str] = {}
    to_visit = [root] if root in names else []
    while to_visit:
        process = to_visit.pop()
        found[process] = names[process]
        to_visit += children.get(process, [])
    return found


def _resident_bytes(process: int) -> int:
    try:
        with open(f"/proc/{process}/statm", "rb") as file:
            return int(file.read().split()[1]) * _PAGE_BYTES
    except (OSError, IndexError):  # it has ended
        return 0


@contextlib.contextmanager
def _orphans_are_ours() -> Iterator[None]:
    """Inside, a process whose parent has ended becomes a child of this one, so that it is found and waited for."""
    control = ctypes.CDLL(None).prctl
    control(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        control(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def _end_strays(processes: set[int]) -> float:
    """Wait for processes that outlived their parents. The seconds of processors that they took."""
    deadline, seconds = time.monotonic() + _SECONDS_FOR_STRAYS, 0.0
    while processes:
        for process in tuple(processes):
            try:
                ended, _, usage = os.wait4(process, os.WNOHANG)
            except ChildProcessError:  # its parent waited for it
                processes = processes - {process}
                continue
            if ended:
                processes = processes - {process}
                seconds += usage.ru_utime + usage.ru_stime
            elif time.monotonic() > deadline:
                os.kill(process, signal.SIGKILL)
        time.sleep(0.01 if processes else 0)
    return seconds
