"""Call logs, reruns, recordings."""

from __future__ import annotations

from callgauge.api.openapi.kinds import (
    ANY,
    FLAG,
    ID,
    NUMBER,
    OBJECT,
    PAGES,
    PROJECT,
    TEXT,
    TIME,
    WHOLE,
    Operation,
    Operations,
    Query,
    Schema,
    in_pages,
    maybe,
    obj,
    one_of,
    paged,
    ref,
    several,
)
from callgauge.api.openapi.shapes import ROW_ID
from callgauge.pii import Field

STATUS = one_of(
    "success", "failure", "reviewed_success", "reviewed_failure", "evaluating", "error", "not_evaluated"
)
CLOCK: Schema = {"type": "string", "description": "MM:SS; empty where the length is not known."}
ROW = {
    "id": maybe(WHOLE),
    "name": TEXT,
    "type": TEXT,
    "score": maybe(NUMBER),
    "enum": maybe(TEXT),
    "value": maybe(TEXT),
}
CALL = {
    "id": ID,
    "call_id": TEXT,
    "trace_id": TEXT,
    "agent": maybe(ID),
    "agent_name": TEXT,
    "timestamp": TIME,
    "duration": CLOCK,
    "success": maybe(FLAG),
    "status": STATUS,
    "is_reviewed": FLAG,
    "feedback": TEXT,
    "error_message": maybe(TEXT),
    "call_ended_reason": TEXT,
    "customer_number": TEXT,
    "dropoff_point": TEXT,
    "topic": TEXT,
    "transcript": TEXT,
    "transcript_object": several(OBJECT),
    "evaluation": obj({"metrics": several(ref("MetricResult"))}),
    "created_at": TIME,
    "updated_at": TIME,
}
SCHEMAS: dict[str, Schema] = {
    "MetricResult": obj(
        {
            **ROW,
            "eval_type": TEXT,
            "passed": maybe(FLAG),
            "explanation": several(TEXT),
            "vocera_defined_metric_code": maybe(TEXT),
            "function_name": maybe(TEXT),
            "extra": OBJECT,
        }
    ),
    "CallLogList": obj({**CALL, "metrics": several(obj(ROW))}),
    "CallLogDetail": obj(
        {
            **CALL,
            "voice_recording_url": TEXT,
            "critical_categories": several(OBJECT),
            "agent_id": maybe(TEXT),
            "project": ID,
            "metadata": OBJECT,
            "dynamic_variables": OBJECT,
            "testing_channel_index": maybe(WHOLE),
            "rubric": ANY,
            "user_generated_transcript": ANY,
        },
        sometimes={"waveform": ANY},
    ),
    "CallLogs": {
        "description": 'Ids, "all", or a number N for the first N.',
        "oneOf": [
            {"type": "array", "items": ROW_ID},
            {"type": "string"},
            {"type": "integer", "minimum": 1},
        ],
    },
    "Rerun": OBJECT,
}
TEXTUAL: Schema = {"type": ["string", "number", "null"]}
ANY_ID: Schema = {"anyOf": [ROW_ID, TEXTUAL]}
JSON_OR_TEXT: Schema = {"type": ["object", "array", "string", "null"]}
MAP_OR_TEXT: Schema = {"type": ["object", "string", "null"]}
SAID: dict[str, Schema] = {
    "call_id": {"type": ["string", "number"], "maxLength": 100},
    "transcript_type": TEXTUAL,
    "transcript_json": JSON_OR_TEXT,
    "timestamp": TEXTUAL,
    "duration": TEXTUAL,
    "call_ended_reason": TEXTUAL,
    "customer_number": TEXTUAL,
    "metadata": MAP_OR_TEXT,
    "dynamic_variables": MAP_OR_TEXT,
    "feedback": {"type": ["string", "null"]},
}
NEW_CALL: Schema = {
    "type": "object",
    "required": ["call_id"],
    "properties": {
        **SAID,
        "agent": ANY_ID,
        "agent_id": ANY_ID,
        "assistant_id": TEXTUAL,
        "trace_id": TEXTUAL,
        "voice_recording_url": TEXTUAL,
        "main_agent_channel_index": TEXTUAL,
        "metric_ids": {"type": ["string", "array", "number", "null"]},
        "redact_fields": maybe(several(one_of(*Field))),
    },
}
EDIT: Schema = {"type": "object", "properties": {**SAID, "status": TEXTUAL, "reevaluate_metrics": ANY}}
VOTE = {
    "type": "object",
    "required": ["metric_id"],
    "properties": {
        "metric_id": ROW_ID,
        "thumbs_up": ANY,
        "expected_value": ANY,
        "feedback": {"type": ["string", "null"]},
        "vote": TEXTUAL,
    },
}
SELECTION = {"agent_id": ANY_ID, "assistant_id": TEXTUAL, "project_id": ANY_ID}
RERUN = {
    "type": "object",
    "required": ["call_logs"],
    "properties": {**SELECTION, "call_logs": ref("CallLogs"), "metrics": ANY, "notify": ANY},
}
EVALUATE = {
    "type": "object",
    "description": "`call_logs` and `metrics`, or `call_log_ids` and `metric_ids`.",
    "properties": {
        **SELECTION,
        "call_logs": ref("CallLogs"),
        "call_log_ids": ref("CallLogs"),
        "metrics": ANY,
        "metric_ids": ANY,
        "notify": ANY,
    },
}
DELETE = {
    "type": "object",
    "required": ["call_logs"],
    "properties": {"call_logs": ANY, "agent_id": ANY_ID, "retain_evaluations": ANY},
}
UPLOAD = obj(
    {
        "key": TEXT,
        "upload_url": TEXT,
        "url": TEXT,
        "voice_recording_url": TEXT,
        "method": TEXT,
        "headers": OBJECT,
        "expires_in": WHOLE,
        "expires_at": TIME,
    }
)
DEEP = Query("filters_v2", TEXT, "Conditions as JSON text.")
AS_SCORED = (
    Query("as_of", TEXT, "Results as they stood at this moment (ISO 8601)."),
    Query("metric_version", TEXT, "METRIC:NUMBER, the results of this version; may be repeated."),
)
LISTED = (
    *PAGES,
    Query("timestamp_from", TEXT, "Default: 30 days ago."),
    Query("timestamp_to", TEXT),
    Query("call_ids", TEXT, "Ids parted by commas."),
    Query("agent_id", ID),
    PROJECT,
    Query("assistant_id", TEXT),
    Query("search", TEXT, "Part of a call id or of a caller's number."),
    Query("ordering", TEXT, "-timestamp unless you say otherwise."),
    DEEP,
)
OPERATIONS: Operations = {
    ("Observe", "POST"): Operation(
        summary="Take in a finished call.", body=NEW_CALL, answer=ref("CallLogList"), status=201
    ),
    ("CallLogs", "GET"): Operation(
        summary="List calls, the newest first.",
        answer=paged(ref("CallLogList")),
        query=(*LISTED, *AS_SCORED),
        action="list",
    ),
    ("CallLogs", "POST"): Operation(
        summary="Take in a finished call.", body=NEW_CALL, answer=ref("CallLogDetail"), status=201
    ),
    ("OneCallLog", "GET"): Operation(summary="Read a call.", answer=ref("CallLogDetail"), query=AS_SCORED),
    ("CallHistory", "GET"): Operation(
        summary="Every result that a call ever had, by metric.",
        answer=obj({"call_log_id": ID, "call_id": TEXT, "metrics": several(OBJECT)}),
        query=(Query("metric_id", ID),),
    ),
    ("OneCallLog", "PATCH"): Operation(summary="Edit a call.", body=EDIT, answer=ref("CallLogDetail")),
    ("OneCallLog", "DELETE"): Operation(
        summary="Delete a call.", answer=None, status=204, query=(Query("retain_evaluations"),)
    ),
    ("DeleteCallLogs", "POST"): Operation(summary="Delete calls.", body=DELETE, answer=None, status=204),
    ("MarkMetricVote", "POST"): Operation(
        summary="Vote on a metric of a call.", body=VOTE, answer=obj({"detail": TEXT, "id": ID})
    ),
    ("AnalyzeCallLogs", "GET"): Operation(
        summary="Figures over the calls that a list would show.",
        answer=obj(
            {
                "total_calls": WHOLE,
                "success_count": WHOLE,
                "failure_count": WHOLE,
                "undecided_count": WHOLE,
                "success_rate": maybe(NUMBER),
                "reviewed_count": WHOLE,
                "average_duration": maybe(NUMBER),
                "total_duration": maybe(NUMBER),
                "first_call": maybe(TIME),
                "last_call": maybe(TIME),
                "calls_by_day": several(obj({"date": TEXT, "calls": WHOLE})),
                "call_ended_reasons": several(obj({"call_ended_reason": TEXT, "calls": WHOLE})),
                "metrics": several(
                    obj(
                        {
                            "id": ID,
                            "name": TEXT,
                            "eval_type": TEXT,
                            "scored": WHOLE,
                            "skipped": WHOLE,
                            "failed": WHOLE,
                            "pass_rate": maybe(NUMBER),
                            "average": maybe(NUMBER),
                        }
                    )
                ),
            }
        ),
        query=LISTED[len(PAGES) :],
    ),
    ("ProviderObserve", "POST"): Operation(
        summary="What a voice provider or a tracer sends when a call ends.",
        body=ANY,
        answer=obj(
            {"status": one_of("stored", "updated", "known", "ignored")},
            sometimes={"id": ID, "call_id": TEXT, "event": TEXT},
        ),
        query=(Query("agent_id"),),
    ),
    ("CallLogEntries", "GET"): Operation(
        summary="The log entries that came with a call.",
        answer=obj({"provider": TEXT, "format": TEXT, "fetched_at": TIME, "entries": several(OBJECT)}),
    ),
    ("CallTrace", "GET"): Operation(
        summary="The trace of a call: spans are not kept here.",
        answer=obj({"trace_id": TEXT, "spans": ANY}),
    ),
    ("RerunEvaluation", "POST"): Operation(
        summary="Measure calls again with today's metrics.",
        body=RERUN,
        answer=several(ref("CallLogDetail")),
    ),
    ("EvaluateMetrics", "POST"): Operation(
        summary="Measure calls with chosen metrics.", body=EVALUATE, answer=several(ref("CallLogList"))
    ),
    ("RerunList", "GET"): in_pages(ref("Rerun"), "List reruns.", PROJECT, Query("agent_id", ID)),
    ("RerunList", "POST"): Operation(
        summary="Ask for a rerun; a like one that is under way is joined.",
        body=OBJECT,
        answer=ref("Rerun"),
        status=201,
        also={200: ref("Rerun")},
    ),
    ("RerunPlan", "POST"): Operation(summary="What a rerun would do and cost.", body=OBJECT, answer=OBJECT),
    ("RerunPilot", "POST"): Operation(
        summary="Try a rerun on a few calls.",
        body=OBJECT,
        answer=ref("Rerun"),
        status=201,
        also={200: ref("Rerun")},
    ),
    ("RerunAction", "POST"): Operation(
        summary="Pause, resume or cancel a rerun, or ask again what failed.",
        body=OBJECT,
        answer=ref("Rerun"),
        status=201,
        also={200: ref("Rerun")},
    ),
    ("RerunItem", "GET"): Operation(summary="How far a rerun is.", answer=ref("Rerun")),
    ("PlayRecording", "GET"): Operation(
        summary="The recording, whole or in part.",
        answer=None,
        also={206: ANY, 416: ANY},
        bare=True,
        open=True,
    ),
    ("Waveform", "GET"): Operation(summary="The outline of the recording.", answer=ANY),
    ("GetUploadUrl", "POST"): Operation(
        summary="A place to PUT a recording to.",
        body={"type": "object", "properties": {"file_name": TEXTUAL, **SELECTION}},
        answer=UPLOAD,
    ),
    ("PutUpload", "PUT"): Operation(
        summary="Upload a recording.", answer=obj({"key": TEXT, "size_bytes": WHOLE}), open=True
    ),
    ("CompleteUpload", "POST"): Operation(
        summary="Give an uploaded recording to a call.",
        body={
            "type": "object",
            "required": ["key"],
            "properties": {"key": {"type": "string"}, "call_log_id": ANY_ID, "call_id": TEXTUAL},
        },
        answer={"anyOf": [ref("CallLogDetail"), UPLOAD]},
    ),
}
