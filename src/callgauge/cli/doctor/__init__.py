"""`callgauge doctor`: is everything in order, and what is this installation able to do?"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import click

from callgauge.cli import bootstrap
from callgauge.cli.doctor import measuring, packages, places
from callgauge.cli.doctor.finding import Finding, State
from callgauge.domain.options import OptionError, Options, load

MARKS: Final = {State.OK: "ok", State.OFF: "off", State.WARNING: "warning", State.FAULT: "FAULT"}
COLORS: Final = {State.OK: "green", State.OFF: "bright_black", State.WARNING: "yellow", State.FAULT: "red"}

Check = Callable[[Options], Iterator[Finding]]


def checks(*, ask_judge: bool) -> Sequence[Check]:
    """A further check is one function, and one line here."""
    return (
        packages.installation,
        places.settings,
        places.folder,
        places.disk,
        places.recordings,
        places.database,
        places.broker,
        measuring.sandbox,
        partial(measuring.judge, ask=ask_judge),
        measuring.speech_to_text,
        packages.extras,
    )


@click.command(short_help="Say whether everything is in order.")
@click.option(
    "--ask-judge", is_flag=True, help="Also put one cheap question to the judge, which is paid for."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@bootstrap.data_dir_option
def doctor(ask_judge: bool, as_json: bool, data_dir: Path | None) -> None:
    """Say whether everything is in order: settings, data folder, disk, database, broker, the sandbox that
    runs Python metrics and why that one, the judge, speech to text, and which extras are installed.

    Changes nothing, and may run beside a server. Ends with 1 where something will not work.
    """
    if data_dir is not None:
        os.environ["CALLGAUGE_DATA_DIR"] = str(data_dir)
    findings = list(_findings(ask_judge))
    if as_json:
        rows = [
            {"check": one.check, "state": one.state, "words": one.words, "facts": one.facts}
            for one in findings
        ]
        click.echo(json.dumps({"ok": not _faulty(findings), "checks": rows}))
    else:
        _show(findings)
    sys.exit(1 if _faulty(findings) else 0)


def _findings(ask_judge: bool) -> Iterator[Finding]:
    try:
        loaded = load(os.environ)
    except OptionError as error:
        for line in str(error).splitlines():
            yield Finding("settings", State.FAULT, line)
        return
    try:
        bootstrap.without_database()
    except click.ClickException as error:
        yield Finding("settings", State.FAULT, error.message)
        return
    for check in checks(ask_judge=ask_judge):
        yield from check(loaded)


def _faulty(findings: Sequence[Finding]) -> bool:
    return any(one.state is State.FAULT for one in findings)


def _show(findings: Sequence[Finding]) -> None:
    width = max(len(one.check) for one in findings)
    for one in findings:
        mark = click.style(f"{MARKS[one.state]:>7}", fg=COLORS[one.state], bold=one.state is State.FAULT)
        click.echo(f"{mark}  {one.check:<{width}}  {one.words}")
