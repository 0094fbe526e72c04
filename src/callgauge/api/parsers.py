"""Reading bodies: what is not sound JSON is a 400 that says so, never a 500."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

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
