"""Typed, strict settings: the option, else the environment, else the YAML file of APP_ENV."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, get_origin
from urllib.parse import unquote, urlsplit
from zoneinfo import available_timezones

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from pyspark_interview_project.config.paths import LATEST_RUN_RECORD, RUN_RECORDS, LakePaths, is_uri, path_of_file_uri
from pyspark_interview_project.errors import ConfigurationError

APP_ENVS = ("dev", "test", "prod")
# delta-rs finds no commits at a path with these characters, also where a URI quotes them (tried).
_UNUSABLE_IN_A_ROOT = re.compile(r"[\[\]\\?#^|\x00-\x1f]|%[0-9A-Fa-f]{2}")
# Python's database has them, some engines do not.
_NO_TIME_ZONES = {"localtime", "Factory"}
# By how much the clocks of two machines may differ.
CLOCK_TOLERANCE = timedelta(seconds=5)
AppEnv = Literal["dev", "test", "prod"]
EngineChoice = Literal["embedded", "spark", "auto"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


@dataclass(frozen=True)
class LandingLimits:
    """Limits of a landed file, so that no file takes all memory or disk."""

    record_bytes: int
    unpacked_bytes: int
    unpacked_ratio: int


@dataclass(frozen=True)
class LeaseTerms:
    """Where the lock of a lake that several machines write is kept, and for how many seconds at a time it is held.
    `options` are obstore's for the place, beside those in the environment."""

    url: str
    seconds: int
    options: Mapping[str, Any] = field(default_factory=dict)


class Settings(BaseModel):
    """Every setting. None has a default: each YAML file is complete, so that it shows all values.

    The environment variable of a setting is its name in upper case.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    app_env: AppEnv = Field(description="which YAML file the settings come from")
    data_root: str = Field(min_length=1, description="root of the lake: a path, or file:///path")
    engine: EngineChoice = Field(description="engine that runs the transforms")
    spark_tz: str = Field(description="time zone of timestamps without an offset, and of the run's date")
    log_level: LogLevel = Field(description="least severe log line that is shown")
    pipeline_metrics_json: str | None = Field(description="where the latest run record goes; null: under data_root")
    serve_metrics: bool = Field(description="whether a run serves its metrics while it is at work")
    metrics_host: str = Field(min_length=1, description="address that metrics are served on")
    metrics_port: int = Field(ge=1, le=65535, description="port of the metrics; a run takes the next free one of ten")
    lineage_url: str | None = Field(
        description="where OpenLineage events go: file:///path/events.jsonl or http(s)://host; null: nowhere"
    )
    currency: str | None = Field(
        pattern=r"\A[A-Z]{3}\z", description="currency of the lake's amounts, such as EUR; null: it is not checked"
    )
    max_quarantined_ratio: float = Field(ge=0, le=1, description="share of quarantined rows above which a run fails")
    quarantine_gate_min_rows: int = Field(ge=1, description="least number of rows of which that share is checked")
    max_ambiguous_ratio: float | None = Field(
        ge=0,
        le=1,
        description="share of accepted rows above which a run fails whose returns have two versions with one ingest_ts "
        "and different content; null: it only warns",
    )
    volume_gate: Literal["off", "warn", "fail"] = Field(description="what an unusual number of rows does to a run")
    volume_history_runs: int = Field(ge=3, description="how many of the last runs the volume is compared with")
    volume_max_deviations: float = Field(gt=0, description="robust standard deviations from the median that are usual")
    max_batch_bytes: int = Field(ge=1, description="most bytes of landed files in one batch; a larger file is alone")
    skip_files: list[str] = Field(description="landed files to leave out, by their paths relative to the root")
    feeds_dir: str | None = Field(
        description="directory of feeds, which say how a source's columns become ours; null: only the shipped ones"
    )
    unreadable_files: Literal["set_aside", "fail"] = Field(
        description="what a landed file that cannot be taken does: it alone is set aside, or nothing at all is done"
    )
    max_record_bytes: int = Field(ge=1024, description="longest record that a landed text file may have")
    max_unpacked_bytes: int = Field(ge=1024, description="most bytes that a packed landed file may unpack to")
    max_unpacked_ratio: int = Field(ge=2, description="most times its size that it may unpack to, from 64 MiB on")
    embedded_memory_limit: str = Field(
        pattern=r"\A[0-9]+(MB|GB)\z", description="memory of the embedded engine's DuckDB before it spills to disk"
    )
    spark_master: str = Field(min_length=1, description="master of a Spark that is started for the run")
    spark_remote: str | None = Field(description="Spark Connect server to use instead: sc://host:port, or local[*]")
    spark_driver_memory: str = Field(pattern=r"\A[0-9]+[mg]\z", description="memory of the JVM of a local Spark")
    scratch_dir: str | None = Field(
        description="local directory for spilled and materialized rows; null: ops/scratch in the lake"
    )
    lock_url: str | None = Field(
        description="s3://, gs://, az:// or file:// place for the lock of a lake that several machines write; null: "
        "only the operating system's lock in the lake"
    )
    lock_lease_seconds: int = Field(ge=15, description="how long such a lock outlives a holder that died")
    dr_root: str | None = Field(
        description="where backups go whose strategy names no place, a path or a URI; null: beside data_root, "
        "with _backups behind its name"
    )
    dr_config_dir: str | None = Field(description="directory of the strategies of recovery; null: the one shipped")

    @field_validator("spark_tz")
    @classmethod
    def _known_time_zone(cls, name: str) -> str:
        # To list all of them takes 15 ms, and most lakes are in UTC.
        if name != "UTC" and name not in available_timezones() - _NO_TIME_ZONES:
            raise ValueError(f"{name} is no time zone of the IANA database")
        return name

    @field_validator("data_root")
    @classmethod
    def _openable(cls, root: str) -> str:
        if not LakePaths.at(root).is_local:
            raise ValueError("a lake is on a file system that Python can open; mount the place, or give a path")
        if unusable := _UNUSABLE_IN_A_ROOT.search(root):
            raise ValueError(f"a path with {unusable[0]} cannot be opened by the library that reads tables")
        return root

    @field_validator(
        "data_root", "pipeline_metrics_json", "scratch_dir", "skip_files", "dr_root", "dr_config_dir", "feeds_dir"
    )
    @classmethod
    def _without_steps_up(cls, value: str | list[str] | None) -> str | list[str] | None:
        for path in [value] if isinstance(value, str) else value or []:
            if ".." in path.split("/"):
                raise ValueError("a path with .. is not taken")
        return value

    @field_validator("pipeline_metrics_json", "scratch_dir", "dr_config_dir", "feeds_dir")
    @classmethod
    def _no_uri(cls, path: str | None) -> str | None:
        if path is not None and is_uri(path):
            raise ValueError("must be a path, not a URI")
        return path

    @field_validator("lock_url", "dr_root")
    @classmethod
    def _of_this_machine_or_a_store(cls, place: str | None, info: ValidationInfo) -> str | None:
        if place is not None:
            LakePaths.at(place)  # raises ValueError for a path of another machine
            if info.field_name == "lock_url" and not is_uri(place):
                raise ValueError("must be s3://, gs://, az:// or file:///path")
        return place

    @field_validator("lineage_url")
    @classmethod
    def _file_or_endpoint(cls, url: str | None) -> str | None:
        if url is not None:
            address = urlsplit(url)
            _ = address.port  # raises ValueError where it is none
            path = unquote(address.path)
            is_path = path.isprintable() and path.strip("/") and ".." not in path.split("/")
            is_file = address.scheme == "file" and is_path and path_of_file_uri(url)
            if not is_file and not (address.scheme in ("http", "https") and address.hostname):
                raise ValueError("must be file:///path, without .., or http(s)://host")
        return url

    @property
    def wanted_engine(self) -> str:
        """The engine asked for; auto means Spark where a cluster is named."""
        names_a_cluster = self.spark_remote or not self.spark_master.startswith("local")
        return "spark" if self.engine == "auto" and names_a_cluster else self.engine

    @property
    def landing_limits(self) -> LandingLimits:
        return LandingLimits(self.max_record_bytes, self.max_unpacked_bytes, self.max_unpacked_ratio)

    @property
    def lease_terms(self) -> LeaseTerms | None:
        return LeaseTerms(self.lock_url, self.lock_lease_seconds) if self.lock_url else None

    @property
    def lineage_file(self) -> str | None:
        """The file that lineage goes to, if it goes to one."""
        url = self.lineage_url or ""
        return str(path_of_file_uri(url)) if url.startswith("file:") else None

    @property
    def paths(self) -> LakePaths:
        return LakePaths.at(self.data_root)

    @property
    def run_records(self) -> Path:
        """The directory of all run records."""
        return Path(self.paths.place(RUN_RECORDS))

    @property
    def latest_run_record(self) -> Path:
        """Where the record of the latest run goes."""
        return Path(self.pipeline_metrics_json or self.paths.place(LATEST_RUN_RECORD))


class StrictLoader(yaml.SafeLoader):
    """A safe loader that refuses a key that stands twice, and aliases, by which a short file becomes a huge value."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "aliases are not taken", self.get_mark())
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"key {key} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def shipped_configs() -> Path:
    """The directory of the shipped YAML files: beside the package in a wheel, at the top of a checkout."""
    packaged = Path(__file__).resolve().parent.parent / "configs"
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[3] / "configs"


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a mapping from a YAML or JSON file. Raises ConfigurationError naming the file."""
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=StrictLoader)  # noqa: S506  a SafeLoader
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(str(path), " ".join(str(error).split())) from error
    if not isinstance(values, dict):
        raise ConfigurationError(str(path), "must be a mapping of settings")
    return values


def read_settings_file(path: Path) -> dict[str, Any]:
    """Read one YAML file of settings and check it alone. Raises ConfigurationError naming the file and the key."""
    values = read_yaml(path)
    if unknown := [key for key in values if key not in Settings.model_fields or key == "app_env"]:
        raise ConfigurationError(str(path), f"unknown setting {unknown[0]}")
    if missing := [key for key in Settings.model_fields if key not in values and key != "app_env"]:
        raise ConfigurationError(str(path), f"setting {missing[0]} is missing")
    return values


def load_settings(options: Mapping[str, Any]) -> Settings:
    """Load every setting: from the options, else the environment, else the YAML file of APP_ENV.

    `options` are those of the command line, by setting; None counts as not given. Only main functions call this,
    because it reads the environment. Raises ConfigurationError naming the setting and where its value came from.
    """
    given = {name: value for name, value in options.items() if value is not None}
    app_env = os.environ.get("APP_ENV") or "dev"
    if app_env not in APP_ENVS:
        raise ConfigurationError("APP_ENV", f"must be one of {', '.join(APP_ENVS)}, not {app_env}")
    from_file = read_settings_file(shipped_configs() / f"{app_env}.yaml")
    try:
        return Settings.model_validate({**from_file, "app_env": app_env, **_from_environment(), **given})
    except ValidationError as error:
        fault, *others = error.errors(include_url=False)
        name = str(fault["loc"][0]) if fault["loc"] else "settings"
        source = "option" if name in given else "environment" if os.environ.get(name.upper()) else "YAML file"
        more = ", ".join(
            dict.fromkeys(str(other["loc"][0]) for other in others if other["loc"][:1] not in ((), (name,)))
        )
        problem = f"{fault['msg']}, not {fault['input']!r}" + (f"; wrong too: {more}" if more else "")
        raise ConfigurationError(f"{name} ({source})", problem) from error


def _from_environment() -> dict[str, Any]:
    """The settings that the environment has, a list as JSON. An empty variable counts as not set."""
    values: dict[str, Any] = {}
    for name, field_ in Settings.model_fields.items():
        if text := os.environ.get(name.upper()):
            try:
                values[name] = json.loads(text) if get_origin(field_.annotation) is list else text
            except ValueError as error:
                raise ConfigurationError("environment", f"{name} is no JSON list") from error
    return values
