"""`callgauge export`: calls and their results as one file, from a server."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any, Final

import click

from callgauge.cli.remote import Remote, RemoteError

ASK: Final = "/observability/v2/call-logs/export_call_logs/"
PROGRESS: Final = "/observability/v2/call-logs/export_call_logs_progress/"
POLL_SECS: Final = 0.5


@click.command(short_help="Save calls and their results as CSV or Parquet.")
@click.option("--agent", metavar="ID", help="Calls of this agent.")
@click.option("--project", metavar="ID", help="Calls of this project; needed with an organization's key.")
@click.option("--format", "kind", type=click.Choice(["csv", "parquet"]), help="By default what FILE ends in.")
@click.option("--filter", "filters", metavar="JSON", help="Calls that fit a filter, as in lists.")
@click.option("--since", metavar="TIME", help="Calls from this time on (ISO 8601).")
@click.option("--until", metavar="TIME", help="Calls up to this time.")
@click.option("-o", "--output", metavar="FILE", required=True, help="Where to write; - for standard output.")
@click.option("-f", "--force", is_flag=True, help="Replace FILE if it is there.")
def export(
    agent: str | None,
    project: str | None,
    kind: str | None,
    filters: str | None,
    since: str | None,
    until: str | None,
    output: str,
    force: bool,
) -> None:
    """Have the server write calls and their results into one file, and fetch it.

    A row for each call; four columns for each metric. Talks to the server of CEKURA_API_URL with the key of
    CEKURA_API_KEY. FILE is there only once it is complete.
    """
    target = Path(output)
    if output != "-" and target.exists() and not force:
        raise click.ClickException(f"{target} is there already; --force replaces it.")
    if output != "-" and not target.absolute().parent.is_dir():
        raise click.ClickException(f"There is no folder {target.absolute().parent}.")
    chosen = kind or ("parquet" if target.suffix == ".parquet" else "csv")
    server = Remote()
    asked = server.get(
        ASK,
        agent_id=agent,
        project_id=project,
        format=chosen,
        filters_v2=filters,
        timestamp_from=since,
        timestamp_to=until,
    )
    done = _wait(server, asked)
    path = f"/callgauge/v1/exports/{done['progress_id']}/download/"
    if output == "-":
        server.download(path, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    size = _save(server, path, target)
    click.echo(f"{done['completed']} calls, {size / 1e6:.1f} MB: {target}", err=True)


def _wait(server: Remote, shown: dict[str, Any]) -> dict[str, Any]:
    last = None
    while shown["status"] in ("queued", "in_progress"):
        counted = (shown["completed"], shown["total"])
        if counted != last and shown["total"] is not None and sys.stderr.isatty():
            click.echo(f"\r{shown['completed']} of {shown['total']} calls", nl=False, err=True)
        last = counted
        time.sleep(POLL_SECS)
        shown = server.get(PROGRESS, progress_id=shown["progress_id"])
    if sys.stderr.isatty():
        click.echo("\r", nl=False, err=True)
    if shown["status"] != "completed":
        raise RemoteError(shown["error"] or "The export failed.")
    return shown


def _save(server: Remote, path: str, target: Path) -> int:
    """Beside the file first: what broke off must not look like the whole."""
    part = target.with_name(f".{target.name}.part")
    try:
        with part.open("wb") as sink:
            size = server.download(path, sink)
        os.replace(part, target)
    except OSError as error:
        raise click.ClickException(f"{target} cannot be written: {error.strerror}.") from None
    finally:
        part.unlink(missing_ok=True)
    return size
