"""Rows of recordings: made with their call, given their file, forgotten with their call."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from callgauge.flow.recordings.files import Place, files
from callgauge.flow.recordings.intake import Incoming
from callgauge.store.models import (
    CallLog,
    CallPayload,
    Recording,
    RecordingFile,
    RecordingRedaction,
    RecordingState,
    RecordingUpload,
)
from callgauge.store.turns import write_turn

UPLOADED = "upload:"
"""Begins `voice_recording_url` of a call whose recording was sent as a file; its hash follows, so that the
call's content hash tells one recording from another."""
LOCK_SPACE = 0x7265636F
"""First half of PostgreSQL's advisory locks on places: "reco" in ASCII."""


class FileGone(Exception):
    """The file was deleted from the store between being put there and being claimed: put it again."""


def marker(file: Incoming | RecordingFile) -> str:
    return f"{UPLOADED}{file.sha256}"


def is_address(url: str) -> bool:
    return url.lower().startswith(("http://", "https://"))


def claim_file(project_id: int, incoming: Incoming) -> RecordingFile:
    """The row of a file that is in the store. The caller is in a transaction that makes use of it.

    Raises FileGone.
    """
    place = incoming.place(project_id)
    _hold(place)
    if files().size(place) is None:
        raise FileGone
    row, _ = RecordingFile.objects.get_or_create(
        project_id=project_id,
        sha256=incoming.sha256,
        defaults={"size_bytes": incoming.size_bytes, "media_type": incoming.media_type},
    )
    return row


def expect(call: CallLog, url: str) -> None:
    """The recording of a call is to be fetched from `url`, "" for none; the one it had is another's now.
    The caller is in a transaction."""
    known = Recording.objects.filter(pk=call.pk).first()
    if known is not None:
        if url.startswith(UPLOADED) or (url and known.url == url):
            return
        forget([call.pk])
    if not url or url.startswith(UPLOADED):
        return
    waits = is_address(url)
    Recording.objects.create(
        call=call,
        url=url,
        redaction=_to_redact(call),
        state=RecordingState.WAITING if waits else RecordingState.FAILED,
        next_try_at=timezone.now() if waits else None,
        fault="" if waits else "unsupported_url",
        fault_words="" if waits else "Its address begins with neither http:// nor https://.",
    )


def give(call: CallLog, file: RecordingFile) -> None:
    """The call has this file for its recording from now on. The caller is in a transaction."""
    known = Recording.objects.filter(pk=call.pk).first()
    if known is not None and file.pk in (known.file_id, known.original_id):
        return
    if known is not None:
        forget([call.pk])
    recording = Recording(call=call, state=RecordingState.STORED, redaction=_to_redact(call))
    take(recording, file)
    recording.save(force_insert=True)


def take(recording: Recording, file: RecordingFile) -> None:
    """The file is what can be played, or what a copy that can be played is to be made from."""
    if recording.redaction:
        recording.original = file
    else:
        recording.file = file


def is_heard(redaction: Mapping[str, Any]) -> bool:
    """Whether personal data can be heard in a call's recording, as far as its transcript tells. Without one
    nobody knows, and it is taken for granted."""
    return bool(redaction) and bool(redaction["spans"] or redaction["unplaced"] or redaction["untold"])


def _to_redact(call: CallLog) -> str:
    found = CallPayload.objects.filter(pk=call.pk).values_list("redaction", flat=True).first()
    return RecordingRedaction.DUE if found and is_heard(found) else ""


def forget(call_ids: Collection[int]) -> None:
    """Drop the recordings of calls, and files that no other call has. The caller is in a transaction; the
    files go when it is committed."""
    rows = Recording.objects.filter(pk__in=call_ids)
    held = {pk for both in rows.values_list("file_id", "original_id") for pk in both if pk is not None}
    rows.delete()
    if held:
        drop_unused(held)


def drop_unused(file_ids: Collection[int]) -> None:
    """Drop those files that nothing refers to. The caller is in a transaction. Their places are held in one
    order: two that delete calls with the same recordings would else wait for each other."""
    unused = _unused().filter(pk__in=file_ids).order_by("sha256", "pk")
    for row in list(unused):
        place = Place(row.project_id, row.sha256)
        _hold(place)
        if _unused().filter(pk=row.pk).delete()[0]:
            transaction.on_commit(partial(drop_if_unused, place), robust=True)


def _unused() -> QuerySet[RecordingFile]:
    return RecordingFile.objects.filter(
        ~Q(pk__in=Recording.objects.filter(file__isnull=False).values("file_id")),
        ~Q(pk__in=Recording.objects.filter(original__isnull=False).values("original_id")),
        ~Q(pk__in=RecordingUpload.objects.filter(file__isnull=False).values("file_id")),
    )


def drop_if_unused(place: Place) -> bool:
    """Delete a file from the store unless a row names it. Whoever claims it at the same time waits."""
    with write_turn(), transaction.atomic():
        _hold(place)
        if RecordingFile.objects.filter(project_id=place.project_id, sha256=place.sha256).exists():
            return False
        files().delete(place)
        return True


def _hold(place: Place) -> None:
    """Until the transaction ends, nobody else claims or drops this place. SQLite has one writer anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            number = int(place.sha256[:8], 16) - (1 << 31)
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK_SPACE, number])
