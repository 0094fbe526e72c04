"""What a rerun changed, one version against another, and the versions that are in use or beside it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from callgauge.api.auth import key_of
from callgauge.api.fields import Shape, query_text
from callgauge.api.metrics_shape import MetricShape, change_of
from callgauge.api.present_reruns import present_reruns
from callgauge.api.rerun_body import Body
from callgauge.api.reruns import find_rerun
from callgauge.api.routing import ID, route
from callgauge.engine.difference_words import noise_words
from callgauge.flow import rerun
from callgauge.flow.control import read_cap
from callgauge.flow.difference import Difference, difference_of, difference_of_versions, noise_floor
from callgauge.flow.difference_json import csv_of, present_difference
from callgauge.flow.errors import Invalid, NotFound
from callgauge.flow.flip_votes import vote_on_flip
from callgauge.flow.keys import name_of
from callgauge.flow.metrics import current_version
from callgauge.flow.metrics_lists import find_metric
from callgauge.flow.noise import measure_noise
from callgauge.flow.reviewers import voter
from callgauge.flow.reviews import judges
from callgauge.flow.scope import find_agent, require_change
from callgauge.flow.shadows import shadow_of, start_shadow, stop_shadow
from callgauge.flow.versions import draft_version, find_version, use_version
from callgauge.store.models import Metric


class RerunDifference(APIView):
    serializer_class = Shape

    def get(self, request: Request, pk: str) -> Response:
        return Response(present_difference(_difference(request, pk)))


class RerunDifferenceCsv(APIView):
    serializer_class = Shape

    def get(self, request: Request, pk: str) -> HttpResponse:
        return HttpResponse(csv_of(_difference(request, pk)), content_type="text/csv; charset=utf-8")


class FlipVotes(APIView):
    """Which of the two values of a call and metric is right; it is a review like any other."""

    serializer_class = Shape

    def post(self, request: Request, pk: str) -> Response:
        key, body = key_of(request), Body(request)
        against = body.value("against")
        found = vote_on_flip(
            key,
            find_rerun(key, pk),
            call_id=body.value("call_log_id"),
            metric_id=body.value("metric_id"),
            said=body.value("vote"),
            by=voter(key, body.value("reviewer")),
            against=None if against is None else find_rerun(key, str(against)),
        )
        return Response({"id": found.pk, "judges": judges(found), "expected_value": found.expected_value})


class VersionDifference(APIView):
    """`before` and `after`: numbers of two versions of a metric."""

    serializer_class = Shape

    def get(self, request: Request, pk: str) -> Response:
        metric = find_metric(key_of(request), pk)
        before, after = (find_version(metric, query_text(request, name)) for name in ("before", "after"))
        return Response(present_difference(difference_of_versions(before, after)))


class MetricDrafts(APIView):
    """A new version that is not in use: the body says what differs from the one that is."""

    serializer_class = Shape

    def post(self, request: Request, pk: str) -> Response:
        key = key_of(request)
        require_change(key)
        metric = find_metric(key, pk)
        said = MetricShape.read(request, partial=True)
        made = draft_version(metric, change_of(said, current_version(metric)), by=name_of(key))
        return Response({**_shown(metric), "draft": made.number}, status=201)


class MetricInUse(APIView):
    """Measure with the version of this number from now on; nothing is computed."""

    serializer_class = Shape

    def post(self, request: Request, pk: str) -> Response:
        key = key_of(request)
        require_change(key)
        metric = find_metric(key, pk)
        used = use_version(metric, find_version(metric, Body(request).value("version")))
        return Response(_shown(used))


class MetricShadow(APIView):
    """A version that measures the calls that come in, and decides nothing."""

    serializer_class = Shape

    def get(self, request: Request, pk: str) -> Response:
        return Response(_shown(find_metric(key_of(request), pk)))

    def post(self, request: Request, pk: str) -> Response:
        key = key_of(request)
        metric = find_metric(key, pk)
        start_shadow(key, metric, find_version(metric, Body(request).value("version")))
        return Response(_shown(metric), status=201)

    def delete(self, request: Request, pk: str) -> Response:
        key = key_of(request)
        metric = find_metric(key, pk)
        if not stop_shadow(key, metric):
            raise NotFound
        return Response(status=204)


class MetricNoise(APIView):
    """Judge calls several times more, to see how far the judge agrees with itself."""

    serializer_class = Shape

    def get(self, request: Request, pk: str) -> Response:
        """What is known of it, for the version in use."""
        version = current_version(find_metric(key_of(request), pk))
        noise = noise_floor(version)
        return Response(
            {
                "id": version.metric_id,
                "name": version.name,
                "version": version.number,
                "noise": noise and asdict(noise),
                "words": noise_words(noise) or "No call was judged twice by this version.",
            }
        )

    def post(self, request: Request, pk: str) -> Response:
        key, body = key_of(request), Body(request)
        metric = find_metric(key, pk)
        agent = find_agent(key, body.value("agent_id"))
        if agent.project_id != metric.project_id:
            raise NotFound
        rerun.count_against_limit(agent.project)
        reruns = measure_noise(
            key,
            metric,
            agent,
            calls=_count(body, "calls", 50),
            times=_count(body, "times", 2),
            max_cost_usd=read_cap(body.value("max_cost_usd")),
        )
        return Response({"reruns": present_reruns(reruns)}, status=201)


def _difference(request: Request, pk: str) -> Difference:
    key = key_of(request)
    against = query_text(request, "against")
    return difference_of(find_rerun(key, pk), find_rerun(key, against) if against else None)


def _shown(metric: Metric) -> dict[str, Any]:
    metric.refresh_from_db()
    shadow = shadow_of(metric)
    return {
        "id": metric.pk,
        "name": metric.name,
        "version": metric.current_version.number if metric.current_version else None,
        "shadow": None if shadow is None else {"version": shadow.version.number, "since": shadow.created_at},
    }


def _count(body: Body, name: str, default: int) -> int:
    value = body.value(name)
    if value is None:
        return default
    try:
        return int(str(value))
    except ValueError:
        raise Invalid.field(name, "A valid integer is required.") from None


METRIC = rf"callgauge/v1/metrics/{ID}"
routes = [
    route(rf"callgauge/v1/reruns/{ID}/diff", RerunDifference.as_view()),
    route(rf"callgauge/v1/reruns/{ID}/diff\.csv", RerunDifferenceCsv.as_view()),
    route(rf"callgauge/v1/reruns/{ID}/votes", FlipVotes.as_view()),
    route(rf"{METRIC}/diff", VersionDifference.as_view()),
    route(rf"{METRIC}/drafts", MetricDrafts.as_view()),
    route(rf"{METRIC}/use", MetricInUse.as_view()),
    route(rf"{METRIC}/shadow", MetricShadow.as_view()),
    route(rf"{METRIC}/noise", MetricNoise.as_view()),
]
