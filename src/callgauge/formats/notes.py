"""What a parser repaired or left out, by kind, so that a bad call of 50,000 rows gives a few lines."""

from __future__ import annotations

MAX_KINDS = 50
"""Kinds kept apart: roles named by a hostile payload must not make an endless list."""


class Notes:
    """Counts what happened and where it happened first."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, int | None]] = {}

    def add(self, what: str, row: int | None = None) -> None:
        """`what` is a sentence without call text; `row` counts from 1."""
        if what in self._seen:
            count, first = self._seen[what]
            self._seen[what] = (count + 1, first)
        elif len(self._seen) < MAX_KINDS:
            self._seen[what] = (1, row)

    def lines(self) -> tuple[str, ...]:
        return tuple(_line(what, count, first) for what, (count, first) in self._seen.items())


def _line(what: str, count: int, first: int | None) -> str:
    if first is None:
        return what if count == 1 else f"{count} times: {what}"
    return f"row {first}: {what}" if count == 1 else f"{count} rows, first row {first}: {what}"
