"""Who is next: urgent work, small before large, tenants in turn, and nothing is lost by cancelling."""

from __future__ import annotations

import asyncio

import pytest

from callgauge.store.models import Priority
from callgauge.worker.slots import Place, Slots

LIVE = Place(Priority.INTERACTIVE, 1)
SMALL = Place(Priority.NORMAL, 1)
LARGE = Place(Priority.BULK, 1)
LARGE_OF_ANOTHER = Place(Priority.BULK, 2)


class Stage:
    """Work that holds its slot until it is told to let go; `began` says in which order it got one."""

    def __init__(self, total: int, **limits: int) -> None:
        self.slots = Slots(total, **limits)
        self.began: list[str] = []
        self._go: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def add(self, name: str, place: Place) -> None:
        self._go[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._hold(name, place))
        await _settle()

    async def end(self, name: str) -> None:
        self._go[name].set()
        await self.tasks[name]
        await _settle()

    async def _hold(self, name: str, place: Place) -> None:
        async with self.slots.take(place):
            self.began.append(name)
            await self._go[name].wait()


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_one_slot_in_four_is_kept_for_live_calls() -> None:
    async def play() -> list[str]:
        stage = Stage(4)
        for number in range(4):
            await stage.add(f"bulk-{number}", LARGE)
        await stage.add("live", LIVE)
        return stage.began

    assert asyncio.run(play()) == ["bulk-0", "bulk-1", "bulk-2", "live"]


def test_a_live_call_does_not_wait_behind_bulk_work_that_waits() -> None:
    async def play() -> list[str]:
        stage = Stage(1)
        await stage.add("first", LARGE)
        await stage.add("bulk", LARGE)
        await stage.add("live", LIVE)
        await stage.end("first")
        return stage.began

    assert asyncio.run(play()) == ["first", "live"]


def test_a_small_rerun_goes_before_a_large_one() -> None:
    async def play() -> list[str]:
        stage = Stage(2)
        await stage.add("first", LARGE)
        await stage.add("large", LARGE)
        await stage.add("small", SMALL)
        await stage.end("first")
        return stage.began

    assert asyncio.run(play()) == ["first", "small"]


def test_small_reruns_without_end_do_not_stop_a_large_one() -> None:
    async def play() -> list[str]:
        stage = Stage(1)
        await stage.add("held", SMALL)
        await stage.add("large", LARGE)
        for number in range(10):
            await stage.add(f"small-{number}", SMALL)
        held = "held"
        while "large" not in stage.began:
            await stage.end(held)
            held = stage.began[-1]
        return stage.began

    began = asyncio.run(play())
    assert began.index("large") <= 8, began


def test_bulk_work_may_be_kept_to_fewer_slots_than_others() -> None:
    async def play() -> list[str]:
        stage = Stage(8, for_bulk=2)
        for number in range(3):
            await stage.add(f"bulk-{number}", LARGE)
        await stage.add("small", SMALL)
        await stage.end("bulk-0")
        await stage.add("live", LIVE)
        return stage.began

    assert asyncio.run(play()) == ["bulk-0", "bulk-1", "small", "bulk-2", "live"]


def test_tenants_are_served_in_turn() -> None:
    async def play() -> list[str]:
        stage = Stage(4)  # three for work that can wait
        for number in range(8):
            await stage.add(f"one-{number}", LARGE)
        for number in range(2):
            await stage.add(f"two-{number}", LARGE_OF_ANOTHER)
        await stage.end("one-0")
        await stage.end("one-1")
        return stage.began

    assert asyncio.run(play()) == ["one-0", "one-1", "one-2", "two-0", "one-3"]


@pytest.mark.parametrize("place", [LIVE, LARGE])
def test_who_is_cancelled_while_waiting_takes_no_slot(place: Place) -> None:
    async def play() -> list[str]:
        stage = Stage(1)
        await stage.add("first", LARGE)
        await stage.add("cancelled", place)
        stage.tasks["cancelled"].cancel()
        await _settle()
        await stage.end("first")
        await stage.add("next", LARGE)
        return stage.began

    assert asyncio.run(play()) == ["first", "next"]


def test_who_is_cancelled_in_the_moment_of_being_served_gives_the_slot_on() -> None:
    async def play() -> list[str]:
        stage = Stage(1)
        await stage.add("first", LARGE)
        await stage.add("cancelled", LARGE)
        await stage.add("next", LARGE)
        stage._go["first"].set()
        await asyncio.wait({stage.tasks["first"]})
        stage.tasks["cancelled"].cancel()  # its slot is granted, and it has not run yet
        await _settle()
        return stage.began

    assert asyncio.run(play())[-1] == "next"
