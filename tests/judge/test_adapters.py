"""What each provider is sent, and how its replies are read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from callgauge.judge import JudgeSettings
from callgauge.judge.adapter import Adapter, MalformedReply, Quirks, Tokens
from callgauge.judge.anthropic import AnthropicMessages
from callgauge.judge.gemini import GeminiContent
from callgauge.judge.openai import OpenAIChat
from tests.judge.asking import KEY, SCHEMA, question

UNION = {"anyOf": [{"type": "boolean"}, {"type": "number"}, {"type": "string"}, {"type": "null"}]}
SPLIT_SCHEMA = {**SCHEMA, "properties": {**SCHEMA["properties"], "value": UNION}}
SYSTEM, CALL, QUESTION = (message.text for message in question().messages)
ADAPTERS = {"openai": OpenAIChat, "anthropic": AnthropicMessages, "gemini": GeminiContent}


def settings(provider: str, **changes: Any) -> JudgeSettings:
    return JudgeSettings(provider, "m-1", api_key=KEY, **changes)


def sent(adapter: Adapter, quirks: Quirks | None = None, **request: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(adapter.body(question(**request), quirks or adapter.quirks))
    return document


def test_openai_request() -> None:
    adapter = OpenAIChat(settings("openai"))

    assert adapter.url == "https://api.openai.com/v1/chat/completions"
    assert adapter.headers == {"Authorization": f"Bearer {KEY}"}
    assert sent(adapter) == {
        "model": "m-1",
        "messages": [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": CALL},
            {"role": "user", "content": QUESTION},
        ],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "verdict", "strict": True, "schema": SCHEMA},
        },
        "max_completion_tokens": 2000,
        "temperature": 0.0,
    }


def test_openai_compatible_request() -> None:
    local = OpenAIChat(JudgeSettings("openai", "m-1", base_url="http://localhost:11434"))
    azure = OpenAIChat(settings("openai", base_url="https://x.openai.azure.com/openai/v1"))

    assert local.url == "http://localhost:11434/v1/chat/completions"
    assert local.headers == {}
    assert sent(local)["max_tokens"] == 2000
    assert azure.headers == {"api-key": KEY}
    assert sent(azure)["max_completion_tokens"] == 2000


def test_anthropic_request() -> None:
    adapter = AnthropicMessages(settings("anthropic"))

    assert adapter.url == "https://api.anthropic.com/v1/messages"
    assert adapter.headers == {"x-api-key": KEY, "anthropic-version": "2023-06-01"}
    marked = {"type": "text", "text": CALL, "cache_control": {"type": "ephemeral"}}
    assert sent(adapter) == {
        "model": "m-1",
        "max_tokens": 2000,
        "system": [{"type": "text", "text": SYSTEM}],
        "messages": [
            {"role": "user", "content": [marked]},
            {"role": "user", "content": [{"type": "text", "text": QUESTION}]},
        ],
        "output_config": {"format": {"type": "json_schema", "schema": SPLIT_SCHEMA}},
        "temperature": 0.0,
    }


def test_gemini_request() -> None:
    adapter = GeminiContent(settings("gemini"))

    assert adapter.url == "https://generativelanguage.googleapis.com/v1beta/models/m-1:generateContent"
    assert adapter.headers == {"x-goog-api-key": KEY}
    assert sent(adapter) == {
        "systemInstruction": {"parts": [{"text": SYSTEM}]},
        "contents": [
            {"role": "user", "parts": [{"text": CALL}]},
            {"role": "user", "parts": [{"text": QUESTION}]},
        ],
        "generationConfig": {
            "responseMimeType": "application/json",
            "responseJsonSchema": SPLIT_SCHEMA,
            "maxOutputTokens": 2000,
            "temperature": 0.0,
        },
    }


@pytest.mark.parametrize("provider", ADAPTERS)
def test_keys_keep_the_order_of_the_schema(provider: str) -> None:
    body = ADAPTERS[provider](settings(provider)).body(question(), Quirks()).decode()
    places = [body.index(f'"{key}":') for key in SCHEMA["properties"]]

    assert places == sorted(places)


@pytest.mark.parametrize("provider", ADAPTERS)
def test_a_schema_in_words(provider: str) -> None:
    document = sent(ADAPTERS[provider](settings(provider, response_format="json_object")))
    text = json.dumps(document)

    assert "json_schema" not in text
    assert "responseJsonSchema" not in text
    system = {
        "openai": lambda: document["messages"][0]["content"],
        "anthropic": lambda: document["system"][0]["text"],
        "gemini": lambda: document["systemInstruction"]["parts"][0]["text"],
    }[provider]()
    assert system.startswith(SYSTEM)
    assert json.loads(system.splitlines()[-1]) == SCHEMA


@pytest.mark.parametrize("provider", ADAPTERS)
def test_each_schema_is_sent_as_its_own(provider: str) -> None:
    adapter = ADAPTERS[provider](settings(provider))
    other = {"type": "object", "properties": {"verdict": {"type": ["string", "null"]}}}
    bodies = [json.dumps(sent(adapter, schema=schema)) for schema in (SCHEMA, other, SCHEMA)]

    assert ['verdict": {' in body for body in bodies] == [False, True, False]
    assert bodies[0] == bodies[2]


@pytest.mark.parametrize("provider", ADAPTERS)
def test_the_temperature_may_be_left_out(provider: str) -> None:
    adapter = ADAPTERS[provider](settings(provider))

    assert "temperature" not in json.dumps(sent(adapter, Quirks(temperature=False)))
    assert "temperature" not in json.dumps(sent(adapter, temperature=None))


def test_openai_replies() -> None:
    read = OpenAIChat(settings("openai")).read
    usage = {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}
    reply = read({"choices": [{"message": {"content": "x"}, "finish_reason": "length"}], "usage": usage})

    assert (reply.text, reply.truncated, reply.refusal) == ("x", True, "")
    assert reply.tokens == Tokens(9, 4, 0, 3)
    deepseek = {"prompt_tokens": 9, "prompt_cache_hit_tokens": 5}
    assert read({"choices": [{"message": {"content": "x"}}], "usage": deepseek}).tokens.cached == 5
    assert read({"choices": [{"message": {"content": None}}]}).text == ""


def test_anthropic_replies() -> None:
    read = AnthropicMessages(settings("anthropic")).read
    usage = {
        "input_tokens": 10,
        "cache_read_input_tokens": 200,
        "cache_creation_input_tokens": 30,
        "output_tokens": 7,
    }
    blocks = [
        {"type": "thinking", "thinking": "hm"},
        {"type": "text", "text": "a"},
        {"type": "text", "text": "b"},
    ]
    reply = read({"content": blocks, "stop_reason": "max_tokens", "usage": usage})

    assert (reply.text, reply.truncated, reply.refusal) == ("ab", True, "")
    assert reply.tokens == Tokens(input=240, cached=200, cache_written=30, output=7)
    assert read({"content": [], "stop_reason": "refusal"}).refusal
    assert read({"content": [], "stop_reason": "end_turn"}).tokens == Tokens()


def test_gemini_replies() -> None:
    read = GeminiContent(settings("gemini")).read
    usage = {
        "promptTokenCount": 50,
        "cachedContentTokenCount": 20,
        "candidatesTokenCount": 5,
        "thoughtsTokenCount": 6,
    }
    parts = [{"text": "hm", "thought": True}, {"text": "a"}, {"text": "b"}]
    reply = read(
        {"candidates": [{"content": {"parts": parts}, "finishReason": "MAX_TOKENS"}], "usageMetadata": usage}
    )

    assert (reply.text, reply.truncated, reply.refusal) == ("ab", True, "")
    assert reply.tokens == Tokens(50, 20, 0, 11)
    assert "SAFETY" in read({"candidates": [{"finishReason": "SAFETY"}]}).refusal
    assert "OTHER" in read({"promptFeedback": {"blockReason": "OTHER"}}).refusal
    assert read({"candidates": [{"content": {}, "finishReason": "STOP"}]}).text == ""


@pytest.mark.parametrize("provider", ADAPTERS)
@pytest.mark.parametrize(
    "document",
    [{}, {"choices": {}}, {"choices": [1]}, {"content": "x"}, {"candidates": []}, {"candidates": [1]}],
)
def test_documents_of_another_api(provider: str, document: dict[str, Any]) -> None:
    with pytest.raises(MalformedReply):
        ADAPTERS[provider](settings(provider)).read(document)
