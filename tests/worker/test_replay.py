"""From a measured result to a file, and from the file to the same result: no server, no judge."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from callgauge.cli import main
from callgauge.domain.judging import JudgeRequest, JudgeUnavailable
from callgauge.flow.errors import Conflict
from callgauge.flow.replay import find_result, replay_file
from callgauge.store.models import Agent, CallLog, CallPayload, MetricResult
from tests.calls import make_call, make_metric
from tests.judges import FakeJudge, verdict
from tests.tenants import Tenant
from tests.worker.conftest import Run

pytestmark = pytest.mark.django_db(transaction=True)

Replay = Callable[[str], Result]
ASKS = """
first = evaluate_llm_judge_metric(data, "Did the agent confirm?", "binary")
again = evaluate_llm_judge_metric(data, "Did the agent confirm?", "binary")
_result = first["result"] is True and data["Polite"] is True
_explanation = f"{first['result']} {again['result']} {data['Polite']} {len(data['transcript_json'])}"
"""
SCRIPT: dict[str, Any] = {"kind": "custom_code", "description": ""}
QUOTING = {**verdict(True), "evidence": [{"turn": 3, "quote": "Friday, four people."}]}


@pytest.fixture
def replay(tmp_path: Path) -> Replay:
    def replay_text(text: str) -> Result:
        (tmp_path / "result.json").write_text(text, encoding="utf-8")
        return CliRunner().invoke(main, ["replay", str(tmp_path / "result.json"), "--json"])

    return replay_text


def _files() -> dict[str, str]:
    """By metric: the file of its newest result."""
    return {
        row.version.name: replay_file(row)
        for row in MetricResult.objects.select_related("metric", "version", "call").order_by("pk")
    }


def _resealed(text: str, change: Callable[[dict[str, Any]], Any]) -> str:
    """A file that somebody changed and gave a right checksum."""
    content = json.loads(text)
    change(content)
    del content["sha256"]
    plain = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    return json.dumps({**content, "sha256": hashlib.sha256(plain).hexdigest()})


def test_every_kind_of_metric_gives_the_same_again(alice: Tenant, run: Run, replay: Replay) -> None:
    agent = alice.agent()
    make_call(agent, "one")
    make_metric(alice.project, "Polite", trigger="automatic")
    make_metric(alice.project, "Thrice", configuration={"repeats": 3})
    make_metric(alice.project, "Asks", custom_code=ASKS, **SCRIPT)
    guarded = {"trigger": "custom", "trigger_type": "custom_code", "trigger_code": "_result = True"}
    make_metric(alice.project, "Guarded", **guarded)
    make_metric(alice.project, "Tools", kind="basic", built_in="tool_call_success")
    make_metric(alice.project, "Broken", custom_code="_result = 1 / 0", **SCRIPT)
    answers = iter([True, False, True, True, False, True] * 9)
    run(FakeJudge(lambda request: {**QUOTING, "value": next(answers)}), agent)
    outcomes = dict(MetricResult.objects.values_list("version__name", "outcome"))
    assert outcomes["Asks"] == outcomes["Thrice"] == outcomes["Guarded"] == "scored"
    assert outcomes["Broken"] == "failed"
    for name, text in _files().items():
        content = json.loads(text)
        assert content["notes"] == [], name
        found = replay(text)
        assert found.exit_code == 0, (name, found.output)
        assert json.loads(found.stdout)["notes"] == []
        assert json.loads(found.stdout)["replayed"]["value"] == content["score"]["value"]
    sizes = {name: len(json.loads(text)["questions"]) for name, text in _files().items()}
    assert sizes == {"Polite": 1, "Thrice": 3, "Asks": 2, "Guarded": 1, "Tools": 0, "Broken": 0}


def test_the_file_has_what_was_sent_and_what_came_back(alice: Tenant, run: Run) -> None:
    make_call(alice.agent(), "one")
    metric = make_metric(alice.project, "Confirms")
    sent: list[JudgeRequest] = []

    def answer(request: JudgeRequest) -> dict[str, Any]:
        sent.append(request)
        return QUOTING

    run(FakeJudge(answer), Agent.objects.get())
    content = json.loads(_files()["Confirms"])
    (question,) = content["questions"]
    assert [one["text"] for one in question["request"]["messages"]] == [one.text for one in sent[0].messages]
    assert question["answer"] == QUOTING
    assert (question["model"], question["request"]["temperature"]) == ("fake:judge", 0.0)
    assert content["result"]["version"] == 1
    assert content["hashes"]["metric"] == metric.current_version.content_hash  # type: ignore[union-attr]
    assert content["score"]["evidence"][0]["quote"] == "Friday, four people."


def test_an_answer_that_did_not_fit_is_replayed_with_what_followed(
    alice: Tenant, run: Run, replay: Replay
) -> None:
    make_call(alice.agent(), "one")
    make_metric(alice.project, "Rating", eval_type="continuous_qualitative")
    values = iter([9, 11, 4])
    run(FakeJudge(lambda request: verdict(next(values))), Agent.objects.get())
    text = _files()["Rating"]
    assert [one["answer"]["value"] for one in json.loads(text)["questions"]] == [9, 11, 4]
    assert json.loads(replay(text).stdout)["replayed"]["value"] == 4.0


def test_what_differs_is_said(alice: Tenant, run: Run, replay: Replay) -> None:
    make_call(alice.agent(), "one")
    make_metric(alice.project, "Confirms")
    run(FakeJudge(), Agent.objects.get())
    text = _files()["Confirms"]

    def lie(content: dict[str, Any]) -> None:
        content["score"]["value"] = False

    found = replay(_resealed(text, lie))
    assert found.exit_code == 1
    assert json.loads(found.stdout)["differences"] == {"value": {"stored": False, "replayed": True}}
    assert replay(text).exit_code == 0


def test_a_foreign_or_changed_file_is_refused_in_one_line(alice: Tenant, run: Run, replay: Replay) -> None:
    make_call(alice.agent(), "one")
    make_metric(alice.project, "Confirms")
    run(FakeJudge(), Agent.objects.get())
    text = _files()["Confirms"]

    def other_words(content: dict[str, Any]) -> None:
        content["questions"][0]["request"]["messages"][0]["text"] = "Say yes."

    def newer(content: dict[str, Any]) -> None:
        content["format_version"] = 2

    refusals = {
        "": "not JSON",
        "[]": "not a replay file",
        '{"format": "other"}': "not a replay file",
        text[:-40]: "not JSON",
        text.replace('"value": true', '"value": false'): "checksum is wrong",
        _resealed(text, other_words): "not the one that was answered",
        _resealed(text, newer): "version 2 of the format",
        _resealed(text, lambda content: content.pop("call")): "lacks something",
        _resealed(text, lambda content: content["metric"].pop("kind")): "lacks something",
        _resealed(text, lambda content: content.update(questions=[1])): "lacks something",
    }
    for changed, words in refusals.items():
        found = replay(changed)
        assert (found.exit_code, words in found.output) == (2, True), found.output
        assert len(found.output.strip().splitlines()) == 1


def test_what_was_never_computed_has_nothing_to_repeat(alice: Tenant, run: Run, replay: Replay) -> None:
    make_call(alice.agent(), "one")
    make_metric(alice.project, "Confirms")

    def away(request: JudgeRequest) -> dict[str, Any]:
        raise JudgeUnavailable("It is down.")

    run(FakeJudge(away), Agent.objects.get())
    found = replay(_files()["Confirms"])
    assert (found.exit_code, "could not be reached" in found.output) == (2, True)


def test_what_has_changed_since_is_said_or_refused(alice: Tenant, run: Run, replay: Replay) -> None:
    agent = alice.agent()
    call = make_call(agent, "one")
    make_metric(alice.project, "Confirms", description="Did {{agent.name}} confirm?")
    run(FakeJudge(), agent)
    Agent.objects.update(name="Another")
    text = _files()["Confirms"]
    (note,) = json.loads(text)["notes"]
    assert "not as it was" in note
    assert json.loads(text)["questions"][0]["request"] is None
    found = replay(text)
    assert (found.exit_code, len(json.loads(found.stdout)["notes"])) == (0, 2)
    CallPayload.objects.update(turns="[]")
    CallLog.objects.filter(pk=call.pk).update(content_hash="other")
    with pytest.raises(Conflict, match="changed since"):
        _files()


def test_what_opens_a_recording_stays_out(alice: Tenant, run: Run) -> None:
    agent = alice.agent()
    make_call(agent, "one")
    address = "https://user:hush@calls.example/one.wav?signature=hush"
    CallPayload.objects.update(voice_recording_url=address)
    make_metric(alice.project, "Script", custom_code="_result = True", **SCRIPT)
    run(FakeJudge(), agent)
    text = _files()["Script"]
    assert "hush" not in text
    assert json.loads(text)["scripts"][0]["data"]["voice_recording"] == "https://calls.example/one.wav"
    assert "without its query" in text


def test_what_was_measured_on_personal_data_is_not_given_out(alice: Tenant, run: Run) -> None:
    agent = alice.agent()
    make_call(agent, "one")
    make_metric(alice.project, "Confirms")
    run(FakeJudge(), agent)
    CallPayload.objects.update(redaction={"fields": ["names"]})
    assert _files()
    CallPayload.objects.update(redaction={"fields": ["names"], "measured": "a hash"})
    with pytest.raises(Conflict, match="without personal data"):
        _files()


def test_over_http_behind_the_walls(alice: Tenant, charlie: Tenant, run: Run, replay: Replay) -> None:
    make_call(alice.agent(), "one")
    make_metric(alice.project, "Confirms")
    run(FakeJudge(), Agent.objects.get())
    row = MetricResult.objects.get()
    answer = alice.client.get(f"/callgauge/v1/results/{row.pk}/replay/")
    assert answer["Content-Disposition"] == f'attachment; filename="callgauge-result-{row.pk}.json"'
    assert replay(answer.content.decode()).exit_code == 0
    assert charlie.client.get(f"/callgauge/v1/results/{row.pk}/replay/").status_code == 404
    assert alice.client.get("/callgauge/v1/results/987654321/replay/").status_code == 404
    assert find_result(alice.key, str(row.pk)) == row
