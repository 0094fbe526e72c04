"""Proposals of a better wording: asked for, read as a diff, applied or dismissed by a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse

from callgauge.domain.metrics import EvalType
from callgauge.flow.labs import (
    WORDS,
    Answers,
    Ending,
    count_against_limit,
    is_right,
    request_proposal,
    score_in_words,
    score_of,
    usage_of,
)
from callgauge.flow.proposals import (
    apply_proposal,
    dismiss_proposal,
    find_proposal,
    is_open,
    is_outdated,
    proposals_of,
    wordings,
)
from callgauge.flow.reviewers import voter
from callgauge.flow.scope import Person
from callgauge.store.models import ErrandState, Lab, LabCase
from callgauge.web.chips import Chip, said_chip
from callgauge.web.frame import address_of
from callgauge.web.page import project_page, show, show_part
from callgauge.web.review.places import back_to, chosen_metric, notice_of, tabs
from callgauge.web.wording import Passage, compare_words
from callgauge.web.words import money

PAGE = 50


@dataclass(frozen=True, slots=True)
class CaseRow:
    call_id: str
    call_address: str
    right: Chip
    before: Chip
    after: Chip
    change: str


@dataclass(frozen=True, slots=True)
class Row:
    id: int
    metric: str
    state: str
    asked_by: str
    when: datetime


@dataclass(frozen=True, slots=True)
class Shown:
    id: int
    metric: str
    version: int
    state: str
    error: str
    is_running: bool
    is_open: bool
    is_outdated: bool
    wording: list[Passage]
    """Empty until there is a proposal."""
    summary: list[str]
    words: str
    cost: str
    shown_calls: int
    done: int
    total: int
    cases: list[CaseRow]
    when: datetime
    asked_by: str


def state_of(lab: Lab) -> str:
    if lab.applied_version is not None:
        return f"applied as version {lab.applied_version.number} by {lab.decided_by}"
    if lab.dismissed_at is not None:
        return f"dismissed by {lab.decided_by}"
    match lab.state:
        case ErrandState.QUEUED | ErrandState.IN_PROGRESS:
            return "being made"
        case ErrandState.FAILED:
            return "failed"
        case _:
            return "waits for you" if is_open(lab) else "nothing to propose"


def present_proposal(lab: Lab, who: Person) -> Shown:
    """One query, for the calls that it was tried on."""
    cases = list(lab.cases.select_related("call").order_by("id"))
    held = [case for case in cases if not case.is_shown]
    usage = usage_of(lab, cases)
    return Shown(
        id=lab.pk,
        metric=lab.metric.name,
        version=lab.version.number,
        state=state_of(lab),
        error=WORDS[Ending(lab.reason)] if lab.reason else "",
        is_running=lab.state in (ErrandState.QUEUED, ErrandState.IN_PROGRESS),
        is_open=is_open(lab),
        is_outdated=is_outdated(lab),
        wording=[] if lab.draft is None else compare_words(*wordings(lab)),
        summary=list(lab.summary),
        words=score_in_words(score_of(lab, cases)),
        cost=money(usage.cost_usd, usage.unpriced_requests),
        shown_calls=len(cases) - len(held),
        done=sum(case.after is not None for case in held),
        total=len(held),
        cases=sorted(
            (_case(lab, case, who) for case in held if case.after is not None), key=lambda row: row.change
        ),
        when=lab.created_at,
        asked_by=lab.asked_by,
    )


def _case(lab: Lab, case: LabCase, who: Person) -> CaseRow:
    eval_type = EvalType(lab.version.eval_type)
    was = is_right(lab, case.expected_value, case.before)
    now = is_right(lab, case.expected_value, case.after)
    change = {(True, False): "1 lost", (False, True): "2 gained"}.get((was, now), "3 as before")
    return CaseRow(
        call_id=case.call.call_id,
        call_address=address_of("call", who, case.call_id) or "",
        right=said_chip(case.expected_value, eval_type),
        before=_said(case.before, eval_type),
        after=_said(case.after, eval_type),
        change=change,
    )


def _said(row: dict[str, Any] | None, eval_type: EvalType) -> Chip:
    if row is None:
        return Chip("skipped", "not measured")
    if "value" not in row:
        return Chip("failed", "not computed", str(row.get("code") or row.get("reason") or ""))
    return said_chip(row["value"], eval_type)


@project_page()
def proposals(request: HttpRequest, who: Person, **captured: Any) -> HttpResponse:
    page = Paginator(proposals_of(who), PAGE).get_page(request.GET.get("page"))
    rows = [
        Row(lab.pk, lab.metric.name, state_of(lab), lab.asked_by, lab.created_at) for lab in page.object_list
    ]
    return show(
        request,
        who,
        "web/review/proposals.html",
        {
            "tabs": tabs(who, "review-proposals"),
            "notice": notice_of(request),
            "rows": rows,
            "page": page,
        },
        active="review",
    )


@project_page()
def proposal(request: HttpRequest, who: Person, **captured: Any) -> HttpResponse:
    pk: int = captured["pk"]
    shown = present_proposal(find_proposal(who, pk), who)
    if request.headers.get("HX-Request") == "true":
        may = who.role != "viewer"
        return show_part(request, who, "web/review/proposal_body.html", {"one": shown, "may_change": may})
    context = {"tabs": tabs(who, "review-proposals"), "notice": notice_of(request), "one": shown}
    return show(request, who, "web/review/proposal.html", context, active="review")


@project_page("POST")
def decide(request: HttpRequest, who: Person, **captured: Any) -> HttpResponse:
    pk: int = captured["pk"]
    lab = find_proposal(who, pk)
    if request.POST.get("apply"):
        apply_proposal(lab, by=voter(who))
        return back_to("review-proposal", who, lab.pk, notice="applied")
    dismiss_proposal(lab, by=voter(who))
    return back_to("review-proposal", who, lab.pk, notice="dismissed")


@project_page("POST")
def propose(request: HttpRequest, who: Person, **captured: Any) -> HttpResponse:
    pk: int = captured["pk"]
    metric = chosen_metric(who, str(pk))
    assert metric is not None
    count_against_limit(metric.project)
    lab = request_proposal(metric, Answers(), by=voter(who))
    return back_to("review-proposal", who, lab.pk)
