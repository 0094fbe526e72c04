"""Is the process up, and can it serve."""

from __future__ import annotations

from django.db import DatabaseError, connection
from django.db.backends.utils import CursorWrapper
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
            only_reads = _only_reads(cursor)
    except DatabaseError:
        return JsonResponse({"status": "database unavailable"}, status=503)
    if wrong := health.faults():
        return JsonResponse({"status": "; ".join(wrong)}, status=503)
    if disk.is_full():
        return JsonResponse({"status": "ready to be read; the disk is full, so nothing new is taken in"})
    if only_reads:
        return JsonResponse(
            {"status": "ready to be read; the database can only be read now, so nothing new is taken in"}
        )
    return JsonResponse({"status": "ready"})


def _only_reads(cursor: CursorWrapper) -> bool:
    """A standby of PostgreSQL, or one that was set to be read only. SQLite has no such state to ask for."""
    if connection.vendor != "postgresql":
        return False
    cursor.execute("SHOW transaction_read_only")
    return bool(cursor.fetchone()[0] == "on")
