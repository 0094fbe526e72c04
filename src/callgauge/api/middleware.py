"""What holds for every request before a view sees it."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse


class TrustedProxies:
    """Believes X-Forwarded-Proto, -Host and -For of the proxies that the operator named, of nobody else."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.trusted = frozenset(settings.CALLGAUGE.trusted_proxies)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.META.get("REMOTE_ADDR") in self.trusted:
            scheme = request.META.get("HTTP_X_FORWARDED_PROTO", "").strip().lower()
            if scheme in {"http", "https"}:
                request.META["wsgi.url_scheme"] = scheme
                request.environ["wsgi.url_scheme"] = scheme  # type: ignore[attr-defined]
            if host := request.META.get("HTTP_X_FORWARDED_HOST", "").split(",")[0].strip():
                request.META["HTTP_HOST"] = host
            if client := request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")[-1].strip():
                request.META["REMOTE_ADDR"] = client
        return self.get_response(request)


class RequestLimits:
    """413 in the API's shape for bodies over the limit, before a byte of them is read."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.META.pop("HTTP_TRANSFER_ENCODING", None)  # the server has put the chunks together
        limit_mb: int = settings.CALLGAUGE.max_body_mb
        try:
            length = int(request.META.get("CONTENT_LENGTH") or 0)
        except ValueError:
            length = 0
        if length > limit_mb * 1024 * 1024:
            return self._too_large(limit_mb)
        return self.get_response(request)

    @staticmethod
    def _too_large(limit_mb: int) -> HttpResponse:
        detail = f"The request body is larger than {limit_mb} MB, the limit that CALLGAUGE_MAX_BODY_MB sets."
        return JsonResponse({"detail": detail}, status=413)
