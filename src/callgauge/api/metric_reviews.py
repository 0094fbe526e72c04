"""Labs of the contract: edit answers, run a metric against them, learn from mistakes; and our proposals."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from callgauge.api.auth import key_of
from callgauge.api.calls_body import body_of
from callgauge.api.fields import Choice, Flag, Ids, JSONValue, RowId, Shape, Text, query_text
from callgauge.api.metrics_shape import MetricShape, change_of
from callgauge.api.pagination import paginated
from callgauge.api.present_labs import present_answer, present_feedbacks, present_proposal, present_run
from callgauge.api.routing import ID, route
from callgauge.flow.errors import Invalid, NotFound
from callgauge.flow.golden import find_golden_set
from callgauge.flow.labs import Answers, count_against_limit, find_lab, request_proposal, request_run
from callgauge.flow.metrics import current_version
from callgauge.flow.metrics_lists import find_metric
from callgauge.flow.proposals import apply_proposal, dismiss_proposal, find_proposal, proposals_of
from callgauge.flow.reviewers import Reviewer, voter
from callgauge.flow.reviews import amend, find_review
from callgauge.store.models import Lab, LabKind, Metric

DRAFTED = (
    "evaluation_trigger",
    "evaluation_trigger_prompt",
    "trigger_type",
    "evaluation_trigger_custom_code",
    "description",
    "custom_code",
    "prompt",
)
"""Fields of a run's body that say how the draft differs from the metric."""


class RunShape(Shape):
    type = Text(32)
    skip_save = Flag()
    golden_set = JSONValue()
    project_id = RowId(allow_null=True)


class RunReviews(APIView):
    """Measure a draft, or the metric as it is, on calls that people answered. It saves no version."""

    serializer_class = RunShape

    def post(self, request: Request, name: str) -> Response:
        said, key = RunShape.read(request), key_of(request)
        metric = find_metric(key, name, said.get("project_id"))
        body = body_of(request)
        sent = {name: body[name] for name in DRAFTED if body.get(name) is not None}
        change = change_of(MetricShape.check(sent, partial=True), current_version(metric))
        _require_kind(metric, said.get("type"), "type")
        count_against_limit(metric.project)
        lab = request_run(metric, change.frozen, _of(request, said), by=_me(request))
        return Response({"progress_id": lab.uid, "status": lab.state})


class RunReviewsProgress(APIView):
    serializer_class = Shape

    def get(self, request: Request) -> Response:
        return Response(present_run(_lab(request, LabKind.RUN)))


class FeedbacksShape(Shape):
    metric_id = RowId(required=True)
    metric_type = Choice(["basic", "custom_prompt", "custom_code", "llm_judge"], required=False)
    test_set_ids = Ids()
    golden_set = JSONValue()
    simplified_prompt = Text()
    skip_evaluation = Flag()


class ProcessFeedbacks(APIView):
    """Ask the judge for a better wording, learned from the calls on which people and the metric differ."""

    serializer_class = FeedbacksShape

    def post(self, request: Request) -> Response:
        said = FeedbacksShape.read(request)
        metric = find_metric(key_of(request), str(said["metric_id"]))
        _require_kind(metric, said.get("metric_type"), "metric_type")
        count_against_limit(metric.project)
        lab = request_proposal(
            metric,
            _of(request, said),
            by=_me(request),
            skip_evaluation=said.get("skip_evaluation", False),
        )
        return Response({"progress_id": lab.uid, "status": lab.state})


class ProcessFeedbacksProgress(APIView):
    serializer_class = Shape

    def get(self, request: Request) -> Response:
        return Response(present_feedbacks(_lab(request, LabKind.PROPOSE)))


class AnswerShape(Shape):
    expected_value = JSONValue()
    feedback = Text(100_000)


class MetricReview(APIView):
    """An answer of a person. An edit is a new vote; the old one stays in the history."""

    serializer_class = AnswerShape

    def patch(self, request: Request, pk: str) -> Response:
        review = find_review(key_of(request), pk)
        said = AnswerShape.read(request, partial=True)
        edited = amend(
            review,
            expected_value=said.get("expected_value"),
            feedback=said.get("feedback"),
            by=_me(request),
        )
        return Response(present_answer(edited, pk=review.pk))


class Proposals(APIView):
    """Newest first; `metric_id` narrows."""

    serializer_class = Shape

    def get(self, request: Request) -> Response:
        found = proposals_of(key_of(request))
        if metric_id := query_text(request, "metric_id"):
            found = found.filter(metric=find_metric(key_of(request), metric_id))
        return paginated(request, found, lambda page: [present_proposal(lab) for lab in page])


class OneProposal(APIView):
    serializer_class = Shape

    def get(self, request: Request, pk: str) -> Response:
        return Response(present_proposal(find_proposal(key_of(request), pk)))


class ApplyProposal(APIView):
    serializer_class = Shape

    def post(self, request: Request, pk: str) -> Response:
        apply_proposal(find_proposal(key_of(request), pk), by=_me(request))
        return Response(present_proposal(find_proposal(key_of(request), pk)))


class DismissProposal(APIView):
    serializer_class = Shape

    def post(self, request: Request, pk: str) -> Response:
        dismiss_proposal(find_proposal(key_of(request), pk), by=_me(request))
        return Response(present_proposal(find_proposal(key_of(request), pk)))


# --- the parts -------------------------------------------------------------------------------------------


def _me(request: Request) -> Reviewer:
    return voter(key_of(request))


def _lab(request: Request, kind: LabKind) -> Lab:
    """The official command line sends `job_id` where the contract has `progress_id`."""
    uid = query_text(request, "progress_id") or query_text(request, "job_id")
    if not uid:
        raise Invalid.field("progress_id", "This parameter is required.")
    return find_lab(key_of(request), uid, kind)


def _of(request: Request, said: dict[str, Any]) -> Answers:
    golden = said.get("golden_set")
    try:
        found = None if golden in (None, "") else find_golden_set(key_of(request), golden)
    except NotFound:
        raise Invalid.field("golden_set", "This golden set does not exist here.") from None
    return Answers(found, said.get("test_set_ids") or None)


def _require_kind(metric: Metric, kind: Any, field: str) -> None:
    """The wire sends the metric's type along: another than it has is a mistake."""
    if kind and kind != current_version(metric).kind:
        raise Invalid.field(field, f"The metric is of type {current_version(metric).kind}.")


METRICS = r"test_framework/v[12]/metrics(?:-external)?"
REVIEWS = r"test_framework/metric-reviews(?:-external)?"
NAME = r"(?P<name>[-\w]+)"
routes = [
    route(rf"{METRICS}/run_reviews_progress", RunReviewsProgress.as_view()),
    route(rf"{METRICS}/{NAME}/run_reviews", RunReviews.as_view()),
    route(rf"{REVIEWS}/process_feedbacks", ProcessFeedbacks.as_view()),
    route(rf"{REVIEWS}/process_feedbacks_progress", ProcessFeedbacksProgress.as_view()),
    route(rf"{REVIEWS}/{ID}", MetricReview.as_view()),
    route(r"callgauge/v1/proposals", Proposals.as_view()),
    route(rf"callgauge/v1/proposals/{ID}", OneProposal.as_view()),
    route(rf"callgauge/v1/proposals/{ID}/apply", ApplyProposal.as_view()),
    route(rf"callgauge/v1/proposals/{ID}/dismiss", DismissProposal.as_view()),
]
