"""What a page of calls needs beside its rows: texts and names, in one query each."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from callgauge.store.models import Agent, CallLog, CallPayload


class PayloadTexts(NamedTuple):
    """The shown part of a payload; JSON is still text."""

    call_id: int
    transcript: str
    turns: str
    metadata: str
    dynamic_variables: str
    rubric: str
    user_generated_transcript: str
    voice_recording_url: str
    recording_file_id: int | None = None
    """Set where the recording is in the store."""


NO_PAYLOAD = PayloadTexts(0, "", "[]", "{}", "{}", "null", "null", "")
_COLUMNS = (*PayloadTexts._fields[:-1], "call__recording__file_id")


def payload_texts(call_ids: Collection[int]) -> dict[int, PayloadTexts]:
    """By call. The raw payload, often the widest column, stays where it is."""
    rows = CallPayload.objects.filter(pk__in=call_ids).values_list(*_COLUMNS)
    return {row[0]: PayloadTexts(*row) for row in rows}


def agent_names(calls: Iterable[CallLog]) -> dict[int, str]:
    ids = {call.agent_id for call in calls if call.agent_id is not None}
    return dict(Agent.objects.filter(pk__in=ids).values_list("pk", "name"))
