"""A call: looking at it, saying what one thinks of its results, measuring it again."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import path, reverse

from callgauge.flow.calls import calls_of, delete_call
from callgauge.flow.errors import Invalid, NotFound
from callgauge.flow.history import check_versions, read_then
from callgauge.flow.metrics_lists import find_metric
from callgauge.flow.recordings.waveform import recording_view
from callgauge.flow.replay import file_name, find_result, replay_file
from callgauge.flow.rerun import count_against_limit, evaluate_call_again
from callgauge.flow.reviewers import voter
from callgauge.flow.reviews import cast_vote, find_review, read_vote, withdraw
from callgauge.flow.scope import Person
from callgauge.store.models import CallLog
from callgauge.web.calls.present import lanes_json, present_call, present_results
from callgauge.web.calls.results import earlier_results
from callgauge.web.page import project_page, say, show, show_part

ROOT = "projects/<int:project_id>/calls/<int:call_id>"


def _call(who: Person, pk: int) -> CallLog:
    call = calls_of(who).select_related("agent", "payload").filter(pk=pk).first() if pk < 2**63 else None
    if call is None:
        raise NotFound
    return call


@project_page()
def call(request: HttpRequest, who: Person, *, call_id: int) -> HttpResponse:
    found = _call(who, call_id)
    then = read_then(request.GET.get("as_of", ""), request.GET.getlist("metric_version"))
    check_versions([found.project_id], then)
    context = {"call": present_call(who, found, then), "fault_of": None}
    return show(request, who, "web/call.html", context, active="calls")


@project_page()
def lanes(request: HttpRequest, who: Person, *, call_id: int) -> HttpResponse:
    return JsonResponse(lanes_json(_call(who, call_id)))


@project_page()
def sound(request: HttpRequest, who: Person, *, call_id: int) -> HttpResponse:
    """Nothing while the recording is waited for; then the page is asked to load itself anew."""
    waiting = recording_view(_call(who, call_id)).status == "waiting"
    return HttpResponse(status=204, headers={} if waiting else {"HX-Refresh": "true"})


@project_page()
def results(request: HttpRequest, who: Person, *, call_id: int) -> HttpResponse:
    found = _call(who, call_id)
    return _show_results(request, who, found)


def _show_results(
    request: HttpRequest, who: Person, call: CallLog, fault: tuple[int, str] | None = None
) -> HttpResponse:
    context = {
        "call_id": call.pk,
        "results": present_results(who, call),
        "fault_of": fault[0] if fault else None,
        "fault": fault[1] if fault else "",
        "part": True,
    }
    # A fault of a form is shown in the form: to htmx it is an answer like any other.
    return show_part(request, who, "web/fragments/results.html", context)


@project_page()
def earlier(request: HttpRequest, who: Person, *, call_id: int, metric_id: int) -> HttpResponse:
    """Older results of one metric on the call, as scored by the versions of then."""
    found, metric = _call(who, call_id), find_metric(who, str(metric_id))
    context = {
        "call_id": found.pk,
        "metric": metric.name,
        "metric_id": metric.pk,
        "earlier": earlier_results(found, metric.pk),
    }
    if request.headers.get("HX-Request") == "true":
        return show_part(request, who, "web/fragments/earlier.html", context)
    return show(request, who, "web/earlier.html", context, active="calls")


@project_page()
def replay(request: HttpRequest, who: Person, *, call_id: int, result_id: int) -> HttpResponse:
    """What a result was made from, to compute it again elsewhere."""
    found = find_result(who, result_id)
    if found.call_id != call_id:
        raise NotFound
    answer = HttpResponse(replay_file(found), content_type="application/json")
    answer["Content-Disposition"] = f'attachment; filename="{file_name(found)}"'
    answer["Cache-Control"] = "private, no-store"
    return answer


@project_page("POST")
def review(request: HttpRequest, who: Person, *, call_id: int, metric_id: int) -> HttpResponse:
    """A vote, an expected value, a note, or all of it."""
    found = _call(who, call_id)
    said: dict[str, Any] = {"metric_id": metric_id}
    for name in ("thumbs_up", "expected_value", "feedback"):
        if request.POST.get(name, "").strip():
            said[name] = request.POST[name]
    fault = None
    try:
        cast_vote(found, read_vote(said), by=voter(who))
    except Invalid as error:
        fault = (metric_id, " ".join(text for texts in error.messages.values() for text in texts))
    return _after(request, who, found.pk, metric_id, fault)


@project_page("POST")
def take_back(request: HttpRequest, who: Person, *, call_id: int) -> HttpResponse:
    said = find_review(who, request.POST.get("review"))
    if said.call_id != call_id:
        raise NotFound
    withdraw(said, by=voter(who))
    return _after(request, who, call_id, said.metric_id, None)


def _after(
    request: HttpRequest, who: Person, call_id: int, metric_id: int, fault: tuple[int, str] | None
) -> HttpResponse:
    if request.headers.get("HX-Request") == "true":
        return _show_results(request, who, _call(who, call_id), fault)
    if fault is not None:
        raise Invalid.field("expected_value", fault[1])
    return HttpResponseRedirect(f"{reverse('call', args=[who.project_id, call_id])}#result-{metric_id}")


@project_page("POST")
def measure(request: HttpRequest, who: Person, *, call_id: int) -> HttpResponse:
    found = _call(who, call_id)
    assert who.project is not None
    count_against_limit(who.project)
    rerun = evaluate_call_again(found)
    say(request, f"Measuring again as rerun {rerun.pk}." if rerun else "This call is being measured already.")
    return HttpResponseRedirect(reverse("call", args=[who.project_id, call_id]))


@project_page("POST")
def delete(request: HttpRequest, who: Person, *, call_id: int) -> HttpResponse:
    found = _call(who, call_id)
    delete_call(found, retain_evaluations=bool(request.POST.get("retain_evaluations")))
    say(request, f"Call {found.call_id} is deleted.")
    return HttpResponseRedirect(reverse("calls", args=[who.project_id]))


routes = [
    path(ROOT, call, name="call"),
    path(f"{ROOT}/lanes", lanes, name="call-lanes"),
    path(f"{ROOT}/sound", sound, name="call-sound"),
    path(f"{ROOT}/results", results, name="call-results"),
    path(f"{ROOT}/measure", measure, name="call-measure"),
    path(f"{ROOT}/delete", delete, name="call-delete"),
    path(f"{ROOT}/take-back", take_back, name="call-take-back"),
    path(f"{ROOT}/results/<int:result_id>/replay", replay, name="result-replay"),
    path(f"{ROOT}/metrics/<int:metric_id>/review", review, name="call-review"),
    path(f"{ROOT}/metrics/<int:metric_id>/earlier", earlier, name="call-earlier"),
]
