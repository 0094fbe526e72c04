"""From results to a call's verdict: the rubric decides, except where a person has."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from callgauge.domain.metrics import EvalType
from callgauge.domain.outcomes import Failed, FailureCode, Outcome, Scored, Skipped, SkipReason, Value
from callgauge.domain.rubric import PASS_SCORE, Ground, Joiner, Rubric, RubricError, Rule, Verdict, decide
from callgauge.domain.rubric_reading import parse_rubric
from callgauge.flow.webhooks.events import tell_completed
from callgauge.store.bulk import moment, update_rows
from callgauge.store.models import (
    CallLog,
    CallPayload,
    MetricResult,
    Project,
    Rerun,
    ResultOutcome,
    Review,
    RubricRule,
)
from callgauge.store.prepared import Ids, Prepared

_LOGIC_OF = Prepared(lambda project: Project.objects.filter(pk=project).only("rubric_logic"), int)
_RULES_OF = Prepared(
    lambda project: (
        RubricRule.objects.filter(project_id=project, metric__deleted_at=None)
        .select_related("metric__current_version")
        .only(
            "metric_id",
            "conditions",
            "metric__current_version__name",
            "metric__current_version__eval_type",
        )
    ),
    int,
)
_OWED = Prepared(
    lambda reruns, calls: (
        CallLog.objects.select_for_update(no_key=True)
        .filter(Q(pending_rerun_id__in=reruns) | Q(pending_rerun_id=None), pk__in=calls)
        .order_by("pk")
        .only("pk", "project_id", "is_reviewed", "content_hash", "pending_rerun_id", "event_owed")
    ),
    Ids,
    Ids,
)
_COUNTING = Prepared(
    lambda calls, metrics: MetricResult.objects.filter(
        Q(is_current=True) | Q(outcome=ResultOutcome.FAILED, rerun__aside=False),
        call_id__in=calls,
        metric_id__in=metrics,
    ).only(
        *("call_id", "metric_id", "rerun_id", "reused_by", "is_current", "input_hash"),
        *("outcome", "passed", "number", "label", "reason", "retryable", "explanation"),
    ),
    Ids,
    Ids,
)


def settle_calls(rerun_id: int, call_ids: Collection[int], *, stands_for: int | None = None) -> None:
    """Decide calls whose results under a rerun are all in. The caller is in a transaction.

    `stands_for`: a cancelled rerun, whose calls this one decides in its place.

    A call that a newer rerun owes a verdict is left to that one. A call that nobody owes one any more is
    decided again: a newer but narrower rerun has settled it without the results that came now. A failed
    result counts although an older good one is still shown: a call never passes because the judge was down.
    """
    mine = {rerun_id} if stands_for is None else {rerun_id, stands_for}
    # Locked, and in the order of ids: a vote or a reset at the same time waits instead of being half undone.
    calls = _OWED(list(mine), list(call_ids))
    reviewed = [call.pk for call in calls if call.is_reviewed]
    if reviewed:
        CallLog.objects.filter(pk__in=reviewed).update(
            pending_rerun_id=None,
            event_owed=False,
            updated_at=timezone.now(),  # whoever counts results by day sees by it that the call has others
        )
        waited = [call.pk for call in calls if call.is_reviewed and call.pending_rerun_id in mine]
        for call_id in _reviewed_meanwhile(rerun_id, waited) if waited else ():
            settle_from_reviews(call_id)
    by_project: dict[int, dict[int, str]] = defaultdict(dict)
    for call in calls:
        if not call.is_reviewed:
            by_project[call.project_id][call.pk] = call.content_hash
    for project_id, contents in by_project.items():
        rubric = load_rubric(project_id)
        outcomes = _outcomes(contents, rubric)
        _write({call_id: decide(rubric, outcomes.get(call_id, {})) for call_id in contents})
    tell_completed({call.pk: call.project_id for call in calls if call.event_owed})


def _reviewed_meanwhile(rerun_id: int, call_ids: Collection[int]) -> list[int]:
    """Of calls that a person has reviewed, those that were first judged while this rerun had only some of its
    results: the others count too. What was reviewed before the rerun keeps its outcome."""
    began = Rerun.objects.values_list("created_at", flat=True).get(pk=rerun_id)
    reviews = Review.objects.filter(call_id__in=call_ids).values_list("call_id", "created_at")
    before = {call_id for call_id, at in reviews if at < began}
    return sorted({call_id for call_id, at in reviews if at >= began} - before)


def hold_calls(call_ids: Collection[int]) -> None:
    """Lock calls in the order of ids. Whoever writes results or verdicts of several in one transaction, or
    resets them, does this first: two that lock in different orders would wait for each other. The weaker
    lock: new rows refer to calls meanwhile."""
    if call_ids and connection.features.has_select_for_update:
        locked = CallLog.objects.select_for_update(no_key=True).filter(pk__in=call_ids).order_by("pk")
        list(locked.values_list("pk", flat=True))


def abandon_call(rerun_id: int, call_id: int, *, stands_for: int | None = None) -> None:
    """Leave a call without a verdict that can be neither measured nor settled, so that its rerun can end."""
    mine = {rerun_id, stands_for} - {None}
    left = CallLog.objects.filter(pk=call_id, pending_rerun_id__in=mine)
    owed = dict(left.filter(event_owed=True).values_list("pk", "project_id"))
    left.update(
        pending_rerun_id=None,
        event_owed=False,
        error_message="No verdict: this call could not be measured; the server's log says why.",
        updated_at=timezone.now(),
    )
    tell_completed(owed)


@transaction.atomic
def settle_from_reviews(call_id: int) -> None:
    """Decide a reviewed call again, with what people said in place of what the machine measured."""
    call = CallLog.objects.select_for_update(no_key=True).get(pk=call_id)
    rubric = load_rubric(call.project_id)
    outcomes = _outcomes({call_id: call.content_hash}, rubric).get(call_id, {})
    for review in Review.objects.filter(call_id=call_id, is_current=True):
        said = _said(review, outcomes.get(review.metric_id))
        if said is not None:
            outcomes[review.metric_id] = said
    verdict = decide(rubric, outcomes)
    CallLog.objects.filter(pk=call_id).update(
        success=verdict.success,
        passed_unmeasured=verdict.is_unmeasured,
        is_reviewed=True,
        error_message=_error(verdict),
        updated_at=timezone.now(),
    )
    CallPayload.objects.filter(pk=call_id).update(rubric=_grounds(verdict.grounds))


@transaction.atomic
def settle_without_reviews(call_id: int) -> None:
    """The last judgement was taken back: the call is the machine's again. One that is being measured waits
    for that."""
    call = CallLog.objects.select_for_update(no_key=True).get(pk=call_id)
    CallLog.objects.filter(pk=call_id).update(
        is_reviewed=False, success=None, error_message=None, updated_at=timezone.now()
    )
    if call.pending_rerun_id is None:
        rubric = load_rubric(call.project_id)
        outcomes = _outcomes({call_id: call.content_hash}, rubric)
        _write({call_id: decide(rubric, outcomes.get(call_id, {}))})


def load_rubric(project_id: int) -> Rubric:
    """Read for every batch of calls that is settled: few columns, for whole metrics and versions cost more
    than all the rest of settling."""
    (project,) = _LOGIC_OF(project_id)
    rules = []
    for row in _RULES_OF(project_id):
        version = row.metric.current_version
        if version is not None:
            rules.append(_rule(row.metric_id, row.conditions, version.name, version.eval_type))
    return Rubric(Joiner(project.rubric_logic), tuple(rule for rule in rules if rule is not None))


def _rule(metric_id: int, conditions: object, name: str, eval_type: str) -> Rule | None:
    """A rule fitted the metric's type when it was written. Where that type has changed since, the rule is
    read as what it was, and `decide` finds that it cannot be put to today's values."""
    today = EvalType(eval_type)
    for tried in (today, *(other for other in EvalType if other is not today)):
        config = {"rules": [{"metric_id": metric_id, "conditions": conditions}]}
        try:
            return parse_rubric(config, {metric_id: (name, tried)}).rules[0]
        except RubricError:
            continue
    return None


def _outcomes(contents: Mapping[int, str], rubric: Rubric) -> dict[int, dict[int, Outcome]]:
    """Per call (id to content hash), for each metric of the rubric: what the newest rerun made of it.

    That is the current result, unless a rerun after it failed. A result of content that the call no longer
    has does not count, unless it is still the current one.
    """
    metrics = {rule.metric_id for rule in rubric.rules}
    if not metrics:
        return {}
    rows = _COUNTING(list(contents), list(metrics))
    found: dict[int, dict[int, Outcome]] = defaultdict(dict)
    for row in sorted(rows, key=lambda row: (max(row.rerun_id, row.reused_by or 0), row.is_current)):
        if row.is_current or row.input_hash == contents[row.call_id]:
            found[row.call_id][row.metric_id] = read_outcome(row)
    return found


class OutcomeRow(Protocol):
    """A stored result, or as much of it as says what came of the metric."""

    @property
    def outcome(self) -> str: ...
    @property
    def passed(self) -> bool | None: ...
    @property
    def number(self) -> float | None: ...
    @property
    def label(self) -> str | None: ...
    @property
    def reason(self) -> str: ...
    @property
    def retryable(self) -> bool: ...
    @property
    def explanation(self) -> str: ...


def read_outcome(row: OutcomeRow) -> Outcome:
    """A stored result as the value it came from; usage and extra are left out."""
    explanation = tuple(str(sentence) for sentence in json.loads(row.explanation))
    match ResultOutcome(row.outcome):
        case ResultOutcome.SCORED:
            return Scored(Value(passed=row.passed, number=row.number, label=row.label), explanation)
        case ResultOutcome.SKIPPED:
            return Skipped(SkipReason(row.reason), explanation)
        case ResultOutcome.FAILED:
            return Failed(FailureCode(row.reason), explanation, retryable=row.retryable)


def _said(review: Review, machine: Outcome | None) -> Outcome | None:
    """A person's value as an outcome; None where the vote leaves the machine's value as it is, or where the
    metric gives another kind of value by now."""
    if not review.has_expected_value:
        if review.thumbs_up is False and isinstance(machine, Scored) and machine.value.passed is not None:
            return Scored(Value(passed=not machine.value.passed), (review.feedback,))
        return None
    value = review.expected_value
    eval_type = EvalType(_eval_type(review))
    if value is None:
        return Skipped(SkipReason.NOT_APPLICABLE, (review.feedback,))
    if eval_type is EvalType.BINARY:
        return Scored(Value(passed=value is True or value == PASS_SCORE), (review.feedback,))
    if eval_type is EvalType.ENUM:
        return Scored(Value(label=str(value)), (review.feedback,))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return Scored(Value(number=float(value)), (review.feedback,))


def _eval_type(review: Review) -> str:
    version = review.metric.current_version
    return version.eval_type if version is not None else EvalType.BINARY


def _write(verdicts: Mapping[int, Verdict]) -> None:
    """The caller has locked the calls and knows that no person has reviewed them."""
    now = moment(timezone.now())
    update_rows(
        CallLog,
        ("success", "passed_unmeasured", "error_message", "pending_rerun_id", "event_owed", "updated_at"),
        ("id",),
        [
            (verdict.success, verdict.is_unmeasured, _error(verdict), None, False, now, call_id)
            for call_id, verdict in verdicts.items()
        ],
    )
    update_rows(
        CallPayload,
        ("rubric",),
        ("call_id",),
        [(_grounds(verdict.grounds), call_id) for call_id, verdict in verdicts.items()],
    )


def _error(verdict: Verdict) -> str | None:
    if verdict.success is not None or not verdict.unknown_metrics:
        return None
    names = ", ".join(verdict.unknown_metrics)
    return f"No verdict: these metrics of the rubric could not be computed: {names}."


def _grounds(grounds: Sequence[Ground]) -> str:
    rows: list[dict[str, Any]] = [
        {
            "metric_id": ground.metric_id,
            "metric_name": ground.metric_name,
            "value": ground.value,
            "explanation": list(ground.explanation),
            "passed": ground.passed,
            "conditions": ground.conditions,
            "expected_conditions": ground.expected_conditions,
        }
        for ground in grounds
    ]
    return json.dumps(rows) if rows else "null"
