"""The agreement page: each metric against people, and one metric version by version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse

from callgauge.domain.metrics import MetricKind
from callgauge.engine.agreement import Agreement, in_words
from callgauge.engine.statistics import MIN_CASES, Interval
from callgauge.flow.agreement import VersionAgreement, agreement_by_version, agreement_today, between_people
from callgauge.flow.metrics import current_version
from callgauge.flow.metrics_lists import metrics_of
from callgauge.flow.review_items import ask_for_second
from callgauge.flow.scope import Person
from callgauge.store.models import Metric
from callgauge.web.page import project_page, show
from callgauge.web.review.places import back_to, chosen_metric, notice_of, project_of, tabs

MOST_VERSIONS = 10


@dataclass(frozen=True, slots=True)
class MetricRow:
    id: int
    name: str
    labels: int
    """Answers of people that are not stale."""
    stale: int
    accuracy: str
    kappa: str
    missing: str
    """What keeps the figures from being there; empty where they are."""


@dataclass(frozen=True, slots=True)
class Cell:
    count: int
    is_right: bool
    words: str


@dataclass(frozen=True, slots=True)
class Table:
    labels: list[str]
    rows: list[tuple[str, list[Cell]]]


@dataclass(frozen=True, slots=True)
class Figures:
    """Of an agreement, as words; a figure without enough cases is a dash."""

    n: int
    words: str
    accuracy: str
    kappa: str
    mean_difference: str
    f1: list[tuple[str, str, str, str]]
    """Label, F1, precision, recall."""
    table: Table | None


@dataclass(frozen=True, slots=True)
class VersionRow:
    number: int
    is_current: bool
    figures: Figures
    stale: int
    failed: int
    not_measured: int


def present_metrics(who: Person) -> list[MetricRow]:
    """A few queries, however many metrics there are."""
    metrics = list(metrics_of(who))
    rows = []
    for metric, one in zip(metrics, agreement_today(metrics), strict=True):
        figures = present_figures(one.agreement)
        rows.append(
            MetricRow(
                id=metric.pk,
                name=metric.name,
                labels=one.labels,
                stale=one.stale,
                accuracy=figures.accuracy,
                kappa=figures.kappa,
                missing=agreement_missing(one),
            )
        )
    return rows


def agreement_missing(one: VersionAgreement) -> str:
    if one.agreement.enough:
        return ""
    if one.labels < MIN_CASES:
        return f"{one.labels} of {MIN_CASES} answers"
    return f"measured on {one.agreement.n} of {one.labels} answered calls"


def present_version(one: VersionAgreement, metric: Metric) -> VersionRow:
    return VersionRow(
        number=one.version.number,
        is_current=one.version.pk == metric.current_version_id,
        figures=present_figures(one.agreement),
        stale=one.stale,
        failed=one.failed,
        not_measured=one.not_measured,
    )


def present_figures(found: Agreement, *, who: str = "the machine") -> Figures:
    kappa = found.kappa
    return Figures(
        n=found.n,
        words=in_words(found, who=who),
        accuracy=_figure(found.agreed.value, found.agreed.interval, share=True),
        kappa="–" if kappa is None else _figure(kappa.value, kappa.interval),
        mean_difference="" if found.mean_difference is None else f"{found.mean_difference:.2f}",
        f1=[
            (label, _plain(one.value), _plain(one.precision), _plain(one.recall))
            for label, one in found.f1
            if found.enough and one.value is not None
        ],
        table=_table(found),
    )


def _figure(value: float | None, interval: Interval | None, *, share: bool = False) -> str:
    if value is None or interval is None:
        return "–"
    if share:
        return f"{value:.0%} ({interval.low:.0%} to {interval.high:.0%})"
    return f"{value:.2f} ({interval.low:.2f} to {interval.high:.2f})"


def _plain(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _table(found: Agreement) -> Table | None:
    """Without the labels that nobody ever used."""
    table = found.table
    if table is None or not found.n:
        return None
    used = [
        place
        for place in range(len(table.labels))
        if any(table.counts[place]) or any(row[place] for row in table.counts)
    ]
    names = [_label(table.labels[place]) for place in used]
    rows = []
    for name, place in zip(names, used, strict=True):
        cells = [
            Cell(
                count=table.counts[place][other],
                is_right=place == other,
                words=f"people {name}, other {names[used.index(other)]}",
            )
            for other in used
        ]
        rows.append((name, cells))
    return Table(names, rows)


def _label(label: Any) -> str:
    return f"{label:g}" if isinstance(label, float) else str(label)


@project_page()
def agreement(request: HttpRequest, who: Person, **captured: Any) -> HttpResponse:
    metric = chosen_metric(who, request.GET.get("metric", ""))
    only = request.GET.get("only", "")
    versions: Sequence[VersionRow] = ()
    people = None
    if metric is not None:
        newest = list(metric.versions.order_by("-number")[:MOST_VERSIONS])
        found = agreement_by_version(metric, newest, only=only)
        versions = [present_version(one, metric) for one in found]
        people = present_figures(between_people(metric), who="the second person")
    return show(
        request,
        who,
        "web/review/agreement.html",
        {
            "tabs": tabs(who, "review-agreement"),
            "notice": notice_of(request),
            "metrics": present_metrics(who),
            "metric": metric,
            "asks_judge": metric is not None and current_version(metric).kind == MetricKind.LLM_JUDGE,
            "versions": versions,
            "people": people,
            "only": only,
            "least": MIN_CASES,
        },
        active="review",
    )


@project_page("POST")
def ask_second(request: HttpRequest, who: Person, **captured: Any) -> HttpResponse:
    pk: int = captured["pk"]
    metric = chosen_metric(who, str(pk))
    assert metric is not None
    share = {"10": 0.1, "20": 0.2, "50": 0.5, "100": 1.0}.get(request.POST.get("share", ""), 0.2)
    asked = ask_for_second(project_of(who), metric, share=share, count=None)
    return back_to("review-agreement", who, metric=str(pk), notice="asked" if asked else "none-to-ask")
