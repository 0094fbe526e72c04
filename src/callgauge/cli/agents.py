"""`callgauge agent`: make and list the agents under watch."""

from __future__ import annotations

import json
from pathlib import Path

import click

from callgauge.cli import bootstrap


@click.group(short_help="Make and list agents.")
def agent() -> None:
    """Make and list agents, the voice agents whose calls are measured."""


@agent.command()
@click.option("--project", required=True, help="The project it belongs to; made when missing.")
@bootstrap.organization_option("Made when missing.")
@click.option("--name", required=True, help="What the agent is called.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@bootstrap.data_dir_option
def create(project: str, organization: str | None, name: str, as_json: bool, data_dir: Path | None) -> None:
    """Make an agent and print its id."""
    bootstrap.start(data_dir)
    from callgauge.flow.errors import FlowError
    from callgauge.flow.naming import make_agent, organization_name

    try:
        organization = organization_name(organization)
        made = make_agent(organization=organization, project=project, name=name)
    except FlowError as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        answer = {
            "agent_id": made.pk,
            "project_id": made.project_id,
            "organization_id": made.project.organization_id,
        }
        click.echo(json.dumps(answer))
        return
    click.echo(f"Agent {made.name!r} of project {made.project.name!r} has the id {made.pk}.")
    click.echo(f"Import its calls with: callgauge import FILE.jsonl --agent {made.pk}")


@agent.command("list")
@click.option("--project", metavar="NAME|ID", help="Only the agents of this project.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@bootstrap.data_dir_option
def list_agents(project: str | None, as_json: bool, data_dir: Path | None) -> None:
    """List agents with their ids."""
    bootstrap.start(data_dir)
    from callgauge.flow import naming
    from callgauge.flow.errors import FlowError

    try:
        agents = naming.list_agents(naming.find_project(project) if project else None)
    except FlowError as error:
        raise click.ClickException(str(error)) from None
    rows = [
        {
            "agent_id": row.pk,
            "name": row.name,
            "project_id": row.project_id,
            "project": row.project.name,
            "organization": row.project.organization.name,
        }
        for row in agents
    ]
    if as_json:
        click.echo(json.dumps(rows))
        return
    if not rows:
        click.echo("There are no agents. Make one with: callgauge agent create --project NAME --name NAME")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("id", "agent", "project", "organization")
    for row in rows:
        table.add_row(str(row["agent_id"]), str(row["name"]), str(row["project"]), str(row["organization"]))
    Console().print(table)
