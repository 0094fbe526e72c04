"""Steering a rerun that is under way: pause, resume, cancel, measure what failed once more.

Each is one transaction, so that a crash leaves a rerun either as it was or as it was told to be. Whoever
works on its chunks looks at the rerun's state every second and lets go; a question that is on its way is
carried to its end, for its answer is paid for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from callgauge.flow import ledger
from callgauge.flow.audit import record
from callgauge.flow.errors import Conflict, Invalid
from callgauge.flow.metrics import versions_for
from callgauge.flow.rerun import Terms, request_rerun
from callgauge.flow.scope import Who, require_change
from callgauge.flow.selection import RESET_AT_ONCE, Selection
from callgauge.flow.wake import announce_work
from callgauge.store.models import (
    UNFINISHED,
    Chunk,
    ChunkKind,
    ChunkState,
    MetricResult,
    PauseReason,
    Priority,
    Rerun,
    RerunKind,
    RerunState,
    ResultOutcome,
    Reuse,
)
from callgauge.store.turns import write_turn
from callgauge.telemetry.logs import event

AT_WORK = (RerunState.PLANNED, RerunState.RUNNING)


def pause(who: Who, rerun: Rerun) -> Rerun:
    """Nothing new is asked from now on. Raises Conflict where it has ended; pausing twice is no fault."""
    require_change(who)
    with write_turn(), transaction.atomic():
        locked = _locked(rerun)
        if locked.state in AT_WORK:
            _pause(locked, PauseReason.ASKED)
            record("rerun.paused", locked)
        elif locked.state != RerunState.PAUSED:
            raise Conflict(_ended("paused", locked))
    announce_work()
    return locked


def pause_at_cap(rerun_id: int, cap_usd: float) -> None:
    """This cap is reached; nothing happens where it has been raised since. The caller is in a transaction."""
    going = Rerun.objects.filter(pk=rerun_id, state__in=AT_WORK, max_cost_usd__lte=cap_usd)
    locked = going.select_for_update(no_key=True).first()
    if locked is not None:
        _pause(locked, PauseReason.BUDGET)
        announce_work()


def pause_planning(owner: str, chunk_id: int) -> None:
    """Its calls cannot be put together, time and again. Whoever resumes it has them tried anew; what was
    planned before stays. Raises LeaseLost."""
    with write_turn(), transaction.atomic():
        if chunk_id not in ledger.held(owner, [chunk_id]):
            raise ledger.LeaseLost
        rerun = Rerun.objects.select_for_update(no_key=True).get(chunks__pk=chunk_id)
        Chunk.objects.filter(pk=chunk_id).update(attempts=0)
        ledger.release(owner, [chunk_id])
        if rerun.state in AT_WORK:
            _pause(rerun, PauseReason.FAULT)
    event("rerun could not be planned", rerun_id=rerun.pk)


def resume(who: Who, rerun: Rerun, *, max_cost_usd: float | None = None) -> Rerun:
    """Go on, with a new cap where one is given. Raises Conflict where the rerun has ended, and Invalid where
    its cap is still reached: it would stop at once."""
    require_change(who)
    with write_turn(), transaction.atomic():
        locked = _locked(rerun)
        if locked.state not in UNFINISHED:
            raise Conflict(_ended("resumed", locked))
        if max_cost_usd is not None:
            locked.max_cost_usd = max_cost_usd
        spent = spent_of(locked)
        if locked.max_cost_usd is not None and spent >= locked.max_cost_usd:
            raise Invalid.field(
                "max_cost_usd",
                f"${spent:.4f} are spent and the cap is ${locked.max_cost_usd:.4f}: name a higher one.",
            )
        if locked.state == RerunState.PAUSED:
            now = timezone.now()
            if locked.paused_at is not None:
                locked.paused_secs += (now - locked.paused_at).total_seconds()
            locked.state = RerunState.RUNNING if locked.started_at else RerunState.PLANNED
            locked.paused_at, locked.pause_reason = None, ""
        locked.save(update_fields=["state", "paused_at", "paused_secs", "pause_reason", "max_cost_usd"])
        ledger.end_if_complete(locked.pk)
        record("rerun.resumed", locked, max_cost_usd=locked.max_cost_usd)
    announce_work()
    locked.refresh_from_db()
    return locked


def cancel(who: Who, rerun: Rerun) -> Rerun:
    """End it: what is measured stays, and calls that wait for their verdict are decided by the results they
    have. Raises Conflict where the rerun is done; cancelling twice is no fault."""
    require_change(who)
    with write_turn(), transaction.atomic():
        # Chunks before their rerun, as whoever stores results locks them: see ledger.hold.
        chunks = ledger.hold_open(rerun.pk)
        locked = _locked(rerun)
        if locked.state == RerunState.DONE:
            raise Conflict(_ended("cancelled", locked))
        if locked.state != RerunState.CANCELLED:
            _cancel(locked, chunks)
            record("rerun.cancelled", locked)
    announce_work()
    locked.refresh_from_db()
    return locked


def retry_failed(who: Who, rerun: Rerun) -> Rerun:
    """A new rerun of what failed in this one, and of nothing else. Raises Conflict while it is under way, and
    Invalid where nothing failed, or nothing that is still measured."""
    if rerun.state in UNFINISHED:
        raise Conflict(f"Rerun {rerun.pk} is {rerun.state}: wait for its end, or cancel it.")
    failed = MetricResult.objects.filter(rerun=rerun, outcome=ResultOutcome.FAILED, call__deleted_at=None)
    found = failed.order_by("call_id").values_list("call_id", flat=True).distinct()
    calls = list(found[: RESET_AT_ONCE + 1])
    if len(calls) > RESET_AT_ONCE:
        raise Invalid.field(
            "non_field_errors",
            f"More than {RESET_AT_ONCE} calls failed in rerun {rerun.pk}: ask for a rerun of all calls with "
            '"reuse": "current", which measures what failed and leaves the rest as it is.',
        )
    if not calls or rerun.agent is None:
        raise Invalid.field("non_field_errors", f"Nothing failed in rerun {rerun.pk}.")
    measured = {version.metric_id for version in versions_for(rerun.agent)}
    metrics = sorted(set(failed.values_list("metric_id", flat=True)) & measured)
    if not metrics:
        raise Invalid.field("non_field_errors", "What failed is not measured any more.")
    # Where one of these metrics did not fail on a call, its result stands, and is left as it is.
    terms = Terms(reuse=Reuse.CURRENT, max_cost_usd=rerun.max_cost_usd, follows=rerun.pk, notify=rerun.notify)
    selection = Selection(ids=tuple(calls))
    return request_rerun(who, rerun.agent, selection, metric_ids=metrics, terms=terms).rerun


def spent_of(rerun: Rerun) -> float:
    """US dollars that the judge has cost so far, answers included that have not become results yet."""
    return max(rerun.spent_usd, rerun.cost_usd)


# --- the parts -------------------------------------------------------------------------------------------


def _locked(rerun: Rerun) -> Rerun:
    return Rerun.objects.select_for_update(no_key=True).get(pk=rerun.pk)


def _pause(rerun: Rerun, reason: PauseReason) -> None:
    rerun.state, rerun.pause_reason, rerun.paused_at = RerunState.PAUSED, reason, timezone.now()
    rerun.save(update_fields=["state", "pause_reason", "paused_at"])


def _cancel(rerun: Rerun, left: Sequence[Chunk]) -> None:
    """Chunks that are open go to a rerun without metrics, which settles their calls: they may be many, so
    that they go on saying that this rerun owes them a verdict."""
    chunks = [chunk for chunk in left if chunk.kind == ChunkKind.EVALUATE]
    ledger.open_chunks(rerun.pk).update(state=ChunkState.CANCELLED, owner="", lease_until=None)
    now = timezone.now()
    Rerun.objects.filter(pk=rerun.pk).update(
        state=RerunState.CANCELLED,
        finished_at=now,
        planned_at=rerun.planned_at or now,
        paused_at=None,
        pause_reason="",
    )
    if rerun.aside or not chunks:
        return
    settling = Rerun.objects.create(
        project_id=rerun.project_id,
        agent_id=rerun.agent_id,
        kind=RerunKind.SETTLE,
        # Of a chain of them, the first: it is what the calls wait for.
        follows=rerun.follows if rerun.kind == RerunKind.SETTLE else rerun.pk,
        planned_at=now,
        total_calls=sum(len(chunk.call_ids) for chunk in chunks),
        last_call_id=rerun.last_call_id,
        planned_through=rerun.last_call_id,
        rubric_version=rerun.rubric_version,
    )
    Chunk.objects.bulk_create(
        Chunk(rerun=settling, priority=Priority.NORMAL, tenant=chunk.tenant, call_ids=chunk.call_ids)
        for chunk in chunks
    )


def _ended(what: str, rerun: Rerun) -> str:
    return f"Rerun {rerun.pk} is {rerun.state}: it cannot be {what} any more."


def read_cap(value: Any) -> float | None:
    """US dollars as a number or its text. Raises Invalid."""
    if value is None:
        return None
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0 < number < math.inf:
        raise Invalid.field("max_cost_usd", "Write a number of dollars above 0.")
    return number
