"""What a rerun would do, before anything is done: how each result stands, and what it would cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from callgauge.domain.metrics import MetricSpec
from callgauge.domain.outcomes import SkipReason
from callgauge.engine.identity import may_ask
from callgauge.flow.estimates import Estimate, Estimator
from callgauge.flow.knowledge_base import documents_of
from callgauge.flow.metrics import spec_of
from callgauge.flow.prices import check_cap
from callgauge.flow.rerun import Terms, chosen_versions, named
from callgauge.flow.reuse import Because, CallFacts, Standing, Standings, State, stored_parts, takes_over
from callgauge.flow.sampling import stay_out
from callgauge.flow.selection import Selection, check_calls, check_list, pages_of
from callgauge.flow.work import agent_facts, known_results
from callgauge.store.models import Agent, CallLog, CallPayload, MetricVersion, Rerun, RerunKind

PAGE: Final = 500
PILOT_CALLS: Final = 20
_NOT_APPLICABLE: Final = frozenset({SkipReason.NOT_APPLICABLE.value, SkipReason.TRIGGER_NOT_MET.value})
_NO_RECORDING: Final = frozenset({SkipReason.NO_RECORDING.value, SkipReason.MONO_RECORDING.value})
STATES: Final = (
    *(State.NEW.value, State.CHANGED.value, State.FAILED.value, State.CURRENT.value),
    *("not_applicable", "missing_recording", "sampled_out"),
)
"""How a metric stands on a call. The last three are of results that are current too."""


@dataclass(slots=True)
class MetricPlan:
    version: MetricVersion
    states: Counter[str] = field(default_factory=Counter)
    because: Counter[str] = field(default_factory=Counter)
    """Of those changed: what is not as it was."""
    to_measure: list[int] = field(default_factory=list)
    """Ids of calls."""
    reused: int = 0
    estimate: Estimate = field(default_factory=Estimate)


@dataclass(frozen=True, slots=True)
class Plan:
    agent: Agent
    calls: int
    reuse: str
    metrics: Sequence[MetricPlan]
    estimate: Estimate

    @property
    def to_measure(self) -> int:
        return sum(len(one.to_measure) for one in self.metrics)

    @property
    def reused(self) -> int:
        return sum(one.reused for one in self.metrics)

    @property
    def states(self) -> Counter[str]:
        return sum((one.states for one in self.metrics), Counter())

    def pilot(self) -> list[int]:
        """Calls spread over those that have something to measure."""
        ids = sorted({call_id for one in self.metrics for call_id in one.to_measure})
        most = min(PILOT_CALLS, len(ids))
        return [ids[place * len(ids) // most] for place in range(most)]


def plan_for(agent: Agent, selection: Selection, metric_ids: Collection[int] | None, terms: Terms) -> Plan:
    """Raises Invalid as asking for the rerun would."""
    if selection.ids is not None:
        selection = Selection(ids=tuple(dict.fromkeys(selection.ids)))
        check_list(selection.ids or ())
        check_calls(agent, selection.ids or ())
    versions = chosen_versions(agent, metric_ids)
    check_cap([spec_of(version) for version in versions], terms.max_cost_usd)
    rerun = Rerun(kind=RerunKind.RERUN, reuse=terms.reuse, selection=named(metric_ids))
    specs = [spec_of(version) for version in versions]
    looking = _Looking(agent, specs, rerun)
    metrics = {version.metric_id: MetricPlan(version) for version in versions}
    calls = 0
    for ids in pages_of(agent, selection, PAGE):
        calls += len(ids)
        looking.add(ids, metrics)
    estimator = Estimator(agent.project_id)
    together = sum(may_ask(spec) and bool(metrics[spec.metric_id].to_measure) for spec in specs)
    for spec in specs:
        one = metrics[spec.metric_id]
        one.estimate = estimator.of(spec, one.to_measure, together=max(1, together))
    total = sum((one.estimate for one in metrics.values()), Estimate())
    return Plan(agent, calls, rerun.reuse, list(metrics.values()), total)


class _Looking:
    def __init__(self, agent: Agent, specs: Sequence[MetricSpec], rerun: Rerun) -> None:
        self._specs = specs
        self._standings = Standings(specs)
        self._takes = takes_over(rerun.reuse)
        self._rerun = rerun
        self._facts = agent_facts(agent, documents_of([agent.pk]).get(agent.pk, ()))

    def add(self, ids: Sequence[int], metrics: Mapping[int, MetricPlan]) -> None:
        rows = dict(CallLog.objects.filter(pk__in=ids, deleted_at=None).values_list("pk", "content_hash"))
        stored = self._standings.load(rows, [self._facts], explained=self._standings.read_results)
        known, code_names = known_results(None, ids) if self._standings.read_results else ({}, frozenset())
        out = stay_out(self._rerun, ids)
        parts = _Parts(rows)
        for call_id, content_hash in rows.items():
            facts = CallFacts(call_id, content_hash, self._facts, parts.of(call_id))
            found = self._standings.of_call(facts, stored, known.get(call_id, {}), code_names, self._takes)
            for spec in self._specs:
                self._count(spec, call_id, found[spec.metric_id], metrics[spec.metric_id], out)

    def _count(
        self,
        spec: MetricSpec,
        call_id: int,
        standing: Standing,
        metric: MetricPlan,
        out: Collection[tuple[int, int]],
    ) -> None:
        if (call_id, spec.metric_id) in out:
            metric.states["sampled_out"] += 1
            return
        metric.states[_shown(standing)] += 1
        if standing.because is not Because.NOTHING:
            metric.because[standing.because.value] += 1
        if self._takes(spec, standing):
            metric.reused += 1
        else:
            metric.to_measure.append(call_id)


class _Parts:
    """The hashes of a page's calls, read together when the first is asked for."""

    def __init__(self, ids: Collection[int]) -> None:
        self._ids = list(ids)

    @cached_property
    def _found(self) -> dict[int, Mapping[str, str]]:
        payloads = CallPayload.objects.filter(pk__in=self._ids).select_related("call")
        return {payload.pk: stored_parts(payload.call, payload) for payload in payloads}

    def of(self, call_id: int) -> Callable[[], Mapping[str, str]]:
        return lambda: self._found.get(call_id, {})


def _shown(standing: Standing) -> str:
    if standing.state is not State.CURRENT or standing.row is None:
        return standing.state.value
    if standing.row.reason in _NOT_APPLICABLE:
        return "not_applicable"
    if standing.row.reason in _NO_RECORDING:
        return "missing_recording"
    return State.CURRENT.value
