"""`callgauge settings` and `callgauge rotate-secret`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from callgauge.cli import bootstrap
from callgauge.cli import data_dir as folders
from callgauge.domain.options import OPTIONS

INDENT = "    "


@click.command(short_help="List every setting.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def settings(as_json: bool) -> None:
    """List every setting: its variable, type, default, and whether it is set here."""
    rows = [
        {
            "variable": option.variable,
            "type": option.kind,
            "default": option.default,
            "help": option.help,
            "secret": option.secret,
            "set": option.variable in os.environ or f"{option.variable}_FILE" in os.environ,
        }
        for option in OPTIONS
    ]
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:  # no table: a variable's name, of which some are long, must be there whole to be copied
        default = f", {row['default']} by default" if row["default"] != "" else ""
        secret = ", secret" if row["secret"] else ""
        click.echo(f"{row['variable']}  ({row['type']}{secret}{default}){'  * set' if row['set'] else ''}")
        click.echo(click.wrap_text(str(row["help"]), initial_indent=INDENT, subsequent_indent=INDENT))
    click.echo("\n* set: it is set here. A secret may stand in a file instead: set NAME_FILE to its path.")


@click.command("rotate-secret", short_help="Make a new secret key.")
@bootstrap.data_dir_option
def rotate_secret(data_dir: Path | None) -> None:
    """Make a new secret key; what the old one signed or encrypted stays valid.

    Restart the server afterwards.
    """
    loaded = bootstrap.load_options()
    if loaded.secret_key:
        raise click.ClickException(
            "CALLGAUGE_SECRET_KEY is set: put a new key before the old one there, parted by a comma."
        )
    bootstrap.start(data_dir)
    from django.db import transaction

    from callgauge.flow.audit import record_installation

    with transaction.atomic():
        record_installation("secret_key.rotated")
        folders.rotate_secret(data_dir or loaded.data_dir)
    click.echo("A new secret key is in place. Restart the server to use it.")
