"""Which request, rerun and chunk the code at hand works for; log lines and traces carry it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

NOTHING: Mapping[str, str | int] = MappingProxyType({})
_about: ContextVar[Mapping[str, str | int]] = ContextVar("callgauge_about", default=NOTHING)


@contextmanager
def about(**ids: str | int) -> Iterator[None]:
    """Whatever is logged inside carries these ids; tasks begun inside take them along."""
    token = _about.set({**_about.get(), **ids})
    try:
        yield
    finally:
        _about.reset(token)


def view_name(match: Any) -> str:
    """`api.calls.CallList` for what Django resolved an address to; the address itself has ids and secrets."""
    view = getattr(match, "func", None)
    view = getattr(view, "cls", None) or getattr(view, "view_class", None) or view
    if view is None:
        return "none"
    module = str(getattr(view, "__module__", "")).removeprefix("callgauge.")
    return f"{module}.{getattr(view, '__qualname__', type(view).__name__)}"


def current() -> Mapping[str, str | int]:
    return _about.get()
