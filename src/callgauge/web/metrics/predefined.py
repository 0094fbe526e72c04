"""The catalogue of predefined metrics, to take over into the project."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from django.db.models import F
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from callgauge.engine.predefined import Predefined
from callgauge.flow.errors import Invalid
from callgauge.flow.keys import name_of
from callgauge.flow.metrics_predefined import Offered, copy_predefined, offered_to
from callgauge.flow.scope import Person, agents_of, find_agent
from callgauge.store.models import MetricVersion
from callgauge.web.metrics.naming import KINDS, VALUES, project_of
from callgauge.web.page import project_page, say, show
from callgauge.web.words import plural

OWN = "Of your organization"


@dataclass(frozen=True, slots=True)
class Entry:
    code: str
    name: str
    description: str
    kind: str
    there: int | None
    """The metric of the project that is a copy of it."""


def present_catalogue(who: Person) -> list[tuple[str, list[Entry]]]:
    """By category. Two queries."""
    copies = dict(
        MetricVersion.objects.filter(
            metric__project=project_of(who), metric__deleted_at=None, metric__current_version_id=F("id")
        )
        .exclude(predefined_code="")
        .order_by("-metric_id")
        .values_list("predefined_code", "metric_id")
    )
    groups: dict[str, list[Entry]] = defaultdict(list)
    for one in offered_to(who):
        groups[_category(one)].append(_entry(one, copies.get(one.code)))
    return list(groups.items())


def _category(one: Offered) -> str:
    return one.category.value if isinstance(one, Predefined) else OWN


def _entry(one: Offered, there: int | None) -> Entry:
    if isinstance(one, Predefined):
        return Entry(
            one.code, one.name, one.description, f"{KINDS[one.kind]}, {VALUES[one.eval_type]}", there
        )
    frozen = one.frozen
    kind = f"{KINDS[frozen['kind']]}, {VALUES[frozen['eval_type']]}"
    return Entry(one.code, frozen["name"], frozen["description"], kind, there)


@project_page("GET", "POST")
def predefined(request: HttpRequest, who: Person) -> HttpResponse:
    fault = ""
    if request.method == "POST":
        try:
            return _take_over(request, who)
        except Invalid as error:
            fault = " ".join(text for texts in error.messages.values() for text in texts)
    context = {
        "groups": present_catalogue(who),
        "agents": list(agents_of(who).order_by("name", "id").values_list("pk", "name")),
        "faults": [fault] if fault else [],
    }
    return show(
        request, who, "web/metrics/predefined.html", context, active="metrics", status=400 if fault else 200
    )


def _take_over(request: HttpRequest, who: Person) -> HttpResponse:
    codes = set(request.POST.getlist("code"))
    wanted = [one for one in offered_to(who) if one.code in codes]
    if not wanted:
        raise Invalid.field("code", "Choose at least one metric.")
    agent = find_agent(who, request.POST["agent"]) if request.POST.get("agent") else None
    added = copy_predefined(project_of(who), wanted, agent=agent, by=name_of(who))
    say(request, f"{plural(len(added), 'metric')} added. They measure new calls from now on.")
    return HttpResponseRedirect(reverse("metrics", args=[who.project_id]))
