"""`callgauge user`: accounts for people, and the links that let them in."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from callgauge.cli import bootstrap
from callgauge.cli.data_dir import address

ROLES = ("owner", "member", "viewer")


def role_option(command: click.decorators.FC) -> click.decorators.FC:
    return click.option(
        "--role", type=click.Choice(ROLES), default="member", show_default=True, help="What they may do."
    )(command)


@click.group(short_help="Accounts for people.")
def user() -> None:
    """Make accounts for people, invite them, and let them set a new password."""


@user.command(short_help="Make an account.")
@click.option("--email", prompt="E-mail", help="The address to sign in with.")
@click.option("--name", default="", help="What others see.")
@click.option("--owner", is_flag=True, help="Short for --role owner.")
@role_option
@bootstrap.organization_option("Made when missing.")
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input, not by a prompt."
)
@bootstrap.data_dir_option
def create(
    email: str,
    name: str,
    owner: bool,
    role: str,
    organization: str | None,
    password_stdin: bool,
    data_dir: Path | None,
) -> None:
    """Make an account. The password is asked for: on a command line others could read it."""
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    bootstrap.start(data_dir)
    from callgauge.flow.errors import FlowError
    from callgauge.flow.naming import organization_name
    from callgauge.flow.people import NewAccount, create_user
    from callgauge.store.models import Role

    chosen = Role.OWNER if owner else Role(role)
    try:
        organization = organization_name(organization)
        made = create_user(NewAccount(email, password, name), organization, chosen)
    except FlowError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{made.email} is {chosen.value} of {organization!r} and can sign in.")


@user.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@bootstrap.data_dir_option
def list_users(as_json: bool, data_dir: Path | None) -> None:
    """List accounts with their organizations and roles."""
    bootstrap.start(data_dir)
    from callgauge.store.models import User

    users = list(User.objects.prefetch_related("memberships__organization").order_by("id"))
    roles = {row.pk: {one.organization.name: one.role for one in row.memberships.all()} for row in users}
    if as_json:
        rows = [
            {
                "email": row.email,
                "name": row.name,
                "active": row.is_active,
                "last_sign_in": row.last_login.isoformat() if row.last_login else None,
                "memberships": roles[row.pk],
            }
            for row in users
        ]
        click.echo(json.dumps(rows))
        return
    if not users:
        click.echo("There are no accounts. Make one with: callgauge user create --owner")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("e-mail", "name", "organizations", "last sign-in")
    for row in users:
        organizations = ", ".join(f"{name} ({role})" for name, role in roles[row.pk].items())
        seen = row.last_login.isoformat(timespec="seconds") if row.last_login else "never"
        table.add_row(row.email, row.name, organizations or "none", seen)
    Console().print(table)


@user.command(short_help="Print a link that lets somebody in.")
@click.argument("email", default="")
@role_option
@bootstrap.organization_option("Which one they join.")
@bootstrap.data_dir_option
def invite(email: str, role: str, organization: str | None, data_dir: Path | None) -> None:
    """Print a link that makes an account, or adds one to the organization; for EMAIL only, if given."""
    loaded = bootstrap.start(data_dir)
    from callgauge.flow.errors import FlowError
    from callgauge.flow.naming import organization_name
    from callgauge.flow.people import invite_to
    from callgauge.store.models import Organization, Role

    try:
        organization = organization_name(organization)
        found = Organization.objects.filter(name=organization).first()
        if found is None:
            raise click.ClickException(f"There is no organization {organization!r}.")
        secret = invite_to(found, Role(role), email)
    except FlowError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"Works once, for 7 days:\n\n  {address(loaded)}/invitation/{secret}")


@user.command(short_help="Print a link that sets a new password.")
@click.argument("email")
@bootstrap.data_dir_option
def password(email: str, data_dir: Path | None) -> None:
    """Print a link with which the owner of this account sets a new password."""
    loaded = bootstrap.start(data_dir)
    from callgauge.flow.people import find_user, password_link

    found = find_user(email)
    if found is None:
        raise click.ClickException(f"There is no account {email!r}; `callgauge user list` shows them.")
    click.echo(f"Works once, for 2 hours:\n\n  {address(loaded)}/password/{password_link(found)}")
