"""`callgauge import`: one's own calls into the database, without writing HTTP."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from callgauge.cli import bootstrap
from callgauge.cli.import_files import FOLDER_KINDS, READERS, Advance, Row, Unreadable, read_rows
from callgauge.cli.import_recordings import NoSuchRecording, RecordingFiles

if TYPE_CHECKING:
    from rich.progress import Progress

    from callgauge.store.models import Agent

INTERRUPTED = 130
"""Exit code of a program that SIGINT ended, as shells have it."""


class WrongUse(click.ClickException):
    """One line, and the exit code of a wrong command line."""

    exit_code = 2


@click.command("import", short_help="Import calls from files.")
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.option("--agent", "agent_id", required=True, metavar="ID", help="The agent that held the calls.")
@click.option("--project", metavar="NAME|ID", help="Refuse an agent of another project.")
@click.option(
    "--recordings",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="A folder of recordings, each named after its call's id (c-1.wav), or as the row says.",
)
@click.option("--dry-run", is_flag=True, help="Check every row and store nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
@bootstrap.data_dir_option
def import_command(
    source: Path,
    agent_id: str,
    project: str | None,
    recordings: Path | None,
    dry_run: bool,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Import calls from SOURCE: a .jsonl, .json or .csv file, or a folder of .json and .jsonl files.

    Each row is one call, stored whole or not at all; calls that are there already are left alone, so an
    import that was cut short is simply repeated. A running server evaluates the calls as they come in.

    A row may name its recording under `recording`, by a path beside SOURCE or within --recordings.

    Exits with 0 when all rows are in, 1 when some were refused (each with a line on stderr), 2 for a wrong
    command line. `callgauge agent list` shows the ids of agents.
    """
    files = _files(source)
    bootstrap.start(data_dir)
    agent = _agent(agent_id, project)
    run = _Run(agent, dry_run, RecordingFiles(recordings))
    try:
        with _progress(files) as progress:
            for path in files:
                run.file(path, progress)
    except KeyboardInterrupt:
        _report(run, as_json, cut_short=True)
        sys.exit(INTERRUPTED)
    _report(run, as_json)
    if run.counts["refused"]:
        sys.exit(1)


def _files(source: Path) -> list[Path]:
    if not source.is_dir():
        if source.suffix.lower() not in READERS:
            raise WrongUse(f"{source}: the name must end with {', '.join(READERS)}.")
        return [source]
    files = sorted(path for path in source.iterdir() if path.suffix.lower() in FOLDER_KINDS)
    if not files:
        raise WrongUse(f"{source}: the folder has no {' or '.join(FOLDER_KINDS)} files.")
    return files


def _agent(agent_id: str, project: str | None) -> Agent:
    from callgauge.flow.errors import Invalid
    from callgauge.flow.naming import find_agent, find_project

    try:
        return find_agent(agent_id, find_project(project) if project else None)
    except Invalid as error:
        (message,) = (" ".join(texts) for texts in error.messages.values())
        raise WrongUse(f"{message} `callgauge agent list` shows those there are.") from None


@dataclass
class _Run:
    """One import under way: what became of its rows so far."""

    agent: Agent
    dry_run: bool
    recordings: RecordingFiles
    counts: Counter[str] = field(default_factory=Counter)
    _seen: set[int] = field(default_factory=set)
    """Hashes of the call ids of a dry run, which cannot find its own rows in the database."""

    def file(self, path: Path, progress: _Progress) -> None:
        try:
            for item in read_rows(path, progress.read):
                self._item(path, item, progress)
                progress.rows(self.counts)
        except OSError as error:
            self._refuse(f"{path}: {error.strerror}", progress)

    def _item(self, path: Path, item: Row | Unreadable, progress: _Progress) -> None:
        from django.db import DatabaseError

        from callgauge.flow.errors import FlowError
        from callgauge.flow.importing import Imported, import_row
        from callgauge.flow.recordings.files import StoreError

        self.counts["rows"] += 1
        match item:
            case Unreadable(line, reason):
                self._refuse(f"{path}:{line}: {reason}", progress)
            case Row(line, value):
                try:
                    find = partial(self._recording, path)
                    became, call_id = import_row(self.agent, value, find=find, dry_run=self.dry_run)
                except FlowError as error:
                    self._refuse(f"{path}:{line}: {error}", progress)
                    return
                except StoreError as error:
                    raise click.ClickException(
                        f"{path}:{line}: {error}. The rows before it are in; import again to go on."
                    ) from None
                except DatabaseError as error:
                    raise click.ClickException(
                        f"{path}:{line}: the database cannot be used: {str(error).strip()}. "
                        "The rows before it are in; import again to go on."
                    ) from None
                if self.dry_run and became is Imported.ADDED and self._repeated(call_id):
                    became = Imported.KNOWN
                self.counts[became.value] += 1

    def _recording(self, source: Path, call_id: str, named: str) -> Path | None:
        from callgauge.flow.errors import Invalid

        try:
            return self.recordings.find(source, call_id, named)
        except NoSuchRecording as error:
            raise Invalid.field("recording", str(error)) from None

    def _repeated(self, call_id: str) -> bool:
        key = hash(call_id)
        if key in self._seen:
            return True
        self._seen.add(key)
        return False

    def _refuse(self, line: str, progress: _Progress) -> None:
        self.counts["refused"] += 1
        progress.say(" ".join(line.split()))


def _report(run: _Run, as_json: bool, *, cut_short: bool = False) -> None:
    counts = {name: run.counts[name] for name in ("rows", "added", "updated", "known", "refused")}
    counts["recordings"] = len(run.recordings.used)
    if as_json:
        about: dict[str, Any] = {"agent_id": run.agent.pk, "project_id": run.agent.project_id}
        click.echo(json.dumps({**counts, **about, "dry_run": run.dry_run, "cut_short": cut_short}))
        return
    click.echo(_summary(counts, run.dry_run))
    left_over = run.recordings.left_over()
    if left_over and not cut_short:
        files = "1 file belongs" if left_over == 1 else f"{left_over:,} files belong"
        click.echo(f"{files} to none of these calls (in the folder of recordings).", err=True)
    if cut_short:
        click.echo("Stopped. Import the same again to go on; what is in stays in.")
    elif counts["added"] and not run.dry_run:
        click.echo("A running server evaluates them now; otherwise the next `callgauge serve` does.")


def _summary(counts: dict[str, int], dry_run: bool) -> str:
    would = "would be " if dry_run else ""
    parts = [f"{counts['added']:,} {would}added"]
    if counts["updated"]:
        parts.append(f"{counts['updated']:,} {would}updated")
    parts += [f"{counts['known']:,} already there", f"{counts['refused']:,} refused"]
    if counts["recordings"]:
        parts.append(f"{counts['recordings']:,} of them with a recording")
    rows = "1 row" if counts["rows"] == 1 else f"{counts['rows']:,} rows"
    return f"{rows}: {', '.join(parts)}."


class _Progress:
    """Lines on stderr; on a terminal with a bar below them."""

    def __init__(self, bar: Progress | None, total_bytes: int) -> None:
        self._bar = bar
        self._task = bar.add_task("importing", total=total_bytes, rows=0) if bar is not None else None

    @property
    def read(self) -> Advance:
        return self._advance

    def _advance(self, count: int) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task, count)

    def rows(self, counts: Counter[str]) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, rows=counts["rows"])

    def say(self, line: str) -> None:
        if self._bar is not None:
            self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            click.echo(line, err=True)


@contextmanager
def _progress(files: list[Path]) -> Iterator[_Progress]:
    total = sum(path.stat().st_size for path in files)
    if not sys.stderr.isatty():
        yield _Progress(None, total)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        yield _Progress(bar, total)
