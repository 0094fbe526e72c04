"""Recordings on the wire: playing one, and uploading one before its call is named."""

from __future__ import annotations

import io
import re
from http import HTTPStatus
from itertools import chain
from typing import Any, BinaryIO

from django.http import FileResponse, HttpResponse, HttpResponseBase, StreamingHttpResponse
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from callgauge.api.auth import HasKey, key_of
from callgauge.api.calls import present_one
from callgauge.api.calls_body import body_of
from callgauge.api.calls_routes import FAMILY
from callgauge.api.pagination import address
from callgauge.api.routing import ID, route
from callgauge.flow.call_fields import FieldReader
from callgauge.flow.calls import calls_of, find_call
from callgauge.flow.errors import Invalid, NotFound
from callgauge.flow.new_calls import agent_for
from callgauge.flow.recordings.files import Folder, Place, files
from callgauge.flow.recordings.intake import Refused
from callgauge.flow.recordings.links import LinkExpired, check_link
from callgauge.flow.recordings.uploads import (
    PLACE,
    VALID_SECS,
    complete,
    find_upload,
    key_in,
    open_upload,
    receive,
)
from callgauge.flow.recordings.waveform import waveform_of
from callgauge.flow.scope import find_project
from callgauge.store.models import ApiKey, CallLog, Project, Recording, RecordingUpload

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


class PlayRecording(APIView):
    """The file of a call's recording, whole or in part: with a key, or by the signed link of
    `voice_recording_url`."""

    permission_classes = ()

    def get(self, request: Request, pk: str) -> HttpResponseBase:
        recording = _recording(_call_to_play(request, pk))
        file = recording.file
        assert file is not None
        place = Place(file.project_id, file.sha256)
        tag = f'"{file.sha256}"'
        whole = range(file.size_bytes)
        part = _wanted(request, tag, whole)
        wanted = whole if part is None else part
        if part is not None and not part:
            response: HttpResponseBase = HttpResponse(status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            response["Content-Range"] = f"bytes */{len(whole)}"
            return response
        response = _bytes(place, wanted)
        response["Content-Type"] = file.media_type
        response["Content-Length"] = str(len(wanted))
        response["Content-Disposition"] = f'inline; filename="call-{pk}.{_ending(file.media_type)}"'
        response["Accept-Ranges"] = "bytes"
        response["ETag"] = tag
        response["Cache-Control"] = "private, max-age=3600"
        response["X-Content-Type-Options"] = "nosniff"
        if part is not None:
            response.status_code = HTTPStatus.PARTIAL_CONTENT
            response["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{len(whole)}"
        return response


def _call_to_play(request: Request, pk: str) -> CallLog:
    signature = request.query_params.get("signature")
    if signature is None:
        if not isinstance(request.user, ApiKey):
            raise exceptions.NotAuthenticated(HasKey.message)
        return find_call(request.user, pk)
    try:
        good = check_link(int(pk), request.query_params.get("expires", ""), signature)
    except LinkExpired:
        raise exceptions.PermissionDenied(
            "This link is over. Read the call again: its voice_recording_url has a new one."
        ) from None
    call = CallLog.objects.filter(pk=pk, deleted_at=None).first() if good and len(pk) < 19 else None
    if call is None:
        raise NotFound
    return call


def _recording(call: CallLog) -> Recording:
    recording = Recording.objects.select_related("file").filter(pk=call.pk, file__isnull=False).first()
    if recording is None:
        raise NotFound
    return recording


def _wanted(request: Request, tag: str, whole: range) -> range | None:
    """The bytes that were asked for, empty where they are not in the file. None for the whole file, which is
    also the answer to what is no single range, as HTTP allows."""
    match = _RANGE.fullmatch(request.META.get("HTTP_RANGE", "").replace(" ", ""))
    if match is None or request.META.get("HTTP_IF_RANGE", tag) != tag or match[0] == "bytes=-":
        return None
    first, last = match[1], match[2]
    if not first:
        return range(max(len(whole) - int(last), 0), len(whole))
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last) + 1, len(whole)) if last else len(whole))


def _bytes(place: Place, wanted: range) -> HttpResponseBase:
    store = files()
    if isinstance(store, Folder):
        try:
            file = store.open(place)
        except FileNotFoundError:
            raise NotFound from None
        # Given as a file, the server sends it by itself: a slow player holds a socket and no thread.
        return FileResponse(_Part(file, wanted))
    blocks = store.read(place, wanted.start, wanted.stop)
    try:
        first = next(blocks, b"")  # now, while the answer can still be another
    except FileNotFoundError:
        raise NotFound from None
    return StreamingHttpResponse(chain((first,), blocks))


class _Part(io.RawIOBase):
    """Some bytes of a file, as a file."""

    def __init__(self, file: BinaryIO, part: range) -> None:
        super().__init__()
        self._file = file
        self._part = part
        self._file.seek(part.start)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(self._part.stop - self._file.tell(), 0)
        return self._file.read(left if size is None or size < 0 else min(size, left))

    def tell(self) -> int:
        return self._file.tell() - self._part.start

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        starts = {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: len(self._part)}
        at = min(max(starts[whence] + offset, 0), len(self._part))
        self._file.seek(self._part.start + at)
        return at

    def close(self) -> None:
        self._file.close()
        super().close()


def _ending(media_type: str) -> str:
    return {"audio/mpeg": "mp3", "audio/mp4": "m4a"}.get(media_type, media_type.partition("/")[2])


class Waveform(APIView):
    """The outline of the recording with every zoom."""

    def get(self, request: Request, pk: str) -> HttpResponseBase:
        call = find_call(key_of(request), pk)
        return HttpResponse(waveform_of(call, full=True), content_type="application/json")


class GetUploadUrl(APIView):
    """A place to PUT a recording to: `{"file_name"}` in, `upload_url` and `key` out."""

    def post(self, request: Request) -> Response:
        data = body_of(request)
        reader = FieldReader(data)
        name = reader.text("file_name", 255)
        reader.check()
        upload = open_upload(_project(key_of(request), data), name)
        return Response(_placed(request, upload))


class PutUpload(APIView):
    """The upload itself. The key in the address is the permission, as with storage that signs addresses."""

    permission_classes = ()
    authentication_classes = ()

    def put(self, request: Request, key: str) -> Response:
        upload = find_upload(key)
        try:
            receive(upload, request._request.read)
        except Refused as error:
            raise Invalid.field("file", str(error)) from None
        assert upload.file is not None
        return Response({"key": upload.key, "size_bytes": upload.file.size_bytes})


class CompleteUpload(APIView):
    """`{"key", "call_log_id" or "call_id"}`: the call takes the file and is measured again. Without a call,
    only whether the file is there; its `voice_recording_url` can then be sent with `observe`."""

    def post(self, request: Request) -> Response:
        key, data = key_of(request), body_of(request)
        reader = FieldReader(data)
        upload = _upload(key, reader)
        call = _named_call(key, upload, reader)
        reader.check()
        if upload.file_id is None:
            raise Invalid.field("key", "Nothing was uploaded yet: PUT the file to the upload_url first.")
        if call is None:
            return Response({**_placed(request, upload), "uploaded": True})
        call = complete(upload, call)
        return Response(present_one(request, call))


def _upload(key: ApiKey, reader: FieldReader) -> RecordingUpload:
    text = reader.text("key", 4096, required=True)
    reader.check()
    try:
        upload = find_upload(key_in(text))
        find_project(key, upload.project_id)
    except NotFound:
        raise Invalid.field("key", "There is no such upload, or it is over; ask for a new one.") from None
    return upload


def _named_call(key: ApiKey, upload: RecordingUpload, reader: FieldReader) -> CallLog | None:
    calls = calls_of(key).filter(project_id=upload.project_id)
    for name in ("call_log_id", "call_log", "id", "call_id"):
        if not reader.given(name):
            continue
        text = reader.text(name, 100)
        found = calls.filter(call_id=text) if name == "call_id" else None
        if found is None:
            try:
                return calls.get(pk=find_call(key, text).pk)
            except (NotFound, CallLog.DoesNotExist):
                raise Invalid.field(name, "There is no such call in the project of this upload.") from None
        call = found.first()
        if call is None:
            raise Invalid.field(name, "There is no such call in the project of this upload.")
        return call
    return None


def _placed(request: Request, upload: RecordingUpload) -> dict[str, Any]:
    # No slash behind it: `curl -T FILE` puts the file's name behind one.
    url = address(request, f"{PLACE}{upload.key}")
    return {
        "key": upload.key,
        "upload_url": url,
        "url": url,
        "voice_recording_url": url,
        "method": "PUT",
        "headers": {},
        "expires_in": VALID_SECS,
        "expires_at": upload.expires_at,
    }


def _project(key: ApiKey, data: dict[str, Any]) -> Project:
    """The key's own, or that of the agent or project that the body names."""
    if any(data.get(name) not in (None, "") for name in ("agent", "agent_id", "assistant_id")):
        return agent_for(key, data).project
    named = data.get("project_id") or data.get("project") or key.project_id
    try:
        return find_project(key, named)
    except NotFound:
        raise Invalid.field(
            "project_id", "Name a project that this key reaches, or an agent: the key is the organization's."
        ) from None


routes = [
    route(rf"{FAMILY}/{ID}/recording", PlayRecording.as_view()),
    route(rf"{FAMILY}/{ID}/waveform", Waveform.as_view()),
    route(rf"{FAMILY}/get-upload-url", GetUploadUrl.as_view()),
    route(rf"{FAMILY}/complete-upload", CompleteUpload.as_view()),
    route(rf"{FAMILY}/uploads/(?P<key>[\w-]+)", PutUpload.as_view()),
]
