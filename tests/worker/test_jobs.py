"""Who is written first, and that nobody waits for ever."""

from callgauge.store.models import Priority
from callgauge.worker import jobs as module
from callgauge.worker.jobs import LEAST, MAX_BATCH, SHORT_BATCH, Jobs


def filled(**counts):
    jobs = Jobs()
    for name, count in counts.items():
        for number in range(count):
            jobs.put((name, number), Priority[name.upper()])
    return jobs


def names(batch):
    return [name for name, _ in batch]


def test_a_live_call_is_in_the_next_batch_whatever_came_before_it():
    jobs = filled(bulk=1000)
    jobs.put(("interactive", 0), Priority.INTERACTIVE)
    batch = jobs.take()
    assert batch[0] == ("interactive", 0)
    assert batch[1:] == [("bulk", number) for number in range(SHORT_BATCH - 1)]


def test_bulk_work_alone_goes_in_large_batches_in_its_order():
    jobs = filled(bulk=300)
    assert jobs.take() == [("bulk", number) for number in range(MAX_BATCH)]
    assert len(jobs) == 300 - MAX_BATCH


def test_something_of_each_urgency_is_taken_along():
    jobs = filled(bulk=500, normal=500, interactive=500)
    batch = names(jobs.take())
    assert len(batch) == SHORT_BATCH
    assert batch.count("bulk") == batch.count("normal") == LEAST
    assert batch == sorted(batch, key=["interactive", "normal", "bulk"].index)


def test_batches_stay_short_for_a_moment_after_a_live_call(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    jobs = filled(bulk=1000, interactive=1)
    jobs.take()
    assert len(jobs.take()) == SHORT_BATCH
    now[0] += module.HURRY_SECS
    assert len(jobs.take()) == MAX_BATCH


def test_it_ends_once_all_is_taken():
    jobs = filled(normal=1)
    jobs.end()
    assert jobs.wait()
    assert jobs.take() == [("normal", 0)]
    assert not jobs.wait()
