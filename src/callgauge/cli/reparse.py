"""`callgauge reparse`: turns made anew from what providers sent."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import click

from callgauge.cli import bootstrap

INTERRUPTED = 130
SHOWN = 20
"""Changed calls that are named; the summary counts the others."""


@click.command(short_help="Read stored transcripts again.")
@click.option("--agent", "agent_id", type=click.IntRange(1), metavar="ID", help="The calls of one agent.")
@click.option("--call", "call_id", type=click.IntRange(1), metavar="ID", help="One call log, by its number.")
@click.option("--all", "everything", is_flag=True, help="Every call.")
@click.option("--dry-run", is_flag=True, help="Say what would change and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
@bootstrap.data_dir_option
def reparse(
    agent_id: int | None,
    call_id: int | None,
    everything: bool,
    dry_run: bool,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Read again what providers sent, with the transcript parsers of this version.

    Results stay as they are. Measure changed calls again with a rerun.

    Exits with 0 when all could be read, 1 when some could not, 2 for a wrong command line.
    """
    if sum((agent_id is not None, call_id is not None, everything)) != 1:
        raise click.UsageError("Name the calls by one of --agent, --call or --all.")
    bootstrap.start(data_dir)
    from callgauge.flow.reparsing import Reread, calls_to_read, reread_calls

    calls = calls_to_read(agent_id=agent_id, call_id=call_id)
    total = calls.count()
    if not total:
        raise click.UsageError("There are no such calls.")
    counts: Counter[str] = Counter()
    cut_short = False
    with click.progressbar(length=total, label="reading", file=sys.stderr) as bar:
        try:
            for reread in reread_calls(calls, dry_run=dry_run):
                counts[reread.became.value] += 1
                bar.update(1)
                if as_json:
                    continue
                if reread.became is Reread.CHANGED and counts["changed"] <= SHOWN:
                    click.echo(f"call {reread.call_id}: {reread.before} turns -> {reread.after}")
                elif reread.became is Reread.REFUSED:
                    click.echo(f"call {reread.call_id}: {reread.problem}", err=True)
        except KeyboardInterrupt:
            cut_short = True
    _report(counts, total, dry_run=dry_run, as_json=as_json, cut_short=cut_short)
    if cut_short:
        sys.exit(INTERRUPTED)
    if counts["refused"]:
        sys.exit(1)


def _report(counts: Counter[str], total: int, *, dry_run: bool, as_json: bool, cut_short: bool) -> None:
    numbers = {name: counts[name] for name in ("changed", "same", "gone", "refused")}
    if as_json:
        click.echo(json.dumps({"calls": total, **numbers, "dry_run": dry_run, "cut_short": cut_short}))
        return
    would = "would change" if dry_run else "changed"
    click.echo(
        f"{counts.total():,} of {total:,} calls read: {numbers['changed']:,} {would}, {numbers['same']:,} as "
        f"before, {numbers['gone']:,} without what was sent, {numbers['refused']:,} could not be read."
    )
    if cut_short:
        click.echo("Stopped. What was read is stored; run it again for the rest.")
    elif numbers["changed"] and not dry_run:
        click.echo("Results stay as they were: measure these calls again with a rerun.")
