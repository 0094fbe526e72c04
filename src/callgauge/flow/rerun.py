"""Asking for evaluation: the first one of a call that came in, and every one after."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from callgauge.domain.calls import stable_hash
from callgauge.flow import ratelimit
from callgauge.flow.audit import record
from callgauge.flow.errors import Invalid
from callgauge.flow.metrics import spec_of, versions_for
from callgauge.flow.planning import calls_after, plan_listed, plan_new_call, plan_selected
from callgauge.flow.prices import check_cap
from callgauge.flow.remembered import remember, remembered
from callgauge.flow.sampling import NAMED, leave_out
from callgauge.flow.scope import Who, asked_by, require_change
from callgauge.flow.selection import (
    IDS_PER_QUERY,
    Selection,
    check_calls,
    check_list,
    refuse_unknown,
    unknown,
)
from callgauge.flow.shadows import measure_beside
from callgauge.store.models import (
    UNFINISHED,
    Agent,
    CallLog,
    MetricVersion,
    Project,
    Rerun,
    RerunKind,
    Reuse,
)
from callgauge.store.turns import write_turn
from callgauge.telemetry.logs import event


@dataclass(frozen=True, slots=True)
class Terms:
    """How a rerun is to go about it."""

    reuse: Reuse = Reuse.DETERMINISTIC
    max_cost_usd: float | None = None
    """It is paused when its judge has cost this much."""
    follows: int | None = None
    """The rerun whose failures it measures again."""
    notify: bool = False
    """Receivers of webhooks are told of its calls: they are not by default, a rerun may be of thousands."""
    narrowed: Mapping[str, Any] = field(default_factory=dict)
    """The filter and the window of time that picked the calls, as they are shown."""


PLAIN = Terms()
_KEPT_TERMS = ("reuse", "max_cost_usd", "follows", "notify")


@dataclass(frozen=True, slots=True)
class RerunTicket:
    """A rerun as requested. `joined` is true where an unfinished identical one was found instead."""

    rerun: Rerun
    selection: Selection
    joined: bool

    def pages(self, size: int) -> Iterator[list[int]]:
        """The selected calls' ids, by key and without holding a transaction."""
        if self.selection.ids is not None:
            for start in range(0, len(self.selection.ids), size):
                yield list(self.selection.ids[start : start + size])
            return
        after = 0
        while ids := calls_after(self.rerun, after, size):
            yield ids
            after = ids[-1]


def request_rerun(
    key: Who,
    agent: Agent,
    selection: Selection,
    *,
    metric_ids: Collection[int] | None = None,
    idempotency_key: str = "",
    body_hash: str = "",
    terms: Terms = PLAIN,
) -> RerunTicket:
    """Reset the selected calls and plan their evaluation with today's versions, in one transaction.

    Raises Invalid (unknown calls or metrics, an empty list, a used idempotency key) and Forbidden; nothing is
    changed then.
    """
    require_change(key)
    if selection.ids is not None:
        selection = Selection(ids=tuple(dict.fromkeys(selection.ids)))
        check_list(selection.ids or ())
    with write_turn(), transaction.atomic():
        # Two identical requests at the same time (a client's own retry) must not become two reruns.
        project = Project.objects.select_for_update(no_key=True).get(pk=agent.project_id)
        versions = chosen_versions(agent, metric_ids)
        if selection.ids is not None:
            check_calls(agent, selection.ids)
        check_cap([spec_of(version) for version in versions], terms.max_cost_usd)
        fingerprint = _fingerprint(key, project, agent, selection, versions, metric_ids, terms)
        known = remembered(project, idempotency_key, body_hash)
        if known is None and (known := _unfinished(project, fingerprint)) is not None:
            remember(project, idempotency_key, body_hash, known)
        if known is not None:
            record("rerun.joined", known)
            return RerunTicket(known, selection, joined=True)
        rerun = Rerun(
            project=project,
            agent=agent,
            kind=RerunKind.RERUN,
            **asked_by(key),
            **{name: getattr(terms, name) for name in _KEPT_TERMS},
            selection={"calls": selection.as_json(), **terms.narrowed, **named(metric_ids)},
            metric_version_ids=[version.pk for version in versions],
            rubric_version=project.rubric_version,
            judge_model=settings.CALLGAUGE.judge,
            fingerprint=fingerprint,
        )
        plan_selected(rerun, agent, selection)
        record("rerun.requested", rerun, calls=rerun.total_calls)
        event("rerun requested", rerun_id=rerun.pk, calls=rerun.total_calls)
        remember(project, idempotency_key, body_hash, rerun)
    return RerunTicket(rerun, selection, joined=False)


def _fingerprint(
    key: Who,
    project: Project,
    agent: Agent,
    selection: Selection,
    versions: Sequence[MetricVersion],
    metric_ids: Collection[int] | None,
    terms: Terms,
) -> str:
    """Equal for requests that ask for the same today."""
    return stable_hash(
        key.pk,
        agent.pk,
        selection.as_json(),
        sorted(version.pk for version in versions),
        metric_ids is not None,
        project.rubric_version,
        settings.CALLGAUGE.judge,
        *([] if terms == PLAIN else [asdict(terms)]),
    )


def count_against_limit(project: Project) -> None:
    """Raises RateLimited. A request that joins another counts too."""
    ratelimit.take(project, "rerun", settings.CALLGAUGE.rerun_rate)


def start_live(call: CallLog, metric_ids: Collection[int] | None = None, *, fresh: bool = False) -> Rerun:
    """Plan the first evaluation of a call that just came in. The caller is in a transaction, in which a
    `fresh` call was stored."""
    return _start_one(call, RerunKind.LIVE, metric_ids, fresh=fresh)


def observed_metrics(call: CallLog) -> set[int]:
    """The metrics that measure a call today."""
    return {version.metric_id for version in _versions(call.agent)}


def check_metrics(call: CallLog, metric_ids: Collection[int]) -> None:
    """Raises Invalid for metrics that do not measure a call today."""
    missing = sorted(set(metric_ids) - observed_metrics(call))
    if missing:
        raise Invalid.field("metric_ids", unknown("metrics", missing))


@transaction.atomic
def evaluate_call_again(call: CallLog) -> Rerun | None:
    """Evaluate one call anew with all its metrics; None while an evaluation is under way."""
    locked = CallLog.objects.select_for_update().get(pk=call.pk)
    if locked.pending_rerun_id is not None:
        return None
    rerun = _start_one(locked, RerunKind.EVALUATE, None)
    record("rerun.requested", rerun, calls=1)
    return rerun


@transaction.atomic
def request_evaluation(
    key: Who,
    project: Project,
    call_ids: Sequence[int],
    metric_ids: Collection[int] | None,
    *,
    agent: Agent | None = None,
    notify: bool = False,
) -> list[Rerun]:
    """Evaluate chosen metrics on chosen calls of one project; one rerun for each agent among them.
    With `agent`, calls of other agents are unknown.

    Raises Invalid for calls or metrics that the project does not have, and where a metric measures none
    of the chosen calls; Forbidden for a viewer.
    """
    require_change(key)
    ids = list(dict.fromkeys(call_ids))
    check_list(ids)
    calls: dict[int, int | None] = {}
    for start in range(0, len(ids), IDS_PER_QUERY):
        part = ids[start : start + IDS_PER_QUERY]
        rows = CallLog.objects.filter(project=project, pk__in=part, deleted_at=None)
        if agent is not None:
            rows = rows.filter(agent=agent)
        calls.update(rows.values_list("pk", "agent_id"))
    refuse_unknown(ids, calls)
    by_agent: dict[int | None, list[int]] = {}
    for call_id in ids:
        by_agent.setdefault(calls[call_id], []).append(call_id)
    agents = Agent.objects.in_bulk([agent_id for agent_id in by_agent if agent_id is not None])
    wanted = None if metric_ids is None else set(metric_ids)
    found: set[int] = set()
    reruns = []
    for agent_id, its_calls in by_agent.items():
        owner = agents.get(agent_id) if agent_id is not None else None
        versions = [v for v in _versions(owner) if wanted is None or v.metric_id in wanted]
        found |= {version.metric_id for version in versions}
        rerun = Rerun(
            project=project,
            agent=owner,
            kind=RerunKind.EVALUATE,
            **asked_by(key),
            selection=named(metric_ids),
            metric_version_ids=[version.pk for version in versions],
            rubric_version=project.rubric_version,
            judge_model=settings.CALLGAUGE.judge,
            notify=notify,
        )
        plan_listed(rerun, its_calls)
        record("rerun.requested", rerun, calls=len(its_calls))
        event("rerun requested", rerun_id=rerun.pk, calls=len(its_calls))
        reruns.append(rerun)
    if wanted is not None and wanted - found:
        raise Invalid.field("metrics", unknown("metrics", sorted(wanted - found)))
    return reruns


# --- the parts -------------------------------------------------------------------------------------------


def _start_one(
    call: CallLog, kind: RerunKind, metric_ids: Collection[int] | None, *, fresh: bool = False
) -> Rerun:
    versions = _versions(call.agent)
    if metric_ids is not None:
        check_metrics(call, metric_ids)
        versions = [version for version in versions if version.metric_id in set(metric_ids)]
    rerun = Rerun(
        project_id=call.project_id,
        agent_id=call.agent_id,
        kind=kind,
        metric_version_ids=[version.pk for version in versions],
        judge_model=settings.CALLGAUGE.judge,
    )
    if fresh:
        plan_new_call(rerun, call.pk)
    else:
        plan_listed(rerun, [call.pk])
    if kind is RerunKind.LIVE and metric_ids is None:
        leave_out(rerun, call, versions)
    if kind is RerunKind.LIVE:
        measure_beside(call, versions)
    return rerun


def named(metric_ids: Collection[int] | None) -> dict[str, str]:
    """A request that names its metrics means them, also on calls that were sampled out."""
    return {} if metric_ids is None else {"metrics": NAMED}


def _versions(agent: Agent | None) -> Sequence[MetricVersion]:
    return versions_for(agent) if agent is not None else []


def chosen_versions(agent: Agent, metric_ids: Collection[int] | None) -> Sequence[MetricVersion]:
    versions = _versions(agent)
    if metric_ids is None:
        return versions
    wanted = set(metric_ids)
    missing = sorted(wanted - {version.metric_id for version in versions})
    if missing:
        raise Invalid.field("metrics", unknown("metrics", missing))
    return [version for version in versions if version.metric_id in wanted]


def _unfinished(project: Project, fingerprint: str) -> Rerun | None:
    since = timezone.now() - timedelta(seconds=settings.CALLGAUGE.rerun_join_secs)
    return (
        Rerun.objects.filter(
            project=project, fingerprint=fingerprint, state__in=UNFINISHED, created_at__gt=since
        )
        .order_by("-id")
        .first()
    )
