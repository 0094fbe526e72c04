"""One question to a judge, so that somebody sees whether it can be asked, how fast, and for how much."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from callgauge.domain.judging import JudgeError, JudgeRequest, Message
from callgauge.domain.options import Options, Rate
from callgauge.domain.outcomes import Usage
from callgauge.flow import ratelimit
from callgauge.flow.errors import Invalid
from callgauge.flow.judge_settings import judge_settings, named_settings
from callgauge.flow.scope import Who, require_owner
from callgauge.judge import JudgeSettingError, JudgeSettings, open_judge
from callgauge.store.models import Project

PATIENCE_SECS: Final = 30.0
TRIALS: Final = Rate(10, 60)
SYSTEM: Final = "Answer the question about the caller's words. Give the answer in the form that is asked for."
QUESTION: Final = (
    'Does this caller end the call politely? Caller: "That was all I needed. Thank you, goodbye."'
)
SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {"answer": {"type": "string", "enum": ["yes", "no"]}, "reason": {"type": "string"}},
    "required": ["answer", "reason"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Tried:
    model: str
    secs: float
    usage: Usage
    answer: Mapping[str, Any] | None = None
    """None where there was none: `fault` then says why."""
    fault: str = ""
    scripted: bool = False
    """It answers from a file, which could be read; nobody was asked."""


def try_judge(who: Who, project: Project, options: Options, name: str = "") -> Tried:
    """Ask the installation's judge, or one that metrics may choose by `name`. It is paid for as any question.

    Raises Forbidden for all but owners, RateLimited, and Invalid where no judge is set or its settings cannot
    work."""
    require_owner(who)
    ratelimit.take(project, "judge-trial", TRIALS)
    try:
        settings = named_settings(options, name) if name else judge_settings(options)
        if settings is None:
            raise Invalid.field("judge", "No judge is set. Set CALLGAUGE_JUDGE and restart the server.")
        return asyncio.run(_ask(_once(settings)))
    except JudgeSettingError as error:
        raise Invalid.field("judge", f"The settings of the judge cannot be used: {error}") from None


def _once(settings: JudgeSettings) -> JudgeSettings:
    """A person waits for it: no second try, and no long one."""
    return replace(
        settings,
        http_tries=1,
        reasks=0,
        timeout_secs=min(PATIENCE_SECS, settings.timeout_secs),
        deadline_secs=min(PATIENCE_SECS, settings.deadline_secs),
    )


async def _ask(settings: JudgeSettings) -> Tried:
    judge = open_judge(settings)
    try:
        if judge.scripted:
            return Tried(judge.model, 0.0, Usage(), scripted=True)
        request = JudgeRequest([Message("system", SYSTEM), Message("user", QUESTION)], SCHEMA, "test")
        began = time.perf_counter()
        try:
            answer = await judge.ask(request)
        except JudgeError as error:
            return Tried(judge.model, time.perf_counter() - began, error.usage, fault=str(error))
        return Tried(answer.model, time.perf_counter() - began, answer.usage, answer.content)
    finally:
        await judge.close()
