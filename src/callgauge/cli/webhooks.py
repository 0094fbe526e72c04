"""`callgauge webhook`: what a server has sent and still has to send, sending again, trying an address."""

from __future__ import annotations

import json
import time
from typing import Any, Final

import click

from callgauge.cli.remote import Remote

URL: Final = "/callgauge/v1/webhooks"
POLL_SECS: Final = 0.3
STATES: Final = ("queued", "sending", "delivered", "dead")

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print the server's JSON.")
project_option = click.option("--project", metavar="ID", help="Needed with an organization's key.")


@click.group("webhook", short_help="See, repeat and try the webhooks that are sent.")
def webhook_group() -> None:
    """Webhooks that the server sends: what became of each, and sending it again.

    Talks to the server of CEKURA_API_URL with the key of CEKURA_API_KEY.
    """


@webhook_group.command("list")
@click.option("--project", metavar="ID", help="Only of this project.")
@click.option("--state", type=click.Choice(STATES), help="Only these.")
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True, help="How many to show.")
@as_json_option
def list_webhooks(project: str | None, state: str | None, limit: int, as_json: bool) -> None:
    """List webhooks, the newest first."""
    found = Remote().get(f"{URL}/", project_id=project, state=state, page_size=limit)
    if as_json:
        click.echo(json.dumps(found["results"]))
        return
    if not found["results"]:
        click.echo("There are none.")
        return
    for one in found["results"]:
        click.echo(f"{_moment(one['created_at'])}  {_words(one)}")


@webhook_group.command("show")
@click.argument("uid", metavar="ID")
@as_json_option
def show(uid: str, as_json: bool) -> None:
    """Show a webhook with each of its tries and what it holds."""
    found = Remote().get(f"{URL}/{uid}/")
    if as_json:
        click.echo(json.dumps(found))
        return
    click.echo(_words(found))
    for one in found["tries"]:
        click.echo(f"  {_moment(one['at'])}  {one['url']}  {_outcome(one)}, {one['took_ms']} ms")
        if one["response"]:
            click.echo(f"    {' '.join(one['response'].split())}")
    if found["next_try_at"]:
        click.echo(f"  next try at {_moment(found['next_try_at'])}")
    click.echo(json.dumps(found["payload"], indent=2, ensure_ascii=False))


@webhook_group.command("replay")
@click.argument("uid", metavar="ID", required=False)
@click.option("--dead", is_flag=True, help="All that was given up.")
@click.option("--since", metavar="TIME", help="With --dead: only what was made from this time on (ISO 8601).")
@project_option
@as_json_option
def replay(uid: str | None, dead: bool, since: str | None, project: str | None, as_json: bool) -> None:
    """Send a webhook again, under its id, or all that was given up."""
    if (uid is None) != dead or (since and not dead):
        raise click.UsageError("Say which: an ID, or --dead.")
    server = Remote()
    if uid is not None:
        found = server.post(f"{URL}/{uid}/replay/", {})
        click.echo(json.dumps(found) if as_json else _words(found))
        return
    body = {name: value for name, value in (("project_id", project), ("since", since)) if value}
    found = server.post(f"{URL}/replay/", body)
    click.echo(json.dumps(found) if as_json else f"{found['replayed']} are sent again.")


@webhook_group.command("test")
@project_option
@click.option("--agent", metavar="ID", help="To this agent's address, where it has one.")
@click.option("--wait-secs", type=click.IntRange(1), default=60, show_default=True, help="For its outcome.")
@as_json_option
def test(project: str | None, agent: str | None, wait_secs: int, as_json: bool) -> None:
    """Send a test event, once, and say what came of it."""
    server = Remote()
    body = {name: value for name, value in (("project_id", project), ("agent_id", agent)) if value}
    found = server.post(f"{URL}/test/", body)
    deadline = time.monotonic() + wait_secs
    while found["state"] in ("queued", "sending") and time.monotonic() < deadline:
        time.sleep(POLL_SECS)
        found = server.get(f"{URL}/{found['id']}/")
    click.echo(json.dumps(found) if as_json else _words(found))
    if found["state"] != "delivered":
        raise SystemExit(1)


def _words(found: dict[str, Any]) -> str:
    about = f" of call {found['call_id']}" if found["call_id"] else ""
    last = {"status": found["response_status"], "error": found["error"]}
    said = f"; last try: {_outcome(last)}" if found["error"] or found["response_status"] else ""
    return f"{found['id']}  {found['event']}{about}, {found['state']}{said}"


def _moment(text: str) -> str:
    return text[:19].replace("T", " ")


def _outcome(one: dict[str, Any]) -> str:
    return str(one["error"] or f"answered {one['status']}").rstrip(".")
