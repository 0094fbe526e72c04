"""The list of calls: reading it, saving views of it, and doing something with the chosen ones."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse

from callgauge.flow import saved_views
from callgauge.flow.call_question import (
    COMPARED,
    METADATA,
    METRIC,
    ORDERS,
    OUTCOMES,
    REVIEWED,
    SINCE,
    WITH_VALUE,
    Question,
    folded,
    read_question,
)
from callgauge.flow.calls import calls_of
from callgauge.flow.errors import Invalid
from callgauge.flow.scope import Person, as_id
from callgauge.web.calls import bulk, exporting
from callgauge.web.calls.listing import (
    conditions_in_force,
    count_words,
    filtered_calls,
    present_listing,
    project_agents,
    project_metrics,
)
from callgauge.web.page import project_page, say, show, show_part

PLACE = ("after", "before")


@project_page()
def calls(request: HttpRequest, who: Person) -> HttpResponse:
    clean = folded(request.GET)
    if clean is not None:
        return HttpResponseRedirect(f"?{clean.urlencode()}")
    metrics, agents = project_metrics(who), project_agents(who)
    question, faults, listing = Question(), [], None
    try:
        question = read_question(request.GET)
        listing = present_listing(who, question, request.GET, metrics, agents)
    except Invalid as error:
        faults = [text for texts in error.messages.values() for text in texts]
    context = {
        "listing": listing,
        "question": question,
        "faults": faults,
        "in_force": conditions_in_force(question, request.GET, metrics, agents),
        "kept": _kept(request.GET),
        "metrics": [(metric.pk, metric.name) for metric in metrics],
        "agents": list(agents.items()),
        "chosen_agent": question.agents[0] if len(question.agents) == 1 else None,
        "choices": _choices(),
        "query": _query(request.GET),
        "views": [
            (view.pk, view.name, f"?{view.query}", view.query == _query(request.GET))
            for view in saved_views.views_of(who, saved_views.CALLS_PAGE)
        ],
        "verbs": bulk.verbs(who),
        "import_command": f"callgauge import calls.jsonl --agent {next(iter(agents), 1)}",
        "agent_command": f'callgauge agent create --project "{who.project}" --name "My agent"',
        "any_calls": bool(listing and listing.rows) or question.filtered or calls_of(who).exists(),
    }
    return show(request, who, "web/calls.html", context, active="calls", status=400 if faults else 200)


def _choices() -> dict[str, list[tuple[str, str]]]:
    return {
        "outcome": [(name, said) for name, (said, _) in OUTCOMES.items()],
        "reviewed": [(name, said) for name, (said, _) in REVIEWED.items()],
        "since": list(SINCE.items()),
        "order": list(ORDERS.items()),
        "is": [
            *((name, said) for name, (said, _) in COMPARED.items()),
            *((name, f"{said} …") for name, (said, _) in WITH_VALUE.items()),
        ],
    }


def _kept(query: QueryDict) -> list[tuple[str, str]]:
    """Parameters that the form has no field for; it sends them along."""
    return [(name, query.get(name, "")) for name in query if name.startswith((METRIC, METADATA))]


def _query(query: QueryDict) -> str:
    """What is kept of an address when it is saved or worked on: everything but the place in the list."""
    changed = query.copy()
    for name in PLACE:
        changed.pop(name, None)
    return changed.urlencode()


@project_page()
def count(request: HttpRequest, who: Person) -> HttpResponse:
    said = count_words(filtered_calls(who, read_question(request.GET)))
    return show_part(request, who, "web/fragments/text.html", {"text": said})


@project_page()
def search(request: HttpRequest, who: Person) -> HttpResponse:
    """To the call itself where the words are its number or id, else to the list of what holds them."""
    words = request.GET.get("q", "").strip()
    number = as_id(words)
    found = calls_of(who).filter(pk=number).values_list("pk", flat=True).first() if number else None
    if found is None and words:
        found = calls_of(who).filter(call_id=words[:100]).values_list("pk", flat=True).first()
    if found is not None:
        return HttpResponseRedirect(reverse("call", args=[who.project_id, found]))
    query = QueryDict(mutable=True)
    if words:
        query["q"] = words
    return HttpResponseRedirect(f"{reverse('calls', args=[who.project_id])}?{query.urlencode()}")


@project_page("POST")
def save_view(request: HttpRequest, who: Person) -> HttpResponse:
    query = request.POST.get("query", "")
    view = saved_views.save_view(who, saved_views.CALLS_PAGE, request.POST.get("name", ""), query)
    say(request, f"Saved as “{view.name}”. Everybody in the project sees it.")
    return HttpResponseRedirect(f"{reverse('calls', args=[who.project_id])}?{query}")


@project_page("POST")
def delete_view(request: HttpRequest, who: Person) -> HttpResponse:
    name = saved_views.delete_view(who, request.POST.get("view"))
    say(request, f"The view “{name}” is deleted. Its calls are not touched.")
    return HttpResponseRedirect(reverse("calls", args=[who.project_id]))


@project_page("POST")
def do(request: HttpRequest, who: Person) -> HttpResponse:
    """Something with the chosen calls; afterwards one is where one was."""
    query = QueryDict(request.POST.get("query", ""))
    everything = query if request.POST.get("everything") else None
    if kind := exporting.FORMATS.get(request.POST.get("do", "")):
        address = exporting.export_chosen(who, request.POST.getlist("call"), everything, kind)
        return HttpResponseRedirect(address)
    ids = bulk.chosen(who, request.POST.getlist("call"), everything)
    done = bulk.carry_out(who, request.POST.get("do", ""), ids, request.POST.get("metric", ""))
    if done.address:
        return HttpResponseRedirect(done.address)
    say(request, done.words)
    return HttpResponseRedirect(f"{reverse('calls', args=[who.project_id])}?{query.urlencode()}")
