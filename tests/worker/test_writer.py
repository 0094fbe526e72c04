"""How the writer's batches fill: by hand, with a clock that only its own pauses move."""

import asyncio

import pytest

from callgauge.store.models import Priority
from callgauge.worker import writer as module
from callgauge.worker.operations import BEGIN, FORGET, SETTLE
from callgauge.worker.writer import ENOUGH, MAX_REST_SECS, REST, Operation, Writer, _in_groups, _Job

NOTHING = Operation("nothing", lambda items: [None] * len(items))


class Clock:
    """Stands for the writer's clock and for its pauses, during each of which jobs come in."""

    def __init__(self, arriving=0):
        self.now, self.pauses, self.arriving = 100.0, 0, arriving
        self.put = None

    def monotonic(self):
        return self.now

    def wait(self, secs):
        self.now += secs
        self.pauses += 1
        for _ in range(self.arriving):
            self.put()
        return False


@pytest.fixture
def started(monkeypatch):
    """A writer without its thread, what puts a job into its queue, and its clock."""
    loop = asyncio.new_event_loop()
    writer, clock = Writer(loop), Clock()
    clock.put = lambda: writer._jobs.put(_Job(NOTHING, None, loop.create_future()), Priority.BULK)
    monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(writer, "_stopping", clock)
    yield writer, clock
    loop.close()


def write(writer, clock, took_secs, monkeypatch):
    """One batch that takes so long to write."""

    def run(jobs):
        clock.now += took_secs
        return []

    monkeypatch.setattr(writer, "_run", run)
    monkeypatch.setattr(writer._loop, "call_soon_threadsafe", lambda *_: None, raising=False)
    writer._commit(writer._next_batch())


def test_a_batch_after_another_takes_along_what_comes_while_the_writer_rests(started, monkeypatch):
    writer, clock = started
    clock.put()
    write(writer, clock, 0.005, monkeypatch)
    clock.put()
    clock.arriving = 1
    ended = clock.now
    assert len(writer._next_batch()) == 1 + clock.pauses > 4
    assert clock.now - ended == pytest.approx(REST * 0.005)


def test_one_that_comes_alone_is_written_at_once(started, monkeypatch):
    writer, clock = started
    clock.put()
    write(writer, clock, 0.01, monkeypatch)
    clock.now += 1.0
    clock.put()
    assert len(writer._next_batch()) == 1
    assert clock.pauses == 0


def test_a_slow_disk_does_not_make_the_writer_rest_for_long(started, monkeypatch):
    writer, clock = started
    clock.put()
    write(writer, clock, 20.0, monkeypatch)
    clock.put()
    ended = clock.now
    writer._next_batch()
    assert clock.now - ended == pytest.approx(MAX_REST_SECS)


def test_the_writer_does_not_rest_while_many_wait(started, monkeypatch):
    writer, clock = started
    clock.put()
    write(writer, clock, 0.01, monkeypatch)
    for _ in range(ENOUGH):
        clock.put()
    assert len(writer._next_batch()) == ENOUGH
    assert clock.pauses == 0


def test_a_question_that_is_taken_back_was_begun_before():
    """Whatever else is taken back in the same batch: else it would stay as one that may have been sent."""
    jobs = [_Job(kind, key, None) for kind, key in ((FORGET, "a"), (BEGIN, "k"), (FORGET, "k"), (BEGIN, "l"))]
    found = [(group[0].operation.name, [job.item for job in group]) for group in _in_groups(jobs)]
    assert found == [("forget", ["a"]), ("begin", ["k"]), ("forget", ["k"]), ("begin", ["l"])]


def test_jobs_of_a_kind_are_written_together():
    jobs = [_Job(kind, None, None) for kind in (BEGIN, SETTLE, BEGIN, SETTLE, BEGIN)]
    assert [len(group) for group in _in_groups(jobs)] == [3, 2]
