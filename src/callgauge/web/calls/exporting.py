"""Exports of the list: the page of one, which refreshes until the file is written, and the file."""

from __future__ import annotations

import json
from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict, StreamingHttpResponse
from django.urls import path, reverse

from callgauge.flow.call_question import filter_tree, read_question
from callgauge.flow.errors import Invalid
from callgauge.flow.exports import (
    Wanted,
    content_of,
    expires_at,
    file_name,
    find_export,
    media_type,
    request_export,
)
from callgauge.flow.scope import Person
from callgauge.store.models import ErrandState
from callgauge.web.calls import bulk
from callgauge.web.page import project_page, show, show_part

ROOT = "projects/<int:project_id>/exports/<str:uid>"
FORMATS = {"export-csv": "csv", "export-parquet": "parquet"}
"""The buttons of the list, and what they ask for."""
MAX_NAMED = 5_000
"""Named calls of one export; all that a filter finds has no limit."""


def export_chosen(who: Person, ids: Sequence[str], everything: QueryDict | None, kind: str) -> str:
    """Asks for the export and gives the address of its page. Raises Invalid and Conflict."""
    assert who.project is not None
    if everything is None:
        picked = bulk.chosen(who, ids, None)
        if len(picked) > MAX_NAMED:
            raise Invalid.field("call", f"Choose at most {MAX_NAMED:,} calls, or all that the filter finds.")
        wanted = Wanted(call_ids=picked)
    else:
        tree = filter_tree(read_question(everything))
        wanted = Wanted(filters=json.dumps(tree) if tree else "")
    export = request_export(who.project, kind, wanted)
    return reverse("export", args=[who.project_id, export.uid])


@project_page()
def export(request: HttpRequest, who: Person, uid: str) -> HttpResponse:
    found = find_export(who, uid)
    context = {
        "export": found,
        "written": found.state == ErrandState.COMPLETED,
        "failed": found.state == ErrandState.FAILED,
        "until": expires_at(found),
    }
    if request.headers.get("HX-Request") == "true":
        return show_part(request, who, "web/fragments/export.html", context)
    return show(request, who, "web/export.html", context, active="calls")


@project_page()
def download(request: HttpRequest, who: Person, uid: str) -> HttpResponseBase:
    found = find_export(who, uid)
    response = StreamingHttpResponse(content_of(found), content_type=media_type(found))
    response["Content-Disposition"] = f'attachment; filename="{file_name(found)}"'
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response


routes = [
    path(ROOT, export, name="export"),
    path(f"{ROOT}/file", download, name="export-file"),
]
