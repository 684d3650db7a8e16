"""Names, directories and packings of every kind, Parquet, and files that are something else than their name says."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from decimal import Decimal
from urllib.parse import quote

import pyarrow as pa

from landing_case import (
    BOTH,
    HEADER,
    NATIVE,
    ONE,
    PACKINGS,
    TWO,
    Case,
    bad,
    cut,
    kept,
    line,
    members,
    parquet,
    raw,
    table,
    text,
)
from landing_cases_values import record

THREE = [
    {"return_id": f"R-{number}", "qty": number + 1, "amount": amount} for number, amount in enumerate((5.5, 10.01, 0.1))
]
_KEPT = [kept(f"R-{n}", n + 1, qty=str(n + 1), amount=amount) for n, amount in enumerate(("5.50", "10.01", "0.10"))]
_JSON = f"{record()}\n{record('R-2')}\n"
_TABS = TWO.replace(",", "\t")
_EXTENSIONS = ("csv", "tsv", "txt", "json", "jsonl", "ndjson", "parquet", "parq", "pq", "csv.gz", "json.bz2")


def _packed(name: str, content: str = TWO) -> Case:
    return Case({name: text(content, pack=PACKINGS[name.lower().rsplit(".", 1)[1].replace("gzip", "gz")])}, BOTH)


def _workbook() -> bytes:
    to = io.BytesIO()
    with zipfile.ZipFile(to, "w") as archive:
        for name in ("[Content_Types].xml", "xl/workbook.xml", "xl/worksheets/sheet1.xml"):
            archive.writestr(name, "<x/>")
    return to.getvalue()


def _refused(words: str, **files: bytes) -> Case:
    """Files of which each is rejected with these words; `_` in their names stands for a point."""
    named = {name.replace("_", "."): raw(content) for name, content in files.items()}
    return Case(named, rejected=dict.fromkeys(named, words))


def _empty(name: str) -> Case:
    """A file without a byte. JSON may have no records, and a query without rows is written as such a file."""
    is_packed, is_parquet = name in ("csv.gz", "json.bz2"), name.startswith("p")
    words = (
        "it is empty"
        if is_packed
        else "is no readable Parquet: Parquet file size is 0 bytes" if is_parquet else "it has no header: it is empty"
    )
    taken = "json" in name and not is_packed
    return Case({f"a.{name}": raw(b"")}, rejected={} if taken else {f"a.{name}": words})


def _parquet(
    types: Mapping[str, pa.DataType | None], rows: Sequence[Mapping[str, object]] = THREE, **options: object
) -> Case:
    return Case({"f.parquet": parquet(rows, types, **options)}, _KEPT)


def _with(column: str, value: object) -> list[Mapping[str, object]]:
    return [{**row, column: value} for row in THREE]


def _named(*names: str) -> Case:
    """A file of one return under each name. The n-th return is R-n."""
    files = {name: text(ONE.replace("R-1", f"R-{number}")) for number, name in enumerate(names)}
    return Case(files, [kept(f"R-{number}") for number in range(len(names))])


_MICROS = NATIVE["ingest_ts"]
_ZIP, _PDF = _workbook(), b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog >>\nendobj\n"
_HTML = b"<!DOCTYPE html>\n<html><body><table><tr><td>return_id</td></tr></table></body></html>\n"
_TEXTS: Mapping[str, pa.DataType | None] = {
    **dict.fromkeys(("qty", "amount", "return_date"), pa.string()),
    "ingest_ts": pa.large_string(),
    "sku": pa.dictionary(pa.int32(), pa.string()),
}
_NO_REASON: Mapping[str, pa.DataType | None] = {"reason": None}

CASES: Mapping[str, Case] = {
    # packings
    **{
        f"packed {name}": _packed(name)
        for name in ("a.csv.gz", "a.csv.GZ", "a.csv.gzip", "a.CSV.bz2", "a.txt.xz", "a.csv.zst")
    },
    **{f"packed {name}": _packed(name, _JSON) for name in ("a.json.xz", "a.jsonl.zst", "a.ndjson.gz", "a.json.bz2")},
    **{
        f"members {name}": Case({f"a.csv.{name}": text(TWO, pack=members(pack))}, BOTH)
        for name, pack in PACKINGS.items()
    },
    **{
        f"cut {name}": Case(
            {f"a.csv.{name}": text(TWO, pack=cut(pack))}, rejected={f"a.csv.{name}": "cannot be unpacked to its end"}
        )
        for name, pack in PACKINGS.items()
    },
    "packed UTF-16": Case({"a.tsv.gz": text(_TABS, "utf-16", gzip.compress)}, BOTH),
    "packed twice": Case(
        {"a.csv.gz": text(TWO, pack=lambda content: gzip.compress(gzip.compress(content)))},
        rejected={"a.csv.gz": "packed twice (gzip inside gzip)"},
    ),
    "packed under a plain name": Case(
        {"a.csv": text(TWO, pack=gzip.compress), "b.json": text(_JSON.replace("R-", "R-b"), pack=PACKINGS["zst"])},
        [*BOTH, kept("R-b1"), kept("R-b2", 2)],
    ),
    "plain under a packed name": Case({"a.csv.gz": text(TWO)}, BOTH),
    "packed otherwise than its name says": Case({"a.csv.gz": text(TWO, pack=PACKINGS["bz2"])}, BOTH),
    "packings that are not taken": Case(
        {
            "a.json.xz": text(_JSON, pack=PACKINGS["xz"]),
            "b.json.lz4": raw(b"\x04\x22\x4d\x18abc"),
            "c.json.snappy": raw(b"\xff\x06\0\0sNaPpY"),
            "d.csv.zip": raw(_ZIP),
            "e.parquet.gz": raw(b"PAR1"),
        },
        BOTH,
        ignored=["b.json.lz4", "c.json.snappy", "d.csv.zip", "e.parquet.gz"],
    ),
    # names
    "names in upper case": Case(
        {"RETURNS_20261111.CSV": text(TWO), "B.JsonL": text(_JSON.replace("R-", "R-b"))},
        [*BOTH, kept("R-b1"), kept("R-b2", 2)],
    ),
    "names without extension": Case(
        {"part-00000": text(_JSON), "part-00001": text(_JSON), "data": text(TWO)},
        ignored=["part-00000", "part-00001", "data"],
    ),
    "names of no format": Case(
        {
            "a.xlsx": raw(_ZIP),
            "a.csv.bak": text(TWO),
            "readme.md": text("# R"),
            "a.xml": text("<a/>"),
            "a.avro": raw(b"Obj\1"),
        },
        ignored=["a.xlsx", "a.csv.bak", "readme.md", "a.xml", "a.avro"],
    ),
    "hidden and unfinished names": Case(
        {
            ".a.csv": text(TWO),
            "_SUCCESS": raw(b""),
            "_b.csv": text(TWO),
            "_tmp/c.csv": text(TWO),
            "d.csv.tmp": text(TWO),
            ".e/f.csv": text(TWO),
        }
    ),
    "names with colons": _named("colon:12:00.csv", "2026-11-12T08:00:00Z/a:b.csv", "c:/x.csv"),
    "names with blanks": _named("my returns.csv", " first.csv", "a b/c  d.csv", "last .csv"),
    "names with percent signs": _named("100%.csv", "a%20b.csv", "%2e%2e%2fb.csv", "50%25/x.csv", "%.csv"),
    "names in Unicode": _named("größe.csv", "gro\u0308ße.csv", "返品.csv", "\U0001f4a5/été.csv"),
    "names of patterns": _named("a*.csv", "a?.csv", "[a-z].csv", "{a,b}.csv", "a#b.csv", "a+b&c=d.csv", "it's.csv"),
    "a directory named as a file": _named("a.csv/b.csv", "c.parquet/d.csv", "e.json/f.csv/g.csv"),
    "an empty directory named as a file": Case({}, directories=["a.csv", "b.parquet"]),
    "names of the same file in two directories": _named("x/a.csv", "y/a.csv"),
    # directories that are columns
    "ingest_ts as a directory": Case(
        {
            f"ingest_ts=2026-11-2{day}/a.csv": text(
                table(line(amount=amount, ingest_ts=None), header=HEADER.rsplit(",", 1)[0])
            )
            for day, amount in ((0, "5.50"), (1, "7.50"))
        },
        [kept(amount="7.50", ingest_ts="2026-11-21 00:00:00+00:00")],
    ),
    "return_date as a directory": Case(
        {"return_date=2026-11-11/f.parquet": parquet(THREE, {"return_date": None})}, _KEPT
    ),
    "reason as a directory": Case(
        {
            f"reason={quote(reason)}/{number}.parquet": parquet([THREE[number]], _NO_REASON)
            for number, reason in enumerate(("damaged", "wrong size"))
        },
        [_KEPT[0], (*_KEPT[1][:4], "wrong size", *_KEPT[1][5:9], 1)],
    ),
    "sku as a directory of JSON": Case(
        {"SKU=lamp%2F1/a.jsonl": text(record().replace('"sku": "MUG", ', "") + "\n")}, [kept(sku="LAMP/1")]
    ),
    "several columns as directories": Case(
        {
            "order-id=O-7/qty=3/customer_id=__HIVE_DEFAULT_PARTITION__/a.csv": text(
                "return_id,sku,amount,return_date\nR-1,MUG,5.5,2026-11-11\n"
            )
        },
        [kept(order_id="O-7", qty="3", customer_id=None, reason="unspecified", ingest_ts=None)],
    ),
    "a directory of a column that the file has": Case({"reason=late/a.csv": text(ONE)}, [kept()]),
    "a directory of another column": Case({"country=DE/a.csv": text(ONE)}, [kept()]),
    # Parquet
    "Parquet under every name": Case(
        {"a.parq": parquet(THREE[:1]), "b.pq": parquet(THREE[1:2]), "c.PARQUET": parquet(THREE[2:])},
        [(*row[:9], 1) for row in _KEPT],
    ),
    "Parquet of binary texts": _parquet(
        {"sku": pa.binary(), "return_id": pa.binary()},
        [{**row, "sku": b"MUG", "return_id": row["return_id"]} for row in THREE],
    ),
    "Parquet with INT96": _parquet({}, use_deprecated_int96_timestamps=True),
    "Parquet with nanoseconds": _parquet(
        {"ingest_ts": pa.timestamp("ns", "UTC")}, _with("ingest_ts", _MICROS * 1000 + 999)
    ),
    "Parquet with milliseconds": _parquet(
        {"ingest_ts": pa.timestamp("ms", "UTC")}, _with("ingest_ts", _MICROS // 1000)
    ),
    "Parquet with local times": _parquet({"ingest_ts": pa.timestamp("us")}),
    "Parquet with a timestamp as date": _parquet(
        {"return_date": pa.timestamp("ms")}, _with("return_date", 20768 * 86_400_000)
    ),
    "Parquet of texts": Case(
        {
            "f.parquet": parquet(
                [{"qty": "1", "amount": "5.50", "return_date": "2026-11-11", "ingest_ts": "2026-11-12T08:00:00Z"}],
                _TEXTS,
            )
        },
        [kept()],
    ),
    "Parquet of decimals": _parquet(
        {"amount": pa.decimal256(40, 4)}, [{**row, "amount": Decimal(str(row["amount"]))} for row in THREE]
    ),
    "Parquet of nullable doubles": Case(
        {
            "f.parquet": parquet(
                [{"customer_id": 17850.0, "qty": 1.0}, {"return_id": "R-2", "customer_id": 13047.0, "qty": None}],
                {"customer_id": pa.float64(), "qty": pa.float64()},
            )
        },
        [kept(customer_id="17850")],
        [bad("R-2", 2, "qty_missing")],
    ),
    **{f"Parquet in {codec}": _parquet({}, compression=codec) for codec in ("none", "gzip", "zstd", "lz4")},
    "Parquet in brotli": Case(
        {"f.parquet": parquet(THREE, compression="brotli")},
        _KEPT,
        on_spark={"f.parquet": "is packed with BROTLI, which the engine spark cannot read"},
    ),
    "Parquet of no rows": Case({"f.parquet": parquet([])}),
    "Parquet without a column": Case({"f.parquet": parquet(THREE, {"amount": None})}, rejected={"f.parquet": "amount"}),
    "Parquet cut": Case({"f.parquet": lambda mark: parquet(THREE)(mark)[:-40]}, rejected={"f.parquet": "Parquet"}),
    "Parquet that is not": _refused(
        "Parquet", a_parquet=TWO.encode(), b_pq=b"PAR1", c_parq=b"PAR1" + bytes(40) + b"PAR1"
    ),
    "Delta table": Case(
        {
            "erp/part-0.snappy.parquet": parquet(),
            "erp/part-1.csv": text(ONE),
            "erp/_delta_log/00000000000000000000.json": text(json.dumps({"protocol": {}})),
        },
        rejected=dict.fromkeys(("erp/part-0.snappy.parquet", "erp/part-1.csv"), "it belongs to a Delta table"),
    ),
    # what is no table
    **{f"an empty {name} file": _empty(name) for name in _EXTENSIONS},
    "an empty file beside a good one": Case(
        {"a.csv": text(TWO), "b.csv": raw(b"")}, BOTH, rejected={"b.csv": "it has no header"}
    ),
    "a packed empty file": Case({"a.csv.gz": raw(gzip.compress(b""))}, rejected={"a.csv.gz": "it has no header"}),
    "blank lines alone": _refused("it has no header", a_csv=b"\n\n \r\n", b_txt=b"\xef\xbb\xbf"),
    "Excel workbook": _refused("it is an Excel workbook", a_csv=_ZIP, b_txt=_ZIP, c_json=_ZIP),
    "old Excel workbook": _refused("Excel", a_csv=b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)),
    "PDF": _refused("PDF", a_csv=_PDF, b_json=_PDF, c_txt=_PDF),
    "HTML": _refused("HTML", a_csv=_HTML, b_txt=_HTML, c_json=_HTML),
    "Parquet under csv": Case({"a.csv": parquet()}, rejected={"a.csv": "it is Parquet"}),
}
