"""Golden sets: made from people's answers, read, and held against metrics as a gate would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse

from callgauge.domain.metrics import EvalType
from callgauge.flow.errors import Invalid
from callgauge.flow.gate import Limits, hold_to
from callgauge.flow.golden import (
    cases_of,
    create_golden_set,
    delete_golden_set,
    find_golden_set,
    golden_sets_of,
    take_labels,
)
from callgauge.flow.reviewers import voter
from callgauge.flow.scope import Person
from callgauge.store.models import GoldenCase, GoldenSet, Metric
from callgauge.web.chips import Chip, said_chip
from callgauge.web.frame import address_of
from callgauge.web.page import project_page, show
from callgauge.web.review.agreement import Figures, present_figures
from callgauge.web.review.places import (
    back_to,
    chosen_metric,
    metric_choices,
    notice_of,
    project_of,
    tabs,
)

PAGE = 50


@dataclass(frozen=True, slots=True)
class Case:
    call_id: str
    call_address: str
    metric: str
    chip: Chip
    note: str
    is_stale: bool
    differs: bool
    """The person whose answer it copies has changed their mind."""


@dataclass(frozen=True, slots=True)
class Held:
    """A metric of the set as it is today, held against it."""

    metric: str
    slug: str
    version: int
    figures: Figures
    missing: int
    failed: int
    regressions: int | None
    """Against the version before; None where there is none."""
    gains: int


def present_cases(cases: list[GoldenCase], who: Person) -> list[Case]:
    shown = []
    for case in cases:
        version = case.metric.current_version
        assert version is not None
        shown.append(
            Case(
                call_id=case.call.call_id,
                call_address=address_of("call", who, case.call_id) or "",
                metric=case.metric.name,
                chip=said_chip(case.expected_value, EvalType(version.eval_type)),
                note=case.note,
                is_stale=version.meaning != case.meaning,
                differs=case.review is not None and case.review.expected_value != case.expected_value,
            )
        )
    return shown


def present_held(golden: GoldenSet) -> list[Held]:
    metrics = Metric.objects.filter(golden_cases__golden_set=golden, deleted_at=None)
    return [_held(metric, golden) for metric in metrics.select_related("current_version").distinct()]


def _held(metric: Metric, golden: GoldenSet) -> Held:
    gate = hold_to(metric, golden, Limits())
    return Held(
        metric=metric.name,
        slug=metric.slug,
        version=gate.version.number,
        figures=present_figures(gate.agreement),
        missing=len(gate.missing),
        failed=len(gate.failed),
        regressions=len(gate.regressions) if gate.baseline is not None else None,
        gains=len(gate.gains),
    )


@project_page("GET", "POST")
def golden_sets(request: HttpRequest, who: Person, **captured: Any) -> HttpResponse:
    faults: list[str] = []
    if request.method == "POST":
        try:
            return _make(request, who)
        except Invalid as error:
            faults = [text for texts in error.messages.values() for text in texts]
    return show(
        request,
        who,
        "web/review/golden_sets.html",
        {
            "tabs": tabs(who, "review-golden"),
            "notice": notice_of(request),
            "sets": list(golden_sets_of(who)),
            "metrics": metric_choices(who),
            "faults": faults,
            "said": request.POST,
        },
        active="review",
        status=400 if faults else 200,
    )


def _make(request: HttpRequest, who: Person) -> HttpResponse:
    name = request.POST.get("name", "").strip()
    if not name or len(name) > 255:
        raise Invalid.field("name", "Give it a name of at most 255 characters.")
    metric = chosen_metric(who, request.POST.get("metric", ""))
    made = create_golden_set(
        project_of(who), name, description=request.POST.get("description", ""), by=voter(who)
    )
    if metric is not None:
        take_labels(made, metric, None)
    return back_to("review-golden-set", who, made.pk, notice="golden-made")


@project_page("GET", "POST")
def golden_set(request: HttpRequest, who: Person, **captured: Any) -> HttpResponse:
    pk: int = captured["pk"]
    golden = find_golden_set(who, pk)
    if request.method == "POST":
        if request.POST.get("delete"):
            delete_golden_set(golden)
            return back_to("review-golden", who, notice="golden-deleted")
        metric = chosen_metric(who, request.POST.get("metric", ""))
        if metric is None:
            raise Invalid.field("metric", "Choose the metric whose answers are copied.")
        take_labels(golden, metric, None)
        return back_to("review-golden-set", who, golden.pk, notice="golden-filled")
    page = Paginator(cases_of(golden), PAGE).get_page(request.GET.get("page"))
    return show(
        request,
        who,
        "web/review/golden_set.html",
        {
            "tabs": tabs(who, "review-golden"),
            "notice": notice_of(request),
            "golden": golden,
            "held": present_held(golden),
            "cases": present_cases(list(page.object_list), who),
            "page": page,
            "metrics": metric_choices(who),
        },
        active="review",
    )
