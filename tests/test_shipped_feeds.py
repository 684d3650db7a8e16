"""Files of the shipped feeds go through a whole run and become what feed_values.py works out without the package."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

import lake_reading
from commands import mostly_full, returns
from crashes import failing
from feed_files import FEED_FILES, FEED_VARIANTS
from feed_values import Expected, Landed, expected_of
from kills import LANDED, SECOND_DAY, run_whole
from landing import write_bytes, write_text
from pyspark_interview_project.config.feeds import shipped_feeds
from running import Stopped, run_here

ROWS = 200
FEWER = 30  # each file of a feed is later and has so many rows less: the ids of the first ones are corrected
FIRST = datetime(2026, 5, 4, 6, 7, 8, 250_000, tzinfo=UTC)
FEEDS = sorted(FEED_FILES)

# Text of a feed's files, and what stands there instead: some records are excluded or break a rule.
SPOILED: Mapping[str, Sequence[tuple[str, str]]] = {
    "amazon_fba": [
        ("-3\t", "\t"),
        ("\tMUG\t", "\t\t"),
        ("DEFECTIVE\tUnit returned to inventory", "DEFECTIVE\tCancelled"),
    ],
    "amazon_mfn": [("\tSKU-004\t", "\t \t"), ("\tStandardRefund\t", "\tStandardRefund \t")],
    "magento_credit_memos": [('"row_total_incl_tax": 47.6', '"row_total_incl_tax": -47.6')],
    "online_retail_ii": [(",22003,", ",,")],
    "sap_customer_returns": [('"Material": "TG03"', '"Material": null'), ('"2.000"', '"0.000"')],
    "shopify_refunds": [('"quantity": 2,', '"quantity": 2.5,'), ('"it broke"', '" It\\n  BROKE "')],
    "square_items": [(",-1.0,Regular,SQ-6,", ",-1.5,Regular,SQ-6,")],
    "stripe_refunds": [("\npy_000003,", "\n,"), (",pi_000005", ",")],
    "woocommerce_refunds": [('"quantity": -2', '"quantity": "two"'), ('"parent_id": 602', '"parent_id": ""')],
}


@dataclass(frozen=True)
class Scene:
    """A lake behind one run that took all the files."""

    lake: Path
    files: Sequence[Landed]
    expected: Expected
    record: Mapping[str, Any]
    silver: Sequence[lake_reading.Row]


def files_of(feed: str) -> list[Landed]:
    """A feed's files in the order in which they were delivered: one of each variant, then one that is spoiled."""
    ending, make = FEED_FILES[feed]
    files = []
    for number, variant in enumerate([*FEED_VARIANTS[feed], {}]):
        content = make(11 + number, ROWS - FEWER * number, **variant)
        if number == len(FEED_VARIANTS[feed]):
            for old, new in SPOILED[feed]:
                assert old.encode() in content
                content = content.replace(old.encode(), new.encode())
        place = f"{LANDED}/{feed}/" + (f"variant {number}/" if number else "")
        files.append(Landed(feed, f"{place}export.{ending}", content, FIRST + timedelta(hours=number)))
    return files


def land_all(lake: Path, files: Sequence[Landed]) -> None:
    for file in files:
        path, at = write_bytes(lake / file.path, file.content), file.modified.timestamp()
        os.utime(path, (at, at))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    lake = tmp_path_factory.mktemp("shipped") / "lake"
    files = [file for feed in FEEDS for file in files_of(feed)]
    land_all(lake, files)
    run_whole(lake, SECOND_DAY)
    silver = lake_reading.rows(lake, lake_reading.SILVER, (*lake_reading.CONTENT, "source_file"))
    return Scene(lake, files, expected_of(files), lake_reading.latest_run_record(lake), silver)


@pytest.mark.spark
@pytest.mark.parametrize("feed", FEEDS)
def test_silver_has_of_a_shipped_feeds_files_what_its_decisions_say(scene: Scene, feed: str) -> None:
    expected = [row for row in scene.expected.silver.values() if f"/{feed}/" in row[-1]]
    assert [row for row in scene.silver if f"/{feed}/" in row[-1]] == lake_reading.in_order(expected)
    assert {row[-1] for row in expected} == {file.path for file in scene.files if file.feed == feed}


@pytest.mark.spark
@pytest.mark.parametrize("feed", FEEDS)
def test_quarantine_has_of_a_shipped_feeds_files_what_breaks_a_rule(scene: Scene, feed: str) -> None:
    of_feed = Counter({key: count for key, count in scene.expected.quarantined.items() if f"/{feed}/" in key[0]})
    found = lake_reading.quarantined(scene.lake)
    assert of_feed and {key: count for key, count in found.items() if f"/{feed}/" in key[0]} == of_feed


@pytest.mark.spark
def test_run_record_has_the_feed_and_the_records_of_each_file_and_the_law(scene: Scene) -> None:
    files = {file["path"]: (file["feed"], file["bytes"], file["rows"]) for file in scene.record["files"]}
    expected = scene.expected
    assert files == {file.path: (file.feed, len(file.content), expected.read[file.path]) for file in scene.files}
    quarantined, excluded = expected.quarantined.total(), expected.excluded.total()
    accepted = expected.read.total() - quarantined - excluded
    terms = {
        "rows_read": expected.read.total(),
        "rows_inserted": len(expected.silver),
        "rows_updated": 0,
        "rows_superseded": accepted - len(expected.silver) - expected.duplicates,
        "rows_duplicate": expected.duplicates,
        "rows_quarantined": quarantined,
        "rows_excluded": excluded,
    }
    (stage,) = [stage for stage in scene.record["stages"] if stage["name"] == "bronze_to_silver"]
    assert {term: stage[term] for term in terms} == terms
    assert min(count for term, count in terms.items() if term != "rows_updated") > 0
    assert scene.record["files_rejected"] == [] and scene.record["files_ignored"] == []


@pytest.mark.spark
def test_plan_of_the_batch_holds_each_feeds_definition_and_hash(scene: Scene) -> None:
    ((batch_id, state),) = lake_reading.batch_states(scene.lake)
    plan = lake_reading.read_json(scene.lake / "ops" / "batches" / batch_id / "plan.json")
    assert state == "committed" and sorted(plan["feeds"]) == FEEDS
    for name, planned in plan["feeds"].items():
        written = yaml.safe_load((shipped_feeds() / f"{name}.yaml").read_text(encoding="utf-8"))
        said = planned["definition"]
        assert (said["feed"], said["files"], sorted(said["columns"])) == (
            name,
            written["files"],
            sorted(written["columns"]),
        )
        assert planned["hash"] == hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


@pytest.mark.spark
def test_second_run_changes_nothing(scene: Scene) -> None:
    before = lake_reading.everything(scene.lake)
    run_whole(scene.lake, SECOND_DAY)
    assert lake_reading.latest_run_record(scene.lake)["status"] == "no_new_data"
    assert lake_reading.everything(scene.lake) == before


@pytest.mark.parametrize("feed", mostly_full(FEEDS, 3))
def test_feeds_try_counts_of_a_spoiled_file_what_the_run_counts(scene: Scene, feed: str) -> None:
    file = [file for file in scene.files if file.feed == feed][-1]
    expected = expected_of([file])
    read, excluded, rejected = (each.total() for each in (expected.read, expected.excluded, expected.quarantined))
    ended = returns(scene.lake, "feeds", "try", str(scene.lake / file.path), "--feed", feed, "--records", "1")
    counted = f"{read - excluded - rejected} accepted, {excluded} excluded, {rejected} rejected"
    assert f"{read} records by feed {feed}: {counted}" in ended.stdout, ended


# The first column that a file has -------------------------------------------------------------------------------------


@pytest.mark.spark
def test_first_column_that_a_file_has_is_taken_file_by_file_though_one_batch_reads_them_all(tmp_path: Path) -> None:
    lake, landed = tmp_path / "lake", tmp_path / "lake" / LANDED / "own"
    columns = (
        "return_id: {key: [id, [part, line]]}, order_id: id, sku: [code, article], qty: q, amount: a, return_date: d"
    )
    write_text(tmp_path / "feeds" / "own.yaml", f'feed: own_shop\nfiles: "own/**"\ncolumns: {{{columns}}}\n')
    write_text(
        landed / "both.csv", "id,part,line,code,article,q,a,d\nA,1,2,c,a,1,1,2026-03-01\nB,1,2,,a,1,1,2026-03-01\n"
    )
    write_text(landed / "other.csv", "id,line,article,q,a,d\nC,3,a,1,1,2026-03-01\n")
    write_text(landed / "code=of path" / "directory.csv", "id,line,article,q,a,d\nD,4,a,1,1,2026-03-01\n")
    record = {"id": "E", "line": "5", "q": 1, "a": 1, "d": "2026-03-01"}
    lines = [record | {"article": "a"}, record | {"id": "F", "code": "c", "article": "a"}]
    write_text(landed / "records.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    pq.write_table(
        pa.table({name: [str(value)] for name, value in (lines[0] | {"id": "G"}).items()}), landed / "g.parquet"
    )
    run_whole(lake, SECOND_DAY, FEEDS_DIR=str(tmp_path / "feeds"))
    assert [(row[0], row[3]) for row in lake_reading.silver(lake)] == [
        ("A|1", "C"),
        ("C|3", "A"),
        ("D|4", "OF PATH"),
        ("E|5", "A"),
        ("F|5", "C"),
        ("G|5", "A"),
    ]
    assert [key[1:] for key in lake_reading.quarantined(lake)] == [("B|1", ("sku_missing",))]


# A run that dies, and a feed that is another one by then --------------------------------------------------------------

OWN = """
feed: own_shop
files: "own/**"
columns: {return_id: id, order_id: id, sku: {sku}, reason: why, qty: qty, amount: amount, return_date: day}
where: "kind = '{kind}'"
"""
OWN_FILE = "id,code,article,why,qty,amount,day,kind\n" + "".join(
    f"R{number % 9},c{number},a{number},late,1,{number}.50,2026-03-0{1 + number % 7},{'RXX'[number % 3]}\n"
    for number in range(30)
)


def define(feeds: Path, sku: str, kind: str) -> None:
    write_text(feeds / "own.yaml", OWN.replace("{sku}", sku).replace("{kind}", kind))


def another_definition(feeds: Path) -> None:
    define(feeds, "article", "X")


def no_definition(feeds: Path) -> None:
    (feeds / "own.yaml").unlink()


KILLS = (
    ("before put checkpoint.json", another_definition),
    ("behind put checkpoint.json", no_definition),
    ("behind put checkpoint.json", another_definition),
    ("before put checkpoint.json", no_definition),
)


@pytest.fixture(scope="module")
def never(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of an own feed as it landed, and a lake that a run took it into, which nothing disturbed."""
    root = tmp_path_factory.mktemp("own")
    lake = root / "lake"
    define(root / "feeds", "code", "R")
    write_text(lake / LANDED / "own" / "a.csv", OWN_FILE)
    shutil.copytree(lake, root / "landed")
    run_here(lake, feeds_dir=str(root / "feeds"))
    return root


@pytest.mark.parametrize(("moment", "change"), mostly_full(KILLS))
def test_run_killed_and_run_again_ends_the_batch_by_the_feed_that_was_planned(
    tmp_path: Path, never: Path, moment: str, change: Callable[[Path], None]
) -> None:
    lake, feeds = Path(shutil.copytree(never / "landed", tmp_path / "lake")), tmp_path / "feeds"
    define(feeds, "code", "R")
    with pytest.raises(Stopped), failing(moment, Stopped()):
        run_here(lake, feeds_dir=str(feeds))
    ((planned, state),) = lake_reading.batch_states(lake)
    assert state == "planned"
    change(feeds)
    run_here(lake, feeds_dir=str(feeds))
    assert lake_reading.batch_states(lake) == [(planned, "committed")]
    assert tables_of(lake) == tables_of(never / "lake")
    assert {row[3][0] for row in lake_reading.silver(lake) if row[0].startswith("R")} == {"C"}


def test_file_that_lands_behind_a_change_of_its_feed_is_read_by_the_new_one(tmp_path: Path, never: Path) -> None:
    lake, feeds = Path(shutil.copytree(never / "landed", tmp_path / "lake")), tmp_path / "feeds"
    define(feeds, "code", "R")
    with pytest.raises(Stopped), failing("before put checkpoint.json", Stopped()):
        run_here(lake, feeds_dir=str(feeds))
    another_definition(feeds)
    write_text(lake / LANDED / "own" / "b.csv", OWN_FILE.replace("R", "S").replace(",S\n", ",R\n"))
    run_here(lake, feeds_dir=str(feeds))
    skus = {(row[0][0], row[3][0]) for row in lake_reading.silver(lake) if row[0][0] in "RS"}
    assert skus == {("R", "C"), ("S", "A")}
    hashes = {
        lake_reading.read_json(path)["feeds"]["own_shop"]["hash"]
        for path in (lake / "ops" / "batches").glob("*/plan.json")
    }
    assert len(hashes) == 2


def tables_of(lake: Path) -> dict[str, list[lake_reading.Row]]:
    """What every table holds, without the batch's name."""
    return {
        lake_reading.SILVER: lake_reading.rows(lake, lake_reading.SILVER, (*lake_reading.CONTENT, "source_file")),
        lake_reading.QUARANTINE: sorted(lake_reading.quarantined(lake).items()),
        **{place: lake_reading.rows(lake, place) for place in lake_reading.TABLES if place.startswith("gold")},
    }
