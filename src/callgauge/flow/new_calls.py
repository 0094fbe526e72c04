"""A call as it is sent, in the wire's words, and the agent that it names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from callgauge.domain.storable import storable_json
from callgauge.flow.call_events import read_logs
from callgauge.flow.call_fields import FieldReader, metadata_duration
from callgauge.flow.deferring import HOLD_SECS
from callgauge.flow.errors import Invalid, NotFound
from callgauge.flow.recordings.intake import Incoming
from callgauge.flow.recordings.rows import UPLOADED
from callgauge.flow.redaction import read_fields
from callgauge.flow.scope import find_agent, find_agent_by_assistant
from callgauge.pii import Field
from callgauge.store.models import Agent, ApiKey, RecordingFile


@dataclass(frozen=True, slots=True)
class NewCall:
    """A call as sent, checked; its transcript still in the provider's shape."""

    call_id: str
    transcript: Any = None
    transcript_type: str = ""
    trace_id: str = ""
    timestamp: datetime | None = None
    duration_secs: float | None = None
    """Used where the transcript has no times."""
    call_ended_reason: str = ""
    customer_number: str = ""
    feedback: str = ""
    metadata: str = "{}"
    """JSON object as text, as is `dynamic_variables`."""
    dynamic_variables: str = "{}"
    voice_recording_url: str = ""
    recording: Incoming | RecordingFile | None = None
    """The recording where it was sent as a file, now or before; counts before the address."""
    testing_channel_index: int | None = None
    metric_ids: tuple[int, ...] | None = None
    logs: str = ""
    """JSON array as text, see call_events."""
    hold_secs: float | None = None
    """How long its evaluation waits for somebody to say that the call is complete."""
    source: str = ""
    """The provider whose webhook reported the call, and the webhook's body."""
    webhook: Any = None
    started_at: datetime | None = None
    """Where times of the world in the transcript count from."""
    told: bool = True
    """Whether receivers of webhooks are told when it has been measured."""
    redact_fields: tuple[Field, ...] | None = None
    """What is taken out of the call before it is stored; None as its agent says."""


def read_new_call(data: Mapping[str, Any]) -> NewCall:
    """A call in the wire's words. Raises Invalid, naming every field at fault."""
    reader = FieldReader(data)
    url_field = "voice_recording_url"
    if not reader.given(url_field) and not hasattr(data.get("voice_recording"), "read"):
        url_field = "voice_recording"
    metadata = reader.json_object("metadata")
    channel = reader.whole("main_agent_channel_index", 0, 1)
    given_secs = reader.minutes("duration")
    new = NewCall(
        call_id=reader.text("call_id", 100, required=True),
        transcript=data.get("transcript_json"),
        transcript_type=reader.text("transcript_type", 32),
        trace_id=reader.text("trace_id", 32),
        timestamp=reader.timestamp("timestamp"),
        duration_secs=metadata_duration(metadata) if given_secs is None else given_secs,
        call_ended_reason=reader.text("call_ended_reason", 100),
        customer_number=reader.text("customer_number", 100),
        feedback=reader.free_text("feedback"),
        metadata=storable_json(metadata),
        dynamic_variables=storable_json(reader.json_object("dynamic_variables")),
        voice_recording_url=_address(reader, url_field),
        testing_channel_index=None if channel is None else 1 - channel,
        metric_ids=reader.ids("metric_ids"),
        logs=read_logs(reader),
        hold_secs=HOLD_SECS if reader.flag("defer_evaluation") else None,
        redact_fields=read_fields(reader),
    )
    reader.check()
    return new


def _address(reader: FieldReader, name: str) -> str:
    url = reader.text(name, 4096)
    if url.startswith(UPLOADED):
        reader.fault(name, "Expected an address that begins with https:// or http://.")
    return url


def agent_for(key: ApiKey, data: Mapping[str, Any]) -> Agent:
    """The agent that held the call: `agent` or `agent_id`, else `assistant_id`.

    Raises Invalid; foreign and missing agents are told in the same words.
    """
    reader = FieldReader(data)
    for name in ("agent", "agent_id", "assistant_id"):
        if not reader.given(name):
            continue
        text = reader.text(name, 255)
        reader.check()
        try:
            return find_agent_by_assistant(key, text) if name == "assistant_id" else find_agent(key, text)
        except NotFound:
            raise Invalid.field(name, "This key reaches no such agent.") from None
    raise Invalid.field("agent", "This field is required where assistant_id is absent.")
