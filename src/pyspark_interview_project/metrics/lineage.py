"""Lineage: what each stage of a run reads and writes, told as OpenLineage events to a file or an HTTP endpoint.

Off unless `lineage_url` is set, and never a reason for a run to fail: the first thing that goes wrong is one warning,
and the run tells no more. Of openlineage-python only events and transports are used: its client would also read
configuration from the working directory, and may put environment variables into events.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote, urlsplit
from uuid import UUID, uuid5

from pyspark_interview_project import __version__
from pyspark_interview_project.errors import recordable
from pyspark_interview_project.shown_text import without_secrets

if TYPE_CHECKING:
    from openlineage.client.event_v2 import RunEvent
    from openlineage.client.facet_v2 import parent_run
    from openlineage.client.transport import Transport

PARENT, NAMESPACE = "OPENLINEAGE_PARENT_ID", "OPENLINEAGE_NAMESPACE"
API_KEY = "OPENLINEAGE_API_KEY"  # pragma: allowlist secret
RUN_JOB = "returns"
_ENDPOINT = "api/v1/lineage"
# A namespace may be an address, so it may have slashes in it; a job has none.
_PARENT = re.compile(r"\A(.*[^\s/])/([^/]*[^\s/][^/]*)/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\Z")
# What a dead endpoint costs a run at most; it is asked once.
_SECONDS = 4.0


class Held(Protocol):
    """What holds rows: `place` is relative to the root of the lake; columns have a name, a type and a description."""

    @property
    def place(self) -> str: ...
    @property
    def columns(self) -> Sequence[Any]: ...


@dataclass(frozen=True)
class Files:
    """Files with rows, as `Held`."""

    place: str
    columns: Sequence[Any]


@dataclass(frozen=True)
class Counts:
    """What a stage read from a place, or wrote to it."""

    rows: int
    bytes: int | None = None
    files: int | None = None


@dataclass(frozen=True)
class Caller:
    """The run of whoever started ours, such as a task of Airflow."""

    namespace: str
    job: str
    run_id: str

    @classmethod
    def of(cls, parent: str) -> Caller | None:
        """The caller that `namespace/job/run-id` names; None where it is not that."""
        found = _PARENT.match(parent)
        return cls(*found.groups()) if found and parent.isprintable() else None


class Lineage:
    """The events of one run. `environment` is where a scheduler says who it is, and where the key of an endpoint is."""

    def __init__(
        self,
        url: str | None,
        root: str,
        run_id: str,
        app_env: str,
        environment: Mapping[str, str],
        warn: Callable[[str], None],
    ) -> None:
        self._url, self._root, self._run_id, self._warn = url, root, run_id, warn
        self._api_key = environment.get(API_KEY)
        self._namespace = environment.get(NAMESPACE) or f"{RUN_JOB}-{app_env}"
        parent = environment.get(PARENT)
        self._caller = Caller.of(parent) if parent else None
        if url and parent and self._caller is None:
            warn(f"{PARENT} is not namespace/job/run-id, so lineage is told without it")

    @contextmanager
    def told(self, stage: str, reads: Sequence[Held], writes: Sequence[Held]) -> Iterator[dict[str, Counts]]:
        """Tell of the stage that is inside: its start, and its end or failure. It fills in its counts, by place."""
        counts: dict[str, Counts] = {}
        self._tell("START", stage, reads, writes, {}, None)
        try:
            yield counts
        except BaseException as error:
            # Without counts: what was written until then is counted nowhere.
            self._tell("FAIL", stage, reads, writes, {}, recordable(error))
            raise
        self._tell("COMPLETE", stage, reads, writes, counts, None)

    def _tell(self, state: str, stage: str, *content: Any) -> None:
        if self._url is None:
            return
        try:
            self._send(self._event(state, stage, *content), self._transport(self._url))
        except Exception as error:  # whatever it is: no lineage is no reason to fail
            why: str = type(error.__cause__ or error).__name__
            if isinstance(error, ImportError):
                why = "the extra is not installed: pip install 'pyspark-interview-project[lineage]'"
            self._warn(f"no lineage to {without_secrets(self._url)}: {why}")
            self._url = None

    @staticmethod
    def _send(event: RunEvent, transport: Transport) -> None:
        failures: list[Exception] = []

        def send() -> None:
            try:
                transport.emit(event)
                transport.close()  # not kept for the next event: an endpoint may close it meanwhile
            except Exception as error:
                failures.append(error)

        # With a deadline: a timeout of HTTP covers neither the name server nor an answer that comes byte by byte.
        sending = threading.Thread(target=send, name="lineage", daemon=True)
        sending.start()
        sending.join(_SECONDS)
        if sending.is_alive():
            raise TimeoutError
        if failures:
            raise failures[0]

    def _transport(self, url: str) -> Transport:
        from openlineage.client.transport.file import FileConfig, FileTransport
        from openlineage.client.transport.http import ApiKeyTokenProvider, HttpConfig, HttpTransport, TokenProvider

        address = urlsplit(url)
        if address.scheme == "file":
            path = Path(unquote(address.path))
            path.parent.mkdir(parents=True, exist_ok=True)
            return FileTransport(FileConfig(log_file_path=str(path), append=True))
        auth = ApiKeyTokenProvider({"api_key": self._api_key}) if self._api_key else TokenProvider({})
        endpoint = _ENDPOINT if address.path in ("", "/") else url
        return HttpTransport(HttpConfig(url, endpoint, timeout=_SECONDS, auth=auth, retry={"total": 0}))

    def _event(
        self,
        state: str,
        stage: str,
        reads: Sequence[Held],
        writes: Sequence[Held],
        counts: Mapping[str, Counts],
        error: str | None,
    ) -> RunEvent:
        from openlineage.client import event_v2 as events
        from openlineage.client import facet_v2 as facets

        events.set_producer(f"pkg:pypi/pyspark-interview-project@{__version__}")
        told: dict[str, facets.RunFacet] = {"parent": self._parent()}
        if error is not None:
            told["errorMessage"] = facets.error_message_run.ErrorMessageRunFacet(error, "PYTHON")
        inputs = [events.InputDataset(*self._name(held), facets=_schema(held)) for held in reads]
        outputs = [events.OutputDataset(*self._name(held), facets=_schema(held)) for held in writes]
        read = facets.input_statistics_input_dataset.InputStatisticsInputDatasetFacet
        written = facets.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet
        for held, dataset in zip(reads, inputs, strict=True):
            if count := counts.get(held.place):
                dataset.inputFacets = {"inputStatistics": read(count.rows, count.bytes, count.files)}
        for held, output in zip(writes, outputs, strict=True):
            if count := counts.get(held.place):
                output.outputFacets = {"outputStatistics": written(count.rows, count.bytes, count.files)}
        return events.RunEvent(
            eventTime=datetime.now(UTC).isoformat(),
            eventType=events.RunState(state),
            # The same for each attempt at the stage of a run, also in a process of its own.
            run=events.Run(str(uuid5(UUID(self._run_id), stage)), facets=told),
            job=events.Job(self._namespace, stage),
            inputs=inputs,
            outputs=outputs,
        )

    def _parent(self) -> parent_run.ParentRunFacet:
        """Our run, and as its root the caller's: a stage may be a process of its own, so nobody tells of our run."""
        from openlineage.client.facet_v2 import parent_run as p

        by = self._caller
        root = p.Root(p.RootRun(by.run_id), p.RootJob(by.namespace, by.job)) if by else None
        return p.ParentRunFacet(p.Run(self._run_id), p.Job(self._namespace, RUN_JOB), root)

    def _name(self, held: Held) -> tuple[str, str]:
        """Namespace and name of a place, by OpenLineage's conventions."""
        address = urlsplit(self._root)
        if "://" not in self._root:
            return "file", f"{self._root}/{held.place}"
        return f"{address.scheme}://{address.netloc}", f"{address.path}/{held.place}".lstrip("/")


def _schema(held: Held) -> dict[str, Any]:
    from openlineage.client.facet_v2 import schema_dataset

    fields = [
        schema_dataset.SchemaDatasetFacetFields(column.name, column.type, column.description) for column in held.columns
    ]
    return {"schema": schema_dataset.SchemaDatasetFacet(fields)}
