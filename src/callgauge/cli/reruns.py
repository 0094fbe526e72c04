"""`callgauge rerun`: plan a re-evaluation, start it, follow it, steer it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from callgauge.cli.remote import Remote
from callgauge.domain.money import cost_words

URL: Final = "/callgauge/v1/reruns"
POLL_SECS: Final = 1.0
INTERRUPTED: Final = 130
SHOWN_FLIPS: Final = 10
ENDED: Final = frozenset({"done", "cancelled", "paused"})
Command = TypeVar("Command", bound=Callable[..., Any])

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print the server's JSON.")
number = click.argument("rerun_id", metavar="ID", type=click.IntRange(1))


@click.group("rerun", short_help="Plan, start and steer re-evaluations.")
def rerun_group() -> None:
    """Measure calls again: what it would cost, how far it is, what it changed.

    Talks to the server of CEKURA_API_URL with the key of CEKURA_API_KEY.
    """


def selection(command: Command) -> Command:
    """The options that say which calls and metrics, and how."""
    for option in reversed(
        (
            click.option("--agent", required=True, metavar="ID", help="The agent whose calls are meant."),
            click.option("--all", "every", is_flag=True, help="All of its calls."),
            click.option("--calls", metavar="ID,ID…", help="These calls."),
            click.option("--filter", "filters", metavar="JSON", help="Calls that fit a filter, as in lists."),
            click.option("--view", metavar="NAME", help="Calls that a saved view finds."),
            click.option("--since", metavar="TIME", help="Calls from this time on (ISO 8601)."),
            click.option("--until", metavar="TIME", help="Calls up to this time."),
            click.option("--metric", "metrics", multiple=True, type=int, metavar="ID", help="Only these."),
            click.option(
                "--reuse",
                type=click.Choice(["current"]),
                help="Ask no judge where nothing has changed.",
            ),
            click.option("--max-cost", type=float, metavar="USD", help="Pause at this cost of the judge."),
        )
    ):
        command = option(command)
    return command


@rerun_group.command("plan")
@selection
@click.option("--pilot", is_flag=True, help="Measure 20 of the calls first, and go by what they took.")
@as_json_option
def plan(pilot: bool, as_json: bool, **asked: Any) -> None:
    """Say what a rerun would measure, and what that would cost. Without --pilot nothing is measured."""
    body, server = _body(**asked), Remote()
    if pilot:
        tried = wait_for(server, server.post(f"{URL}/pilot/", body)["id"], quiet=as_json)
        if not as_json:
            click.echo(f"Pilot: {tried['total_calls']} calls measured, {_cost(tried)}.")
    found = server.post(f"{URL}/plan/", body)
    if as_json:
        click.echo(json.dumps(found))
        return
    click.echo(found["summary"])
    if found["metrics"]:
        from rich.console import Console
        from rich.table import Table

        table = Table(
            "metric", "version", *(name.replace("_", " ") for name in _shown_states(found)), "measure"
        )
        for one in found["metrics"]:
            states = [str(one["states"][name]) for name in _shown_states(found)]
            table.add_row(one["name"], str(one["version"]), *states, str(one["to_measure"]))
        Console().print(table)


@rerun_group.command("start")
@selection
@click.option("--notify", is_flag=True, help="Send webhooks for its calls, as for new ones.")
@click.option("--wait", is_flag=True, help="Wait for its end.")
@as_json_option
def start(notify: bool, wait: bool, as_json: bool, **asked: Any) -> None:
    """Start a rerun and print its id."""
    body, server = _body(**asked) | {"notify": notify}, Remote()
    found = server.post(f"{URL}/", body)
    if wait:
        found = wait_for(server, found["id"], quiet=as_json)
    click.echo(json.dumps(found) if as_json else in_words(found))


@rerun_group.command("list")
@click.option("--agent", metavar="ID", help="Only of this agent.")
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True, help="How many to show.")
@as_json_option
def list_reruns(agent: str | None, limit: int, as_json: bool) -> None:
    """List reruns, the newest first."""
    found = Remote().get(f"{URL}/", agent_id=agent, page_size=limit)
    if as_json:
        click.echo(json.dumps(found["results"]))
        return
    if not found["results"]:
        click.echo("There are no reruns. Start one with: callgauge rerun start --agent ID --all")
    for one in found["results"]:
        click.echo(in_words(one))


@rerun_group.command("status")
@number
@click.option("--wait", is_flag=True, help="Wait for its end.")
@as_json_option
def status(rerun_id: int, wait: bool, as_json: bool) -> None:
    """Say how far a rerun is."""
    server = Remote()
    found = wait_for(server, rerun_id, quiet=as_json) if wait else server.get(f"{URL}/{rerun_id}/")
    click.echo(json.dumps(found) if as_json else in_words(found))


@rerun_group.command("pause")
@number
@as_json_option
def pause(rerun_id: int, as_json: bool) -> None:
    """Ask nothing new; what is on its way is kept."""
    _steer(rerun_id, "pause", {}, as_json)


@rerun_group.command("resume")
@number
@click.option("--max-cost", type=float, metavar="USD", help="A new cap for all that it costs.")
@as_json_option
def resume(rerun_id: int, max_cost: float | None, as_json: bool) -> None:
    """Go on where it was paused."""
    _steer(rerun_id, "resume", {} if max_cost is None else {"max_cost_usd": max_cost}, as_json)


@rerun_group.command("cancel")
@number
@as_json_option
def cancel(rerun_id: int, as_json: bool) -> None:
    """End it; what is measured stays."""
    _steer(rerun_id, "cancel", {}, as_json)


@rerun_group.command("retry-failed")
@number
@as_json_option
def retry_failed(rerun_id: int, as_json: bool) -> None:
    """Measure once more what failed, and nothing else."""
    _steer(rerun_id, "retry_failed", {}, as_json)


@rerun_group.command("diff")
@number
@click.option("--against", type=click.IntRange(1), metavar="ID", help="Another rerun; else what was before.")
@as_json_option
def diff(rerun_id: int, against: int | None, as_json: bool) -> None:
    """Say what a rerun changed, and how much of it may be chance."""
    found = Remote().get(f"{URL}/{rerun_id}/diff/", against=against)
    if as_json:
        click.echo(json.dumps(found))
        return
    click.echo(found["summary"])
    for one in found["metrics"]:
        head = f"{one['name']}, version {one['before_version']} to {one['after_version']}"
        said = "" if one["words"] == found["summary"] else f" {one['words']}"
        click.echo(f"{head}:{said}")
        for flip in one["flipped_calls"][:SHOWN_FLIPS]:
            before, after = (_value(flip[side]) for side in ("before", "after"))
            click.echo(f"  {flip['call_id']}: {before} -> {after}")
        if (more := len(one["flipped_calls"]) - SHOWN_FLIPS) > 0:
            click.echo(f"  and {more} more; --json has them all")


def _value(side: dict[str, Any]) -> str:
    value = side["value"]
    if isinstance(value, bool):
        return "pass" if value else "fail"
    return str(side["outcome"] if value is None else value).replace("_", " ")


def _steer(rerun_id: int, action: str, body: dict[str, Any], as_json: bool) -> None:
    found = Remote().post(f"{URL}/{rerun_id}/{action}/", body)
    click.echo(json.dumps(found) if as_json else in_words(found))


def _body(
    agent: str,
    every: bool,
    calls: str | None,
    filters: str | None,
    view: str | None,
    since: str | None,
    until: str | None,
    metrics: tuple[int, ...],
    reuse: str | None,
    max_cost: float | None,
) -> dict[str, Any]:
    narrowed = any((filters, view, since, until))
    if (every or narrowed) == (calls is not None) and not (narrowed and calls):
        raise click.ClickException(
            "Say which calls: --all, --calls ID,ID, or --filter, --view, --since and --until."
        )
    ids = None if calls is None else [part.strip() for part in calls.split(",") if part.strip()]
    body: dict[str, Any] = {"agent_id": agent, "call_logs": "all" if ids is None else ids}
    if metrics:
        body["metrics"] = list(metrics)
    given = {
        "filters": filters,
        "view": view,
        "since": since,
        "until": until,
        "reuse": reuse,
        "max_cost_usd": max_cost,
    }
    return body | {name: value for name, value in given.items() if value is not None}


def wait_for(server: Remote, rerun_id: int, *, quiet: bool) -> Any:
    """The rerun at its end. Ctrl-C ends the waiting, not the rerun: it says so, for that may cost money."""
    try:
        return _at_its_end(server, rerun_id, quiet=quiet)
    except KeyboardInterrupt:
        click.echo(
            f"Rerun {rerun_id} goes on. See callgauge rerun status {rerun_id}, or end it with: "
            f"callgauge rerun cancel {rerun_id}",
            err=True,
        )
        sys.exit(INTERRUPTED)


def _at_its_end(server: Remote, rerun_id: int, *, quiet: bool) -> Any:
    last = None
    while True:
        found = server.get(f"{URL}/{rerun_id}/")
        words = in_words(found)
        if not quiet and words != last and found["state"] not in ENDED:
            click.echo(words, err=True)
        if found["state"] in ENDED:
            return found
        last = words
        time.sleep(POLL_SECS)


def in_words(found: dict[str, Any]) -> str:
    done = found["scored"] + found["skipped"] + found["failed"]
    parts = [
        f"Rerun {found['id']}: {found['state']}, {done:,} of {found['total']:,} results",
        f"{found['scored']:,} scored, {found['skipped']:,} skipped, {found['failed']:,} failed",
    ]
    if found["reused"]:
        parts.append(f"{found['reused']:,} of them left as they were")
    asked = "request" if found["judge_requests"] == 1 else "requests"
    parts.append(f"{found['judge_requests']:,} judge {asked}, {_cost(found)}")
    if found["secs_left"] is not None:
        parts.append(f"about {found['secs_left']:.0f} s left")
    return "; ".join(parts) + (f". {found['message']}" if found["message"] else ".")


def _cost(found: dict[str, Any]) -> str:
    return cost_words(found["cost_usd"], found["unpriced_requests"])


def _shown_states(found: dict[str, Any]) -> list[str]:
    return [name for name, count in found["states"].items() if count]
