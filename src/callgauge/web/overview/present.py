"""From counts to plots and tables. Every share says of how many; what was not measured is counted apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from callgauge.domain.metrics import EvalType
from callgauge.engine.statistics import proportion
from callgauge.flow.overview import Bucket, Figures
from callgauge.flow.overview_marks import Change
from callgauge.store.day_figures import ResultCounts
from callgauge.store.models import Metric
from callgauge.web import words
from callgauge.web.chips import unit_of
from callgauge.web.overview.links import Links
from callgauge.web.plots import Plot, Point, VersionMark, bar_plot, line_plot, sparkline

INTERRUPTIONS = ("ai_interrupting_user", "interruption_score")
"""What is shown of interruptions: the first of these that has values."""
_UNMEASURED = "{} only because no metric of the rubric had a value"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(slots=True)
class Tally:
    """The counts of one metric, over one bucket or all."""

    scored: int = 0
    skipped: int = 0
    failed: int = 0
    passed: int = 0
    decided: int = 0
    total: float = 0.0
    numbers: int = 0
    cost_usd: float = 0.0
    asked: int = 0
    priced: int = 0
    versions: set[int] = field(default_factory=set)

    def add(self, row: ResultCounts) -> None:
        for name in ("scored", "skipped", "failed", "passed", "decided", "total", "numbers"):
            setattr(self, name, getattr(self, name) + getattr(row, name))
        self.cost_usd += row.cost_usd
        self.asked += row.asked
        self.priced += row.priced if row.asked else 0
        if row.scored:
            self.versions.add(row.version_id)

    @property
    def unpriced(self) -> int:
        """Results that a judge was asked for at a price that is not known."""
        return max(0, self.asked - self.priced)

    @property
    def share(self) -> float | None:
        return self.passed / self.decided if self.decided else None

    @property
    def mean(self) -> float | None:
        return self.total / self.numbers if self.numbers else None


@dataclass(frozen=True, slots=True)
class MetricRow:
    id: int
    name: str
    address: str
    value: str
    of: str
    """How many results the value is of."""
    spark: SafeString
    tally: Tally
    cost: str
    mixed: bool
    fails: str
    """Addresses; empty where there is nothing to see."""
    not_computed: str
    skipped: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class AgentRow:
    name: str
    address: str
    """Of the overview of this agent alone; empty for calls of no agent."""
    calls: str
    rate: str
    of: str
    fails: str
    """Address of the calls that failed."""


@dataclass(frozen=True, slots=True)
class Tile:
    words: str
    value: str
    detail: str
    address: str = ""


def present(
    figures: Figures,
    metrics: Sequence[Metric],
    changes: Sequence[Change],
    chosen: int | None,
    links: Links,
    agents: Mapping[int, str],
) -> dict[str, Any]:
    tallies = _tallies(figures.buckets)
    rows = [_row(figures, metric, tallies.get(metric.pk, Tally()), chosen, links) for metric in metrics]
    shown = next((metric for metric in metrics if metric.pk == chosen), None)
    plots = [
        _pass_rate(figures, changes, links),
        _volume(figures, links),
        _latency(figures, metrics, links),
        _interruptions(figures, metrics, tallies, changes, links),
        _cost(figures, links),
    ]
    return {
        "tiles": _tiles(figures, tallies, links),
        "plots": [plot for plot in plots if plot is not None],
        "rows": rows,
        "agent_rows": _agent_rows(figures, links, agents),
        "metric_plot": None if shown is None else _metric_plot(figures, shown, changes, links),
        "calls_total": sum(bucket.calls.calls for bucket in figures.buckets if bucket.calls),
    }


def _tallies(buckets: Iterable[Bucket]) -> dict[int, Tally]:
    found: dict[int, Tally] = defaultdict(Tally)
    for bucket in buckets:
        for row in bucket.results:
            found[row.metric_id].add(row)
    return found


def _tiles(figures: Figures, tallies: Mapping[int, Tally], links: Links) -> list[Tile]:
    counts = [bucket.calls for bucket in figures.buckets if bucket.calls]
    calls = sum(one.calls for one in counts)
    passed, failed = sum(one.passed for one in counts), sum(one.failed for one in counts)
    reviewed = sum(one.reviewed for one in counts)
    unmeasured = sum(one.unmeasured for one in counts)
    decided = passed + failed
    said = f"{passed:,} of {decided:,} decided; {calls - decided:,} without a verdict"
    if unmeasured:
        said += f". {_UNMEASURED.format(words.plural(unmeasured, 'pass', 'passes'))}"
    scored = sum(one.scored for one in tallies.values())
    skipped, broken = (sum(getattr(one, name) for one in tallies.values()) for name in ("skipped", "failed"))
    asked = sum(one.asked for one in tallies.values())
    unknown = sum(one.unpriced for one in tallies.values())
    cost = sum(one.cost_usd for one in tallies.values())
    return [
        Tile("Calls", f"{calls:,}", f"{reviewed:,} reviewed by people", links.calls({})),
        Tile(
            "Pass rate",
            words.percent(passed / decided if decided else None),
            said,
            links.calls({"outcome": "fail"}) if failed else "",
        ),
        Tile("Results", f"{scored:,} scored", f"{skipped:,} skipped, {broken:,} not computed"),
        Tile("Cost", _money(cost, asked, unknown), _cost_words(asked, unknown)),
    ]


def _money(cost: float, asked: int, unknown: int) -> str:
    """Where the price of some is known, what they cost is the least."""
    return words.money(None if asked and unknown == asked else cost, unknown)


def _cost_words(asked: int, unknown: int) -> str:
    said = f"for {asked:,} results that a judge was asked for"
    return f"{said}, {unknown:,} of them at an unknown price" if unknown and unknown < asked else said


def _agent_rows(figures: Figures, links: Links, agents: Mapping[int, str]) -> list[AgentRow]:
    """Only where there are several: one agent is what the whole page shows."""
    if len(figures.agents) < 2:
        return []
    rows = []
    for agent_id, counts in sorted(figures.agents.items(), key=lambda one: -one[1].calls):
        decided = counts.passed + counts.failed
        known = agent_id is not None and agent_id in agents
        rows.append(
            AgentRow(
                agents[agent_id] if agent_id is not None and known else "no agent",
                links.overview(agent=agent_id) if known else "",
                f"{counts.calls:,}",
                words.percent(counts.passed / decided if decided else None),
                f"{counts.passed:,} of {decided:,}",
                links.calls({"outcome": "fail"}, agent_id=agent_id) if known and counts.failed else "",
            )
        )
    return rows


# --- plots ------------------------------------------------------------------------------------------------


def _label(name: str) -> str:
    """11-30 for a day, 18:00 for an hour."""
    return f"{name[11:]}:00" if len(name) > 10 else name[5:]


def _linked(rows: Sequence[Sequence[str]], figures: Figures, links: Links) -> list[Sequence[str]]:
    """The table's first column leads to the calls of the day."""
    return [
        [format_html('<a href="{}">{}</a>', links.calls({}, day=bucket.name), bucket.name), *row[1:]]
        for row, bucket in zip(rows, figures.buckets, strict=True)
    ]


def _marked(changes: Sequence[Change], most: int = 8) -> tuple[list[VersionMark], str]:
    """Marks as letters, and what they stand for: words would run into each other in the drawing."""
    by_index: dict[int, list[str]] = defaultdict(list)
    for change in changes:
        by_index[change.index].append(change.words)
    shown = sorted(by_index)[-most:]
    marks = [VersionMark(index, LETTERS[place]) for place, index in enumerate(shown)]
    said = [f"{LETTERS[place]}: {', '.join(by_index[index])}." for place, index in enumerate(shown)]
    left = len(by_index) - len(shown)
    return marks, " ".join([*said, *([f"{left} earlier changes are not marked."] if left > 0 else [])])


def _pass_rate(figures: Figures, changes: Sequence[Change], links: Links) -> Plot:
    points = []
    for bucket in figures.buckets:
        passed, failed = (bucket.calls.passed, bucket.calls.failed) if bucket.calls else (0, 0)
        rate = proportion(passed, passed + failed)
        low, high = (rate.interval.low, rate.interval.high) if rate.interval else (None, None)
        points.append(Point(_label(bucket.name), rate.value, passed + failed, low, high))
    marks, said = _marked(changes)
    plot = line_plot(
        "Pass rate",
        points,
        summary="Share of decided calls that passed, by time of the call",
        write=words.percent,
        ceiling=1.0,
        marks=marks,
        csv_address=links.csv,
        note=said,
    )
    rows = [
        [
            bucket.name,
            words.percent(point.value),
            _span(point),
            f"{point.n:,}",
            f"{bucket.calls.unmeasured if bucket.calls else 0:,}",
            f"{_open(bucket):,}",
        ]
        for bucket, point in zip(figures.buckets, points, strict=True)
    ]
    columns = ["", "Pass rate", "95 % interval", "Decided", "Passed without a value", "No verdict"]
    return replace(plot, columns=columns, rows=_linked(rows, figures, links))


def _span(point: Point) -> str:
    if point.low is None:
        return "–"
    return f"{words.percent(point.low)} to {words.percent(point.high)}"


def _open(bucket: Bucket) -> int:
    calls = bucket.calls
    return calls.calls - calls.passed - calls.failed if calls else 0


def _volume(figures: Figures, links: Links) -> Plot:
    parts = [
        (bucket.calls.passed, bucket.calls.failed, _open(bucket)) if bucket.calls else (0, 0, 0)
        for bucket in figures.buckets
    ]
    plot = bar_plot(
        "Calls",
        [_label(bucket.name) for bucket in figures.buckets],
        [
            (name, [part[place] for part in parts])
            for place, name in enumerate(("passed", "failed", "no verdict"))
        ],
        summary="Calls by time: passed, failed, and without a verdict",
        stacked=True,
        csv_address=links.csv,
    )
    return replace(plot, rows=_linked(plot.rows, figures, links))


def _latency(figures: Figures, metrics: Sequence[Metric], links: Links) -> Plot | None:
    ids = {one.metric_id for bucket in figures.buckets for one in bucket.quantiles}
    metric = next((metric for metric in metrics if metric.pk in ids), None)
    if metric is None:
        return None
    points, rows = [], []
    for bucket in figures.buckets:
        found = next((one for one in bucket.quantiles if one.metric_id == metric.pk), None)
        if found is None:
            points.append(Point(_label(bucket.name), None, 0))
            rows.append([bucket.name, "–", "–", "–", "0"])
            continue
        half, ninety, most = found.values
        points.append(Point(_label(bucket.name), half, found.n, half, most))
        rows.append(
            [bucket.name, *(words.number(round(one)) for one in (half, ninety, most)), f"{found.n:,}"]
        )
    plot = line_plot(
        f"{metric.name}: median, and up to the 95th percentile",
        points,
        summary=f"Median of {metric.name} over the calls, with a band up to the 95th percentile",
        csv_address=links.csv,
        note="Each call counts with its own mean.",
    )
    return replace(plot, columns=["", "Median", "90th", "95th", "Calls"], rows=_linked(rows, figures, links))


def _interruptions(
    figures: Figures,
    metrics: Sequence[Metric],
    tallies: Mapping[int, Tally],
    changes: Sequence[Change],
    links: Links,
) -> Plot | None:
    for built_in in INTERRUPTIONS:
        for metric in metrics:
            version = metric.current_version
            if version is not None and version.built_in == built_in and tallies[metric.pk].numbers:
                return _metric_plot(figures, metric, changes, links)
    return None


def _cost(figures: Figures, links: Links) -> Plot | None:
    costs = [sum(row.cost_usd for row in bucket.results) for bucket in figures.buckets]
    if not any(costs):
        return None
    plot = bar_plot(
        "Cost by day of the call" if not figures.window.hourly else "Cost by hour of the call",
        [_label(bucket.name) for bucket in figures.buckets],
        [("", costs)],
        summary="What the current results of the calls cost, in US dollars",
        write=words.money,
        csv_address=links.csv,
        note="Of the results that count now. What replaced results cost stands with their reruns.",
    )
    return replace(plot, rows=_linked(plot.rows, figures, links))


def _metric_plot(figures: Figures, metric: Metric, changes: Sequence[Change], links: Links) -> Plot:
    version = metric.current_version
    assert version is not None
    tallies = [_tallies([bucket]).get(metric.pk, Tally()) for bucket in figures.buckets]
    binary = any(one.decided for one in tallies)
    unit = unit_of(version.eval_type, version.built_in)
    points = [
        _metric_point(bucket, one, binary) for bucket, one in zip(figures.buckets, tallies, strict=True)
    ]
    own = [change for change in changes if change.metric_id == metric.pk]
    marks, said = _marked(own)
    mixed = len(set().union(*(one.versions for one in tallies))) > 1
    plot = line_plot(
        f"{metric.name}: {'share that passed' if binary else 'mean'}{f' ({unit})' if unit else ''}",
        points,
        summary=f"{metric.name} by time of the call",
        write=words.percent if binary else words.number,
        ceiling=1.0 if binary else 5.0 if version.eval_type == EvalType.RATING else None,
        marks=marks,
        csv_address=links.csv,
        note=f"{said} Several versions of the metric stand in this line." if mixed else said,
    )
    rows = [
        [
            bucket.name,
            (words.percent if binary else words.number)(point.value),
            f"{one.scored:,}",
            f"{one.skipped:,}",
            f"{one.failed:,}",
        ]
        for bucket, point, one in zip(figures.buckets, points, tallies, strict=True)
    ]
    columns = ["", "Passed" if binary else "Mean", "Scored", "Skipped", "Not computed"]
    return replace(plot, columns=columns, rows=_linked(rows, figures, links))


def _metric_point(bucket: Bucket, tally: Tally, binary: bool) -> Point:
    if not binary:
        return Point(_label(bucket.name), tally.mean, tally.numbers)
    rate = proportion(tally.passed, tally.decided)
    low, high = (rate.interval.low, rate.interval.high) if rate.interval else (None, None)
    return Point(_label(bucket.name), rate.value, tally.decided, low, high)


# --- the table of metrics ---------------------------------------------------------------------------------


def _row(figures: Figures, metric: Metric, tally: Tally, chosen: int | None, links: Links) -> MetricRow:
    version = metric.current_version
    unit = unit_of(version.eval_type, version.built_in) if version is not None else ""
    if tally.decided:
        value, of = words.percent(tally.share), f"{tally.passed:,} of {tally.decided:,}"
    elif tally.numbers:
        value, of = words.number(tally.mean, unit), f"mean of {tally.numbers:,}"
    else:
        value, of = "–", f"{tally.scored:,} labels" if tally.scored else ""
    return MetricRow(
        id=metric.pk,
        name=metric.name,
        address=f"{links.overview(metric=metric.pk)}#metric",
        value=value,
        of=of,
        spark=_spark(figures, metric, tally),
        tally=tally,
        cost=_money(tally.cost_usd, tally.asked, tally.unpriced) if tally.asked else "–",
        mixed=len(tally.versions) > 1,
        fails=links.metric(metric.pk, "fail") if tally.decided > tally.passed else "",
        not_computed=links.metric(metric.pk, "failed") if tally.failed else "",
        skipped=links.metric(metric.pk, "skipped") if tally.skipped else "",
        chosen=metric.pk == chosen,
    )


def _spark(figures: Figures, metric: Metric, whole: Tally) -> SafeString:
    tallies = [_tallies([bucket]).get(metric.pk, Tally()) for bucket in figures.buckets]
    values = [one.share if whole.decided else one.mean for one in tallies]
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return SafeString("")
    high = 1.0 if whole.decided else max(known) or 1.0
    return sparkline(values, f"{metric.name} over time", low=min(0.0, *known), high=high)
