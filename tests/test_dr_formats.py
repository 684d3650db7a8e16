"""A backup that was made by an earlier version restores: `backup_of_format_1.tar.gz` is kept, and never made anew."""

from __future__ import annotations

import tarfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

import lake_reading
from commands import returns
from kills import run_whole
from recovery import dr

KEPT = Path(__file__).with_name("backup_of_format_1.tar.gz")
BACKUP = "20261124T034420.905Z-64a1084d"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    with tarfile.open(KEPT) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "store"


def test_backup_of_format_1_is_whole_restores_and_goes_on(store: Path, tmp_path: Path) -> None:
    lake = tmp_path / "restored"
    assert dr(lake, "verify", "--from", str(store)).stdout == f"{BACKUP} is whole: 28 files, 49,202 bytes\n"
    assert dr(lake, "restore", "--from", str(store), "--to", str(lake)).exit_code == 0
    assert lake_reading.versions(lake) == VERSIONS
    assert lake_reading.gold_by_sku_reason(lake) == [
        ("CAP", "damaged", 2, 6, Decimal("7.00")),
        ("MUG", "damaged", 2, 4, Decimal("5.00")),
    ]
    by_id = {row[0]: row for row in lake_reading.silver(lake)}
    assert sorted(by_id) == ["R-1", "R-2", "R-3", "R-4"]
    assert by_id["R-2"][-1] == datetime(2026, 11, 19, 8, tzinfo=UTC)
    assert [count for count in lake_reading.quarantined(lake).values()] == [1]
    assert "nothing new" in returns(lake, "plan").stdout
    before = lake_reading.everything(lake)
    run_whole(lake, "2026-11-21")
    assert lake_reading.everything(lake) == before


VERSIONS = {
    lake_reading.SILVER: 4,
    lake_reading.QUARANTINE: 1,
    lake_reading.GOLD_BY_SKU_REASON: 2,
    lake_reading.GOLD_BY_DATE_REASON: 2,
}
