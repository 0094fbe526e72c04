"""A damaged database at the start: refused in words that say how to go on, and nothing made worse."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from callgauge.store.wal import FRAME_HEADER_BYTES, HEADER_BYTES, Damaged, check_log
from tests.server import Server, callgauge

DATABASE, LOG = "callgauge.sqlite3", "callgauge.sqlite3-wal"
PAGE_BYTES = 4096
CALLS = 12


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a server that was killed leaves: a log that holds what was written last."""
    server = Server(tmp_path_factory.mktemp("killed") / "data")
    server.data_dir.mkdir()
    server.start()
    server.make_key()
    agent = server.post("/test_framework/v2/aiagents/", {"name": "Agent"})["id"]
    turns = [{"role": "Main Agent", "content": "x" * 2_000, "start_time": 0, "end_time": 1}]
    for number in range(CALLS):
        call = {
            "agent": agent,
            "call_id": f"c{number}",
            "transcript_type": "cekura",
            "transcript_json": turns,
        }
        server.post("/observability/v1/observe/", call)
    server.kill()
    return server.data_dir


@pytest.fixture
def folder(killed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(killed, tmp_path / "data"))


def _flip_in_frame(number: int) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        content = bytearray((folder / LOG).read_bytes())
        content[HEADER_BYTES + number * (FRAME_HEADER_BYTES + PAGE_BYTES) + 100] ^= 0xFF
        (folder / LOG).write_bytes(bytes(content))

    return damage


def _garble_header(folder: Path) -> None:
    content = (folder / LOG).read_bytes()
    (folder / LOG).write_bytes(os.urandom(HEADER_BYTES) + content[HEADER_BYTES:])


def _garble_pages(folder: Path) -> None:
    connection = sqlite3.connect(folder / DATABASE)  # closed last, it puts the log into the database
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    content = (folder / DATABASE).read_bytes()
    (folder / DATABASE).write_bytes(content[:PAGE_BYTES] + os.urandom(len(content) - PAGE_BYTES))


def _no_database(folder: Path) -> None:
    (folder / DATABASE).write_bytes(b"no database at all, and longer than a header of one would be" * 100)
    (folder / LOG).unlink()


def _empty_database(folder: Path) -> None:
    (folder / DATABASE).write_bytes(b"")


@pytest.mark.parametrize(
    "damage",
    [_garble_header, _flip_in_frame(0), _flip_in_frame(5), _garble_pages, _no_database, _empty_database],
)
def test_a_start_is_refused_and_says_how_to_go_on(folder: Path, damage: Callable[[Path], None]) -> None:
    damage(folder)
    before = {path.name: path.read_bytes() for path in (folder / DATABASE, folder / LOG) if path.exists()}
    ended = callgauge(folder, "serve", "--port", "0")
    assert ended.returncode == 1
    assert f"callgauge restore FILE --force --data-dir {folder}" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert before == {
        path.name: path.read_bytes() for path in (folder / DATABASE, folder / LOG) if path.exists()
    }


def test_what_a_kill_leaves_is_no_damage(folder: Path) -> None:
    assert (folder / LOG).stat().st_size > 0
    check_log(folder / DATABASE)
    server = Server(folder)
    with server:
        assert server.rows("SELECT count(*) FROM store_calllog") == [(CALLS,)]


def test_a_torn_end_is_what_a_power_cut_leaves(folder: Path) -> None:
    """The transaction that was being written was never promised to anybody."""
    content = (folder / LOG).read_bytes()
    (folder / LOG).write_bytes(content[: len(content) - PAGE_BYTES // 2])
    check_log(folder / DATABASE)


def test_going_on_without_the_log_is_the_operators_choice(folder: Path) -> None:
    _garble_header(folder)
    with pytest.raises(Damaged):
        check_log(folder / DATABASE)
    (folder / LOG).rename(folder / "set-aside")
    check_log(folder / DATABASE)


def test_a_new_folder_is_fine(tmp_path: Path) -> None:
    check_log(tmp_path / DATABASE)
