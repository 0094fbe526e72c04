"""The table that `make conformance` prints."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from tests.contract.conformance.record import NEVER, Row


def show(rows: Mapping[tuple[str, str], Row]) -> int:
    """Print every row and how many are as they should be; the number of those that are not."""
    console = Console(width=150)
    for title, ways in (("method of the client", ("sync", "async")), ("command", ("table", "json"))):
        table = Table(title=None, show_lines=False)
        for heading in (title, "HTTP request", *ways):
            table.add_column(heading, overflow="fold")
        for name in dict.fromkeys(name for name, way in rows if way in ways):
            found = [rows.get((name, way)) for way in ways]
            request = next((row.request for row in found if row is not None), "")
            table.add_row(name, request, *map(_cell, found))
        console.print(table)
    wrong = [row for row in rows.values() if not row.ok]
    unreached = [f"{row.way} {row.name}" for row in wrong if row.result == NEVER]
    for row in wrong:
        if row.result == NEVER:
            continue
        console.print(f"[red]FAILED[/red] {row.way} {row.name}: {row.request}: {row.result}", soft_wrap=True)
    if unreached:
        console.print(f"[red]NEVER CALLED[/red] {', '.join(unreached)}")
    absent = sum(row.result.startswith("not served") for row in rows.values())
    console.print(f"{absent} of these are not served, and the server says so (docs/not-served.md).")
    print(f"{len(rows) - len(wrong)} of {len(rows)}")
    return len(wrong)


def _cell(row: Row | None) -> str:
    if row is None:
        return "–"
    return row.result if row.ok else f"[red]{row.result}[/red]"
