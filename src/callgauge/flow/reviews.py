"""What people say of results: votes, each kept, the newest current."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, assert_never

from django.db import transaction
from django.utils import timezone

from callgauge.domain.agreeing import agrees
from callgauge.domain.metrics import EvalType
from callgauge.domain.rubric import FAIL_SCORE, PASS_SCORE
from callgauge.domain.storable import is_storable
from callgauge.flow.audit import audited, record
from callgauge.flow.call_fields import FieldReader
from callgauge.flow.errors import Conflict, Invalid, NotFound
from callgauge.flow.reviewers import Reviewer
from callgauge.flow.scope import Who, as_id, projects_of
from callgauge.flow.settle import settle_from_reviews, settle_without_reviews
from callgauge.store.models import (
    CallLog,
    MetricResult,
    MetricVersion,
    ResultOutcome,
    Review,
    ReviewItem,
    ReviewRole,
)

VOTES: Mapping[str, bool] = {"agree": True, "disagree": False}
NOT_APPLICABLE_WORD = "n/a"
NOT_APPLICABLE = frozenset({NOT_APPLICABLE_WORD, "na", "not applicable", "not_applicable"})
"""Words for "this metric should not have been asked of this call". Null cannot say it: the official
client sends null where no value was given."""
PASS_WORDS = frozenset({"true", "pass", "passed", "yes", "1", "5"})
FAIL_WORDS = frozenset({"false", "fail", "failed", "no", "0"})
LABELS_NAMED = 50


@dataclass(frozen=True, slots=True)
class Vote:
    metric_id: int
    thumbs_up: bool | None = None
    expected_value: Any = None
    """As sent; None where none was given."""
    feedback: str = ""

    @property
    def judges(self) -> bool:
        """A note alone is no judgement: it leaves the call as it is."""
        return self.thumbs_up is not None or self.expected_value is not None


def read_vote(data: Mapping[str, Any]) -> Vote:
    """A vote in the wire's words. Raises Invalid, naming every field at fault."""
    reader = FieldReader(data)
    metric_id = as_id(data.get("metric_id"))
    if metric_id is None:
        reader.fault(
            "metric_id",
            "A valid integer is required." if reader.given("metric_id") else "This field is required.",
        )
    thumbs_up = reader.flag("thumbs_up") if reader.given("thumbs_up") else None
    if thumbs_up is None and reader.given("vote"):
        thumbs_up = VOTES.get(reader.text("vote", 32).lower())
        if thumbs_up is None:
            reader.fault("vote", f"Write one of {', '.join(VOTES)}.")
    expected = data["expected_value"] if reader.given("expected_value") else None
    feedback = reader.free_text("feedback")
    if thumbs_up is None and expected is None and not feedback:
        reader.fault("thumbs_up", "Vote true or false, or give an expected_value or feedback.")
    reader.check()
    assert metric_id is not None
    return Vote(metric_id, thumbs_up, expected, feedback)


@audited("review.cast")
def cast_vote(
    call: CallLog,
    vote: Vote,
    *,
    by: Reviewer,
    role: ReviewRole = ReviewRole.FIRST,
    picked: int = 0,
    is_blind: bool = False,
) -> Review:
    """Store a vote; where it judges, the call is reviewed and its success decided with people's values.

    The value that counts from now on is stored with the vote: an expected value, the machine's where it was
    confirmed, the other one where a person disagrees with a binary metric. A note alone never takes the place
    of a judgement: one's own it amends, beside another's it is only kept. Raises Invalid and NotFound.
    """
    if not CallLog.objects.select_for_update().filter(pk=call.pk, deleted_at=None).exists():
        raise NotFound
    result = current_result(call, vote.metric_id)
    has_value, value = _settled_value(vote, result)
    standing = Review.objects.filter(call_id=call.pk, metric_id=vote.metric_id, is_current=True)
    before = standing.first()
    thumbs_up, counts = vote.thumbs_up, True
    if not vote.judges and before is not None and judges(before):
        counts = before.reviewer == by.name
        thumbs_up, has_value, value = (
            (before.thumbs_up, before.has_expected_value, before.expected_value)
            if counts
            else (None, False, None)
        )
    if counts:
        standing.update(is_current=False)
    review = Review.objects.create(
        call=call,
        metric_id=vote.metric_id,
        result=result,
        version=result.version,
        meaning=result.version.meaning,
        role=role,
        thumbs_up=thumbs_up,
        has_expected_value=has_value,
        expected_value=value,
        feedback=vote.feedback,
        is_current=counts,
        is_blind=is_blind,
        picked=picked,
        **by.columns,
    )
    if vote.judges:
        settle_from_reviews(call.pk)
        answered(review)
    return review


@transaction.atomic
def amend(review: Review, *, expected_value: Any, feedback: str | None, by: Reviewer) -> Review:
    """Give the answer that counts another value, another note, or both; None leaves either as it is. It is a
    vote of whoever amends. Raises Invalid and NotFound."""
    standing = Review.objects.filter(call_id=review.call_id, metric_id=review.metric_id, is_current=True)
    base = standing.first() or review
    if expected_value is None and base.has_expected_value:
        expected_value = NOT_APPLICABLE_WORD if base.expected_value is None else base.expected_value
    thumbs_up = base.thumbs_up if expected_value is None else None
    note = base.feedback if feedback is None else feedback
    vote = Vote(review.metric_id, thumbs_up=thumbs_up, expected_value=expected_value, feedback=note)
    return cast_vote(review.call, vote, by=by)


@transaction.atomic
def withdraw(review: Review, *, by: Reviewer) -> Review | None:
    """Take a vote back. It stays in the history; the newest judgement before it counts again and is given
    back. Without one the call is the machine's again. Raises Conflict for one that was taken back before."""
    call = CallLog.objects.select_for_update().get(pk=review.call_id)
    changed = Review.objects.filter(pk=review.pk, withdrawn_at=None).update(
        withdrawn_at=timezone.now(), withdrawn_by=by.name, is_current=False
    )
    if not changed:
        raise Conflict("This vote was withdrawn before.")
    record("review.withdrawn", review)
    if not review.is_current:
        ReviewItem.objects.filter(second=review, done_at=None).delete()
        return None
    earlier = next(
        (
            one
            for one in Review.objects.filter(
                call_id=review.call_id, metric_id=review.metric_id, withdrawn_at=None
            )
            .exclude(role=ReviewRole.SECOND)
            .order_by("-id")
            if judges(one)
        ),
        None,
    )
    about_it = ReviewItem.objects.filter(first=review, done_at=None)
    if earlier is not None:
        Review.objects.filter(pk=earlier.pk).update(is_current=True)
        about_it.update(first=earlier)
    else:
        about_it.delete()
    if any(judges(one) for one in Review.objects.filter(call_id=call.pk, is_current=True)):
        settle_from_reviews(call.pk)
    else:
        settle_without_reviews(call.pk)
    return earlier


def find_review(key: Who, review_id: Any) -> Review:
    """Raises NotFound for what is foreign or missing."""
    number = as_id(review_id)
    reviews = Review.objects.select_related("call", "metric__current_version", "version")
    mine = reviews.filter(call__project__in=projects_of(key), call__deleted_at=None, metric__deleted_at=None)
    found = mine.filter(pk=number).first() if number else None
    if found is None:
        raise NotFound
    return found


def judges(review: Review) -> bool:
    """Whether a stored review says anything of the value; a note does not."""
    return review.thumbs_up is not None or review.has_expected_value


def current_result(call: CallLog, metric_id: int) -> MetricResult:
    """Raises Invalid; a foreign metric looks like one that has not measured the call."""
    result = (
        MetricResult.objects.filter(
            call_id=call.pk,
            metric_id=metric_id,
            metric__project_id=call.project_id,
            metric__deleted_at=None,
            is_current=True,
        )
        .select_related("version")
        .first()
    )
    if result is None:
        raise Invalid.field("metric_id", "This metric has no result on this call.")
    return result


def answered(review: Review) -> None:
    """Tell the queue of a judgement: what asked for it is done, what asks about it asks about the new one."""
    open_items = ReviewItem.objects.filter(
        call_id=review.call_id, metric_id=review.metric_id, done_at=None
    ).select_related("second")
    for item in open_items:
        match ReviewRole(item.kind):
            case ReviewRole.FIRST:
                item.done_at = timezone.now()
            case ReviewRole.SECOND:
                item.first = review
            case ReviewRole.ADJUDICATION:
                item.first = review
                assert item.second is not None
                settled = same_answer(review, item.second)
                item.done_at = timezone.now() if settled or review.role == ReviewRole.ADJUDICATION else None
        item.save(update_fields=["first", "done_at"])


def same_answer(one: Review, other: Review) -> bool:
    assert one.version is not None
    return agrees(EvalType(one.version.eval_type), one.expected_value, other.expected_value)


def _settled_value(vote: Vote, result: MetricResult) -> tuple[bool, bool | float | str | None]:
    """Whether the vote says what the value is, and the value; None says that the metric does not apply."""
    if vote.expected_value is not None:
        return True, fitting(vote.expected_value, result.version)
    outcome = ResultOutcome(result.outcome)
    match vote.thumbs_up:
        case None:
            return False, None
        case True if outcome is ResultOutcome.FAILED:
            raise Invalid.field("thumbs_up", "The metric failed on this call: there is no value to confirm.")
        case True:
            return True, _machine_value(result)
        case False if outcome is ResultOutcome.SCORED and result.passed is not None:
            return True, not result.passed
        case False:
            return False, None


def _machine_value(result: MetricResult) -> bool | float | str | None:
    if result.passed is not None:
        return result.passed
    return result.number if result.number is not None else result.label


def fitting(raw: Any, version: MetricVersion) -> bool | float | str | None:
    """An expected value as the version's kind of value; None for "not applicable". Raises Invalid."""
    eval_type = EvalType(version.eval_type)
    labels: list[str] = version.labels
    word = raw.strip().casefold() if isinstance(raw, str) else None
    by_word = {label.strip().casefold(): label for label in labels}
    if word in NOT_APPLICABLE and word not in by_word:
        return None
    match eval_type:
        case EvalType.BINARY:
            passed = _as_passed(raw if word is None else word)
            if passed is None:
                raise Invalid.field("expected_value", "Write true or false (or 5 or 0).")
            return passed
        case EvalType.RATING:
            number = _as_number(raw)
            if number is None or not FAIL_SCORE <= number <= PASS_SCORE:
                raise Invalid.field("expected_value", "Write a number from 0 to 5.")
            return number
        case EvalType.NUMERIC:
            number = _as_number(raw)
            if number is None:
                raise Invalid.field("expected_value", "Write a number.")
            return number
        case EvalType.ENUM:
            if word in by_word:
                return by_word[word]
            if labels or not word or not is_storable(word) or len(word) > 255:
                known = ", ".join(list(labels)[:LABELS_NAMED])
                raise Invalid.field("expected_value", f"Write one of the labels: {known}.")
            return str(raw).strip()
        case _:
            assert_never(eval_type)


def _as_passed(raw: Any) -> bool | None:
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, (int, float)):
        return {PASS_SCORE: True, 1: True, FAIL_SCORE: False}.get(raw)
    if isinstance(raw, str):
        return True if raw in PASS_WORDS else False if raw in FAIL_WORDS else None
    return None


def _as_number(raw: Any) -> float | None:
    if isinstance(raw, bool) or not isinstance(raw, (int, float, str)):
        return None
    try:
        number = float(raw)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
