"""Settings, data folder, disk, database, broker."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from callgauge.cli import data_dir
from callgauge.cli.doctor.finding import Finding, State
from callgauge.domain.extras import how_to_add
from callgauge.domain.options import OPTIONS, Options, unknown

MIB = 1024 * 1024
LOW_MIB, NO_MIB = 2048, 200
"""SQLite needs room beside the database for its log; recordings are megabytes each."""
NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "ceph", "glusterfs"})
BROKER_SECS = 3.0


def settings(loaded: Options) -> Iterator[Finding]:
    given = [option.variable for option in OPTIONS if _is_set(option.variable)]
    odd = unknown(os.environ)
    if odd:
        words = f"there is no setting {', '.join(odd)}; `callgauge settings` lists them"
        yield Finding("settings", State.WARNING, words, {"set": given, "unknown": odd})
    else:
        yield Finding("settings", State.OK, f"{len(given)} set", {"set": given})


def _is_set(variable: str) -> bool:
    return bool(os.environ.get(variable) or os.environ.get(f"{variable}_FILE"))


def folder(loaded: Options) -> Iterator[Finding]:
    path = loaded.data_dir
    facts: dict[str, Any] = {"path": str(path.absolute())}
    if not path.exists():
        yield Finding("data folder", State.OK, f"{path} is not there yet; the first start makes it", facts)
        return
    fault = _folder_fault(path)
    if fault:
        yield Finding("data folder", State.FAULT, f"{path} {fault}", facts)
        return
    holder = _holder(path)
    words = f"{path}, in use by the server with process {holder}" if holder else f"{path}, not in use"
    open_to_others = stat.S_IMODE(path.stat().st_mode) & 0o077
    kind = file_system(path)
    facts |= {"in_use_by": holder or None, "file_system": kind}
    if kind in NETWORK_FILE_SYSTEMS and not loaded.database_url:
        words += f"; it is on {kind}, and SQLite needs a local disk"
        yield Finding("data folder", State.FAULT, words, facts)
    elif open_to_others:
        words += "; other users of this machine can look into it: chmod 700"
        yield Finding("data folder", State.WARNING, words, facts)
    else:
        yield Finding("data folder", State.OK, words, facts)


def _folder_fault(path: Path) -> str:
    if not path.is_dir():
        return "is no folder"
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return "cannot be read and written by this user"
    return ""


def _holder(path: Path) -> str:
    """The process that holds the folder's lock; empty where nobody does."""
    lock = path / data_dir.LOCK_FILE
    if not lock.exists():
        return ""
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return file.read().strip() or "unknown"
    return ""


def file_system(path: Path) -> str:
    """The type of the mount that holds a path, as Linux names it; empty where that cannot be told."""
    try:
        mounts = Path("/proc/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    where = path.absolute()
    best, kind = -1, ""
    for line in mounts:
        fields = line.split()
        if len(fields) < 3:
            continue
        mount = Path(fields[1].replace("\\040", " "))
        if (mount == where or mount in where.parents) and len(mount.parts) > best:
            best, kind = len(mount.parts), fields[2]
    return kind


def disk(loaded: Options) -> Iterator[Finding]:
    path = loaded.data_dir.absolute()
    there = next(one for one in (path, *path.parents) if one.exists())
    free = shutil.disk_usage(there).free // MIB
    facts = {"free_mb": free}
    words = f"{free:,} MB free where the data folder is"
    if free < NO_MIB:
        yield Finding("disk", State.FAULT, f"{words}: make room before calls are lost", facts)
    elif free < LOW_MIB:
        yield Finding("disk", State.WARNING, f"{words}: recordings and the database will need more", facts)
    else:
        yield Finding("disk", State.OK, words, facts)


def recordings(loaded: Options) -> Iterator[Finding]:
    """Where recordings are kept, with a look into it where it is on another machine."""
    from callgauge.flow.recordings.files import StoreError, files

    if not loaded.recording_store:
        return
    try:
        next(iter(files().places()), None)
    except StoreError as error:
        yield Finding("recordings", State.FAULT, str(error))
        return
    yield Finding("recordings", State.OK, f"{loaded.recording_store} can be read")


def database(loaded: Options) -> Iterator[Finding]:
    from django.db import DatabaseError, connection
    from django.db.migrations.executor import MigrationExecutor

    kind = "PostgreSQL" if loaded.database_url else "SQLite"
    if not loaded.database_url and not (loaded.data_dir / "callgauge.sqlite3").exists():
        yield Finding("database", State.OK, "SQLite, not there yet; the first start makes it", {"kind": kind})
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT sqlite_version()" if kind == "SQLite" else "SHOW server_version")
            (version,) = cursor.fetchone()
        executor = MigrationExecutor(connection)
        left = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    except DatabaseError as error:
        reason = " ".join(str(error).split())
        yield Finding("database", State.FAULT, f"{kind} cannot be used: {reason}", {"kind": kind})
        return
    finally:
        connection.close()
    facts = {"kind": kind, "version": version, "migrations_left": left}
    words = f"{kind} {version}"
    if left:
        words += "; its tables are not up to date, and the next start of the server changes them"
        yield Finding("database", State.WARNING, words, facts)
    else:
        yield Finding("database", State.OK, f"{words}, tables up to date", facts)


def broker(loaded: Options) -> Iterator[Finding]:
    if not loaded.broker_url:
        yield Finding("broker", State.OFF, "none: `callgauge serve` measures by itself")
        return
    try:
        from kombu import Connection
        from kombu.exceptions import KombuError
    except ImportError:
        words = f"CALLGAUGE_BROKER_URL needs the extra scale; {how_to_add('scale')}"
        yield Finding("broker", State.FAULT, words)
        return
    if not loaded.database_url:
        words = "CALLGAUGE_BROKER_URL needs CALLGAUGE_DATABASE_URL: workers cannot share SQLite"
        yield Finding("broker", State.FAULT, words)
        return
    try:
        with Connection(loaded.broker_url, connect_timeout=BROKER_SECS) as connection:
            connection.ensure_connection(max_retries=1, timeout=BROKER_SECS)
            where = connection.as_uri()  # without the password
    except (OSError, KombuError, ValueError, KeyError) as error:
        # Its own words may hold the address with the password.
        words = f"it cannot be reached ({type(error).__name__}); check CALLGAUGE_BROKER_URL"
        yield Finding("broker", State.FAULT, words)
        return
    yield Finding("broker", State.OK, f"{where} answers", {"url": where})
