"""The same calls with the providers' SDKs. Runs in an environment of its own, without Callgauge."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from asked import anthropic_body, openai_body
from timed import measure


async def openai_sdk(url: str, calls: int, in_flight: int) -> None:
    from openai import AsyncOpenAI

    client = AsyncOpenAI(base_url=f"{url}/v1", api_key="key")

    async def ask(body: dict[str, Any]) -> dict[str, Any]:
        reply = await client.chat.completions.create(**body)
        verdict: dict[str, Any] = json.loads(reply.choices[0].message.content or "")
        return verdict

    await measure(ask, [openai_body(number) for number in range(calls)], in_flight)


async def anthropic_sdk(url: str, calls: int, in_flight: int) -> None:
    from anthropic import AsyncAnthropic

    client = AsyncAnthropic(base_url=url, api_key="key")
    # This SDK's newer versions take no temperature.

    async def ask(body: dict[str, Any]) -> dict[str, Any]:
        reply = await client.messages.create(**{key: body[key] for key in body if key != "temperature"})
        verdict: dict[str, Any] = json.loads(reply.content[0].text)
        return verdict

    await measure(ask, [anthropic_body(number) for number in range(calls)], in_flight)


CLIENTS = {"openai SDK": openai_sdk, "anthropic SDK": anthropic_sdk}

if __name__ == "__main__":
    _, name, url, calls, in_flight = sys.argv
    asyncio.run(CLIENTS[name](url, int(calls), int(in_flight)))
