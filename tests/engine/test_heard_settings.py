"""Thresholds of metrics from the recording: for all agents or for each, and in the result."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from callgauge.audio import Analysis, analyse
from callgauge.domain.calls import Role, Turn
from callgauge.domain.metrics import EvalType, MetricKind
from callgauge.engine.faults import BadConfiguration
from callgauge.engine.heard import HEARD
from callgauge.engine.heard.waiting import silence_in_transcript
from tests.audio.stage import usual, write
from tests.engine.calls import AGENT, make_call, make_spec

TURNS = (Turn(Role.CALLER, "Hello?", 0.0, 1.0), Turn(Role.AGENT, "Yes?", 9.0, 10.0))


def spec(**configuration):
    return make_spec(EvalType.BINARY, kind=MetricKind.BUILT_IN, configuration=configuration)


@pytest.mark.parametrize(
    ("value", "passes", "used"),
    [
        (None, True, 10),
        (7, False, 7),
        ("7", False, 7),
        ({"7": 5}, False, 5),
        ({"7": 20, "8": 1}, True, 20),
        ({"8": 1}, True, 10),
        ({}, True, 10),
    ],
)
def test_a_threshold_holds_for_all_agents_or_for_each(value, passes, used):
    assert AGENT.id == 7
    outcome = silence_in_transcript(make_call(turns=TURNS), spec(silence_duration=value))
    assert outcome.value.passed is passes
    assert outcome.extra["silence_duration"] == used


@pytest.mark.parametrize("value", ["long", -1, True, {"7": "long"}, [5]])
def test_a_threshold_that_is_no_number_is_refused(value):
    with pytest.raises(BadConfiguration, match="silence_duration"):
        silence_in_transcript(make_call(turns=TURNS), spec(silence_duration=value))


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    folder: Path = tmp_path_factory.mktemp("heard")
    return analyse(write(folder / "call.wav", usual().stereo()), agent_channel=0)


@pytest.mark.parametrize(
    ("name", "thresholds"),
    [
        ("ai_interrupting_user", {"min_overlap_ms": 150, "min_confidence": 0}),
        ("user_interrupting_ai", {"min_overlap_ms": 150, "min_confidence": 0}),
        ("interruption_score", {"min_overlap_ms": 150, "min_confidence": 0}),
        ("stop_time", {"min_overlap_ms": 150, "min_confidence": 0}),
        ("latency", {"min_confidence": 0}),
        ("detect_silence", {"silence_duration": 10}),
        ("infrastructure_issues", {"infra_issues_timeout": 10}),
    ],
)
def test_a_result_says_which_thresholds_it_used_and_lists_its_events(heard, name, thresholds):
    outcome = HEARD[name].score(make_call(), spec(), heard)
    assert {key: outcome.extra[key] for key in thresholds} == thresholds
    assert all("start_secs" in event for event in outcome.extra["events"])


def test_an_agents_own_threshold_leaves_out_events(heard):
    call = make_call()
    (event,) = HEARD["ai_interrupting_user"].score(call, spec(), heard).extra["events"]
    more = spec(min_overlap_ms={"7": event["overlap_ms"] + 1})
    assert HEARD["ai_interrupting_user"].score(call, more, heard).value.number == 0
    other = replace(call, agent=replace(AGENT, id=8))
    assert HEARD["ai_interrupting_user"].score(other, more, heard).value.number == 1
