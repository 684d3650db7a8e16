"""Which version of a return is kept where times are equal or missing: the one that was delivered later."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

import lake_reading
from kills import LANDED
from landing import Row, csv_text, write_text
from pyspark_interview_project.errors import QualityGateError
from pyspark_interview_project.metrics.run_record import RunRecord
from running import return_of, run_here

AT, LATER = "2026-11-20T08:00:00Z", "2026-11-20T09:00:00Z"


def land(lake: Path, name: str, *rows: Row, modified: int = 1_790_000_000) -> None:
    """Land a CSV file that was modified at this second."""
    path = write_text(lake / LANDED / name, csv_text(rows))
    os.utime(path, (modified, modified))


def version(qty: str, ingest_ts: str | None = AT) -> Row:
    """A version of the one return R, told by its quantity."""
    return return_of("R", ingest_ts, qty=qty)


def kept(lake: Path) -> list[lake_reading.Row]:
    """Quantity, file and record of what silver has."""
    return [
        (qty, source_file.removeprefix(f"{LANDED}/"), number)
        for qty, source_file, number in lake_reading.rows(
            lake, lake_reading.SILVER, ("qty", "source_file", "source_record")
        )
    ]


def counts(record: RunRecord) -> dict[str, Any]:
    """What became of the rows, but for what there is none of."""
    stage = record.stages[0].model_dump()
    names = ("inserted", "updated", "superseded", "duplicate")
    return {name: stage[f"rows_{name}"] for name in names if stage[f"rows_{name}"]}


def test_later_landing_day_wins_whatever_the_times_of_the_files(tmp_path: Path) -> None:
    land(tmp_path, "dt=2026-11-21/a.csv", version("1"), modified=1_790_000_000)
    land(tmp_path, "dt=2026-11-20/z.csv", version("2"), modified=1_790_000_009)
    land(tmp_path, "z.csv", version("3"), modified=1_790_000_010)  # nobody says when it landed
    run_here(tmp_path)
    assert kept(tmp_path) == [(1, "dt=2026-11-21/a.csv", 1)]


def test_of_one_landing_day_the_file_wins_that_was_modified_later(tmp_path: Path) -> None:
    land(tmp_path, "dt=2026-11-20/a.csv", version("1"), modified=1_790_000_001)
    land(tmp_path, "dt=2026-11-20/z.csv", version("2"), modified=1_790_000_000)
    run_here(tmp_path)
    assert kept(tmp_path) == [(1, "dt=2026-11-20/a.csv", 1)]


def test_of_files_of_one_time_the_greater_path_wins(tmp_path: Path) -> None:
    land(tmp_path, "z.csv", version("1"))
    land(tmp_path, "a.csv", version("2"))
    run_here(tmp_path)
    assert kept(tmp_path) == [(1, "z.csv", 1)]


def test_in_one_file_the_later_record_wins_also_behind_ten(tmp_path: Path) -> None:
    others = [return_of(f"other-{number}") for number in range(9)]
    land(tmp_path, "a.csv", version("1"), *others, version("2"), version("3"), version("9"))
    record = run_here(tmp_path)
    assert [row for row in kept(tmp_path) if row[0] != 1] == [(9, "a.csv", 13)]
    assert counts(record) == {"inserted": 10, "superseded": 3}


def test_later_batch_wins_whatever_its_landing_day_and_time(tmp_path: Path) -> None:
    land(tmp_path, "dt=2026-11-21/z.csv", version("1"))
    run_here(tmp_path)
    land(tmp_path, "dt=2026-11-20/a.csv", version("2"), modified=1_700_000_000)
    record = run_here(tmp_path)
    assert (kept(tmp_path), counts(record)) == ([(2, "dt=2026-11-20/a.csv", 1)], {"updated": 1})


def test_greater_ingest_ts_wins_over_any_delivery(tmp_path: Path) -> None:
    land(tmp_path, "dt=2026-11-20/a.csv", version("1", LATER))
    land(tmp_path, "dt=2026-11-21/z.csv", version("2"), version("3", None))
    run_here(tmp_path)
    land(tmp_path, "dt=2026-11-22/z.csv", version("4"))
    record = run_here(tmp_path)
    assert (kept(tmp_path), counts(record)) == ([(1, "dt=2026-11-20/a.csv", 1)], {"superseded": 1})


@pytest.mark.parametrize("are_apart", [False, True], ids=["in one batch", "in two"])
def test_file_without_ingest_ts_corrects_an_older_one_and_nobody_is_warned(tmp_path: Path, are_apart: bool) -> None:
    land(tmp_path, "dt=2026-11-20/a.csv", version("1", None))
    if are_apart:
        run_here(tmp_path)
    land(tmp_path, "dt=2026-11-21/a.csv", version("2", None))
    record = run_here(tmp_path)
    assert kept(tmp_path) == [(2, "dt=2026-11-21/a.csv", 1)]
    assert (record.stages[0].returns_ambiguous, record.warnings) == (0, [])


def test_complete_file_repairs_a_copy_that_was_cut(tmp_path: Path) -> None:
    whole = csv_text([version("1", None), return_of("S", None, reason="damaged in transit")])
    path = write_text(tmp_path / LANDED / "a.csv", whole[: whole.index("damaged in transit")] + "dam,1,5.00,2026-11-18")
    os.utime(path, (1, 1))
    run_here(tmp_path, quarantine_gate_min_rows=1000)
    write_text(path, whole)
    record = run_here(tmp_path)
    reasons = {row[0]: row[4] for row in lake_reading.silver(tmp_path)}
    assert reasons == {"R": "late", "S": "damaged in transit"}
    assert (record.stages[0].rows_duplicate, record.stages[0].returns_ambiguous) == (1, 0)


def test_version_of_equal_content_changes_nothing(tmp_path: Path) -> None:
    land(tmp_path, "a.csv", version("1"))
    first = run_here(tmp_path)
    land(tmp_path, "b.csv", version("1"), return_of(" R ", "2026-11-20 10:00:00+02:00", sku="mug", amount="5"))
    record = run_here(tmp_path)
    assert (kept(tmp_path), counts(record)) == ([(1, "a.csv", 1)], {"duplicate": 2})
    assert record.stages[0].returns_ambiguous == 0
    assert lake_reading.latest_run_record(tmp_path)["tables"]["silver_returns"]["version"] == (
        first.tables["silver_returns"].version
    )


# Versions of which nobody can tell the newer one --------------------------------------------------------------------


def warning(returns: int, *ids: str) -> str:
    hashes = sorted(hashlib.sha256(return_id.encode()).hexdigest()[:12] for return_id in ids)
    return (
        f"{returns} returns have versions with one ingest_ts and different content; the one delivered last is kept. "
        f"Most often their return_id is too short a key. Hashes of such ids: {', '.join(hashes)}"
    )


def test_ambiguous_returns_are_counted_and_warned_of_with_hashes(tmp_path: Path) -> None:
    land(tmp_path, "a.csv", version("1"), version("2"), return_of("S"), return_of("T", None), return_of("U"))
    land(tmp_path, "b.csv", return_of("S", qty="2"), return_of("T", None, qty="2"), return_of("U"))
    record = run_here(tmp_path)
    assert record.stages[0].returns_ambiguous == 2
    assert record.warnings == [warning(2, "R", "S")]
    assert record.gates[-1].name == "quarantined_ratio"  # without a limit no gate judges it


def test_ambiguous_is_also_what_silver_has_with_other_content(tmp_path: Path) -> None:
    land(tmp_path, "a.csv", version("1"), return_of("S", None))
    assert run_here(tmp_path).stages[0].returns_ambiguous == 0
    land(tmp_path, "b.csv", version("2"), return_of("S", None, qty="2"))
    record = run_here(tmp_path)
    assert (record.stages[0].returns_ambiguous, record.warnings) == (1, [warning(1, "R")])


def test_versions_without_ingest_ts_in_one_file_are_ambiguous(tmp_path: Path) -> None:
    land(tmp_path, "a.csv", version("1", None), version("2", None))
    record = run_here(tmp_path)
    assert (kept(tmp_path), record.stages[0].returns_ambiguous) == ([(2, "a.csv", 2)], 1)


def test_gate_of_ambiguous_returns_stops_the_batch_beyond_its_limit_and_says_what_to_do(tmp_path: Path) -> None:
    others = [return_of(f"other-{number}") for number in range(8)]
    land(tmp_path, "a.csv", version("1"), version("2"), *others)
    with pytest.raises(QualityGateError) as raised:
        run_here(tmp_path, max_ambiguous_ratio=0.19)
    assert str(raised.value) == (
        "gate ambiguous_ratio failed: 0.2 is beyond 0.19; return_id is most often too short a key; give more columns "
        "as its key in a feed"
    )
    stopped = lake_reading.latest_run_record(tmp_path)
    assert [stopped[key] for key in ("status", "exit_code")] == ["failed", 3]
    assert stopped["gates"][-1] == {"name": "ambiguous_ratio", "status": "failed", "value": 0.2, "limit": 0.19}
    assert stopped["stages"][0]["returns_ambiguous"] == 1
    assert lake_reading.silver(tmp_path) == []

    record = run_here(tmp_path, max_ambiguous_ratio=0.2)
    assert [(gate.name, gate.status) for gate in record.gates] == [
        ("quarantined_ratio", "not_judged"),
        ("ambiguous_ratio", "passed"),
    ]
    assert len(lake_reading.silver(tmp_path)) == 9


def test_batch_of_which_no_record_is_accepted_fails_whatever_its_size(tmp_path: Path) -> None:
    land(tmp_path, "a.csv", return_of("R", qty="0"))
    with pytest.raises(QualityGateError) as raised:
        run_here(tmp_path, max_quarantined_ratio=0.2)
    assert str(raised.value) == (
        "gate quarantined_ratio failed: 1 is beyond 0.2; no row was accepted: the rows have qty_not_positive (1); look "
        "into quarantine/returns, and mend the files or run with --accept-quarantined 1.00; "
        "`negate: true` of a feed may take them"
    )
    assert [gate["status"] for gate in lake_reading.latest_run_record(tmp_path)["gates"]] == ["failed"]
    assert lake_reading.silver(tmp_path) == []
