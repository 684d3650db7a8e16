"""SIGTERM and Ctrl-C: the first one asks the command to stop, later ones are ignored while it puts things in order.

Python runs a signal's handler between two steps of the main thread, which may be inside an engine for minutes. So a
thread of its own hears the signal too. It interrupts the engine where that can be done. Where the command has not ended
in time, the thread ends the process at once, as a kill would: a lake survives that.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType

EXIT_CODES = {signal.SIGTERM: 143, signal.SIGINT: 130}
_NAMES = {signal.SIGTERM: "stopped by SIGTERM", signal.SIGINT: "interrupted"}

# The documentation promises that a command stops within 30 seconds.
_PATIENCE_SECONDS = 25.0
# An engine misses an interrupt that comes just before its query begins, so it is interrupted again and again.
_BETWEEN_INTERRUPTS_SECONDS = 0.5

_Call = Callable[[], object]


@dataclass
class _Stop:
    """What this process knows of a stop. `is_told`: an exception has told the main thread of it."""

    number: signal.Signals | None = None
    is_told: bool = False
    undisturbed: int = 0
    interrupters: list[_Call] = field(default_factory=list)
    last_words: list[_Call] = field(default_factory=list)


_stop = _Stop()


def exit_code() -> int | None:
    """The exit code of the signal that asked for a stop; None where none did."""
    return EXIT_CODES[_stop.number] if _stop.number else None


def description() -> str | None:
    """What asked for the stop, for people and records; None where nothing did."""
    return _NAMES[_stop.number] if _stop.number else None


def check() -> None:
    """Raise the stop, if one was asked for. To be called behind an engine, which may swallow what a handler raises."""
    if _stop.number is not None:
        _stop.is_told = True
        raise KeyboardInterrupt if _stop.number == signal.SIGINT else SystemExit(exit_code())


@contextmanager
def undisturbed() -> Iterator[None]:
    """Put a signal that comes inside off to the end of the body."""
    _stop.undisturbed += 1
    try:
        yield
    finally:
        _stop.undisturbed -= 1
    if not _stop.is_told:
        check()


@contextmanager
def interrupting(interrupter: _Call) -> Iterator[None]:
    """Call `interrupter` when a signal comes inside: in another thread, and again until the command ends."""
    _stop.interrupters.append(interrupter)
    try:
        yield
    finally:
        _stop.interrupters.remove(interrupter)


@contextmanager
def last_words(words: _Call) -> Iterator[None]:
    """Call `words`, in another thread, where the process is ended inside because the command does not end itself."""
    _stop.last_words.append(words)
    try:
        yield
    finally:
        _stop.last_words.remove(words)


@contextmanager
def handlers_kept() -> Iterator[None]:
    """Put the signals' handlers back at the end of the body: PySpark sets its own when a session starts."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: signal.getsignal(number) for number in EXIT_CODES}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


@contextmanager
def listening() -> Iterator[None]:
    """Take the first signal that comes inside as a stop, and ignore all later ones."""
    global _stop
    # Python takes handlers in the main thread only, and a platform may run a command in another one.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _stop = _Stop()
    with ExitStack() as handlers, _watched():
        handlers.enter_context(handlers_kept())
        for number in EXIT_CODES:
            if signal.getsignal(number) != signal.SIG_IGN:  # a shell has a command ignore Ctrl-C that is to outlive it
                signal.signal(number, _take)
        try:
            yield
        finally:
            if _stop.number is not None:
                handlers.pop_all()  # our handlers stay, and ignore signals that come while Python ends


def _take(number: int, frame: FrameType | None) -> None:
    _stop.number = _stop.number or signal.Signals(number)
    if not _stop.is_told and not _stop.undisturbed:
        check()


@contextmanager
def _watched() -> Iterator[None]:
    """Let a thread watch a pipe into which Python writes each signal at once."""
    heard, told = os.pipe()
    os.set_blocking(told, False)
    stderr = os.dup(2)  # an engine may turn the other one aside
    before = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(heard, ended, stderr), name="signals", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        ended.set()
        os.close(told)  # which ends the thread's reading
        watcher.join()
        os.close(heard)
        os.close(stderr)


def _watch(heard: int, ended: threading.Event, stderr: int) -> None:
    while told := os.read(heard, 1):
        if told[0] in EXIT_CODES:
            break
    else:
        return
    number = _stop.number = _stop.number or signal.Signals(told[0])
    for _ in range(int(_PATIENCE_SECONDS / _BETWEEN_INTERRUPTS_SECONDS)):
        _call_all(_stop.interrupters)
        if ended.wait(_BETWEEN_INTERRUPTS_SECONDS):
            return
    _call_all(_stop.last_words)
    os.write(stderr, f"error: {_NAMES[number]}; what it was at did not end and is abandoned; run again\n".encode())
    os._exit(EXIT_CODES[number])


def _call_all(calls: list[_Call]) -> None:
    for call in list(calls):
        with suppress(Exception):  # what it is for may just have ended
            call()
