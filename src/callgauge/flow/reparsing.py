"""Reading again what providers sent, with the parsers of today."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from django.db import transaction
from django.db.models import QuerySet

from callgauge.flow import audit
from callgauge.flow.call_content import content_hash, put_turns, spoken_secs
from callgauge.flow.recordings.redacting import redact_again
from callgauge.flow.redaction import fields_of, hide, restore, store_original
from callgauge.formats import Parsed, TranscriptError, from_wire, parse_transcript, webhook_call
from callgauge.store.models import CallLog, CallPayload
from callgauge.store.turns import write_turn

PAGE = 200


class Reread(StrEnum):
    SAME = "same"
    CHANGED = "changed"
    GONE = "gone"
    """What was sent is not kept, or was never there."""
    REFUSED = "refused"
    """Today's parser does not take it; the turns stay as they are."""


@dataclass(frozen=True, slots=True)
class RereadCall:
    call_id: int
    became: Reread
    before: int
    """Turns."""
    after: int
    problem: str = ""


def calls_to_read(*, agent_id: int | None = None, call_id: int | None = None) -> QuerySet[CallLog]:
    """Those of an agent, one, or all there are."""
    calls = CallLog.objects.filter(deleted_at=None)
    if agent_id is not None:
        calls = calls.filter(agent_id=agent_id)
    return calls if call_id is None else calls.filter(pk=call_id)


def reread_calls(calls: QuerySet[CallLog], *, dry_run: bool = False) -> Iterator[RereadCall]:
    """Each call in a transaction of its own: cut short, it is simply done again."""
    after = 0
    while ids := list(calls.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:PAGE]):
        for pk in ids:
            with write_turn(), transaction.atomic():
                reread = _reread(pk, dry_run)
            if reread is not None:
                yield reread
        after = ids[-1]


def _reread(pk: int, dry_run: bool) -> RereadCall | None:
    call = CallLog.objects.select_for_update().filter(pk=pk, deleted_at=None).first()
    payload = CallPayload.objects.filter(pk=pk).first()
    if call is None or payload is None:
        return None
    before, hears = json.loads(payload.turns), payload.redaction
    fields = fields_of(payload)
    restore(call, payload)
    if payload.raw == "null" and not fields:
        return RereadCall(pk, Reread.GONE, len(before), len(before))
    try:
        parsed = _parsed(payload)
    except TranscriptError as error:
        return RereadCall(pk, Reread.REFUSED, len(before), len(before), str(error))
    put_turns(payload, parsed)
    taken = hide(call, payload, fields)
    after = json.loads(payload.turns)
    if after == before:
        return RereadCall(pk, Reread.SAME, len(before), len(after))
    if not dry_run:
        call.duration_secs = spoken_secs(parsed.turns) or call.duration_secs
        call.content_hash = content_hash(call, payload)
        call.save()
        payload.save()
        store_original(call, payload, taken, before=hears)
        redact_again(call, hears)
        audit.record("call.reparsed", call, turns_before=len(before), turns_after=len(after))
    return RereadCall(pk, Reread.CHANGED, len(before), len(after))


def _parsed(payload: CallPayload) -> Parsed:
    """Of a redacted call whose original was dropped, the turns as they are: more may be found in them today
    than was."""
    if payload.raw == "null" and payload.redaction:
        return Parsed(from_wire(json.loads(payload.turns)), payload.raw_format, tuple(payload.notes))
    raw = json.loads(payload.raw)
    if not payload.raw_source:
        return parse_transcript(payload.raw_type or None, raw)
    call = webhook_call(payload.raw_source, raw)
    return parse_transcript(call.provider, call.transcript_json, started_at=call.started_at)
