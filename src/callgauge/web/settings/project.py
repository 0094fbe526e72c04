"""A project's name, and its end."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from callgauge.flow.errors import FlowError, Invalid
from callgauge.flow.projects import delete_project, edit_project
from callgauge.flow.scope import Person
from callgauge.web.page import project_page, say
from callgauge.web.settings.places import project_of, read_text, show_settings, to_tab


@project_page("GET", "POST")
def project(request: HttpRequest, who: Person) -> HttpResponse:
    error = None
    if request.method == "POST":
        try:
            edit_project(who, project_of(who), {"name": read_text(request.POST, "name", "A name", least=1)})
            say(request, "The name is changed.")
            return to_tab(who, "settings-project")
        except Invalid as invalid:
            error = invalid
    return _show(request, who, error)


@project_page("POST", owners_only=True)
def delete(request: HttpRequest, who: Person) -> HttpResponse:
    if request.POST.get("name", "").strip() != project_of(who).name:
        wrong = Invalid.field("name", "That is not the project's name. Nothing was deleted.")
        return _show(request, who, wrong)
    delete_project(who, project_of(who))
    return HttpResponseRedirect("/")


def _show(request: HttpRequest, who: Person, error: FlowError | None) -> HttpResponse:
    return show_settings(
        request, who, "project", "settings-project", {"project": project_of(who)}, error=error
    )
