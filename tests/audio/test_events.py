"""The definitions of latency, interruption, backchannel and silence, on runs written by hand."""

from __future__ import annotations

import pytest

from callgauge.audio.events import Party, find_events
from callgauge.audio.runs import Run, close_gaps


def runs(*spans: tuple[float, float]) -> list[Run]:
    return [Run(start, end) for start, end in spans]


def summary(
    agent: list[Run], caller: list[Run]
) -> tuple[list[tuple[str, float, float | None]], list[str], list[float]]:
    events = find_events(agent, caller, 30.0)
    broke = [
        (str(o.by), o.run.start, None if o.stop_secs is None else round(o.stop_secs, 3))
        for o in events.interruptions
    ]
    return broke, [str(o.by) for o in events.backchannels], [round(a.latency_secs, 3) for a in events.answers]


@pytest.mark.parametrize(
    ("agent", "caller", "expected"),
    [
        pytest.param([(1, 3), (6, 8)], [(4, 5)], ([], [], [1.0]), id="plain answer"),
        pytest.param([(1, 5)], [(4.0, 7)], ([("caller", 4.0, 1.0)], [], []), id="barge-in takes the floor"),
        pytest.param([(1, 8)], [(4.0, 5)], ([("caller", 4.0, None)], [], []), id="long barge-in ignored"),
        pytest.param([(1, 8)], [(4.0, 4.7)], ([], ["caller"], []), id="backchannel"),
        pytest.param(
            [(1, 8)], [(4.0, 4.8)], ([("caller", 4.0, None)], [], []), id="over 750 ms is no backchannel"
        ),
        pytest.param(
            [(1, 4.9), (6, 8)],
            [(4.2, 4.7)],
            ([("caller", 4.2, 0.7)], [], [1.3]),
            id="short barge-in honoured",
        ),
        pytest.param([(1, 4.1)], [(4.0, 6)], ([], [], []), id="overlap under 150 ms"),
        pytest.param([(1, 4)], [(1.1, 6)], ([], [], []), id="both began together"),
        pytest.param([(3, 6)], [(1, 3.5)], ([("agent", 3.0, 0.5)], [], []), id="agent cuts in"),
        pytest.param(
            [(2, 2.5), (5.5, 7)], [(1, 5)], ([], ["agent"], [0.5]), id="agent murmurs, then answers"
        ),
        pytest.param(
            [(1, 2), (2.6, 4)], [(0.1, 0.5)], ([], [], [0.5]), id="a pause inside a turn is no second answer"
        ),
        pytest.param(
            [(2, 3), (9, 10)], [(0.5, 1)], ([], [], [1.0]), id="after a hold the agent has already spoken"
        ),
        pytest.param([(3, 4)], [(0.5, 1), (1.4, 2)], ([], [], [1.0]), id="latency counts from the last word"),
        pytest.param(
            [(1, 9)],
            [(3, 4), (4.5, 5.5)],
            ([("caller", 3.0, None)], [], []),
            id="one attempt with a breath in it",
        ),
    ],
)
def test_definitions(
    agent: list[tuple[float, float]],
    caller: list[tuple[float, float]],
    expected: tuple[object, object, object],
) -> None:
    assert summary(runs(*agent), runs(*caller)) == expected


def test_overlap_and_stop_time_are_measured_from_the_onset() -> None:
    events = find_events(runs((1, 5)), runs((4.0, 7)), 30.0)
    assert events.interruptions[0].overlap_secs == pytest.approx(1.0)
    assert events.interruptions[0].by is Party.CALLER


def test_silences_of_a_second_and_more_with_both_ends() -> None:
    events = find_events(runs((2, 4)), runs((4.5, 6), (9, 10)), 30.0)
    assert [(s.start, s.end) for s in events.silences] == [(0.0, 2), (6, 9), (10, 30.0)]


def test_a_call_without_speech_is_one_silence() -> None:
    events = find_events([], [], 12.0)
    assert [(s.start, s.end) for s in events.silences] == [(0.0, 12.0)]
    assert not events.turns
    assert not events.answers


def test_close_gaps_joins_overlapping_runs_and_keeps_the_longer_end() -> None:
    assert close_gaps(runs((1, 5), (2, 3), (5.1, 6)), 0.2) == [Run(1, 6)]
