"""Naming a judge, and settings that cannot work."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from callgauge.domain.options import BY_FIELD
from callgauge.judge import PROVIDERS, JudgeSettingError, JudgeSettings, open_judge, parse_judge
from callgauge.judge.settings import endpoint
from tests.judge.asking import KEY


@pytest.mark.parametrize(
    ("text", "provider", "model"),
    [
        ("openai:gpt-4.1-mini", "openai", "gpt-4.1-mini"),
        (" OpenAI: gpt-4.1-mini ", "openai", "gpt-4.1-mini"),
        ("openai:qwen2.5:14b", "openai", "qwen2.5:14b"),
        ("openai:meta-llama/Llama-3.1-8B", "openai", "meta-llama/Llama-3.1-8B"),
        ("anthropic:claude-haiku-4-5", "anthropic", "claude-haiku-4-5"),
        ("gemini:gemini-2.5-flash", "gemini", "gemini-2.5-flash"),
    ],
)
def test_provider_and_model(text: str, provider: str, model: str) -> None:
    parsed = parse_judge(text)

    assert parsed is not None
    assert (parsed.provider, parsed.model, parsed.script) == (provider, model, None)
    judge = open_judge(replace(parsed, api_key=KEY))
    assert (judge.model, judge.scripted) == (f"{provider}:{model}", False)


@pytest.mark.parametrize("text", ["", "  "])
def test_no_judge(text: str) -> None:
    assert parse_judge(text) is None


@pytest.mark.parametrize(
    "text", ["openai", "openai:", "openai: ", ":x", "foo:bar", "gpt-4.1-mini", "scripted:"]
)
def test_what_names_no_judge_says_what_to_write(text: str) -> None:
    with pytest.raises(JudgeSettingError, match=r"write .*(openai:MODEL|scripted:FILE)"):
        parse_judge(text)


def test_every_provider_is_named_in_the_message() -> None:
    with pytest.raises(JudgeSettingError) as caught:
        parse_judge("foo:bar")

    assert all(f"{provider}:" in str(caught.value) for provider in PROVIDERS)


def test_a_script_by_path() -> None:
    parsed = parse_judge("scripted:some/demo.answers.json")

    assert parsed is not None
    assert (parsed.script, parsed.model) == (Path("some/demo.answers.json"), "demo.answers")


@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini"])
def test_a_key_is_needed_where_no_server_is_named(provider: str) -> None:
    with pytest.raises(JudgeSettingError, match=BY_FIELD["judge_api_key"].variable):
        open_judge(JudgeSettings(provider, "m"))

    assert open_judge(JudgeSettings(provider, "m", base_url="http://127.0.0.1:1")).model == f"{provider}:m"


@pytest.mark.parametrize(
    "changes",
    [
        {"provider": "foo"},
        {"model": ""},
        {"timeout_secs": 0},
        {"deadline_secs": -1},
        {"http_tries": 0},
        {"reasks": -1},
        {"response_format": "xml"},
        {"base_url": "localhost:11434"},
        {"base_url": "ftp://host"},
        {"base_url": "http://"},
        {"base_url": "http://host:port"},
        {"base_url": "http://[::1"},
        {"base_url": "https://user:secret-word@host"},
        {"api_key": "secret-word\n"},
        {"api_key": "secret-wörd"},
    ],
)
def test_settings_that_cannot_work(changes: dict[str, Any]) -> None:
    with pytest.raises(JudgeSettingError) as caught:
        open_judge(replace(JudgeSettings("openai", "m", api_key=KEY), **changes))

    assert "secret" not in str(caught.value)


def test_the_key_is_not_in_the_repr() -> None:
    assert KEY not in repr(JudgeSettings("openai", "m", api_key=KEY))


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("", "https://a.example/v1/chat"),
        ("http://localhost:11434", "http://localhost:11434/v1/chat"),
        ("http://localhost:11434/", "http://localhost:11434/v1/chat"),
        ("https://host/proxy/v1/", "https://host/proxy/v1/chat"),
        ("https://host/v1/chat", "https://host/v1/chat"),
        ("https://host/d/gpt?api-version=2024-10-21", "https://host/d/gpt/chat?api-version=2024-10-21"),
    ],
)
def test_endpoints(base_url: str, expected: str) -> None:
    assert endpoint(base_url, "https://a.example/v1", "/chat") == expected
