"""The editor: a new metric, a change of one, and what is said of a draft while it is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.http import HttpRequest, HttpResponse

from callgauge.domain.metrics import MetricKind
from callgauge.engine.script_data import OWN_KEYS
from callgauge.engine.variables import BUILT_IN, OPEN
from callgauge.flow.errors import Conflict, Invalid
from callgauge.flow.estimates import Estimator
from callgauge.flow.keys import name_of
from callgauge.flow.lint import advice_on_draft
from callgauge.flow.metrics import (
    check_metric,
    create_metric,
    current_version,
    edit_metric,
    meaning_of,
    spec_of,
)
from callgauge.flow.metrics_lists import find_metric, metrics_of
from callgauge.flow.plan_words import estimate_words
from callgauge.flow.previews import MAX_CALLS, measured_before
from callgauge.flow.scope import Person, agents_of, as_id
from callgauge.store.models import CallMetadata, Metric, MetricVersion
from callgauge.web.metrics.findings import Finding, advice_of, faults_of
from callgauge.web.metrics.form import (
    REPEATS,
    MetricForm,
    blank_form,
    change_of,
    model_choices,
    posted_form,
    saved_form,
)
from callgauge.web.metrics.naming import KINDS, TRIGGERS, VALUES, project_of
from callgauge.web.metrics.one import to_metric
from callgauge.web.metrics.picking import candidates, picked_calls
from callgauge.web.page import project_page, say, show, show_part

SEEN_CALLS: Final = 20
SEEN_KEYS: Final = 12
"""Keys of metadata that are offered as variables, of this many of the newest calls."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of a draft."""

    findings: list[Finding] = field(default_factory=list)
    changes_nothing: bool = False
    cost: str = ""
    """Of trying it on the chosen calls; empty where that cannot be said."""


@project_page("GET", "POST")
def new(request: HttpRequest, who: Person) -> HttpResponse:
    if request.method != "POST":
        kind = request.GET.get("kind", "")
        editable = (MetricKind.LLM_JUDGE, MetricKind.CUSTOM_CODE)
        return _show(request, who, None, blank_form(kind if kind in editable else MetricKind.LLM_JUDGE))
    form = posted_form(request.POST)
    try:
        metric = create_metric(project_of(who), change_of(form, None), by=name_of(who))
    except Invalid as error:
        return _show(request, who, None, form, faults_of(error.messages), status=400)
    say(
        request,
        f"{metric.name} is saved and measures new calls. To measure those that are there: Measure again.",
    )
    return to_metric(who, metric)


@project_page("GET", "POST")
def edit(request: HttpRequest, who: Person, pk: int) -> HttpResponse:
    metric = find_metric(who, str(pk))
    version = current_version(metric)
    if request.method != "POST":
        return _show(request, who, metric, saved_form(metric, version))
    form = posted_form(request.POST)
    try:
        edited = edit_metric(
            metric,
            change_of(form, version),
            by=name_of(who),
            reason=form.reason,
            read=None if request.POST.get("overwrite") else form.read,
        )
    except Invalid as error:
        return _show(request, who, metric, form, faults_of(error.messages), status=400)
    except Conflict as error:
        return _show(request, who, metric, form, conflict=str(error), status=409)
    after = current_version(edited)
    if after.number == version.number:
        say(request, "Saved. It asks what it asked before, so there is no new version.")
    else:
        say(
            request,
            f"Saved as version {after.number}. It measures new calls; nothing was measured again yet.",
        )
    return to_metric(who, edited)


@project_page("POST")
def check(request: HttpRequest, who: Person) -> HttpResponse:
    """What is said beside the form while it is written; nothing is stored."""
    metric = find_metric(who, request.POST["metric"]) if request.POST.get("metric") else None
    verdict = judge_draft(who, metric, posted_form(request.POST), request)
    return show_part(
        request, who, "web/metrics/check.html", {"verdict": verdict, "metric": metric, "part": True}
    )


def judge_draft(who: Person, metric: Metric | None, form: MetricForm, request: HttpRequest) -> Verdict:
    """Faults; where there are none, advice, and what trying it would cost."""
    project = project_of(who)
    version = None if metric is None else current_version(metric)
    try:
        change = change_of(form, version)
        frozen = check_metric(project, change.frozen, metric)
    except Invalid as error:
        return Verdict(faults_of(error.messages))
    findings = advice_of(advice_on_draft(project.pk, frozen, metric=metric))
    try:
        calls = picked_calls(who, request.POST)
    except Invalid as error:
        return Verdict([*findings, *faults_of(error.messages)])
    same = version is not None and all(getattr(version, name) == value for name, value in frozen.items())
    if version is not None and meaning_of(version, frozen, change) != version.meaning:
        same = False
    beside = bool(request.POST.get("beside")) and version is not None
    return Verdict(findings, same, cost_words(project.pk, metric, frozen, calls, version if beside else None))


def cost_words(
    project_id: int,
    metric: Metric | None,
    frozen: dict[str, Any],
    calls: Sequence[int],
    beside: MetricVersion | None,
) -> str:
    """`beside`: the saved version that is asked too, of those calls that it has not measured."""
    if not calls:
        return ""
    number = 0 if metric is None else metric.pk
    spec = spec_of(MetricVersion(pk=0, metric_id=number, **frozen))
    estimator = Estimator(project_id)
    total = estimator.of(spec, calls)
    if beside is not None:
        there = measured_before(beside, calls)
        total += estimator.of(spec_of(beside), [pk for pk in calls if pk not in there])
    return estimate_words(total)


def _show(
    request: HttpRequest,
    who: Person,
    metric: Metric | None,
    form: MetricForm,
    findings: Sequence[Finding] = (),
    *,
    conflict: str = "",
    status: int = 200,
) -> HttpResponse:
    version = None if metric is None else current_version(metric)
    posted = request.method == "POST"
    wanted = request.POST.getlist("call") if posted else request.GET.get("calls", "").split(",")
    context = {
        "metric": metric,
        "version": version,
        "form": form,
        "verdict": Verdict(list(findings)),
        "conflict": conflict,
        "kind": KINDS[form.kind],
        "is_judge": form.kind == MetricKind.LLM_JUDGE,
        "is_script": form.kind == MetricKind.CUSTOM_CODE,
        "is_built_in": version is not None and bool(version.built_in),
        "has_prompt": version is not None and bool(version.prompt),
        "values": list(VALUES.items()),
        "triggers": list(TRIGGERS.items()),
        "models": model_choices(form.judge_model),
        "repeats": REPEATS,
        "agents": list(agents_of(who).order_by("name", "id").values_list("pk", "name")),
        "sample_rate": project_of(who).sample_rate,
        "variables": variables(who),
        "script_keys": script_keys(who, metric),
        "candidates": candidates(who, metric, [pk for pk in map(as_id, wanted) if pk is not None]),
        "most_calls": MAX_CALLS,
    }
    return show(request, who, "web/metrics/edit.html", context, active="metrics", status=status)


def variables(who: Person) -> list[str]:
    """In double braces: those of every call, and the keys that the newest calls brought along."""
    newest = project_of(who).calls.filter(deleted_at=None).order_by("-timestamp", "-id")
    calls = list(newest.values_list("pk", flat=True)[:SEEN_CALLS])
    keys = CallMetadata.objects.filter(call_id__in=calls).values_list("key", flat=True).distinct()
    found = [f"metadata.{key}" for key in sorted(keys)[:SEEN_KEYS]]
    return [*BUILT_IN, *(found or ["metadata.KEY"]), *(f"{name}.KEY" for name in OPEN if name != "metadata")]


def script_keys(who: Person, metric: Metric | None) -> list[str]:
    """What a script reads: the call's own keys, and the other metrics by name."""
    others = metrics_of(who).exclude(pk=0 if metric is None else metric.pk)
    names = others.values_list("current_version__name", flat=True)
    return [f'data["{key}"]' for key in (*sorted(OWN_KEYS), *names) if '"' not in key and "\\" not in key]
