"""Planning a rerun: its calls are reset and cut into chunks, at once or page by page.

What a rerun would do and cost is told by flow.plan, which writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection, transaction
from django.db.models import BooleanField, Case, F, Value, When
from django.utils import timezone

from callgauge.flow import ledger
from callgauge.flow.selection import IDS_PER_QUERY, RESET_AT_ONCE, Selection
from callgauge.flow.wake import announce_calls, announce_work
from callgauge.store.bulk import update_rows
from callgauge.store.models import Agent, CallLog, Rerun
from callgauge.store.prepared import insert
from callgauge.store.turns import write_turn


def plan_selected(rerun: Rerun, agent: Agent, selection: Selection) -> None:
    """A small selection at once; of a large one, only that it is to be done page by page. The caller is in a
    transaction."""
    if selection.ids is not None:
        plan_listed(rerun, selection.ids)
        return
    calls = CallLog.objects.filter(agent=agent, deleted_at=None).order_by("id").values_list("pk", flat=True)
    limit = RESET_AT_ONCE + 1 if selection.first is None else min(selection.first, RESET_AT_ONCE + 1)
    ids = list(calls[:limit])
    if len(ids) <= RESET_AT_ONCE:
        plan_listed(rerun, ids)
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


def plan_listed(rerun: Rerun, ids: Sequence[int]) -> None:
    """Reset, count and cut into chunks, all at once. The caller is in a transaction."""
    _count(rerun, ids)
    _plan(rerun, ids)


def plan_new_call(rerun: Rerun, call_id: int) -> None:
    """Of a call that this transaction has stored: there is nothing to reset."""
    _count(rerun, [call_id])
    insert(rerun)
    update_rows(CallLog, ["pending_rerun_id"], ["id"], [(rerun.pk, call_id)])
    ledger.add_chunks(rerun, [call_id])
    announce_calls()


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
    ids = calls_after(rerun, rerun.planned_through, size)
    reset_calls(rerun, ids)
    if chunk_id not in ledger.held(owner, [chunk_id]):
        raise ledger.LeaseLost
    if not ids:
        Rerun.objects.filter(pk=rerun.pk).update(planned_at=timezone.now())
        ledger.finish(owner, chunk_id)
        return True
    ledger.add_chunks(rerun, ids)
    ledger.progressed([chunk_id])
    Rerun.objects.filter(pk=rerun.pk).update(
        planned_through=ids[-1],
        total_calls=F("total_calls") + len(ids),
        total=F("total") + len(ids) * len(rerun.metric_version_ids),
    )
    announce_work()
    return False


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


def calls_after(rerun: Rerun, after: int, size: int) -> list[int]:
    if rerun.agent_id is None:
        return []  # the agent was deleted meanwhile, and its calls with it
    return list(
        CallLog.objects.filter(
            agent_id=rerun.agent_id, id__gt=after, id__lte=rerun.last_call_id, deleted_at=None
        )
        .order_by("id")
        .values_list("pk", flat=True)[:size]
    )


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
