"""Calls are in memory by their bytes, not only by their number."""

from __future__ import annotations

import asyncio

import pytest

from callgauge.worker.room import Room, in_parts


def test_parts_are_small_in_number_and_in_bytes() -> None:
    sized = [(1, 5), (2, 5), (3, 5), (4, 50), (5, 1), (6, 1), (7, 1), (8, 1)]
    parts = [[pk for pk, _ in part] for part in in_parts(sized, most=3, most_bytes=12)]
    assert parts == [[1, 2], [3], [4], [5, 6, 7], [8]]
    assert in_parts([], 3, 12) == []


def run(scenario: object) -> None:
    asyncio.run(asyncio.wait_for(scenario, 10))  # type: ignore[arg-type]


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_first_come_first_served_within_the_room() -> None:
    async def scenario() -> None:
        room = Room(100)
        await room.enter(60, urgent=False)
        large = asyncio.create_task(room.enter(40, urgent=False))
        small = asyncio.create_task(room.enter(5, urgent=False))
        await turns()
        assert (large.done(), small.done(), room.used_bytes) == (False, False, 60)
        room.leave(60, urgent=False)
        await turns()
        assert (large.done(), small.done(), room.used_bytes) == (True, True, 45)

    run(scenario())


def test_a_share_is_kept_for_live_calls() -> None:
    async def scenario() -> None:
        room = Room(100)
        await room.enter(75, urgent=False)
        waiting = asyncio.create_task(room.enter(10, urgent=False))
        await room.enter(25, urgent=True)
        await turns()
        assert (waiting.done(), room.used_bytes) == (False, 100)
        room.leave(25, urgent=True)
        await turns()
        assert not waiting.done()

    run(scenario())


def test_a_call_larger_than_the_room_gets_in_alone() -> None:
    async def scenario() -> None:
        room = Room(100)
        size = room.capped(10_000, urgent=False)
        await room.enter(20, urgent=False)
        giant = asyncio.create_task(room.enter(size, urgent=False))
        await turns()
        assert not giant.done()
        room.leave(20, urgent=False)
        await giant
        live = room.capped(10_000, urgent=True)
        await room.enter(live, urgent=True)  # and never waits for the others' giant
        room.leave(size, urgent=False)
        room.leave(live, urgent=True)
        assert room.used_bytes == 0

    run(scenario())


@pytest.mark.parametrize("granted", [False, True])
def test_whoever_gives_up_waiting_leaves_nothing_behind(granted: bool) -> None:
    async def scenario() -> None:
        room = Room(100)
        await room.enter(75, urgent=False)
        first = asyncio.create_task(room.enter(70, urgent=False))
        second = asyncio.create_task(room.enter(5, urgent=False))
        await turns()
        if granted:
            room.leave(75, urgent=False)  # let in, but cancelled before it runs again
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        if not granted:
            room.leave(75, urgent=False)
        await second
        assert room.used_bytes == 5

    run(scenario())
