"""How far a rerun is, how fast it goes, and how long it will take."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from callgauge.domain.money import Cost
from callgauge.flow.control import spent_of
from callgauge.store.models import PauseReason, Rerun, RerunState


@dataclass(frozen=True, slots=True)
class Progress:
    done: int
    total: int
    per_sec: float | None
    """Results per second since it began, pauses left out; None before the first."""
    secs_left: float | None
    """None while nobody can tell: before the first result, while it is paused or still being cut up."""
    elapsed_secs: float
    cost: Cost
    words: str
    """Why it does not go on; empty where it does."""


def progress_of(rerun: Rerun, now: datetime | None = None) -> Progress:
    done = rerun.scored + rerun.skipped + rerun.failed
    elapsed = _at_work_secs(rerun, now or timezone.now())
    per_sec = done / elapsed if done and elapsed > 0 else None
    going = rerun.state == RerunState.RUNNING and rerun.planned_at is not None
    left = max(0, rerun.total - done)
    return Progress(
        done=done,
        total=rerun.total,
        per_sec=per_sec,
        secs_left=left / per_sec if going and per_sec else None,
        elapsed_secs=elapsed,
        cost=Cost(spent_of(rerun), rerun.unpriced_requests),
        words=_words(rerun),
    )


def _at_work_secs(rerun: Rerun, now: datetime) -> float:
    if rerun.started_at is None:
        return 0.0
    until = rerun.finished_at or rerun.paused_at or now
    return max(0.0, (until - rerun.started_at).total_seconds() - rerun.paused_secs)


def _words(rerun: Rerun) -> str:
    if rerun.state != RerunState.PAUSED:
        return ""
    if rerun.pause_reason == PauseReason.BUDGET:
        return (
            f"Paused at its money cap: ${spent_of(rerun):.4f} are spent of ${rerun.max_cost_usd or 0:.4f}. "
            "Resume it with a higher cap, or cancel it."
        )
    if rerun.pause_reason == PauseReason.FAULT:
        return (
            "Paused: the server failed every time it cut the calls into pieces; see the server's log. "
            "Resume it to have that tried again, or cancel it."
        )
    return "Paused. Resume it, or cancel it."
