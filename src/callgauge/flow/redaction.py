"""Personal data: which kinds of it a call is stored without, and taking it out before anything is stored.

What is stored in the columns that everybody reads has none of it. What was sent is dropped, or kept in a row
that nothing shows, as CALLGAUGE_REDACTION_ORIGINALS says. `CallPayload.redaction` of a redacted call has

- `fields`: the kinds,
- `hidden`: how often each was found in what was said,
- `spans`: `[start, end]` of what is to be made unheard, in seconds of the recording,
- `unplaced`: how much was said in turns that have no time,
- `untold`: whether there is no transcript at all,
- `measured`: a hash of what metrics read, where that is the original.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings

from callgauge.domain.calls import Turn, stable_hash, transcript_text
from callgauge.domain.storable import storable_json, storable_text
from callgauge.domain.strict_json import decode_json
from callgauge.flow.call_fields import FieldReader
from callgauge.flow.recordings.rows import UPLOADED
from callgauge.flow.redaction_findings import Said, hide_in_findings, known_of, stored
from callgauge.formats import from_wire, to_wire, word_times
from callgauge.pii import TOKENS, Field, Placed, Redactor, merged, place
from callgauge.store.models import (
    Agent,
    CallLog,
    CallOriginal,
    CallPayload,
    WebhookDelivery,
    WebhookEvent,
)

NAME: Final = "redact_fields"
DROP, KEEP, MEASURE = "drop", "keep", "measure"
_NUMBERS: Final = (Field.PHONE_NUMBER, Field.NUMERICAL_PII)
_SHARED: Final = ("turns", "raw", "metadata", "dynamic_variables", "logs")
"""Columns that an original has in common with the payload; those with the call follow."""
_OF_CALL: Final = ("feedback", "customer_number")


def read_fields(reader: FieldReader) -> tuple[Field, ...] | None:
    """The kinds that a request names, in a list, as JSON text or parted by commas; None for no word of it."""
    value = reader.data.get(NAME)
    try:
        if isinstance(value, str) and value.strip().startswith("["):
            value = decode_json(value)
        elif isinstance(value, str):
            value = [part.strip() for part in value.split(",") if part.strip()] or None
        return None if value is None else fields_in(value)
    except ValueError as error:
        reader.fault(NAME, str(error))
        return None


def fields_in(value: Any) -> tuple[Field, ...]:
    """Raises ValueError that says what to write."""
    if not isinstance(value, list):
        raise ValueError("Expected a list of kinds of personal data.")
    for one in value:
        if not isinstance(one, str) or one not in set(Field):
            shown = repr(str(one)[:50])
            raise ValueError(f"{shown} is no kind of personal data. Write some of {', '.join(Field)}.")
    return tuple(dict.fromkeys(Field(one) for one in value))


def fields_for(agent: Agent | None, asked: Sequence[Field] | None, payload: CallPayload) -> tuple[Field, ...]:
    """What the request says; else what was said of the call before, and what its agent says."""
    if asked is not None:
        return tuple(asked)
    by_agent = [] if agent is None else agent.settings.get(NAME) or []
    return tuple(dict.fromkeys(Field(one) for one in (*fields_of(payload), *by_agent)))


def fields_of(payload: CallPayload) -> Sequence[str]:
    found: Sequence[str] = payload.redaction.get("fields", ())
    return found


def restore(call: CallLog, payload: CallPayload) -> bool:
    """Put back what was sent into these rows, which are then not saved before `hide` was there again. False
    where nothing was kept."""
    if not payload.redaction:
        return False
    original = CallOriginal.objects.filter(pk=call.pk).first()
    if original is None:
        return False
    for name in _SHARED:
        setattr(payload, name, getattr(original, name))
    for name in _OF_CALL:
        setattr(call, name, getattr(original, name))
    payload.redaction = {"fields": fields_of(payload)}
    return True


@dataclass(frozen=True, slots=True)
class Taken:
    """What rows had before personal data was taken out of them."""

    given: CallOriginal
    """What was sent."""
    stood: Sequence[Said]
    """What was stored until then, which earlier findings quote."""


def hide(call: CallLog, payload: CallPayload, fields: Collection[str]) -> Taken | None:
    """Take personal data of these kinds out of rows that are not saved yet; what they had is for
    `store_original`. What was hidden in these rows before stays hidden."""
    before = payload.redaction
    if not fields:
        payload.redaction = {}
        return None
    given = CallOriginal(**{name: getattr(payload, name) for name in _SHARED})
    for name in _OF_CALL:
        setattr(given, name, getattr(call, name))
    metadata, variables = json.loads(payload.metadata), json.loads(payload.dynamic_variables)
    redactor = Redactor([Field(one) for one in fields], known_of([Said.of(given)]))
    turns = from_wire(json.loads(payload.turns))
    done = redactor.turns(turns)
    _put_turns(payload, done.turns)
    payload.metadata = storable_json(redactor.json(metadata))
    payload.dynamic_variables = storable_json(redactor.json(variables))
    payload.logs = _logs(payload.logs, redactor)
    payload.notes = [redactor.text(note) for note in payload.notes]
    payload.raw = "null"
    payload.voice_recording_url = unshown(payload.voice_recording_url)
    call.feedback = redactor.text(call.feedback)
    call.customer_number = _number(call.customer_number, fields, redactor)
    payload.redaction = {
        "fields": list(fields),
        "hidden": dict(Counter(before.get("hidden", {})) + Counter(done.counts())),
        **_placed(place(turns, done.hidden, word_times(json.loads(given.raw))), before),
        "untold": not any(turn.tool is None for turn in turns),
    }
    if settings.CALLGAUGE.redaction_originals == MEASURE:
        payload.redaction["measured"] = stable_hash(given.turns, given.metadata, given.dynamic_variables)
    return Taken(given, stored(call.pk))


def unshown(url: str) -> str:
    """Where a recording can be heard as it was is not shown, but tells one recording from another."""
    return f"{UPLOADED}{stable_hash(url)}" if url and not url.startswith(UPLOADED) else url


def _placed(placed: Placed, before: Mapping[str, Any]) -> dict[str, Any]:
    known = [(start, end) for start, end in before.get("spans", ())]
    return {
        "spans": [list(span) for span in merged([*known, *placed.spans])],
        "unplaced": before.get("unplaced", 0) + placed.unplaced,
    }


def _put_turns(payload: CallPayload, turns: Sequence[Turn]) -> None:
    payload.turns = storable_json(to_wire(turns))
    payload.transcript = storable_text(transcript_text(turns))


def _logs(text: str, redactor: Redactor) -> str:
    if not text:
        return text
    entries = json.loads(text)
    for entry in entries:
        entry["message"] = redactor.text(entry["message"])
        if "raw" in entry:
            entry["raw"] = redactor.json(entry["raw"])
    return storable_json(entries)


def _number(text: str, fields: Collection[str], redactor: Redactor) -> str:
    """The customer's number is one, whatever it looks like."""
    wanted = next((one for one in _NUMBERS if one in fields), None)
    return TOKENS[wanted] if wanted is not None and text else redactor.text(text)


def store_original(
    call: CallLog, payload: CallPayload, taken: Taken | None, *, before: Mapping[str, Any] | None
) -> None:
    """Keep what `hide` gave, or drop it and what was kept before. `before` is how the stored call was
    redacted, None for a new one: what a provider reported of it before that goes, and what was found in it
    is redacted too. The caller has saved the call, in the same transaction."""
    originals = settings.CALLGAUGE.redaction_originals
    if taken is not None and before is not None:
        WebhookDelivery.objects.filter(call=call).exclude(event=WebhookEvent.COMPLETED).delete()
        if originals != MEASURE:  # there, what is found may quote the original
            fields, said = fields_of(payload), [*taken.stood, Said.of(taken.given)]
            more = set(fields) - set(before.get("fields", ()))
            hide_in_findings(call, said, fields, all_of_it=bool(more) or "measured" in before)
    if taken is not None and originals != DROP:
        taken.given.call = call
        taken.given.save(force_insert=before is None)
    elif before is not None:
        CallOriginal.objects.filter(pk=call.pk).delete()
