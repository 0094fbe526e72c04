"""`callgauge version`, `shadow`, `noise`: versions beside the one in use, and the noise of the judge."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import IO, Any, Final, TypeVar

import click

from callgauge.cli.metrics import read_bodies
from callgauge.cli.remote import Remote
from callgauge.cli.reruns import in_words, wait_for

URL: Final = "/callgauge/v1/metrics"
Command = TypeVar("Command", bound=Callable[..., Any])

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print the server's JSON.")
metric_option = click.option(
    "--metric", "metric_id", required=True, type=click.IntRange(1), metavar="ID", help="The metric."
)


def version_option(words: str) -> Callable[[Command], Command]:
    return click.option("--version", "number", required=True, type=click.IntRange(1), metavar="N", help=words)


@click.group("version", short_help="Make and use versions of a metric.")
def version_group() -> None:
    """Make versions of a metric that are not in use yet, and choose the one that is.

    Talks to the server of CEKURA_API_URL with the key of CEKURA_API_KEY.
    """


@version_group.command("draft", short_help="Make a version that is not in use.")
@click.argument("file", type=click.File(encoding="utf-8"))
@metric_option
@as_json_option
def draft(file: IO[str], metric_id: int, as_json: bool) -> None:
    """Make a version that is not in use, and print its number.

    FILE holds the fields that shall differ from the version in use, as one JSON object; - reads standard
    input. A FILE that ends with .py is the new script of a Python metric.
    """
    bodies = read_bodies(file, change=True)
    if len(bodies) != 1:
        raise click.UsageError("A draft is one JSON object.")
    found = Remote().post(f"{URL}/{metric_id}/drafts/", bodies[0])
    words = f"Version {found['draft']} of “{found['name']}” is made; version {found['version']} is in use."
    click.echo(json.dumps(found) if as_json else words)


@version_group.command("use", short_help="Measure with a version from now on.")
@metric_option
@version_option("Its number.")
@as_json_option
def use(metric_id: int, number: int, as_json: bool) -> None:
    """Measure with a version from now on, an older one or a draft. Nothing is computed by this."""
    found = Remote().post(f"{URL}/{metric_id}/use/", {"version": number})
    words = f"Version {found['version']} of “{found['name']}” is in use."
    click.echo(json.dumps(found) if as_json else words)


@click.group("shadow", short_help="Let a version measure beside the one in use.")
def shadow_group() -> None:
    """Let a version measure the calls that come in, beside the one in use. It decides nothing.

    Talks to the server of CEKURA_API_URL with the key of CEKURA_API_KEY.
    """


@shadow_group.command("start")
@metric_option
@version_option("The version that measures beside.")
@as_json_option
def start(metric_id: int, number: int, as_json: bool) -> None:
    """Start a shadow; another one of the metric ends."""
    _show(Remote().post(f"{URL}/{metric_id}/shadow/", {"version": number}), as_json)


@shadow_group.command("status", short_help="Say which version measures beside.")
@metric_option
@as_json_option
def status(metric_id: int, as_json: bool) -> None:
    """Say which version measures beside the one in use."""
    _show(Remote().get(f"{URL}/{metric_id}/shadow/"), as_json)


@shadow_group.command("stop")
@metric_option
@as_json_option
def stop(metric_id: int, as_json: bool) -> None:
    """Stop the shadow; its results stay."""
    server = Remote()
    server.delete(f"{URL}/{metric_id}/shadow/")
    _show(server.get(f"{URL}/{metric_id}/shadow/"), as_json)


@shadow_group.command("diff", short_help="Compare the shadow with the version in use.")
@metric_option
@as_json_option
def diff(metric_id: int, as_json: bool) -> None:
    """Compare the version in use with its shadow, on the calls that both have measured."""
    server = Remote()
    found = server.get(f"{URL}/{metric_id}/shadow/")
    if found["shadow"] is None:
        raise click.ClickException(f"No version measures beside “{found['name']}”.")
    numbers = {"before": found["version"], "after": found["shadow"]["version"]}
    difference = server.get(f"{URL}/{metric_id}/diff/", **numbers)
    click.echo(json.dumps(difference) if as_json else difference["summary"])


def _show(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(found))
        return
    shadow = found["shadow"]
    beside = "none beside it" if shadow is None else f"version {shadow['version']} beside it"
    click.echo(f"“{found['name']}”: version {found['version']} is in use, {beside}.")


@click.group("noise", short_help="See how far the judge agrees with itself.")
def noise_group() -> None:
    """See how far the judge agrees with itself on the same version of the same calls.

    Talks to the server of CEKURA_API_URL with the key of CEKURA_API_KEY.
    """


@noise_group.command("measure", short_help="Judge calls several times more.")
@metric_option
@click.option("--agent", required=True, metavar="ID", help="The agent whose calls are judged.")
@click.option("--calls", type=click.IntRange(1), default=50, show_default=True, help="How many, spread.")
@click.option("--times", type=click.IntRange(1), default=2, show_default=True, help="How often.")
@click.option("--max-cost", type=float, metavar="USD", help="Pause each round at this cost.")
@click.option("--wait", is_flag=True, help="Wait for the end, and say what came of it.")
@as_json_option
def measure(
    metric_id: int, agent: str, calls: int, times: int, max_cost: float | None, wait: bool, as_json: bool
) -> None:
    """Judge calls several times more. These results never become current, and decide nothing."""
    server = Remote()
    body = {"agent_id": agent, "calls": calls, "times": times}
    if max_cost is not None:
        body["max_cost_usd"] = max_cost
    made = server.post(f"{URL}/{metric_id}/noise/", body)
    if wait:
        for one in made["reruns"]:
            wait_for(server, one["id"], quiet=as_json)
        _say(server.get(f"{URL}/{metric_id}/noise/"), as_json)
    elif as_json:
        click.echo(json.dumps(made))
    else:
        for one in made["reruns"]:
            click.echo(in_words(one))


@noise_group.command("show", short_help="Say what was measured of the judge's noise.")
@metric_option
@as_json_option
def show(metric_id: int, as_json: bool) -> None:
    """Say how often the judge contradicts itself with the version in use, as far as it was measured."""
    _say(Remote().get(f"{URL}/{metric_id}/noise/"), as_json)


def _say(found: dict[str, Any], as_json: bool) -> None:
    click.echo(json.dumps(found) if as_json else found["words"])
