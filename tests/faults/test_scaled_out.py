"""Workers, broker and database die and stall: every result is there, none twice, nothing is paid again."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.own_services import Network, shifted_clock
from tests.scaled_out import ScaledOut, Worker
from tests.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.services]

SEED = 20261125
CALLS = 600
METRICS = 4
KILLS = 6


def _two_workers(installation: ScaledOut) -> list[Worker]:
    workers = [installation.add_worker(), installation.add_worker()]
    for worker in workers:
        worker.ready()
    return workers


def _progress(installation: ScaledOut, at_least: int, within_secs: float = 60.0) -> None:
    wanted = len(installation.judge.asked) + at_least
    wait_until(lambda: len(installation.judge.asked) >= wanted, within_secs=within_secs, what="progress")


def _check_all_there(installation: ScaledOut, calls: int = CALLS) -> None:
    rows = installation.rows(
        "SELECT total, scored, skipped, failed, settled_calls FROM store_rerun WHERE kind = 'rerun'"
    )
    assert rows == [(calls * METRICS, calls * METRICS, 0, 0, calls)]
    assert installation.stored_twice() == 0
    undecided = installation.rows("SELECT count(*) FROM store_calllog WHERE success IS NULL")
    assert undecided == [(0,)]


def test_workers_that_are_killed_lose_nothing_and_repeat_nothing(installation: ScaledOut) -> None:
    rng = random.Random(SEED)
    agent_id = installation.set_up(CALLS, METRICS)
    workers = _two_workers(installation)
    assert installation.rerun_all(agent_id) == CALLS
    kept: list[tuple[int, set[tuple[str, str]]]] = []
    for _ in range(KILLS):
        _progress(installation, rng.randint(40, 200))
        victim = rng.choice(workers)
        victim.kill()
        answered = installation.answered()  # first: the other worker goes on, and stores more
        kept.append((len(installation.judge.asked), answered))
        with installation.judge.slowly():
            victim.start()
            victim.ready()
    installation.wait_done(within_secs=180)
    _check_all_there(installation)
    for asked_by_then, answered_by_then in kept:
        # The other worker went on between the kill and the look: what it had asked by then may be among them.
        repeated = answered_by_then & set(installation.judge.asked[asked_by_then:])
        assert not repeated


def test_a_broker_that_restarts_and_one_that_loses_everything(installation: ScaledOut) -> None:
    agent_id = installation.set_up(CALLS, METRICS)
    _two_workers(installation)
    installation.rerun_all(agent_id)
    _progress(installation, 200)
    installation.broker.kill()
    _progress(installation, 100)  # chunks that are under way do not need the broker
    with installation.judge.slowly():
        installation.broker.start()
    _progress(installation, 200)
    installation.purge()
    installation.wait_done(within_secs=180)
    _check_all_there(installation)
    assert len(installation.judge.asked) == len(set(installation.judge.asked)) == CALLS * METRICS


def test_a_database_that_restarts(installation: ScaledOut) -> None:
    agent_id = installation.set_up(CALLS, METRICS)
    _two_workers(installation)
    installation.rerun_all(agent_id)
    for _ in range(2):
        _progress(installation, 200)
        with installation.judge.slowly():
            installation.database.stop("immediate")
            installation.database.start()
    installation.wait_done(within_secs=180)
    _check_all_there(installation)


def test_doubled_and_foreign_messages_do_no_harm(installation: ScaledOut) -> None:
    agent_id = installation.set_up(CALLS, METRICS)
    _two_workers(installation)
    installation.rerun_all(agent_id)
    _progress(installation, 50)
    chunks = [chunk_id for (chunk_id,) in installation.rows("SELECT id FROM store_chunk")]
    installation.send([*chunks * 3, 10**12], installation=None)
    installation.send(chunks, installation="another")
    installation.wait_done(within_secs=180)
    _check_all_there(installation)
    assert len(installation.judge.asked) == CALLS * METRICS


def test_workers_whose_clocks_differ(installation: ScaledOut) -> None:
    agent_id = installation.set_up(CALLS, METRICS)
    for shift in ("-30s", "+30s"):
        installation.add_worker(**shifted_clock(shift)).ready()
    installation.rerun_all(agent_id)
    _progress(installation, 200)
    installation.workers[0].kill()
    installation.wait_done(within_secs=180)
    _check_all_there(installation)


def test_a_worker_that_is_told_to_stop_hands_its_work_back(installation: ScaledOut) -> None:
    agent_id = installation.set_up(CALLS, METRICS)
    first, _ = _two_workers(installation)
    installation.rerun_all(agent_id)
    _progress(installation, 200)
    assert first.stop() == 0
    held = installation.rows("SELECT count(DISTINCT owner) FROM store_chunk WHERE state = 'leased'")
    assert held[0][0] <= 1
    installation.wait_done(within_secs=120)
    _check_all_there(installation)
    assert len(installation.judge.asked) == CALLS * METRICS


def test_a_worker_that_is_cut_off_from_the_database(tmp_path: Path) -> None:
    network = Network()
    try:
        with ScaledOut(tmp_path, answer_secs=0.1, concurrency=16, network=network) as installation:
            agent_id = installation.set_up(CALLS, METRICS)
            cut_off = installation.add_worker(before=network.before)
            cut_off.ready()
            installation.rerun_all(agent_id)
            _progress(installation, 200)
            network.cut()
            with installation.judge.slowly():
                installation.add_worker().ready()
                # What the first one held is free again when its leases have run out.
                owners = "SELECT count(DISTINCT owner) FROM store_chunk WHERE state = 'leased'"
                wait_until(lambda: installation.rows(owners) <= [(1,)], within_secs=60, what="one owner")
            _progress(installation, 200)
            network.mend()
            installation.wait_done(within_secs=180)
            _check_all_there(installation)
            assert cut_off.stop() == 0
    finally:
        network.remove()
