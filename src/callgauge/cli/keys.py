"""`callgauge key`: make, list and revoke API keys."""

from __future__ import annotations

import json
from pathlib import Path

import click

from callgauge.cli import bootstrap
from callgauge.cli.data_dir import address


@click.group()
def key() -> None:
    """Make, list and revoke API keys."""


@key.command()
@click.option("--project", help="The project that the key opens; made when missing.")
@click.option("--whole-organization", is_flag=True, help="A key for all projects of the organization.")
@bootstrap.organization_option("Made when missing.")
@click.option("--name", default="", help="What the key is for.")
@click.option(
    "--role",
    type=click.Choice(["owner", "member", "viewer"]),
    default="owner",
    show_default=True,
    help="A member's key makes no keys and no projects; a viewer's only reads.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@bootstrap.data_dir_option
def create(
    project: str | None,
    whole_organization: bool,
    organization: str | None,
    name: str,
    role: str,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Make a key for one project. It is shown once and stored only as a hash."""
    if (project is None) != whole_organization:
        raise click.UsageError("Give --project NAME, or --whole-organization for a key to all projects.")
    loaded = bootstrap.start(data_dir)
    from callgauge.flow.errors import FlowError
    from callgauge.flow.keys import create_key
    from callgauge.flow.naming import organization_name
    from callgauge.store.models import Role

    try:
        organization = organization_name(organization)
        made, secret = create_key(organization=organization, project=project, name=name, role=Role(role))
    except FlowError as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        answer = {
            "api_key": secret,
            "project_id": made.project_id,
            "organization_id": made.organization_id,
        }
        click.echo(json.dumps(answer))
        return
    what = f"project {project!r} (id {made.project_id})" if project else f"organization {organization!r}"
    click.echo(f"API key for {what}, shown only now:\n\n  {secret}\n")
    click.echo("Point a client at this server with\n")
    click.echo(f"  export CEKURA_API_URL={address(loaded)}\n  export CEKURA_API_KEY={secret}")


@key.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@bootstrap.data_dir_option
def list_keys(as_json: bool, data_dir: Path | None) -> None:
    """List keys by the part of them that is kept."""
    bootstrap.start(data_dir)
    from callgauge.store.models import ApiKey

    rows = [
        {
            "id": row.pk,
            "prefix": row.prefix,
            "name": row.name,
            "role": row.role,
            "organization": row.organization.name,
            "project": row.project.name if row.project else None,
            "created_at": row.created_at.isoformat(),
            "last_used_at": row.last_used_at.isoformat() if row.last_used_at else None,
            "revoked_at": row.revoked_at.isoformat() if row.revoked_at else None,
        }
        for row in ApiKey.objects.select_related("organization", "project").order_by("id")
    ]
    if as_json:
        click.echo(json.dumps(rows))
        return
    if not rows:
        click.echo("There are no keys. Make one with: callgauge key create --project NAME")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("id", "key", "organization", "project", "name", "last used", "state")
    for row in rows:
        table.add_row(
            str(row["id"]),
            f"{row['prefix']}…",
            str(row["organization"]),
            str(row["project"] or "(all)"),
            str(row["name"]),
            str(row["last_used_at"] or "never"),
            "revoked" if row["revoked_at"] else "active",
        )
    Console().print(table)


@key.command()
@click.argument("key")
@bootstrap.data_dir_option
def revoke(key: str, data_dir: Path | None) -> None:
    """Revoke a key by its id or its shown prefix. It stops working at once."""
    bootstrap.start(data_dir)
    from callgauge.flow.errors import FlowError
    from callgauge.flow.keys import revoke_any_key

    try:
        revoked = revoke_any_key(key)
    except FlowError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"Revoked key {revoked.pk} ({revoked.prefix}…).")
