"""How answers are rendered, and how a body's parser is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from callgauge.flow.presenting.json import dump


class FastJSONRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        response = (renderer_context or {}).get("response")
        if data is None and response is not None and response.status_code == 204:
            return b""
        return dump(data)


class AlwaysJSON(BaseContentNegotiation):
    """Answers are JSON whatever Accept says, and a body is read by its declared type."""

    def select_parser(self, request: Request, parsers: Any) -> BaseParser | None:
        content_type = (request.content_type or "application/json").split(";")[0].strip().lower()
        for parser in parsers:
            if parser.media_type == content_type or (
                parser.media_type == "application/json" and content_type.endswith("+json")
            ):
                return parser  # type: ignore[no-any-return]
        return None

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type
