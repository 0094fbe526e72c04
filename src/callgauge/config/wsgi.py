"""The WSGI entry point, for `callgauge serve` and for any other WSGI server."""

import os

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from callgauge.domain.extras import how_to_add
from callgauge.telemetry.traces import TracesUnavailable, start_traces

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "callgauge.config.settings")

if settings.SECRET_KEY == settings.NO_SECRET:
    raise ImproperlyConfigured("Set CALLGAUGE_SECRET_KEY: only `callgauge serve` makes a key by itself.")

if settings.CALLGAUGE.otlp_endpoint:
    try:
        start_traces(settings.CALLGAUGE.otlp_endpoint, "web")
    except TracesUnavailable:
        raise ImproperlyConfigured(
            f"CALLGAUGE_OTLP_ENDPOINT needs the extra otel; {how_to_add('otel')}."
        ) from None

application = get_wsgi_application()
# Django loads what answers requests, pages and API alike, with the first of them: that one would wait for it.
get_resolver().url_patterns  # noqa: B018 -- reading it loads them
