"""How calls stand: what is shown as their outcome, and what is still owed to them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from callgauge.store.models import CallLog
from callgauge.store.resets import pending_resets
from callgauge.store.result_queries import metrics_owed


class Measured(Protocol):
    """A row that has what a result has."""

    @property
    def rerun_id(self) -> int: ...
    @property
    def metric_id(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Owed:
    """The rerun that owes a call new results, and the metrics that it measures."""

    rerun_id: int
    metric_ids: Collection[int] = field(default_factory=frozenset)

    def supersedes(self, row: Measured) -> bool:
        return row.rerun_id < self.rerun_id and row.metric_id in self.metric_ids


@dataclass(frozen=True, slots=True)
class Outlook:
    """How a call stands: what is shown as its outcome, and which rerun still owes it one."""

    success: bool | None
    status: str
    error_message: str | None
    owed: Owed | None


def outlooks_of(calls: Sequence[CallLog], as_reset: bool = False) -> dict[int, Outlook]:
    """By call. At most three queries.

    `as_reset` shows every call that no person has reviewed as it was when its rerun was asked for.
    """
    resets = pending_resets(*{call.project_id for call in calls})
    owing = {call.pk: rerun for call in calls if (rerun := resets.rerun_owing(call)) is not None}
    metrics = metrics_owed(set(owing.values()))
    outlooks = {}
    for call in calls:
        rerun = owing.get(call.pk)
        reset = as_reset and not call.is_reviewed
        success = None if reset else resets.success(call)
        evaluating = success is None and (reset or rerun is not None)
        outlooks[call.pk] = Outlook(
            success=success,
            status=status_of(call, success, evaluating),
            error_message=None if evaluating else call.error_message,
            owed=None if rerun is None else Owed(rerun, metrics.get(rerun, frozenset())),
        )
    return outlooks


def status_of(call: CallLog, success: bool | None, evaluating: bool) -> str:
    """`evaluating`, `error` and `not_evaluated` are ours: the contract has no word for a call without
    a verdict."""
    if success is not None:
        outcome = "success" if success else "failure"
        return f"reviewed_{outcome}" if call.is_reviewed else outcome
    if evaluating:
        return "evaluating"
    return "error" if call.error_message else "not_evaluated"
