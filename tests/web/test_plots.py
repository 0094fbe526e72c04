"""Plots: drawn from zero, gaps stay gaps, text cannot become markup, numbers stand beside."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from callgauge.web.plots import Point, VersionMark, bar_plot, line_plot, sparkline
from callgauge.web.plots.plot import ticks


def test_ticks_are_round_and_cover() -> None:
    assert ticks(0, 0.97) == [0.0, 0.5, 1.0]
    assert ticks(3, 1480) == [0, 500, 1000, 1500]
    assert ticks(0, 5) == [0, 1, 2, 3, 4, 5]
    assert ticks(0, 7)[-1] == 8
    assert ticks(5, 5)[0] <= 5 <= ticks(5, 5)[-1]


def test_a_gap_is_a_gap() -> None:
    points = [Point("a", 0.5, 10), Point("b", None, 0), Point("c", 0.7, 8), Point("d", 0.9, 8)]
    plot = line_plot("Pass rate", points, summary="Pass rate by day")
    paths = [one for one in ElementTree.fromstring(plot.svg).iter("path") if one.get("class") == "line"]
    assert [path.get("d", "").count("L") for path in paths] == [0, 1]
    assert plot.rows[1] == ["b", "–", "0"]


def test_labels_cannot_become_markup() -> None:
    plot = bar_plot("<b>", ["<script>"], [("", [3])], summary='"><script>')
    assert "<script>" not in plot.svg
    ElementTree.fromstring(plot.svg)


def test_bars_start_at_zero() -> None:
    plot = bar_plot("Calls", ["a", "b"], [("before", [10, 20]), ("after", [0, 40])], summary="Calls")
    heights = [float(one) for one in re.findall(r'height="([\d.]+)"', plot.svg)]
    assert heights[1] == 0
    assert heights[3] == heights[0] * 4 == heights[2] * 2


def test_a_band_and_a_mark_are_drawn() -> None:
    points = [Point(str(i), 0.5, 10, 0.4, 0.6) for i in range(30)]
    plot = line_plot("Rate", points, summary="Rate", marks=[VersionMark(3, "version 2")])
    assert plot.svg.count('class="band"') == 1
    late = line_plot("Rate", points, summary="Rate", marks=[VersionMark(28, "version 3")])
    assert 'text-anchor="end" y=' in late.svg
    assert 'text-anchor="end" y="20"' not in plot.svg
    assert "version 2" in plot.svg
    assert plot.columns == ["", "Rate", "low", "high", "calls"]
    assert plot.svg.count('text-anchor="middle"') <= 8


def test_nothing_measured_is_no_fault() -> None:
    assert 'role="img"' in line_plot("Rate", [], summary="Nothing yet").svg
    assert 'class="dot"' not in sparkline([None, None], "nothing")
