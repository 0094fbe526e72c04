"""Metrics that wanted a recording when it was not here, or not to be heard: measured once it is.

Not before the call's evaluation is over. The row remembers it, so that no stopped process and no long
evaluation loses it.
"""

from __future__ import annotations

from typing import Final

from django.db import transaction
from django.db.models import Q

from callgauge.domain.outcomes import FailureCode
from callgauge.flow.rerun import observed_metrics, start_live
from callgauge.store.models import CallLog, MetricResult, Recording, ResultOutcome
from callgauge.store.turns import write_turn

AT_ONCE: Final = 20


def due() -> list[int]:
    """Calls whose metrics may get another chance now."""
    waiting = Recording.objects.filter(came_late=True, call__pending_rerun_id=None).order_by("pk")
    return list(waiting.values_list("pk", flat=True)[:AT_ONCE])


def measure(call_id: int) -> None:
    """Measure what wanted this recording, and nothing else. Nothing is done while the call is under
    evaluation: it stays due."""
    with write_turn(), transaction.atomic():
        call = CallLog.objects.select_for_update().filter(pk=call_id, pending_rerun_id=None).first()
        if call is None or not _settled(call_id) or call.deleted_at is not None:
            return
        wanted = MetricResult.objects.filter(
            Q(outcome=ResultOutcome.FAILED, reason=FailureCode.RECORDING_UNAVAILABLE)
            | Q(extra__contains=f'"recording": "{FailureCode.RECORDING_UNAVAILABLE}"'),
            call_id=call_id,
            is_current=True,
        )
        metrics = set(wanted.values_list("metric_id", flat=True)) & observed_metrics(call)
        if metrics:
            # Not current any more as far as the next evaluation goes: it would be left as it is.
            wanted.update(is_stale=True)
            CallLog.objects.filter(pk=call.pk).update(event_owed=True)
            start_live(call, metrics)


def give_up(call_id: int) -> None:
    """It cannot be measured, and must not hold up others."""
    with write_turn():
        _settled(call_id)


def _settled(call_id: int) -> bool:
    """Whether it was still due; it is not any more."""
    return bool(Recording.objects.filter(pk=call_id, came_late=True).update(came_late=False))
