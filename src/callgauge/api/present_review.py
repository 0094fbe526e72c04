"""Votes and items of the review queue on the wire. A blind one tells nobody's answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from callgauge.flow.presenting.results import present_rows
from callgauge.flow.review_items import is_blind
from callgauge.flow.review_reasons import TITLES, code_of, reason_named, reasons_in
from callgauge.store.call_queries import payload_texts
from callgauge.store.models import MetricVersion, Review, ReviewItem, ReviewRole
from callgauge.store.result_queries import current_results


def present_review(review: Review) -> dict[str, Any]:
    version = review.version
    today = review.metric.current_version
    return {
        "id": review.pk,
        "call_log_id": review.call_id,
        "metric_id": review.metric_id,
        "metric_version": None if version is None else version.number,
        "role": review.role,
        "thumbs_up": review.thumbs_up,
        "expected_value": review.expected_value,
        "not_applicable": review.has_expected_value and review.expected_value is None,
        "feedback": review.feedback,
        "reviewer": review.reviewer,
        "blind": review.is_blind,
        "picked_for": [code_of(reason) for reason in reasons_in(review.picked)],
        "current": review.is_current,
        "stale": today is not None and review.meaning != today.meaning,
        "created_at": review.created_at,
        "withdrawn_at": review.withdrawn_at,
    }


def present_items(items: Sequence[ReviewItem], *, blind: bool, whole: bool = False) -> list[dict[str, Any]]:
    """Four queries at most, whatever their number. `whole` adds the call's words."""
    calls = [item.call_id for item in items]
    results = current_results(calls)
    texts = payload_texts(calls) if whole else {}
    shown = []
    for item in items:
        hidden = blind or is_blind(item)
        version = item.metric.current_version
        assert version is not None
        rows = [row for row in results.get(item.call_id, ()) if row.metric_id == item.metric_id]
        shown.append(
            {
                "id": item.pk,
                "kind": item.kind,
                "call_log_id": item.call_id,
                "call_id": item.call.call_id,
                "agent": item.call.agent_id,
                "timestamp": item.call.timestamp,
                "metric": _asks(version),
                "reasons": [_reason(entry, hidden) for entry in item.why],
                "assignee": item.assignee or None,
                "blind": hidden,
                "machine": None if hidden else next(iter(present_rows(rows, {}, None, "v2")), None),
                "answers": _answers(item),
                "created_at": item.created_at,
                "done_at": item.done_at,
                **({"transcript_object": orjson.Fragment(texts[item.call_id].turns)} if whole else {}),
            }
        )
    return shown


def _asks(version: MetricVersion) -> dict[str, Any]:
    return {
        "id": version.metric_id,
        "name": version.name,
        "version": version.number,
        "eval_type": version.eval_type,
        "enum_values": version.labels,
        "description": version.prompt or version.description,
    }


def _reason(entry: dict[str, str], hidden: bool) -> dict[str, str]:
    reason = reason_named(entry["reason"])
    title = TITLES[reason] if reason is not None else entry["reason"]
    return {"reason": entry["reason"], "title": title, "text": title if hidden else entry["text"]}


def _answers(item: ReviewItem) -> list[dict[str, Any]]:
    """The two answers that an adjudication is about, without names, and not always the first one first."""
    if item.kind != ReviewRole.ADJUDICATION or item.first is None or item.second is None:
        return []
    both = [item.first, item.second]
    return [
        {"expected_value": review.expected_value, "feedback": review.feedback}
        for review in (both if item.pk % 2 else reversed(both))
    ]
