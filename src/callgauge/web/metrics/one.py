"""A metric: what it asks, how it does, how far it agrees with people, and its versions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from callgauge.domain.metrics import EvalType, MetricKind
from callgauge.engine.statistics import MIN_CASES
from callgauge.flow.agreement import agreement_by_version
from callgauge.flow.metric_trends import Trend, newest_calls, trends_of
from callgauge.flow.metrics import current_version, delete_metric, spec_of
from callgauge.flow.metrics_bulk import set_switches
from callgauge.flow.metrics_lists import agents_by_metric, find_metric
from callgauge.flow.reuse import model_of
from callgauge.flow.reviewers import voter
from callgauge.flow.scope import Person
from callgauge.flow.versions import Use, find_version, use_version, uses_of
from callgauge.store.models import Metric, MetricVersion
from callgauge.web.metrics.naming import KINDS, TRIGGERS, VALUES, applies_words, project_of
from callgauge.web.metrics.trend import trend_plot
from callgauge.web.page import project_page, say, show, show_part
from callgauge.web.review.agreement import VersionRow, agreement_missing, present_version
from callgauge.web.words import judge_name

SHOWN_VERSIONS: Final = 20


@dataclass(frozen=True, slots=True)
class ShownVersion:
    version: MetricVersion
    is_current: bool
    scored: int
    """Results of the newest calls that are its own."""
    used: Use | None
    """When it was last taken into use again, and by whom."""
    agreement: VersionRow
    agreement_missing: str


def present_versions(metric: Metric, trend: Trend) -> list[ShownVersion]:
    """The newest, and the one in use whatever its number. A few queries."""
    versions = list(metric.versions.order_by("-number")[:SHOWN_VERSIONS])
    current, uses = current_version(metric), uses_of(metric)
    if current not in versions:
        versions.append(current)
    return [
        ShownVersion(
            version=found.version,
            is_current=found.version == current,
            scored=trend.versions[found.version.pk],
            used=uses.get(found.version.number),
            agreement=present_version(found, metric),
            agreement_missing=agreement_missing(found),
        )
        for found in agreement_by_version(metric, versions)
    ]


@project_page()
def metric(request: HttpRequest, who: Person, pk: int) -> HttpResponse:
    found = find_metric(who, str(pk))
    version = current_version(found)
    agents = agents_by_metric([found])[found.pk]
    window = newest_calls(project_of(who))
    trend = trends_of([found], {found.pk: {agent.pk for agent in agents}}, window)[found.pk]
    versions = present_versions(found, trend)
    measured = [one.version for one in reversed(versions) if one.scored]
    context = {
        "metric": found,
        "version": version,
        "kind": KINDS[version.kind],
        "values": VALUES[version.eval_type],
        "trigger": TRIGGERS[version.trigger],
        "applies": applies_words(found, agents),
        "judge": judge_name(model_of(spec_of(version))) if version.kind == MetricKind.LLM_JUDGE else "",
        "sample_rate": project_of(who).sample_rate,
        "in_rubric": found.rubric_rules.exists(),
        "configuration": version.configuration and json.dumps(version.configuration, ensure_ascii=False),
        "plot": trend_plot(trend, version, window, measured) if trend.n else None,
        "calls": calls_of_interest(who, found, trend),
        "trend": trend,
        "versions": versions,
        "current": next(one for one in versions if one.is_current),
        "of_others": trend.n - trend.versions[version.pk],
        "more_versions": max(0, found.versions.count() - len(versions)),
        "measure_again": measure_again(who, found, [agent.pk for agent in agents]),
        "least": MIN_CASES,
    }
    return show(request, who, "web/metrics/one.html", context, active="metrics")


def measure_again(who: Person, found: Metric, agents: Sequence[int]) -> str:
    """The page that plans a rerun, with this metric chosen."""
    agent = f"&agent={agents[0]}" if agents else ""
    return f"{reverse('reruns', args=[who.project_id])}?metric={found.pk}{agent}&plan=1"


def calls_of_interest(who: Person, found: Metric, trend: Trend) -> list[tuple[str, str]]:
    """Words, and the list of calls that they lead to."""
    calls = f"{reverse('calls', args=[who.project_id])}?col=when&col=agent&col=m{found.pk}"
    links = [("Its calls", calls)]
    if trend.eval_type is EvalType.BINARY:
        links.append(("Calls that failed it", f"{calls}&m.{found.pk}=fail"))
    if trend.failed:
        links.append(("Calls where it could not be computed", f"{calls}&m.{found.pk}=failed"))
    return links


def to_metric(who: Person, found: Metric, place: str = "") -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("metric", args=[who.project_id, found.pk]) + place)


@project_page("POST")
def switch(request: HttpRequest, who: Person, pk: int) -> HttpResponse:
    """Whether it measures new calls."""
    found = find_metric(who, str(pk))
    is_on = request.POST.get("on") == "1"
    set_switches([found], {"observability_enabled": is_on})
    if request.headers.get("HX-Request") == "true":
        context: dict[str, Any] = {"pk": found.pk, "name": found.name, "is_on": is_on, "may_change": True}
        return show_part(request, who, "web/metrics/switch.html", {**context, "project_id": who.project_id})
    say(request, f"{found.name} {'measures new calls' if is_on else 'is off: it measures no new calls'}.")
    return HttpResponseRedirect(reverse("metrics", args=[who.project_id]))


@project_page("POST")
def use(request: HttpRequest, who: Person, pk: int, number: int) -> HttpResponse:
    """Roll back, or forward: a pointer moves, and nothing is measured."""
    voter(who)
    found = find_metric(who, str(pk))
    version = find_version(found, number)
    use_version(found, version)
    say(
        request,
        f"Version {version.number} is in use. Nothing was measured: results that it gave before come back "
        "without asking a judge when you measure again.",
    )
    return to_metric(who, found)


@project_page("POST")
def delete(request: HttpRequest, who: Person, pk: int) -> HttpResponse:
    found = find_metric(who, str(pk))
    delete_metric(found)
    say(request, f"{found.name} is deleted. Its results stay with their calls.")
    return HttpResponseRedirect(reverse("metrics", args=[who.project_id]))
