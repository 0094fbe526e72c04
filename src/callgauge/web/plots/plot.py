"""What a plot is, and what all of them are drawn with."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

WIDTH, HEIGHT = 640, 200
LEFT, RIGHT, TOP, BOTTOM = 66, 12, 12, 24
"""Room around the drawing for the labels of the axes, in the units of the view box."""


@dataclass(frozen=True, slots=True)
class Plot:
    title: str
    summary: str
    """What it shows in one sentence: the words for whoever does not see the drawing."""
    svg: SafeString
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    csv_address: str = ""
    legend: Sequence[str] = ()
    """Names of the series, where there are several."""
    note: str = ""
    """Of partial coverage or mixed versions: shown under the drawing."""


MAX_LABELS = 8
"""Under an axis: more would run into each other."""


def label_step(count: int) -> int:
    """Every how many-th label is written."""
    return max(1, -(-count // MAX_LABELS))


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to places along an axis."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low or 1.0)
        return round(self.start + share * (self.end - self.start), 1)


def element(name: str, content: str = "", /, **attributes: object) -> SafeString:
    """One SVG element; `_` in a name stands for `-`, and a name that Python keeps to itself ends in one."""
    shown = format_html_join(
        "",
        ' {}="{}"',
        (
            (key.rstrip("_").replace("_", "-"), value)
            for key, value in attributes.items()
            if value is not None
        ),
    )
    return format_html("<{}{}>{}</{}>", mark_safe(name), shown, conditional_escape(content), mark_safe(name))  # noqa: S308


def joined(parts: Iterable[SafeString]) -> SafeString:
    return format_html_join("", "{}", ((part,) for part in parts))


def drawing(parts: Iterable[SafeString], label: str, width: int = WIDTH, height: int = HEIGHT) -> SafeString:
    return element(
        "svg", joined(parts), class_="plot-svg", viewBox=f"0 0 {width} {height}", role="img", aria_label=label
    )


def ticks(low: float, high: float, wanted: int = 4) -> list[float]:
    """Round numbers that cover low to high, by steps of 1, 2 or 5 times a power of ten. One step more than
    wanted is better than an end beyond what there is: a rating's scale ends at 5."""
    span = (high - low) or abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(span / wanted))
    steps = [factor * power for factor in (1, 2, 5, 10) if span / (factor * power) <= wanted + 1]
    step = next(step for step in steps if span / step <= wanted)
    if not _ends_on(step, low, high) and _ends_on(steps[0], low, high):
        step = steps[0]
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(number * step, 10) for number in range(first, last + 1)]


def _ends_on(step: float, low: float, high: float) -> bool:
    return all(math.isclose(end / step, round(end / step), abs_tol=1e-9) for end in (low, high))


def across(scale: Scale, values: Sequence[float], labels: Sequence[str]) -> list[SafeString]:
    """Horizontal grid lines with their labels at the left."""
    parts = []
    for value, label in zip(values, labels, strict=True):
        y = scale.at(value)
        parts.append(element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="grid"))
        parts.append(element("text", label, x=LEFT - 6, y=y + 4, text_anchor="end", class_="tick"))
    return parts
