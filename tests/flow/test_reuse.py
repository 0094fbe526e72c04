"""What still holds: the same scorer, the same parts of the call, the same results read."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from callgauge.domain.calls import AgentFacts
from callgauge.domain.metrics import EvalType, MetricKind, MetricSpec, Trigger
from callgauge.domain.outcomes import Scored, Value
from callgauge.engine.identity import (
    Part,
    may_ask,
    part_hashes,
    parts_hash,
    parts_read,
    reads_hash,
    scorer_hash,
)

JUDGED = MetricSpec(1, 1, "Confirms", MetricKind.LLM_JUDGE, EvalType.BINARY, "Did it?", content_hash="a")
SCRIPT = MetricSpec(
    2, 2, "Both", MetricKind.CUSTOM_CODE, EvalType.BINARY, custom_code='_result = data["Confirms"]'
)
RULE = MetricSpec(3, 3, "Latency", MetricKind.BUILT_IN, EvalType.NUMERIC, built_in="latency")
AGENT = AgentFacts(id=1, name="Ada", description="Takes bookings.")


def parts(**changed: Any) -> dict[str, str]:
    call = {
        "turns": "[]",
        "metadata": "{}",
        "variables": "{}",
        "recording": ("", None),
        "duration": 70.0,
        "facts": ("2026-01-01", "ended", ""),
    }
    return part_hashes(**(call | changed))


def test_who_may_ask_a_judge() -> None:
    assert may_ask(JUDGED)
    assert not may_ask(SCRIPT)
    assert not may_ask(RULE)
    assert may_ask(replace(SCRIPT, custom_code="evaluate_llm_judge_metric(data, 'x', 'binary')"))
    assert may_ask(replace(RULE, trigger=Trigger.CUSTOM, trigger_prompt="Was it long?"))
    by_code = replace(RULE, trigger=Trigger.CUSTOM, trigger_type="custom_code", trigger_code="_result = True")
    assert not may_ask(by_code)


def test_the_scorer_is_its_wording_model_and_agent() -> None:
    assert scorer_hash(JUDGED, "m", AGENT) == scorer_hash(replace(JUDGED, version_id=9), "m", AGENT)
    assert scorer_hash(JUDGED, "m", AGENT) != scorer_hash(JUDGED, "other", AGENT)
    assert scorer_hash(JUDGED, "m", AGENT) != scorer_hash(replace(JUDGED, content_hash="b"), "m", AGENT)
    assert scorer_hash(RULE, "m", AGENT) == scorer_hash(RULE, "other", AGENT), "no judge is asked"
    other = replace(AGENT, description="Sells.")
    assert scorer_hash(JUDGED, "m", AGENT) == scorer_hash(JUDGED, "m", other), "it does not read the agent"
    reader = replace(JUDGED, description="Does it do this: {{agent.description}}")
    assert scorer_hash(reader, "m", AGENT) != scorer_hash(reader, "m", other)


@pytest.mark.parametrize(
    ("description", "reads"),
    [
        ("Did it?", set()),
        ("Is {{metadata.tier}} gold?", {Part.METADATA}),
        ("Is {{ dynamic_variables['name'] }} said?", {Part.VARIABLES}),
        ("As in {{agent.description}}?", {Part.VARIABLES}),
        ("Before {{date}}?", {Part.FACTS}),
    ],
)
def test_a_judge_metric_reads_the_transcript_and_what_it_names(description: str, reads: set[Part]) -> None:
    spec = replace(JUDGED, description=description)
    assert parts_read(spec) == {Part.TURNS, Part.DURATION} | reads
    before = parts_hash(spec, parts())
    assert parts_hash(spec, parts(turns="[1]")) != before
    assert (parts_hash(spec, parts(metadata='{"tier": 1}')) != before) == (Part.METADATA in reads)
    assert (parts_hash(spec, parts(facts=("later",))) != before) == (Part.FACTS in reads)


def test_scripts_and_rules_read_everything() -> None:
    for spec in (SCRIPT, RULE, replace(JUDGED, built_in="hallucination")):
        assert parts_read(spec) == set(Part)


def test_a_script_depends_on_the_results_that_it_reads() -> None:
    passed, failed = (Scored(Value(passed=value), ("Because.",)) for value in (True, False))
    results = {"Confirms": passed, "Other": passed}
    before = reads_hash(SCRIPT, results)
    assert reads_hash(SCRIPT, {**results, "Other": failed}) == before
    assert reads_hash(SCRIPT, {**results, "Confirms": failed}) != before
    assert reads_hash(JUDGED, results) == ""
    whole = replace(SCRIPT, custom_code="_result = all(data.values())")
    assert reads_hash(whole, {**results, "Other": failed}) != reads_hash(whole, results)
    assert reads_hash(whole, {**results, "Mine": failed}, ["Mine"]) == reads_hash(whole, results)


def test_hashes_are_of_json_and_short() -> None:
    assert len(scorer_hash(JUDGED, "m", AGENT)) == 32
    assert parts(turns=json.dumps([1])) == parts(turns="[1]")
