"""`callgauge audit`: who changed what, read from the database."""

from __future__ import annotations

import json
from pathlib import Path

import click

from callgauge.cli import bootstrap


@click.command(short_help="Say who changed what.")
@click.option("--organization", help="Of one organization; otherwise of all, and of the installation.")
@click.option("--project", help="Of one project, by its name or id.")
@click.option("--action", help="One kind of change, such as metric.edited.")
@click.option("--since", type=click.DateTime(), help="From this time on, in UTC.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000), help="The newest.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@bootstrap.data_dir_option
def audit(
    organization: str | None,
    project: str | None,
    action: str | None,
    since: object,
    limit: int,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Print the audit log, the newest entry last. It only reads, and may run beside a server."""
    bootstrap.start(data_dir)
    from datetime import UTC, datetime

    from callgauge.flow.audit import entries
    from callgauge.flow.errors import FlowError
    from callgauge.store.models import AuditEntry

    try:
        found = entries(organization, project, action)
    except FlowError as error:
        raise click.ClickException(str(error)) from None
    if isinstance(since, datetime):
        found = found.filter(created_at__gte=since.replace(tzinfo=UTC))
    newest: list[AuditEntry] = list(found[:limit])[::-1]
    for entry in newest:
        click.echo(json.dumps(_as_json(entry)) if as_json else _as_line(entry))
    if not newest and not as_json:
        click.echo("Nothing was changed.", err=True)


def _as_json(entry: object) -> dict[str, object]:
    from callgauge.api.audit import present_entries
    from callgauge.store.models import AuditEntry

    assert isinstance(entry, AuditEntry)
    shown = present_entries([entry])[0]
    return {**shown, "created_at": entry.created_at.isoformat(), "organization": entry.organization_id}


def _as_line(entry: object) -> str:
    shown = _as_json(entry)
    actor, what, details = shown["actor"], shown["object"], shown["details"]
    assert isinstance(actor, dict)
    assert isinstance(what, dict)
    who = f"{actor['kind']} {actor['name']}".strip() + (f" ({shown['address']})" if shown["address"] else "")
    which = " ".join(str(part) for part in (what["type"], what["id"], what["name"]) if part)
    more = f" {json.dumps(details)}" if details else ""
    return f"{str(shown['created_at'])[:19]}  {shown['action']:24} {which:32} {who}{more}"
