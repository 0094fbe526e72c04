"""`callgauge preview`: a metric on past calls before it is saved."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import IO, Any, Final

import click

from callgauge.cli.metrics import is_script, read_bodies
from callgauge.cli.remote import Remote, RemoteError

FAMILY: Final = "/test_framework/v2/metrics"
POLL_SECS: Final = 0.5
ENDED: Final = frozenset({"completed", "failed"})
MOST: Final = 20
SHOWN_CHARS: Final = 300


@click.command(short_help="Try a metric on past calls before it is saved.")
@click.argument("file", required=False, type=click.File(encoding="utf-8"))
@click.option("--metric", metavar="ID|SLUG", help="A saved metric; FILE, if given, says what to change.")
@click.option("--call", "calls", multiple=True, type=int, metavar="ID", help="A call; may be repeated.")
@click.option("--last", type=click.IntRange(1, MOST), help="The newest calls instead, so many of them.")
@click.option("--agent", type=int, metavar="ID", help="With --last: only calls of this agent.")
@click.option("--project", type=int, metavar="ID", help="Needed with a key for a whole organization.")
@click.option(
    "--eval-type",
    type=click.Choice(["binary", "numeric", "continuous_qualitative"]),
    default="binary",
    show_default=True,
    help="With a script as FILE: what it gives.",
)
@click.option("--timeout", type=click.IntRange(1), default=600, show_default=True, help="Seconds to wait.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def preview(
    file: IO[str] | None,
    metric: str | None,
    calls: Sequence[int],
    last: int | None,
    agent: int | None,
    project: int | None,
    eval_type: str,
    timeout: int,
    as_json: bool,
) -> None:
    """Try a metric on past calls. Nothing is saved with the calls, and the judge is paid as usual.

    FILE holds a metric as the API takes it, as one JSON object; - reads standard input. A FILE that ends with
    .py is the script of a Python metric. Talks to the server
    of CEKURA_API_URL with the key of CEKURA_API_KEY. Ends with 1 where the metric failed on a call, and with
    2 where the server refused or could not be asked.
    """
    if file is None and metric is None:
        raise click.UsageError("Give a FILE with a metric, or --metric.")
    if bool(calls) == (last is not None):
        raise click.UsageError("Name calls by --call, or take the newest by --last.")
    server = Remote()
    body: dict[str, Any] = {"project_id": project}
    if file is not None:
        bodies = read_bodies(file, change=metric is not None)
        if len(bodies) != 1:
            raise click.UsageError("A preview tries one metric.")
        (data,) = bodies
        body["metric_data"] = {**data, "eval_type": eval_type} if is_script(file) and not metric else data
    if metric is not None:
        body["metric_id"] = server.get(f"{FAMILY}/{metric}", project_id=project)["id"]
    body["call_log_ids"] = list(calls) or _newest(server, last or 0, agent, project)
    asked = server.post(
        f"{FAMILY}/preview", {name: value for name, value in body.items() if value is not None}
    )
    found = _wait(server, asked["progress_id"], timeout)
    if as_json:
        click.echo(json.dumps({**found, "warnings": asked["warnings"]}))
    else:
        _show(found, asked["warnings"])
    failed = found["status"] == "failed" or any(_outcome(row) == "failed" for row in found["results"])
    sys.exit(1 if failed else 0)


def _newest(server: Remote, last: int, agent: int | None, project: int | None) -> list[int]:
    page = server.get(
        "/observability/v1/call-logs/", page_size=last, agent_id=agent, project_id=None if agent else project
    )
    ids = [call["id"] for call in page["results"]][:last]
    if not ids:
        raise RemoteError("There are no calls of the last 30 days to try it on.")
    return ids


def _wait(server: Remote, uid: str, timeout: int) -> Mapping[str, Any]:
    end = time.monotonic() + timeout
    while True:
        found: dict[str, Any] = server.get(f"{FAMILY}/preview-progress", progress_id=uid)
        if found["status"] in ENDED:
            return found
        if time.monotonic() > end:
            raise RemoteError(f"The preview was not done after {timeout} seconds; is an executor running?")
        time.sleep(POLL_SECS)


def _outcome(row: Mapping[str, Any]) -> str:
    return str(row["extra"]["outcome"])


def _show(found: Mapping[str, Any], warnings: Sequence[Mapping[str, str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    for warning in warnings:
        click.echo(f"warning: {warning['message']} [{warning['code']}]", err=True)
    table = Table("call", "outcome", "value", "why", box=SIMPLE_HEAD)
    for row in found["results"]:
        why = " ".join(row["explanation"])
        table.add_row(
            Text(f"{row['call_log_id']} {row['call_id'] or ''}".strip()),
            _outcome(row) + (", low trust" if row["extra"].get("low_trust") else ""),
            Text(_value(row)),
            Text(why if len(why) <= SHOWN_CHARS else f"{why[:SHOWN_CHARS]}…"),
        )
    Console().print(table)
    if found["status"] == "failed":
        click.echo("The preview failed; the server's log says why.", err=True)


def _value(row: Mapping[str, Any]) -> str:
    if row.get("passed") is not None:
        return "true" if row["passed"] else "false"
    for name in ("enum", "score"):
        if row.get(name) not in (None, ""):
            return f"{row[name]:g}" if isinstance(row[name], (int, float)) else str(row[name])
    return ""
