"""Human review, ours beside the contract: the queue, second opinions, adjudication, history of votes."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from callgauge.api.auth import key_of
from callgauge.api.calls_body import body_of
from callgauge.api.fields import Flag, Ids, Number, RowId, Shape, Whole, query_flag, query_text
from callgauge.api.present_review import present_items, present_review
from callgauge.api.routing import ID, route
from callgauge.flow.calls import find_call
from callgauge.flow.errors import Invalid
from callgauge.flow.metrics_lists import find_metric
from callgauge.flow.review_items import (
    answer,
    ask_for_second,
    ask_to_review,
    assign,
    find_item,
    skip,
    take_back_skips,
)
from callgauge.flow.review_queue import Asked, counters, look_through, open_items, queue_page
from callgauge.flow.reviewers import Reviewer, reviewer_of, voter
from callgauge.flow.reviews import find_review, read_vote, withdraw
from callgauge.flow.scope import as_id, find_agent, projects_of, require_project
from callgauge.store.models import Metric, Project, Review, ReviewItem

PAGE_SIZE, MAX_PAGE_SIZE = 20, 200


class ReviewQueue(APIView):
    """What waits for the reviewer, what teaches most first; why each is there; how much there is."""

    serializer_class = Shape

    def get(self, request: Request) -> Response:
        project, me = _project(request), _me(request, request.query_params.get("reviewer"))
        left = look_through(project)
        items = open_items(project, me, _asked(request))
        page = queue_page(items, query_text(request, "cursor"), _page_size(request))
        blind = query_flag(request, "blind", default=False)
        return Response(
            {
                "results": present_items(page.items, blind=blind),
                "next_cursor": page.next or None,
                "counts": counters(project, me),
                "results_not_looked_through": left,
            }
        )


class OneReviewItem(APIView):
    """An item with the call to be judged; where it is blind, without anybody's answer."""

    serializer_class = Shape

    def get(self, request: Request, pk: str) -> Response:
        item = _item(request, pk)
        return Response(
            present_items([item], blind=query_flag(request, "blind", default=False), whole=True)[0]
        )


class AnswerItem(APIView):
    serializer_class = Shape

    def post(self, request: Request, pk: str) -> Response:
        item, said = _item(request, pk), body_of(request)
        flags = AnswerShape.check({name: said[name] for name in ("blind", "jointly") if name in said})
        review = answer(
            item,
            read_vote({**said, "metric_id": item.metric_id}),
            by=_voter(request, said.get("reviewer")),
            is_blind=flags.get("blind", False),
            jointly=flags.get("jointly", False),
        )
        return Response(present_review(review))


class AnswerShape(Shape):
    blind = Flag()
    jointly = Flag()


class SkipItem(APIView):
    serializer_class = Shape

    def post(self, request: Request, pk: str) -> Response:
        skip(_item(request, pk), by=_voter(request, body_of(request).get("reviewer")))
        return Response({"detail": "Skipped: you are not asked again; others still are."})


class TakeBackSkips(APIView):
    serializer_class = Shape

    def post(self, request: Request) -> Response:
        said = body_of(request)
        project = require_project(key_of(request), said.get("project_id"))
        number = take_back_skips(project, by=_voter(request, said.get("reviewer")))
        return Response({"detail": f"{number} skipped items are back in the queue.", "count": number})


class AssignItem(APIView):
    serializer_class = Shape

    def post(self, request: Request, pk: str) -> Response:
        said = body_of(request)
        if "assignee" not in said:
            raise Invalid.field("assignee", "This field is required.")
        item = assign(_item(request, pk), said["assignee"], by=_voter(request, said.get("reviewer")))
        return Response(present_items([item], blind=True)[0])


class SecondShape(Shape):
    metric_id = RowId(required=True)
    share = Number(min_value=0, max_value=1)
    count = Whole(minimum=1, maximum=1_000)


class SecondOpinions(APIView):
    """Ask for blind second opinions on a share or a number of a metric's answers."""

    serializer_class = SecondShape

    def post(self, request: Request) -> Response:
        said = SecondShape.read(request)
        metric = _metric(request, said["metric_id"])
        number = ask_for_second(metric.project, metric, share=said.get("share"), count=said.get("count"))
        return Response({"asked": number})


class AskShape(Shape):
    call_logs = Ids(required=True, allow_empty=False)
    metric_id = RowId(allow_null=True)
    project_id = RowId(allow_null=True)


class AskToReview(APIView):
    """Put calls into the queue because a person wants that."""

    serializer_class = AskShape

    def post(self, request: Request) -> Response:
        said = AskShape.read(request)
        metric = _metric(request, said["metric_id"]) if said.get("metric_id") else None
        project = metric.project if metric else require_project(key_of(request), said.get("project_id"))
        number = ask_to_review(project, said["call_logs"], metric, by=_voter(request))
        return Response({"asked": number})


class Votes(APIView):
    """Every vote on a call, the newest first: who, when, what, and whether it still counts."""

    serializer_class = Shape

    def get(self, request: Request) -> Response:
        call = find_call(key_of(request), query_text(request, "call_log_id"))
        votes = Review.objects.filter(call=call, metric__deleted_at=None).order_by("-id")
        if metric_id := query_text(request, "metric_id"):
            votes = votes.filter(metric=_metric(request, metric_id))
        rows = votes.select_related("version", "metric__current_version")
        return Response({"results": [present_review(review) for review in rows]})


class Withdraw(APIView):
    serializer_class = Shape

    def post(self, request: Request, pk: str) -> Response:
        review = find_review(key_of(request), pk)
        earlier = withdraw(review, by=_voter(request, body_of(request).get("reviewer")))
        return Response(
            {
                "detail": "Withdrawn; the vote before it counts again." if earlier else "Withdrawn.",
                "current": earlier.pk if earlier else None,
            }
        )


# --- the parts -------------------------------------------------------------------------------------------


def _me(request: Request, name: Any = None) -> Reviewer:
    return reviewer_of(key_of(request), name)


def _voter(request: Request, name: Any = None) -> Reviewer:
    return voter(key_of(request), name)


def _project(request: Request) -> Project:
    return require_project(key_of(request), request.query_params.get("project_id"))


def _item(request: Request, pk: str) -> ReviewItem:
    return find_item(projects_of(key_of(request)), pk)


def _metric(request: Request, metric_id: Any) -> Metric:
    return find_metric(key_of(request), str(metric_id))


def _asked(request: Request) -> Asked:
    metric_id, agent_id = query_text(request, "metric_id"), query_text(request, "agent_id")
    return Asked(
        metric_id=_metric(request, metric_id).pk if metric_id else None,
        agent_id=find_agent(key_of(request), agent_id).pk if agent_id else None,
        kind=query_text(request, "kind"),
        reason=query_text(request, "reason"),
        assigned=query_flag(request, "assigned", default=False),
    )


def _page_size(request: Request) -> int:
    return min(as_id(request.query_params.get("page_size")) or PAGE_SIZE, MAX_PAGE_SIZE)


BASE = r"callgauge/v1/review"
routes = [
    route(rf"{BASE}/queue", ReviewQueue.as_view()),
    route(rf"{BASE}/items/{ID}", OneReviewItem.as_view()),
    route(rf"{BASE}/items/{ID}/answer", AnswerItem.as_view()),
    route(rf"{BASE}/items/{ID}/skip", SkipItem.as_view()),
    route(rf"{BASE}/items/{ID}/assign", AssignItem.as_view()),
    route(rf"{BASE}/unskip", TakeBackSkips.as_view()),
    route(rf"{BASE}/ask", AskToReview.as_view()),
    route(rf"{BASE}/second-opinions", SecondOpinions.as_view()),
    route(rf"{BASE}/votes", Votes.as_view()),
    route(rf"{BASE}/votes/{ID}/withdraw", Withdraw.as_view()),
]
