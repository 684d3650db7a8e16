"""Lineage: what each stage of a run reads and writes, as OpenLineage events to a file or an HTTP endpoint.

It is off unless `lineage_url` is set, and it never fails a run: at the first problem the run logs one warning and emits
no more. Only the events and transports of openlineage-python are used. Its client would also read configuration from
the working directory, and could put environment variables into events.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID, uuid5

from pyspark_interview_project import __version__
from pyspark_interview_project.config.paths import path_of_file_uri
from pyspark_interview_project.errors import recordable
from pyspark_interview_project.shown_text import without_secrets

if TYPE_CHECKING:
    from openlineage.client.event_v2 import RunEvent
    from openlineage.client.facet_v2 import RunFacet
    from openlineage.client.transport import Transport

PARENT_ID, NAMESPACE, API_KEY = "OPENLINEAGE_PARENT_ID", "OPENLINEAGE_NAMESPACE", "OPENLINEAGE_API_KEY"
RUN_JOB = "returns"
_ENDPOINT = "api/v1/lineage"
# A dead endpoint costs a run this much at most: it is asked once.
_DEADLINE_SECONDS = 4.0

# By place, with OpenLineage's names: rowCount, and for files also size and fileCount.
Statistics = dict[str, dict[str, int]]


class Dataset(NamedTuple):
    """A table or the landed files. `place` is relative to the root; columns have a name, a type and a description."""

    place: str
    columns: Sequence[Any]


class Caller(NamedTuple):
    """The run that started ours, such as a task of Airflow."""

    namespace: str
    job: str
    run_id: str

    @classmethod
    def of(cls, parent_id: str) -> Caller | None:
        """The caller that `namespace/job/run-id` names; None where the text has another form."""
        try:
            namespace, job, run_id = parent_id.rsplit("/", 2)  # a namespace may be an address, with slashes in it
            caller = cls(namespace, job, str(UUID(run_id)))
        except ValueError:
            return None
        return caller if namespace.strip() and job.strip() and parent_id.isprintable() else None


class Lineage:
    """The events of one run. The scheduler's identity and the key of an endpoint come from `environment`."""

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
        parent_id = environment.get(PARENT_ID)
        self._caller = Caller.of(parent_id) if parent_id else None
        if url and parent_id and self._caller is None:
            warn(f"{PARENT_ID} is not namespace/job/run-id, so lineage is emitted without it")

    @contextmanager
    def emitted(self, stage: str, inputs: Sequence[Dataset], outputs: Sequence[Dataset]) -> Iterator[Statistics]:
        """Emit the start of a stage and, after the body, its end with the statistics that the body gives, or FAIL."""
        statistics: Statistics = {}
        self._emit("START", stage, inputs, outputs)
        try:
            yield statistics
        except BaseException as error:
            # Without statistics: nobody counted what was written until then.
            self._emit("FAIL", stage, inputs, outputs, error=recordable(error))
            raise
        self._emit("COMPLETE", stage, inputs, outputs, statistics)

    def _emit(self, *of_event: Any, **more: Any) -> None:
        if self._url is None:
            return
        try:
            _send(self.event(*of_event, **more), self._transport(self._url))
        except Exception as error:  # whatever it is, the run goes on without lineage
            why = type(error.__cause__ or error).__name__
            if isinstance(error, ImportError):
                why = "the extra is not installed: pip install 'pyspark-interview-project[lineage]'"
            self._warn(f"no lineage to {without_secrets(self._url)}: {why}")
            self._url = None

    def event(
        self,
        state: str,
        stage: str,
        inputs: Sequence[Dataset],
        outputs: Sequence[Dataset],
        statistics: Mapping[str, Mapping[str, int]] | None = None,
        error: str | None = None,
    ) -> RunEvent:
        """The event that a stage has come to a state: START, COMPLETE or FAIL."""
        from openlineage.client import event_v2 as events
        from openlineage.client import facet_v2 as facets

        def facets_of(dataset: Dataset, name: str, facet: Callable[..., Any]) -> dict[str, Any]:
            return {name: facet(**statistics[dataset.place])} if statistics and dataset.place in statistics else {}

        events.set_producer(f"pkg:pypi/pyspark-interview-project@{__version__}")
        read = facets.input_statistics_input_dataset.InputStatisticsInputDatasetFacet
        written = facets.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet
        run_facets = self._parent()
        if error is not None:
            run_facets["errorMessage"] = facets.error_message_run.ErrorMessageRunFacet(error, "PYTHON")
        return events.RunEvent(
            eventTime=datetime.now(UTC).isoformat(),
            eventType=events.RunState(state),
            # The same for each attempt at this stage of the run, in whatever process.
            run=events.Run(str(uuid5(UUID(self._run_id), stage)), run_facets),
            job=events.Job(self._namespace, stage),
            inputs=[
                events.InputDataset(**self._described(one), inputFacets=facets_of(one, "inputStatistics", read))
                for one in inputs
            ],
            outputs=[
                events.OutputDataset(**self._described(one), outputFacets=facets_of(one, "outputStatistics", written))
                for one in outputs
            ],
        )

    def _parent(self) -> dict[str, RunFacet]:
        """Our run, which emits no event of its own because stages may run apart, and the caller's run as its root."""
        from openlineage.client.facet_v2 import parent_run as p

        by = self._caller
        root = p.Root(p.RootRun(by.run_id), p.RootJob(by.namespace, by.job)) if by else None
        return {"parent": p.ParentRunFacet(p.Run(self._run_id), p.Job(self._namespace, RUN_JOB), root)}

    def _described(self, dataset: Dataset) -> dict[str, Any]:
        """Namespace and name of a dataset, by OpenLineage's conventions, and its schema."""
        from openlineage.client.facet_v2 import schema_dataset as s

        fields = [
            s.SchemaDatasetFacetFields(column.name, column.type, column.description) for column in dataset.columns
        ]
        schema = {"schema": s.SchemaDatasetFacet(fields)}
        return {"namespace": "file", "name": f"{self._root}/{dataset.place}", "facets": schema}

    def _transport(self, url: str) -> Transport:
        from openlineage.client.transport.file import FileConfig, FileTransport
        from openlineage.client.transport.http import ApiKeyTokenProvider, HttpConfig, HttpTransport, TokenProvider

        address = urlsplit(url)
        if address.scheme == "file":
            path = path_of_file_uri(url)
            path.parent.mkdir(parents=True, exist_ok=True)
            return FileTransport(FileConfig(log_file_path=str(path), append=True))
        auth = ApiKeyTokenProvider({"api_key": self._api_key}) if self._api_key else TokenProvider({})
        endpoint = _ENDPOINT if address.path in ("", "/") else url
        return HttpTransport(HttpConfig(url, endpoint, timeout=_DEADLINE_SECONDS, auth=auth, retry={"total": 0}))


def _send(event: RunEvent, transport: Transport) -> None:
    """Emit with a deadline. The timeout of HTTP covers neither name servers nor an answer that comes byte by byte."""
    failures: list[Exception] = []

    def send() -> None:
        try:
            transport.emit(event)
            transport.close()  # until the next event the endpoint may have closed it
        except Exception as error:
            failures.append(error)

    sending = threading.Thread(target=send, name="lineage", daemon=True)
    sending.start()
    sending.join(_DEADLINE_SECONDS)
    if sending.is_alive():
        raise TimeoutError
    if failures:
        raise failures[0]
