"""The drill on the lake of `make run`, TPC-DS catalog_returns: on a directory, on S3 too."""

from __future__ import annotations

import datetime
import shutil
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

import independent_query
import lake_reading
from commands import REPOSITORY, environment, full, returns, run, succeeded
from kills import LANDED
from object_stores import BUCKET, s3_environment
from recovery import dr, write_strategy

AS_OF = "2026-11-23"

pytestmark = full


@dataclass(frozen=True)
class Pair:
    """A lake, and what the independent query makes of its landed files."""

    lake: Path
    expected: independent_query.Result


@pytest.fixture(scope="module")
def made_by_make_run(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    lake = tmp_path_factory.mktemp("tpcds") / "lake"
    succeeded(run([sys.executable, REPOSITORY / "samples" / "land_tpcds_returns.py", lake], environment(lake)))
    succeeded(returns(lake, "run", "--as-of", AS_OF))
    return Pair(lake, independent_query.query(lake / LANDED, datetime.date.fromisoformat(AS_OF)))


@pytest.mark.parametrize("kind", ["directory", "s3"])
def test_drill_passes_and_what_is_restored_equals_an_independent_query(
    made_by_make_run: Pair, tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    lake, expected = Path(shutil.copytree(made_by_make_run.lake, tmp_path / "lake")), made_by_make_run.expected
    env = s3_environment(request.getfixturevalue("s3")) if kind == "s3" else {}
    to = f"s3://{BUCKET}/{tmp_path.name}" if kind == "s3" else str(tmp_path / "store")
    env["DR_CONFIG_DIR"] = str(write_strategy(tmp_path / "dr", to=to))
    succeeded(dr(lake, "drill", "--scratch", str(tmp_path), **env))

    (record,) = [record for record in lake_reading.run_records(lake) if record["kind"] == "drill"]
    told = record["dr"]["nightly"]
    succeeded(returns(lake, "exporter", "--textfile", str(tmp_path / "metrics.prom")))
    metrics = dict(
        line.rsplit(" ", 1)
        for line in (tmp_path / "metrics.prom").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    )
    for name in ("rpo_seconds", "rto_seconds"):
        assert float(metrics[f'returns_pipeline_drill_{name}{{strategy="nightly"}}']) == told[name] > 0

    target = tmp_path / "restored"
    succeeded(dr(lake, "restore", "--backup", told["backup_id"], "--to", str(target), **env))
    found, wanted = ({row[0]: row for row in rows} for rows in (lake_reading.silver(target), expected.silver))
    assert len(found) > 100_000 and sorted(found.keys() ^ wanted.keys()) == []
    assert [(row, wanted[return_id]) for return_id, row in found.items() if row != wanted[return_id]] == []
    assert lake_reading.gold_by_sku_reason(target) == lake_reading.in_order(expected.gold_by_sku_reason)
    assert lake_reading.gold_by_date_reason(target) == lake_reading.in_order(expected.gold_by_date_reason)
    assert lake_reading.quarantined(target) == Counter(
        (f"{LANDED}/{source}", return_id, codes) for source, return_id, codes in expected.quarantine
    )
