"""What a provider's webhook tells of a call, and how its nested fields are fetched without trusting them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from callgauge.domain.calls import Turn
from callgauge.formats.errors import TranscriptError, WebhookError
from callgauge.formats.rows import Row, kind_of
from callgauge.formats.text import clean, decode
from callgauge.formats.times import MAX_CALL_SECS, Moment, read_instant, read_moment


@dataclass(frozen=True, slots=True)
class WebhookCall:
    """A call as a webhook reports it. Empty text, None and {} mean that the provider did not say."""

    provider: str
    event: str
    """The provider's word for what happened, "" where bodies carry none."""
    finished: bool
    """Whether this reports a finished call; other events are answered and forgotten, without turns."""
    call_id: str
    """Empty only where nothing is finished: some other events are about no call."""
    agent_id: str = ""
    """Our own id of the agent, as our users configured it in a tracer."""
    assistant_id: str = ""
    """The agent's id at the provider."""
    turns: tuple[Turn, ...] = ()
    notes: tuple[str, ...] = ()
    transcript_json: Any = None
    """The provider's rows, to be read again by a better parser."""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    duration_secs: float | None = None
    ended_reason: str = ""
    recording_url: str = ""
    """Two channels where the provider offers both."""
    recording_key: str = ""
    """Where a tracer put the recording in the bucket that it was given."""
    customer_number: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    dynamic_variables: Mapping[str, Any] = field(default_factory=dict)
    trace_id: str = ""
    logs: tuple[Any, ...] = ()
    defer_evaluation: bool = False
    raw: Mapping[str, Any] = field(default_factory=dict)


WebhookReader = Callable[[Row], WebhookCall]


def dig(body: Any, path: str) -> Any:
    """The value under a dotted path, None where any step is missing."""
    for step in path.split("."):
        body = body.get(step) if isinstance(body, dict) else None
    return body


def text_at(body: Row, *paths: str) -> str:
    """The first of the paths that holds a text or a whole number."""
    for path in paths:
        found = dig(body, path)
        if isinstance(found, str) and found.strip():
            return clean(found).strip()
        if type(found) is int and abs(found) < 1e18:
            return str(found)
    return ""


def object_at(body: Row, *paths: str) -> Row:
    """The first of the paths that holds an object with something in it."""
    for path in paths:
        found = dig(body, path)
        if isinstance(found, dict) and found:
            return found
    return {}


def list_at(body: Row, *paths: str) -> list[Any] | None:
    """The first list with something in it, else an empty one, None where no path holds a list."""
    lists = [found for found in (dig(body, path) for path in paths) if isinstance(found, list)]
    return next((found for found in lists if found), lists[0] if lists else None)


def instant_at(body: Row, *paths: str) -> datetime | None:
    return next((when for when in (read_instant(dig(body, path)) for path in paths) if when), None)


def secs_at(body: Row, path: str, units_a_second: float = 1.0) -> float | None:
    """A length in seconds, None where it is missing, unusable or longer than a week."""
    found = read_moment(dig(body, path))
    if not isinstance(found, Moment) or found.absolute:
        return None
    secs = found.secs / units_a_second
    return secs if secs <= MAX_CALL_SECS else None


def secs_between(started_at: datetime | None, ended_at: datetime | None) -> float | None:
    if started_at is None or ended_at is None:
        return None
    secs = round((ended_at - started_at).total_seconds(), 3)
    return secs if 0 <= secs <= MAX_CALL_SECS else None


def webhook_body(body: Any) -> Row:
    try:
        body = decode(body)
    except TranscriptError as error:
        raise WebhookError(str(error)) from error
    if not isinstance(body, dict):
        raise WebhookError(f"expected an object, found {kind_of(body)}.")
    return body


def logs_in(body: Row, *paths: str) -> tuple[Any, ...]:
    return tuple(entry for entry in list_at(body, *paths) or () if isinstance(entry, dict))
