"""From a command line to a running Django: data folder, secret, settings, migrations."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import click

from callgauge.cli import data_dir
from callgauge.domain import options
from callgauge.domain.extras import how_to_add

SETTINGS_MODULE = "callgauge.config.settings"


def data_dir_option(command: click.decorators.FC) -> click.decorators.FC:
    return click.option(
        "--data-dir",
        type=click.Path(file_okay=False, path_type=Path),
        help="Folder for the database, the secret key and recordings [CALLGAUGE_DATA_DIR, else ./data].",
    )(command)


def organization_option(what: str) -> Callable[[click.decorators.FC], click.decorators.FC]:
    """`--organization NAME`; without it, `flow.naming.organization_name` says which one is meant."""
    return click.option(
        "--organization", metavar="NAME", help=f"{what} [the only one there is, else `default`]"
    )


def start(folder: Path | None, *, migrate: bool = True) -> options.Options:
    """Load settings and start Django. Raises ClickException for settings that cannot be used."""
    if folder is not None:
        os.environ["CALLGAUGE_DATA_DIR"] = str(folder)
    loaded = load_options()
    if loaded.database_url and find_spec("psycopg") is None:
        raise click.ClickException(f"CALLGAUGE_DATABASE_URL needs the extra scale; {how_to_add('scale')}.")
    data_dir.prepare(loaded.data_dir)
    if not loaded.secret_key:
        os.environ["CALLGAUGE_SECRET_KEY"] = data_dir.secret_keys(loaded.data_dir)
    os.environ["DJANGO_SETTINGS_MODULE"] = SETTINGS_MODULE
    _set_up()
    _act_as_command()
    if migrate:
        migrate_database(loaded.data_dir)
    return loaded


def _act_as_command() -> None:
    from callgauge.flow.audit import Actor, act_as
    from callgauge.store.models import ActorKind

    context = click.get_current_context(silent=True)
    command = "" if context is None else " ".join(["callgauge", *context.command_path.split()[1:]])
    try:
        person = getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        person = f"uid {os.getuid()}"
    act_as(Actor(ActorKind.COMMAND, name=f"{person}: {command}"))


def without_database() -> None:
    """Start Django for its shapes only: no folder is made and no database opened."""
    load_options()
    os.environ["DJANGO_SETTINGS_MODULE"] = SETTINGS_MODULE
    _set_up()


def _set_up() -> None:
    import django
    from django.core.exceptions import ImproperlyConfigured

    try:
        django.setup()
    except ImproperlyConfigured as error:
        raise click.ClickException(str(error)) from None


def load_options() -> options.Options:
    try:
        loaded = options.load(os.environ)
    except options.OptionError as error:
        raise click.ClickException(str(error)) from None
    context = click.get_current_context(silent=True)
    told = set() if context is None else context.meta.setdefault("callgauge.unknown settings", set())
    for name in set(options.unknown(os.environ)) - told:  # some commands load them more than once
        told.add(name)
        click.echo(f"warning: there is no setting {name}; `callgauge settings` lists them", err=True)
    return loaded


def migrate_database(folder: Path) -> None:
    """Create or update the tables; nothing happens where they are up to date. Processes that start at the
    same time, on one data folder or one PostgreSQL database, take turns."""
    from django.core.management import call_command
    from django.db import DatabaseError, connection

    from callgauge.flow.installation import (
        change_tables,
        ensure_installation,
        one_at_a_time,
        pending_migrations,
    )
    from callgauge.flow.sealing import reseal
    from callgauge.store.refusals import DAMAGED, refusal_of

    try:
        with data_dir.migrating(folder), one_at_a_time():
            if pending_migrations():
                change_tables(
                    lambda: call_command("migrate", interactive=False, verbosity=0, stdout=sys.stderr)
                )
            ensure_installation()
            reseal()
    except DatabaseError as error:
        words = f"The database cannot be used: {' '.join(str(error).split())}"
        if refusal_of(error) == DAMAGED and connection.vendor == "sqlite":
            words += f". {bring_back(folder)}"
        raise click.ClickException(words) from None


def bring_back(folder: Path) -> str:
    return f"Bring back a back-up with: callgauge restore FILE --force --data-dir {folder}"
