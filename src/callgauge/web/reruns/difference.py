"""What a rerun changed, as a page shows it: tables, plots, and the flips with both sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from callgauge.domain.metrics import EvalType
from callgauge.domain.money import cost_words
from callgauge.web import words
from callgauge.web.plots import Plot, bar_plot


@dataclass(frozen=True, slots=True)
class Cell:
    count: int
    is_same: bool


@dataclass(frozen=True, slots=True)
class Table:
    """Rows before, columns after."""

    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell]]]


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a table of figures: a name, before, after, and the change."""

    name: str
    n: int
    before: str
    after: str
    change: str = ""


@dataclass(frozen=True, slots=True)
class FlipSide:
    words: str
    explanation: Sequence[str]
    low_trust: bool
    may_be_right: bool


@dataclass(frozen=True, slots=True)
class Flip:
    call_log_id: int
    call_id: str
    before: FlipSide
    after: FlipSide
    said: str
    """What a person said of it; empty where nobody did."""


@dataclass(frozen=True, slots=True)
class Part:
    """One metric's part of the page."""

    metric_id: int
    name: str
    versions: str
    words: str
    cost: str
    """Empty where no judge was asked."""
    changed: Sequence[Mapping[str, Any]]
    table: Table | None
    rates: Sequence[Line]
    numbers: Sequence[Line]
    plot: Plot | None
    people: Sequence[Line]
    flips: Sequence[Flip]
    flips_total: int


def present_parts(difference: Mapping[str, Any], csv_address: str) -> list[Part]:
    return [_part(one, csv_address) for one in difference["metrics"]]


def _part(one: Mapping[str, Any], csv_address: str) -> Part:
    before, after = one["before_version"], one["after_version"]
    versions = f"version {after}" if before in (None, after) else f"version {before} to {after}"
    return Part(
        metric_id=one["id"],
        name=one["name"],
        versions=versions + (" (nothing of it changed)" if one["unchanged"] and one["n"] else ""),
        words=one["words"],
        cost=_cost(one),
        changed=one["changed"],
        table=_table(one),
        rates=_rates(one),
        numbers=_numbers(one),
        plot=_plot(one, csv_address),
        people=_people(one["people"]),
        flips=[_flip(flip) for flip in one["flipped_calls"]],
        flips_total=one["flipped_calls_total"],
    )


def _cost(one: Mapping[str, Any]) -> str:
    before, after = ((one[f"cost_{side}_usd"], one[f"unpriced_{side}"]) for side in ("before", "after"))
    if not any((*before, *after)):
        return ""
    was = f", before {cost_words(*before)}" if one["before_version"] is not None else ""
    return f"Cost of these results: {cost_words(*after)}{was}."


def _table(one: Mapping[str, Any]) -> Table | None:
    if one["table"] and one["n"]:
        cells = one["table"]
        rows = [[cells["both"], cells["lost"]], [cells["gained"], cells["neither"]]]
        return _counted(["pass", "fail"], rows)
    if one["labels"] and one["n"]:
        labels, counts = one["labels"]["labels"], one["labels"]["counts"]
        used = [
            place for place in range(len(labels)) if any(counts[place]) or any(row[place] for row in counts)
        ]
        rows = [[counts[row][column] for column in used] for row in used]
        return _counted([str(labels[place]) for place in used], rows)
    return None


def _counted(names: Sequence[str], rows: Sequence[Sequence[int]]) -> Table:
    return Table(
        names,
        [
            (name, [Cell(count, row == column) for column, count in enumerate(counts)])
            for row, (name, counts) in enumerate(zip(names, rows, strict=True))
        ],
    )


def _rates(one: Mapping[str, Any]) -> list[Line]:
    """The pass rate of all, and of each agent where there are several."""
    if not one["n"] or not one["pass_rate_before"]:
        return []
    change = ""
    if one["change_interval"]:
        low, high = (_points(one["change_interval"][end]) for end in ("low", "high"))
        change = f"{_points(one['change'])} ({low} to {high})"
    lines = [Line("All", one["n"], _share(one["pass_rate_before"]), _share(one["pass_rate_after"]), change)]
    if len(one["agents"]) > 1:
        lines += [
            Line(
                agent["name"] or "no agent",
                agent["before"]["n"],
                _share(agent["before"]),
                _share(agent["after"]),
            )
            for agent in one["agents"]
        ]
    return lines


def _numbers(one: Mapping[str, Any]) -> list[Line]:
    found = one["numbers"]
    if not found or not found["n"]:
        return []
    change = f"{found['change']:+.3g}"
    if found["interval"]:
        change += f" ({found['interval']['low']:+.3g} to {found['interval']['high']:+.3g})"
    return [Line("Mean", found["n"], words.number(found["before"]), words.number(found["after"]), change)]


def _plot(one: Mapping[str, Any], csv_address: str) -> Plot | None:
    found = one["distribution"]
    if not found:
        return None
    edges = found["edges"]
    rating = one["type"] == EvalType.RATING
    if rating:
        labels = [str(number) for number in range(len(edges) - 1)]
    else:
        labels = [f"{edge:g}" for edge in edges[:-1]]
    n, width = sum(found["before"]), edges[1] - edges[0]
    return bar_plot(
        f"{one['name']}: how the values are spread, n = {n}",
        labels,
        [("before", found["before"]), ("after", found["after"])],
        summary=f"Counts of calls by value, before and after, for {n} calls that were scored both times.",
        csv_address=csv_address,
        note="Of two bars, the left one is before and the right one after."
        + ("" if rating else f" They hold the values from their number on, {width:g} wide."),
    )


def _people(found: Mapping[str, Any] | None) -> list[Line]:
    """On the calls that people have judged."""
    if not found:
        return []
    n = found["n"]
    lines = [Line("Right", n, f"{found['right_before']} of {n}", f"{found['right_after']} of {n}")]
    kappa = found["kappa"]
    if kappa:
        change = "" if kappa["change"] is None else f"{kappa['change']:+.2f}"
        if kappa["interval"]:
            change += f" ({kappa['interval']['low']:+.2f} to {kappa['interval']['high']:+.2f})"
        elif kappa["change"] is not None:
            change += " (too few for an interval)"
        lines.append(Line("Kappa", kappa["n"], _kappa(kappa["before"]), _kappa(kappa["after"]), change))
    return lines


def _kappa(found: Mapping[str, Any]) -> str:
    if found["value"] is None:
        return "undefined"
    return f"{found['value']:.2f}" + _interval(found["interval"], "{:.2f}")


def _share(found: Mapping[str, Any]) -> str:
    if found["value"] is None:
        return "–"
    if not found["interval"]:
        return f"{found['count']} of {found['n']}"
    return words.percent(found["value"]) + _interval(found["interval"], "{:.0%}")


def _interval(found: Mapping[str, float] | None, written: str) -> str:
    return f" ({written.format(found['low'])} to {written.format(found['high'])})" if found else ""


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"


def _flip(flip: Mapping[str, Any]) -> Flip:
    said = ""
    if flip["reviewed"]:
        said = _value(flip["expected_value"]) if flip["expected_value"] is not None else "not applicable"
    return Flip(flip["call_log_id"], flip["call_id"], _side(flip["before"]), _side(flip["after"]), said)


def _side(side: Mapping[str, Any]) -> FlipSide:
    shown = side["outcome"].replace("_", " ") if side["value"] is None else _value(side["value"])
    answered = side["outcome"] in ("scored", "not_applicable")
    return FlipSide(shown, list(map(str, side["explanation"])), side["low_trust"], answered)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "pass" if value else "fail"
    return words.number(value) if isinstance(value, (int, float)) else str(value)
