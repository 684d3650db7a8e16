"""Strategies: what is backed up where to, how often and how fast back at least, and what is kept.

They are read from `DR_CONFIG_DIR`: each file of `backup_strategies/` is a strategy and each of `replication_configs/`
brings one to a second store, as YAML or JSON, named by the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pyspark_interview_project.config.settings import Settings, read_yaml, shipped_configs
from pyspark_interview_project.dr.store import Store, local_directory, open_store
from pyspark_interview_project.errors import ConfigurationError

BACKUPS, REPLICATIONS = "backup_strategies", "replication_configs"
_SUFFIXES = (".yaml", ".json")

Hours = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Url = Annotated[str, Field(min_length=1, pattern=r"\A[^\s@?#]+\z")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BucketOptions(_Strict):
    """How to talk to an S3 that is not plain AWS, and how it is to keep objects. Never a credential: these come from
    the environment or the machine's role."""

    endpoint: str | None = None
    region: str | None = None
    server_side_encryption: Literal["AES256", "aws:kms", "aws:kms:dsse"] | None = None
    kms_key_id: str | None = None
    object_lock: bool = False

    def for_obstore(self) -> dict[str, Any]:
        # A bucket with a default retention locks what is put into it, and takes nothing without a checksum.
        given = {
            "endpoint": self.endpoint,
            "region": self.region,
            "server_side_encryption": self.server_side_encryption,
            "sse_kms_key_id": self.kms_key_id,
            "checksum_algorithm": "SHA256" if self.object_lock else None,
        }
        options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        if self.endpoint and self.endpoint.startswith("http://"):
            options["client_options"] = {"allow_http": True}
        return options


class Retention(_Strict):
    """What prune keeps: every backup of the last days, and at least the last ones."""

    days: Annotated[int, Field(ge=0)]
    last: Annotated[int, Field(ge=1)]


class BackupStrategy(_Strict):
    """A place for backups. `to` is null for DR_ROOT."""

    to: Url | None
    landed_files: bool
    rpo_hours: Hours
    rto_hours: Hours
    verify: bool
    keep: Retention
    bucket: BucketOptions = BucketOptions()


class Replication(_Strict):
    """A second store, which is brought to the newest verified backup of a strategy."""

    strategy: str
    to: Url
    bucket: BucketOptions = BucketOptions()


Config = TypeVar("Config", BackupStrategy, Replication)


class Strategies:
    """The strategies of a configuration, by name, with their places settled and checked."""

    def __init__(self, settings: Settings) -> None:
        self._directory = Path(settings.dr_config_dir) if settings.dr_config_dir else shipped_configs() / "dr"
        if not self._directory.is_dir():
            raise ConfigurationError("dr_config_dir", f"there is no directory {self._directory}")
        if not settings.paths.is_local:
            raise ConfigurationError("data_root", f"{settings.paths.root} is no local path; backups are made of one")
        self.lake = Path(settings.paths.root).resolve()
        self._default = settings.dr_root or f"{self.lake}_backups"
        self.backups = self._read(BACKUPS, BackupStrategy)
        self.replications = self._read(REPLICATIONS, Replication)
        for name, replication in self.replications.items():
            if replication.strategy not in self.backups:
                raise ConfigurationError(f"{name}: strategy", f"there is no strategy {replication.strategy}")
        self._check_places()

    def url(self, config: BackupStrategy | Replication) -> str:
        """Where a strategy's backups go."""
        return config.to or self._default

    def store(self, config: BackupStrategy | Replication) -> Store:
        url = self.url(config)
        return open_store(url, config.bucket.for_obstore() if url.startswith("s3://") else {})

    def store_at(self, url: str) -> Store:
        """The store at a URL, with the options of the strategy that has it, if one does."""
        check_place("--to", url, self.lake)
        configs: list[BackupStrategy | Replication] = [*self.backups.values(), *self.replications.values()]
        for config in configs:
            if _place(self.url(config)) == _place(url):
                return self.store(config)
        return open_store(url)

    def named(self, name: str | None) -> tuple[str, BackupStrategy]:
        """The strategy of this name; without one, the only one there is. Raises ConfigurationError."""
        if name is None and len(self.backups) == 1:
            return next(iter(self.backups.items()))
        if name is None or name not in self.backups:
            known = ", ".join(self.backups) or "none"
            raise ConfigurationError(
                "--strategy", f"{name or 'name one'}: the strategies of {self._directory} are {known}"
            )
        return name, self.backups[name]

    def _read(self, kind: str, model: type[Config]) -> dict[str, Config]:
        found: dict[str, Config] = {}
        for path in sorted((self._directory / kind).glob("*")):
            if path.suffix in _SUFFIXES:
                if path.stem in found:
                    raise ConfigurationError(str(path), "another file has the same name")
                found[path.stem] = _parsed(path, model)
        return found

    def _check_places(self) -> None:
        places: dict[str, str] = {}
        configs: dict[str, BackupStrategy | Replication] = {}
        configs.update({f"{BACKUPS}/{name}": backup for name, backup in self.backups.items()})
        configs.update({f"{REPLICATIONS}/{name}": second for name, second in self.replications.items()})
        for name, config in configs.items():
            url = self.url(config)
            check_place(f"{name}: to", url, self.lake)
            for other, place in places.items():
                if _is_in(_place(url), place) or _is_in(place, _place(url)):
                    raise ConfigurationError(f"{name}: to", f"{url} is, is in, or has in it the place of {other}")
            places[name] = _place(url)


def check_place(key: str, url: str, lake: Path) -> None:
    """Raise ConfigurationError naming the key where a store would be the lake, in it, or have it in it."""
    place = _place(url)
    if _is_in(place, str(lake)) or _is_in(str(lake), place):
        raise ConfigurationError(key, f"{url} is, is in, or has in it the lake {lake}")


def _place(url: str) -> str:
    is_local = "://" not in url or url.startswith("file://")
    return str(local_directory(url)) if is_local else url.rstrip("/")


def _is_in(place: str, other: str) -> bool:
    return place == other or place.startswith(f"{other.rstrip('/')}/")


def _parsed(path: Path, model: type[Config]) -> Config:
    try:
        return model.model_validate(read_yaml(path))
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        key = ".".join(map(str, fault["loc"])) or "content"
        raise ConfigurationError(f"{path}: {key}", fault["msg"]) from None
