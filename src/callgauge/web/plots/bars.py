"""Bars: counts or shares side by side, always from zero."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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


def bar_plot(
    title: str,
    labels: Sequence[str],
    series: Sequence[tuple[str, Sequence[float]]],
    *,
    summary: str,
    write: Callable[[float | None], str] = words.number,
    csv_address: str = "",
    note: str = "",
    stacked: bool = False,
) -> Plot:
    """One group of bars for each label, one bar in it for each of the named series (at most three): side by
    side, or one on the other."""
    highest = _highest(series, stacked=stacked)
    steps = ticks(0.0, highest or 1.0)
    up = Scale(0.0, steps[-1], HEIGHT - BOTTOM, TOP)
    group = (WIDTH - LEFT - RIGHT) / max(1, len(labels))
    width = min(32.0, group * 0.8 / (1 if stacked else max(1, len(series))))
    parts = across(up, steps, [write(step) for step in steps])
    for index, label in enumerate(labels):
        middle = LEFT + group * (index + 0.5)
        below = 0.0
        for order, (name, values) in enumerate(series):
            value = values[index]
            said = f"{label}, {name}: {write(value)}" if name else f"{label}: {write(value)}"
            parts.append(
                element(
                    "rect",
                    element("title", said),
                    x=round(middle + width * (-0.5 if stacked else order - len(series) / 2), 1),
                    y=up.at(below + value),
                    width=round(max(1.0, width - 1), 1),
                    height=round(up.at(below) - up.at(below + value), 1),
                    class_=f"bar bar-{order}",
                )
            )
            below += value if stacked else 0.0
        if index % label_step(len(labels)):
            continue
        parts.append(
            element("text", label, x=round(middle, 1), y=HEIGHT - 8, text_anchor="middle", class_="tick")
        )
    return Plot(
        title=title,
        summary=summary,
        svg=drawing(parts, summary),
        columns=["", *(name or title for name, _ in series)],
        rows=[[label, *(write(values[i]) for _, values in series)] for i, label in enumerate(labels)],
        csv_address=csv_address,
        legend=[name for name, _ in series] if len(series) > 1 else [],
        note=note,
    )


def _highest(series: Sequence[tuple[str, Sequence[float]]], *, stacked: bool) -> float:
    if stacked:
        return max(
            (sum(values) for values in zip(*(values for _, values in series), strict=True)), default=0.0
        )
    return max((value for _, values in series for value in values), default=0.0)
