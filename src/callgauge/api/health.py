"""Is the process up, and can it serve."""

from __future__ import annotations

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from callgauge.flow import disk, health


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
    if disk.is_full():
        return JsonResponse({"status": "ready to be read; the disk is full, so nothing new is taken in"})
    return JsonResponse({"status": "ready"})
