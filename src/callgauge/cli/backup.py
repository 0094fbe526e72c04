"""`callgauge backup` and `callgauge restore`: a data folder as one file, and back again."""

from __future__ import annotations

import hashlib
import io
import json
import os
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

import click

from callgauge.cli import bootstrap
from callgauge.cli import data_dir as data_folder

DATABASE: Final = "callgauge.sqlite3"
MANIFEST: Final = "manifest.json"
RECORDINGS: Final = "recordings"
NOT_KEPT: Final = "incoming"
"""Below the recordings: uploads that are not complete."""
FORMAT: Final = 1
COPIED_BYTES: Final = 1024 * 1024
MIGRATIONS: Final = Path(__file__).parents[1] / "store" / "migrations"


class NoBackup(click.ClickException):
    """The file is none of ours, or not whole."""


@click.command("backup", short_help="Save the data folder as one file.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@bootstrap.data_dir_option
def backup(file: Path, data_dir: Path | None) -> None:
    """Write the SQLite database, the secret key and the recordings into FILE, a tar archive.

    The server may go on running and taking in calls: the database is copied as it is at one moment. FILE is
    there only once it is complete. It holds the secret key: keep it as safe as the server.
    """
    folder = _folder(data_dir)
    if not (folder / DATABASE).exists():
        raise click.ClickException(f"There is no SQLite database in {folder}.")
    if file.exists():
        raise click.ClickException(f"{file} is there already. Choose another name.")
    if not file.absolute().parent.is_dir():
        raise click.ClickException(f"There is no folder {file.absolute().parent}.")
    part = file.with_name(f".{file.name}.part")
    try:
        kept, gone = _write(folder, part)
        os.replace(part, file)
    except (OSError, sqlite3.Error) as error:
        raise click.ClickException(f"The backup failed: {error}.") from None
    finally:
        part.unlink(missing_ok=True)
    click.echo(f"{file}: {file.stat().st_size / 1e6:.1f} MB, {kept} recordings.")
    if gone:
        click.echo(f"{gone} recordings were deleted while the backup was written.", err=True)


@click.command("restore", short_help="Make a data folder from a backup.")
@click.argument("file", type=click.Path(dir_okay=False, exists=True, path_type=Path))
@click.option("-f", "--force", is_flag=True, help="Put the database that is there aside.")
@bootstrap.data_dir_option
def restore(file: Path, force: bool, data_dir: Path | None) -> None:
    """Fill the data folder from FILE, which callgauge backup wrote. The server must be stopped.

    The whole file is checked before anything is changed. With --force a database that is there already is
    kept beside the new one, with the time in its name.
    """
    folder = _folder(data_dir)
    data_folder.prepare(folder)
    held = data_folder.lock(folder)
    try:
        if (folder / DATABASE).exists() and not force:
            raise click.ClickException(f"{folder} holds a database already; --force puts it aside.")
        with tempfile.TemporaryDirectory(prefix=".restore-", dir=folder) as fresh:
            kept, written_at = _unpack(file, Path(fresh))
            aside = _put_in_place(Path(fresh), folder)
        _note(folder, kept, written_at)
    except OSError as error:
        raise click.ClickException(f"The restore failed: {error}.") from None
    finally:
        held.close()
    click.echo(f"{folder} is as it was in {file}, with {kept} recordings. Start it with callgauge serve.")
    if aside is not None:
        click.echo(f"The database that was there is now {aside}.", err=True)


def _folder(data_dir: Path | None) -> Path:
    loaded = bootstrap.load_options()
    if loaded.database_url:
        raise click.ClickException(
            "The database is PostgreSQL: use pg_dump and pg_restore for it, and copy the secret key and the "
            "recordings (docs/backup.md)."
        )
    return data_dir or loaded.data_dir


# --- writing ---------------------------------------------------------------------------------------------


def _write(folder: Path, part: Path) -> tuple[int, int]:
    """How many recordings are in it, and how many vanished meanwhile."""
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=part.absolute().parent) as near:
        copy = Path(near) / DATABASE
        _copy_database(folder / DATABASE, copy)
        kept = gone = 0
        with part.open("r+b") as file, tarfile.open(fileobj=file, mode="w") as tar:
            key = (folder / data_folder.KEY_FILE).read_bytes() if _has_key(folder) else b""
            manifest = {
                "format": FORMAT,
                "callgauge": version("callgauge"),
                "created_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "database_sha256": _digest(copy),
                "migrations": _migrations_in(copy),
                "secret_key": bool(key),
            }
            _add_bytes(tar, MANIFEST, json.dumps(manifest).encode())
            if key:
                _add_bytes(tar, data_folder.KEY_FILE, key)
            tar.add(copy, DATABASE, recursive=False)
            # After the database: what it names was there when it was copied.
            for path in _recordings(folder):
                try:
                    tar.add(path, path.relative_to(folder).as_posix(), recursive=False)
                    kept += 1
                except FileNotFoundError:
                    gone += 1
            _add_bytes(tar, "end", str(kept).encode())
            tar.close()
            file.flush()
            os.fsync(file.fileno())
    return kept, gone


def _has_key(folder: Path) -> bool:
    return (folder / data_folder.KEY_FILE).exists()


def _copy_database(source: Path, target: Path) -> None:
    """One moment of it, however much is written meanwhile. Raises sqlite3.Error."""
    with (
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as live,
        closing(sqlite3.connect(target)) as copy,
    ):
        live.backup(copy)
        found = copy.execute("PRAGMA quick_check").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(f"the database is damaged: {found}")


def _recordings(folder: Path) -> Iterator[Path]:
    root = folder / RECORDINGS
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.relative_to(root).parts[0] != NOT_KEPT:
            yield path


def _add_bytes(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = len(content), 0o600, int(time.time())
    tar.addfile(member, io.BytesIO(content))


def _migrations_in(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as rows:
        found = rows.execute("SELECT name FROM django_migrations WHERE app = 'store' ORDER BY name")
        return [row[0] for row in found]


# --- reading ---------------------------------------------------------------------------------------------


def _unpack(file: Path, fresh: Path) -> tuple[int, str]:
    """All into a new folder, checked: how many recordings, and when it was written. Raises NoBackup."""
    manifest: dict[str, Any] | None = None
    kept, counted = 0, None
    try:
        with tarfile.open(file, mode="r:") as tar:
            for member in tar:
                source = tar.extractfile(member) if member.isreg() else None
                if source is None or not _is_ours(member.name):
                    raise NoBackup(f"{file} is no backup of Callgauge: {member.name!r} is in it.")
                if member.name == MANIFEST:
                    manifest = json.loads(source.read())
                elif member.name == "end":
                    counted = int(source.read())
                else:
                    kept += member.name.startswith(f"{RECORDINGS}/")
                    _save(source, fresh / member.name)
    except (tarfile.TarError, ValueError, EOFError):
        raise NoBackup(f"{file} is damaged, or no backup of Callgauge. Nothing was changed.") from None
    if manifest is None or manifest.get("format") != FORMAT or counted != kept:
        raise NoBackup(f"{file} is not whole, or no backup of Callgauge. Nothing was changed.")
    if not (fresh / DATABASE).exists() or _digest(fresh / DATABASE) != manifest["database_sha256"]:
        raise NoBackup(f"The database in {file} is damaged. Nothing was changed.")
    newer = set(manifest["migrations"]) - {path.stem for path in MIGRATIONS.glob("0*.py")}
    if newer:
        raise NoBackup(f"{file} was written by Callgauge {manifest['callgauge']}, a newer one. Update first.")
    return kept, str(manifest["created_at"])


def _is_ours(name: str) -> bool:
    if name in (MANIFEST, DATABASE, data_folder.KEY_FILE, "end"):
        return True
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and path.parts[:1] == (RECORDINGS,)


def _save(source: IO[bytes], target: Path) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    target.touch(mode=0o600)
    with target.open("wb") as file:
        while part := source.read(COPIED_BYTES):
            file.write(part)
        file.flush()
        os.fsync(file.fileno())


def _put_in_place(fresh: Path, folder: Path) -> Path | None:
    """Recordings first and the database last: a folder with the new database has all that it names."""
    for path in sorted((fresh / RECORDINGS).rglob("*")):
        if path.is_file():
            target = folder / path.relative_to(fresh)
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.replace(path, target)
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    aside = None
    for name in (f"{DATABASE}-wal", f"{DATABASE}-shm", DATABASE, data_folder.KEY_FILE):
        there = folder / name
        if there.exists() and (name != data_folder.KEY_FILE or (fresh / name).exists()):
            # The log beside the database belongs to it: both get the same new name.
            new = name.replace(DATABASE, f"{DATABASE}.{stamp}") if DATABASE in name else f"{name}.{stamp}"
            os.replace(there, folder / new)
            aside = folder / new if name == DATABASE else aside
    for name in (data_folder.KEY_FILE, DATABASE):
        if (fresh / name).exists():
            os.replace(fresh / name, folder / name)
    return aside


def _note(folder: Path, recordings: int, written_at: str) -> None:
    """In the audit log that came with it."""
    bootstrap.start(folder)
    from django.db import transaction

    from callgauge.flow.audit import record_installation

    with transaction.atomic():
        record_installation("installation.restored", backup_of=written_at, recordings=recordings)


def _digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(COPIED_BYTES):
            found.update(part)
    return found.hexdigest()
