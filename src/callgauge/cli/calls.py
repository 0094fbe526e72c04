"""`callgauge call`: a call with its results, now or then, and all results that it ever had."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click

from callgauge.cli.remote import Remote

SHOWN_CHARS: Final = 200
number = click.argument("call_id", metavar="ID", type=click.IntRange(1))
as_json_option = click.option("--json", "as_json", is_flag=True, help="Print the server's JSON.")


@click.group("call", short_help="Look at a call and at its history.")
def call_group() -> None:
    """Look at a call: its results now, at another time, or by another version, and all that there ever were.

    Talks to the server of CEKURA_API_URL with the key of CEKURA_API_KEY. Nothing is measured.
    """


@call_group.command("show", short_help="Show a call with its results, now or then.")
@number
@click.option("--as-of", metavar="TIME", help="Results as they stood then (ISO 8601).")
@click.option(
    "--metric-version", "versions", multiple=True, metavar="METRIC:N", help="Results of this version."
)
@as_json_option
def show(call_id: int, as_of: str | None, versions: Sequence[str], as_json: bool) -> None:
    """Show a call's results: now, as scored then, or as scored by a version."""
    query = {"as_of": as_of, "metric_version": list(versions) or None}
    found = Remote().get(f"/observability/v2/call-logs/{call_id}/", **query)
    if as_json:
        click.echo(json.dumps(found))
        return
    then = found.get("as_scored")
    success = found["success"] if then is None else then["success_by_todays_rubric"]
    verdict = {True: "success", False: "failure", None: "no verdict"}[success]
    by = "" if then is None else " by today's rubric"
    click.echo(f"Call {found['call_id']} of {found['timestamp']}: {verdict}{by}")
    for row in found["evaluation"]["metrics"]:
        extra = row["extra"]
        model = f", {extra['judge_model']}" if extra["judge_model"] else ""
        words = _value(row["passed"] if row["passed"] is not None else row["enum"] or row["score"])
        if extra.get("outcome") in ("skipped", "failed"):
            words = f"{extra['outcome']} ({extra.get('reason') or extra.get('code')})"
        click.echo(f"  {row['name']}, version {extra['metric_version']}{model}: {words}")
        click.echo(f"    {_short(' '.join(map(str, row['explanation'])))}")
    for metric in () if then is None else then["not_measured"]:
        click.echo(f"  That version of metric {metric} has not measured this call.")


@call_group.command("history", short_help="List all results that a call ever had.")
@number
@click.option("--metric", type=click.IntRange(1), metavar="ID", help="Only of this metric.")
@as_json_option
def history(call_id: int, metric: int | None, as_json: bool) -> None:
    """List every result that a call ever had, the newest first."""
    found = Remote().get(f"/callgauge/v1/calls/{call_id}/history/", metric_id=metric)
    if as_json:
        click.echo(json.dumps(found))
        return
    if not found["metrics"]:
        click.echo("No metric has measured this call.")
    for one in found["metrics"]:
        click.echo(one["name"])
        for row in one["results"]:
            mark = "*" if row["is_current"] else " "
            value = row["outcome"] if row["value"] is None else _value(row["value"])
            model = f", {row['judge_model']}" if row["judge_model"] else ""
            click.echo(
                f" {mark} {row['created_at'][:19]}  version {row['version']}  {value}  "
                f"(result {row['id']}, {row['kind']} {row['rerun']}{model})"
            )


@call_group.command("replay-file", short_help="Save what a result was made from.")
@click.argument("result_id", metavar="RESULT", type=click.IntRange(1))
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to; else callgauge-result-RESULT.json.",
)
def replay_file(result_id: int, output: Path | None) -> None:
    """Save what a result was made from, for callgauge replay. The history of a call names its results."""
    place = output or Path(f"callgauge-result-{result_id}.json")
    partial = place.with_name(f"{place.name}.part")
    server = Remote()
    try:
        with partial.open("wb") as sink:
            server.download(f"/callgauge/v1/results/{result_id}/replay/", sink)
        partial.replace(place)
    except OSError as error:
        raise click.ClickException(f"{place} cannot be written: {error.strerror}.") from None
    finally:
        partial.unlink(missing_ok=True)
    click.echo(place)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "pass" if value else "fail"
    return "no value" if value is None else f"{value:g}" if isinstance(value, (int, float)) else str(value)


def _short(text: str) -> str:
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…"
