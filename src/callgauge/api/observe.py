"""A finished call comes in."""

from __future__ import annotations

from dataclasses import replace

from django.core.files.uploadedfile import UploadedFile
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from callgauge.api.auth import key_of
from callgauge.api.calls_body import RECORDING, body_of
from callgauge.api.calls_routes import wire_version
from callgauge.api.routing import route
from callgauge.flow.errors import Invalid, NotFound
from callgauge.flow.ingest import Ingested, ingest_call
from callgauge.flow.new_calls import NewCall, agent_for, read_new_call
from callgauge.flow.presenting.calls import present_list, present_new
from callgauge.flow.recordings.intake import Refused
from callgauge.flow.recordings.intake import take_in as take_in_file
from callgauge.flow.recordings.uploads import PLACE, end_upload, find_upload, key_in
from callgauge.store.models import Agent

DUPLICATE_HEADER = "X-Callgauge-Duplicate"


class Observe(APIView):
    def post(self, request: Request) -> Response:
        ingested = take_in(request)
        version = wire_version(request)
        if ingested.created:
            shown = present_new(ingested.call, version=version)
        else:
            (shown,) = present_list([ingested.call], version=version)
        return Response(shown, status=status.HTTP_201_CREATED, headers=duplicate_headers(ingested))


def take_in(request: Request) -> Ingested:
    """Store the call of a request. Raises Invalid."""
    data = body_of(request)
    new = read_new_call(data)
    agent = agent_for(key_of(request), data)
    part = data.get(RECORDING)
    if isinstance(part, UploadedFile):
        try:
            with take_in_file(part.read) as incoming:
                return ingest_call(agent.project, agent, replace(new, recording=incoming))
        except Refused as error:
            raise Invalid.field(RECORDING, str(error)) from None
    if PLACE in new.voice_recording_url:
        return _with_upload(agent, new)
    return ingest_call(agent.project, agent, new)


def _with_upload(agent: Agent, new: NewCall) -> Ingested:
    """The address is one that `get-upload-url` gave out: the file is here already."""
    try:
        upload = find_upload(key_in(new.voice_recording_url))
    except NotFound:
        upload = None
    if upload is None or upload.project_id != agent.project_id or upload.file is None:
        raise Invalid.field(
            "voice_recording_url", "Nothing was uploaded to this address, or the upload is over."
        )
    ingested = ingest_call(agent.project, agent, replace(new, recording=upload.file, voice_recording_url=""))
    end_upload(upload)
    return ingested


def duplicate_headers(ingested: Ingested) -> dict[str, str]:
    """A known call id is 201 too, because clients check for it; the header tells the difference."""
    if ingested.created:
        return {}
    return {DUPLICATE_HEADER: "updated" if ingested.updated else "kept"}


routes = [route("observability/v1/observe", Observe.as_view())]
