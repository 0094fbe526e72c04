"""A person's word on a flip: right now, right before, or unsure. It is a review like any other."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from callgauge.flow.calls import find_call
from callgauge.flow.errors import Invalid, NotFound
from callgauge.flow.reviewers import Reviewer
from callgauge.flow.reviews import NOT_APPLICABLE, NOT_APPLICABLE_WORD, Vote, cast_vote
from callgauge.flow.scope import Who, as_id
from callgauge.store.models import MetricResult, Rerun, ResultOutcome, Review


class FlipVote(StrEnum):
    NOW = "now"
    BEFORE = "before"
    UNSURE = "unsure"


def vote_on_flip(
    who: Who,
    rerun: Rerun,
    *,
    call_id: Any,
    metric_id: Any,
    said: Any,
    by: Reviewer,
    against: Rerun | None = None,
) -> Review:
    """Store which of two values is right as the value that is expected. One who is unsure leaves a note,
    which judges nothing. Raises Invalid and NotFound."""
    if said not in set(FlipVote):
        raise Invalid.field("vote", f"Write one of {', '.join(FlipVote)}.")
    call = find_call(who, call_id)
    after = _result(rerun, call.pk, metric_id)
    if said == FlipVote.UNSURE:
        note = (
            f"Unsure whether rerun {rerun.pk} (version {after.version.number}) or what was before is right."
        )
        return cast_vote(call, Vote(after.metric_id, feedback=note), by=by)
    right = after if said == FlipVote.NOW else _before(after, against)
    return cast_vote(call, Vote(after.metric_id, expected_value=_value(right)), by=by)


def _result(rerun: Rerun, call_id: int, metric_id: Any) -> MetricResult:
    rows = MetricResult.objects.filter(rerun=rerun, call_id=call_id, metric_id=as_id(metric_id) or 0)
    found = rows.select_related("version").first()
    if found is None:
        raise NotFound
    return found


def _before(after: MetricResult, against: Rerun | None) -> MetricResult:
    if against is not None:
        return _result(against, after.call_id, after.metric_id)
    found = MetricResult.objects.filter(pk=after.previous_id or 0, call_id=after.call_id).first()
    if found is None:
        raise Invalid.field("vote", "The call had not been measured before.")
    return found


def _value(result: MetricResult) -> Any:
    if result.outcome == ResultOutcome.SCORED:
        values = (result.passed, result.number, result.label)
        return next(value for value in values if value is not None)
    if result.reason in NOT_APPLICABLE | {"trigger_not_met"}:
        return NOT_APPLICABLE_WORD
    raise Invalid.field("vote", "It was not measured, so it cannot be right.")
