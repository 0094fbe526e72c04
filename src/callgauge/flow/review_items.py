"""Working through the queue: answer, skip, assign; second opinions, and the decision where two differ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.utils import timezone

from callgauge.domain.calls import stable_hash
from callgauge.domain.metrics import MetricKind
from callgauge.domain.storable import is_storable
from callgauge.flow.audit import audited
from callgauge.flow.errors import Conflict, Invalid, NotFound
from callgauge.flow.review_reasons import TITLES, Reason, Why
from callgauge.flow.reviewers import Reviewer
from callgauge.flow.reviews import Vote, cast_vote, current_result, fitting, same_answer
from callgauge.flow.scope import as_id
from callgauge.store.models import (
    CallLog,
    Member,
    Metric,
    MetricResult,
    Project,
    Review,
    ReviewItem,
    ReviewRole,
    ReviewSkip,
)

MAX_DRAWN = 1_000


def find_item(project_ids: Any, item_id: Any) -> ReviewItem:
    """An item of these projects, done or not. Raises NotFound."""
    number = as_id(item_id)
    items = ReviewItem.objects.select_related("project", "call__agent", "metric__current_version")
    found = (
        items.filter(pk=number, project__in=project_ids, call__deleted_at=None).first() if number else None
    )
    if found is None:
        raise NotFound
    return found


def is_blind(item: ReviewItem) -> bool:
    """A second opinion is worth something only where its author knows no other."""
    return item.kind == ReviewRole.SECOND and item.done_at is None


@transaction.atomic
def answer(
    item: ReviewItem, vote: Vote, *, by: Reviewer, is_blind: bool = False, jointly: bool = False
) -> Review:
    """Answer an item in the way that its kind asks for. `jointly`: the two who differ decided together.

    Raises Invalid, NotFound, and Conflict for one that is done.
    """
    if not CallLog.objects.select_for_update().filter(pk=item.call_id, deleted_at=None).exists():
        raise NotFound
    # Locked after its call, as every vote does it.
    locked = ReviewItem.objects.select_for_update().filter(pk=item.pk, done_at=None).first()
    if locked is None:
        raise Conflict("This has been answered already; the queue has moved on.")
    vote = replace(vote, metric_id=locked.metric_id)
    if not vote.judges:
        raise Invalid.field("expected_value", "Say what the value should be; a note alone answers nothing.")
    match ReviewRole(locked.kind):
        case ReviewRole.FIRST:
            return cast_vote(item.call, vote, by=by, picked=locked.rank, is_blind=is_blind)
        case ReviewRole.SECOND:
            return _second(locked, vote, by)
        case ReviewRole.ADJUDICATION:
            _require_third(locked, by, jointly)
            _require_value(vote)
            return cast_vote(item.call, vote, by=by, role=ReviewRole.ADJUDICATION, picked=locked.rank)


@audited("review.cast")
def _second(item: ReviewItem, vote: Vote, by: Reviewer) -> Review:
    assert item.first is not None
    if item.first.reviewer == by.name:
        raise Invalid.field("reviewer", "You gave the first answer; the second must be another person's.")
    _require_value(vote)
    result = current_result(item.call, item.metric_id)
    review = Review.objects.create(
        call_id=item.call_id,
        metric_id=item.metric_id,
        result=result,
        version=result.version,
        meaning=result.version.meaning,
        role=ReviewRole.SECOND,
        compared_with=item.first,
        thumbs_up=None,
        has_expected_value=True,
        expected_value=fitting(vote.expected_value, result.version),
        feedback=vote.feedback,
        is_current=False,
        is_blind=True,
        picked=item.rank,
        **by.columns,
    )
    ReviewItem.objects.filter(pk=item.pk).update(done_at=timezone.now())
    if review.meaning == item.first.meaning and not same_answer(item.first, review):
        reason = Reason.DISAGREEMENT
        ReviewItem.objects.get_or_create(
            project_id=item.project_id,
            call_id=item.call_id,
            metric_id=item.metric_id,
            kind=ReviewRole.ADJUDICATION,
            done_at=None,
            defaults={
                "rank": reason,
                "why": [Why(reason, f"{TITLES[reason]}, and one of them is wrong.").as_json()],
                "first": item.first,
                "second": review,
            },
        )
    return review


def _require_value(vote: Vote) -> None:
    if vote.expected_value is None:
        raise Invalid.field(
            "expected_value", "Say the value: there is nothing on the screen to vote up or down."
        )


def _require_third(item: ReviewItem, by: Reviewer, jointly: bool) -> None:
    assert item.first is not None
    assert item.second is not None
    if by.name in (item.first.reviewer, item.second.reviewer) and not jointly:
        raise Invalid.field(
            "reviewer",
            "You gave one of the two answers: a third person decides, or both of you together (jointly).",
        )


@audited("review.skipped")
def skip(item: ReviewItem, *, by: Reviewer) -> None:
    """Show it to this reviewer no more; one that was theirs is anybody's again."""
    _require_open(item)
    theirs = ReviewItem.objects.filter(pk=item.pk, assignee=by.name).update(assignee="")
    ReviewSkip.objects.get_or_create(item=item, reviewer=by.name, defaults={"was_theirs": bool(theirs)})


@audited("review.skips_taken_back")
def take_back_skips(project: Project, item_id: int | None = None, *, by: Reviewer) -> int:
    """Show again what this reviewer skipped, or one item of it; how many there were. What was theirs is so
    again, unless somebody has it by now."""
    skips = ReviewSkip.objects.filter(item__project=project, item__done_at=None, reviewer=by.name)
    if item_id is not None:
        skips = skips.filter(item=item_id)
    theirs = skips.filter(was_theirs=True).values("item")
    ReviewItem.objects.filter(pk__in=theirs, assignee="").update(assignee=by.name)
    deleted, _ = skips.delete()
    return deleted


@audited("review.assigned")
def assign(item: ReviewItem, assignee: Any, *, by: Reviewer) -> ReviewItem:
    """To oneself ("me"), to a member by e-mail address, or to nobody (null). Raises Invalid and Conflict."""
    _require_open(item)
    if assignee in (None, ""):
        name = ""
    elif assignee == "me":
        name = by.name
    elif isinstance(assignee, str) and is_storable(assignee):
        name = assignee.strip().casefold()
        members = Member.objects.filter(organization_id=item.project.organization_id)
        if not members.filter(user__email__iexact=name, user__is_active=True).exists():
            raise Invalid.field("assignee", 'Write "me", a member\'s e-mail address, or null for nobody.')
    else:
        raise Invalid.field("assignee", 'Write "me", a member\'s e-mail address, or null for nobody.')
    if item.kind != ReviewRole.FIRST and name and name in _who_answered(item):
        raise Invalid.field("assignee", "That person gave one of the answers in question.")
    ReviewItem.objects.filter(pk=item.pk).update(assignee=name)
    item.assignee = name
    return item


def _who_answered(item: ReviewItem) -> set[str]:
    return {review.reviewer for review in (item.first, item.second) if review is not None}


def _require_open(item: ReviewItem) -> None:
    if item.done_at is not None:
        raise Conflict("This has been answered already; the queue has moved on.")


@audited("review.asked_for")
def ask_to_review(project: Project, call_ids: Sequence[int], metric: Metric | None, *, by: Reviewer) -> int:
    """Put calls into the queue because a person wants that: one metric, or all that a judge or a script
    answers. What a person has answered already, and what was not measured, is left out. How many results are
    in the queue for it now. Raises Invalid."""
    found = MetricResult.objects.filter(
        call_id__in=list(call_ids),
        call__project=project,
        call__deleted_at=None,
        metric__deleted_at=None,
        is_current=True,
    )
    found = found.filter(metric=metric) if metric else found.exclude(version__kind=MetricKind.BUILT_IN)
    answered_already = Review.objects.filter(
        call=OuterRef("call"),
        metric=OuterRef("metric"),
        is_current=True,
        has_expected_value=True,
        meaning=OuterRef("metric__current_version__meaning"),
    )
    wanted = list(
        found.exclude(Exists(answered_already)).values_list("call_id", "metric_id")[: MAX_DRAWN + 1]
    )
    if not wanted:
        raise Invalid.field("call_logs", "Nothing to ask for: not measured yet, or answered by people.")
    if len(wanted) > MAX_DRAWN:
        raise Invalid.field(
            "call_logs", f"At most {MAX_DRAWN:,} results at once. Name fewer calls or a metric."
        )
    why = Why(Reason.ASKED_FOR, f"{by.name} asks for it.").as_json()
    open_items = ReviewItem.objects.filter(
        call_id__in={call for call, _ in wanted}, kind=ReviewRole.FIRST, done_at=None
    )
    known = {(item.call_id, item.metric_id): item for item in open_items}
    changed = [known[key] for key in wanted if key in known and not known[key].rank & Reason.ASKED_FOR]
    for item in changed:
        item.rank |= Reason.ASKED_FOR
        item.why = [why, *item.why]
    ReviewItem.objects.bulk_update(changed, ["rank", "why"], batch_size=500)
    ReviewItem.objects.bulk_create(
        [
            ReviewItem(project=project, call_id=call, metric_id=metric_id, rank=Reason.ASKED_FOR, why=[why])
            for call, metric_id in wanted
            if (call, metric_id) not in known
        ],
        batch_size=500,
        ignore_conflicts=True,
    )
    return len(wanted)


@audited("review.second_asked_for")
def ask_for_second(project: Project, metric: Metric, *, share: float | None, count: int | None) -> int:
    """Put answers of a metric into the queue for a blind second opinion, drawn at random but the same
    whenever it is done again. How many there are now that were not before. Raises Invalid."""
    if (share is None) == (count is None):
        raise Invalid.field("share", "Give share (0 to 1) or count, one of them.")
    doubled = Review.objects.filter(compared_with=OuterRef("pk"), withdrawn_at=None)
    asked = ReviewItem.objects.filter(first=OuterRef("pk"), kind=ReviewRole.SECOND, done_at=None)
    labels = Review.objects.filter(
        metric=metric,
        is_current=True,
        role=ReviewRole.FIRST,
        has_expected_value=True,
        meaning=F("metric__current_version__meaning"),
        call__deleted_at=None,
    ).annotate(has_second=Exists(doubled), is_asked=Exists(asked))
    every = sorted(labels, key=lambda review: stable_hash("second", review.call_id, review.metric_id))
    wanted = min(count or 0, MAX_DRAWN)
    if share is not None:
        have = sum(review.has_second or review.is_asked for review in every)
        wanted = min(max(0, math.ceil(share * len(every)) - have), MAX_DRAWN)
    free = [review for review in every if not (review.has_second or review.is_asked)][:wanted]
    reason = Reason.SECOND_OPINION
    why = [Why(reason, "Answer without the first person's answer and the machine's.").as_json()]
    ReviewItem.objects.bulk_create(
        [
            ReviewItem(
                project=project,
                call_id=review.call_id,
                metric=metric,
                kind=ReviewRole.SECOND,
                rank=reason,
                why=why,
                first=review,
            )
            for review in free
        ],
        ignore_conflicts=True,
    )
    return len(free)
