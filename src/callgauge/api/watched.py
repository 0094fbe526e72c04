"""Every request counted, timed, logged and traced under one id, which its answer carries too."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from callgauge.flow.audit import nobody_yet
from callgauge.telemetry.context import about, view_name
from callgauge.telemetry.logs import event
from callgauge.telemetry.metrics import count_request
from callgauge.telemetry.traces import span

REQUEST_ID = "X-Request-ID"
_USABLE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Watched:
    """The outermost: what others refuse is counted as well."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = given if _USABLE_ID.fullmatch(given) else secrets.token_hex(8)
        began = time.perf_counter()
        with nobody_yet(), about(request_id=request_id), span("http request") as made:
            response = self.get_response(request)
            secs = time.perf_counter() - began
            view = view_name(request.resolver_match)
            method = request.method or ""
            count_request(method, view, response.status_code, secs)
            made.note(method=method, view=view, status=response.status_code)
            event("request", method=method, view=view, status=response.status_code, ms=round(1000 * secs, 1))
        response.headers[REQUEST_ID] = request_id
        return response
