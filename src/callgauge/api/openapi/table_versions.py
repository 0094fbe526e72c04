"""What a rerun changed, and the versions of a metric that are in use or beside it."""

from __future__ import annotations

from callgauge.api.metrics_shape import MetricShape
from callgauge.api.openapi.kinds import (
    ANY,
    FLAG,
    ID,
    OBJECT,
    TEXT,
    WHOLE,
    Operation,
    Operations,
    Query,
    Schema,
    maybe,
    obj,
    one_of,
    ref,
    several,
)
from callgauge.api.openapi.shapes import schema_of

IN_USE = {"id": ID, "name": TEXT, "version": maybe(WHOLE), "shadow": maybe(OBJECT)}
VERSION: Schema = {"type": "object", "properties": {"version": ANY}}
NOISE: Schema = {
    "type": "object",
    "properties": {"agent_id": ANY, "calls": ANY, "times": ANY, "max_cost_usd": ANY},
}
AGAINST = (Query("against", ANY, "Another rerun; else what was there before."),)
SCHEMAS: dict[str, Schema] = {}
OPERATIONS: Operations = {
    ("RerunDifference", "GET"): Operation(summary="What a rerun changed.", answer=OBJECT, query=AGAINST),
    ("RerunDifferenceCsv", "GET"): Operation(
        summary="What a rerun changed, as CSV.", answer=None, bare=True, query=AGAINST
    ),
    ("FlipVotes", "POST"): Operation(
        summary="Say which of the two values of a call is right: now, before, or unsure.",
        body={
            "type": "object",
            "properties": {
                "call_log_id": ANY,
                "metric_id": ANY,
                "vote": one_of("now", "before", "unsure"),
                "against": ANY,
                "reviewer": TEXT,
            },
        },
        answer=obj({"id": ID, "judges": FLAG, "expected_value": ANY}),
    ),
    ("ResultReplay", "GET"): Operation(
        summary="What a result was made from, as a file that `callgauge replay` computes it from again.",
        answer=None,
        bare=True,
        action="download",
    ),
    ("VersionDifference", "GET"): Operation(
        summary="One version of a metric against another.",
        answer=OBJECT,
        query=(Query("before", ANY), Query("after", ANY)),
    ),
    ("MetricDrafts", "POST"): Operation(
        summary="Make a version that is not in use.",
        body=schema_of(MetricShape, partial=True),
        answer=obj({**IN_USE, "draft": WHOLE}),
        status=201,
    ),
    ("MetricInUse", "POST"): Operation(
        summary="Measure with this version from now on.", body=VERSION, answer=obj(IN_USE)
    ),
    ("MetricShadow", "GET"): Operation(summary="The version beside the one in use.", answer=obj(IN_USE)),
    ("MetricShadow", "POST"): Operation(
        summary="Let a version measure beside the one in use.", body=VERSION, answer=obj(IN_USE), status=201
    ),
    ("MetricShadow", "DELETE"): Operation(summary="Stop the version beside.", answer=None, status=204),
    ("MetricNoise", "GET"): Operation(
        summary="How far the judge agrees with itself, as far as it was measured.",
        answer=obj({"id": ID, "name": TEXT, "version": WHOLE, "noise": maybe(OBJECT), "words": TEXT}),
    ),
    ("MetricNoise", "POST"): Operation(
        summary="See how far the judge agrees with itself.",
        body=NOISE,
        answer=obj({"reruns": several(ref("Rerun"))}),
        status=201,
    ),
}
