"""The three families of addresses that lead to call logs, and what tells them apart."""

from __future__ import annotations

from rest_framework.request import Request

from callgauge.flow.presenting.results import WireVersion

FAMILY = r"observability/(?:v1/call-logs(?:-external)?|v2/call-logs)"


def wire_version(request: Request) -> WireVersion:
    return "v2" if request.path_info.startswith("/observability/v2/") else "v1"
