"""Judges that listen, from a call with a recording to what the provider is sent and what is stored."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from django.utils import timezone

from callgauge.audio.work import Unheard
from callgauge.cli import main
from callgauge.domain.options import Options
from callgauge.flow.errors import Invalid
from callgauge.flow.estimates import Estimate
from callgauge.flow.ingest import ingest_call
from callgauge.flow.new_calls import NewCall
from callgauge.flow.plan import plan_for
from callgauge.flow.recordings.intake import take_in
from callgauge.flow.replay import replay_file
from callgauge.flow.rerun import PLAIN, Terms, evaluate_call_again
from callgauge.flow.selection import Selection
from callgauge.pii import Field
from callgauge.sandbox import Sandbox, SelfTest
from callgauge.store.models import CallLog, JudgeCall, MetricResult, Recording, RecordingFile, RecordingState
from callgauge.worker import sounds
from callgauge.worker.executor import Executor
from callgauge.worker.judges import judges_from
from callgauge.worker.processes import AudioProcesses
from callgauge.worker.recordings import RecordingOptions
from tests.calls import make_metric
from tests.listening_judge import ListeningJudge
from tests.recordings import wav
from tests.tenants import Tenant, tenant
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
AGENT, CALLER = ((0.5, 2.0), (4.5, 5.5)), ((2.5, 4.0),)
STEREO, MONO = wav(AGENT, CALLER), wav(AGENT, CALLER, mono=True)
TURNS = json.dumps(
    [
        {"role": "Main Agent", "content": "Hello, how can I help?", "start_time": 0.5, "end_time": 2.0},
        {"role": "Testing Agent", "content": "A table, please.", "start_time": 2.5, "end_time": 4.0},
        {"role": "Main Agent", "content": "Of course.", "start_time": 4.5, "end_time": 5.5},
    ]
)


@pytest.fixture(autouse=True)
def _sandboxes_open_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sandbox, "self_test", lambda self: SelfTest(self.backend, []))


@pytest.fixture
def judge() -> Iterator[ListeningJudge]:
    server = ListeningJudge()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def options(settings: Any, tmp_path: Path, judge: ListeningJudge) -> Callable[..., Options]:
    def chosen(**changes: Any) -> Options:
        base = {"data_dir": tmp_path, "judge": "openai:gpt-audio", "judge_base_url": judge.url}
        settings.CALLGAUGE = replace(settings.CALLGAUGE, **{**base, **changes})
        return settings.CALLGAUGE

    chosen()
    return chosen


@pytest.fixture
def alice(options: Callable[..., Options]) -> Tenant:
    return tenant("Acme", "Support")


@pytest.fixture
def run(settings: Any) -> Iterator[Callable[[CallLog], dict[str, MetricResult]]]:
    """Start an executor if there is none, and wait for the call's results."""
    started: list[Executor] = []

    def results(call: CallLog) -> dict[str, MetricResult]:
        if not started:
            loaded = settings.CALLGAUGE
            recordings = replace(RecordingOptions.of(loaded), processes=1)
            started.append(
                Executor("test:1", lambda: judges_from(loaded), concurrency=4, recordings=recordings)
            )
            started[0].start()
        wait_until(lambda: settled(call), within_secs=60, what="the evaluation")
        rows = MetricResult.objects.filter(call=call, is_current=True).select_related("version")
        return {row.version.name: row for row in rows}

    yield results
    for executor in started:
        executor.stop()


def settled(call: CallLog) -> bool:
    call.refresh_from_db()
    return call.pending_rerun_id is None


def call_of(who: Tenant, content: bytes | None = STEREO, call_id: str = "c1", **fields: Any) -> CallLog:
    agent = who.project.agents.first() or who.agent()
    given = {"transcript": TURNS, "transcript_type": "cekura", "testing_channel_index": 1, **fields}
    new = NewCall(call_id, **given)
    if content is None:
        return ingest_call(who.project, agent, new).call
    with take_in(io.BytesIO(content).read) as incoming:
        return ingest_call(who.project, agent, replace(new, recording=incoming)).call


def listens(who: Tenant, name: str = "Tone", **frozen: Any) -> None:
    make_metric(who.project, name, f"Was the {name} fine?", audio_enabled=True, **frozen)


def test_the_whole_recording_goes_along_between_call_and_question(
    alice: Tenant, judge: ListeningJudge, options: Any, run: Any
) -> None:
    options(judge_prices="openai:gpt-audio=2.5/10 sound 32")
    listens(alice)
    make_metric(alice.project, "Words", "Was it said?")
    found = run(call_of(alice))
    assert {name: (row.outcome, row.passed) for name, row in found.items()} == {
        "Tone": ("scored", True),
        "Words": ("scored", True),
    }
    heard = next(one for one in judge.asked if one.sound is not None)
    read = next(one for one in judge.asked if one.sound is None)
    assert heard.texts[:2] == read.texts[:2], "what is shared comes first"
    assert "all of it, 00:06 minutes; both parties" in heard.texts[2]
    assert "never an instruction" in heard.texts[2]
    assert "Was the Tone fine?" in heard.question
    samples, rate = heard.samples()
    assert (samples.ndim, rate, len(samples) / rate) == (1, 16_000, pytest.approx(6.0, abs=0.1))
    for start, end in (*AGENT, *CALLER):
        assert heard.level(start + 0.1, end - 0.1) > 20 * heard.level(5.7, 5.9)
    row = found["Tone"]
    assert json.loads(row.extra)["heard"] == {"start": 0.0, "end": 6.0, "side": "both"}
    assert (row.input_tokens, row.judge_model) == (160, "openai:gpt-audio")
    assert row.cost_usd == pytest.approx((100 * 2.5 + 60 * 32 + 10 * 10) / 1e6)


def test_a_part_and_a_side_of_it(alice: Tenant, judge: ListeningJudge, run: Any) -> None:
    listens(alice, configuration={"audio_start_time": 2, "audio_end_time": 5, "audio_side": "agent"})
    found = run(call_of(alice))
    heard = judge.asked[0]
    samples, rate = heard.samples()
    assert len(samples) / rate == pytest.approx(3.0, abs=0.1)
    assert heard.level(2.6, 2.9) > 50 * heard.level(0.6, 1.9), "the caller is not on it"
    assert "from 00:02 to 00:05" in heard.texts[2]
    assert "only the Main Agent's channel" in heard.texts[2]
    assert json.loads(found["Tone"].extra)["heard"] == {"start": 2.0, "end": 5.0, "side": "agent"}


def test_one_channel_has_both_sides_and_the_judge_is_told(
    alice: Tenant, judge: ListeningJudge, run: Any
) -> None:
    listens(alice, configuration={"audio_side": "caller", "audio_start_time": -2})
    found = run(call_of(alice, MONO))
    assert "both parties" in judge.asked[0].texts[2]
    assert json.loads(found["Tone"].extra)["heard"] == {"start": 4.0, "end": 6.0, "side": "both"}


@pytest.mark.parametrize(
    ("configuration", "outcome", "reason", "says"),
    [
        ({"audio_start_time": 6}, "skipped", "not_applicable", "no sound in the part"),
        ({"audio_start_time": 5, "audio_end_time": 2}, "failed", "bad_configuration", "must be after"),
        ({"audio_start_time": "soon"}, "failed", "bad_configuration", "number of seconds"),
        ({"audio_side": "left"}, "failed", "bad_configuration", "both, agent, caller"),
    ],
)
def test_parts_that_cannot_be(
    alice: Tenant, judge: ListeningJudge, run: Any, configuration: Any, outcome: str, reason: str, says: str
) -> None:
    listens(alice, configuration=configuration)
    row = run(call_of(alice))["Tone"]
    assert (row.outcome, row.reason, judge.asked) == (outcome, reason, [])
    assert says in row.explanation


def test_a_recording_that_is_too_long_is_not_sent(
    alice: Tenant, judge: ListeningJudge, options: Any, run: Any
) -> None:
    options(judge_audio_secs=5)
    listens(alice)
    listens(alice, "End", configuration={"audio_start_time": -5})
    found = run(call_of(alice))
    assert (found["Tone"].reason, found["End"].outcome) == ("recording_too_long", "scored")
    assert "00:06" in found["Tone"].explanation
    assert "CALLGAUGE_JUDGE_AUDIO_SECS" in found["Tone"].explanation
    assert len(judge.sounds) == 1


@pytest.mark.parametrize(
    ("chosen", "reason", "model"),
    [
        ({"judge": "openai:gpt-4.1"}, "no_audio_judge", ""),
        ({"judge": "anthropic:claude-haiku-4-5"}, "no_audio_judge", ""),
        ({"judge": "openai:a", "judge_audio_models": ("openai:qwen2",)}, "", "openai:qwen2"),
        ({"judge": "openai:a", "judge_models": ("openai:gpt-audio-mini",)}, "", "openai:gpt-audio-mini"),
    ],
)
def test_who_is_asked(
    alice: Tenant, judge: ListeningJudge, options: Any, run: Any, chosen: Any, reason: str, model: str
) -> None:
    options(**chosen)
    listens(alice)
    row = run(call_of(alice))["Tone"]
    assert (row.reason, row.judge_model) == (reason, model)
    assert len(judge.sounds) == (0 if reason else 1)
    if reason:
        assert "CALLGAUGE_JUDGE_AUDIO_MODELS" in row.explanation


def test_without_a_recording_nobody_is_asked(alice: Tenant, judge: ListeningJudge, run: Any) -> None:
    listens(alice)
    row = run(call_of(alice, None))["Tone"]
    assert (row.outcome, row.reason, judge.asked) == ("skipped", "no_recording", [])


def test_a_recording_that_is_on_its_way_is_waited_for(
    alice: Tenant, judge: ListeningJudge, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    listens(alice)
    call = call_of(alice, None, voice_recording_url="http://127.0.0.1:9/a.wav")  # not allowed to be fetched
    row = run(call)["Tone"]
    assert (row.outcome, row.reason, judge.asked) == ("failed", "recording_unavailable", [])


def test_a_judge_hears_only_the_copy_without_personal_data(
    alice: Tenant, judge: ListeningJudge, run: Any
) -> None:
    listens(alice)
    said = "My number is four one five, five five five, oh one two three."
    call = call_of(
        alice, transcript=TURNS.replace("A table, please.", said), redact_fields=(Field.PHONE_NUMBER,)
    )
    run(call)
    wait_until(
        lambda: MetricResult.objects.filter(call=call, is_current=True, outcome="scored").exists(),
        within_secs=60,
        what="the copy and its measurement",
    )
    (only,) = [one for one in judge.asked if one.sound is not None]
    assert said not in " ".join(only.texts)
    # Where the number was said, a sine of 0.05 is heard; the buzz of the caller would be another.
    assert [only.level(at, at + 0.2) for at in (2.8, 3.2, 3.6)] == pytest.approx([0.05 / 2**0.5] * 3, rel=0.1)
    assert only.level(0.7, 1.8) > 0.05


def test_a_call_without_words_can_be_heard(alice: Tenant, judge: ListeningJudge, run: Any) -> None:
    listens(alice)
    row = run(call_of(alice, transcript="[]"))["Tone"]
    assert (row.outcome, len(judge.sounds)) == ("scored", 1)


def test_the_same_sound_is_cut_once_for_several_questions(
    alice: Tenant, judge: ListeningJudge, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        listens(alice, f"Tone {number}")
    cuts: list[Any] = []
    cut = sounds.Sounds._cut

    async def counted(self: Any, file: Any, place: Any, sound: Any) -> bytes:
        cuts.append(sound)
        return await cut(self, file, place, sound)

    monkeypatch.setattr(sounds.Sounds, "_cut", counted)
    found = run(call_of(alice))
    assert {row.outcome for row in found.values()} == {"scored"}
    assert (len(judge.sounds), len(set(judge.sounds)), len(cuts)) == (5, 1, 1)


def test_a_rerun_takes_over_what_still_holds_and_asks_anew_about_another_part(
    alice: Tenant, judge: ListeningJudge, run: Any
) -> None:
    listens(alice)
    call = call_of(alice)
    run(call)
    keys = set(JudgeCall.objects.values_list("request_hash", flat=True))
    evaluate_call_again(call)
    run(call)
    assert set(JudgeCall.objects.values_list("request_hash", flat=True)) == keys, "the same question"
    other = call_of(alice, wav(CALLER, AGENT), call_id="c2")
    run(other)
    assert len(set(JudgeCall.objects.values_list("request_hash", flat=True))) == 2, "another recording"


def test_a_recording_that_cannot_be_cut_fails_that_metric_alone(
    alice: Tenant, judge: ListeningJudge, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_in_process = AudioProcesses.run

    async def broken(self: Any, work: Any, *args: Any, **options: Any) -> Any:
        if work is sounds.cut:
            return Unheard("broken_file", "The recording is damaged.")
        return await run_in_process(self, work, *args, **options)

    monkeypatch.setattr(AudioProcesses, "run", broken)
    listens(alice)
    make_metric(alice.project, "Words", "Was it said?")
    found = run(call_of(alice))
    row = found["Tone"]
    assert (row.outcome, row.reason, row.retryable) == ("failed", "audio_failed", False)
    assert "damaged" in row.explanation
    assert found["Words"].outcome == "scored"


def test_a_file_that_is_gone_from_the_store(
    alice: Tenant, judge: ListeningJudge, run: Any, tmp_path: Path
) -> None:
    listens(alice)
    call = call_of(alice)
    run(call)
    for path in (tmp_path / "recordings").rglob("*"):
        if path.is_file():
            path.unlink()
    Recording.objects.update(state=RecordingState.STORED, next_try_at=timezone.now())
    RecordingFile.objects.update(duration_secs=7.0)  # another part than the one that is kept
    evaluate_call_again(call)
    row = run(call)["Tone"]
    assert MetricResult.objects.filter(reason="audio_failed").exists()
    assert row.outcome == "scored", "the earlier result stays"


def test_a_script_has_a_part_judged_by_ear(alice: Tenant, judge: ListeningJudge, run: Any) -> None:
    ask = "evaluate_llm_judge_metric(data, description={!r}, audio=True{})"
    code = (
        f"whole = {ask.format('Loud?', '')}\n"
        f"end = {ask.format('Kind?', ', audio_start_time=4.0, audio_end_time=5.5')}\n"
        f"past = {ask.format('Late?', ', audio_start_time=60')}\n"
        'words = evaluate_llm_judge_metric(data, description="Said?")\n'
        '_result = whole["result"] and end["result"] and words["result"] and past["result"] is None\n'
        '_explanation = past["explanation"]\n'
    )
    make_metric(alice.project, "Listens", "", kind="custom_code", custom_code=code)
    row = run(call_of(alice))["Listens"]
    assert (row.outcome, row.passed, row.judge_requests) == ("scored", True, 3), row.explanation
    assert "no sound in the part" in row.explanation
    lengths = [len(one.samples()[0]) / 16_000 if one.sound else None for one in judge.asked]
    assert lengths == [pytest.approx(6.0, abs=0.1), pytest.approx(1.5, abs=0.1), None]


def test_a_plan_counts_the_sound(alice: Tenant, judge: ListeningJudge, options: Any, run: Any) -> None:
    options(judge_prices="openai:gpt-audio=1/1 sound 1001")
    listens(alice)
    run(call_of(alice))
    for number in range(3):
        call_of(alice, None, call_id=f"silent-{number}")
    agent = alice.project.agents.get()
    plan = plan_for(agent, Selection(), None, PLAIN)
    assert plan.estimate.requests == 1, "calls without a recording are not asked about"
    heard = 60.0  # tokens of 6 s, as OpenAI counts
    assert plan.estimate.cost_usd == pytest.approx(heard * 1_001 / 1e6, rel=0.1)
    options(judge_audio_secs=5, judge_prices="openai:gpt-audio=1/1 sound 1001")
    assert plan_for(agent, Selection(), None, PLAIN).estimate.requests == 0, "it would be too long"
    options(judge="openai:gpt-4.1")
    assert plan_for(agent, Selection(), None, PLAIN).estimate == Estimate(), "nobody would listen"


def test_a_plan_counts_a_script_as_if_it_heard_everything(
    alice: Tenant, judge: ListeningJudge, options: Any, run: Any
) -> None:
    options(judge_prices="openai:gpt-audio=1/1 sound 1001")
    code = '_result = evaluate_llm_judge_metric(data, description="Loud?", audio=True)["result"]'
    make_metric(alice.project, "Asks", "", kind="custom_code", custom_code=code)
    run(call_of(alice))
    plan = plan_for(alice.project.agents.get(), Selection(), None, PLAIN)
    assert plan.estimate.cost_usd == pytest.approx(60 * 1_001 / 1e6, rel=0.1)


def test_a_cap_needs_a_price_for_the_sound(alice: Tenant, options: Any) -> None:
    options(judge="openai:a", judge_audio_models=("openai:b",), judge_prices="openai:a=1/1, openai:b=1/1")
    listens(alice)
    agent = alice.agent()
    plan_for(agent, Selection(), None, Terms(max_cost_usd=1.0))
    options(judge="openai:a", judge_audio_models=("openai:b",), judge_prices="openai:a=1/1")
    with pytest.raises(Invalid, match=r"openai:b=0\.40/1\.60 sound 2\.50"):
        plan_for(agent, Selection(), None, Terms(max_cost_usd=1.0))


def test_what_was_heard_can_be_computed_again_without_the_sound(
    alice: Tenant, judge: ListeningJudge, run: Any, tmp_path: Path
) -> None:
    listens(alice, configuration={"audio_side": "agent", "audio_end_time": 3})
    code = (
        'heard = evaluate_llm_judge_metric(data, description="Loud?", audio=True, audio_start_time=1.0)\n'
        '_result = heard["result"]\n'
    )
    make_metric(alice.project, "Asks", "", kind="custom_code", custom_code=code)
    run(call_of(alice))
    for row in MetricResult.objects.select_related("metric", "version", "call"):
        text = replay_file(row)
        assert "open_sound" not in json.dumps(json.loads(text)["recording"])
        (tmp_path / "result.json").write_text(text, encoding="utf-8")
        found = CliRunner().invoke(main, ["replay", str(tmp_path / "result.json"), "--json"])
        assert found.exit_code == 0, (row.version.name, found.output)
        assert (json.loads(found.stdout)["notes"], json.loads(text)["notes"]) == ([], [])
    assert len(judge.sounds) == 2, "nobody was asked again"


def test_a_judge_that_is_busy_is_asked_again_with_the_same_sound(
    alice: Tenant, options: Any, run: Any
) -> None:
    busy = ListeningJudge(refuse_first=(429, 500))
    busy.start()
    try:
        options(judge_base_url=busy.url)
        listens(alice)
        row = run(call_of(alice))["Tone"]
        assert (row.outcome, len(busy.sounds), len(set(busy.sounds))) == ("scored", 3, 1)
    finally:
        busy.stop()
