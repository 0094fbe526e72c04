"""Lines: values in order, gaps where nothing was measured, a band where it is known how sure they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.utils.safestring import SafeString

from callgauge.web import words
from callgauge.web.plots.plot import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Plot,
    Scale,
    across,
    drawing,
    element,
    label_step,
    ticks,
)

SPARK_WIDTH, SPARK_HEIGHT = 96, 20


@dataclass(frozen=True, slots=True)
class Point:
    label: str
    """Under the axis: a day, a version."""
    value: float | None
    """None where nothing was measured: a gap in the line, never a zero."""
    n: int
    """How many calls it stands for."""
    low: float | None = None
    high: float | None = None
    """The band, where it is known."""


@dataclass(frozen=True, slots=True)
class VersionMark:
    """Something changed before the point of this index."""

    index: int
    words: str


def line_plot(
    title: str,
    points: Sequence[Point],
    *,
    summary: str,
    write: Callable[[float | None], str] = words.number,
    marks: Sequence[VersionMark] = (),
    floor: float | None = 0.0,
    ceiling: float | None = None,
    csv_address: str = "",
    note: str = "",
) -> Plot:
    """`write` says a value in words, for the axis, the points and the table."""
    shown = [edge for point in points for edge in (point.value, point.low, point.high) if edge is not None]
    low = min([*shown, *([] if floor is None else [floor])], default=0.0)
    high = max([*shown, *([] if ceiling is None else [ceiling])], default=1.0)
    steps = ticks(low, high if high > low else low + 1.0)
    up = Scale(steps[0], steps[-1], HEIGHT - BOTTOM, TOP)
    along = Scale(0, max(1, len(points) - 1), LEFT + 8, WIDTH - RIGHT - 8)
    parts = [
        *across(up, steps, [write(step) for step in steps]),
        *_band(points, along, up),
        *_marks(marks, along),
        *_line(points, along, up),
        *_dots(points, along, up, write),
        *_labels(points, along),
    ]
    banded = any(point.low is not None for point in points)
    return Plot(
        title=title,
        summary=summary,
        svg=drawing(parts, summary),
        columns=["", title, *(["low", "high"] if banded else []), "calls"],
        rows=[
            [
                point.label,
                write(point.value),
                *([write(point.low), write(point.high)] if banded else []),
                f"{point.n:,}",
            ]
            for point in points
        ],
        csv_address=csv_address,
        note=note,
    )


def sparkline(
    values: Sequence[float | None], label: str, *, low: float = 0.0, high: float = 1.0
) -> SafeString:
    """A line for a row of a table; `label` says it in words."""
    up = Scale(low, high, SPARK_HEIGHT - 2, 2)
    along = Scale(0, max(1, len(values) - 1), 2, SPARK_WIDTH - 2)
    parts = [element("path", d=path, class_="line") for path in _paths(values, along, up)]
    last = next((i for i in range(len(values) - 1, -1, -1) if values[i] is not None), None)
    if last is not None:
        value = values[last]
        assert value is not None
        parts.append(element("circle", cx=along.at(last), cy=up.at(value), r=2, class_="dot"))
    return element(
        "svg",
        SafeString("".join(parts)),
        class_="spark",
        viewBox=f"0 0 {SPARK_WIDTH} {SPARK_HEIGHT}",
        width=SPARK_WIDTH,
        height=SPARK_HEIGHT,
        role="img",
        aria_label=label,
    )


def _paths(values: Sequence[float | None], along: Scale, up: Scale) -> list[str]:
    """One path for each stretch without a gap."""
    paths: list[str] = []
    started = False
    for index, value in enumerate(values):
        if value is None:
            started = False
            continue
        place = f"{along.at(index)} {up.at(value)}"
        if started:
            paths[-1] += f"L{place}"
        else:
            paths.append(f"M{place}")
        started = True
    return paths


def _line(points: Sequence[Point], along: Scale, up: Scale) -> list[SafeString]:
    return [element("path", d=path, class_="line") for path in _paths([p.value for p in points], along, up)]


def _band(points: Sequence[Point], along: Scale, up: Scale) -> list[SafeString]:
    known = [(i, p.low, p.high) for i, p in enumerate(points) if p.low is not None and p.high is not None]
    if len(known) < 2:
        return [
            element("line", x1=along.at(i), x2=along.at(i), y1=up.at(low), y2=up.at(high), class_="whisker")
            for i, low, high in known
        ]
    over = "L".join(f"{along.at(i)} {up.at(high)}" for i, _, high in known)
    under = "L".join(f"{along.at(i)} {up.at(low)}" for i, low, _ in reversed(known))
    return [element("path", d=f"M{over}L{under}Z", class_="band")]


def _marks(marks: Sequence[VersionMark], along: Scale) -> list[SafeString]:
    parts = []
    for mark in marks:
        x = along.at(mark.index - 0.5 if mark.index else 0)
        parts.append(
            element(
                "line", element("title", mark.words), x1=x, x2=x, y1=TOP, y2=HEIGHT - BOTTOM, class_="mark"
            )
        )
        late = x > WIDTH * 0.75  # its words would leave the drawing at the right
        place = {"x": x - 4, "text_anchor": "end"} if late else {"x": x + 4}
        parts.append(element("text", mark.words, **place, y=TOP + 8, class_="tick"))
    return parts


def _dots(
    points: Sequence[Point], along: Scale, up: Scale, write: Callable[[float | None], str]
) -> list[SafeString]:
    return [
        element(
            "circle",
            element("title", f"{p.label}: {write(p.value)}, {words.plural(p.n, 'call')}"),
            cx=along.at(i),
            cy=up.at(p.value),
            r=3,
            class_="dot",
        )
        for i, p in enumerate(points)
        if p.value is not None
    ]


def _labels(points: Sequence[Point], along: Scale) -> list[SafeString]:
    """At most so many that they do not run into each other."""
    step = label_step(len(points))
    return [
        element("text", point.label, x=along.at(i), y=HEIGHT - 8, text_anchor="middle", class_="tick")
        for i, point in enumerate(points)
        if i % step == 0
    ]
