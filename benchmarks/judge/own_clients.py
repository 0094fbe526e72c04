"""The adapter, and a bare aiohttp loop that does the least that any client must."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import aiohttp
import orjson

from benchmarks.judge.asked import QUESTION, SCHEMA, SYSTEM, anthropic_body, openai_body, transcript
from benchmarks.judge.timed import measure
from callgauge.domain.judging import JudgeRequest, Message
from callgauge.judge import JudgeSettings, Prices, open_judge


async def bare(url: str, calls: int, in_flight: int) -> None:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        connector=connector, timeout=aiohttp.ClientTimeout(total=None)
    ) as session:

        async def ask(body: dict[str, Any]) -> dict[str, Any]:
            headers = {"Content-Type": "application/json", "Authorization": "Bearer key"}
            async with session.post(
                f"{url}/v1/chat/completions", data=orjson.dumps(body), headers=headers
            ) as response:
                document = orjson.loads(await response.read())
            verdict: dict[str, Any] = orjson.loads(document["choices"][0]["message"]["content"])
            return verdict

        await measure(ask, [openai_body(number) for number in range(calls)], in_flight)


async def bare_anthropic(url: str, calls: int, in_flight: int) -> None:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        connector=connector, timeout=aiohttp.ClientTimeout(total=None)
    ) as session:

        async def ask(body: dict[str, Any]) -> dict[str, Any]:
            headers = {"Content-Type": "application/json", "x-api-key": "key"}
            async with session.post(
                f"{url}/v1/messages", data=orjson.dumps(body), headers=headers
            ) as response:
                document = orjson.loads(await response.read())
            verdict: dict[str, Any] = orjson.loads(document["content"][0]["text"])
            return verdict

        await measure(ask, [anthropic_body(number) for number in range(calls)], in_flight)


async def adapter(provider: str, path: str, url: str, calls: int, in_flight: int) -> None:
    settings = JudgeSettings(
        provider, "fake", base_url=url + path, api_key="key", prices=Prices(0.4, 1.6, cached_usd=0.1)
    )
    judge = open_judge(settings)

    async def ask(request: JudgeRequest) -> Any:
        answer = await judge.ask(request)
        if answer.attempts != 1 or not answer.usage.cost_usd:
            raise SystemExit(f"not what this benchmark counts: {answer.faults}")
        return answer.content

    def request(number: int) -> JudgeRequest:
        messages = [
            Message("system", SYSTEM),
            Message("user", transcript(number), cacheable=True),
            Message("user", QUESTION),
        ]
        return JudgeRequest(messages, SCHEMA, "verdict")

    await measure(ask, [request(number) for number in range(calls)], in_flight)
    await judge.close()


CLIENTS = {
    "bare aiohttp": bare,
    "callgauge openai": lambda *args: adapter("openai", "/v1", *args),
    "bare aiohttp, anthropic's API": bare_anthropic,
    "callgauge anthropic": lambda *args: adapter("anthropic", "/v1", *args),
    "callgauge gemini": lambda *args: adapter("gemini", "/v1beta", *args),
}

if __name__ == "__main__":
    _, name, url, calls, in_flight = sys.argv
    asyncio.run(CLIENTS[name](url, int(calls), int(in_flight)))
