"""The document at /openapi.json."""

from __future__ import annotations

from collections import Counter
from functools import cache
from importlib.metadata import version
from typing import Any

from django.urls import URLPattern

from callgauge.api.fields import Shape
from callgauge.api.openapi.kinds import Operation, Operations, Schema, obj, ref
from callgauge.api.openapi.paths import Place, operation_id, places
from callgauge.api.openapi.shapes import schema_of
from callgauge.api.openapi.tables import OPERATIONS, SCHEMAS

BODIES = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")
HEADER, BEARER = "api_key", "bearer"
NO_TAGS = {"observability", "test_framework", "user", "callgauge", "v1", "v2", "api"}
DETAIL = "Detail"
FAULTS = "Faults"
ERRORS = {
    400: "Something that was sent is wrong: the messages are by field.",
    401: "No key, or one that is not known.",
    403: "The key may not do this.",
    404: "It is not there, or belongs to somebody else.",
    409: "It cannot be done in the present state.",
    413: "The body is too large.",
    415: "The body is of a type that is not read.",
    429: "Too many requests; Retry-After says when to come back.",
    503: "The database is busy or cannot be reached; nothing was changed.",
}


@cache
def document() -> dict[str, Any]:
    from callgauge.api.urls import urlpatterns  # which has the route of this document

    return build(list(urlpatterns), OPERATIONS)


def build(routes: list[URLPattern], operations: Operations) -> dict[str, Any]:
    """Views that no table names are left out: a test sees to it that there are none."""
    paths: dict[str, dict[str, Any]] = {}
    ids: Counter[str] = Counter()
    for place in places(routes):
        for method in place.methods():
            operation = operations.get((place.name, method.upper()))
            if operation is not None:
                name = operation_id(place.path, method, operation.action)
                ids[name] += 1
                unique = name if ids[name] == 1 else f"{name}_{ids[name]}"
                paths.setdefault(place.path, {})[method] = _operation(place, method, operation, unique)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Callgauge",
            "version": version("callgauge"),
            "description": "Takes in the calls of voice AI agents, measures them, and measures them again. "
            "Every address works with and without the last slash. Names that are not known are ignored.",
        },
        "servers": [{"url": "/"}],
        "security": [{HEADER: []}, {BEARER: []}],
        "paths": paths,
        "components": {
            "schemas": {
                **SCHEMAS,
                DETAIL: obj({"detail": {"type": "string"}}),
                FAULTS: {
                    "description": "By field; `non_field_errors` where it is about none, `detail` where the "
                    "request cannot be read at all.",
                    "type": "object",
                    "minProperties": 1,
                },
            },
            "securitySchemes": {
                HEADER: {"type": "apiKey", "in": "header", "name": "X-CEKURA-API-KEY"},
                BEARER: {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _operation(place: Place, method: str, operation: Operation, unique: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": unique,
        "summary": operation.summary,
        "tags": [_tag(place.path)],
        "parameters": [
            *(
                {"name": name, "in": "path", "required": True, "schema": schema}
                for name, schema in place.parameters
            ),
            *(
                {
                    "name": one.name,
                    "in": "query",
                    "required": one.required,
                    "schema": one.told,
                    **({"description": one.text} if one.text else {}),
                }
                for one in operation.query
            ),
        ],
        "responses": _answers(method, operation),
    }
    if operation.open:
        found["security"] = []
    if operation.body is not None:
        found["requestBody"] = {
            "required": _is_needed(operation.body, method),
            "content": {kind: {"schema": _body(operation.body, method)} for kind in _kinds(operation.body)},
        }
    return found


def _body(body: type[Shape] | Schema, method: str) -> Schema:
    return schema_of(body, partial=method == "patch") if isinstance(body, type) else body


def _kinds(body: type[Shape] | Schema) -> tuple[str, ...]:
    """A bare array has no form."""
    is_object = isinstance(body, type) or body.get("type", "object") == "object"
    return BODIES if is_object else BODIES[:1]


def _is_needed(body: type[Shape] | Schema, method: str) -> bool:
    schema = _body(body, method)
    return bool(schema.get("required")) or schema.get("type") == "array"


def _answers(method: str, operation: Operation) -> dict[str, Any]:
    answers: dict[str, Any] = {str(operation.status): _answer(operation.answer, "Done.", operation.bare)}
    for status, schema in (operation.also or {}).items():
        answers[str(status)] = _answer(schema, "Begun.", bare=False)
    for status in _errors(method, operation):
        answers[str(status)] = _answer(ref(FAULTS if status == 400 else DETAIL), ERRORS[status], bare=False)
        if status == 429:
            answers["429"]["headers"] = {"Retry-After": {"schema": {"type": "string"}}}
    return dict(sorted(answers.items()))


def _errors(method: str, operation: Operation) -> list[int]:
    errors = [400, 404, 503] if operation.open else [400, 401, 404, 503]
    if method != "get":
        errors += [403, 409, 413, 415, 429]
    return errors


def _answer(schema: Schema | None, text: str, bare: bool) -> dict[str, Any]:
    if bare:
        return {"description": text, "content": {"*/*": {}}}
    if schema is None:
        return {"description": text}
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _tag(path: str) -> str:
    parts = [part for part in path.strip("/").split("/") if not part.startswith("{")]
    named = [
        part for part in parts if part not in {"observability", "test_framework", "user", "v1", "v2", "api"}
    ]
    return (named[0] if named else parts[0]).removesuffix("-external")
