"""The queue page: what waits at the side, one item in the middle, an answer by one key."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

from callgauge.flow.review_items import answer, assign, find_item, skip, take_back_skips
from callgauge.flow.review_queue import (
    WANTED_LABELS,
    Asked,
    counters,
    look_through,
    open_items,
    queue_page,
)
from callgauge.flow.review_reasons import TITLES, code_of
from callgauge.flow.reviewers import Reviewer, reviewer_of, voter
from callgauge.flow.reviews import find_review, read_vote, withdraw
from callgauge.flow.scope import Person, as_id, projects_of
from callgauge.store.models import Project, Review, ReviewItem, ReviewRole, ReviewSkip
from callgauge.web.frame import WAITING
from callgauge.web.page import project_page, show
from callgauge.web.review.places import (
    back_to,
    chosen_metric,
    kept_query,
    metric_choices,
    notice_of,
    project_of,
    tabs,
)
from callgauge.web.review.present import present_item, present_rows

PAGE = 25
KEPT = ("metric", "reason", "blind", "assigned")
"""What an address says of the queue, besides the item that is open."""


def waiting(who: Person) -> int:
    return open_items(project_of(who), reviewer_of(who)).count()


WAITING["review"] = waiting


@project_page()
def review(request: HttpRequest, who: Person, **captured: Any) -> HttpResponse:
    project, me = project_of(who), reviewer_of(who)
    left = look_through(project)
    items = open_items(project, me, _asked(request, who))
    page = queue_page(items, request.GET.get("cursor", ""), PAGE)
    chosen = _chosen(request, who, page.items)
    blind = request.GET.get("blind") == "1"
    rows = present_rows(page.items, me.name)
    place = next((n for n, row in enumerate(rows) if chosen is not None and row.id == chosen.pk), None)
    counts = counters(project, me)
    return show(
        request,
        who,
        "web/review/queue.html",
        {
            "tabs": tabs(who, "review"),
            "notice": notice_of(request),
            "undo": _undoable(request, me),
            "undo_skip": _skipped(request, project, me),
            "rows": rows,
            "item": None if chosen is None else present_item(chosen, who, me.name, blind=blind),
            "previous": rows[place - 1].id if place else None,
            "next": rows[place + 1].id if place is not None and place + 1 < len(rows) else None,
            "more": page.next,
            "counts": counts,
            "left": left,
            "wanted": WANTED_LABELS,
            "metrics": metric_choices(who),
            "metric": as_id(request.GET.get("metric")),
            "reasons": _reasons(counts),
            "reason": request.GET.get("reason", ""),
            "blind": blind,
            "assigned": request.GET.get("assigned") == "1",
            "query": kept_query(request.GET, KEPT),
            "kept": [(name, request.GET[name]) for name in KEPT if request.GET.get(name)],
            "is_filtered": any(request.GET.get(name) for name in ("metric", "reason", "assigned", "cursor")),
        },
        active="review",
    )


@project_page("POST")
def answer_item(request: HttpRequest, who: Person, **captured: Any) -> HttpResponse:
    pk: int = captured["pk"]
    item, me = _item(who, pk), voter(who)
    following = _after(item, request, who, me)
    given = request.POST.get("number", "").strip() or request.POST.get("expected_value", "")
    said = {
        "metric_id": item.metric_id,
        "expected_value": given or None,
        "thumbs_up": "true" if request.POST.get("agree") else None,
        "feedback": request.POST.get("feedback", ""),
    }
    stored = answer(
        item,
        read_vote(said),
        by=me,
        is_blind=request.POST.get("was_blind") == "1",
        jointly=request.POST.get("jointly") == "1",
    )
    notice = "agreed" if stored.role == ReviewRole.SECOND else "answered"
    return back_to("review", who, **_kept(request), item=following, notice=notice, undo=str(stored.pk))


@project_page("POST")
def skip_item(request: HttpRequest, who: Person, **captured: Any) -> HttpResponse:
    pk: int = captured["pk"]
    item, me = _item(who, pk), voter(who)
    following = _after(item, request, who, me)
    skip(item, by=me)
    kept = _kept(request)
    return back_to("review", who, **kept, item=following, notice="skipped", undo_skip=str(item.pk))


@project_page("POST")
def unskip(request: HttpRequest, who: Person, **captured: Any) -> HttpResponse:
    if "item" not in request.POST:
        take_back_skips(project_of(who), by=voter(who))
        return back_to("review", who, notice="unskipped")
    item = _item(who, as_id(request.POST["item"]) or 0)
    back = take_back_skips(item.project, item.pk, by=voter(who))
    notice = "skip-undone" if back else "skip-over"
    return back_to("review", who, **_kept(request), item=str(item.pk), notice=notice)


@project_page("POST")
def assign_item(request: HttpRequest, who: Person, **captured: Any) -> HttpResponse:
    pk: int = captured["pk"]
    mine = request.POST.get("assignee") == "me"
    item = assign(_item(who, pk), "me" if mine else None, by=voter(who))
    notice = "assigned" if mine else "unassigned"
    return back_to("review", who, **_kept(request), item=str(item.pk), notice=notice)


@project_page("POST")
def withdraw_vote(request: HttpRequest, who: Person, **captured: Any) -> HttpResponse:
    pk: int = captured["pk"]
    withdraw(find_review(who, pk), by=voter(who))
    return back_to("review", who, **_kept(request), notice="withdrawn")


# --- the parts -------------------------------------------------------------------------------------------


def _asked(request: HttpRequest, who: Person) -> Asked:
    metric = chosen_metric(who, request.GET.get("metric", ""))
    return Asked(
        metric_id=None if metric is None else metric.pk,
        reason=request.GET.get("reason", ""),
        assigned=request.GET.get("assigned") == "1",
    )


def _chosen(request: HttpRequest, who: Person, shown: Any) -> ReviewItem | None:
    """The item that the address names, if it still waits; else the first."""
    number = as_id(request.GET.get("item"))
    named = next((item for item in shown if item.pk == number), None)
    if named is None and number:
        items = open_items(project_of(who), reviewer_of(who), _asked(request, who))
        rows = items.select_related("call__agent", "metric__current_version", "first", "second")
        named = rows.filter(pk=number).first()
    return named or next(iter(shown), None)


def _undoable(request: HttpRequest, me: Reviewer) -> int | None:
    """The answer that was just given. An address can name any: only one's own is offered."""
    number = as_id(request.GET.get("undo"))
    if number is None:
        return None
    mine = Review.objects.filter(pk=number, reviewer=me.name, withdrawn_at=None)
    return number if mine.exists() else None


def _skipped(request: HttpRequest, project: Project, me: Reviewer) -> int | None:
    """The item that was just skipped, in the same way."""
    number = as_id(request.GET.get("undo_skip"))
    if number is None:
        return None
    mine = ReviewSkip.objects.filter(item=number, item__project=project, item__done_at=None, reviewer=me.name)
    return number if mine.exists() else None


def _item(who: Person, pk: int) -> ReviewItem:
    return find_item(projects_of(who), pk)


def _after(item: ReviewItem, request: HttpRequest, who: Person, me: Reviewer) -> str:
    """The item to open once this one is done; empty for the first one."""
    items = open_items(project_of(who), me, _asked(request, who)).exclude(pk=item.pk)
    following = queue_page(items, f"{item.rank}-{item.pk}", 1).items
    return str(following[0].pk) if following else ""


def _kept(request: HttpRequest) -> dict[str, str]:
    return {name: request.GET.get(name, "") for name in KEPT}


def _reasons(counts: dict[str, Any]) -> list[tuple[str, str, int]]:
    """Code, words and number of those reasons that something waits for."""
    numbers: dict[str, int] = counts["reasons"]
    named = [(code_of(reason), title) for reason, title in TITLES.items()]
    return [(code, title, numbers[code]) for code, title in named if numbers[code]]
