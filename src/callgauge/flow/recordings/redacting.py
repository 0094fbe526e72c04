"""Copies of recordings in which personal data cannot be heard: which are due, and what comes of the original.

Every step may be done twice: a copy is named by its content, and the row changes only where it still waits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from callgauge.flow import wake
from callgauge.flow.recordings.files import Place, StoreError
from callgauge.flow.recordings.intake import Incoming
from callgauge.flow.recordings.rows import FileGone, claim_file, drop_if_unused, drop_unused, is_heard
from callgauge.store.models import CallLog, CallPayload, Recording, RecordingRedaction, RecordingState
from callgauge.store.turns import write_turn

WAITING: Final = (RecordingRedaction.DUE, RecordingRedaction.AGAIN)
TRIES: Final = 3
HOLD_SECS: Final = 3600
"""Whoever redacts has it for so long, more than measuring and copying may take; then it was lost."""
PAUSE_SECS: Final = 30
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


def claim_redaction() -> ToRedact | None:
    """A recording that is here and can still be heard as it was, held for a while: other workers leave it."""
    now = timezone.now()
    free = Q(next_try_at=None) | Q(next_try_at__lte=now)
    row = (
        Recording.objects.select_related("original")
        .filter(free, redaction__in=WAITING, original__isnull=False, call__deleted_at=None)
        .order_by("pk")
        .first()
    )
    if row is None or row.original is None:
        return None
    with write_turn():
        mine = Recording.objects.filter(
            pk=row.pk, redaction=row.redaction, original_id=row.original_id, next_try_at=row.next_try_at
        ).update(next_try_at=now + timedelta(seconds=HOLD_SECS))
    if not mine:
        return None
    said = CallPayload.objects.values_list("redaction", flat=True).get(pk=row.pk)
    place = Place(row.original.project_id, row.original.sha256)
    return ToRedact(row.pk, place, _spans(said), is_copy=row.redaction == RecordingRedaction.AGAIN)


def _spans(said: Mapping[str, Any]) -> Sequence[Span]:
    known = said and not said["unplaced"] and not said["untold"]
    return tuple((start, end) for start, end in said["spans"]) if known else ()


def redact_later(found: ToRedact) -> None:
    """It could not be done for a reason that will pass."""
    with write_turn():
        Recording.objects.filter(pk=found.call_id, redaction__in=WAITING).update(
            next_try_at=timezone.now() + timedelta(seconds=PAUSE_SECS)
        )


def release_claims() -> None:
    """At the start of the only server of a data folder: nobody is redacting."""
    Recording.objects.filter(redaction__in=WAITING, next_try_at__isnull=False).exclude(
        state=RecordingState.WAITING
    ).update(next_try_at=None)


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
                    row.redaction, row.came_late = RecordingRedaction.DONE, True
                    _let_go(row, made)
                wake.announce_work()  # somebody has to look into the copy, and judges may listen to it
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
    return row if made.spans == _spans(said) else None


def _let_go(row: Recording, made: ToRedact) -> None:
    """The original, where it is not to be kept or a copy itself, goes when the transaction is committed."""
    original, row.next_try_at = row.original_id, None
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
    if row.redaction and same:
        return
    if row.redaction in WAITING:
        if row.original_id is not None:  # whoever is at it works for nothing: the next may begin
            Recording.objects.filter(pk=row.pk).update(next_try_at=None)
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
    if row.state != RecordingState.WAITING:
        row.next_try_at = None
    if row.state == RecordingState.FAILED and row.original_id is not None:
        row.state, row.fault, row.fault_words = RecordingState.STORED, "", ""
    row.save()
    if copy is not None and copy != row.original_id:
        drop_unused([copy])
