"""SIGTERM and Ctrl-C: the first asks the command to stop; later ones are ignored, so that it leaves things in order.

Python runs the handler of a signal between two steps of the main thread, which may be in an engine for minutes. So a
thread of its own hears the signal too, at once: it interrupts the engine where there is a way to, and where the command
has not ended in time it ends the process as a kill would, which a lake survives.
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

# A stop is promised within 30 seconds.
_PATIENCE_SECONDS = 25.0
# Again and again: an interrupt that comes just before a query begins is lost.
_BETWEEN_INTERRUPTS_SECONDS = 0.5


@dataclass
class _Stop:
    """What is known of a stop in this process. `is_told`: the main thread has been, by an exception."""

    number: signal.Signals | None = None
    is_told: bool = False
    undisturbed: int = 0
    interrupters: list[Callable[[], object]] = field(default_factory=list)
    last_words: list[Callable[[], object]] = field(default_factory=list)


_stop = _Stop()


def exit_code() -> int | None:
    """The exit code of the signal that asked for a stop; None: none did."""
    return EXIT_CODES[_stop.number] if _stop.number else None


def description() -> str | None:
    """What asked for the stop, as it may be recorded; None: nothing did."""
    return _NAMES[_stop.number] if _stop.number else None


def check() -> None:
    """Raise the stop, if there was one: what engines make of the exception that a handler raised need not be it."""
    if _stop.number is not None:
        _stop.is_told = True
        raise KeyboardInterrupt if _stop.number == signal.SIGINT else SystemExit(exit_code())


@contextmanager
def undisturbed() -> Iterator[None]:
    """A signal that comes inside is heeded at the end."""
    _stop.undisturbed += 1
    try:
        yield
    finally:
        _stop.undisturbed -= 1
    if not _stop.is_told:
        check()


@contextmanager
def interrupting(interrupter: Callable[[], object]) -> Iterator[None]:
    """Call `interrupter`, in another thread and maybe several times, when a signal comes inside."""
    _stop.interrupters.append(interrupter)
    try:
        yield
    finally:
        _stop.interrupters.remove(interrupter)


@contextmanager
def last_words(words: Callable[[], object]) -> Iterator[None]:
    """Call `words`, in another thread, where the process must be ended inside because it does not end by itself."""
    _stop.last_words.append(words)
    try:
        yield
    finally:
        _stop.last_words.remove(words)


@contextmanager
def handlers_kept() -> Iterator[None]:
    """Put back the handlers that a library takes for itself inside: PySpark does when a session starts."""
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
    """Heed signals inside, and ignore all later ones once there was one."""
    global _stop
    # Elsewhere Python takes no handlers: a platform may run a command in a thread of its own.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _stop = _Stop()
    with ExitStack() as handlers, ExitStack() as watch:
        handlers.enter_context(handlers_kept())
        watch.enter_context(_watched())
        for number in EXIT_CODES:
            if signal.getsignal(number) != signal.SIG_IGN:  # so a shell starts what is to outlive its Ctrl-C
                signal.signal(number, _heed)
        try:
            yield
        finally:
            if _stop.number is not None:
                handlers.pop_all()  # ours stay, and ignore what comes while Python ends


def _heed(number: int, frame: FrameType | None) -> None:
    _stop.number = _stop.number or signal.Signals(number)
    if not _stop.is_told and not _stop.undisturbed:
        check()


@contextmanager
def _watched() -> Iterator[None]:
    """Let a thread watch for signals, which the operating system's handler writes into a pipe."""
    heard, told = os.pipe()
    os.set_blocking(told, False)
    stderr = os.dup(2)  # the other one may be turned aside
    before = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(heard, ended, stderr), name="signals", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        ended.set()
        os.close(told)
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
        for interrupter in list(_stop.interrupters):
            with suppress(Exception):  # it may just have been closed
                interrupter()
        if ended.wait(_BETWEEN_INTERRUPTS_SECONDS):
            return
    for words in list(_stop.last_words):
        with suppress(Exception):
            words()
    os.write(stderr, f"error: {_NAMES[number]}; what it was at did not end and is abandoned; run again\n".encode())
    os._exit(EXIT_CODES[number])
