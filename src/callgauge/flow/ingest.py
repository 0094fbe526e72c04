"""Taking in a finished call: read it, store it once, and have it evaluated."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import assert_never

from django.db import IntegrityError, transaction
from django.utils import timezone

from callgauge.flow.call_content import content_hash, put_transcript, read_transcript, spoken_secs
from callgauge.flow.call_metadata import index_metadata
from callgauge.flow.deferring import hold, is_held, release
from callgauge.flow.errors import Conflict, Invalid
from callgauge.flow.new_calls import NewCall
from callgauge.flow.recordings.files import StoreError
from callgauge.flow.recordings.intake import Incoming
from callgauge.flow.recordings.redacting import redact_again
from callgauge.flow.recordings.rows import (
    FileGone,
    claim_file,
    drop_if_unused,
    expect,
    give,
    marker,
)
from callgauge.flow.redaction import Taken, fields_for, hide, restore, store_original
from callgauge.flow.rerun import start_live
from callgauge.flow.wake import announce_work
from callgauge.flow.webhooks.events import forward
from callgauge.formats import Parsed
from callgauge.store.models import (
    Agent,
    CallLog,
    CallPayload,
    DuplicateCallPolicy,
    Project,
    RecordingFile,
)
from callgauge.store.prepared import insert
from callgauge.store.turns import write_turn

INSERT_TRIES = 3
"""A first call that is deleted between the failed insert and the look at it makes room again."""

CHANGING = "A call with this call_id is being changed at the same time. Try again."


@dataclass(frozen=True, slots=True)
class Ingested:
    call: CallLog
    created: bool
    updated: bool = False
    """True where the call was known and now holds what was sent."""


def ingest_call(project: Project, agent: Agent, new: NewCall) -> Ingested:
    """Store a call and plan its evaluation, both or neither. A call id that the project knows is treated as
    the organization says: the first call is kept, updated, or the second refused.

    Raises Invalid.
    """
    parsed = read_transcript(new.transcript_type, new.transcript, new.started_at)
    try:
        return _ingest(project, agent, new, parsed)
    finally:
        if isinstance(new.recording, Incoming):
            with suppress(StoreError):  # the sweep finds it
                drop_if_unused(new.recording.place(project.pk))


def _ingest(project: Project, agent: Agent, new: NewCall, parsed: Parsed) -> Ingested:
    for _ in range(INSERT_TRIES):
        if isinstance(new.recording, Incoming):
            new.recording.put(project.pk)
        try:
            call, payload = CallLog(project=project, agent=agent, call_id=new.call_id), CallPayload()
            taken = _fill(call, payload, new, parsed)
            with write_turn(), transaction.atomic():
                _insert(call, payload, taken, new)
            return Ingested(call, created=True)
        except FileGone:
            continue
        except IntegrityError:
            known = CallLog.objects.filter(
                project_id=project.pk, call_id=new.call_id, deleted_at=None
            ).first()
        if known is not None:
            return _meet_again(known, agent, new, parsed)
        if not Agent.objects.filter(pk=agent.pk).exists():
            raise Invalid.field("agent", "This key reaches no such agent.")
    raise Conflict(CHANGING)


def _insert(call: CallLog, payload: CallPayload, taken: Taken | None, new: NewCall) -> CallLog:
    call.event_owed = new.told
    insert(call)
    payload.call = call
    insert(payload)
    store_original(call, payload, taken, before=None)
    index_metadata(call.pk, payload.metadata, fresh=True)
    if new.recording is not None or payload.voice_recording_url:
        _record(call, payload, new)  # a new call without one has none to look for
        announce_work()  # somebody fetches it, or looks into it
    if new.hold_secs is not None:
        hold(call, new.hold_secs, new.metric_ids)
    else:
        call.pending_rerun_id = start_live(call, new.metric_ids, fresh=True).pk
    if not payload.redaction:
        forward(call, new.source, new.webhook)
    return call


def _meet_again(known: CallLog, agent: Agent, new: NewCall, parsed: Parsed) -> Ingested:
    if new.source:
        return _meet_report(known.pk, agent, new, parsed)
    policy = DuplicateCallPolicy(known.project.organization.duplicate_calls)
    match policy:
        case DuplicateCallPolicy.KEEP:
            return Ingested(known, created=False)
        case DuplicateCallPolicy.REFUSE:
            raise Invalid.field("call_id", "A call with this call_id exists already.")
        case DuplicateCallPolicy.UPDATE:
            return Ingested(_update(known.pk, agent, new, parsed), created=False, updated=True)
        case _:
            assert_never(policy)


def _meet_report(call_id: int, agent: Agent, new: NewCall, parsed: Parsed) -> Ingested:
    """A provider's next report of a call that its webhook reported before: it knows more by now, or repeats
    itself. A call that came another way stays as it is: nobody at the provider reads a refusal."""
    with write_turn(), transaction.atomic():
        # Locked before it is read: of two reports at once, the second adds to what the first has stored.
        known = CallLog.objects.select_for_update().filter(pk=call_id, deleted_at=None).first()
        if known is None:
            raise Conflict(CHANGING)
        return _add_report(known, agent, new, parsed)


def _add_report(known: CallLog, agent: Agent, new: NewCall, parsed: Parsed) -> Ingested:
    payload = CallPayload.objects.filter(pk=known.pk).first()
    if payload is None or payload.raw_source != new.source:
        return Ingested(known, created=False)
    if not parsed.turns and payload.turns != "[]":
        return Ingested(known, created=False)
    before = known.content_hash
    restore(known, payload)
    call = _update(known.pk, agent, _with_known(new, known, payload), parsed)
    return Ingested(call, created=False, updated=call.content_hash != before)


def _with_known(new: NewCall, known: CallLog, payload: CallPayload) -> NewCall:
    """Reports may come out of order: what this one does not say, an earlier one has said."""
    return replace(
        new,
        trace_id=new.trace_id or known.trace_id,
        duration_secs=known.duration_secs if new.duration_secs is None else new.duration_secs,
        call_ended_reason=new.call_ended_reason or known.call_ended_reason,
        customer_number=new.customer_number or known.customer_number,
        feedback=known.feedback,
        metadata=payload.metadata if new.metadata == "{}" else new.metadata,
        dynamic_variables=payload.dynamic_variables
        if new.dynamic_variables == "{}"
        else new.dynamic_variables,
        voice_recording_url=new.voice_recording_url or payload.voice_recording_url,
        testing_channel_index=known.testing_channel_index,
        logs=new.logs or payload.logs,
    )


@transaction.atomic
def _update(call_id: int, agent: Agent, new: NewCall, parsed: Parsed) -> CallLog:
    """Only content that really changed is evaluated again: clients repeat requests that timed out."""
    call = CallLog.objects.select_for_update().get(pk=call_id)
    payload = CallPayload.objects.get(pk=call_id)
    before, hears = (call.content_hash, call.agent_id), payload.redaction
    call.agent = agent
    taken = _fill(call, payload, new, parsed)
    changed = (call.content_hash, call.agent_id) != before
    call.event_owed = call.event_owed or (changed and new.told)
    call.save()
    payload.save()
    store_original(call, payload, taken, before=hears)
    index_metadata(call.pk, payload.metadata)
    _record(call, payload, new)
    redact_again(call, hears)
    if is_held(call):
        if new.hold_secs is None:
            release(call.pk)
    elif changed:
        start_live(call, new.metric_ids)
    if changed and not payload.redaction:
        forward(call, new.source, new.webhook)
    call.refresh_from_db()
    return call


def _record(call: CallLog, payload: CallPayload, new: NewCall) -> None:
    match new.recording:
        case Incoming():
            give(call, claim_file(call.project_id, new.recording))
        case RecordingFile():
            give(call, new.recording)
        case None:
            expect(call, new.voice_recording_url)
        case _:
            assert_never(new.recording)


def _fill(call: CallLog, payload: CallPayload, new: NewCall, parsed: Parsed) -> Taken | None:
    """Gives what was sent, where the rows have it no more."""
    spoken = spoken_secs(parsed.turns)
    call.trace_id = new.trace_id
    # A repeated call without a time of its own keeps the time of its first arrival.
    call.timestamp = new.timestamp or call.timestamp or timezone.now()
    call.duration_secs = new.duration_secs if spoken is None else spoken
    call.call_ended_reason = new.call_ended_reason
    call.customer_number = new.customer_number
    call.feedback = new.feedback
    call.testing_channel_index = new.testing_channel_index
    payload.metadata = new.metadata
    payload.dynamic_variables = new.dynamic_variables
    payload.voice_recording_url = new.voice_recording_url if new.recording is None else marker(new.recording)
    payload.logs = new.logs
    call.has_logs = bool(new.logs)
    raw = new.webhook if new.source else new.transcript
    put_transcript(payload, raw, parsed, declared=new.transcript_type, source=new.source)
    fields = fields_for(call.agent, new.redact_fields, payload)
    payload.redaction = {}
    taken = hide(call, payload, fields)
    call.content_hash = content_hash(call, payload)
    return taken
