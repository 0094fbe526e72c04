"""Copies of recordings in which personal data cannot be heard: which are due, and what comes of the original.

Every step may be done twice: a copy is named by its content, and the row changes only where it still waits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.db import transaction

from callgauge.flow import wake
from callgauge.flow.recordings.files import Place, StoreError
from callgauge.flow.recordings.intake import Incoming
from callgauge.flow.recordings.rows import FileGone, claim_file, drop_if_unused, drop_unused, is_heard
from callgauge.store.models import CallLog, CallPayload, Recording, RecordingRedaction, RecordingState
from callgauge.store.turns import write_turn

WAITING: Final = (RecordingRedaction.DUE, RecordingRedaction.AGAIN)
TRIES: Final = 3
NO_TIMES: Final = "not_redacted"
NO_TIMES_WORDS: Final = (
    "Personal data is said in it where the transcript has no times, so that it can be neither removed nor "
    "played."
)
DROP: Final = "drop"

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class ToRedact:
    call_id: int
    place: Place
    spans: Sequence[Span]
    """Seconds to be made unheard; empty where nobody knows them."""
    is_copy: bool
    """Whether it is a copy itself, in which nothing is to be measured."""


def next_to_redact(skip: Sequence[int]) -> ToRedact | None:
    """A recording that is here and can still be heard as it was, but those of calls in `skip`."""
    row = (
        Recording.objects.select_related("original")
        .filter(redaction__in=WAITING, original__isnull=False, call__deleted_at=None)
        .exclude(pk__in=skip)
        .order_by("pk")
        .first()
    )
    if row is None or row.original is None:
        return None
    said = CallPayload.objects.values_list("redaction", flat=True).get(pk=row.pk)
    known = said and not said["unplaced"] and not said["untold"]
    spans = tuple((start, end) for start, end in said["spans"]) if known else ()
    again = row.redaction == RecordingRedaction.AGAIN
    return ToRedact(row.pk, Place(row.original.project_id, row.original.sha256), spans, is_copy=again)


def redacted(made: ToRedact, copy: Incoming) -> bool:
    """The copy is what is played from now on. False where the call is gone, or has another recording or other
    words by now: it is then due again, or nothing is. Raises StoreError."""
    project_id = made.place.project_id
    for _ in range(TRIES):
        copy.put(project_id)
        try:
            with write_turn(), transaction.atomic():
                row = _still(made)
                if row is not None:
                    row.file = claim_file(project_id, copy)
                    row.redaction = RecordingRedaction.DONE
                    _let_go(row, made)
                wake.announce_work()  # somebody has to look into the copy
            if row is None:
                drop_if_unused(copy.place(project_id))
            return row is not None
        except FileGone:
            continue
    raise StoreError("the redacted recording was deleted while it was stored")


def withhold(made: ToRedact, fault: str = NO_TIMES, words: str = NO_TIMES_WORDS) -> None:
    """It can be measured as long as it is kept, and not be played."""
    with write_turn(), transaction.atomic():
        row = _still(made)
        if row is not None:
            row.state, row.fault, row.fault_words = RecordingState.FAILED, fault, words[:500]
            row.redaction = RecordingRedaction.WITHHELD
            _let_go(row, made)


def _still(made: ToRedact) -> Recording | None:
    row = (
        Recording.objects.select_for_update()
        .filter(pk=made.call_id, redaction__in=WAITING, original__sha256=made.place.sha256)
        .first()
    )
    if row is None:
        return None
    said = CallPayload.objects.values_list("redaction", flat=True).get(pk=row.pk)
    known = said and not said["unplaced"] and not said["untold"]
    same = made.spans == (tuple((start, end) for start, end in said["spans"]) if known else ())
    return row if same else None


def _let_go(row: Recording, made: ToRedact) -> None:
    """The original, where it is not to be kept or a copy itself, goes when the transaction is committed."""
    original = row.original_id
    if settings.CALLGAUGE.redaction_originals == DROP or made.is_copy:
        row.original = None
    row.save()
    if row.original_id is None and original is not None:
        drop_unused([original])


def redact_again(call: CallLog, before: Mapping[str, Any]) -> None:
    """The words of a call have changed: its recording is to be redacted accordingly. `before` is what the
    payload's `redaction` was. The caller is in a transaction."""
    row = Recording.objects.filter(pk=call.pk).first()
    if row is None:
        return
    now = CallPayload.objects.values_list("redaction", flat=True).get(pk=call.pk)
    if not is_heard(now):
        if row.redaction in WAITING and row.redaction != RecordingRedaction.AGAIN:
            row.file, row.original, row.redaction = row.original, None, ""
            row.save(update_fields=["file", "original", "redaction"])
        return
    same = all(now.get(name) == before.get(name) for name in ("spans", "unplaced", "untold"))
    if row.redaction in WAITING or (row.redaction and same):
        return
    copy = row.file_id
    if not row.redaction or row.original_id is None:
        # A file that was played until now, or the only one left: a copy of it takes its place.
        row.redaction = RecordingRedaction.AGAIN if row.redaction else RecordingRedaction.DUE
        row.original, row.file = row.file, None
    else:
        row.redaction, row.file = RecordingRedaction.DUE, None
    if row.redaction == RecordingRedaction.AGAIN and row.original_id is None:
        return  # it was withheld and dropped
    if row.state == RecordingState.FAILED and row.original_id is not None:
        row.state, row.fault, row.fault_words = RecordingState.STORED, "", ""
    row.save()
    if copy is not None and copy != row.original_id:
        drop_unused([copy])
