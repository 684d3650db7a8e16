"""The report in a browser that is on no network: nothing is missing, and the charts are there to be seen."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import zlib
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from lake_reading import GOLD_BY_DATE_REASON, GOLD_BY_SKU_REASON
from report_reading import lake_of, page_of, write_gold
from test_run_history import failed, record

pytestmark = pytest.mark.full

_SECONDS = 120


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A page with every chart."""
    lake = lake_of(tmp_path / "lake", *(failed(day) if day == 3 else record(day) for day in range(7)))
    days = [date(2026, 11, 1) + timedelta(days=number) for number in range(20)]
    rows = [(day, reason, 5, 5, Decimal("9.99")) for day in days for reason in ("damaged", "too late", "wrong size")]
    write_gold(lake, GOLD_BY_DATE_REASON, rows)
    write_gold(
        lake,
        GOLD_BY_SKU_REASON,
        [(f"SKU-{number}", "damaged", 60 - number, 1, Decimal(number)) for number in range(12)],
    )
    page_of(lake)
    return lake / "metrics" / "report.html"


def chromium(page: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Open the page in a Chromium without a window, whose console is on stderr."""
    program = shutil.which("chromium")
    assert program is not None, "there is no chromium: make browser"
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr")
    nowhere = "--host-resolver-rules=MAP * ~NOTFOUND"
    profile = f"--user-data-dir={page.parent / 'profile'}"
    command = [program, *options, nowhere, profile, *arguments, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True)


def test_report_in_a_browser_has_its_charts_and_no_complaint(page: Path) -> None:
    opened = chromium(page, "--virtual-time-budget=5000", "--dump-dom")
    assert [line for line in opened.stderr.splitlines() if "CONSOLE" in line] == []
    charts = re.findall(r"<svg.*?</svg>", opened.stdout, re.DOTALL)
    bars = [len(re.findall(r'<path [^>]*fill="var\(--[a-z0-9-]+\)"', chart)) for chart in charts]
    # seven runs; five outcomes of each, but of the one that a gate stopped; three reasons on each of twenty days;
    # ten SKUs, twice
    assert bars == [7, 31, 60, 10, 10]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_report_in_a_browser_is_not_blank(page: Path, scheme: str) -> None:
    picture = page.parent / "picture.png"
    dark = ["--blink-settings=preferredColorScheme=0"] if scheme == "dark" else []
    chromium(page, f"--screenshot={picture}", "--window-size=1280,2400", *dark)
    lines = scan_lines(picture)
    assert len(lines) == 2400
    # Of a blank page all lines are the same; text and bars make nearly each another.
    assert len(set(lines)) > 600


def scan_lines(picture: Path) -> list[bytes]:
    """The lines of a PNG as they are stored: each filtered, so that equal ones may differ once, at their beginning."""
    content = picture.read_bytes()
    assert content.startswith(b"\x89PNG")
    width, height, depth, colours = struct.unpack(">IIBB", content[16:26])
    assert depth == 8
    packed, place = b"", 8
    while place < len(content):
        size, kind = struct.unpack(">I4s", content[place : place + 8])
        packed += content[place + 8 : place + 8 + size] if kind == b"IDAT" else b""
        place += size + 12
    length = width * {2: 3, 6: 4}[colours] + 1
    raw = zlib.decompress(packed)
    assert len(raw) == height * length
    return [raw[start : start + length] for start in range(0, len(raw), length)]
