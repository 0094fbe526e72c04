"""Is the process up, and can it serve."""

from __future__ import annotations

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from callgauge.flow import health


@csrf_exempt  # whatever asks, and however, is told
def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


@csrf_exempt
def readyz(request: HttpRequest) -> JsonResponse:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM store_installation")
    except DatabaseError:
        return JsonResponse({"status": "database unavailable"}, status=503)
    if wrong := health.faults():
        return JsonResponse({"status": "; ".join(wrong)}, status=503)
    return JsonResponse({"status": "ready"})
