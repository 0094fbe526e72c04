"""Trying a draft: asked for, followed while it is worked through, and shown beside the version in use."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from callgauge.flow import previews
from callgauge.flow.errors import Conflict, Invalid, NotFound, RateLimited
from callgauge.flow.metric_fields import FROZEN
from callgauge.flow.metrics import current_version
from callgauge.flow.metrics_lists import find_metric
from callgauge.flow.reviewers import voter
from callgauge.flow.scope import Person
from callgauge.flow.versions import find_version
from callgauge.store.models import CallLog, ErrandState, Metric, MetricPreview, MetricResult, MetricVersion
from callgauge.web.chips import LOW_TRUST, Chip, machine_chip, unit_of
from callgauge.web.metrics.findings import faults_of
from callgauge.web.metrics.form import change_of, posted_form
from callgauge.web.metrics.naming import project_of
from callgauge.web.metrics.picking import picked_calls
from callgauge.web.page import project_page, show, show_part
from callgauge.web.words import money, number

ENDED = (ErrandState.COMPLETED, ErrandState.FAILED)


@dataclass(frozen=True, slots=True)
class Side:
    """What one of the two said of a call."""

    chip: Chip
    explanation: Sequence[str]
    value: Any


@dataclass(frozen=True, slots=True)
class Row:
    call_id: str
    address: str
    now: Side | None
    """None until it is there."""
    before: Side | None
    is_pending: bool
    """The other side is still being measured."""
    change: str


@dataclass(frozen=True, slots=True)
class Tried:
    name: str
    rows: Sequence[Row]
    done: int
    total: int
    is_running: bool
    waits: bool
    """Nobody has begun with it yet."""
    failed: bool
    """The server gave up on it."""
    not_computed: int
    cost: str
    changed: int
    compared: int
    before: int | None
    """The number of the version that it is compared with."""


@project_page("POST")
def begin(request: HttpRequest, who: Person) -> HttpResponse:
    """With htmx the results come below the form; without, on a page of their own."""
    voter(who)
    part = request.headers.get("HX-Request") == "true"
    try:
        address = _begin(request, who)
    except Invalid as error:
        if not part:
            raise
        context = {"findings": faults_of(error.messages)}
        return show_part(request, who, "web/metrics/refused.html", context)
    except (Conflict, RateLimited) as error:
        if not part:
            raise
        return show_part(request, who, "web/metrics/refused.html", {"fault": str(error)})
    return HttpResponseRedirect(address)


def _begin(request: HttpRequest, who: Person) -> str:
    """Ask for the preview, and for one of the version in use where it has not measured the calls."""
    project, post = project_of(who), request.POST
    metric = find_metric(who, post["metric"]) if post.get("metric") else None
    version = None if metric is None else current_version(metric)
    change = change_of(posted_form(post), version)
    calls = picked_calls(who, post)
    previews.count_against_limit(project)
    draft = previews.request_preview(project, change.frozen, calls, changes=metric)
    query: dict[str, Any] = {}
    if metric is not None and version is not None:
        query = {"metric": metric.pk, "version": version.number}
        there = previews.measured_before(version, draft.call_ids)
        missing = [pk for pk in draft.call_ids if pk not in there]
        if post.get("beside") and missing:
            frozen = {name: getattr(version, name) for name in FROZEN}
            query["beside"] = previews.request_preview(project, frozen, missing, changes=metric).uid
    return f"{reverse('metric-tried', args=[who.project_id, draft.uid])}?{urlencode(query)}"


@project_page()
def tried(request: HttpRequest, who: Person, uid: str) -> HttpResponse:
    draft = previews.find_preview(who, uid)
    metric, version = _compared_with(request, who)
    beside = None
    if request.GET.get("beside"):
        beside = previews.find_preview(who, request.GET["beside"])
    context = {
        "tried": present_tried(who, draft, version, beside),
        "metric": metric,
        "address": request.get_full_path(),
        "project_id": who.project_id,
    }
    if request.headers.get("HX-Request") == "true":
        return show_part(request, who, "web/metrics/tried_body.html", context)
    return show(request, who, "web/metrics/tried.html", context, active="metrics")


def _compared_with(request: HttpRequest, who: Person) -> tuple[Metric | None, MetricVersion | None]:
    try:
        metric = find_metric(who, request.GET["metric"])
        return metric, find_version(metric, request.GET.get("version", ""))
    except (KeyError, NotFound):
        return None, None


def present_tried(
    who: Person, draft: MetricPreview, version: MetricVersion | None, beside: MetricPreview | None
) -> Tried:
    """Two queries."""
    ids = draft.call_ids
    names = dict(CallLog.objects.filter(project=who.project, pk__in=ids).values_list("pk", "call_id"))
    now = {row["call_id"]: _of_preview(row, draft.metric) for row in draft.results}
    before: dict[int, Side] = {}
    if version is not None:
        there = previews.measured_before(version, ids)
        before = {pk: _of_result(row, version) for pk, row in there.items()}
    asked: Sequence[int] = ()
    if beside is not None:
        asked = beside.call_ids if beside.state not in ENDED else ()
        before |= {row["call_id"]: _of_preview(row, beside.metric) for row in beside.results}
    rows = [
        Row(
            call_id=names.get(pk, str(pk)),
            address=reverse("call", args=[who.project_id, pk]),
            now=now.get(pk),
            before=before.get(pk),
            is_pending=pk in asked and pk not in before,
            change=_change(before.get(pk), now.get(pk)),
        )
        for pk in ids
    ]
    both = [draft, *([beside] if beside is not None else [])]
    return Tried(
        name=draft.metric["name"],
        rows=sorted(rows, key=lambda row: not row.change),
        done=sum(len(one.results) for one in both),
        total=sum(len(one.call_ids) for one in both),
        is_running=any(one.state not in ENDED for one in both),
        waits=all(one.state == ErrandState.QUEUED for one in both),
        failed=any(one.state == ErrandState.FAILED for one in both),
        not_computed=sum(row.now is not None and row.now.chip.kind == "failed" for row in rows),
        cost=_cost([row for one in both for row in one.results]),
        changed=sum(bool(row.change) for row in rows),
        compared=sum(row.now is not None and row.before is not None for row in rows),
        before=None if version is None else version.number,
    )


def _of_preview(row: Mapping[str, Any], metric: Mapping[str, Any]) -> Side:
    return _side(SimpleNamespace(**row), metric["eval_type"], metric["built_in"])


def _of_result(row: MetricResult, version: MetricVersion) -> Side:
    return _side(row, version.eval_type, version.built_in)


def _side(row: Any, eval_type: str, built_in: str) -> Side:
    value = row.passed if row.passed is not None else row.number if row.number is not None else row.label
    marks = (LOW_TRUST,) if row.low_trust else ()
    chip = machine_chip(row, marks, unit_of(eval_type, built_in))
    return Side(chip, [str(one) for one in json.loads(row.explanation)], value)


def _change(before: Side | None, now: Side | None) -> str:
    """Empty where nothing changed, or where one of the two is missing."""
    if before is None or now is None or (before.chip.text == now.chip.text and before.value == now.value):
        return ""
    numbers = (before.value, now.value)
    if all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in numbers):
        step = now.value - before.value
        return f"{'+' if step > 0 else '−'}{number(abs(step))}"
    return f"{before.chip.text} → {now.chip.text}"


def _cost(rows: Sequence[Mapping[str, Any]]) -> str:
    """What the judge was paid, as far as it is known."""
    asked = [row["cost_usd"] for row in rows if row["judge_model"]]
    if not asked:
        return "No judge was asked."
    known = [cost for cost in asked if cost is not None]
    if not known:
        return "The price of the judge is not known."
    return f"It cost {money(sum(known), len(asked) - len(known))}."
