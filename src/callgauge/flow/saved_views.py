"""Saved views of lists: named, shared by everybody in the project."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.http import QueryDict

from callgauge.domain.storable import is_storable
from callgauge.flow.audit import record
from callgauge.flow.call_question import filter_tree, read_question
from callgauge.flow.errors import Invalid, NotFound
from callgauge.flow.scope import Person, as_id, require_change
from callgauge.store.models import Project, SavedView

CALLS_PAGE = "calls"
MAX_QUERY_CHARS = 8_000
"""As long as servers and proxies let an address be."""
MAX_VIEWS = 50


def views_of(who: Person, page: str) -> Sequence[SavedView]:
    return list(SavedView.objects.filter(project=who.project, page=page).order_by("name", "id"))


def find_view(project: Project, page: str, view: object) -> SavedView:
    """By name, or by number. Raises Invalid, naming the views that there are."""
    known = list(SavedView.objects.filter(project=project, page=page).order_by("name", "id"))
    named = [one for one in known if one.name == str(view).strip()]
    numbered = [one for one in known if one.pk == as_id(view)]
    if named or numbered:
        return (named or numbered)[0]
    names = ", ".join(f"“{one.name}”" for one in known)
    raise Invalid.field("view", f"There is no such saved view here. There are: {names or 'none'}.")


def filter_of(view: SavedView) -> dict[str, Any] | None:
    """What a view of the list of calls finds, in the filter language; None where it finds all. Raises Invalid
    for one that cannot be read any more."""
    return filter_tree(read_question(QueryDict(view.query)))


def save_view(who: Person, page: str, name: str, query: str) -> SavedView:
    """A view of the same name gets the new query. Raises Invalid and Forbidden."""
    require_change(who)
    assert who.project is not None
    name = name.strip()
    if not name or len(name) > 100 or not is_storable(name):
        raise Invalid.field("name", "Give the view a name of at most 100 characters.")
    if len(query) > MAX_QUERY_CHARS or not is_storable(query):
        raise Invalid.field("query", "This view is too long to be kept. Take some conditions away.")
    try:
        with transaction.atomic():
            known = SavedView.objects.filter(project=who.project, page=page)
            if known.count() >= MAX_VIEWS and not known.filter(name=name).exists():
                raise Invalid.field("name", f"At most {MAX_VIEWS} views; delete one that nobody uses.")
            view, _ = known.update_or_create(
                project=who.project, page=page, name=name, defaults={"query": query, "made_by": who.user}
            )
            record("view.saved", view)
            return view
    except IntegrityError:  # somebody saved one of this name at the same moment
        raise Invalid.field("name", "Somebody just saved a view of this name. Try again.") from None


def delete_view(who: Person, view_id: object) -> str:
    """Gives the name of what is gone. Raises NotFound and Forbidden."""
    require_change(who)
    view = SavedView.objects.filter(project=who.project, pk=as_id(view_id) or 0).first()
    if view is None:
        raise NotFound
    name = str(view.name)
    with transaction.atomic():
        record("view.deleted", view)
        view.delete()
    return name
