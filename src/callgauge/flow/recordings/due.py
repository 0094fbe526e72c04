"""What is still to be done for recordings: fetching, looking into files, sweeping up what nobody names.

Everything here may be done twice, or half and then again: a file is named by its content, and a row changes
only where it still waits.
"""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
from django.db import transaction
from django.db.models import Q
from django.db.models.expressions import Combinable
from django.db.models.functions import Now
from django.utils import timezone

from callgauge.flow import wake
from callgauge.flow.errors import NotFound
from callgauge.flow.recordings.files import Place, StoreError, files, incoming
from callgauge.flow.recordings.intake import Incoming
from callgauge.flow.recordings.redacting import release_claims
from callgauge.flow.recordings.rows import FileGone, claim_file, drop_if_unused, take
from callgauge.flow.recordings.uploads import end_upload
from callgauge.store.clock import from_now
from callgauge.store.models import (
    Recording,
    RecordingFile,
    RecordingState,
    RecordingUpload,
)
from callgauge.store.turns import write_turn

log = logging.getLogger(__name__)

WAITS_SECS = (5, 20, 60, 180, 600, 1800)
"""Pauses between tries: providers publish some recordings minutes after the call has ended."""
HOLD_SECS = 900
"""Whoever fetches or looks into a file has it for so long; after that it was lost with its process."""
SPARED = timedelta(hours=1)
"""A file without a row may be on its way to one for that long."""


@dataclass(frozen=True, slots=True)
class ToFetch:
    call_id: int
    project_id: int
    url: str


@dataclass(frozen=True, slots=True)
class ToLookInto:
    file_id: int
    place: Place


def claim_fetch(call_id: int | None = None) -> ToFetch | None:
    """The next recording to be fetched, held for a while; with `call_id` that one, whenever it is due."""
    waiting = Recording.objects.filter(state=RecordingState.WAITING)
    now = timezone.now()
    if call_id is None:
        waiting = waiting.filter(next_try_at__lte=now).order_by("next_try_at")
    else:
        waiting = waiting.filter(pk=call_id)
    found = waiting.values_list("pk", "call__project_id", "url", "next_try_at").first()
    if found is None:
        return None
    pk, project_id, url, due = found
    held = now + timedelta(seconds=HOLD_SECS)
    with write_turn():
        mine = Recording.objects.filter(pk=pk, state=RecordingState.WAITING, next_try_at=due).update(
            next_try_at=held
        )
    return ToFetch(pk, project_id, url) if mine else None


def release_held() -> None:
    """At the start of the only server of a data folder: nobody is at anything."""
    release_claims()
    RecordingFile.objects.filter(look_until__isnull=False).update(look_until=None)
    soon = timezone.now()
    Recording.objects.filter(state=RecordingState.WAITING, attempts=0).update(next_try_at=soon)


def fetched(fetch: ToFetch, file: Incoming) -> bool:
    """The file is here. False where the call is gone or has another recording by now. Raises StoreError."""
    for _ in range(3):
        file.put(fetch.project_id)
        try:
            with write_turn(), transaction.atomic():
                known = Recording.objects.select_for_update().filter(
                    pk=fetch.call_id, state=RecordingState.WAITING, url=fetch.url
                )
                done = known.first()
                if done is not None:
                    take(done, claim_file(fetch.project_id, file))
                    done.state = RecordingState.STORED
                    done.next_try_at, done.fault, done.fault_words = None, "", ""
                    done.came_late = True
                    done.save()
                wake.announce_work()
            if done is None:
                drop_if_unused(file.place(fetch.project_id))
            return done is not None
        except FileGone:
            continue
    raise StoreError("the recording was deleted while it was stored")


def not_fetched(fetch: ToFetch, code: str, words: str, *, retryable: bool) -> None:
    """Try again later, or give up."""
    with write_turn(), transaction.atomic():
        row = (
            Recording.objects.select_for_update()
            .filter(pk=fetch.call_id, state=RecordingState.WAITING, url=fetch.url)
            .first()
        )
        if row is None:
            return
        if retryable and row.attempts < len(WAITS_SECS):
            row.next_try_at = timezone.now() + timedelta(seconds=WAITS_SECS[row.attempts])
        else:
            row.state, row.next_try_at = RecordingState.FAILED, None
        row.attempts += 1
        row.fault, row.fault_words = code, words[:500]
        row.save()


def claim_unseen() -> ToLookInto | None:
    """A file that nobody has looked into or is looking into, held for a while: other workers leave it."""
    free = RecordingFile.objects.filter(
        Q(look_until=None) | Q(look_until__lt=Now()), duration_secs=None, fault=""
    )
    row = free.order_by("-pk").values_list("pk", "project_id", "sha256").first()
    if row is None:
        return None
    with write_turn():
        mine = free.filter(pk=row[0]).update(look_until=_in(HOLD_SECS))
    return ToLookInto(row[0], Place(row[1], row[2])) if mine else None


def look_later(file_id: int, pause_secs: float) -> None:
    """It could not be looked into for a reason that will pass, or was not finished."""
    with write_turn():
        RecordingFile.objects.filter(pk=file_id).update(look_until=_in(pause_secs))


def _in(secs: float) -> Combinable:
    """By the database's clock, as other leases are."""
    return from_now(timedelta(seconds=secs))


def seen(file_id: int, *, duration_secs: float, sample_rate: int, channels: int, zooms: Any) -> None:
    with write_turn():
        RecordingFile.objects.filter(pk=file_id).update(
            duration_secs=duration_secs,
            sample_rate=sample_rate,
            channels=channels,
            waveform=orjson.dumps(zooms).decode(),
        )


def unreadable(file_id: int, code: str, words: str) -> None:
    with write_turn():
        RecordingFile.objects.filter(pk=file_id).update(fault=code, fault_words=words[:500])


def sweep() -> int:
    """Delete uploads that are over, files without a row, and half files; says how many."""
    dropped = 0
    for upload in RecordingUpload.objects.filter(expires_at__lt=timezone.now()):
        try:
            end_upload(upload)
        except NotFound:
            continue
    before = timezone.now() - SPARED
    for place, changed in files().places():
        if changed < before and drop_if_unused(place):
            dropped += 1
    for path in incoming().iterdir():
        try:
            if path.stat().st_mtime < before.timestamp():
                if path.is_dir():  # a recording that was being cut up for speech to text
                    shutil.rmtree(path)
                else:
                    path.unlink()
                dropped += 1
        except FileNotFoundError:
            continue
    if dropped:
        log.info("%d files that belonged to no recording are gone", dropped)
    return dropped
