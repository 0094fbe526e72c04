"""From counts to tiles and tables. Every share says of how many; what was not measured is counted apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString

from callgauge.flow.overview import Figures
from callgauge.flow.overview_marks import Change
from callgauge.store.models import Metric
from callgauge.web import words
from callgauge.web.chips import unit_of
from callgauge.web.overview.links import Links
from callgauge.web.overview.plots import cost_plot, interruptions, latency, metric_plot, pass_rate, volume
from callgauge.web.overview.tallies import Tally, tallies_of
from callgauge.web.plots import sparkline

_UNMEASURED = "{} only because no metric of the rubric had a value"


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
    tallies = tallies_of(figures.buckets)
    rows = [_row(figures, metric, tallies.get(metric.pk, Tally()), chosen, links) for metric in metrics]
    shown = next((metric for metric in metrics if metric.pk == chosen), None)
    plots = [
        pass_rate(figures, changes, links),
        volume(figures, links),
        latency(figures, metrics, links),
        interruptions(figures, metrics, tallies, changes, links),
        cost_plot(figures, links),
    ]
    return {
        "tiles": _tiles(figures, tallies, links),
        "plots": [plot for plot in plots if plot is not None],
        "rows": rows,
        "agent_rows": _agent_rows(figures, links, agents),
        "metric_plot": None if shown is None else metric_plot(figures, shown, changes, links),
        "calls_total": sum(bucket.calls.calls for bucket in figures.buckets if bucket.calls),
    }


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
    tallies = [tallies_of([bucket]).get(metric.pk, Tally()) for bucket in figures.buckets]
    values = [one.share if whole.decided else one.mean for one in tallies]
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return SafeString("")
    high = 1.0 if whole.decided else max(known) or 1.0
    return sparkline(values, f"{metric.name} over time", low=min(0.0, *known), high=high)
