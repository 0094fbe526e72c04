"""Calls that a large rerun has reset although no row says so yet.

A rerun of more calls than one transaction should touch leaves a watermark instead: until its planner has
passed a call, readers show that call as reset. This is the one place that knows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q

from callgauge.store.models import CallLog, Rerun


@dataclass(frozen=True, slots=True)
class Reset:
    rerun_id: int
    agent_id: int
    after_id: int
    last_id: int

    def covers(self, call: CallLog) -> bool:
        return call.agent_id == self.agent_id and self.after_id < call.pk <= self.last_id


@dataclass(frozen=True, slots=True)
class Resets:
    """The watermarks of some projects; almost always none."""

    pending: Sequence[Reset] = ()

    def rerun_owing(self, call: CallLog) -> int | None:
        """The newest rerun that owes this call a verdict, None when none does."""
        newest = max((reset.rerun_id for reset in self.pending if reset.covers(call)), default=None)
        if newest is None or (call.pending_rerun_id or 0) > newest:
            return call.pending_rerun_id
        return newest

    def success(self, call: CallLog) -> bool | None:
        if not call.is_reviewed and any(reset.covers(call) for reset in self.pending):
            return None
        return call.success

    def covered(self) -> Q | None:
        """A condition for the calls whose stored `success` is not to be believed; None without any."""
        condition: Q | None = None
        for reset in self.pending:
            part = Q(agent_id=reset.agent_id, id__gt=reset.after_id, id__lte=reset.last_id, is_reviewed=False)
            condition = part if condition is None else condition | part
        return condition


def pending_resets(*project_ids: int) -> Resets:
    rows = Rerun.objects.filter(
        project_id__in=project_ids, resets_while_planning=True, planned_at=None, agent__isnull=False
    ).values_list("id", "agent_id", "planned_through", "last_call_id")
    return Resets(tuple(Reset(*row) for row in rows if row[1] is not None))
