"""Trying an unsaved metric on past calls: asked for, worked through by one owner, looked at, forgotten."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from callgauge.domain.metrics import MetricSpec
from callgauge.domain.outcomes import Failed, FailureCode, Outcome
from callgauge.flow import errands, ratelimit
from callgauge.flow.audit import record
from callgauge.flow.errors import Invalid, NotFound
from callgauge.flow.late_findings import withheld, without_words
from callgauge.flow.metrics import check_metric, spec_of
from callgauge.flow.results import NewResult, result_row
from callgauge.flow.scope import Who, projects_of
from callgauge.flow.wake import announce_work
from callgauge.flow.work import CallWork, load_apart
from callgauge.store.models import (
    Agent,
    CallLog,
    Metric,
    MetricPreview,
    MetricResult,
    MetricVersion,
    Project,
    ResultOutcome,
)
from callgauge.store.turns import write_turn

MAX_CALLS: Final = 20
LOST: Final = Failed(
    FailureCode.INTERNAL_ERROR,
    ("The server stopped every time it worked on this call; see the server's log.",),
    retryable=True,
)
UNREADABLE: Final = Failed(
    FailureCode.INTERNAL_ERROR, ("What is stored of this call cannot be read; see the server's log.",)
)

_SHOWN = (
    *("call_id", "outcome", "passed", "number", "label", "reason", "retryable", "explanation", "extra"),
    *("low_trust", "judge_model", "cost_usd"),
)


@dataclass(frozen=True, slots=True)
class PreviewWork:
    pk: int
    spec: MetricSpec
    calls: Sequence[CallWork]
    """Those that have no result yet."""
    give_up: bool


def request_preview(
    project: Project,
    frozen: Mapping[str, Any],
    call_ids: Sequence[int],
    *,
    agent: Agent | None = None,
    changes: Metric | None = None,
) -> MetricPreview:
    """`changes`: the saved metric that `frozen` is a change of. Raises Invalid for a metric that could not be
    saved, and for calls that are not the project's."""
    metric = check_metric(project, frozen, changes)
    ids = list(dict.fromkeys(call_ids))
    if not 0 < len(ids) <= MAX_CALLS:
        raise Invalid.field("call_log_ids", f"Name 1 to {MAX_CALLS} calls.")
    calls = CallLog.objects.filter(project=project, pk__in=ids, deleted_at=None)
    if agent is not None:
        calls = calls.filter(agent=agent)
    known = set(calls.values_list("pk", flat=True))
    missing = [str(pk) for pk in ids if pk not in known]
    if missing:
        raise Invalid.field("call_log_ids", f"These call logs do not exist here: {', '.join(missing)}.")
    with write_turn(), transaction.atomic():
        MetricPreview.objects.filter(
            project=project, created_at__lt=timezone.now() - errands.KEPT_FOR
        ).delete()
        preview = MetricPreview.objects.create(
            uid=errands.new_uid(), project=project, metric=metric, call_ids=ids
        )
        record("preview.requested", preview, calls=len(ids))
        announce_work()
    return preview


def count_against_limit(project: Project) -> None:
    """Raises RateLimited. A preview may cost as much as a small rerun."""
    ratelimit.take(project, "preview", settings.CALLGAUGE.rerun_rate)


def find_preview(key: Who, uid: str) -> MetricPreview:
    """Raises NotFound for what is foreign, missing or forgotten."""
    found = MetricPreview.objects.filter(project__in=projects_of(key), uid=errands.uid_of(uid)).first()
    if found is None:
        raise NotFound
    return found


def forget_calls(call_ids: Collection[int]) -> None:
    """Deleted calls leave nothing behind in previews: a result quotes the call. The caller is in a
    transaction."""
    gone = set(call_ids)
    projects = CallLog.objects.filter(pk__in=gone).values("project_id")
    for preview in MetricPreview.objects.select_for_update().filter(project_id__in=projects).order_by("pk"):
        if gone & set(preview.call_ids):
            preview.call_ids = [pk for pk in preview.call_ids if pk not in gone]
            preview.results = [row for row in preview.results if row["call_id"] not in gone]
            preview.save(update_fields=["call_ids", "results"])


def measured_before(version: MetricVersion, call_ids: Collection[int]) -> dict[int, MetricResult]:
    """What a saved version made of these calls as they are today, by call: the newest that did not fail, else
    the newest."""
    rows = MetricResult.objects.filter(
        call_id__in=call_ids, version=version, input_hash=F("call__content_hash")
    ).order_by("id")
    found: dict[int, MetricResult] = {}
    for row in rows:
        if row.outcome != ResultOutcome.FAILED or row.call_id not in found:
            found[row.call_id] = row
    return found


def claim_preview(owner: str) -> PreviewWork | None:
    """The oldest that nobody works on. The caller is in no transaction."""
    return errands.claim_loaded(
        MetricPreview, owner, _load, lambda pk: errands.end(MetricPreview, owner, pk, failed=True)
    )


def _load(preview: MetricPreview) -> PreviewWork:
    spec = spec_of(MetricVersion(pk=0, metric_id=0, **preview.metric))
    done = {row["call_id"] for row in preview.results}
    left = [pk for pk in preview.call_ids if pk not in done]
    return PreviewWork(preview.pk, spec, load_apart(left, spec), preview.attempts > errands.MAX_ATTEMPTS)


def store_preview(owner: str, work: PreviewWork, call: CallWork, outcome: Outcome) -> None:
    """Append the result of one call; nothing where another owner has the preview now."""
    with write_turn(), transaction.atomic():
        preview = errands.held(MetricPreview, owner, work.pk).select_for_update().first()
        if preview is None:
            return
        if withheld([(call.call.id, call.call.content_hash)]):
            outcome = without_words(outcome)
        row = result_row(NewResult(0, 0, call.call.id, call.call.content_hash, work.spec, outcome))
        stored = {name: row[name] for name in _SHOWN}
        stored["created_at"] = timezone.now().isoformat()
        preview.results.append(stored)
        preview.save(update_fields=["results"])
