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
) -> Plot:
    """One group of bars for each label, one bar in it for each of the named series (at most three)."""
    highest = max((value for _, values in series for value in values), default=0.0)
    steps = ticks(0.0, highest or 1.0)
    up = Scale(0.0, steps[-1], HEIGHT - BOTTOM, TOP)
    group = (WIDTH - LEFT - RIGHT) / max(1, len(labels))
    width = min(32.0, group * 0.8 / max(1, len(series)))
    parts = across(up, steps, [write(step) for step in steps])
    for index, label in enumerate(labels):
        middle = LEFT + group * (index + 0.5)
        for order, (name, values) in enumerate(series):
            value = values[index]
            said = f"{label}, {name}: {write(value)}" if name else f"{label}: {write(value)}"
            parts.append(
                element(
                    "rect",
                    element("title", said),
                    x=round(middle + width * (order - len(series) / 2), 1),
                    y=up.at(value),
                    width=round(width - 1, 1),
                    height=round(HEIGHT - BOTTOM - up.at(value), 1),
                    class_=f"bar bar-{order}",
                )
            )
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
        note=note,
    )
