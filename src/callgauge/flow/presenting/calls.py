"""Calls on the wire: CallLogDetail and CallLogList, a page at a time, stored JSON spliced in unparsed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from callgauge.domain.calls import clock
from callgauge.flow.presenting.results import WireVersion, present_rows, short_row
from callgauge.flow.recordings.links import signed_path
from callgauge.flow.recordings.rows import UPLOADED
from callgauge.store.call_queries import NO_PAYLOAD, PayloadTexts, agent_names, payload_texts
from callgauge.store.models import CallLog
from callgauge.store.outlooks import Outlook, outlooks_of, status_of
from callgauge.store.result_history import NOW, Then, results_then
from callgauge.store.result_queries import (
    ResultRow,
    ReviewRow,
    current_reviews,
)


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that the given calls are shown with, fetched once."""

    outlooks: Mapping[int, Outlook]
    payloads: Mapping[int, PayloadTexts]
    agents: Mapping[int, str]
    results: Mapping[int, Sequence[ResultRow]]
    reviews: Mapping[tuple[int, int], ReviewRow]
    version: WireVersion
    then: Then = NOW
    base_url: str = ""
    """Where clients reach the server, without the last slash."""

    def payload(self, call: CallLog) -> PayloadTexts:
        return self.payloads.get(call.pk, NO_PAYLOAD)

    def agent_name(self, call: CallLog) -> str:
        return self.agents.get(call.agent_id or 0, "")

    def rows(self, call: CallLog) -> list[dict[str, Any]]:
        owed = None if self.then else self.outlooks[call.pk].owed
        return present_rows(self.results.get(call.pk, ()), self.reviews, owed, self.version)


def present_details(
    calls: Sequence[CallLog],
    *,
    version: WireVersion,
    as_reset: bool = False,
    base_url: str = "",
    then: Then = NOW,
) -> list[dict[str, Any]]:
    """CallLogDetail for each call, in order. At most 7 queries whatever the number of calls.

    `as_reset` shows every call that no person has reviewed as it was when its rerun was asked for: without
    a verdict and evaluating, even if a new verdict has landed meanwhile.
    """
    page = _load(calls, version, as_reset, base_url, then=then)
    return [_detail(call, page) for call in calls]


def present_list(calls: Sequence[CallLog], *, version: WireVersion, then: Then = NOW) -> list[dict[str, Any]]:
    """CallLogList for each call, in order. At most 7 queries whatever the number of calls."""
    page = _load(calls, version, as_reset=False, then=then)
    return [_item(call, page) for call in calls]


def present_outcomes(calls: Sequence[CallLog]) -> list[dict[str, Any]]:
    """What has been decided of each call, in the names of CallLogDetail and without what was said. At most 6
    queries."""
    page = _load(calls, "v1", as_reset=False, texts=False)
    return [
        {
            "success": page.outlooks[call.pk].success,
            "status": page.outlooks[call.pk].status,
            "is_reviewed": call.is_reviewed,
            "error_message": page.outlooks[call.pk].error_message,
            "evaluation": {"metrics": page.rows(call)},
            "updated_at": call.updated_at,
        }
        for call in calls
    ]


def present_new(call: CallLog, *, version: WireVersion) -> dict[str, Any]:
    """CallLogList for a call that was stored just now and has its agent and payload in hand: no query,
    because nothing can have been measured or said of it yet."""
    texts = PayloadTexts(*(getattr(call.payload, name) for name in PayloadTexts._fields[:-1]))
    evaluating = call.pending_rerun_id is not None
    page = Page(
        outlooks={call.pk: Outlook(None, status_of(call, None, evaluating), None, None)},
        payloads={call.pk: texts},
        agents={} if call.agent is None else {call.agent.pk: call.agent.name},
        results={},
        reviews={},
        version=version,
    )
    return _item(call, page)


def _load(
    calls: Sequence[CallLog],
    version: WireVersion,
    as_reset: bool,
    base_url: str = "",
    *,
    texts: bool = True,
    then: Then = NOW,
) -> Page:
    ids = [call.pk for call in calls]
    return Page(
        outlooks=outlooks_of(calls, as_reset),
        payloads=payload_texts(ids) if texts else {},
        agents=agent_names(calls),
        results=results_then(ids, then),
        # How it was scored is asked for, not what people said of that.
        reviews={} if then else current_reviews(ids),
        version=version,
        then=then,
        base_url=base_url,
    )


def _detail(call: CallLog, page: Page) -> dict[str, Any]:
    payload = page.payload(call)
    return _shared(call, page, payload) | {
        "voice_recording_url": _recording_url(call, payload, page.base_url),
        "critical_categories": [],
        "agent_id": None if call.agent_id is None else str(call.agent_id),
        "project": call.project_id,
        "evaluation": {"metrics": page.rows(call)},
        "metadata": orjson.Fragment(payload.metadata),
        "dynamic_variables": orjson.Fragment(payload.dynamic_variables),
        "testing_channel_index": call.testing_channel_index,
        "rubric": orjson.Fragment(payload.rubric),
        "user_generated_transcript": orjson.Fragment(payload.user_generated_transcript),
    }


def _recording_url(call: CallLog, payload: PayloadTexts, base_url: str) -> str:
    """One that the client can open: ours where the recording is here, else the one that was sent."""
    if payload.recording_file_id is not None:
        return base_url + signed_path(call.pk)
    return "" if payload.voice_recording_url.startswith(UPLOADED) else payload.voice_recording_url


def _item(call: CallLog, page: Page) -> dict[str, Any]:
    rows = page.rows(call)
    return _shared(call, page, page.payload(call)) | {
        "metrics": [short_row(row) for row in rows],
        "evaluation": {"metrics": rows},
    }


def _shared(call: CallLog, page: Page, payload: PayloadTexts) -> dict[str, Any]:
    outlook = page.outlooks[call.pk]
    return {
        "id": call.pk,
        "call_id": call.call_id,
        "trace_id": call.trace_id,
        "agent": call.agent_id,
        "agent_name": page.agent_name(call),
        "timestamp": call.timestamp,
        "duration": clock(call.duration_secs),
        "success": outlook.success,
        "status": outlook.status,
        "is_reviewed": call.is_reviewed,
        "feedback": call.feedback,
        "error_message": outlook.error_message,
        "call_ended_reason": call.call_ended_reason,
        "customer_number": call.customer_number,
        "dropoff_point": call.dropoff_point,
        "topic": call.topic,
        "is_log_present": call.has_logs,
        "transcript": payload.transcript,
        "transcript_object": orjson.Fragment(payload.turns),
        "created_at": call.created_at,
        "updated_at": call.updated_at,
    }
