"""A page of `returns report` as a reader has it, with every tag and attribute; and lakes to report on."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake

from commands import returns, succeeded
from lake_reading import GOLD_BY_SKU_REASON
from test_run_history import write

OUTCOMES = ("inserted", "updated", "superseded", "duplicate", "quarantined", "excluded")

_VOID = {"meta", "link"}


class Page(HTMLParser):
    """The page at `path`. Tables are lists of rows of texts, headings first; `lists` are those and the facts, by id."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: dict[str, list[list[str]]] = {}
        self.lists: dict[str, list[str]] = {}
        self.verdicts: list[str] = []
        self.notes: list[str] = []
        self.headline = ""
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.drawn: dict[str, list[str]] = {}  # texts in the charts, by the chart's title
        self._open: list[str] = []
        self._table: list[list[str]] = []
        self._list: list[str] = []
        self._text: list[str] = []
        self._chart: list[str] = []
        self._is_verdict = False
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert self._open == [], "what is opened is closed"

    def table(self, name: str) -> list[list[str]]:
        """The rows of a table without its headings."""
        return self.tables[name][1:]

    @property
    def facts(self) -> dict[str, str]:
        facts = self.lists["facts"]
        return dict(zip(facts[::2], facts[1::2], strict=True))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.attributes += given.items()
        if tag not in _VOID:
            self._open.append(tag)
        if tag == "table":
            self._table = self.tables[given["id"]] = []
        elif tag in ("ul", "dl"):
            self._list = self.lists[given["id"]] = []
        elif tag == "tr":
            self._table.append([])
        elif tag == "figure":
            self._chart = self.drawn[given["aria-label"]] = []
        elif tag == "p":
            self._is_verdict = given["class"].startswith("verdict")
        self._text = []

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        text = "".join(self._text)
        if tag in ("td", "th"):
            self._table[-1].append(text)
        elif tag in ("li", "dt", "dd"):
            self._list.append(text)
        elif tag == "h1":
            self.headline = text
        elif tag == "text":
            self._chart.append(text)
        elif tag == "p":
            (self.verdicts if self._is_verdict else self.notes).append(text)


def page_of(lake: Path, *arguments: str) -> Page:
    """The page that `returns report` writes, after what no page may have was looked for."""
    ended = succeeded(returns(lake, "report", *arguments))
    path = Path(ended.stdout.removeprefix("the report is at ").strip())
    assert ended.lines == [f"the report is at {path}"] and ended.complaints == []
    page = Page(path)
    assert path.stat().st_size < 6_000_000
    assert not {"script", "img", "iframe", "object", "embed", "image", "use", "form"} & set(page.tags)
    assert [pair for pair in page.attributes if pair[0].startswith("on")] == []
    links = [value for name, value in page.attributes if name in ("src", "href", "xlink:href", "action")]
    assert links == ["data:,"], "the empty icon, which keeps a browser from asking for one"
    assert [value for name, value in page.attributes if name not in ("title", "aria-label") and "url(" in value] == []
    return page


def lake_of(directory: Path, *records: dict[str, Any]) -> Path:
    """A lake with records of runs and nothing else."""
    (directory / "metrics").mkdir(parents=True)
    write(directory / "metrics" / "runs", *records)
    return directory


def write_gold(lake: Path, place: str, rows: list[tuple[Any, ...]]) -> None:
    key = pa.field("sku", pa.string()) if place == GOLD_BY_SKU_REASON else pa.field("return_date", pa.date32())
    fields = [key, pa.field("reason", pa.string()), ("return_count", pa.int64()), ("total_qty", pa.int64())]
    schema = pa.schema([*fields, ("total_amount", pa.decimal128(38, 2))])
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in schema]
    write_deltalake(str(lake / place), pa.table(columns, schema=schema), mode="overwrite")
