"""Routes with and without the last slash: a redirect would turn a client's POST into a bodiless GET."""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern, re_path

ID = r"(?P<pk>\d+)"


def route(pattern: str, view: Any) -> URLPattern:
    """`pattern` is a regular expression without anchors and without the last slash."""
    found: URLPattern = re_path(rf"^{pattern}/?$", view)
    return found
