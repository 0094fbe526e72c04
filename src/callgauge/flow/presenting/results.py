"""One row of `evaluation.metrics[]`: the machine's result, or a person's value in its place."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import orjson

from callgauge.domain.metrics import EvalType
from callgauge.domain.outcomes import SkipReason
from callgauge.domain.rubric import FAIL_SCORE, PASS_SCORE
from callgauge.flow.presenting.json import OPTIONS
from callgauge.store.models import ResultOutcome
from callgauge.store.outlooks import Owed
from callgauge.store.result_queries import ResultRow, ReviewRow

WireVersion = Literal["v1", "v2"]

BINARY_TYPE: Mapping[str, str] = {"v1": "binary_workflow_adherence", "v2": "binary"}
"""The `type` of a binary row: v1 keeps the word that its first clients compare with."""


def present_rows(
    rows: Sequence[ResultRow],
    reviews: Mapping[tuple[int, int], ReviewRow],
    owed: Owed | None,
    version: WireVersion,
) -> list[dict[str, Any]]:
    """The rows of one call. v1 and v2 differ in the `type` of binary rows only: both carry `score` and
    `passed`, because clients of either read one or the other."""
    return [
        _present(
            row, reviews.get((row.call_id, row.metric_id)), owed is not None and owed.supersedes(row), version
        )
        for row in rows
    ]


def short_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """The shape that a list's `metrics` has."""
    return {name: row[name] for name in ("id", "name", "type", "score", "enum", "value")}


def _present(
    row: ResultRow, review: ReviewRow | None, superseded: bool, version: WireVersion
) -> dict[str, Any]:
    said = None if review is None else _person_value(row, review)
    shown = _machine_value(row) if said is None else said
    extra = _about(row, superseded, review)
    explanation: Any = orjson.Fragment(row.explanation)
    if said is None:
        extra |= _outcome(row)
        extra_json: Any = _spliced(row.extra, extra)
    else:
        machine_explanation = explanation
        if review is not None and review.feedback:
            explanation = [review.feedback]
        elif said != _machine_value(row):
            explanation = ["A reviewer gave this value."]
        extra |= {"outcome": said["outcome"]}
        if said["outcome"] == ResultOutcome.SKIPPED:
            extra["reason"] = SkipReason.NOT_APPLICABLE.value
        extra["machine"] = {
            **{name: value for name, value in _machine_value(row).items() if name != "value"},
            **_outcome(row),
            "explanation": machine_explanation,
            "extra": orjson.Fragment(row.extra),
        }
        extra_json = extra
    binary = row.eval_type == EvalType.BINARY
    return {
        "id": row.metric_id,
        "name": row.name,
        "type": BINARY_TYPE[version] if binary else row.eval_type,
        "eval_type": row.eval_type,
        "score": shown["score"],
        "passed": shown["passed"],
        "enum": shown["enum"],
        "value": shown["value"],
        "explanation": explanation,
        "vocera_defined_metric_code": row.predefined_code or None,
        "function_name": row.function_name or None,
        "extra": extra_json,
    }


def _value(outcome: str, *, passed: bool | None, number: float | None, label: str | None) -> dict[str, Any]:
    score: float | int | None = number
    if passed is not None:
        score = int(PASS_SCORE if passed else FAIL_SCORE)
    return {"outcome": outcome, "score": score, "passed": passed, "enum": label, "value": label}


def _machine_value(row: ResultRow) -> dict[str, Any]:
    return _value(row.outcome, passed=row.passed, number=row.number, label=row.label)


def _person_value(row: ResultRow, review: ReviewRow) -> dict[str, Any] | None:
    """None where the vote gave no value, or one for a kind of value that the metric no longer has."""
    if not review.has_expected_value:
        return None
    said = review.expected_value
    passed = number = label = None
    if said is None:
        return _value(ResultOutcome.SKIPPED, passed=None, number=None, label=None)
    match EvalType(row.eval_type):
        case EvalType.BINARY if isinstance(said, bool):
            passed = said
        case EvalType.RATING | EvalType.NUMERIC if isinstance(said, (int, float)) and said is not True:
            number = said
        case EvalType.ENUM if isinstance(said, str):
            label = said
        case _:
            return None
    return _value(ResultOutcome.SCORED, passed=passed, number=number, label=label)


def _outcome(row: ResultRow) -> dict[str, Any]:
    match ResultOutcome(row.outcome):
        case ResultOutcome.SCORED:
            return {"outcome": row.outcome}
        case ResultOutcome.SKIPPED:
            about = {"outcome": row.outcome, "reason": row.reason}
            return about | (
                {"trigger_failed": True} if row.reason == SkipReason.TRIGGER_NOT_MET.value else {}
            )
        case ResultOutcome.FAILED:
            return {"outcome": row.outcome, "code": row.reason, "retryable": row.retryable}


def _about(row: ResultRow, superseded: bool, review: ReviewRow | None) -> dict[str, Any]:
    about: dict[str, Any] = {
        "metric_version": row.version_number,
        "judge_model": row.judge_model or None,
        "cost_usd": row.cost_usd,
        "low_trust": row.low_trust,
        "created_at": row.created_at,
    }
    if superseded:
        about["superseded"] = True
    if row.is_stale:
        about["stale"] = True
    if review is not None:
        about["review"] = {
            "id": review.id,
            "thumbs_up": review.thumbs_up,
            "feedback": review.feedback,
            "reviewer": review.reviewer,
            "created_at": review.created_at,
            **({"stale": True} if review.meaning != row.meaning else {}),
        }
    return about


RESERVED = (
    "outcome",
    "reason",
    "code",
    "retryable",
    "trigger_failed",
    "metric_version",
    "judge_model",
    "cost_usd",
    "low_trust",
    "created_at",
    "superseded",
    "stale",
    "review",
    "machine",
)
"""Keys of `extra` that are ours: a scorer's own `extra` cannot pose as them."""
_QUOTED_RESERVED = tuple(f'"{name}"' for name in RESERVED)


def _spliced(stored: str, ours: Mapping[str, Any]) -> orjson.Fragment:
    """The stored JSON object and our keys as one object, without parsing the stored one where its text
    holds none of our keys."""
    if any(name in stored for name in _QUOTED_RESERVED):
        kept = {name: value for name, value in json.loads(stored).items() if name not in RESERVED}
        stored = json.dumps(kept)
    head = orjson.dumps(ours, option=OPTIONS).decode()
    body = stored.strip()[1:-1].strip()
    return orjson.Fragment(f"{head[:-1]},{body}}}" if body else head)
