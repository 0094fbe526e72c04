"""The sample calls and the scripted judge's answers to them: honest, complete and readable."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from callgauge.domain.calls import Role, Turn
from callgauge.engine.quotes import QuoteFinder
from callgauge.flow.samples import cast
from callgauge.formats import parse_transcript
from callgauge.judge.script_file import read_script

CALLS: dict[str, dict[str, Any]] = {
    row["call_id"]: {**row, "agent": agent}
    for agent in cast.AGENTS
    for row in map(json.loads, (cast.SAMPLES / f"{agent}.jsonl").read_text("utf-8").splitlines())
}
RULES = json.loads(cast.JUDGE_FILE.read_text("utf-8"))["answers"]
ANSWERS = [rule for rule in RULES if "call_id" in rule]
"""Those about a call; one more is what is proposed as a better wording."""
JUDGED = {metric["name"]: metric for metric in cast.JUDGE_METRICS}


def turns(call_id: str) -> tuple[Turn, ...]:
    return parse_transcript("cekura", CALLS[call_id]["transcript_json"]).turns


def answers(metric: str, wording: str) -> dict[str, Any]:
    """The answer for each call to a metric with this wording: the first that fits, as the judge picks it."""
    found: dict[str, Any] = {}
    for rule in ANSWERS:
        if rule["metric"] == metric and rule.get("contains", "").casefold() in wording.casefold():
            found.setdefault(rule["call_id"], rule["answer"])
    return found


def test_there_are_enough_calls_of_three_agents() -> None:
    per_agent = Counter(call["agent"] for call in CALLS.values())
    assert len(CALLS) >= 24
    assert len(per_agent) == 3
    assert min(per_agent.values()) >= 8


@pytest.mark.parametrize("call_id", CALLS)
def test_a_call_reads_without_repairs(call_id: str) -> None:
    parsed = parse_transcript("cekura", CALLS[call_id]["transcript_json"])
    assert parsed.notes == ()
    assert 8 <= len(parsed.turns) <= 30
    assert all(turn.end_secs is not None for turn in parsed.turns), "every turn is timed"
    asked = [turn.tool.id for turn in parsed.turns if turn.role is Role.TOOL_CALL and turn.tool]
    answered = [turn.tool.id for turn in parsed.turns if turn.role is Role.TOOL_RESULT and turn.tool]
    assert asked == answered


def test_the_script_is_one_that_the_judge_accepts() -> None:
    assert len(read_script(cast.JUDGE_FILE).rules) == len(RULES) == len(ANSWERS) + 1


@pytest.mark.parametrize("metric", JUDGED)
def test_every_call_has_an_answer_to_every_question(metric: str) -> None:
    wordings = [JUDGED[metric]["description"]]
    if metric == cast.CHANGED:
        wordings.append(cast.WORDING_AFTER)
    for wording in wordings:
        assert set(answers(metric, wording)) == set(CALLS)


def test_the_two_wordings_are_told_apart() -> None:
    before, after = answers(cast.CHANGED, cast.WORDING_BEFORE), answers(cast.CHANGED, cast.WORDING_AFTER)
    flips = Counter((before[call]["value"], after[call]["value"]) for call in CALLS)
    assert flips[True, False] >= 3
    assert flips[False, True] >= 3
    assert {vote.call_id for vote in cast.VOTES} <= {
        call for call in CALLS if before[call]["value"] != after[call]["value"]
    }, "the reviewed calls are ones whose outcome a rerun would otherwise change"


@pytest.mark.parametrize("number", range(len(ANSWERS)))
def test_quotes_stand_in_the_turn_that_is_named(number: int) -> None:
    rule = ANSWERS[number]
    said = turns(rule["call_id"])
    evidence = rule["answer"]["evidence"]
    assert evidence
    for item in evidence:
        found = QuoteFinder(said).find(item["quote"], item["turn"] - 1)
        assert (found.found, found.turn) == (True, item["turn"] - 1), item


def test_values_fit_their_metrics() -> None:
    labels = JUDGED["Outcome"]["enum_values"]
    for rule in ANSWERS:
        value, applicable = rule["answer"]["value"], rule["answer"]["applicable"]
        assert rule["answer"]["explanation"]
        if not applicable:
            assert value is None
        elif rule["metric"] == "Outcome":
            assert value in labels
        elif rule["metric"] == "Courtesy":
            assert 0 <= value <= 5
        else:
            assert isinstance(value, bool)


@pytest.mark.parametrize("days", [-400, -3, 0, 1, 200])
def test_copies_are_of_the_last_week_and_keep_their_weekdays(tmp_path: Path, days: int) -> None:
    newest = max(datetime.fromisoformat(call["timestamp"]) for call in CALLS.values())
    now = newest + timedelta(days=days, hours=1)
    times = {}
    for path in cast.copy_samples(tmp_path, now).values():
        for row in map(json.loads, path.read_text("utf-8").splitlines()):
            times[row["call_id"]] = datetime.fromisoformat(row["timestamp"])
    assert timedelta(0) <= now - max(times.values()) < timedelta(weeks=1)
    for call_id, moved in times.items():
        original = datetime.fromisoformat(CALLS[call_id]["timestamp"])
        assert (moved.weekday(), moved.time()) == (original.weekday(), original.astimezone(UTC).time())
