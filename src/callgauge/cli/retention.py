"""`callgauge retention`: how long a project keeps its calls and recordings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from callgauge.cli import bootstrap

FOREVER = "forever"


class Days(click.ParamType):  # type: ignore[type-arg]  # generic only in newer versions of click
    name = "DAYS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value).strip().lower()
        if not (text == FOREVER or (text.isascii() and text.isdigit() and len(text) < 7)):
            self.fail(f"write a number of days, or {FOREVER}.", param, ctx)
        return text


@click.command(short_help="Say how long calls and recordings are kept.")
@click.option("--project", required=True, help="The project's name.")
@bootstrap.organization_option("Whose project it is.")
@click.option("--calls", type=Days(), help="Days that calls are kept, with all that was found in them.")
@click.option("--recordings", type=Days(), help="Days that recordings are kept.")
@click.option("--yes", is_flag=True, help="Do not ask before calls are deleted.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@bootstrap.data_dir_option
def retention(
    project: str,
    organization: str | None,
    calls: str | None,
    recordings: str | None,
    yes: bool,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Show or set how long a project keeps its calls and their recordings.

    Everything is kept forever until a number of days is set. A running server or worker then deletes what is
    older, within minutes and for good.
    """
    bootstrap.start(data_dir)
    from callgauge.flow.errors import FlowError
    from callgauge.flow.naming import organization_name
    from callgauge.flow.retention import overdue, set_retention
    from callgauge.store.models import Project

    try:
        organization = organization_name(organization)
    except FlowError as error:
        raise click.ClickException(str(error)) from None
    found = Project.objects.filter(name=project, organization__name=organization).first()
    if found is None:
        raise click.ClickException(f"There is no project {project!r} in the organization {organization!r}.")
    if calls is not None:
        found.keep_calls_days = _days(calls)
    if recordings is not None:
        found.keep_recordings_days = _days(recordings)
    due = overdue(found)
    changed = calls is not None or recordings is not None
    if changed and (due.calls or due.recordings) and not yes:
        click.confirm(
            f"This deletes {due.calls} calls and {due.recordings} recordings for good. Go on?",
            abort=True,
            err=True,
        )
    if changed:
        try:
            set_retention(found, calls_days=found.keep_calls_days, recordings_days=found.keep_recordings_days)
        except FlowError as error:
            raise click.ClickException(str(error)) from None
    if as_json:
        kept = {"calls_days": found.keep_calls_days, "recordings_days": found.keep_recordings_days}
        click.echo(json.dumps(kept | {"overdue_calls": due.calls, "overdue_recordings": due.recordings}))
        return
    for what, days, late in (
        ("Calls", found.keep_calls_days, due.calls),
        ("Recordings", found.keep_recordings_days, due.recordings),
    ):
        how = "forever" if days is None else f"for {days} days; {late} are older"
        click.echo(f"{what} of {project} are kept {how}.")


def _days(text: str) -> int | None:
    return None if text == FOREVER else int(text)
