"""The HTTP session of a judge."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

_KEEPALIVE_SECS = 30
"""Shorter than the usual 60 s of load balancers: a request should not meet a closed connection."""

_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


def open_session(
    url: str, headers: Mapping[str, str], *, content_type: str | None = "application/json"
) -> aiohttp.ClientSession:
    """A session on the running loop. The caller limits concurrency; time-outs are the retry loop's."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEPALIVE_SECS),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        headers={
            **({"Content-Type": content_type} if content_type else {}),
            "User-Agent": f"callgauge/{version('callgauge')}",
            **headers,
        },
        proxy=_proxy(url),
    )


def _proxy(url: str) -> str | None:
    """The proxy that the environment names; read here because aiohttp's own way looks it up per request."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host in _THIS_MACHINE or proxy_bypass(host):
        return None
    return getproxies().get(parts.scheme)
