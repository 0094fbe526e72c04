"""Who says it: a signed-in person, or whoever stands behind an API key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from callgauge.domain.storable import is_storable
from callgauge.flow.errors import Invalid
from callgauge.flow.scope import Person, Who, require_change
from callgauge.store.models import ApiKey, User

MAX_NAME = 255


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Two answers come from one person where `name` is equal."""

    name: str
    """A person's e-mail address; what the caller of the API says (`reviewer`); else `key:` and its id."""
    key: ApiKey | None = None
    user: User | None = None

    @property
    def columns(self) -> dict[str, Any]:
        """Of a Review."""
        return {"reviewer": self.name, "by_key": self.key, "by_user": self.user}


def reviewer_of(who: Who, name: Any = None) -> Reviewer:
    """A key may speak for several people, and says for whom by `name`. Raises Invalid."""
    if isinstance(who, Person):
        return Reviewer(who.user.email.casefold(), user=who.user)
    if name is None or name == "":
        return Reviewer(f"key:{who.pk}", key=who)
    if not isinstance(name, str) or not name.strip() or len(name) > MAX_NAME or not is_storable(name):
        raise Invalid.field("reviewer", f"Write a name or an e-mail address, at most {MAX_NAME} characters.")
    return Reviewer(name.strip().casefold(), key=who)


def voter(who: Who, name: Any = None) -> Reviewer:
    """As `reviewer_of`, for somebody who is about to say something. Raises Forbidden for a viewer too."""
    require_change(who)
    return reviewer_of(who, name)
