"""`/metrics`, for Prometheus: there only where the operator has set a token, and for those who send it."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import re_path
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe

from callgauge.flow.gauges import Gauges
from callgauge.telemetry.metrics import CONTENT_TYPE, render


@require_safe
def exposition(request: HttpRequest) -> HttpResponse:
    expected = settings.CALLGAUGE.metrics_token
    if not expected:
        raise Http404
    scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "bearer" or not constant_time_compare(token.strip(), expected):
        return JsonResponse({"detail": "Send CALLGAUGE_METRICS_TOKEN as a bearer token."}, status=401)
    return HttpResponse(render([Gauges()]), content_type=CONTENT_TYPE)


routes = [re_path(r"^metrics/?$", exposition)]
