"""Knowledge base files of an agent on the wire."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from django.http import HttpResponse, HttpResponseBase
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from callgauge.api.auth import key_of
from callgauge.api.fields import Shape
from callgauge.api.pagination import address, paginated
from callgauge.api.routing import ID, route
from callgauge.flow.errors import Invalid
from callgauge.flow.knowledge_base import Upload, add_files, delete_file, delete_files, files_of, find_file
from callgauge.flow.scope import as_id, find_agent
from callgauge.store.models import Agent, KnowledgeBaseFile

PLACE = "test_framework/v2/aiagents"


class KnowledgeBase(APIView):
    serializer_class = Shape

    def get(self, request: Request, pk: str) -> Response:
        return _listed(request, find_agent(key_of(request), pk))


class KnowledgeBaseUpload(APIView):
    """Multipart parts named `files`, or JSON with names and contents in base64, as the client sends it."""

    serializer_class = Shape

    def post(self, request: Request, pk: str) -> Response:
        agent = find_agent(key_of(request), pk)
        add_files(agent, _uploads(request))
        response = _listed(request, agent)
        response.status_code = status.HTTP_201_CREATED
        return response


class KnowledgeBaseDelete(APIView):
    serializer_class = Shape

    def delete(self, request: Request, pk: str) -> Response:
        return Response({"deleted_count": delete_files(find_agent(key_of(request), pk))})


class KnowledgeBaseItem(APIView):
    """One file: its bytes as they were sent, never shown by a browser as a page."""

    serializer_class = Shape

    def get(self, request: Request, pk: str, file_id: str) -> HttpResponseBase:
        file = find_file(find_agent(key_of(request), pk), as_id(file_id))
        response = HttpResponse(bytes(file.content), content_type="application/octet-stream")
        response["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(file.file_name)}"
        response["X-Content-Type-Options"] = "nosniff"
        return response

    def delete(self, request: Request, pk: str, file_id: str) -> Response:
        delete_file(find_agent(key_of(request), pk), as_id(file_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _listed(request: Request, agent: Agent) -> Response:
    def present(files: Sequence[KnowledgeBaseFile]) -> list[dict[str, Any]]:
        return [present_file(request, file) for file in files]

    return paginated(request, files_of(agent), present)


def present_file(request: Request, file: KnowledgeBaseFile) -> dict[str, Any]:
    """A KnowledgeBaseFile of the contract."""
    return {
        "id": file.pk,
        "agent": file.agent_id,
        "file_url": address(request, f"/{PLACE}/{file.agent_id}/knowledge_base/{file.pk}/"),
        "file_name": file.file_name,
        "file_type": file.file_type,
        "file_size": file.file_size,
        "created_at": file.created_at,
        "updated_at": file.updated_at,
    }


def _uploads(request: Request) -> list[Upload]:
    parts = request.FILES.getlist("files")
    if parts:
        return [Upload(part.name or "", part.read()) for part in parts]
    data = request.data
    named = data.get("files") if isinstance(data, Mapping) else None
    if not isinstance(named, list):
        raise Invalid.field("files", "Send multipart parts, or a list of name and content_base64.")
    return [_decoded(number, item) for number, item in enumerate(named, 1)]


def _decoded(number: int, item: Any) -> Upload:
    name = (item.get("name") or item.get("file_name")) if isinstance(item, dict) else None
    content = item.get("content_base64") if isinstance(item, dict) else None
    if not isinstance(name, str) or not isinstance(content, str):
        raise Invalid.field("files", f"File {number} needs name and content_base64.")
    try:
        return Upload(name, base64.b64decode("".join(content.split()), validate=True))
    except (binascii.Error, ValueError):
        raise Invalid.field("files", f"File {number}: content_base64 is not base64.") from None


FAMILY = r"test_framework/(?:v2/aiagents|v1/aiagents(?:-external)?)"
routes = [
    route(rf"{FAMILY}/{ID}/knowledge_base", KnowledgeBase.as_view()),
    route(rf"{FAMILY}/{ID}/knowledge_base/(?P<file_id>\d+)", KnowledgeBaseItem.as_view()),
    route(rf"{FAMILY}/{ID}/upload_knowledge_base", KnowledgeBaseUpload.as_view()),
    route(rf"{FAMILY}/{ID}/delete_knowledge_base", KnowledgeBaseDelete.as_view()),
]
