"""Uploading a recording before its call is named: a place with a key, a file, then a call that takes it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from callgauge.domain.storable import storable_text
from callgauge.flow.audit import record
from callgauge.flow.call_content import content_hash
from callgauge.flow.errors import Conflict, NotFound
from callgauge.flow.recordings.intake import take_in
from callgauge.flow.recordings.rows import FileGone, claim_file, drop_unused, give, marker
from callgauge.flow.rerun import start_live
from callgauge.store.models import CallLog, CallPayload, Project, RecordingUpload
from callgauge.store.turns import write_turn

VALID_SECS = 3600
PLACE = "/observability/v1/call-logs/uploads/"
TRIES = 3

_KEY = re.compile(r"[\w-]{20,64}", re.ASCII)


def open_upload(project: Project, file_name: str) -> RecordingUpload:
    return RecordingUpload.objects.create(
        project=project,
        key=secrets.token_urlsafe(32),
        file_name=storable_text(file_name)[:255],
        expires_at=timezone.now() + timedelta(seconds=VALID_SECS),
    )


def find_upload(key: str) -> RecordingUpload:
    """By the key alone, which is a secret. Raises NotFound for what is unknown or over."""
    if not _KEY.fullmatch(key):
        raise NotFound
    upload = RecordingUpload.objects.filter(key=key, expires_at__gt=timezone.now()).first()
    if upload is None:
        raise NotFound
    return upload


def receive(upload: RecordingUpload, read: Callable[[int], bytes]) -> None:
    """Take the file in; sent again, it replaces the one before. Raises Refused, StoreError."""
    with take_in(read) as incoming:
        for _ in range(TRIES):
            incoming.put(upload.project_id)
            try:
                with write_turn(), transaction.atomic():
                    before = upload.file_id
                    upload.file = claim_file(upload.project_id, incoming)
                    if not RecordingUpload.objects.filter(pk=upload.pk).update(file=upload.file):
                        raise NotFound
                    if before is not None and before != upload.file.pk:
                        drop_unused([before])
                return
            except FileGone:
                continue
    raise Conflict("The file was deleted while it was taken in. Send it again.")


def key_in(text: str) -> str:
    """The key of an upload, given as it is or as the address that was handed out."""
    return text.rpartition(PLACE)[2].strip("/") if PLACE in text else text.strip()


def end_upload(upload: RecordingUpload) -> None:
    """Its file has found its call, or none wants it."""
    with write_turn(), transaction.atomic():
        held = upload.file_id
        RecordingUpload.objects.filter(pk=upload.pk).delete()
        if held is not None:
            drop_unused([held])


def complete(upload: RecordingUpload, call: CallLog) -> CallLog:
    """The call takes the uploaded file for its recording and is measured again. Raises Conflict, NotFound."""
    with write_turn(), transaction.atomic():
        held = RecordingUpload.objects.select_for_update().filter(pk=upload.pk).first()
        known = CallLog.objects.select_for_update().filter(pk=call.pk, deleted_at=None).first()
        if held is None or known is None:
            raise NotFound
        if held.file is None:
            raise Conflict("Nothing was uploaded yet: PUT the file to the upload_url first.")
        payload = CallPayload.objects.get(pk=known.pk)
        give(known, held.file)
        held.delete()
        before = known.content_hash
        payload.voice_recording_url = marker(held.file)
        payload.save(update_fields=["voice_recording_url"])
        known.content_hash = content_hash(known, payload)
        known.event_owed = known.event_owed or known.content_hash != before
        known.save(update_fields=["content_hash", "event_owed", "updated_at"])
        record("call.edited", known, fields=["recording"])
        if known.content_hash != before:
            start_live(known)
    known.refresh_from_db()
    return known
