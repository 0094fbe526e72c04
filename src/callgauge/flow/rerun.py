"""Asking for evaluation: the first one of a call that came in, and every one after."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import BooleanField, Case, F, Value, When
from django.utils import timezone

from callgauge.domain.calls import stable_hash
from callgauge.flow import ledger, ratelimit
from callgauge.flow.audit import record
from callgauge.flow.errors import Invalid
from callgauge.flow.metrics import spec_of, versions_for
from callgauge.flow.prices import check_cap
from callgauge.flow.remembered import remember, remembered
from callgauge.flow.sampling import NAMED, leave_out
from callgauge.flow.scope import Who, asked_by, require_change
from callgauge.flow.selection import (
    IDS_PER_QUERY,
    RESET_AT_ONCE,
    Selection,
    check_calls,
    check_list,
    refuse_unknown,
    unknown,
)
from callgauge.flow.shadows import measure_beside
from callgauge.flow.wake import announce_calls, announce_work
from callgauge.store.bulk import update_rows
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
from callgauge.store.prepared import insert
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
        while ids := _page(self.rerun, after, size):
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
        _start(rerun, agent, selection)
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
        _plan_listed(rerun, its_calls)
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
    _count(rerun, [call.pk])
    if fresh:
        insert(rerun)
        update_rows(CallLog, ["pending_rerun_id"], ["id"], [(rerun.pk, call.pk)])
        ledger.add_chunks(rerun, [call.pk])
        announce_calls()
    else:
        _plan(rerun, [call.pk])
    if kind is RerunKind.LIVE and metric_ids is None:
        leave_out(rerun, call, versions)
    if kind is RerunKind.LIVE:
        measure_beside(call, versions)
    return rerun


def _start(rerun: Rerun, agent: Agent, selection: Selection) -> None:
    if selection.ids is not None:
        _plan_listed(rerun, selection.ids)
        return
    calls = CallLog.objects.filter(agent=agent, deleted_at=None).order_by("id").values_list("pk", flat=True)
    limit = RESET_AT_ONCE + 1 if selection.first is None else min(selection.first, RESET_AT_ONCE + 1)
    ids = list(calls[:limit])
    if len(ids) <= RESET_AT_ONCE:
        _plan_listed(rerun, ids)
        return
    if selection.first is None:
        rerun.last_call_id = calls.order_by("-id")[0]
    else:
        nth = list(calls[selection.first - 1 : selection.first])
        rerun.last_call_id = nth[0] if nth else calls.order_by("-id")[0]
    rerun.resets_while_planning = True
    rerun.save()
    ledger.add_planning(rerun)
    announce_work()


def _plan_listed(rerun: Rerun, ids: Sequence[int]) -> None:
    """Reset, count and cut into chunks, all at once. The caller is in a transaction."""
    _count(rerun, ids)
    _plan(rerun, ids)


def _count(rerun: Rerun, ids: Sequence[int]) -> None:
    rerun.last_call_id = max(ids, default=0)
    rerun.planned_through = rerun.last_call_id
    rerun.planned_at = timezone.now()
    rerun.total_calls = len(ids)
    rerun.total = len(ids) * len(rerun.metric_version_ids)


def _plan(rerun: Rerun, ids: Sequence[int]) -> None:
    rerun.save()
    reset_calls(rerun, ids)
    ledger.add_chunks(rerun, ids)
    if not ids:
        ledger.end_if_complete(rerun.pk)
    announce_work()


def reset_calls(rerun: Rerun, ids: Sequence[int]) -> None:
    """`success` back to null on every call that no person has reviewed; this rerun now owes the verdict,
    unless a newer one does: a planner may come late."""
    ordered = sorted(ids)
    for start in range(0, len(ordered), IDS_PER_QUERY):
        calls = CallLog.objects.filter(pk__in=ordered[start : start + IDS_PER_QUERY])
        if connection.features.has_select_for_update:
            # In the order of ids, as whoever settles calls locks them.
            list(calls.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True))
        calls.update(
            pending_rerun_id=Case(
                When(pending_rerun_id__gt=rerun.pk, then=F("pending_rerun_id")), default=Value(rerun.pk)
            ),
            success=Case(
                When(is_reviewed=True, then=F("success")),
                default=Value(None, output_field=BooleanField(null=True)),
            ),
            error_message=None,
            updated_at=timezone.now(),
            **({"event_owed": True} if rerun.notify else {}),
        )


def _page(rerun: Rerun, after: int, size: int) -> list[int]:
    if rerun.agent_id is None:
        return []  # the agent was deleted meanwhile, and its calls with it
    return list(
        CallLog.objects.filter(
            agent_id=rerun.agent_id, id__gt=after, id__lte=rerun.last_call_id, deleted_at=None
        )
        .order_by("id")
        .values_list("pk", flat=True)[:size]
    )


def plan_page(owner: str, chunk_id: int, size: int) -> bool:
    """Put the next calls of a large rerun into chunks; True when there are no more. Raises LeaseLost.

    Chunks, resets and the watermark move in one transaction: a crash repeats nothing and skips nothing.
    """
    with write_turn(), transaction.atomic():
        return _plan_page(owner, chunk_id, size)


def _plan_page(owner: str, chunk_id: int, size: int) -> bool:
    # Calls, then the chunk, then the rerun, as whoever stores results locks them. What is read of the rerun
    # cannot be old: nobody else plans while the chunk is held, and whoever took it over stops this one.
    rerun = Rerun.objects.get(chunks__pk=chunk_id)
    ids = _page(rerun, rerun.planned_through, size)
    reset_calls(rerun, ids)
    if chunk_id not in ledger.held(owner, [chunk_id]):
        raise ledger.LeaseLost
    if not ids:
        Rerun.objects.filter(pk=rerun.pk).update(planned_at=timezone.now())
        ledger.finish(owner, chunk_id)
        return True
    ledger.add_chunks(rerun, ids)
    Rerun.objects.filter(pk=rerun.pk).update(
        planned_through=ids[-1],
        total_calls=F("total_calls") + len(ids),
        total=F("total") + len(ids) * len(rerun.metric_version_ids),
    )
    announce_work()
    return False


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
