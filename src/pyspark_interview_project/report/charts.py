"""Bars as SVG. Vega-Lite draws them here, so that the page needs no script. Colours are names that the page defines."""

from __future__ import annotations

from typing import Any

import vl_convert

from pyspark_interview_project.report.sections import Bars, shown

# In pixels of a page that is 1200 wide. A chart has room for six bars at least, so that few bars stay narrow.
_WIDTH, _WHOLE_WIDTH, _HEIGHT, _LYING_WIDTH, _BAR_STEP, _LEAST_SLOTS = 480, 1070, 190, 280, 24, 6
_INK = "currentColor"
_CONFIG: dict[str, Any] = {
    "aria": False,  # no text for each bar: the table beside the chart has the numbers
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        **{"labelColor": _INK, "titleColor": _INK, "labelOpacity": 0.75, "labelFontSize": 11, "title": None},
        **{"domainColor": _INK, "domainOpacity": 0.3, "tickColor": _INK, "tickOpacity": 0.3},
        **{"gridColor": _INK, "gridOpacity": 0.12},
    },
}


def as_svg(bars: Bars) -> str:
    """The chart as an SVG element. Its texts are escaped, and it fetches nothing."""
    spec = _lying(bars) if bars.lying_figures else _standing(bars)
    return vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])


def _spec(bars: Bars, **more: Any) -> dict[str, Any]:
    # Labels are found by position: several may be equal, and none may be read as an expression.
    labels = {"name": "labels", "value": [shown(label) for label in bars.labels]}
    return {"background": None, "config": _CONFIG, "params": [labels], **more}


def _values(bars: Bars) -> list[dict[str, Any]]:
    return [
        {"label": label, "series": position, "value": value}
        for position, series in enumerate(bars.series)
        for label, value in enumerate(series.values)
    ]


def _colour(bars: Bars) -> dict[str, Any]:
    colours = [f"var(--{series.colour})" for series in bars.series]
    scale = {"domain": list(range(len(colours))), "range": colours}
    return {"field": "series", "type": "nominal", "scale": scale, "legend": None}


def _label_axis(**more: Any) -> dict[str, Any]:
    axis = {"labelExpr": "labels[datum.value] || ''", "ticks": False, **more}
    return {"field": "label", "type": "ordinal", "sort": None, "axis": axis}


def _standing(bars: Bars) -> dict[str, Any]:
    slots = max(len(bars.labels), _LEAST_SLOTS)
    return _spec(
        bars,
        width=_WHOLE_WIDTH if bars.is_wide else _WIDTH,
        height=_HEIGHT,
        data={"values": [found for found in _values(bars) if found["value"]] or _values(bars)},
        mark={"type": "bar"},
        encoding={
            "x": _label_axis(labelAngle=0, labelOverlap="greedy", labelSeparation=8)
            | {"scale": {"domain": list(range(slots)), "paddingInner": 0.2}},
            "y": {"field": "value", "type": "quantitative", "axis": {"tickCount": 5, "domain": False, "ticks": False}},
            "color": _colour(bars),
            "order": {"field": "series", "type": "quantitative"},
        },
    )


def _lying(bars: Bars) -> dict[str, Any]:
    values = [found | {"figure": bars.lying_figures[found["label"]]} for found in _values(bars)]
    figures = {"type": "text", "align": "left", "dx": 5, "color": _INK, "fontSize": 11}
    return _spec(
        bars,
        width=_LYING_WIDTH,
        height={"step": _BAR_STEP},
        data={"values": values},
        encoding={
            "y": _label_axis(labelLimit=150, domain=False),
            "x": {"field": "value", "type": "quantitative", "axis": None},
        },
        layer=[
            {"mark": {"type": "bar"}, "encoding": {"color": _colour(bars)}},
            {"mark": figures, "encoding": {"text": {"field": "figure", "type": "nominal"}}},
        ],
    )
