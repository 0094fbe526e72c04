"""Errors on the wire: 400 {"field": ["message"]}, everything else {"detail": "message"}."""

from __future__ import annotations

import logging
from typing import Any

from django.core.exceptions import DisallowedHost, PermissionDenied, RequestDataTooBig, TooManyFieldsSent
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler

from callgauge.api import not_served
from callgauge.flow.errors import Conflict, FlowError, Forbidden, Invalid, NotFound, RateLimited
from callgauge.flow.recordings.files import StoreError
from callgauge.store.refusals import Refusal, refusal_of

log = logging.getLogger(__name__)


class TooLarge(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "The request body is larger than CALLGAUGE_MAX_BODY_MB allows."


class Refused(exceptions.APIException):
    """The database or the disk takes nothing now."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.words)
        self.status_code = refusal.status
        self.retry_after_secs = refusal.retry_after_secs


class StorageAway(exceptions.APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "The storage of recordings cannot be used; nothing was changed. Try again."


NOTHING_THERE = (status.HTTP_404_NOT_FOUND, status.HTTP_405_METHOD_NOT_ALLOWED)


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """Every error that a view raises, as a response; None lets Django answer 500."""
    translated = _translate(error)
    response = exception_handler(translated, context)
    if response is None:
        return None
    for one in (error, translated):
        if isinstance(one, RateLimited | Refused):
            response["Retry-After"] = str(one.retry_after_secs)
    if response.status_code == status.HTTP_400_BAD_REQUEST and isinstance(response.data, list):
        response.data = {"non_field_errors": response.data}
    if isinstance(error, exceptions.ParseError):
        response.data = {"non_field_errors": [str(error.detail)]}
    request = context.get("request")
    if request is not None and response.status_code in NOTHING_THERE:
        gap = not_served.find_gap(request.method, request.path_info)
        if gap is not None:
            response.status_code = status.HTTP_404_NOT_FOUND
            response.data = {"detail": not_served.detail(gap)}
            not_served.mark(response)
    return response


def _translate(error: Exception) -> Exception:
    match error:
        case Invalid():
            return exceptions.ValidationError(error.messages)
        case Conflict():
            failure = exceptions.APIException(str(error))
            failure.status_code = status.HTTP_409_CONFLICT
            return failure
        case RateLimited():
            return exceptions.Throttled(detail=str(error))
        case Forbidden():
            return exceptions.PermissionDenied(str(error))
        case NotFound() | Http404() | PermissionDenied():
            return exceptions.NotFound("Not found.")
        case StoreError():
            log.error("recordings: %s", error)
            return StorageAway()
        case FlowError():
            return exceptions.ValidationError({"non_field_errors": [str(error)]})
        case RequestDataTooBig():
            return TooLarge()
        case TooManyFieldsSent():
            return exceptions.ValidationError({"non_field_errors": ["The form has too many fields."]})
        case _ if (refusal := refusal_of(error)) is not None:
            log.error("refused with %s: %s", refusal.status, type(error).__name__)
            return Refused(refusal)
        case _:
            return error


def bad_request(request: HttpRequest, exception: Exception) -> JsonResponse:
    """What Django refuses before a view is found."""
    if isinstance(exception, DisallowedHost):
        detail = "This host name is not served here; CALLGAUGE_ALLOWED_HOSTS lists those that are."
    else:
        detail = "The request cannot be read."
    return JsonResponse({"detail": detail}, status=400)


def not_found(request: HttpRequest, exception: Exception) -> JsonResponse:
    gap = not_served.find_gap(request.method or "", request.path_info)
    if gap is None:
        return JsonResponse({"detail": "Not found."}, status=404)
    response = JsonResponse({"detail": not_served.detail(gap)}, status=404)
    not_served.mark(response)
    return response


def server_error(request: HttpRequest) -> JsonResponse:
    """A fault of ours; the log has the traceback."""
    return JsonResponse({"detail": "The server failed; its log says why. Nothing was half done."}, status=500)
