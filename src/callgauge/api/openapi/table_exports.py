"""Exports of calls, and what calls can be filtered by."""

from __future__ import annotations

from callgauge.api.openapi.kinds import (
    ID,
    NUMBER,
    PAGES,
    PROGRESS,
    TEXT,
    TIME,
    WHOLE,
    Operation,
    Operations,
    Query,
    in_pages,
    maybe,
    obj,
    one_of,
    ref,
    several,
)
from callgauge.api.openapi.table_calls import LISTED

EXPORT = obj(
    {
        "progress_id": TEXT,
        "status": one_of("queued", "in_progress", "completed", "failed"),
        "format": one_of("csv", "parquet"),
        "project": ID,
        "total": maybe(WHOLE),
        "completed": WHOLE,
        "progress": NUMBER,
        "error": maybe(TEXT),
        "file_name": TEXT,
        "download_url": maybe(TEXT),
        "created_at": TIME,
        "finished_at": maybe(TIME),
        "expires_at": TIME,
    }
)
NARROWED = LISTED[len(PAGES) :]
SUGGESTIONS = obj({"results": several(TEXT)})
CHOICES = obj(
    {
        "fields": several(obj({"field": TEXT, "type": TEXT, "ops": several(TEXT)})),
        "values": {"type": "object", "additionalProperties": several(TEXT)},
        "metadata": several(obj({"key": TEXT, "values": several(TEXT)})),
        "agents": several(obj({"id": ID, "agent_name": TEXT})),
        "metrics": several(
            obj(
                {
                    "id": ID,
                    "name": TEXT,
                    "slug": TEXT,
                    "eval_type": maybe(TEXT),
                    "labels": {"type": "array"},
                }
            )
        ),
        "calls_looked_at": WHOLE,
    }
)
SCHEMAS = {"CallExport": EXPORT}
OPERATIONS: Operations = {
    ("ExportCallLogs", "GET"): Operation(
        summary="Ask for a file of calls and their results.",
        answer=ref("CallExport"),
        query=(*NARROWED, Query("format", one_of("csv", "parquet"), "csv unless you say otherwise.")),
    ),
    ("ExportProgress", "GET"): Operation(
        summary="How far an export is.", answer=ref("CallExport"), query=(PROGRESS,)
    ),
    ("ExportList", "GET"): in_pages(ref("CallExport"), "Exports, the newest first."),
    ("ExportItem", "GET"): Operation(summary="How far an export is.", answer=ref("CallExport")),
    ("ExportItem", "DELETE"): Operation(summary="Delete an export.", answer=None, status=204),
    ("ExportDownload", "GET"): Operation(
        summary="The file of a complete export.", answer=None, bare=True, action="download"
    ),
    ("CallFilters", "GET"): Operation(
        summary="What calls can be filtered by.", answer=CHOICES, query=NARROWED
    ),
    ("CallIdChoices", "GET"): Operation(
        summary="Call ids that hold what was typed.",
        answer=SUGGESTIONS,
        query=NARROWED,
    ),
    ("CustomerNumberChoices", "GET"): Operation(
        summary="Numbers of callers that hold what was typed.",
        answer=SUGGESTIONS,
        query=NARROWED,
    ),
}
