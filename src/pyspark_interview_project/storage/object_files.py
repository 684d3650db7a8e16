"""Files in a bucket, or for tests in memory, through obstore; and which kind of files a URL names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError, PreconditionError
from obstore.store import ObjectStore, from_url

from pyspark_interview_project.errors import ConfigurationError, StorageError
from pyspark_interview_project.storage.files import Change, Content, Enters, Files, LocalFiles, StoredFile

_BUCKETS = ("s3", "gs", "az")
_PARALLEL_OVER_A_NETWORK = 8  # over a network work is waiting
# Content of this size or less goes in one request and can be sent again; more goes in parts.
_IN_ONE_REQUEST_BYTES = 16 << 20
# One request for the whole of a large object would run into the time that a request may take.
_RANGE_BYTES = 8 << 20
_RETRIES = {
    "max_retries": 6,
    "retry_timeout": timedelta(seconds=60),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=5), "base": 2},
}


class ObjectFiles:
    """Files in a bucket, or in memory (`memory:///`). Implements `Files`.

    Credentials come by obstore's usual chain: the environment, a web identity, a container's or a machine's role.
    """

    def __init__(self, url: str, options: Mapping[str, Any] | None = None) -> None:
        """`options` are obstore's for the kind of bucket. Raises ConfigurationError where the URL names none."""
        self.url, self.parallel = url, _PARALLEL_OVER_A_NETWORK
        how = {} if url.startswith("memory:") else {"retry_config": _RETRIES, **(options or {})}
        try:
            self._store: ObjectStore = from_url(url, **how)
        except (BaseError, ValueError, OSError) as error:
            raise ConfigurationError(url, f"names no store: {_first_line(error)}") from error

    def list(self, prefix: str = "", enters: Enters | None = None) -> Iterator[StoredFile]:
        with self._store_errors():
            for page in obstore.list(self._store, prefix or None):
                yield from (_stored(entry) for entry in page)

    def head(self, path: str) -> StoredFile | None:
        with self._store_errors():
            try:
                return _stored(obstore.head(self._store, path))
            except (NotFoundError, FileNotFoundError):
                return None

    def chunks(self, path: str) -> Iterator[bytes]:
        with self._store_errors():
            try:
                found = obstore.get(self._store, path)
                size = found.meta["size"]
                if size <= _RANGE_BYTES:
                    yield bytes(found.bytes())
                    return
                for start in range(0, size, _RANGE_BYTES):
                    length = min(_RANGE_BYTES, size - start)
                    yield bytes(obstore.get_range(self._store, path, start=start, length=length))
            except NotFoundError as error:
                raise FileNotFoundError(path) from error

    def read(self, path: str) -> bytes:
        return b"".join(self.chunks(path))

    def put(self, path: str, content: Content, durable: bool = True) -> None:
        with self._store_errors():
            if isinstance(content, bytes) and len(content) <= _IN_ONE_REQUEST_BYTES:
                obstore.put(self._store, path, content, use_multipart=False)
            else:
                obstore.put(self._store, path, iter([content]) if isinstance(content, bytes) else iter(content))

    def put_if_absent(self, path: str, content: bytes) -> bool:
        try:
            with self._store_errors():
                obstore.put(self._store, path, content, mode="create", use_multipart=False)
        except AlreadyExistsError:
            return False
        return True

    def update(self, path: str, change: Change) -> None:
        while True:
            try:
                with self._store_errors():
                    found = obstore.get(self._store, path)
                    before, mode = bytes(found.bytes()), {"e_tag": found.meta["e_tag"]}
            except FileNotFoundError:
                before, mode = None, None
            after = change(before)
            if after is None:
                return
            if mode is None:
                if self.put_if_absent(path, after):
                    return
                continue
            with suppress(PreconditionError), self._store_errors():
                obstore.put(self._store, path, after, mode=mode, use_multipart=False)  # type: ignore[arg-type]
                return

    def delete(self, paths: Iterable[str]) -> None:
        with self._store_errors(), suppress(NotFoundError, FileNotFoundError):
            obstore.delete(self._store, list(paths))

    def sync(self) -> None:
        """Nothing: an object that was put is kept."""

    @contextmanager
    def _store_errors(self) -> Iterator[None]:
        """What the store says against a call, as an error that names it."""
        try:
            yield
        except (AlreadyExistsError, PreconditionError):
            raise
        except (NotFoundError, FileNotFoundError) as error:
            raise FileNotFoundError(str(error)) from error
        except (BaseError, OSError) as error:
            raise StorageError(self.url, _first_line(error)) from error


def open_files(url: str, options: Mapping[str, Any] | None = None) -> Files:
    """The files at a local path, a `file:///` URL or a URL of a bucket: `s3://`, `gs://`, `az://`.

    Raises ConfigurationError where it names no place.
    """
    place = settled_place(url)
    return ObjectFiles(place, options) if is_in_a_bucket(place) else LocalFiles(place)


def settled_place(url: str) -> str:
    """The one way to write the place that a URL or a local path names: a path with its links resolved, or a URL of a
    bucket with no slash too many. Raises ConfigurationError where it names none."""
    scheme, separator, rest = url.partition("://")
    if not separator and not url.startswith("file:"):
        return str(Path(url).expanduser().resolve())
    if url.startswith("file:"):
        address = urlparse(url)
        if address.netloc not in ("", "localhost") or not address.path.startswith("/"):
            raise ConfigurationError(url, "names no place: it must be file:///path")
        return str(Path(unquote(address.path)).resolve())
    if scheme == "memory":
        return url
    if scheme not in _BUCKETS:
        raise ConfigurationError(url, f"must be a path, or s3://, gs:// or az://; {scheme}:// is neither")
    bucket, *parts = rest.split("/")
    parts = [part for part in parts if part]
    is_plain = rest.isprintable() and not any(sign in rest for sign in "@?#%\\ ")
    if not bucket or not is_plain or {".", ".."} & {bucket, *parts}:
        raise ConfigurationError(url, f"names no place in a bucket: it must be {scheme}://bucket/path")
    return "/".join([f"{scheme}://{bucket}", *parts])


def is_in_a_bucket(place: str) -> bool:
    return "://" in place


def _stored(entry: Any) -> StoredFile:
    return StoredFile(entry["path"], entry["size"], int(entry["last_modified"].timestamp() * 1e9))


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n", 1)[0]
