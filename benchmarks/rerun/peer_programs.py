"""The same evaluations with public packages. Runs in an environment of its own, without Callgauge.

`python peer_programs.py NAME JUDGE_URL WORK.json` prints wall and CPU seconds as JSON. Results stay in
memory. Each prompt ends with what the fake judge shall answer: each package asks for another shape.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

WARM_UP_CALLS = 4
ASK = (
    "You judge a phone call between a caller and a voice agent by one rule.\nThe rule: {rule}\n\nThe call:\n"
)
Program = Callable[[list[str], list[str], int], Awaitable[int]]
"""From calls, rules and requests in flight to the number of sound results."""


def ragas(url: str) -> Program:
    from openai import AsyncOpenAI
    from ragas.llms import llm_factory
    from ragas.metrics import DiscreteMetric

    llm = llm_factory("fake", client=AsyncOpenAI(base_url=f"{url}/v1", api_key="key", timeout=10))
    answer = '\n\nFAKE ANSWER: {{"value": "pass", "reason": "The wish was confirmed."}}'

    async def run(calls: list[str], rules: list[str], in_flight: int) -> int:
        slots = asyncio.Semaphore(in_flight)

        async def one(metric: Any, call: str) -> bool:
            async with slots:
                result = await metric.ascore(llm=llm, call=call)
            return bool(result.value == "pass" and result.reason)

        metrics = [
            DiscreteMetric(
                name=f"metric_{number}",
                prompt=f"{ASK.format(rule=rule)}{{call}}{answer}",
                allowed_values=["pass", "fail"],
            )
            for number, rule in enumerate(rules)
        ]
        return sum(await asyncio.gather(*(one(metric, call) for call in calls for metric in metrics)))

    return run


def phoenix(url: str, **brake: int) -> Program:
    """`brake`: settings of its own one on requests a second."""
    import pandas
    from phoenix.evals import LLM, async_evaluate_dataframe, create_classifier

    llm = LLM(
        provider="openai",
        model="fake",
        client="openai",
        base_url=f"{url}/v1",
        api_key="key",
        **brake,
    )
    answer = '\n\nFAKE ANSWER: {"label": "pass", "explanation": "The wish was confirmed."}'

    async def run(calls: list[str], rules: list[str], in_flight: int) -> int:
        metrics = [
            create_classifier(
                name=f"metric_{number}",
                prompt_template=f"{ASK.format(rule=rule)}{{{{call}}}}{answer}",
                llm=llm,
                choices=["pass", "fail"],
            )
            for number, rule in enumerate(rules)
        ]
        frame = await async_evaluate_dataframe(
            dataframe=pandas.DataFrame({"call": calls}),
            evaluators=metrics,
            concurrency=in_flight,
            hide_tqdm_bar=True,
        )
        scores = [score for number in range(len(rules)) for score in frame[f"metric_{number}_score"]]
        return sum(_label(score) == "pass" for score in scores)

    return run


def _label(score: Any) -> Any:
    return (json.loads(score) if isinstance(score, str) else score).get("label")


PROGRAMS: dict[str, Callable[[str], Program]] = {
    "ragas": ragas,
    # The brake as far off as it goes.
    "phoenix-evals": partial(phoenix, initial_per_second_request_rate=10_000),
    "phoenix-as-it-comes": phoenix,
}


async def measure(program: Program, calls: list[str], rules: list[str], in_flight: int) -> dict[str, float]:
    await program([f"warm-up: {call}" for call in calls[:WARM_UP_CALLS]], rules, in_flight)
    start, cpu = time.perf_counter(), time.process_time()
    sound = await program(calls, rules, in_flight)
    taken = {"wall_secs": time.perf_counter() - start, "cpu_secs": time.process_time() - cpu}
    return taken | {"sound": sound, "warm_up": min(WARM_UP_CALLS, len(calls)) * len(rules)}


if __name__ == "__main__":
    _, name, url, file = sys.argv
    with open(file) as work_file:
        work = json.load(work_file)
    made = PROGRAMS[name](url)
    print(json.dumps(asyncio.run(measure(made, work["calls"], work["rules"], work["in_flight"]))))
