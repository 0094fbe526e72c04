"""Requests that the server cannot take now, because its disk or database takes nothing: refused in words,
with when to come back. Reading goes on."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse

from callgauge.config.errors import reads_pages
from callgauge.flow import disk
from callgauge.store.refusals import FULL, Refusal, refusal_of
from callgauge.web.errors import Trouble, show_trouble

TAKEN_ALWAYS = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})
"""Deleting makes room."""


class Refusing:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method not in TAKEN_ALWAYS and disk.is_full():
            return _refuse(request, FULL)
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Of pages; the API says it in its own way before."""
        refusal = refusal_of(exception)
        return None if refusal is None else _refuse(request, refusal)


def _refuse(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    if reads_pages(request):
        trouble = Trouble(refusal.status, "Not now", refusal.words, refusal.retry_after_secs)
        return show_trouble(request, trouble)
    headers = {"Retry-After": str(refusal.retry_after_secs)}
    return JsonResponse({"detail": refusal.words}, status=refusal.status, headers=headers)
