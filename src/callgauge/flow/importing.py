"""Calls from people's own files: a row in their words becomes a call in the wire's, stored once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from callgauge.domain.calls import stable_hash
from callgauge.domain.strict_json import decode_json
from callgauge.flow.call_content import read_transcript
from callgauge.flow.errors import Invalid
from callgauge.flow.ingest import Ingested, ingest_call
from callgauge.flow.new_calls import NewCall, read_new_call
from callgauge.flow.recordings.intake import HEAD_BYTES, Refused, check_file, take_in
from callgauge.flow.recordings.rows import is_address
from callgauge.formats.lines import lines_of
from callgauge.store.models import Agent, CallLog, DuplicateCallPolicy

TRANSCRIPTS = ("transcript_json", "transcript_object", "messages", "turns", "transcript")
"""Where rows keep the transcript; the first that holds something counts."""
CALL_IDS = ("call_id", "id")
RECORDINGS = ("recording", "voice_recording")
"""Where rows name a file; an address there is fetched, as one under voice_recording_url is."""
FIELDS = (
    "transcript_type",
    "trace_id",
    "timestamp",
    "duration",
    "call_ended_reason",
    "customer_number",
    "feedback",
    "dynamic_variables",
    "voice_recording_url",
    "main_agent_channel_index",
    "metric_ids",
    "redact_fields",
)
"""Fields of the observe body that are passed on as they are."""
LEFT_OUT = frozenset(
    {
        "agent",
        "agent_id",
        "agent_name",
        "assistant_id",
        "created_at",
        "critical_categories",
        "error_message",
        "evaluation",
        "is_reviewed",
        "metrics",
        "project",
        "rubric",
        "status",
        "success",
        "testing_channel_index",
        "updated_at",
    }
)
"""Fields of an exported call that say who held it or how it was measured elsewhere: both are decided here."""


class Imported(StrEnum):
    """What became of a row that was not refused."""

    ADDED = "added"
    UPDATED = "updated"
    KNOWN = "known"


Find = Callable[[str, str], Path | None]
"""The recording of a call on this machine, by the call's id and the path that its row names, if any. Raises
Invalid."""


def no_files(call_id: str, named: str) -> Path | None:
    """For rows from elsewhere: what they name is on another machine."""
    if named:
        raise Invalid.field("recording", "Expected an address that begins with https:// or http://.")
    return None


def import_row(
    agent: Agent, row: Any, *, dry_run: bool = False, find: Find = no_files
) -> tuple[Imported, str]:
    """Store one row as a call of the agent, in a transaction of its own; gives its call id too. A call id
    that is there already is known, or updated where the organization says so. Raises Invalid, Conflict, and
    StoreError where recordings cannot be stored."""
    new = replace(read_row(row), told=False)
    path = find(new.call_id, named_file(row))
    project = agent.project
    known = CallLog.objects.filter(project=project, call_id=new.call_id, deleted_at=None).exists()
    updates = project.organization.duplicate_calls == DuplicateCallPolicy.UPDATE
    if known and not updates:
        return Imported.KNOWN, new.call_id
    if dry_run:
        read_transcript(new.transcript_type, new.transcript)
        if path is not None:
            _checked(path)
        return (Imported.UPDATED if known else Imported.ADDED), new.call_id
    done = ingest_call(project, agent, new) if path is None else _with_recording(agent, new, path)
    if done.created:
        return Imported.ADDED, new.call_id
    return (Imported.UPDATED if done.updated else Imported.KNOWN), new.call_id


def named_file(row: Any) -> str:
    """The path of a recording that a row names; empty where it names none, or an address."""
    named = next((row[name] for name in RECORDINGS if row.get(name) not in (None, "")), "")
    return named if isinstance(named, str) and not is_address(named) else ""


def _with_recording(agent: Agent, new: NewCall, path: Path) -> Ingested:
    """The file counts before an address."""
    try:
        with path.open("rb") as file, take_in(file.read) as incoming:
            return ingest_call(agent.project, agent, replace(new, recording=incoming, voice_recording_url=""))
    except Refused as error:
        raise Invalid.field("recording", str(error)) from None
    except OSError as error:
        raise Invalid.field("recording", f"The file cannot be read: {error.strerror}.") from None


def _checked(path: Path) -> None:
    """What `take_in` would say of a file, without a copy of it."""
    try:
        with path.open("rb") as file:
            check_file(file.read(HEAD_BYTES), path.stat().st_size)
    except Refused as error:
        raise Invalid.field("recording", str(error)) from None
    except OSError as error:
        raise Invalid.field("recording", f"The file cannot be read: {error.strerror}.") from None


def read_row(row: Any) -> NewCall:
    """A call from a row with the observe body's fields or their aliases; what is unknown goes to metadata.
    Without an id of its own it gets one made of its content. Raises Invalid."""
    if not isinstance(row, dict):
        raise Invalid.field("row", "Expected an object, one for each call.")
    said = {name: value for name, value in row.items() if value not in (None, "")}
    body = {name: said[name] for name in FIELDS if name in said}
    body["call_id"] = next((said[name] for name in CALL_IDS if name in said), None) or made_id(said)
    transcript = next((said[name] for name in TRANSCRIPTS if name in said), None)
    named = next((said[name] for name in RECORDINGS if name in said), None)
    if named is not None and not isinstance(named, str):
        raise Invalid.field("recording", "Expected the path of a file, or an address.")
    if named is not None and is_address(named):
        body.setdefault("voice_recording_url", named)
    if transcript is None and named is None and "voice_recording_url" not in said:
        raise Invalid.field("transcript_json", f"Expected a transcript under {_listed(TRANSCRIPTS)}.")
    body["transcript_json"] = _turns(transcript)
    body["metadata"] = _metadata(said)
    return read_new_call(body)


def made_id(row: Mapping[str, Any]) -> str:
    """The same row gives the same id, so that importing it again adds nothing."""
    return f"import-{stable_hash(row)[:32]}"


def _metadata(row: Mapping[str, Any]) -> Any:
    """The row's metadata with its unknown fields beside it; what metadata itself says counts."""
    given = row.get("metadata", {})
    if isinstance(given, str):
        try:
            given = decode_json(given)
        except ValueError:
            return given  # refused with the field's name when the body is read
    if not isinstance(given, dict):
        return given
    used = {"metadata", "call_id", *FIELDS, *RECORDINGS, *TRANSCRIPTS, *LEFT_OUT}
    if "call_id" not in row:
        used.add("id")
    return {**{name: value for name, value in row.items() if name not in used}, **given}


def _listed(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


# --- transcripts as lines of text ------------------------------------------------------------------------

_TIMED = re.compile(r"\s*\[[\d:.,]+\]\s*[^\W\d_]")
"""`[00:05] Agent: …` begins as a JSON list does."""


def _turns(transcript: Any) -> Any:
    """Text that is no JSON is read as lines `Agent: …`; everything else is left to the formats."""
    if not isinstance(transcript, str):
        return transcript
    json_like = transcript.lstrip().startswith(("[", "{")) and not _TIMED.match(transcript)
    return transcript if json_like else lines(transcript)


def lines(text: str) -> list[dict[str, Any]]:
    """Raises Invalid where no line has a speaker."""
    rows = lines_of(text)
    if not rows:
        raise Invalid.field(
            "transcript_json", "Expected turns as JSON, or lines such as 'Agent: …' and 'Caller: …'."
        )
    return rows
