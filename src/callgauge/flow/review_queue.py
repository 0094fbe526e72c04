"""The review queue: what a person should look at, what teaches most first.

Results are looked through as they come, in the order of their ids, whenever somebody opens the queue. One
that gives a reason to look becomes an item; of the others a few are drawn until a metric has the answers that
an interval needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models import Count, F, Max, Q, QuerySet
from django.utils import timezone

from callgauge.domain.calls import stable_hash
from callgauge.domain.metrics import MetricKind
from callgauge.domain.outcomes import SkipReason
from callgauge.domain.rubric import Rule
from callgauge.flow.errors import Invalid
from callgauge.flow.review_reasons import Reason, code_of, never_seen, rank_of, reason_named, why_look
from callgauge.flow.reviewers import Reviewer
from callgauge.flow.settle import load_rubric
from callgauge.store.models import (
    MetricResult,
    MetricVersion,
    Project,
    ResultOutcome,
    Review,
    ReviewItem,
    ReviewRole,
    ReviewScan,
)
from callgauge.store.turns import write_turn

WANTED_LABELS: Final = 30
"""Answers per metric that are drawn at random: half as many again as an interval needs."""
WINDOW: Final = 5_000
"""Results looked through in one transaction, about a tenth of a second."""
WINDOWS_AT_ONCE: Final = 4
OVERLAP: Final = 1_000
"""On PostgreSQL ids are given before they are committed: the last ones are looked at again."""
DONE_SHOWN_FOR: Final = timedelta(days=7)
_LOOKED_AT = Q(outcome=ResultOutcome.SCORED) | Q(
    outcome=ResultOutcome.SKIPPED,
    reason__in=[SkipReason.NOT_APPLICABLE.value, SkipReason.TRIGGER_NOT_MET.value],
)
_KEPT = Reason.NEVER_SEEN | Reason.ASKED_FOR
"""Reasons that no newer result takes away."""
_Key = tuple[int, int]
"""Call and metric."""


# --- looking through what came in ------------------------------------------------------------------------


def look_through(project: Project) -> int:
    """Look through results that came since the last time, a bounded number of them. How many ids are left."""
    newest = MetricResult.objects.aggregate(newest=Max("id"))["newest"] or 0
    scan = ReviewScan.objects.filter(project=project).first()
    if scan is not None and scan.rubric_version == project.rubric_version and scan.through_id >= newest:
        return 0
    left = newest
    for _ in range(WINDOWS_AT_ONCE):
        with write_turn(), transaction.atomic():
            left = newest - _look_through_window(project, newest)
        if left <= 0:
            break
    return max(0, left)


def _look_through_window(project: Project, newest: int) -> int:
    """The id up to which results have been looked through now."""
    ReviewScan.objects.get_or_create(project=project, defaults={"rubric_version": project.rubric_version})
    scan = ReviewScan.objects.select_for_update().get(project=project)
    if scan.rubric_version != project.rubric_version:
        scan.rubric_version, scan.through_id = project.rubric_version, 0
    overlap = OVERLAP if connection.features.has_select_for_update else 0
    mine = MetricResult.objects.filter(call__project=project)
    # Stretches that belong to other projects are passed over in one step.
    first = (
        mine.filter(id__gt=scan.through_id, id__lte=newest)
        .order_by("id")
        .values_list("id", flat=True)
        .first()
    )
    start = newest if first is None else first - 1
    end = min(newest, start + WINDOW)
    rows = list(
        mine.filter(
            _LOOKED_AT,
            Q(id__gt=start) | Q(id__gt=scan.through_id - overlap, id__lte=scan.through_id),
            id__lte=end,
            is_current=True,
            call__deleted_at=None,
            metric__deleted_at=None,
            version__meaning=F("metric__current_version__meaning"),
        ).defer("explanation")
    )
    versions = MetricVersion.objects.select_related("metric").in_bulk({row.version_id for row in rows})
    for row in rows:  # a few versions for thousands of rows: cheaper than a join
        row.version = versions[row.version_id]
        row.metric = row.version.metric
    if rows:
        _put_in(project, rows)
    scan.through_id = max(end, scan.through_id)
    scan.save()
    return scan.through_id


def _put_in(project: Project, rows: Sequence[MetricResult]) -> None:
    calls = {row.call_id for row in rows}
    before = MetricResult.objects.select_related("version").in_bulk(
        [row.previous_id for row in rows if row.previous_id is not None]
    )
    rules = {rule.metric_id: rule for rule in load_rubric(project.pk).rules}
    labels: dict[_Key, Review] = {
        (review.call_id, review.metric_id): review
        for review in Review.objects.filter(call_id__in=calls, is_current=True, has_expected_value=True)
    }
    known: dict[_Key, ReviewItem] = {
        (item.call_id, item.metric_id): item
        for item in ReviewItem.objects.filter(call_id__in=calls, kind=ReviewRole.FIRST, done_at=None)
    }
    changed: list[ReviewItem] = []
    plain: list[MetricResult] = []
    gone: list[int] = []
    for row in rows:
        key = (row.call_id, row.metric_id)
        item = _item(project, row, before, rules.get(row.metric_id), labels.get(key), known.get(key))
        if item is not None:
            changed.append(item)
        elif key in known and not known[key].rank & _KEPT:
            gone.append(known[key].pk)  # what spoke for it no longer does
        elif key not in known and key not in labels and _is_judgement(row):
            plain.append(row)
    ReviewItem.objects.filter(pk__in=gone).delete()
    ReviewItem.objects.bulk_update([item for item in changed if item.pk], ["rank", "why"], batch_size=500)
    ReviewItem.objects.bulk_create(
        [item for item in changed if not item.pk] + _drawn(project, plain), batch_size=500
    )


def _item(
    project: Project,
    row: MetricResult,
    before: Mapping[int, MetricResult],
    rule: Rule | None,
    label: Review | None,
    known: ReviewItem | None,
) -> ReviewItem | None:
    """An item new or changed; None where nothing speaks for looking."""
    if label is not None and label.meaning == row.version.meaning:
        return None
    whys = why_look(row, before.get(row.previous_id or 0), rule, label)
    if not whys:
        return None
    item = known or ReviewItem(project=project, call_id=row.call_id, metric_id=row.metric_id)
    asked = [entry for entry in item.why if entry["reason"] == code_of(Reason.ASKED_FOR)]
    item.rank = rank_of(whys) | (Reason.ASKED_FOR if asked else 0)
    item.why = [*asked, *(why.as_json() for why in whys)]
    return item


def _is_judgement(row: MetricResult) -> bool:
    """What is counted by rule needs nobody's opinion until there is a reason."""
    return row.outcome == ResultOutcome.SCORED and row.version.kind != MetricKind.BUILT_IN


def _drawn(project: Project, rows: Sequence[MetricResult]) -> list[ReviewItem]:
    """Of results that nothing speaks for, as many as their metrics lack answers, drawn at random but the same
    whenever it is done again."""
    metrics = {row.metric_id: row.metric for row in rows}
    valid = Review.objects.filter(
        metric_id__in=metrics,
        is_current=True,
        has_expected_value=True,
        meaning=F("metric__current_version__meaning"),
    )
    labels = _counts(valid)
    asked = _counts(
        ReviewItem.objects.alias(bit=F("rank").bitand(int(Reason.NEVER_SEEN))).filter(
            metric_id__in=metrics, kind=ReviewRole.FIRST, done_at=None, bit__gt=0
        )
    )
    lacking = [
        row for row in rows if labels.get(row.metric_id, 0) + asked.get(row.metric_id, 0) < WANTED_LABELS
    ]
    drawn = []
    for row in sorted(lacking, key=lambda row: stable_hash("review", row.call_id, row.metric_id)):
        metric_id = row.metric_id
        if labels.get(metric_id, 0) + asked.get(metric_id, 0) >= WANTED_LABELS:
            continue
        asked[metric_id] = asked.get(metric_id, 0) + 1
        why = never_seen(metrics[metric_id].name, labels.get(metric_id, 0), WANTED_LABELS)
        drawn.append(
            ReviewItem(
                project=project,
                call_id=row.call_id,
                metric_id=metric_id,
                rank=rank_of([why]),
                why=[why.as_json()],
            )
        )
    return drawn


def _counts(rows: QuerySet[Review] | QuerySet[ReviewItem]) -> dict[int, int]:
    return dict(rows.values_list("metric_id").annotate(number=Count("id")).order_by())


# --- reading the queue -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """What part of the queue somebody wants to see."""

    metric_id: int | None = None
    agent_id: int | None = None
    kind: str = ""
    reason: str = ""
    assigned: bool = False
    """Only what is assigned to the reviewer."""


@dataclass(frozen=True, slots=True)
class QueuePage:
    items: Sequence[ReviewItem]
    next: str
    """Cursor; empty at the end."""


def open_items(project: Project, me: Reviewer, asked: Asked = Asked()) -> QuerySet[ReviewItem]:
    """What waits for this reviewer, in order: not what they skipped, what is another's, or what is about an
    answer of their own. Those who differ see their dispute only where they ask for disputes: a third person
    should decide it, but they may together. Raises Invalid."""
    items = ReviewItem.objects.filter(
        Q(assignee="") | Q(assignee=me.name),
        project=project,
        done_at=None,
        call__deleted_at=None,
        metric__deleted_at=None,
    )
    items = items.exclude(skips__reviewer=me.name)
    items = items.exclude(kind=ReviewRole.SECOND, first__reviewer=me.name)
    if asked.kind != ReviewRole.ADJUDICATION and asked.reason != code_of(Reason.DISAGREEMENT):
        items = items.exclude(_dispute_of(me))
    if asked.metric_id is not None:
        items = items.filter(metric_id=asked.metric_id)
    if asked.agent_id is not None:
        items = items.filter(call__agent_id=asked.agent_id)
    if asked.kind:
        if asked.kind not in ReviewRole.values:
            raise Invalid.field("kind", f"Write one of {', '.join(ReviewRole.values)}.")
        items = items.filter(kind=asked.kind)
    if asked.reason:
        reason = reason_named(asked.reason)
        if reason is None:
            raise Invalid.field("reason", f"Write one of {', '.join(code_of(one) for one in Reason)}.")
        items = items.alias(bit=F("rank").bitand(int(reason))).filter(bit__gt=0)
    if asked.assigned:
        items = items.filter(assignee=me.name)
    return items.order_by("-rank", "id")


def _dispute_of(me: Reviewer) -> Q:
    parties = Q(first__reviewer=me.name) | Q(second__reviewer=me.name)
    return Q(kind=ReviewRole.ADJUDICATION) & parties


def queue_page(items: QuerySet[ReviewItem], cursor: str, size: int) -> QueuePage:
    """The next items after a cursor. Answering, skipping and what comes in meanwhile move nothing: no item is
    passed over or shown twice. Raises Invalid for a cursor that is none."""
    if cursor:
        rank, _, pk = cursor.partition("-")
        if not (rank.isdecimal() and pk.isdecimal() and len(cursor) < 30):
            raise Invalid.field("cursor", "Give the cursor as it came in next_cursor.")
        items = items.filter(Q(rank__lt=int(rank)) | Q(rank=int(rank), id__gt=int(pk)))
    found = list(
        items.select_related("call__agent", "metric__current_version", "first", "second")[: size + 1]
    )
    shown = found[:size]
    more = f"{shown[-1].rank}-{shown[-1].pk}" if len(found) > size else ""
    return QueuePage(shown, more)


def counters(project: Project, me: Reviewer) -> dict[str, object]:
    """How much waits for this reviewer, by kind and by reason, and what has been done lately."""
    items = open_items(project, me).order_by()
    bits = {reason: f"bit_{reason.value}" for reason in Reason}
    named = items.annotate(**{name: F("rank").bitand(int(reason)) for reason, name in bits.items()})
    totals = named.aggregate(
        open=Count("id"),
        assigned=Count("id", filter=Q(assignee=me.name)),
        **{kind: Count("id", filter=Q(kind=kind)) for kind in ReviewRole.values},
        **{code_of(reason): Count("id", filter=Q(**{f"{name}__gt": 0})) for reason, name in bits.items()},
    )
    since = timezone.now() - DONE_SHOWN_FOR
    mine = ReviewItem.objects.filter(project=project)
    return {
        "open": totals["open"],
        "assigned_to_me": totals["assigned"],
        "my_disputes": mine.filter(_dispute_of(me), done_at=None).count(),
        "skipped_by_me": mine.filter(done_at=None, skips__reviewer=me.name).count(),
        "done_last_7_days": mine.filter(done_at__gte=since).count(),
        "kinds": {kind: totals[kind] for kind in ReviewRole.values},
        "reasons": {code_of(reason): totals[code_of(reason)] for reason in reversed(Reason)},
    }
