"""Strategies: where backups go, how often, how fast a lake must be back, and which backups are kept.

They are read from `DR_CONFIG_DIR`: each file of `backup_strategies/` is a strategy and each of `replication_configs/`
brings one to a second store, as YAML or JSON, named by the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo, field_validator

from pyspark_interview_project.config.settings import Settings, read_yaml, shipped_configs
from pyspark_interview_project.dr.manifest import Strict
from pyspark_interview_project.dr.store import BackupStore, open_store
from pyspark_interview_project.errors import ConfigurationError
from pyspark_interview_project.storage.object_files import settled_place

BACKUPS, REPLICATIONS = "backup_strategies", "replication_configs"
_SUFFIXES = (".yaml", ".yml", ".json")


def _no_truth(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a number")
    return value


# Not strict: YAML reads a JSON number such as 1e-3 as text.
Hours = Annotated[float, BeforeValidator(_no_truth), Field(gt=0, allow_inf_nan=False, strict=False)]
Url = Annotated[str, Field(min_length=1, pattern=r"\A[^\s@?#]+\z")]


class BucketOptions(Strict):
    """How to talk to an S3 that is not plain AWS, and how it is to keep objects. Never a credential: these come from
    the environment or the machine's role."""

    endpoint: Url | None = None
    region: str | None = None
    server_side_encryption: Literal["AES256", "aws:kms", "aws:kms:dsse"] | None = None
    kms_key_id: str | None = None
    object_lock: bool = False

    @field_validator("kms_key_id")
    @classmethod
    def _with_a_mode_that_has_keys(cls, key: str | None, info: ValidationInfo) -> str | None:
        if key is not None and not (info.data.get("server_side_encryption") or "").startswith("aws:kms"):
            raise ValueError("goes with server_side_encryption: aws:kms or aws:kms:dsse")
        return key

    def for_obstore(self) -> dict[str, Any]:
        # A bucket with a default retention takes nothing without a checksum.
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


class Retention(Strict):
    """What prune keeps: every backup of the last days, and at least the last ones."""

    days: Annotated[int, Field(ge=0)]
    last: Annotated[int, Field(ge=1)]


class BackupStrategy(Strict):
    """A place for backups. `to` is null for DR_ROOT."""

    to: Url | None
    landed_files: bool
    rpo_hours: Hours
    rto_hours: Hours
    verify: bool
    keep: Retention
    bucket: BucketOptions | None = None


class Replication(Strict):
    """A second store, which gets the newest verified backup of a strategy."""

    strategy: str
    to: Url
    bucket: BucketOptions | None = None


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
        self._refuse_strangers()
        self.backups = self._read(BACKUPS, BackupStrategy)
        self.replications = self._read(REPLICATIONS, Replication)
        for name, replication in self.replications.items():
            if replication.strategy not in self.backups:
                raise ConfigurationError(f"{name}: strategy", f"there is no strategy {replication.strategy}")
        self._check_places()

    def url(self, config: BackupStrategy | Replication) -> str:
        """Where a strategy's backups go."""
        return config.to or self._default

    def store(self, config: BackupStrategy | Replication) -> BackupStore:
        url = self.url(config)
        return open_store(url, config.bucket.for_obstore() if config.bucket else {})

    def store_at(self, url: str) -> BackupStore:
        """The store at a URL, with the options of the strategy that has it, if one does."""
        check_place("--to", url, self.lake)
        configs: list[BackupStrategy | Replication] = [*self.backups.values(), *self.replications.values()]
        for config in configs:
            if settled_place(self.url(config)) == settled_place(url):
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

    def store_and_retention(self, strategy: str | None, replication: str | None) -> tuple[BackupStore, Retention]:
        """The store of a strategy, or the second store of a replication, and what prune keeps there."""
        if replication is None:
            _, config = self.named(strategy)
            return self.store(config), config.keep
        if strategy is not None:
            raise ConfigurationError("--replication", "and --strategy exclude each other: each has a store")
        if replication not in self.replications:
            known = ", ".join(self.replications) or "none"
            raise ConfigurationError("--replication", f"{replication}: those of {self._directory} are {known}")
        second = self.replications[replication]
        return self.store(second), self.backups[second.strategy].keep

    def need_one(self) -> None:
        """Raise ConfigurationError where there is no strategy: a run would end well without any backup."""
        if not self.backups:
            raise ConfigurationError(str(self._directory / BACKUPS), "has no strategy; DR_CONFIG_DIR names its parent")

    def _refuse_strangers(self) -> None:
        """Raise ConfigurationError for any other entry: strategies in a misspelled directory would never run."""
        for path in _entries(self._directory):
            if path.name not in (BACKUPS, REPLICATIONS):
                raise ConfigurationError(str(path), f"is neither {BACKUPS} nor {REPLICATIONS}")

    def _read(self, kind: str, model: type[Config]) -> dict[str, Config]:
        directory, found = self._directory / kind, dict[str, Config]()
        for path in _entries(directory) if directory.exists() else ():
            if path.suffix not in _SUFFIXES or not path.is_file():
                raise ConfigurationError(str(path), f"is no strategy: its name must end with {', '.join(_SUFFIXES)}")
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
            mine = check_place(f"{name}: to", url, self.lake)
            if config.bucket is not None and not mine.startswith("s3://"):
                raise ConfigurationError(f"{name}: bucket", f"is for s3:// only, and would mean nothing for {url}")
            for other, place in places.items():
                if _is_in(mine, place) or _is_in(place, mine):
                    raise ConfigurationError(f"{name}: to", f"{url} is, is in, or has in it the place of {other}")
            places[name] = mine


def check_place(key: str, url: str, lake: Path) -> str:
    """The settled place of a store. Raises ConfigurationError naming the key where it is none, or would be the lake, be
    in it, or have it in it."""
    try:
        place = settled_place(url)
    except ConfigurationError as error:
        raise ConfigurationError(f"{key}: {error.subject}", error.problem) from None
    if place.startswith("memory:"):
        raise ConfigurationError(f"{key}: {url}", "backups are kept in a directory, or at s3://, gs:// or az://")
    if _is_in(place, str(lake)) or _is_in(str(lake), place):
        raise ConfigurationError(key, f"{url} is, is in, or has in it the lake {lake}")
    return place


def _entries(directory: Path) -> list[Path]:
    """The entries of a directory without hidden ones, such as those of a mounted configuration."""
    return sorted(path for path in directory.iterdir() if not path.name.startswith("."))


def _is_in(place: str, other: str) -> bool:
    return place == other or place.startswith(f"{other.rstrip('/')}/")


def _parsed(path: Path, model: type[Config]) -> Config:
    try:
        return model.model_validate(read_yaml(path))
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        key = ".".join(map(str, fault["loc"])) or "content"
        raise ConfigurationError(f"{path}: {key}", fault["msg"]) from None
