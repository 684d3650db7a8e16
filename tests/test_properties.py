"""What holds whatever the rows are and however they are landed: the newest version, the latest delivery, and the law.

Each example lands up to forty rows, split at random into batches, files and formats, and runs the pipeline in this
process after each batch. The independent query of the same batches says what must come out.
A run takes seconds however few its rows are, so there are few examples with many rows each.
"""

from __future__ import annotations

import datetime
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

import independent_query
import lake_reading
from commands import returns, succeeded
from landing import COLUMNS, Row, land

LANDED = "bronze/returns_raw"
AS_OF = datetime.date(2026, 11, 23)
OUTCOMES = ("inserted", "updated", "superseded", "duplicate", "quarantined", "excluded")

# A failing example is shown as it was found: to look for a smaller one takes minutes. Add Phase.shrink to have it.
PHASES = (Phase.explicit, Phase.generate)

# Of each column: values that pass, and values that are odd. Few different ids and times, so that versions meet and tie.
USUAL: Mapping[str, Sequence[str | None]] = {
    "return_id": ("R-1", "R-2", "R-3", "R-4", "R-5", "R-6", " R-1", "R-2\u00a0", "Ré-7", "r-1"),
    "order_id": ("O-1", "O-2", "\tO-1 "),
    "customer_id": ("C-1", "C-2", None, "", "王", "C 1"),
    "sku": ("MUG", "mug", "Lamp-1", "straße", " MUG", "ıı", 'mug "l"', "a,b", "MUG\u2003"),
    "reason": (
        "damaged",
        "Damaged",
        "wrong  size",
        "wrong\u00a0\tsize",
        None,
        " ",
        "ÄRGER",
        "unspecified",
        '"',
        "x,y",
        "\u3000",
    ),
    "qty": ("1", "2", "2.0", "+3", "007", " 4", "2147483647", "5.", "6.000", "1e2", "20e-1"),
    "amount": (
        *("10", "10.00", "0", "-0.004", "0.005", "1.005", "2.675", "1e2", "1.5E-1", ".5", "7.", "+12.34", " 9.99"),
        *("999999999999.99", "100000000000.005", "123456.789", "1e-30", "0.00499999999999999999999999"),
    ),
    "return_date": ("2026-11-18", "2026-11-19", "2026-11-24", "1990-01-01", "2024-02-29", " 2026-11-18"),
    "ingest_ts": (
        *("2026-11-19T08:00:00Z", "2026-11-19 08:00:00+00:00", "2026-11-19T10:00:00+02:00", "2026-11-19T08:00:00"),
        *("2026-11-20T08:00:00.000001Z", "2026-11-20T08:00:00.0000019Z", "2026-10-25T02:30:00", "2026-04-05T01:45:00"),
        *("2026-03-29T02:30:00", "2026-11-19T08:00:00Z", None, ""),
    ),
}
ODD: Mapping[str, Sequence[str | None]] = {
    "return_id": (None, "", " \u00a0"),
    "order_id": (None, "", "\t"),
    "customer_id": (None,),
    "sku": (None, "", " "),
    "reason": (None,),
    "qty": (None, "", "0", "-1", "1.5", "two", "2147483648", "15e-1", "1 000", "99999999999999999999", "٣"),
    "amount": (
        *(None, "", "-0.01", "-5", "-0.005", "NaN", "inf", "1,000.00", "1000000000000", "999999999999.995", "1e12"),
        *("abc", "0x10", "1e", "1_000", "12.3.4"),
    ),
    "return_date": (
        *(None, "", "2026-02-30", "2026-11-25", "1989-12-31", "20.11.2026", "2026-11-18T00:00:00", "0000-01-01"),
        *("2026-1-5", "20261118"),
    ),
    "ingest_ts": (
        "yesterday",
        "2026-11-19",
        "2026-11-19T25:00:00Z",
        "2026-02-30T08:00:00Z",
        "2026-11-19T08:00:00+19:00",
    ),
}
NAMES = ("web.jsonl", "app.ndjson.gz", "shop.json", "partner.csv", "kiosk.csv.gz", "store.parquet")


def rows_of_returns() -> st.SearchStrategy[list[Row]]:
    """Rows of which most pass, an odd value here and there, and some of them delivered more than once."""
    usual = st.fixed_dictionaries({name: st.sampled_from(USUAL[name]) for name in COLUMNS})
    odd = st.sampled_from(COLUMNS).flatmap(
        lambda name: st.builds(lambda row, value: {**row, name: value}, usual, st.sampled_from(ODD[name]))
    )
    fresh = st.lists(st.one_of(usual, usual, odd), min_size=5, max_size=30)
    return fresh.flatmap(
        lambda rows: st.builds(lambda again: [*rows, *again], st.lists(st.sampled_from(rows), max_size=10))
    )


# A file: its batch, its name, and whether values are native where they can be.
File = tuple[int, str, bool]


def splits(rows: Sequence[Row]) -> st.SearchStrategy[dict[File, list[Row]]]:
    """The rows dealt to files in up to three batches, in any order."""
    file = st.tuples(st.integers(0, 2), st.sampled_from(NAMES), st.booleans())
    places = st.lists(file, min_size=1, max_size=6, unique_by=lambda file: file[:2]).flatmap(
        lambda files: st.lists(st.sampled_from(files), min_size=len(rows), max_size=len(rows))
    )
    return st.builds(_dealt, st.permutations(rows), places)


def _dealt(rows: Sequence[Row], places: Sequence[File]) -> dict[File, list[Row]]:
    dealt: dict[File, list[Row]] = {}
    for row, place in zip(rows, places, strict=True):
        dealt.setdefault(place, []).append(row)
    return dealt


def run_in_batches(lake: Path, split: Mapping[File, Sequence[Row]], time_zone: str) -> list[list[Path]]:
    """Land and run batch after batch; return their files. The quarantine gate lets everything through."""
    batches = []
    settings = {"SPARK_TZ": time_zone, "MAX_QUARANTINED_RATIO": "1", "VOLUME_GATE": "off", "LOG_LEVEL": "ERROR"}
    for batch in sorted({batch for batch, _, _ in split}):
        batches.append(
            [
                land(lake / LANDED / f"batch-{batch}" / name, rows, as_native=as_native)
                for (landed_in, name, as_native), rows in split.items()
                if landed_in == batch
            ]
        )
        succeeded(returns(lake, "run", "--as-of", AS_OF.isoformat(), **settings))
    return batches


def assert_law_holds(record: Mapping[str, Any]) -> None:
    (stage,) = (stage for stage in record["stages"] if stage["name"] == "bronze_to_silver")
    assert stage["rows_read"] == sum(stage[f"rows_{outcome}"] for outcome in OUTCOMES)
    assert stage["rows_read"] == sum(file["rows"] for file in record["files"])
    assert stage["rows"] == stage["rows_inserted"] + stage["rows_updated"]
    amounts = {name: Decimal(amount) for name, amount in stage["amounts"].items()}
    assert amounts["read"] == sum(amounts[outcome] for outcome in OUTCOMES)


@pytest.mark.full
@given(data=st.data(), time_zone=st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe"]))
@settings(max_examples=12, deadline=None, derandomize=True, phases=PHASES, suppress_health_check=list(HealthCheck))
def test_tables_have_the_newest_and_latest_version_of_each_return_however_rows_are_landed(
    data: st.DataObject, time_zone: str
) -> None:
    rows = data.draw(rows_of_returns(), label="rows")
    split = data.draw(splits(rows), label="split")
    event(f"{len({batch for batch, _, _ in split})} batches")
    with tempfile.TemporaryDirectory() as directory:
        lake = Path(directory) / "lake"

        batches = run_in_batches(lake, split, time_zone)

        expected = independent_query.query(lake / LANDED, AS_OF, time_zone, batches)

        assert lake_reading.silver(lake) == lake_reading.in_order(expected.silver)
        assert lake_reading.gold_by_sku_reason(lake) == lake_reading.in_order(expected.gold_by_sku_reason)
        assert lake_reading.gold_by_date_reason(lake) == lake_reading.in_order(expected.gold_by_date_reason)
        found = Counter((return_id, codes) for _, return_id, codes in lake_reading.quarantined(lake).elements())
        assert found == Counter((return_id, codes) for _, return_id, codes in expected.quarantine)
        records = lake_reading.run_records(lake)
        for record in records:
            assert_law_holds(record)
        stages = [record["stages"][0] for record in records]
        assert sum(stage["rows_read"] for stage in stages) == len(rows)
        assert sum(stage["rows_inserted"] for stage in stages) == len(expected.silver)
        assert sum(stage["rows_quarantined"] for stage in stages) == len(expected.quarantine)
