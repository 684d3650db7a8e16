"""Write the committed sample of landed returns: samples/returns/, laid out as bronze/returns_raw is.

usage: python samples/make_sample.py [DIRECTORY]

Invented data, the same on every run. README.md beside this file says what each file is for; keep the two together.
Ids tell: `R-1001` is a clean return, an id in words says what is special about its row.
"""

from __future__ import annotations

import datetime
import gzip
import io
import json
import sys
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

COLUMNS = ("return_id", "order_id", "customer_id", "sku", "reason", "qty", "amount", "return_date", "ingest_ts")
SKUS = ("MUG-BLUE", "MUG-RED", "LAMP-01", "CHAIR-OAK", "DESK-160", "SOCKS-M", "SOCKS-L", "TENT-2P", "KETTLE", "SCARF")
REASONS = ("damaged", "wrong size", "not as described", "changed mind", "late delivery", "defective", None)
BYTE_ORDER_MARK = "\ufeff"
NO_BREAK_SPACE = "\u00a0"

Record = dict[str, str | None]  # a return with all nine columns as text; None is null


def clean_return(number: int, **changes: str | None) -> Record:
    """Return the return R-<number>: valid in every column, null here and there where it may be."""
    returned_on = datetime.date(2026, 10, 1) + datetime.timedelta(days=number * 7 % 41)
    ingested_at = datetime.datetime(2026, 11, 12) + datetime.timedelta(seconds=number * 7919 % 600_000)
    record: Record = {
        "return_id": f"R-{number}",
        "order_id": f"O-{number // 2}",
        "customer_id": None if number % 17 == 0 else f"C-{number * 7 % 90:03d}",
        "sku": SKUS[number * number % 97 % len(SKUS)],
        "reason": REASONS[number * 5 % 23 % len(REASONS)],
        "qty": str(1 + number % 4),
        "amount": str(Decimal(number * 3719 % 24_000 + 99) / 100),
        "return_date": returned_on.isoformat(),
        "ingest_ts": None if number % 19 == 0 else ingested_at.isoformat() + "Z",
    }
    return record | changes


def special_return(return_id: str | None, **changes: str | None) -> Record:
    """Return a valid return with a telling id and round values; changes replace values."""
    record: Record = {
        "return_id": return_id,
        "order_id": "O-9000",
        "customer_id": "C-900",
        "sku": "MUG-BLUE",
        "reason": "damaged",
        "qty": "1",
        "amount": "10.00",
        "return_date": "2026-11-10",
        "ingest_ts": "2026-11-19T08:00:00Z",
    }
    return record | changes


def clean_returns(first: int, last: int) -> list[Record]:
    """Return the clean returns first to last, both included."""
    return [clean_return(number) for number in range(first, last + 1)]


# ---------------------------------------------------------------------------------------------- how records are written
def json_line(record: Mapping[str, str | None], extra: str = "") -> str:
    """Return a JSON object: qty and amount as numbers where their text is one, `extra` before its end."""
    members = []
    for name, value in record.items():
        is_number = name in ("qty", "amount") and value is not None and is_json_number(value)
        members.append(f"{json.dumps(name)}: {value if is_number else json.dumps(value, ensure_ascii=False)}")
    return "{" + ", ".join(members) + extra + "}"


def is_json_number(text: str) -> bool:
    """Tell whether a text may stand in JSON as a number, just as it is."""
    try:
        value = json.loads(text, parse_constant=lambda name: None)
    except ValueError:
        return False
    return isinstance(value, int | float) and text == text.strip()


def csv_field(value: str | None) -> str:
    """Return a field, in quotes where it must be; null is an empty field."""
    if value is None:
        return ""
    return '"' + value.replace('"', '""') + '"' if any(sign in value for sign in ',"') else value


def csv_line(record: Mapping[str, str | None], order: Iterable[str] = COLUMNS) -> str:
    """Return the fields of a record in the given order."""
    return ",".join(csv_field(record[name]) for name in order)


def text_file(lines: Iterable[str | bytes], line_end: str = "\n", last_line_end: bool = True) -> bytes:
    """Return lines as a file in UTF-8; a line given as bytes is written as it is."""
    encoded = [line if isinstance(line, bytes) else line.encode() for line in lines]
    end = line_end.encode()
    return end.join(encoded) + (end if last_line_end else b"")


def gzipped(content: bytes) -> bytes:
    """Return the gzip form, without name and time in it."""
    target = io.BytesIO()
    with gzip.GzipFile("", "wb", compresslevel=6, fileobj=target, mtime=0) as packed:
        packed.write(content)
    return target.getvalue()


def parquet_file(table: pa.Table) -> bytes:
    """Return a table as a Parquet file."""
    target = io.BytesIO()
    pq.write_table(table, target, compression="snappy", store_schema=False)
    return target.getvalue()


def as_instant(text: str | None) -> datetime.datetime | None:
    """Read a UTC timestamp that ends in Z."""
    return None if text is None else datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def typed_table(records: list[Record]) -> pa.Table:
    """Return records with the types of returns_raw: qty int32, amount double, date32, microseconds UTC."""
    columns: dict[str, pa.Array] = {}
    for name in COLUMNS:
        texts = [record[name] for record in records]
        if name == "qty":
            columns[name] = pa.array([None if text is None else int(text) for text in texts], pa.int32())
        elif name == "amount":
            columns[name] = pa.array([None if text is None else float(text) for text in texts], pa.float64())
        elif name == "return_date":
            dates = [None if text is None else datetime.date.fromisoformat(text) for text in texts]
            columns[name] = pa.array(dates, pa.date32())
        elif name == "ingest_ts":
            columns[name] = pa.array([as_instant(text) for text in texts], pa.timestamp("us", tz="UTC"))
        else:
            columns[name] = pa.array(texts, pa.string())
    return pa.table(columns)


def text_table(records: list[Record]) -> pa.Table:
    """Return records with every column as text, and a column more than asked for."""
    columns = {name: pa.array([record[name] for record in records], pa.string()) for name in COLUMNS}
    return pa.table(columns | {"channel": pa.array(["store"] * len(records), pa.string())})


# ------------------------------------------------------------------------------------------------------------ the files
def store_parquet() -> bytes:
    """Native types; nulls, NaN and infinity where a native type can hold them; edges of dates and of rounding."""
    return parquet_file(
        typed_table(
            [
                *clean_returns(1001, 1050),
                special_return("DOUBLE-10.005-IS-10.01", amount="10.005"),
                special_return("DOUBLE-1.005-IS-1.01", amount="1.005"),
                special_return("DOUBLE-0.125-IS-0.13", amount="0.125"),
                special_return("DOUBLE-MINUS-0.001-IS-0.00", amount="-0.001"),
                special_return("DOUBLE-ZERO", amount="0"),
                special_return("FIRST-DAY", return_date="1990-01-01"),
                special_return("DAY-BEFORE-FIRST", return_date="1989-12-31"),
                special_return("DAY-AFTER-AS-OF", return_date="2026-11-24"),
                special_return("TWO-DAYS-AFTER-AS-OF", return_date="2026-11-25"),
                special_return("MICROSECONDS", ingest_ts="2026-11-19T08:00:00.123456Z"),
                special_return(None),
                special_return("NULL-ORDER", order_id=None),
                special_return("NULL-SKU", sku=None),
                special_return("NULL-QTY", qty=None),
                special_return("ZERO-QTY", qty="0"),
                special_return("NULL-AMOUNT", amount=None),
                special_return("NAN-AMOUNT", amount="nan"),
                special_return("INFINITE-AMOUNT", amount="inf"),
                special_return("DOUBLE-MINUS-0.005", amount="-0.005"),
                special_return("NULL-DATE", return_date=None),
                special_return(None, order_id=None, sku=" ", qty="-2", amount="-5", return_date=None),
            ]
        )
    )


def web_jsonl() -> bytes:
    """JSON Lines with every broken form, an unknown member, numbers as text and as numbers, and exact duplicates."""
    broken = special_return("BROKEN")
    whole = json_line(broken)
    ordinary = clean_returns(1051, 1100)
    return text_file(
        [
            *(json_line(record) for record in ordinary[:20]),
            json_line(ordinary[4]),  # the same line once more
            whole[:-30],  # cut off
            json.dumps(list(broken.values())),
            json.dumps("a text and no object"),
            whole + " and text behind it",
            whole + "]",
            whole.replace('"', "'"),
            whole[:-1] + ",}",
            whole[:-1] + ', "qty": 2}',
            whole.replace('"damaged"', '{"code": 7, "text": "damaged"}'),
            whole.replace('"MUG-BLUE"', '["MUG-BLUE", "MUG-RED"]'),
            whole.replace("10.00", "NaN"),
            whole.replace("10.00", "-Infinity"),
            whole.replace("damaged", "lone \\ud83d surrogate"),
            whole.replace("damaged", "a \\x41 that JSON does not know"),
            *(json_line(record, extra=', "channel": "web", "tags": ["a", {"b": 1}]') for record in ordinary[20:30]),
            json_line(special_return("NUMBER-IDS", customer_id="900")).replace('"900"', "900"),
            json_line(special_return("MISSING-MEMBERS")).replace(', "customer_id": "C-900"', ""),
            json_line(special_return("ESCAPED-PAIR", reason="x")).replace('"x"', '"\\ud83d\\ude22 Broken \\u00dc"')
            + "  ",
            json_line(special_return("TEXT-NUMBERS", qty=" 3 ", amount=" 12.50 ")),
            json_line(special_return("QTY-2.0", qty="2.0")),
            json_line(special_return("AMOUNT-1E2", amount="1e2")),
            json_line(special_return("AMOUNT-10.005", amount="10.005")),
            json_line(special_return("LARGEST-AMOUNT", amount="999999999999.99")),
            json_line(special_return("AMOUNT-TOO-LARGE", amount="1000000000000")),
            json_line(special_return("QTY-TOO-LARGE", qty="2147483648")),
            json_line(special_return("LARGEST-QTY", qty="2147483647")),
            json_line(special_return("QTY-TRUE")).replace('"qty": 1', '"qty": true'),
            json_line(special_return("AMOUNT-NULL", amount=None)),
            json_line(special_return("AMOUNT-NEGATIVE", amount="-3.50")),
            json_line(special_return("DATE-WITH-TIME", return_date="2026-11-10T08:30:00")),
            json_line(special_return("INGEST-IN-WORDS", ingest_ts="yesterday")),
            "{}",  # a record in which everything is missing
            *(json_line(record) for record in ordinary[30:]),
        ]
    )


def phone_csv() -> bytes:
    """CSV with quoted fields and every broken form."""
    broken = csv_line(special_return("BROKEN"))
    ordinary = clean_returns(1101, 1140)
    return text_file(
        [
            ",".join(COLUMNS),
            *(csv_line(record) for record in ordinary[:20]),
            csv_line(special_return("QUOTED-COMMA", reason="Broken, and late")),
            csv_line(special_return("QUOTED-QUOTE", reason='Said "never again"')),
            csv_line(special_return("QUOTED-ONLY-QUOTE", reason='"')),
            '"ALL-QUOTED","O-9000","","MUG-BLUE","damaged","1","10.00","2026-11-10","2026-11-19T08:00:00Z"',
            csv_line(special_return("BACKSLASH", reason="back\\slash\\n")),
            broken.rsplit(",", 2)[0],  # two fields short
            broken + ",one more",
            broken.replace("damaged", '"damaged" badly'),
            broken.replace("damaged", '"dam"aged"'),
            broken.replace("damaged", '""damaged""'),
            broken.replace("10.00", "10,00"),  # the comma of a decimal is a delimiter
            broken.replace("damaged", '"a line break\ninside quotes" and text behind'),  # one record all the same
            "-- 1 page of 1 --",
            csv_line(special_return("AMOUNT-.5", amount=".5")),
            csv_line(special_return("AMOUNT-7.", amount="7.")),
            csv_line(special_return("AMOUNT-PLUS", amount="+7.25")),
            csv_line(special_return("AMOUNT-EXPONENT", amount="2.5E-1")),
            csv_line(special_return("AMOUNT-NAN", amount="NaN")),
            csv_line(special_return("AMOUNT-WITH-THOUSANDS", amount="1,234.50")),
            csv_line(special_return("AMOUNT-WITH-CURRENCY", amount="12.50 EUR")),
            csv_line(special_return("QTY-PLUS", qty="+3")),
            csv_line(special_return("QTY-2.5", qty="2.5")),
            csv_line(special_return("QTY-EXPONENT", qty="1e1")),
            csv_line(special_return("QTY-IN-WORDS", qty="two")),
            csv_line(special_return("QTY-NEGATIVE", qty="-1")),
            csv_line(special_return("QTY-BLANK", qty="   ")),
            csv_line(special_return("DATE-BLANK", return_date="")),
            csv_line(special_return("DATE-SHORT", return_date="2026-1-5")),
            csv_line(special_return("DATE-NOT-LEAP", return_date="2025-02-29")),
            csv_line(special_return("DATE-LEAP", return_date="2024-02-29")),
            csv_line(special_return("DATE-OTHER-ORDER", return_date="10.11.2026")),
            csv_line(special_return("INGEST-HOUR-25", ingest_ts="2026-11-19T25:00:00Z")),
            csv_line(special_return("INGEST-MONTH-13", ingest_ts="2026-13-19T08:00:00Z")),
            csv_line(special_return("INGEST-NULL", ingest_ts=None)),
            *(csv_line(record) for record in ordinary[20:]),
        ]
    )


def partner_csv() -> bytes:
    """CSV with CR LF, another order of columns, an unknown column, and no line end after the last line."""
    order = (
        "ingest_ts",
        "sku",
        "qty",
        "return_date",
        "return_id",
        "amount",
        "remark",
        "reason",
        "customer_id",
        "order_id",
    )
    records = [
        *clean_returns(1141, 1170),
        special_return(" \t ", order_id="", sku=NO_BREAK_SPACE),
        special_return("ORDER-BLANK", order_id="  "),
        special_return("SEVERAL-REASONS", qty="none", amount="-1", return_date="2099-12-31", ingest_ts="soon"),
        special_return("LAST-LINE"),
    ]
    lines = [",".join(order)]
    lines += [csv_line(record | {"remark": "ok, thanks"}, order) for record in records]
    return text_file(lines, line_end="\r\n", last_line_end=False)


def app_jsonl_gz() -> bytes:
    """Gzipped JSON Lines behind a byte-order mark: empty lines, CR LF, white space, case, and ways to write a time."""
    ordinary = clean_returns(1171, 1200)
    lines = [
        *(json_line(record) for record in ordinary),
        "",
        json_line(special_return("TIME-OFFSET", ingest_ts="2026-11-19T10:00:00+02:00")),
        json_line(special_return("TIME-OFFSET-BEHIND", ingest_ts="2026-11-19T02:30:00-05:30")),
        json_line(special_return("TIME-SPACE", ingest_ts="2026-11-19 08:00:00")),
        json_line(special_return("TIME-NO-OFFSET", ingest_ts="2026-11-19T08:00:00.5")),
        json_line(special_return("TIME-NANOSECONDS", ingest_ts="2026-11-19T08:00:00.123456789Z")),
        json_line(special_return("TIME-NANOSECONDS", ingest_ts="2026-11-19T08:00:00.123456001Z")),  # equal when cut
        json_line(
            special_return("TIME-NANOSECONDS", amount="11.00", ingest_ts="2026-11-19T08:00:00.123455999Z")
        ),  # older
        json_line(
            special_return(NO_BREAK_SPACE + "PADDED" + NO_BREAK_SPACE + "\t", sku="\u00a0 lamp-01 ", amount=" 8.40")
        ),
        json_line(special_return("INNER-SPACE", reason="  Not \t as\u00a0\u00a0 Described ")),
        json_line(special_return("inner case is kept", order_id="o-MiXed", customer_id="c-MiXed", sku="Mug-Blue")),
        json_line(special_return("BEYOND-ASCII", sku="straße-ñ", reason="GRÖSSE Falsch, ÄRMEL Zu Lang")),
        json_line(special_return("BLANK-REASON", reason="   ", customer_id="")),
        "",
    ]
    return gzipped(text_file([BYTE_ORDER_MARK + lines[0], *lines[1:]], line_end="\r\n"))


def kiosk_csv_gz() -> bytes:
    """Gzipped CSV behind a byte-order mark, with a quoted header, empty lines, and the header repeated in between."""
    header = ",".join(f'"{name}"' for name in COLUMNS)
    ordinary = [csv_line(record) for record in clean_returns(1201, 1225)]
    return gzipped(
        text_file(
            [
                BYTE_ORDER_MARK + header,
                *ordinary[:10],
                "",
                header,
                *ordinary[10:20],
                BYTE_ORDER_MARK + header,  # as `cat` of two files leaves it
                *ordinary[20:],
                csv_line(special_return("KIOSK-AMOUNT-BLANK", amount=" ")),
                csv_line(special_return("KIOSK-SKU-BLANK", sku="")),
                "",
            ]
        )
    )


def text_columns_parquet() -> bytes:
    """Every column as text, as a careless exporter writes it; and a column more."""
    return parquet_file(
        text_table(
            [
                *clean_returns(1226, 1250),
                special_return(" TEXT-PADDED ", qty=" 2.0 ", amount="\t1e2", return_date=" 2026-11-10", ingest_ts=None),
                special_return("TEXT-AMOUNT-LARGE", amount="1e12"),
                special_return("TEXT-QTY", qty="2 pieces"),
                special_return("TEXT-DATE", return_date="2026-11-31"),
                special_return("TEXT-DATE-BEFORE-FIRST", return_date="0999-05-05"),
                special_return("TEXT-INGEST", ingest_ts="19/11/2026 08:00"),
                special_return("", sku=None),
            ]
        )
    )


def corrections_ndjson() -> bytes:
    """Later versions of returns of the days before, and the same versions once more in another form."""
    newer, newest = "2026-11-21T09:00:00Z", "2026-11-21T09:00:00.000001Z"
    return text_file(
        [
            # corrections: one column each, then all that a correction may move
            json_line(clean_return(1001, amount="1.00", ingest_ts=newer)),
            json_line(clean_return(1052, sku="DESK-160", ingest_ts=newer)),
            json_line(clean_return(1102, reason="changed mind", ingest_ts=newer)),
            json_line(clean_return(1142, return_date="2026-09-30", ingest_ts=newer)),
            json_line(clean_return(1172, customer_id=None, qty="9", ingest_ts=newer)),
            json_line(
                clean_return(
                    1202, order_id="O-1", sku="TENT-2P", reason=None, return_date="2026-08-01", ingest_ts=newest
                )
            ),
            # two corrections of one return, the newest first
            json_line(clean_return(1003, amount="3.33", ingest_ts=newest)),
            json_line(clean_return(1003, amount="2.22", ingest_ts=newer)),
            # a correction that is itself wrong: the return stays as it was
            json_line(clean_return(1004, qty="-1", ingest_ts=newer)),
            json_line(clean_return(1054, amount="a lot", ingest_ts=newer)),
            # a correction of a return that had no ingest_ts (1007 = 19 * 53), and ones that have none themselves
            json_line(clean_return(1007, amount="7.07", ingest_ts=newer)),
            json_line(clean_return(1005, amount="5.55", ingest_ts=None)),
            json_line(clean_return(1064, amount="6.66", ingest_ts=None)),  # 1064 = 19 * 56: both without
            # equal ingest_ts, other content: in two files, in one file, three at once, through an offset
            json_line(clean_return(1006, amount="6.06")),
            json_line(clean_return(1056, sku="KETTLE")),
            json_line(clean_return(1106, reason="tie one")),
            json_line(clean_return(1106, reason="tie two")),
            json_line(special_return("TIE-IN-ONE-FILE", amount="1.00")),
            json_line(special_return("TIE-IN-ONE-FILE", amount="2.00")),
            json_line(special_return("TIE-THROUGH-OFFSET", amount="1.00", ingest_ts="2026-11-19T08:00:00Z")),
            json_line(special_return("TIE-THROUGH-OFFSET", amount="2.00", ingest_ts="2026-11-19T09:00:00+01:00")),
            json_line(special_return("TIE-NULL-OR-TEXT", customer_id="-")),
            json_line(special_return("TIE-NULL-OR-TEXT", customer_id=None)),
            # the same content once more: from Parquet, from CSV, in the same file, in another writing
            json_line(clean_return(1008)),
            json_line(clean_return(1108)),
            json_line(clean_return(1109)),
            json_line(clean_return(1109)),
            json_line(special_return(" QTY-2.0", sku="mug-blue ", reason=" DAMAGED", qty="2", amount="10.000")),
            json_line(special_return("AMOUNT-1E2", amount="100.00", ingest_ts="2026-11-19 10:00:00+02:00")),
            json_line(special_return("BLANK-REASON", reason="Unspecified", customer_id=None)),
        ]
    )


def late_json() -> bytes:
    """Outside dt= directories: older versions that arrive late, and one that is newer than every other."""
    older, newest = "2026-10-05T00:00:00Z", "2026-11-22T00:00:00+00:00"
    return text_file(
        [
            json_line(clean_return(1001, amount="99.99", ingest_ts=older)),
            json_line(clean_return(1060, sku="SCARF", ingest_ts=older)),
            json_line(clean_return(1110, reason="late delivery", return_date="2026-10-04", ingest_ts=older)),
            json_line(clean_return(1150, qty="8", ingest_ts=older)),
            json_line(clean_return(1203, amount="0.01", ingest_ts=newest)),
            "",
            json_line(special_return("ONLY-HERE", ingest_ts=older)),
        ]
    )


def repeated_csv() -> bytes:
    """The partner's delivery, a part of it sent again: other order of columns, same content."""
    records = [clean_return(number) for number in (1141, 1143, 1144, 1009, 1061)]
    records += [clean_return(1145, sku=" scarf ", ingest_ts="2026-11-21T10:00:00Z")]
    return text_file([",".join(COLUMNS), *(csv_line(record) for record in records)])


def sample_files() -> dict[str, bytes]:
    """Return the content of every file by its path below samples/returns."""
    unread = text_file([json_line(special_return("NOT-DATA"))])
    return {
        "dt=2026-11-20/store.parquet": store_parquet(),
        "dt=2026-11-20/web.jsonl": web_jsonl(),
        "dt=2026-11-20/app.jsonl.gz": app_jsonl_gz(),
        "dt=2026-11-20/partner.csv": partner_csv(),
        "dt=2026-11-20/kiosk.csv.gz": kiosk_csv_gz(),
        "dt=2026-11-20/_delivery_note.json": unread,
        "dt=2026-11-21/phone.csv": phone_csv(),
        "dt=2026-11-22/text_columns.parquet": text_columns_parquet(),
        "dt=2026-11-22/corrections.ndjson": corrections_ndjson(),
        "dt=2026-11-22/web.jsonl.part": unread,
        "partner/again/repeated.csv": repeated_csv(),
        "late.json": late_json(),
    }


def write_sample(directory: Path) -> list[Path]:
    """Write the sample into a directory and return its files."""
    written = []
    for name, content in sample_files().items():
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        written.append(file)
    return written


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "returns"
    files = write_sample(target)
    print(f"wrote {len(files)} files, {sum(file.stat().st_size for file in files):,} bytes, to {target}")
