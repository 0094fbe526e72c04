"""A metric's trend as a drawing and as words, with what it leaves out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.safestring import SafeString

from callgauge.domain.metrics import EvalType
from callgauge.flow.metric_trends import DAYS, STEPS, Trend, Window
from callgauge.store.models import MetricVersion
from callgauge.web import words
from callgauge.web.chips import unit_of
from callgauge.web.plots import Plot, Point, VersionMark, line_plot, sparkline


@dataclass(frozen=True, slots=True)
class ShownTrend:
    spark: SafeString | None
    """None where there is nothing to draw."""
    value: str
    of: str
    """What it is over, in numbers."""
    left_out: str
    mixed: int
    """Versions whose results are in it."""


def present_trend(trend: Trend, version: MetricVersion) -> ShownTrend:
    value = value_words(trend, version)
    of = f"of {trend.n:,}" if trend.eval_type in (EvalType.BINARY, EvalType.ENUM) else f"over {trend.n:,}"
    low, high = _range(trend)
    label = f"Over time: {value} {of} results"
    spark = sparkline(trend.values, label, low=low, high=high) if trend.n else None
    return ShownTrend(
        spark=spark,
        value=value,
        of=of if trend.n else "",
        left_out=left_out_words(trend),
        mixed=len(trend.versions),
    )


def value_words(trend: Trend, version: MetricVersion) -> str:
    if trend.overall is None:
        return "not measured"
    match trend.eval_type:
        case EvalType.BINARY:
            return f"{words.percent(trend.overall)} pass"
        case EvalType.ENUM:
            return f"{words.percent(trend.overall)} {trend.label}"
        case EvalType.RATING | EvalType.NUMERIC:
            return f"mean {words.number(trend.overall, unit_of(version.eval_type, version.built_in))}"


def left_out_words(trend: Trend) -> str:
    missing = trend.calls - trend.n - trend.inapplicable - trend.skipped - trend.failed - trend.other_kind
    parts = (
        (trend.inapplicable, "not applicable"),
        (trend.failed, "not computed"),
        (trend.skipped, "skipped"),
        (trend.other_kind, "of another kind"),
        (missing, "not measured"),
    )
    return ", ".join(f"{count:,} {said}" for count, said in parts if count > 0)


def window_words(window: Window) -> str:
    if window.is_cut:
        return f"The newest {len(window.calls):,} calls, back to {window.since:%Y-%m-%d %H:%M} UTC"
    return f"The {words.plural(len(window.calls), 'call')} of the last {DAYS} days"


def trend_plot(
    trend: Trend, version: MetricVersion, window: Window, measured: Sequence[MetricVersion]
) -> Plot:
    """`measured`: the versions whose results are in it, the oldest first."""
    shares = trend.eval_type in (EvalType.BINARY, EvalType.ENUM)
    title = {EvalType.BINARY: "Pass rate", EvalType.ENUM: f"Share of “{trend.label}”"}.get(
        trend.eval_type, "Mean"
    )
    summary = f"{title} over time: {value_words(trend, version)}, {words.plural(trend.n, 'result')}"
    notes = [f"{window_words(window)}; machine's results."]
    if trend.calls > trend.n:
        calls = words.plural(trend.calls, "call")
        notes.append(f"Of {calls}: {trend.n:,} with a value, {left_out_words(trend)}.")
    if len(measured) > 1:
        numbers = ", ".join(str(one.number) for one in measured)
        notes.append(f"Results of versions {numbers} are mixed.")
    form = "%m-%d" if (window.until - window.since).days >= 2 else "%H:%M"
    return line_plot(
        title,
        [
            Point(f"{start:{form}}", trend.value(step), step.n)
            for start, step in zip(window.starts(), trend.steps, strict=True)
        ],
        summary=summary,
        marks=_marks(measured, window),
        write=words.percent if shares else words.number,
        ceiling=1.0 if shares else 5.0 if trend.eval_type is EvalType.RATING else None,
        note=" ".join(notes),
    )


def _marks(measured: Sequence[MetricVersion], window: Window) -> list[VersionMark]:
    """Where a version came. A rerun may have measured calls from before it was made."""
    width = (window.until - window.since) / STEPS
    return [
        VersionMark(min(STEPS - 1, int((one.created_at - window.since) / width)), f"version {one.number}")
        for one in measured
        if one.created_at > window.since
    ]


def _range(trend: Trend) -> tuple[float, float]:
    """Shares and ratings on their whole scale; numbers on that of what was found."""
    if trend.eval_type is EvalType.RATING:
        return 0.0, 5.0
    if trend.eval_type is not EvalType.NUMERIC:
        return 0.0, 1.0
    found = [value for value in trend.values if value is not None]
    low, high = min(found, default=0.0), max(found, default=1.0)
    return (low, high) if high > low else (low - 1, high + 1)
