"""What measures: the sandbox for Python metrics, and the judge."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import asdict

from callgauge.cli.doctor.finding import Finding, State
from callgauge.domain.options import Options

QUESTION = "Is the word hello in this sentence: hello world?"
ASK_SECS = 30.0


def sandbox(loaded: Options) -> Iterator[Finding]:
    """Every way of running Python metrics is really tried, with the attacks of the self-test."""
    from callgauge.sandbox import BACKENDS, BackendUnavailable, Sandbox

    if loaded.sandbox == "off":
        yield Finding("sandbox", State.OFF, "Python metrics are switched off: CALLGAUGE_SANDBOX is off")
        return
    chosen = ""
    tried: dict[str, object] = {}
    for name, backend in BACKENDS.items():
        candidate = backend()
        try:
            candidate.start()
        except BackendUnavailable as error:
            tried[name] = {"works": False, "why": str(error)}
            continue
        with Sandbox(candidate) as opened:
            test = opened.self_test()
            described = dict(opened.describe().enforced)
        broken = [attack.name for attack in test.attacks if not attack.contained]
        tried[name] = {
            "works": test.passed,
            "why": f"did not hold in the self-test: {', '.join(broken)}" if broken else "",
            "attacks_contained": f"{len(test.attacks) - len(broken)} of {len(test.attacks)}",
            **described,
        }
        if test.passed and not chosen and loaded.sandbox in ("auto", name):
            chosen = name
    yield _chosen(loaded, chosen, tried)


def _chosen(loaded: Options, chosen: str, tried: dict[str, object]) -> Finding:
    facts = {"runs": chosen or None, "backends": tried}
    reasons = "; ".join(
        f"{name}: {found['why']}" for name, found in tried.items() if isinstance(found, dict) and found["why"]
    )
    if not chosen:
        words = f"Python metrics cannot run here and are skipped: {reasons}"
        return Finding("sandbox", State.FAULT, words, facts)
    found = tried[chosen]
    assert isinstance(found, dict)
    if loaded.sandbox == chosen:
        why = "CALLGAUGE_SANDBOX says so"
    elif chosen == next(iter(tried)):
        why = "full Python, and this host can enforce it"
    else:
        why = reasons
    held = found["attacks_contained"]
    return Finding("sandbox", State.OK, f"{chosen} runs ({why}); {held} attacks of the self-test held", facts)


def judge(loaded: Options, *, ask: bool) -> Iterator[Finding]:
    from callgauge.flow.judge_settings import hearing_model, listed_models
    from callgauge.judge import JudgeSettingError
    from callgauge.worker.judges import check_judges, judge_settings

    try:
        check_judges(loaded)
        settings = judge_settings(loaded)
    except JudgeSettingError as error:
        yield Finding("judge", State.FAULT, f"CALLGAUGE_JUDGE: {error}")
        return
    if settings is None:
        words = "none is set: judge metrics are skipped; set CALLGAUGE_JUDGE, for example openai:gpt-4.1-mini"
        yield Finding("judge", State.WARNING, words)
        return
    name = f"{settings.provider}:{settings.model}"
    own = [loaded.judge, *listed_models(loaded)]
    listens = hearing_model(None, "", own, loaded.judge_audio_models)
    facts = {"model": name, "further": list(loaded.judge_models), "listens": listens}
    hears = f"; {listens} listens" if listens else "; none that listens"
    if settings.provider == "scripted":
        words = f"{name} answers from a file: no model is asked"
        yield Finding("judge", State.WARNING, words, facts)
    elif not ask:
        words = f"{name}, not asked; --ask-judge puts one cheap question to it{hears}"
        yield Finding("judge", State.OK, words, facts)
    else:
        yield asyncio.run(_ask(loaded, name))


def speech_to_text(loaded: Options) -> Iterator[Finding]:
    from callgauge.flow.speech_settings import check_speech
    from callgauge.judge import JudgeSettingError

    check = "speech to text"
    if not loaded.stt:
        words = "none is set: Transcription Accuracy needs a reference with the call, or CALLGAUGE_STT"
        yield Finding(check, State.OFF, words)
        return
    try:
        check_speech(loaded)
    except JudgeSettingError as error:
        yield Finding(check, State.FAULT, f"CALLGAUGE_STT: {error}")
        return
    yield Finding(check, State.OK, f"{loaded.stt}, not asked", {"model": loaded.stt})


async def _ask(loaded: Options, name: str) -> Finding:
    from dataclasses import replace

    from callgauge.domain.judging import JudgeError, JudgeRequest, Message
    from callgauge.engine import SCHEMA
    from callgauge.judge import open_judge
    from callgauge.worker.judges import judge_settings

    settings = judge_settings(loaded)
    assert settings is not None
    opened = open_judge(replace(settings, deadline_secs=min(ASK_SECS, settings.deadline_secs), http_tries=2))
    request = JudgeRequest(
        messages=(Message("system", "Answer in the shape that is asked for."), Message("user", QUESTION)),
        schema=SCHEMA,
        schema_name="doctor",
    )
    began = time.monotonic()
    try:
        answer = await opened.ask(request)
    except JudgeError as error:
        return Finding("judge", State.FAULT, str(error), {"model": name, "usage": asdict(error.usage)})
    finally:
        await opened.close()
    secs = round(time.monotonic() - began, 2)
    usage = answer.usage
    cost = "cost unknown" if usage.cost_usd is None else f"${usage.cost_usd:.5f}"
    words = f"{name} answered in {secs:g} s ({usage.input_tokens + usage.output_tokens} tokens, {cost})"
    facts = {"model": name, "secs": secs, "attempts": answer.attempts, "usage": asdict(usage)}
    if usage.cost_usd is None:
        return Finding(
            "judge", State.WARNING, f"{words}; set CALLGAUGE_JUDGE_PRICES to see what it costs", facts
        )
    return Finding("judge", State.OK, words, facts)
