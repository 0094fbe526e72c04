"""`callgauge move-database`: from SQLite to PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import click

from callgauge.cli import bootstrap
from callgauge.cli import data_dir as data_folder

TARGET = "target"


@click.command("move-database", short_help="Move everything from SQLite to PostgreSQL.")
@click.option("--to", "url", required=True, metavar="URL", help="postgresql://USER:PASSWORD@HOST:PORT/NAME")
@bootstrap.data_dir_option
def move_database(url: str, data_dir: Path | None) -> None:
    """Copy every row of a data folder's SQLite database into an empty PostgreSQL database.

    Stop the server first. All or nothing: when it fails, PostgreSQL is as empty as before, and SQLite is only
    read. Afterwards set CALLGAUGE_DATABASE_URL to the same address and start the server again with the same
    data folder, which still holds the secret key and the recordings.
    """
    loaded = bootstrap.load_options()
    if loaded.database_url:
        raise click.ClickException("Unset CALLGAUGE_DATABASE_URL: this command reads the SQLite database.")
    folder = data_dir or loaded.data_dir
    if not (folder / "callgauge.sqlite3").exists():
        raise click.ClickException(f"There is no SQLite database in {folder}.")
    data_folder.prepare(folder)
    held = data_folder.lock(folder)
    bootstrap.start(data_dir)
    try:
        moved = _move(url)
    finally:
        held.close()
    click.echo(f"{moved} rows moved. Set CALLGAUGE_DATABASE_URL to that address and start the server.")


def _move(url: str) -> int:
    from django.conf import settings
    from django.core.management import call_command
    from django.db import DatabaseError, connections

    from callgauge.flow.moving import CannotMove, move
    from callgauge.store.database import postgresql

    try:
        databases = {"default": settings.DATABASES["default"], TARGET: postgresql(url)}
        connections.settings = connections.configure_settings(databases)
        call_command("migrate", database=TARGET, interactive=False, verbosity=0)
        return move("default", TARGET, _show)
    except ValueError as error:
        raise click.ClickException(f"--to: {error}") from None
    except CannotMove as error:
        raise click.ClickException(str(error)) from None
    except DatabaseError as error:
        raise click.ClickException(f"PostgreSQL cannot be used: {' '.join(str(error).split())}") from None


def _show(table: str, done: int, total: int) -> None:
    if done == total or done % 10_000 == 0:
        click.echo(f"{table}: {done} of {total}", err=True)
