"""The list of metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.http import HttpRequest, HttpResponse

from callgauge.flow.agreement import agreement_today
from callgauge.flow.metric_trends import newest_calls, trends_of
from callgauge.flow.metrics import current_version
from callgauge.flow.metrics_lists import agents_by_metric, metrics_of
from callgauge.flow.scope import Person, agents_of, as_id
from callgauge.store.models import Metric, RubricRule
from callgauge.web.metrics.naming import KINDS, applies_words, kind_words, project_of, trigger_words
from callgauge.web.metrics.trend import ShownTrend, present_trend, window_words
from callgauge.web.page import project_page, show
from callgauge.web.review.agreement import agreement_missing, present_figures

STATES = {"": "on or off", "on": "on", "off": "off"}


@dataclass(frozen=True, slots=True)
class Row:
    id: int
    name: str
    is_on: bool
    kind: str
    applies: str
    trigger: str
    is_sampled: bool
    in_rubric: bool
    trend: ShownTrend
    version: int
    changed: datetime
    changed_by: str
    kappa: str
    agreement_missing: str
    """What keeps kappa from being there; empty where it is."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the address asks for."""

    words: str = ""
    agent: int | None = None
    kind: str = ""
    state: str = ""

    @property
    def is_filtered(self) -> bool:
        return bool(self.words or self.agent or self.kind or self.state)


def read_question(request: HttpRequest) -> Question:
    """Values that mean nothing are taken for none."""
    query = request.GET
    kind, state = query.get("kind", ""), query.get("state", "")
    return Question(
        words=query.get("q", "").strip()[:255],
        agent=as_id(query.get("agent", "")),
        kind=kind if kind in KINDS else "",
        state=state if state in STATES else "",
    )


def asked_for(who: Person, question: Question) -> list[Metric]:
    metrics = metrics_of(who)
    if question.words:
        found = Q(name__icontains=question.words) | Q(current_version__description__icontains=question.words)
        metrics = metrics.filter(found)
    if question.agent is not None:
        chosen = Metric.agents.through.objects.filter(agent=question.agent).values("metric_id")
        metrics = metrics.filter(Q(every_agent=True) | Q(pk__in=chosen))
    if question.kind:
        metrics = metrics.filter(current_version__kind=question.kind)
    if question.state:
        metrics = metrics.filter(observability_enabled=question.state == "on")
    return list(metrics)


def present_rows(who: Person, metrics: Sequence[Metric]) -> tuple[list[Row], str]:
    """With what the trends are over. A fixed number of queries."""
    window = newest_calls(project_of(who))
    agents = agents_by_metric(metrics)
    trends = trends_of(metrics, {pk: {agent.pk for agent in found} for pk, found in agents.items()}, window)
    ruled = set(RubricRule.objects.filter(project=project_of(who)).values_list("metric_id", flat=True))
    rows = []
    for metric, agreement in zip(metrics, agreement_today(metrics), strict=True):
        version = current_version(metric)
        rows.append(
            Row(
                id=metric.pk,
                name=metric.name,
                is_on=metric.observability_enabled,
                kind=kind_words(version),
                applies=applies_words(metric, agents[metric.pk]),
                trigger=trigger_words(version),
                is_sampled=metric.sampling_enabled,
                in_rubric=metric.pk in ruled,
                trend=present_trend(trends[metric.pk], version),
                version=version.number,
                changed=version.created_at,
                changed_by=version.changed_by,
                kappa=present_figures(agreement.agreement).kappa,
                agreement_missing=agreement_missing(agreement),
            )
        )
    return rows, window_words(window)


@project_page()
def metrics(request: HttpRequest, who: Person) -> HttpResponse:
    question = read_question(request)
    rows, over = present_rows(who, asked_for(who, question))
    context = {
        "rows": rows,
        "over": over,
        "question": question,
        "agents": list(agents_of(who).order_by("name", "id").values_list("pk", "name")),
        "kinds": list(KINDS.items()),
        "states": list(STATES.items()),
        "sample_rate": project_of(who).sample_rate,
    }
    return show(request, who, "web/metrics/list.html", context, active="metrics")
