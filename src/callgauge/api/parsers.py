"""Reading bodies: what is not sound JSON is a 400 that says so, never a 500."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, DataAndFiles, MultiPartParser

from callgauge.domain.strict_json import decode_json as decode_json


class StrictJSONParser(BaseParser):
    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        body = stream.read()
        if not body.strip():
            return {}  # the official client announces JSON on requests that have no body
        try:
            return decode_json(body.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise ParseError(f"The body is not UTF-8: byte {error.start}.") from None
        except ValueError as error:
            raise ParseError(f"The body is not JSON: {error}.") from None


class NamedPartsParser(MultiPartParser):
    """A body of parts of which none can be read is no empty form: what it said would be lost."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> DataAndFiles[Any, Any]:
        found = super().parse(stream, media_type, parser_context)
        if not found.data and not found.files:
            sent = int((parser_context or {})["request"].META.get("CONTENT_LENGTH") or 0)
            # An empty form is the boundary and a few dashes; the media type holds the boundary and more.
            if sent > len(media_type or ""):
                raise ParseError("The body is no form: none of its parts has a name.")
        return found
