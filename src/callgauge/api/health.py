"""Is the process up, and can it serve."""

from __future__ import annotations

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse

from callgauge.flow import health


def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM store_installation")
    except DatabaseError:
        return JsonResponse({"status": "database unavailable"}, status=503)
    if wrong := health.faults():
        return JsonResponse({"status": "; ".join(wrong)}, status=503)
    return JsonResponse({"status": "ready"})
