"""A body as one plain object, whatever its type was."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict
from rest_framework.request import Request

from callgauge.flow.errors import Invalid


def body_of(request: Request) -> dict[str, Any]:
    """The fields of a JSON object, a form or multipart parts. A repeated form field is a list of texts.

    Raises Invalid for JSON that is no object.
    """
    data = request.data
    if isinstance(data, QueryDict):
        return {name: values[0] if len(values) == 1 else values for name, values in data.lists()}
    if not isinstance(data, dict):
        raise Invalid.field("non_field_errors", "Expected an object.")
    return data
