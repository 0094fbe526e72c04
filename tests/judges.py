"""A judge in this process: it answers by rule and remembers what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from callgauge.domain.judging import JudgeAnswer, JudgeRequest
from callgauge.domain.outcomes import Usage


def verdict(value: Any, applicable: bool = True) -> dict[str, Any]:
    return {"evidence": [], "explanation": ["Because."], "applicable": applicable, "value": value}


class FakeJudge:
    model = "fake:judge"
    scripted = False
    cache_min_tokens: int | None = None

    def __init__(
        self,
        answer: Callable[[JudgeRequest], Mapping[str, Any]] | None = None,
        price: Callable[[JudgeRequest], float | None] = lambda request: 0.001,
    ) -> None:
        self._answer = answer or (lambda request: verdict(True))
        self._price = price
        self.asked: list[tuple[str, str]] = []
        self.gate: asyncio.Event | None = None

    async def ask(self, request: JudgeRequest) -> JudgeAnswer:
        self.asked.append((request.call_id, request.metric_name))
        await asyncio.sleep(0)
        return JudgeAnswer(
            content=self._answer(request),
            model=self.model,
            usage=Usage(requests=1, input_tokens=100, output_tokens=10, cost_usd=self._price(request)),
        )

    async def close(self) -> None:
        return None
