"""Metrics, predefined ones, alerts."""

from __future__ import annotations

from callgauge.api import (
    alerts,
    metrics,
    metrics_bulk,
    metrics_present,
    metrics_preview,
    metrics_shape,
    metrics_writing,
    predefined,
)
from callgauge.api.openapi.kinds import (
    ANY,
    FLAG,
    ID,
    NUMBER,
    OBJECT,
    PROGRESS,
    PROJECT,
    TEXT,
    TIME,
    WHOLE,
    YES_OR_EMPTY,
    Operation,
    Operations,
    Query,
    Schema,
    in_pages,
    maybe,
    obj,
    one_of,
    ref,
    several,
)
from callgauge.api.openapi.shapes import schema_of

SCORE: Schema = {"type": "string", "description": "A number as text; empty where nothing was measured."}
FIELDS: dict[str, Schema] = {
    "id": ID,
    "slug": maybe(TEXT),
    "project": ID,
    "agents": several(ID),
    "agent_names": TEXT,
    "assistant_id": TEXT,
    "name": TEXT,
    "description": TEXT,
    "type": one_of("llm_judge", "custom_code", "basic"),
    "eval_type": one_of("binary", "continuous_qualitative", "numeric", "enum"),
    "enum_values": several(TEXT),
    "audio_enabled": FLAG,
    "prompt": TEXT,
    "evaluation_trigger": one_of("always", "automatic", "custom"),
    "trigger_type": one_of("llm_judge", "custom_code"),
    "evaluation_trigger_prompt": TEXT,
    "evaluation_trigger_custom_code": TEXT,
    "configuration": OBJECT,
    "observability_enabled": FLAG,
    "simulation_enabled": FLAG,
    "sampling_enabled": FLAG,
    "add_to_new_agents": maybe(FLAG),
    "display_order": WHOLE,
    "custom_code": TEXT,
    "overall_score": SCORE,
    "total_score": SCORE,
    "alert_type": one_of("disabled", "normal", "significant_change"),
    "alert_filters": ANY,
    "slack_workspace": maybe(WHOLE),
    "slack_channel_id": maybe(TEXT),
    "significant_change_alert_status": one_of("enabled", "disabled"),
    "significant_change_alert_direction": one_of("", "increase", "decrease"),
    "window_size": WHOLE,
    "std_multiplier": NUMBER,
    "ewma_alpha": NUMBER,
    "function_name": maybe(TEXT),
    "vocera_defined_metric_code": TEXT,
    "alert_enabled": FLAG,
    "priority_assignment_prompt": TEXT,
    "knowledge_base_files": {"anyOf": [TEXT, several(ANY)]},
    "kb_file_ids": several(ANY),
    "reviews": several(OBJECT),
    "pending_optimisation_proposal": ANY,
    "metric_cost": NUMBER,
    "uses_llm_judge": YES_OR_EMPTY,
    "llm_provider": TEXT,
    "relevance_llm_provider": TEXT,
    "metric_description_variables": ANY,
    "evaluation_trigger_variables": ANY,
}


def _of(names: tuple[str, ...]) -> dict[str, Schema]:
    return {name: FIELDS.get(name, ANY) for name in names}


EDIT, DETAIL, LIST, HISTORY, BASIC = (
    _of(names)
    for names in (
        metrics_present.EDIT,
        metrics_present.DETAIL,
        metrics_present.LIST,
        metrics_present.HISTORY,
        metrics_present.BASIC,
    )
)
WARNED = {"warnings": several(OBJECT)}
SCORED = {"overall_score": SCORE, "total_score": SCORE}
STATE = one_of("queued", "in_progress", "completed", "failed")
JOB = obj({"progress_id": TEXT, "status": STATE}, sometimes={**WARNED, "error": TEXT})
COUNTED = {"message": TEXT}
SCHEMAS: dict[str, Schema] = {
    "MetricEdit": obj(EDIT, sometimes=WARNED),
    "MetricDetail": obj(
        DETAIL, sometimes={**WARNED, **_of(metrics_bulk.VARIABLES), "predefined_metric": OBJECT}
    ),
    "MetricList": obj(LIST, sometimes=SCORED),
    "MetricBasic": obj(BASIC),
    "MetricHistory": obj(
        {
            "history_id": ID,
            "history_date": TIME,
            "history_type": one_of("+", "~", "-"),
            "history_change_reason": maybe(TEXT),
            "history_user": maybe(OBJECT),
            "version_id": maybe(TEXT),
            "version_name": maybe(TEXT),
            **HISTORY,
        }
    ),
    "PredefinedMetric": obj(
        {
            "id": ID,
            "name": TEXT,
            "description": TEXT,
            "code": TEXT,
            "slug": maybe(TEXT),
            "type": TEXT,
            "eval_type": TEXT,
            "audio_enabled": FLAG,
            "prompt": TEXT,
            "function_name": maybe(TEXT),
            "enum_values": several(TEXT),
            "custom_code": TEXT,
            "simulation_enabled": FLAG,
            "observability_enabled": FLAG,
            "configuration": OBJECT,
            "cost": TEXT,
            "evaluation_trigger": TEXT,
            "evaluation_trigger_prompt": TEXT,
            "category": maybe(TEXT),
            "sub_category": maybe(TEXT),
            "organization": maybe(ID),
        }
    ),
}
ALERT = {
    "id": ID,
    "name": TEXT,
    "enabled": FLAG,
    "project": ID,
    "source_type": one_of("metric"),
    "source_id": maybe(ID),
    "source": OBJECT,
    "threshold": OBJECT,
    "notifications": OBJECT,
}
FIRED = {
    "source_object_name": TEXT,
    "trigger_count": WHOLE,
    "last_triggered_at": maybe(TIME),
    "created_at": TIME,
    "updated_at": TIME,
}
SCHEMAS |= {
    "AlertEdit": obj(ALERT),
    "AlertList": obj(
        {**ALERT, **FIRED, "source_object_eval_type": TEXT, "last_triggered_at_formatted": TEXT}
    ),
    "AlertDetail": obj(
        {
            **ALERT,
            **FIRED,
            "project_name": TEXT,
            "source_object_details": OBJECT,
            "last_updated_by": maybe(ID),
            "last_updated_by_email": TEXT,
        }
    ),
}
NARROWED = (
    Query("agent_id", ID),
    PROJECT,
    Query("assistant_id"),
    Query("agents", TEXT, "Ids parted by commas."),
    Query("slug"),
    Query("filters", TEXT, "Conditions as JSON text."),
)
SCORES = Query("include_scores", TEXT, "true adds overall_score and total_score.")
SHAPE = metrics_shape.MetricShape
MANY: Schema = {"type": "array", "items": schema_of(SHAPE), "minItems": 1, "maxItems": metrics.MAX_BULK}
WRITTEN = obj({"progress_id": TEXT, "status": STATE}, sometimes={"thinking": TEXT, "error": TEXT})


def _metric(view: str, edited: str) -> dict[tuple[str, str], Operation]:
    return {
        (f"{view}List", "GET"): Operation(
            summary="List metrics.",
            answer=several(ref("MetricList")),
            query=(*NARROWED, SCORES),
            action="list",
        ),
        (f"{view}List", "POST"): Operation(
            summary="Make a metric.", body=SHAPE, answer=ref(edited), status=201
        ),
        (f"{view}Detail", "GET"): Operation(
            summary="Read a metric, by its id or slug.", answer=ref("MetricDetail"), query=(PROJECT, SCORES)
        ),
        (f"{view}Detail", "PUT"): Operation(
            summary="Change a metric.", body=SHAPE, answer=ref("MetricEdit"), query=(PROJECT,)
        ),
        (f"{view}Detail", "PATCH"): Operation(
            summary="Change what is named of a metric.", body=SHAPE, answer=ref(edited), query=(PROJECT,)
        ),
        (f"{view}Detail", "DELETE"): Operation(
            summary="Delete a metric.", answer=None, status=204, query=(PROJECT,)
        ),
    }


OPERATIONS: Operations = {
    **_metric("Metric", "MetricEdit"),
    **_metric("MetricV2", "MetricDetail"),
    ("MetricBulkCreate", "POST"): Operation(
        summary="Make metrics: all or none.", body=MANY, answer=several(ref("MetricEdit")), status=201
    ),
    ("MetricHistory", "GET"): in_pages(ref("MetricHistory"), "A metric's versions.", PROJECT),
    ("MetricHistoryEdit", "PATCH"): Operation(
        summary="Label a version.",
        body=metrics_bulk.LabelShape,
        answer=ref("MetricHistory"),
        query=(PROJECT,),
    ),
    ("MetricRestore", "POST"): Operation(
        summary="Ask again what an earlier version asked.",
        body=metrics.RestoreShape,
        answer=ref("MetricDetail"),
        query=(PROJECT,),
    ),
    ("MetricBasicList", "GET"): Operation(
        summary="List metrics with few fields.",
        answer=several(ref("MetricBasic")),
        query=NARROWED,
        action="list",
    ),
    ("MetricToggle", "POST"): Operation(
        summary="Set switches of metrics.",
        body=metrics_bulk.ToggleShape,
        answer=obj({"updated_count": WHOLE, **COUNTED}),
    ),
    ("MetricReorder", "PATCH"): Operation(
        summary="Put metrics in order.",
        body=metrics_bulk.ReorderShape,
        answer=obj({"metric_ids": several(ID)}),
    ),
    ("MetricDeleteMany", "POST"): Operation(
        summary="Delete metrics.",
        body=metrics_bulk.DeleteShape,
        answer=obj({"deleted_count": WHOLE, **COUNTED}),
    ),
    ("MetricAgents", "POST"): Operation(
        summary="Have metrics measure agents, or no longer.",
        body=metrics_bulk.AgentsShape,
        answer=obj({"updated_count": WHOLE, **COUNTED}),
    ),
    ("MetricVariables", "POST"): Operation(
        summary="The variables of a metric's wording.",
        body=metrics_bulk.VariablesShape,
        answer=ref("MetricDetail"),
        query=(PROJECT,),
    ),
    ("MetricOffer", "POST"): Operation(
        summary="Offer a metric to the whole organization.", answer=ref("MetricDetail"), query=(PROJECT,)
    ),
    ("MetricPreviewRequest", "POST"): Operation(
        summary="Try a metric on calls before it is saved.", body=metrics_preview.PreviewShape, answer=JOB
    ),
    ("MetricEvaluate", "POST"): Operation(
        summary="Try a saved metric on calls.", body=metrics_preview.EvaluateShape, answer=JOB
    ),
    ("MetricPreviewProgress", "GET"): Operation(
        summary="What came of a try.",
        answer=obj(
            {
                "progress_id": TEXT,
                "status": STATE,
                "progress": obj({"done": WHOLE, "total": WHOLE}),
                "results": several(ref("MetricResult")),
            }
        ),
        query=(PROGRESS,),
    ),
    ("Generate", "POST"): Operation(
        summary="Have metrics for an agent written.", body=metrics_writing.GenerateShape, answer=JOB
    ),
    ("Progress", "GET"): Operation(
        summary="The metrics that were written.",
        answer=obj(
            {
                "progress_id": TEXT,
                "status": STATE,
                "metrics": several(OBJECT),
                "generated_metrics": several(OBJECT),
            },
            sometimes={"error": TEXT},
        ),
        query=(PROGRESS,),
    ),
    ("CleanDescription", "POST"): Operation(
        summary="Have a description written anew.",
        body=metrics_writing.CleanShape,
        answer=WRITTEN,
        also={202: WRITTEN},
    ),
    ("CleanDescriptionLater", "POST"): Operation(
        summary="Have a description written anew, without waiting.",
        body=metrics_writing.CleanShape,
        answer=JOB,
    ),
    ("CleanDescriptionProgress", "GET"): Operation(
        summary="The description that was written.", answer=WRITTEN, query=(PROGRESS,)
    ),
    ("EvaluationTrigger", "POST"): Operation(
        summary="Have a trigger written.",
        body=metrics_writing.TriggerShape,
        answer=WRITTEN,
        also={202: WRITTEN},
    ),
    ("SimplifyPrompt", "POST"): Operation(
        summary="Have a prompt made simpler.",
        body=metrics_writing.SimplifyShape,
        answer=obj({"progress_id": TEXT, "original_prompt": TEXT}),
    ),
    ("SimplifyProgress", "GET"): Operation(summary="The simpler prompt.", answer=WRITTEN, query=(PROGRESS,)),
    ("PredefinedList", "GET"): Operation(
        summary="List predefined metrics.", answer=several(ref("PredefinedMetric")), action="list"
    ),
    ("PredefinedDetail", "GET"): Operation(
        summary="Read a predefined metric.", answer=ref("PredefinedMetric")
    ),
    ("PredefinedCopy", "POST"): Operation(
        summary="Copy predefined metrics into a project.",
        body=predefined.CopyShape,
        answer=several(ref("MetricList")),
    ),
    ("AlertList", "GET"): Operation(
        summary="List alerts.",
        answer=several(ref("AlertList")),
        query=(
            PROJECT,
            Query("source_type", one_of("metric")),
            Query("enabled", FLAG),
            Query("search"),
            Query("ordering", one_of(*alerts.ORDERS, *(f"-{name}" for name in alerts.ORDERS))),
        ),
        action="list",
    ),
    ("AlertList", "POST"): Operation(
        summary="Make an alert.", body=alerts.AlertShape, answer=ref("AlertEdit"), status=201
    ),
    ("AlertDetail", "GET"): Operation(summary="Read an alert.", answer=ref("AlertDetail")),
    ("AlertDetail", "PUT"): Operation(
        summary="Change an alert.", body=schema_of(alerts.AlertUpdateShape), answer=ref("AlertEdit")
    ),
    ("AlertDetail", "PATCH"): Operation(
        summary="Change what is named of an alert.", body=alerts.AlertUpdateShape, answer=ref("AlertEdit")
    ),
    ("AlertDetail", "DELETE"): Operation(summary="Delete an alert.", answer=None, status=204),
    ("AlertReview", "GET"): Operation(
        summary="What fired in the last hours.",
        answer=obj(
            {
                "hours": WHOLE,
                "detail": TEXT,
                "totals": OBJECT,
                "timeline": several(OBJECT),
                "alerts": several(ref("AlertList")),
            }
        ),
        query=(PROJECT, Query("hours", {"type": "integer", "minimum": 1, "maximum": 168})),
    ),
}
