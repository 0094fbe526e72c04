"""The plots of the overview, each with its numbers as a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from django.utils.html import format_html

from callgauge.domain.metrics import EvalType
from callgauge.engine.statistics import proportion
from callgauge.flow.overview import Bucket, Figures
from callgauge.flow.overview_marks import Change
from callgauge.store.models import Metric
from callgauge.web import words
from callgauge.web.chips import unit_of
from callgauge.web.overview.links import Links
from callgauge.web.overview.tallies import Tally, tallies_of
from callgauge.web.plots import Plot, Point, VersionMark, bar_plot, line_plot

INTERRUPTIONS = ("ai_interrupting_user", "interruption_score")
"""What is shown of interruptions: the first of these that has values."""
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


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


def pass_rate(figures: Figures, changes: Sequence[Change], links: Links) -> Plot:
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


def volume(figures: Figures, links: Links) -> Plot:
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


def latency(figures: Figures, metrics: Sequence[Metric], links: Links) -> Plot | None:
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


def interruptions(
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
                return metric_plot(figures, metric, changes, links)
    return None


def cost_plot(figures: Figures, links: Links) -> Plot | None:
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


def metric_plot(figures: Figures, metric: Metric, changes: Sequence[Change], links: Links) -> Plot:
    version = metric.current_version
    assert version is not None
    tallies = [tallies_of([bucket]).get(metric.pk, Tally()) for bucket in figures.buckets]
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
