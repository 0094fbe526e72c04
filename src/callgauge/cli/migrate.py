"""`callgauge migrate`: makes or updates the tables, and nothing else."""

from __future__ import annotations

from pathlib import Path

import click

from callgauge.cli import bootstrap


@click.command(short_help="Make or update the tables.")
@click.option("--check", is_flag=True, help="Change nothing; end with 1 where there is something to do.")
@bootstrap.data_dir_option
def migrate(check: bool, data_dir: Path | None) -> None:
    """Make or update the tables, before the first process of a new version starts.

    May run beside servers and workers of the version before. `serve` and `worker` do the same when they
    start; those that start at the same time take turns.
    """
    loaded = bootstrap.start(data_dir, migrate=False)
    from django.db import DatabaseError

    from callgauge.flow.installation import pending_migrations

    try:
        pending = pending_migrations()
    except DatabaseError as error:
        raise click.ClickException(f"The database cannot be used: {' '.join(str(error).split())}") from None
    if check:
        click.echo(f"to do: {', '.join(pending)}" if pending else "The tables are up to date.")
        raise SystemExit(1 if pending else 0)
    bootstrap.migrate_database(loaded.data_dir)
    click.echo(f"done: {', '.join(pending)}" if pending else "The tables were up to date.")
