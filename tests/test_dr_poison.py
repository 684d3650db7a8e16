"""Backups and logs made to lead out of their place: refused before anything is written, and nothing outside touched."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from commands import mostly_full
from pyspark_interview_project.config import paths
from pyspark_interview_project.dr.backup import Backup
from pyspark_interview_project.dr.manifest import FileEntry, sealed
from pyspark_interview_project.dr.store import BackupStore, object_name, open_store
from pyspark_interview_project.dr.table_log import BrokenLog, inside
from recovery import back_up, dr, files_under, live_file

OUTSIDE = (
    "/etc/passwd",
    "../outside.parquet",
    "a/../../outside.parquet",
    "%2e%2e/outside.parquet",
    "..%2Foutside.parquet",
    "file:///etc/passwd",
    "file:/etc/passwd",
    "s3://other/outside.parquet",
    "./part.parquet",
    "a//part.parquet",
    "..\\outside.parquet",
    "",
)
VECTORS = (
    {"storageType": "p", "pathOrInlineDv": "s3://other/vector.bin", "sizeInBytes": 1, "cardinality": 1},
    {"storageType": "p", "pathOrInlineDv": "/etc/passwd", "sizeInBytes": 1, "cardinality": 1},
    {"storageType": "u", "pathOrInlineDv": "../00000000000000000000", "sizeInBytes": 1, "cardinality": 1},
)


@pytest.fixture
def lake(small_lake: Path, tmp_path: Path) -> Path:
    (tmp_path / "outside.parquet").write_text("somebody's")
    return Path(shutil.copytree(small_lake, tmp_path / "place" / "lake"))


def poisoned_add(path: str, vector: dict[str, Any] | None = None) -> str:
    add = {"path": path, "partitionValues": {}, "size": 10, "modificationTime": 0, "dataChange": True}
    return json.dumps({"add": add | ({"deletionVector": vector} if vector else {})}) + "\n"


def commit(lake: Path, text: str) -> None:
    log = lake / paths.GOLD_BY_SKU_REASON / "_delta_log"
    (log / f"{len(list(log.glob('*.json'))):020d}.json").write_text(text)


@pytest.mark.parametrize("path", OUTSIDE)
def test_path_out_of_a_table_or_a_lake_is_refused(path: str) -> None:
    with pytest.raises(BrokenLog, match="names a file outside of the table"):
        inside(path)
    with pytest.raises(ValueError, match="is no path of a lake"):
        FileEntry(path=path, kind="state", bytes=0, sha256="0" * 64, modified_ns=0)


@pytest.mark.full
@pytest.mark.parametrize("text", [*(poisoned_add("a.parquet", v) for v in VECTORS), *map(poisoned_add, OUTSIDE)])
def test_backup_of_a_log_that_leads_out_of_its_table_exits_7(lake: Path, tmp_path: Path, text: str) -> None:
    commit(lake, text)
    before = files_under(tmp_path)
    ended = dr(lake, "backup", "--to", str(tmp_path / "store"))
    assert ended.exit_code == 7 and len(ended.complaints) == 1
    assert ended.complaints[0].startswith(f"error: {paths.GOLD_BY_SKU_REASON}: names a ")
    after = {path: content for path, content in files_under(tmp_path).items() if path != "store/lock"}
    assert after == before


@pytest.mark.parametrize(
    "entry",
    mostly_full(
        [
            {"commitInfo": {"userMetadata": json.dumps({"silver_version": "x"})}},
            {"add": {"path": "a"}},
            {"add": "x"},
            {"add": {"path": "a", "size": 1, "stats": "no JSON"}},
            {"add": {"path": "a", "size": -1}},
            {"add": {"path": "a", "size": "much"}},
            {
                "add": {
                    "path": "a",
                    "size": 1,
                    "deletionVector": {**VECTORS[0], "storageType": "u", "pathOrInlineDv": "ab"},
                }
            },
            {"remove": {"size": 1}},
            {"metaData": {"id": 5}},
            {"commitInfo": 5},
        ]
    ),
    ids=json.dumps,
)
def test_backup_of_a_log_of_another_shape_exits_7_and_names_the_table(lake: Path, tmp_path: Path, entry: Any) -> None:
    commit(lake, json.dumps(entry) + "\n")
    ended = dr(lake, "backup", "--to", str(tmp_path / "store"))
    assert ended.exit_code == 7 and len(ended.complaints) == 1
    assert ended.complaints[0].startswith(f"error: {paths.GOLD_BY_SKU_REASON}: ")
    assert list((tmp_path / "store").iterdir()) == [tmp_path / "store" / "lock"]


def replaced(store: BackupStore, backup: Backup, change: Callable[[dict[str, Any]], None]) -> None:
    """The manifest changed by somebody who can compute checksums."""
    manifest = Path(store.url) / "backups" / backup.manifest.id / "manifest.json"
    content = json.loads(manifest.read_text())["backup"]
    change(content)
    manifest.write_bytes(sealed("backup", content))


@pytest.mark.parametrize(
    "path",
    mostly_full(["ops/lock", *OUTSIDE, "etc/passwd", "silver/returns/../../../outside.parquet", "bronze"]),
)
def test_restore_of_a_manifest_that_leads_out_of_the_target_writes_nothing(
    lake: Path, tmp_path: Path, path: str
) -> None:
    store = open_store(str(tmp_path / "store"))
    backup = back_up(lake, store)

    def lead_out(content: dict[str, Any]) -> None:
        content["files"][0]["path"] = path

    replaced(store, backup, lead_out)
    before = files_under(tmp_path)
    for command in (("restore", "--to", str(tmp_path / "restored")), ("verify",)):
        ended = dr(lake, *command, "--from", store.url)
        assert ended.exit_code == 7 and "is no path of a lake" in ended.complaints[0]
    assert files_under(tmp_path) == before and not (tmp_path / "restored").exists()


@pytest.mark.parametrize("path", mostly_full(OUTSIDE))
def test_restore_of_a_log_that_leads_out_of_its_table_exits_8_and_writes_nothing(
    lake: Path, tmp_path: Path, path: str
) -> None:
    store = open_store(str(tmp_path / "store"))
    backup = back_up(lake, store)

    def lead_out(content: dict[str, Any]) -> None:
        logs = [f for f in content["files"] if f["kind"] == "log" and f["path"].startswith(paths.GOLD_BY_SKU_REASON)]
        old = (Path(store.url) / object_name(logs[-1]["sha256"])).read_bytes()
        logs[-1]["sha256"], _, _ = store.add(lambda: iter([old + b"\n" + poisoned_add(path).encode()]), 0, {})
        logs[-1]["bytes"] = len(old) + 1 + len(poisoned_add(path))

    replaced(store, backup, lead_out)
    before = files_under(tmp_path)
    ended = dr(lake, "restore", "--from", store.url, "--to", str(tmp_path / "restored"))
    assert ended.exit_code == 8 and "nothing was restored" in ended.complaints[0]
    assert files_under(tmp_path) == before and not (tmp_path / "restored").exists()
    ended = dr(lake, "verify", "--from", store.url)
    assert ended.exit_code == 7 and f"{paths.GOLD_BY_SKU_REASON}: its log names a file outside" in ended.stdout


@pytest.mark.parametrize("where", ["file", "directory", "log", "batch"])
def test_backup_of_a_lake_with_a_link_out_of_it_is_refused_and_nothing_of_it_read(
    lake: Path, tmp_path: Path, where: str
) -> None:
    secret = tmp_path / "secret"
    if where == "file":
        victim = live_file(lake, paths.SILVER_RETURNS)
    else:
        place = {"directory": paths.GOLD_BY_DATE_REASON, "log": f"{paths.SILVER_RETURNS}/_delta_log"}
        victim = lake / place.get(where, f"{paths.BATCHES}/{next(os.walk(lake / paths.BATCHES))[1][0]}")
    victim.rename(secret)
    victim.symlink_to(secret)
    ended = dr(lake, "backup", "--to", str(tmp_path / "store"))
    assert ended.exit_code == 2 and "a link takes it out of " in ended.complaints[0]
    assert not (tmp_path / "store" / "backups").exists()


def test_restore_from_a_store_with_links_in_the_place_of_objects_follows_none(lake: Path, tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    backup = back_up(lake, store)
    for entry in backup.manifest.files[:3]:
        path = Path(store.url) / object_name(entry.sha256)
        path.unlink(missing_ok=True)
        path.symlink_to(tmp_path / "outside.parquet")
    ended = dr(lake, "verify", "--from", store.url)
    assert ended.exit_code == 7 and len(ended.stdout.splitlines()) >= 3
    assert dr(lake, "restore", "--from", store.url, "--to", str(tmp_path / "restored")).exit_code != 0
