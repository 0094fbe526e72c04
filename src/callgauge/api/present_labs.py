"""Labs on the wire: answers of people, runs of a draft against them, and proposals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from callgauge.domain.metrics import Trigger
from callgauge.flow.labs import (
    WORDS,
    Ending,
    LabScore,
    chance_of,
    is_right,
    score_in_words,
    score_of,
    usage_of,
)
from callgauge.flow.proposals import diff_of, is_open, is_outdated, wordings
from callgauge.store.models import ErrandState, Lab, LabCase, LabKind, Metric, Review

ANSWERS_SHOWN = 200


def present_answer(review: Review, *, pk: int | None = None) -> dict[str, Any]:
    """MetricReviewInline; `pk` is the id that was asked for, where an edit has made a newer row."""
    version = review.version
    return {
        "id": pk or review.pk,
        "metric": review.metric_id,
        "metric_name": review.metric.name,
        "metric_enum_values": [] if version is None else version.labels,
        "eval_type": "" if version is None else version.eval_type,
        "expected_value": review.expected_value,
        "explanation": [review.feedback] if review.feedback else [],
        "feedback": review.feedback,
        "metric_function_name": "" if version is None else version.built_in,
        "metric_vocera_defined_metric_code": "" if version is None else version.predefined_code,
    }


def answers_of(metric: Metric) -> list[dict[str, Any]]:
    """The metric's `reviews`: the newest answers of people, as MetricReviewDetail. A test set is one call."""
    reviews = (
        Review.objects.filter(metric=metric, is_current=True, call__deleted_at=None)
        .select_related("call", "result")
        .order_by("-id")[:ANSWERS_SHOWN]
    )
    return [
        {
            "id": review.pk,
            "test_set": {"id": review.call_id, "name": review.call.call_id, "call_log": review.call_id},
            "metric": metric.pk,
            "expected_value": review.expected_value,
            "actual_value": None if review.result is None else _machine(review),
            "explanation": [review.feedback] if review.feedback else [],
            "feedback": review.feedback,
            "created_at": review.created_at,
            "updated_at": review.withdrawn_at or review.created_at,
        }
        for review in reviews
    ]


def _machine(review: Review) -> Any:
    result = review.result
    assert result is not None
    if result.passed is not None:
        return result.passed
    return result.number if result.number is not None else result.label


def present_progress(lab: Lab) -> dict[str, Any]:
    """What both progress requests share: how far it is, and the result of each call."""
    cases = _cases(lab)
    measured = [case for case in cases if not case.is_shown]
    wanted = 0 if lab.skip_evaluation else len(measured)
    return {
        "progress_id": lab.uid,
        "status": lab.state,
        "progress": {"done": sum(case.after is not None for case in measured), "total": wanted},
        "reason": lab.reason or None,
        "error": WORDS[Ending(lab.reason)] if lab.reason else None,
        "review_results": [_result(lab, case) for case in measured if case.after is not None],
        "cost_usd": usage_of(lab, cases).cost_usd,
    }


def present_run(lab: Lab) -> dict[str, Any]:
    cases = _cases(lab)
    score = score_of(lab, cases)
    return {
        **present_progress(lab),
        "old_score": _share(score.right_before, score.n),
        "new_score": _share(score.right_after, score.n),
        "failed": score.failed,
    }


def present_feedbacks(lab: Lab) -> dict[str, Any]:
    """ProcessFeedbacksResponse, and our progress beside it."""
    version, cases = lab.version, _cases(lab)
    score, (_, after) = score_of(lab, cases), wordings(lab)
    proposed = lab.draft is not None and lab.state == ErrandState.COMPLETED
    custom = version.trigger == Trigger.CUSTOM
    return {
        **present_progress(lab),
        "improved_metric_description": after if proposed else "",
        "improved_evaluation_trigger": version.trigger_prompt or version.trigger_code,
        "improved_trigger_kind": version.trigger_type if custom else Trigger.ALWAYS.value,
        "trigger_type": version.trigger_type,
        "metric_description_program": None,
        "metric_description_variables": [],
        "evaluation_trigger_program": None,
        "evaluation_trigger_variables": [],
        "custom_code": version.custom_code,
        "type": version.kind,
        "feedback_edits": [],
        "unauthorized_label_changes": [],
        "unresolved_samples": [
            case.review_id
            for case in cases
            if case.after is not None and not is_right(lab, case.expected_value, case.after)
        ],
        "optimization_summary": "\n".join(lab.summary),
        "old_score": _share(score.right_before, score.n),
        "new_score": _share(score.right_after, score.n),
        "proposal_id": lab.pk if proposed else None,
    }


def present_proposal(lab: Lab) -> dict[str, Any]:
    """The wording before and after, its diff, and what both made of the calls that were held back."""
    cases = _cases(lab)
    before, after = wordings(lab)
    score = score_of(lab, cases)
    applied = lab.applied_version
    return {
        "id": lab.pk,
        "progress_id": lab.uid,
        "metric": {"id": lab.metric_id, "name": lab.metric.name},
        "version": lab.version.number,
        "status": lab.state,
        "reason": lab.reason or None,
        "error": WORDS[Ending(lab.reason)] if lab.reason else None,
        "decision": "applied" if applied else "dismissed" if lab.dismissed_at else None,
        "decided_by": lab.decided_by or None,
        "applied_version": None if applied is None else applied.number,
        "open": is_open(lab),
        "outdated": is_open(lab) and is_outdated(lab),
        "before": before,
        "after": after if lab.draft is not None else None,
        "diff": diff_of(lab),
        "summary": lab.summary,
        "shown_calls": [case.call_id for case in cases if case.is_shown],
        "score": _score(score),
        "words": score_in_words(score),
        "results": [_result(lab, case) for case in cases if case.after is not None],
        "asked_by": lab.asked_by,
        "cost_usd": usage_of(lab, cases).cost_usd,
        "created_at": lab.created_at,
        "ended_at": lab.ended_at,
    }


def pending_proposal(metric: Metric) -> dict[str, Any] | None:
    """The metric's `pending_optimisation_proposal`: the newest that waits for a person."""
    newest = (
        metric.labs.filter(
            kind=LabKind.PROPOSE,
            state=ErrandState.COMPLETED,
            decided_by="",
            version=metric.current_version_id,
        )
        .exclude(draft__isnull=True)
        .select_related("version")
        .order_by("-id")
        .first()
    )
    if newest is None:
        return None
    return {
        "id": newest.pk,
        "progress_id": newest.uid,
        "improved_metric_description": wordings(newest)[1],
        "created_at": newest.created_at,
    }


def _score(score: LabScore) -> dict[str, Any]:
    return {**asdict(score), "p_value": chance_of(score) if score.n else None}


def _cases(lab: Lab) -> Sequence[LabCase]:
    return list(lab.cases.select_related("call").order_by("id"))


def _share(right: int, n: int) -> float | None:
    return right / n if n else None


def _result(lab: Lab, case: LabCase) -> dict[str, Any]:
    """ReviewResult: what the draft makes of a call. A value that is missing is an error, never a zero."""
    after = case.after or {}
    return {
        "review_id": case.review_id or 0,
        "test_set_id": case.call_id,
        "call_id": case.call.call_id,
        "expected_value": case.expected_value,
        "previous_value": (case.before or {}).get("value"),
        "actual_value": after.get("value"),
        "explanation": after.get("explanation", []),
        "success": is_right(lab, case.expected_value, case.after),
        "error": None if "value" in after else str(after.get("code") or after.get("reason")),
    }
