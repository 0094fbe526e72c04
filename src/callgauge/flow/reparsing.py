"""Reading again what providers sent, with the parsers of today."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from django.db import transaction
from django.db.models import QuerySet

from callgauge.flow.call_content import content_hash, put_turns, spoken_secs
from callgauge.formats import Parsed, TranscriptError, parse_transcript, to_wire, webhook_call
from callgauge.store.models import CallLog, CallPayload
from callgauge.store.turns import write_turn

PAGE = 200


class Reread(StrEnum):
    SAME = "same"
    CHANGED = "changed"
    GONE = "gone"
    """What was sent is not kept: it was removed with the personal data in it, or never there."""
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
    before = json.loads(payload.turns)
    if payload.raw == "null":
        return RereadCall(pk, Reread.GONE, len(before), len(before))
    try:
        parsed = _parsed(payload)
    except TranscriptError as error:
        return RereadCall(pk, Reread.REFUSED, len(before), len(before), str(error))
    rows = to_wire(parsed.turns)
    if rows == before:
        return RereadCall(pk, Reread.SAME, len(before), len(rows))
    if not dry_run:
        put_turns(payload, parsed)
        call.duration_secs = spoken_secs(parsed.turns) or call.duration_secs
        call.content_hash = content_hash(call, payload)
        call.save(update_fields=["duration_secs", "content_hash", "updated_at"])
        payload.save(update_fields=["turns", "transcript", "raw_format", "notes"])
    return RereadCall(pk, Reread.CHANGED, len(before), len(rows))


def _parsed(payload: CallPayload) -> Parsed:
    raw = json.loads(payload.raw)
    if not payload.raw_source:
        return parse_transcript(payload.raw_type or None, raw)
    call = webhook_call(payload.raw_source, raw)
    return parse_transcript(call.provider, call.transcript_json, started_at=call.started_at)
