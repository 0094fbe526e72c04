"""Which judge a metric gets, and what the operator must set for it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from callgauge.domain.options import Options, load
from callgauge.engine.faults import BadConfiguration
from callgauge.flow import provider_limits
from callgauge.judge import Gate, JudgeSettingError, Prices
from callgauge.store.models import ProviderAnswered, ProviderBucket
from callgauge.worker.database import DatabaseThread
from callgauge.worker.judges import Judges, check_judges, judge_settings, judges_from, named_settings
from callgauge.worker.shared_gates import SharedGates
from tests.engine.calls import make_spec
from tests.judges import FakeJudge

KEY, OTHER_KEY = "sk-own", "sk-other"
SECRETS = (KEY, OTHER_KEY)


def options(**settings: str) -> Options:
    own = {"CALLGAUGE_JUDGE": "openai:gpt-4.1-mini", "CALLGAUGE_JUDGE_API_KEY": KEY}
    return load(own | {f"CALLGAUGE_{name}": value for name, value in settings.items()})


def of(judges: Judges | None, choice: Any = None) -> str:
    assert judges is not None
    configuration = {} if choice is None else {"judge_model": choice}
    return judges.of(make_spec(configuration=configuration)).model


ALLOWED = {
    "JUDGE_MODELS": "openai:gpt-4.1, anthropic:*",
    "JUDGE_KEYS": f"anthropic={OTHER_KEY}",
}


def test_a_metric_chooses_among_the_listed_models() -> None:
    judges = judges_from(options(**ALLOWED))
    assert of(judges) == of(judges, "") == "openai:gpt-4.1-mini"
    assert of(judges, "openai:gpt-4.1-mini") == "openai:gpt-4.1-mini"
    assert of(judges, " openai:gpt-4.1 ") == "openai:gpt-4.1"
    assert of(judges, "anthropic:claude-haiku-4-5") == "anthropic:claude-haiku-4-5"
    spec = make_spec(configuration={"judge_model": "openai:gpt-4.1"})
    assert judges is not None
    assert judges.of(spec) is judges.of(spec)
    asyncio.run(judges.close())


@pytest.mark.parametrize(
    ("settings", "choice", "told"),
    [
        (ALLOWED, "openai:o3", "CALLGAUGE_JUDGE_MODELS"),
        (ALLOWED, "gemini:gemini-2.5-pro", "CALLGAUGE_JUDGE_MODELS"),
        (ALLOWED, "nobody", "CALLGAUGE_JUDGE_MODELS"),
        (ALLOWED, "anthropic:", "CALLGAUGE_JUDGE_MODELS"),
        (ALLOWED, "scripted:/etc/passwd", "CALLGAUGE_JUDGE_MODELS"),
        ({"JUDGE_MODELS": "scripted:*"}, "scripted:/etc/passwd", "CALLGAUGE_JUDGE_MODELS"),
        ({"JUDGE_MODELS": "gemini:*"}, "gemini:gemini-2.5-pro", "gemini=KEY into CALLGAUGE_JUDGE_KEYS"),
        ({}, "openai:gpt-4.1", "CALLGAUGE_JUDGE_MODELS"),
        (ALLOWED, 5, "must be a text"),
        (ALLOWED, ["openai:gpt-4.1"], "must be a text"),
    ],
)
def test_every_other_choice_is_a_fault_of_the_configuration(
    settings: dict[str, str], choice: Any, told: str
) -> None:
    with pytest.raises(BadConfiguration, match=told) as fault:
        of(judges_from(options(**settings)), choice)
    assert not any(secret in str(fault.value) for secret in SECRETS)


def test_a_listed_script_can_be_chosen_by_its_exact_name(tmp_path: Path) -> None:
    script = tmp_path / "answers.json"
    script.write_text('{"answers": []}')
    assert of(judges_from(options(JUDGE_MODELS=f"scripted:{script}")), f"scripted:{script}") == (
        "scripted:answers"
    )


def test_a_judge_alone_leaves_no_choice() -> None:
    judges = Judges(FakeJudge())
    assert of(judges) == "fake:judge"
    with pytest.raises(BadConfiguration, match="one judge only"):
        of(judges, "openai:gpt-4.1")


def test_keys_and_addresses_are_those_of_the_provider() -> None:
    loaded = options(
        JUDGE_BASE_URL="http://127.0.0.1:1/v1",
        JUDGE_MODELS="openai:*,anthropic:*",
        JUDGE_KEYS=f"anthropic={OTHER_KEY}",
        JUDGE_BASE_URLS="anthropic=http://127.0.0.1:2",
    )
    own, other = named_settings(loaded, "openai:x"), named_settings(loaded, "anthropic:y")
    assert (own.api_key, own.base_url) == (KEY, "http://127.0.0.1:1/v1")
    assert (other.api_key, other.base_url) == (OTHER_KEY, "http://127.0.0.1:2")


def test_the_judges_own_key_never_goes_to_another_provider() -> None:
    loaded = options(JUDGE_MODELS="anthropic:*", JUDGE_BASE_URLS="anthropic=http://127.0.0.1:2")
    assert named_settings(loaded, "anthropic:y").api_key == ""


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"JUDGE_MODELS": "gpt-4.1"}, "CALLGAUGE_JUDGE_MODELS"),
        ({"JUDGE_MODELS": "openai:"}, "CALLGAUGE_JUDGE_MODELS"),
        ({"JUDGE_KEYS": OTHER_KEY}, "CALLGAUGE_JUDGE_KEYS"),
        ({"JUDGE_KEYS": f"nobody={OTHER_KEY}"}, "CALLGAUGE_JUDGE_KEYS"),
        ({"JUDGE_BASE_URLS": "anthropic="}, "CALLGAUGE_JUDGE_BASE_URLS"),
        ({"JUDGE_PRICES": "cheap"}, "CALLGAUGE_JUDGE_PRICES"),
    ],
)
def test_faulty_settings_are_found_at_the_start(settings: dict[str, str], told: str) -> None:
    with pytest.raises(JudgeSettingError, match=told) as fault:
        check_judges(options(**settings))
    assert not any(secret in str(fault.value) for secret in SECRETS)


def test_settings_reach_every_judge() -> None:
    loaded = options(
        JUDGE_MODELS="openai:*",
        JUDGE_REASKS="1",
        JUDGE_RESPONSE_FORMAT="json_object",
        JUDGE_PRICES="openai:own=1/2, gpt-4.1-mini=3/4, 5/6",
    )
    own, named = judge_settings(loaded), named_settings(loaded, "openai:own")
    assert own is not None
    assert (own.reasks, own.response_format, own.prices) == (1, "json_object", Prices(3, 4))
    assert (named.reasks, named.response_format, named.prices) == (1, "json_object", Prices(1, 2))
    assert named_settings(loaded, "openai:third").prices == Prices(5, 6)


def test_without_a_judge_there_are_none() -> None:
    assert judges_from(load({"CALLGAUGE_JUDGE_MODELS": "openai:*"})) is None


NOTHING = provider_limits.News(paused_secs=0.0, answered=False)


@pytest.mark.django_db(transaction=True)
def test_a_pause_that_one_process_is_told_holds_for_the_others() -> None:
    async def run() -> None:
        threads = [DatabaseThread("a"), DatabaseThread("b")]
        here, there = (SharedGates(thread) for thread in threads)
        own = Gate(tell=here.teller("openai"))
        other, idle, elsewhere = Gate(), Gate(), Gate()
        for name, gate in (("openai", other), ("gemini", elsewhere)):
            there.watch(name, gate)
            await gate.pass_pause()
        SharedGates(threads[1]).watch("openai", idle)
        own.pause(30.0)
        own.pause(29.0)  # shorter: nothing to tell
        await asyncio.gather(*here._tasks)
        await there.look()
        assert 25 < other.closed_secs <= 30
        assert (elsewhere.closed_secs, idle.closed_secs) == (0, 0)
        for pauses in (here, there):
            await pauses.close()
        for thread in threads:
            await thread.close()

    asyncio.run(run())


@pytest.mark.django_db(transaction=True)
def test_a_shorter_pause_does_not_end_a_longer_one_in_the_row_either() -> None:
    provider_limits.pause("openai", 30.0)
    provider_limits.pause("openai", 5.0)
    openai, gemini = provider_limits.news([("openai", ""), ("gemini", "")])
    assert gemini == NOTHING
    assert 25 < openai.paused_secs <= 30
    ProviderBucket.objects.update(paused_until=timezone.now() - timedelta(seconds=1))
    assert provider_limits.news([("openai", "")]) == [NOTHING]


@pytest.mark.django_db(transaction=True)
def test_a_process_that_starts_in_an_outage_knows_from_the_others_that_the_provider_has_answered() -> None:
    def trusting(gate: Gate) -> bool:
        gate.unanswered()
        return gate.down_secs is not None

    async def run() -> None:
        threads = [DatabaseThread("a"), DatabaseThread("b")]
        here, there = (SharedGates(thread) for thread in threads)
        own, same, moved, later = Gate(), Gate(), Gate(), Gate()
        here.watch("openai", own, "http://here/v1")
        await own.pass_pause()
        await here.look()
        assert await threads[0].run(ProviderAnswered.objects.count) == 0  # asked, and not answered yet
        own.answered()
        await here.look()
        for gate, address in ((same, "http://here/v1"), (moved, "http://there/v1")):
            there.watch("openai", gate, address)
            # It knows before its first question is sent: some are given up within a second.
            await asyncio.gather(gate.pass_pause(), gate.pass_pause())
        await threads[0].run(_grow_old)
        there.watch("openai", later, "http://here/v1")
        await later.pass_pause()
        assert [trusting(gate) for gate in (same, moved, later)] == [True, False, False]
        for shared in (here, there):
            await shared.close()
        for thread in threads:
            await thread.close()

    asyncio.run(run())


def test_judges_of_one_provider_share_a_gate_where_they_are_asked_at_one_address() -> None:
    other = "openai=http://other.example/v1"
    for settings, shared in (({}, True), ({"JUDGE_BASE_URLS": other}, False)):
        judges = judges_from(options(**ALLOWED, JUDGE_BASE_URL="http://own.example/v1", **settings))
        assert judges is not None
        named = judges.of(make_spec(configuration={"judge_model": "openai:gpt-4.1"}))
        assert (named._gate is judges.default._gate) is shared  # type: ignore[attr-defined]
        asyncio.run(judges.close())


@pytest.mark.django_db(transaction=True)
def test_that_a_provider_has_answered_is_remembered_of_each_of_its_addresses() -> None:
    for address in ("http://here/v1", "http://there/v1", "http://here/v1"):
        provider_limits.note_answer("openai", address)
    asked = [("openai", "http://here/v1"), ("openai", "http://there/v1"), ("gemini", "http://here/v1")]
    assert [one.answered for one in provider_limits.news(asked)] == [True, True, False]
    assert ProviderAnswered.objects.count() == 2
    assert not any("here" in row.address for row in ProviderAnswered.objects.all())


def _grow_old() -> None:
    ProviderAnswered.objects.update(answered_at=timezone.now() - timedelta(days=8))


@pytest.mark.parametrize(
    ("wish", "listed", "asked"),
    [
        ("gemini", "gemini:gemini-2.5-pro, gemini:gemini-2.5-flash", "gemini:gemini-2.5-pro"),
        (
            "dspy-gepa-gemini-flash",
            "gemini:gemini-2.5-pro, gemini:gemini-2.5-flash",
            "gemini:gemini-2.5-flash",
        ),
        ("deepseek-v4-flash", "openai:deepseek-chat", "openai:deepseek-chat"),
        ("openai", "openai:gpt-4.1", "openai:gpt-4.1-mini"),
        ("gemini", "gemini:*", "openai:gpt-4.1-mini"),
        ("gemini", "", "openai:gpt-4.1-mini"),
        ("", "gemini:gemini-2.5-pro", "openai:gpt-4.1-mini"),
    ],
)
def test_a_metrics_provider_is_a_wish(wish: str, listed: str, asked: str) -> None:
    judges = judges_from(options(JUDGE_MODELS=listed, JUDGE_KEYS=f"gemini={OTHER_KEY}"))
    assert judges is not None
    assert judges.of(make_spec(llm_provider=wish)).model == asked
    chosen = make_spec(llm_provider=wish, configuration={"judge_model": "openai:gpt-4.1-mini"})
    assert judges.of(chosen).model == "openai:gpt-4.1-mini"
