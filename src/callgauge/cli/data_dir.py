"""The data folder: made private, used by one server at a time, holding the key that signs."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import click

from callgauge.domain.options import Options

KEY_FILE = "secret_key"
SERVER_ID_FILE = "server_id"
LOCK_FILE = "lock"
ADDRESS_FILE = "address"
USUAL_ADDRESS = "http://127.0.0.1:8000"
MIGRATION_FILE = "migration.lock"
KEPT_SECRETS = 3
"""The one that signs and two that are still accepted."""


def prepare(path: Path) -> None:
    """Make the folder, for its owner only. Raises ClickException with what is wrong."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = path / f".writable.{os.getpid()}"
        probe.touch()
        probe.unlink(missing_ok=True)
    except OSError as error:
        raise click.ClickException(f"The data folder {path} cannot be used: {error.strerror}.") from None


@contextmanager
def migrating(path: Path) -> Iterator[None]:
    """One process at a time makes or changes the tables; the others wait and then find them made."""
    with (path / MIGRATION_FILE).open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def lock(path: Path) -> IO[str]:
    """Hold the folder until the process ends, however it ends. Raises ClickException when it is in use."""
    file = (path / LOCK_FILE).open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        holder = file.read().strip()
        file.close()
        who = f" by process {holder}" if holder else ""
        raise click.ClickException(
            f"The data folder {path} is in use{who}. Stop that server, or choose another --data-dir."
        ) from None
    file.seek(0)
    file.truncate()
    file.write(str(os.getpid()))
    file.flush()
    return file


def secret_keys(path: Path) -> str:
    """The secret keys of the folder, parted by commas; the first is made when there is none."""
    return ",".join(_lines(_made_once(path / KEY_FILE)))


def rotate_secret(path: Path) -> None:
    """Put a new secret key first; what the two before it signed or sealed stays valid."""
    file = path / KEY_FILE
    keys = [secrets.token_urlsafe(50), *_lines(_made_once(file))][:KEPT_SECRETS]
    fresh = file.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text("\n".join(keys) + "\n")
    fresh.replace(file)


def server_id(path: Path) -> str:
    """Tells the servers of this folder from those of other hosts on the same database."""
    return _made_once(path / SERVER_ID_FILE).strip()[:32]


def _made_once(file: Path) -> str:
    """The text of a file; made with a random one when missing, whole or not at all, for its owner only."""
    if not file.exists():
        fresh = file.with_name(f"{file.name}.{os.getpid()}")
        fresh.touch(mode=0o600)
        with fresh.open("w") as file_now:
            file_now.write(secrets.token_urlsafe(50) + "\n")
            file_now.flush()
            os.fsync(file_now.fileno())  # a power cut must not leave an empty key
        try:
            os.link(fresh, file)  # fails where another process was first, whose text then counts
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return file.read_text()


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def note_address(path: Path, address: str) -> None:
    """Remember where the folder's server listens, for the commands that print a link to it."""
    (path / ADDRESS_FILE).write_text(address + "\n", encoding="utf-8")


def address(loaded: Options) -> str:
    """Where people reach the server: as the operator says, else where it listens or did last, else where one
    usually does. Without a last slash."""
    if loaded.public_url:
        return loaded.public_url.rstrip("/")
    try:
        return (loaded.data_dir / ADDRESS_FILE).read_text(encoding="utf-8").strip() or USUAL_ADDRESS
    except OSError:
        return USUAL_ADDRESS
