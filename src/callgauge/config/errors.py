"""Errors outside of views: a page for whoever reads pages, the contract's JSON for everybody else."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from callgauge.api import errors as api
from callgauge.web import errors as web


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return web.bad_request(request) if reads_pages(request) else api.bad_request(request, exception)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return web.forbidden(request) if reads_pages(request) else api.not_found(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return web.not_found(request) if reads_pages(request) else api.not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    return web.server_error(request) if reads_pages(request) else api.server_error(request)


def reads_pages(request: HttpRequest) -> bool:
    """Browsers say that they read HTML, and htmx says who it is; clients of the API do neither."""
    accepted = request.META.get("HTTP_ACCEPT", "")
    return "text/html" in accepted or request.META.get("HTTP_HX_REQUEST") == "true"
