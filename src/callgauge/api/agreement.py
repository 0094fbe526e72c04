"""How far metrics agree with people, golden sets, and the gate: ours, beside the contract."""

from __future__ import annotations

from typing import Any

from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from callgauge.api.auth import key_of
from callgauge.api.calls_body import body_of
from callgauge.api.fields import Ids, JSONValue, Name, RowId, Shape, Text, query_text
from callgauge.api.pagination import paginated
from callgauge.api.present_agreement import (
    present_agreement,
    present_case,
    present_gate,
    present_golden_set,
    present_version,
)
from callgauge.api.routing import ID, route
from callgauge.flow.agreement import agreement_by_version, between_people
from callgauge.flow.calls import find_call
from callgauge.flow.errors import Invalid
from callgauge.flow.gate import Limits, hold_to, measure_missing
from callgauge.flow.golden import (
    cases_of,
    create_golden_set,
    delete_golden_set,
    drop_cases,
    edit_golden_set,
    find_golden_set,
    golden_sets_of,
    put_case,
    take_labels,
)
from callgauge.flow.metrics_lists import find_metric
from callgauge.flow.reviewers import reviewer_of
from callgauge.flow.scope import find_project, require_project
from callgauge.store.models import GoldenSet, Metric, MetricVersion

MOST_VERSIONS = 20
"""Shown by default, the newest; `version` names an older one."""


class MetricAgreement(APIView):
    """A metric against people, version by version, and people against each other."""

    serializer_class = Shape

    def get(self, request: Request) -> Response:
        metric = _metric(request, query_text(request, "metric_id"))
        versions = metric.versions.order_by("-number")
        if number := query_text(request, "version"):
            shown = [_version(metric, number)]
        else:
            shown = list(versions[:MOST_VERSIONS])
        found = agreement_by_version(metric, shown, only=query_text(request, "only"))
        return Response(
            {
                "metric": {"id": metric.pk, "name": metric.name},
                "versions": [present_version(one) for one in found],
                "people": present_agreement(between_people(metric), who="the second person"),
            }
        )


class GoldenShape(Shape):
    name = Name()
    description = Text()
    project_id = RowId(allow_null=True)


class GoldenSets(APIView):
    serializer_class = GoldenShape

    def get(self, request: Request) -> Response:
        sets = golden_sets_of(key_of(request))
        if project_id := query_text(request, "project_id"):
            sets = sets.filter(project=find_project(key_of(request), project_id))
        return paginated(request, sets, lambda page: [present_golden_set(one) for one in page])

    def post(self, request: Request) -> Response:
        said, key = GoldenShape.read(request), key_of(request)
        project = require_project(key, said.get("project_id"))
        made = create_golden_set(
            project, said["name"], description=said.get("description", ""), by=reviewer_of(key)
        )
        return Response(present_golden_set(made), status=status.HTTP_201_CREATED)


class OneGoldenSet(APIView):
    serializer_class = GoldenShape

    def get(self, request: Request, pk: str) -> Response:
        return Response(present_golden_set(_golden(request, pk)))

    def patch(self, request: Request, pk: str) -> Response:
        said = GoldenShape.read(request, partial=True)
        said.pop("project_id", None)
        return Response(present_golden_set(edit_golden_set(_golden(request, pk), said)))

    def delete(self, request: Request, pk: str) -> Response:
        delete_golden_set(_golden(request, pk))
        return Response(status=status.HTTP_204_NO_CONTENT)


class CasesShape(Shape):
    metric_id = RowId(required=True)
    call_logs = Ids(allow_empty=False)
    call_log_id = RowId()
    expected_value = JSONValue()
    note = Text(10_000)


class DropShape(Shape):
    call_logs = Ids(required=True, allow_empty=False)
    metric_id = RowId()


class GoldenCases(APIView):
    serializer_class = CasesShape

    def get(self, request: Request, pk: str) -> Response:
        cases = cases_of(_golden(request, pk))
        return paginated(request, cases, lambda page: [present_case(one) for one in page])

    def post(self, request: Request, pk: str) -> Response:
        """Without `expected_value`, people's answers are copied: of `call_logs`, or all."""
        golden, said = _golden(request, pk), CasesShape.read(request)
        metric = _metric(request, said["metric_id"])
        if "expected_value" not in said:
            number = take_labels(golden, metric, said.get("call_logs"))
        elif "call_log_id" not in said:
            raise Invalid.field("call_log_id", "Name the call that the expected_value is for.")
        else:
            call = find_call(key_of(request), said["call_log_id"])
            put_case(golden, metric, call, said["expected_value"], said.get("note", ""))
            number = 1
        return Response({"put": number, **present_golden_set(_golden(request, pk))})

    def delete(self, request: Request, pk: str) -> Response:
        golden, said = _golden(request, pk), DropShape.read(request)
        metric = _metric(request, said["metric_id"]) if "metric_id" in said else None
        return Response({"dropped": drop_cases(golden, said["call_logs"], metric)})


class TheGate(APIView):
    """Whether a metric version is good enough by known answers. Reading it costs nothing."""

    serializer_class = Shape

    def get(self, request: Request) -> Response:
        metric, golden = _gated(request, request.query_params)
        version = query_text(request, "version")
        baseline = query_text(request, "baseline")
        gate = hold_to(
            metric,
            golden,
            _limits(request),
            version=_version(metric, version) if version else None,
            baseline=_version(metric, baseline, "baseline") if baseline else None,
        )
        return Response(present_gate(gate, metric, golden))


class GateRun(APIView):
    """Measure what today's version has not measured yet."""

    serializer_class = Shape

    def post(self, request: Request) -> Response:
        metric, golden = _gated(request, body_of(request))
        reruns = measure_missing(key_of(request), metric, golden)
        return Response({"reruns": [rerun.pk for rerun in reruns]})


# --- the parts -------------------------------------------------------------------------------------------


def _metric(request: Request, id_or_slug: Any) -> Metric:
    if id_or_slug in (None, ""):
        raise Invalid.field("metric_id", "This parameter is required.")
    return find_metric(key_of(request), str(id_or_slug))


def _golden(request: Request, pk: Any) -> GoldenSet:
    return find_golden_set(key_of(request), pk)


def _gated(request: Request, said: Any) -> tuple[Metric, GoldenSet | None]:
    metric = _metric(request, said.get("metric_id") or said.get("metric"))
    golden = said.get("golden_set")
    return metric, _golden(request, golden) if golden not in (None, "") else None


def _version(metric: Metric, number: str, name: str = "version") -> MetricVersion:
    found = (
        metric.versions.filter(number=int(number)).first() if number.isdecimal() and len(number) < 9 else None
    )
    if found is None:
        raise Invalid.field(name, "The metric has no version of this number.")
    return found


def _limits(request: Request) -> Limits:
    kappa, accuracy = _number(request, "min_kappa", -1, 1), _number(request, "min_accuracy", 0, 1)
    most, least = _number(request, "max_regressions", 0, 1e6), _number(request, "min_cases", 1, 1e6)
    return Limits(
        min_kappa=kappa,
        min_accuracy=accuracy,
        max_regressions=None if most is None else int(most),
        min_cases=1 if least is None else int(least),
    )


def _number(request: Request, name: str, low: float, high: float) -> float | None:
    text = query_text(request, name)
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not low <= number <= high:
        raise Invalid.field(name, f"Write a number from {low:g} to {high:g}.")
    return number


BASE = r"callgauge/v1"
routes = [
    route(rf"{BASE}/review/agreement", MetricAgreement.as_view()),
    route(rf"{BASE}/golden-sets", GoldenSets.as_view()),
    route(rf"{BASE}/golden-sets/{ID}", OneGoldenSet.as_view()),
    route(rf"{BASE}/golden-sets/{ID}/cases", GoldenCases.as_view()),
    route(rf"{BASE}/gate", TheGate.as_view()),
    route(rf"{BASE}/gate/run", GateRun.as_view()),
]
