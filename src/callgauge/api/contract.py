"""The contract as a document; the page at /docs shows it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import re_path

from callgauge.api.openapi.document import document


def openapi(request: HttpRequest) -> HttpResponse:
    return JsonResponse(document())


routes = [re_path(r"^openapi\.json$", openapi)]
