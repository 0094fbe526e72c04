"""A worker of its own, and a PostgreSQL that refuses: it only reads, or has no room for what was written last
(WAL), at which it gives up altogether and whatever runs it has to start it again."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from tests.faults.test_disk_full import OBSERVE, make_call, small_disk
from tests.own_services import Postgres
from tests.scaled_out import ScaledOut
from tests.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.services]

CALLS, METRICS = 300, 4
DISK_MB = 96
BLOCK_BYTES = 8192
FIRST_NEW = 1_000_000
MOST_NEW = 3_000


@pytest.fixture
def disk() -> Iterator[Path]:
    """Not in pytest's folder, which only its owner may enter: PostgreSQL does not run as root."""
    folder = Path(tempfile.mkdtemp(prefix="callgauge-disk-"))
    try:
        with small_disk(folder, DISK_MB) as place:
            yield place
    finally:
        folder.rmdir()


def _begin(installation: ScaledOut) -> int:
    agent_id = installation.set_up(CALLS, METRICS)
    installation.add_worker().ready()
    installation.rerun_all(agent_id)
    _progress(installation, 150)
    return agent_id


def _progress(installation: ScaledOut, at_least: int) -> None:
    wanted = len(installation.judge.asked) + at_least
    wait_until(lambda: len(installation.judge.asked) >= wanted, within_secs=60, what="progress")


def _take_in_until_refused(installation: ScaledOut, agent_id: int) -> tuple[list[int], int]:
    """The calls that were answered with 201, and the status that ended them."""
    taken: list[int] = []
    for number in range(MOST_NEW):
        call = make_call(FIRST_NEW + number, agent_id)
        status, answer = installation.server.request("POST", OBSERVE, call)
        if status != 201:
            return taken, status
        taken.append(answer["id"])
    raise AssertionError("it was never refused")


def _takes_in_again(installation: ScaledOut, agent_id: int) -> None:
    call = make_call(FIRST_NEW + MOST_NEW, agent_id)
    wait_until(
        lambda: installation.server.request("POST", OBSERVE, call)[0] == 201,
        within_secs=60,
        what="the first call after it",
    )


def _check(installation: ScaledOut, taken: list[int], answered: set[tuple[str, str]], by_then: int) -> None:
    """`answered` were stored when `by_then` questions had been asked."""
    installation.wait_done(within_secs=180)
    rerun = installation.rows(
        "SELECT total, scored, failed, settled_calls FROM store_rerun WHERE kind = 'rerun'"
    )
    assert rerun == [(CALLS * METRICS, CALLS * METRICS, 0, CALLS)]
    assert installation.stored_twice() == 0
    assert installation.rows("SELECT count(*) FROM store_calllog WHERE success IS NULL") == [(0,)]
    assert set(taken) <= {call_id for (call_id,) in installation.rows("SELECT id FROM store_calllog")}
    assert not answered & set(installation.judge.asked[by_then:])


def _set_read_only(database: Postgres, value: str) -> None:
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")  # type: ignore[arg-type]
        connection.execute("SELECT pg_reload_conf()")


def test_a_database_that_only_reads_for_a_while(tmp_path: Path) -> None:
    with ScaledOut(tmp_path, answer_secs=0.1, concurrency=16) as installation:
        agent_id = _begin(installation)
        _set_read_only(installation.database, "on")
        taken, status = _take_in_until_refused(installation, agent_id)
        assert status == 503
        assert "only be read" in installation.server.get("/readyz")["status"]
        log = tmp_path / "worker-0.log"
        wait_until(lambda: "cannot be written, trying again" in log.read_text(), what="a try to store")
        answered, by_then = installation.answered(), len(installation.judge.asked)
        _set_read_only(installation.database, "off")
        _takes_in_again(installation, agent_id)
        _check(installation, taken, answered, by_then)
        assert len(installation.judge.asked) == len(set(installation.judge.asked)), "paid twice"


def test_no_room_for_what_was_written_last(tmp_path: Path, disk: Path) -> None:
    database = Postgres(wal_below=disk)
    with ScaledOut(tmp_path, answer_secs=0.1, concurrency=16, database=database) as installation:
        agent_id = _begin(installation)
        answered, by_then = installation.answered(), len(installation.judge.asked)
        ballast = disk / "ballast"
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(BLOCK_BYTES))
        taken, status = _take_in_until_refused(installation, agent_id)
        assert status in {503, 507}
        wait_until(lambda: not database.is_up(), within_secs=60, what="PostgreSQL's end")
        ballast.unlink()
        database.start()
        _takes_in_again(installation, agent_id)
        _check(installation, taken, answered, by_then)
