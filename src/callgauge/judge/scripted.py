"""The scripted judge: a labelled fake that answers from a file, for demos and tests without a model."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from callgauge.domain.judging import JudgeAnswer, JudgeRefused, JudgeRequest
from callgauge.domain.outcomes import Usage
from callgauge.judge.answers import misfit
from callgauge.judge.gate import Gate
from callgauge.judge.script_file import ANY, Rule, Script, read_script
from callgauge.judge.settings import JudgeSettingError, JudgeSettings


def open_judge(settings: JudgeSettings, gate: Gate | None = None) -> ScriptedJudge:
    """The gate is left alone: nobody is asked."""
    if settings.script is None:
        raise JudgeSettingError("the scripted judge needs a file: write scripted:FILE")
    return ScriptedJudge(read_script(settings.script), name=settings.model)


def hears(model: str) -> bool:
    """It answers questions that ask to listen as it does all others, and hears as little as it reads."""
    return True


@dataclass(frozen=True, slots=True)
class _Candidate:
    order: int
    rule: Rule


class ScriptedJudge:
    """Answers with the first rule of the file that fits; it never guesses."""

    scripted = True
    cache_min_tokens = None

    def __init__(self, script: Script, *, name: str) -> None:
        self._script = script
        self._name = name
        self._by_names: dict[tuple[str, str], list[_Candidate]] = {}
        for order, rule in enumerate(script.rules):
            for metric in rule.metrics:
                for call_id in rule.call_ids:
                    self._by_names.setdefault((metric, call_id), []).append(_Candidate(order, rule))

    @property
    def model(self) -> str:
        return f"scripted:{self._name}"

    async def ask(self, request: JudgeRequest) -> JudgeAnswer:
        """Raises JudgeRefused, naming metric and call, where no rule fits or its answer lacks a key."""
        if self._script.latency_ms:
            await asyncio.sleep(self._script.latency_ms / 1000)
        where, answer = self._find(request)
        problem = misfit(answer, request.schema)
        if problem is not None:
            raise JudgeRefused(f"{self.model}: {where} does not fit what was asked: {problem}", attempts=1)
        return JudgeAnswer(content=answer, model=self.model, usage=Usage(requests=1, cost_usd=0.0))

    async def close(self) -> None:
        """Nothing is held open."""

    def _find(self, request: JudgeRequest) -> tuple[str, Mapping[str, Any]]:
        question = request.messages[-1].text.casefold() if request.messages else ""
        fitting = (
            candidate
            for candidate in self._named(request)
            if all(text.casefold() in question for text in candidate.rule.contains)
        )
        first = min(fitting, key=lambda candidate: candidate.order, default=None)
        if first is not None:
            return f"answers[{first.order}]", first.rule.answer
        if self._script.default is not None:
            return "default", self._script.default
        raise JudgeRefused(
            f"{self.model} has no answer for metric {request.metric_name!r} on call {request.call_id!r}; "
            "add one to its file, or a default",
            attempts=1,
        )

    def _named(self, request: JudgeRequest) -> Iterable[_Candidate]:
        for metric in {request.metric_name, ANY}:
            for call_id in {request.call_id, ANY}:
                yield from self._by_names.get((metric, call_id), ())
