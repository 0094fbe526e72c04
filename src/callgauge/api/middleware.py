"""What holds for every request before a view sees it."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse


class Envelope:
    """What HTTP asks of an answer whichever part gave it: its length, without which a connection cannot be
    kept, and no body for HEAD (a WSGI server need not take it off, and the next answer would be garbled)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if isinstance(response, HttpResponse):
            if not response.has_header("Content-Length"):
                response.headers["Content-Length"] = str(len(response.content))
            if request.method == "HEAD":
                response.content = b""
        elif isinstance(response, StreamingHttpResponse) and request.method == "HEAD":
            response.streaming_content = ()
        return response


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
    """Bodies that no view shall read: over the limit (413), or compressed (415)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.META.pop("HTTP_TRANSFER_ENCODING", None)  # the server has put the chunks together
        options = settings.CALLGAUGE
        limit_mb = options.max_body_mb
        if may_carry_recording(
            request.path_info, request.META.get("REQUEST_METHOD", ""), request.META.get("CONTENT_TYPE", "")
        ):
            limit_mb += options.recording_max_mb
        try:
            length = int(request.META.get("CONTENT_LENGTH") or 0)
        except ValueError:
            length = 0
        if length > limit_mb * 1024 * 1024:
            return JsonResponse({"detail": too_large(limit_mb, options.max_body_mb)}, status=413)
        encoding = request.META.get("HTTP_CONTENT_ENCODING", "").strip().lower()
        if encoding not in {"", "identity"}:
            return JsonResponse(
                {"detail": "Send the body as it is: no Content-Encoding is read."}, status=415
            )
        return self.get_response(request)


def may_carry_recording(path: str, method: str, content_type: str) -> bool:
    """Whether a request may be as large as a recording, by its head alone."""
    if not path.startswith("/observability/"):
        return False
    return method == "PUT" or content_type.lower().startswith("multipart/form-data")


def too_large(limit_mb: int, max_body_mb: int) -> str:
    setting = "CALLGAUGE_MAX_BODY_MB sets"
    if limit_mb > max_body_mb:
        setting = "CALLGAUGE_MAX_BODY_MB and CALLGAUGE_RECORDING_MAX_MB set together"
    return f"The request body is larger than {limit_mb} MB, the limit that {setting}."
