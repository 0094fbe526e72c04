"""Webhook bodies of each provider, beside what they tell of the call."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from callgauge.formats import WEBHOOKS, TranscriptError, WebhookError, parse_transcript, read_webhook
from tests.formats.test_samples import load, written

BODIES = sorted((Path(__file__).parent / "webhooks").glob("*.json"))


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.stem)
def test_body(path: Path) -> None:
    sample = load(path)
    call = read_webhook(sample["provider"], sample["body"])
    told: dict[str, Any] = {}
    for name in sample["call"]:
        value = getattr(call, name)
        told[name] = value.isoformat() if isinstance(value, datetime) else value
        if isinstance(value, tuple):
            told[name] = list(value)
    assert told == sample["call"]
    assert [written(turn) for turn in call.turns] == sample["turns"]
    assert (call.provider, call.raw) == (sample["provider"], sample["body"])
    assert read_webhook(sample["provider"], json.dumps(sample["body"])) == call


def test_every_webhook_has_bodies() -> None:
    count = Counter(load(path)["provider"] for path in BODIES)
    assert all(count[provider] >= 3 for provider in WEBHOOKS)


def test_logs_are_handed_over() -> None:
    body = {"session_id": "s", "logs": [{"message": "a"}, "not an entry"]}
    assert read_webhook("pipecat", body).logs == ({"message": "a"},)


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.stem)
def test_the_rows_are_kept_to_be_read_again(path: Path) -> None:
    sample = load(path)
    call = read_webhook(sample["provider"], sample["body"])
    if call.finished:
        again = parse_transcript(call.provider, call.transcript_json, started_at=call.started_at)
        assert (again.turns, again.notes) == (call.turns, call.notes)


def test_a_livekit_session_without_any_id_gets_one_that_retries_share() -> None:
    body = {"agent_id": "42", "session_id": None, "session_start": 1772359200.5, "session_export": 1772359203}
    call_id = read_webhook("livekit", body).call_id
    assert call_id.startswith("livekit-")
    assert read_webhook("livekit", {**body, "session_export": 1772359999}).call_id == call_id
    assert read_webhook("livekit", {**body, "session_start": 1772359200.75}).call_id != call_id
    assert read_webhook("livekit", {**body, "agent_id": "43"}).call_id != call_id


@pytest.mark.parametrize(
    ("provider", "body", "message"),
    [
        ("vapi", [], "expected an object, found a list."),
        ("vapi", "[", "the text is not valid JSON."),
        ("vapi", {"message": {"type": "end-of-call-report"}}, "no call id at message.call.id."),
        ("retell", {"event": "call_ended"}, "no call id at call.call_id."),
        ("elevenlabs", {"data": {}}, "no call id at data.conversation_id."),
        ("pipecat", {"session_id": None}, "no call id at session_id."),
        ("livekit", {"agent_id": 1}, "no call id at session_id."),
        ("bland", {}, "expected one of elevenlabs, livekit, pipecat, retell, vapi as the provider."),
    ],
)
def test_bodies_that_are_no_call(provider: str, body: Any, message: str) -> None:
    with pytest.raises(TranscriptError) as caught:
        read_webhook(provider, body)
    assert str(caught.value) == message
    assert isinstance(caught.value, WebhookError)


def test_a_transcript_that_cannot_be_read_is_named() -> None:
    body = {"event": "call_ended", "call": {"call_id": "c", "transcript_object": [{"role": "agent"}, 7]}}
    with pytest.raises(TranscriptError, match=r"Row 2: expected an object, found a number\.") as caught:
        read_webhook("retell", body)
    assert not isinstance(caught.value, WebhookError)
