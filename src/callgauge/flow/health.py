"""What in this process must be alive for the server to be of use; `/readyz` asks."""

from __future__ import annotations

from collections.abc import Callable

_watched: dict[str, Callable[[], str]] = {}


def watch(name: str, fault: Callable[[], str]) -> None:
    """`fault` gives what is wrong, in a few words; the empty text where nothing is."""
    _watched[name] = fault


def unwatch(name: str) -> None:
    _watched.pop(name, None)


def faults() -> list[str]:
    return [words for fault in list(_watched.values()) if (words := fault())]
