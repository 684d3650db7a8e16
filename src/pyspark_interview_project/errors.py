"""The errors of the package. Each keeps its facts, and has the exit code of the command that it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from pyspark_interview_project import stop_signals
from pyspark_interview_project.shown_text import without_secrets, without_values


class PipelineError(Exception):
    """Something that the person who runs the pipeline can act on.

    The message goes to logs, records and terminals, so secrets are taken out of it.
    """

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(without_secrets(message))

    @property
    def lines(self) -> Sequence[str]:
        """The message as a person is shown it. It is one line but where it is a list, whose parts may have line ends
        of their own."""
        return [str(self)]

    def add(self, sentence: str) -> None:
        """Put one more sentence behind the message."""
        self.args = (f"{self}; {without_secrets(sentence)}",)


def recordable(error: BaseException) -> str:
    """What of an error may be recorded: the message of ours and of the operating system; of others only the name,
    because their messages may quote data. After a signal that asked for a stop it is the stop.
    """
    if stopped := stop_signals.description():
        return stopped
    return str(error) if isinstance(error, (PipelineError, OSError)) else type(error).__name__


class EngineError(PipelineError):
    """The engine failed in an unforeseen way. The message is the engine's without the values that it quotes; the cause
    has the rest."""

    def __init__(self, engine: str, problem: str) -> None:
        self.engine, self.problem = engine, without_values(problem)
        super().__init__(f"{engine}: {self.problem}")


class ConfigurationError(PipelineError):
    """A setting, an argument or the installation is wrong; nothing was started."""

    exit_code = 2

    def __init__(self, subject: str, problem: str) -> None:
        self.subject, self.problem = subject, problem
        super().__init__(f"{subject}: {problem}")


class QualityGateError(PipelineError):
    """A quality gate failed; silver and gold are as they were, and the batch stays planned."""

    exit_code = 3

    def __init__(self, gate: str, value: float, limit: float, advice: str) -> None:
        self.gate, self.value, self.limit = gate, value, limit
        super().__init__(f"gate {gate} failed: {value:.4g} is beyond {limit:.4g}; {advice}")


_REMEDY = "; mend it or move it away, then run again"


class UnreadableInputError(PipelineError):
    """A landed file cannot be read as what it claims to be, or is not the file that was planned."""

    exit_code = 4

    def __init__(self, path: str, problem: str, may_pass: bool = False) -> None:
        """`may_pass`: the fault is the storage's, so the same file may be readable later."""
        # The words of a library may end with an end of the line.
        self.path, self.problem, self.may_pass = path, problem.strip(), may_pass
        super().__init__(f"{path}: {self.problem}{_REMEDY}")

    @classmethod
    def told_in(cls, trace: str, path: str) -> UnreadableInputError | None:
        """The error of this file that another process raised, from its trace; None: it raised none."""
        _, found, rest = trace.partition(f"{cls.__name__}: {path}: ")
        return cls(path, rest.partition(_REMEDY)[0]) if found else None


class UnreadableBatchError(PipelineError):
    """Landed files of a batch turned out to be unreadable while they were read; `problems` are by path."""

    exit_code = 4

    def __init__(self, problems: Mapping[str, UnreadableInputError]) -> None:
        self.problems = dict(problems)
        super().__init__("; ".join(f"{path}: {error.problem}" for path, error in self.problems.items()))


class RejectedFilesError(PipelineError):
    """Landed files cannot be taken; `problems` are by path. They are set aside and all others are done, or with
    unreadable_files: fail nothing is done."""

    exit_code = 4

    def __init__(self, problems: Mapping[str, str], others_are_done: bool = True) -> None:
        self.problems = dict(problems)
        files = "1 landed file was" if len(problems) == 1 else f"{len(problems)} landed files were"
        done = "set aside, all others are done" if others_are_done else "unreadable, so nothing is done"
        super().__init__(f"{files} {done}; mend, remove or skip (skip_files) each, then run again")

    @property
    def lines(self) -> Sequence[str]:
        return [str(self), *(without_secrets(f"  {path}: {problem}") for path, problem in self.problems.items())]


class StorageError(PipelineError):
    """A place cannot be read or written: it is full, denied or out of reach."""

    exit_code = 5

    def __init__(self, path: str, problem: str) -> None:
        self.path, self.problem = path, problem
        super().__init__(f"{path}: {problem}")


class LockedError(PipelineError):
    """Another process writes to this lake, or to this store of backups."""

    exit_code = 6

    def __init__(self, lake: str, host: str, pid: int | None, since: datetime | None) -> None:
        self.lake, self.host, self.pid, self.since = lake, host, pid, since
        holder = host if pid is None else f"{host}:{pid}"
        since_when = f" since {since.isoformat()}" if since else ""
        super().__init__(f"{lake} is locked by {holder}{since_when}; run again when it has ended")


class ConflictError(PipelineError):
    """Another writer committed to a table, or took the lock over, while this run held it."""

    exit_code = 6

    def __init__(self, table: str, problem: str) -> None:
        self.table, self.problem = table, problem
        super().__init__(f"{table}: {problem}; find the other writer, then run again")


class VerificationError(PipelineError):
    """What was written, counted or found is not what is expected."""

    exit_code = 7

    def __init__(
        self, subject: str, expected: Mapping[str, object], found: Mapping[str, object], advice: str | None = None
    ) -> None:
        self.subject, self.expected, self.found = subject, dict(expected), dict(found)
        off = [
            f"{term} is {found.get(term)}, not {value}" for term, value in expected.items() if found.get(term) != value
        ]
        super().__init__("; ".join([f"{subject}: {'; '.join(off)}", *([advice] if advice else [])]))


class DamageError(PipelineError):
    """A backup, or a table to be backed up, is damaged. `findings` lists everything that was found."""

    exit_code = 7

    def __init__(self, place: str, findings: Sequence[str]) -> None:
        self.place, self.findings = place, tuple(findings)
        more = f" (and {len(findings) - 1} more findings)" if len(findings) > 1 else ""
        super().__init__(f"{place}: {findings[0]}{more}")


class RestoreRefusedError(PipelineError):
    """A restore cannot be started, or a place is to be used into which a restore was not finished."""

    exit_code = 8

    def __init__(self, target: str, problem: str) -> None:
        self.target, self.problem = target, problem
        super().__init__(f"{target}: {problem}")


class ObjectiveMissedError(PipelineError):
    """A recovery objective is missed: a loss costs more than the RPO, or a restore takes longer than the RTO."""

    exit_code = 3

    def __init__(self, strategy: str, problem: str) -> None:
        self.strategy, self.problem = strategy, problem
        super().__init__(f"strategy {strategy}: {problem}")
