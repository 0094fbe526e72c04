"""Backup of a server that runs, and a restore that is used: the whole way, with processes."""

from __future__ import annotations

import json
import sqlite3
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server import Server, callgauge

TURNS = [{"role": "Main Agent", "content": "Hello.", "start_time": 0, "end_time": 1}]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "data").mkdir()
    with Server(tmp_path / "data") as server:
        server.make_key()
        server.post("/test_framework/v2/aiagents/", {"agent_name": "Bookings"})
        yield server


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of a folder that holds a key and nothing else."""
    folder = tmp_path_factory.mktemp("good")
    assert callgauge(folder / "data", "key", "create", "--project", "Support").returncode == 0
    assert callgauge(folder / "data", "backup", str(folder / "good.tar")).returncode == 0
    return folder / "good.tar"


def send(server: Server, call_id: str) -> None:
    body = {"agent": 1, "call_id": call_id, "transcript_type": "cekura", "transcript_json": TURNS}
    server.post("/observability/v1/observe/", body | {"metadata": {"tier": "gold"}})


def test_a_restored_folder_is_a_server_again(server: Server, tmp_path: Path) -> None:
    send(server, "before")
    recording = server.data_dir / "recordings" / "ab" / "abcd.wav"
    recording.parent.mkdir(parents=True, exist_ok=True)
    recording.write_bytes(b"RIFF" * 100)
    stopped = threading.Event()

    def keep_writing() -> None:
        number = 0
        while not stopped.is_set():
            send(server, f"meanwhile-{number}")
            number += 1

    writer = threading.Thread(target=keep_writing)
    writer.start()
    try:
        made = callgauge(server.data_dir, "backup", str(tmp_path / "backup.tar"))
    finally:
        stopped.set()
        writer.join()
    assert made.returncode == 0, made.stderr
    assert "1 recordings" in made.stdout
    assert (tmp_path / "backup.tar").stat().st_mode & 0o077 == 0
    send(server, "after")
    new = tmp_path / "elsewhere"
    restored = callgauge(new, "restore", str(tmp_path / "backup.tar"))
    assert restored.returncode == 0, restored.stderr
    assert (new / "recordings" / "ab" / "abcd.wav").read_bytes() == b"RIFF" * 100
    assert (new / "secret_key").read_bytes() == (server.data_dir / "secret_key").read_bytes()
    noted = "SELECT actor_name, details FROM store_auditentry WHERE action = 'installation.restored'"
    with sqlite3.connect(new / "callgauge.sqlite3") as rows:
        ((who, details),) = rows.execute(noted).fetchall()
    assert who.endswith(": callgauge restore")
    assert json.loads(details)["recordings"] == 1
    with Server(new) as again:
        again.key = server.key
        found = {
            call["call_id"] for call in again.get("/observability/v1/call-logs/?page_size=200")["results"]
        }
        assert "before" in found
        assert "after" not in found
        send(again, "new")
        count = again.get("/observability/v1/call-logs/")["count"]
    with sqlite3.connect(new / "callgauge.sqlite3") as rows:
        # No call is half there.
        assert rows.execute("SELECT count(*) FROM store_callpayload").fetchone() == (count,)
        assert rows.execute("SELECT count(*) FROM store_callmetadata").fetchone() == (count,)


def test_a_folder_in_use_or_full_is_not_overwritten(server: Server, tmp_path: Path) -> None:
    send(server, "first")
    file = str(tmp_path / "backup.tar")
    assert callgauge(server.data_dir, "backup", file).returncode == 0
    twice = callgauge(server.data_dir, "backup", file)
    assert (twice.returncode, "there already" in twice.stderr) == (1, True)
    used = callgauge(server.data_dir, "restore", file, "--force")
    assert (used.returncode, "in use" in used.stderr) == (1, True)
    send(server, "second")
    server.stop()
    full = callgauge(server.data_dir, "restore", file)
    assert (full.returncode, "--force" in full.stderr) == (1, True)
    forced = callgauge(server.data_dir, "restore", file, "--force")
    assert forced.returncode == 0, forced.stderr
    assert server.rows("SELECT call_id FROM store_calllog") == [("first",)]
    (aside,) = server.data_dir.glob("callgauge.sqlite3.*[0-9]")
    with sqlite3.connect(aside) as rows:
        assert rows.execute("SELECT count(*) FROM store_calllog").fetchone() == (2,)


@pytest.mark.parametrize("fault", ["cut", "changed", "foreign", "escaping", "newer", "text"])
def test_what_is_not_a_whole_backup_changes_nothing(good: Path, tmp_path: Path, fault: str) -> None:
    bad, new = tmp_path / "bad.tar", tmp_path / "new"
    content = good.read_bytes()
    if fault == "cut":
        bad.write_bytes(content[: len(content) // 2])
    elif fault == "changed":
        place = content.index(b"SQLite format 3") + 5_000
        bad.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    elif fault == "text":
        bad.write_text("Not a backup.")
    else:
        unpacked = tmp_path / "unpacked"
        with tarfile.open(good) as tar:
            tar.extractall(unpacked, filter="data")
        if fault == "newer":
            manifest = json.loads((unpacked / "manifest.json").read_text())
            manifest["migrations"].append("0999_later")
            (unpacked / "manifest.json").write_text(json.dumps(manifest))
        with tarfile.open(bad, "w") as tar:
            for path in unpacked.iterdir():
                tar.add(path, path.name)
            if fault == "foreign":
                tar.add(__file__, "other.py")
            if fault == "escaping":
                tar.add(__file__, "recordings/../../escaped.py")
    refused = callgauge(new, "restore", str(bad))
    assert refused.returncode == 1
    assert len(refused.stderr.strip().splitlines()) == 1
    assert not (new / "callgauge.sqlite3").exists()
    assert not list(new.glob(".restore-*"))
    assert not (tmp_path / "escaped.py").exists()


def test_postgresql_has_tools_of_its_own(tmp_path: Path) -> None:
    url = "postgresql://nobody@127.0.0.1:1/none"
    refused = callgauge(tmp_path, "backup", str(tmp_path / "b.tar"), CALLGAUGE_DATABASE_URL=url)
    assert (refused.returncode, "pg_dump" in refused.stderr) == (1, True)
