"""`callgauge review` and `callgauge golden`: what waits for people, what they agree on, and known answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from callgauge.cli.remote import Remote

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print the server's JSON.")


@click.group(short_help="See what waits for people, and how far metrics agree.")
def review() -> None:
    """See what waits for people, and how far metrics agree with them."""


@review.command("queue")
@click.option("--metric", type=int, metavar="ID", help="Of one metric.")
@click.option("--reason", metavar="CODE", help="For one reason, such as versions_disagree.")
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True, help="How many to show.")
@as_json_option
def queue(metric: int | None, reason: str | None, limit: int, as_json: bool) -> None:
    """List what is worth a person's time, what teaches most first."""
    found = Remote().get("/callgauge/v1/review/queue", metric_id=metric, reason=reason, page_size=limit)
    if as_json:
        click.echo(json.dumps(found))
        return
    if not found["results"]:
        click.echo("Nothing waits for a review.")
        return
    _table(
        ("item", "call", "metric", "why"),
        [
            (
                str(item["id"]),
                f"{item['call_log_id']} ({item['call_id']})",
                item["metric"]["name"],
                " ".join(reason["text"] for reason in item["reasons"]),
            )
            for item in found["results"]
        ],
    )
    click.echo(f"{found['counts']['open']} wait for you.")


@review.command("agreement")
@click.option("--metric", required=True, metavar="ID|SLUG", help="The metric.")
@click.option("--version", type=int, help="One version, by its number.")
@as_json_option
def agreement(metric: str, version: int | None, as_json: bool) -> None:
    """Say how far each version of a metric agrees with people."""
    found = Remote().get("/callgauge/v1/review/agreement", metric_id=metric, version=version)
    if as_json:
        click.echo(json.dumps(found))
        return
    for one in found["versions"]:
        stale = f" {one['stale']} answers are stale." if one["stale"] else ""
        click.echo(f"version {one['version']}: {one['words']}{stale}")
    if found["people"]["n"]:
        click.echo(f"people: {found['people']['words']}")


@click.group()
def golden() -> None:
    """Golden sets: calls with known answers, to hold metrics to."""


@golden.command("list")
@as_json_option
def list_sets(as_json: bool) -> None:
    """List golden sets."""
    found = Remote().get("/callgauge/v1/golden-sets", page_size=200)
    if as_json:
        click.echo(json.dumps(found["results"]))
        return
    if not found["results"]:
        click.echo("There are no golden sets. Make one with: callgauge golden create NAME --metric ID")
        return
    rows = [(str(one["id"]), one["name"], str(one["cases"]), one["description"]) for one in found["results"]]
    _table(("id", "name", "cases", "description"), rows)


@golden.command("create")
@click.argument("name")
@click.option("--metric", type=int, metavar="ID", help="Copy people's answers on this metric into it.")
@click.option("--description", default="", help="What the set is for.")
@click.option("--project", type=int, metavar="ID", help="For a key that opens several projects.")
@as_json_option
def create(name: str, metric: int | None, description: str, project: int | None, as_json: bool) -> None:
    """Make a golden set, from what people have answered."""
    server = Remote()
    body = {"name": name, "description": description, "project_id": project}
    made = server.post("/callgauge/v1/golden-sets", body)
    if metric is not None:
        made = server.post(f"/callgauge/v1/golden-sets/{made['id']}/cases", {"metric_id": metric})
    said = f"Golden set {made['id']} ({made['name']}) has {made['cases']} cases."
    click.echo(json.dumps(made) if as_json else said)


@golden.command("add", short_help="Copy people's answers into a golden set.")
@click.argument("golden_set", metavar="ID")
@click.option("--metric", type=int, required=True, metavar="ID", help="The metric that people answered.")
@click.option("--calls", metavar="ID,…", help="Only these calls; else all with an answer that is not stale.")
@as_json_option
def add(golden_set: str, metric: int, calls: str | None, as_json: bool) -> None:
    """Copy people's answers into a golden set; what is in it already is brought up to date."""
    body: dict[str, Any] = {"metric_id": metric}
    if calls:
        body["call_logs"] = [part.strip() for part in calls.split(",") if part.strip()]
    found = Remote().post(f"/callgauge/v1/golden-sets/{golden_set}/cases", body)
    said = f"Put {found['put']} answers into {found['name']}, which has {found['cases']} cases now."
    click.echo(json.dumps(found) if as_json else said)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(*columns)
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    Console().print(table)
