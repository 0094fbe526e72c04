"""A body as one plain object, whatever its type was."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from rest_framework.request import Request

from callgauge.flow.errors import Invalid

RECORDING = "voice_recording"


def body_of(request: Request) -> dict[str, Any]:
    """The fields of a JSON object, a form or multipart parts. A repeated form field is a list of texts.

    A part that came as a file is its text, as `curl -F transcript_json=@call.json` sends it; only that of
    RECORDING stays a file. Raises Invalid for JSON that is no object and for a file that is no text.
    """
    data = request.data
    if isinstance(data, QueryDict):
        read = {name: [_text_of(name, value) for value in values] for name, values in data.lists()}
        return {name: values[0] if len(values) == 1 else values for name, values in read.items()}
    if not isinstance(data, dict):
        raise Invalid.field("non_field_errors", "Expected an object.")
    return data


def _text_of(name: str, value: Any) -> Any:
    if name == RECORDING or not isinstance(value, UploadedFile):
        return value
    if (value.size or 0) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        raise Invalid.field(name, f"The file is larger than {settings.CALLGAUGE.max_body_mb} MB.")
    try:
        return value.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid.field(name, "The file is not UTF-8 text.") from None
