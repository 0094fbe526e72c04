"""The judges that the settings name: the installation's own, and those that a metric may choose."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, cast

from callgauge.domain.options import Options
from callgauge.judge import (
    DEAF,
    HEARS,
    PROVIDERS,
    JudgeSettingError,
    JudgeSettings,
    Prices,
    open_judge,
    parse_judge,
    parse_price_table,
)
from callgauge.judge.prices import ANY_MODEL
from callgauge.judge.settings import ResponseFormat

CHOICE: Final = "judge_model"
"""The key of a metric's configuration that names its judge, as `provider:model`."""
ANY_OF_PROVIDER: Final = "*"
WISHES: Final[Mapping[str, Callable[[str], bool]]] = {
    "openai": lambda name: name.startswith("openai:"),
    "gemini": lambda name: name.startswith("gemini:"),
    "dspy-gepa-gemini-flash": lambda name: name.startswith("gemini:") and "flash" in name,
    "deepseek-v4-flash": lambda name: "deepseek" in name,
}
"""Which models the wire's `llm_provider` means."""


def judge_settings(options: Options) -> JudgeSettings | None:
    """Of the installation's own judge; None where none is set. Raises JudgeSettingError."""
    parsed = parse_judge(options.judge)
    if parsed is None:
        return None
    own = replace(parsed, base_url=options.judge_base_url, api_key=options.judge_api_key)
    return _completed(own, options)


def named_settings(options: Options, name: str) -> JudgeSettings:
    """Of a judge that a metric names. Raises JudgeSettingError, which tells what the operator must set."""
    own = parse_judge(options.judge)
    try:
        parsed = parse_judge(name)
    except JudgeSettingError:
        parsed = None
    allowed = (*options.judge_models, *options.judge_audio_models)
    if own is None or parsed is None or not _is_listed(name, allowed):
        raise JudgeSettingError(
            f"{name!r} is not among the models that CALLGAUGE_JUDGE_MODELS lets metrics choose"
        )
    if parsed.provider == "scripted":
        return _completed(parsed, options)
    keys = _by_provider(options.judge_keys, "CALLGAUGE_JUDGE_KEYS")
    urls = _by_provider(options.judge_base_urls, "CALLGAUGE_JUDGE_BASE_URLS")
    if parsed.provider == own.provider:
        keys = {own.provider: options.judge_api_key, **keys}
        urls = {own.provider: options.judge_base_url, **urls}
    key, url = keys.get(parsed.provider, ""), urls.get(parsed.provider, "")
    if not key and not url:
        raise JudgeSettingError(
            f"there is no key for {parsed.provider}: put {parsed.provider}=KEY into CALLGAUGE_JUDGE_KEYS"
        )
    return _completed(replace(parsed, base_url=url, api_key=key), options)


def key_for(options: Options, provider: str) -> tuple[str, str]:
    """Key and base URL of a provider by the settings, empty where they say nothing. Raises
    JudgeSettingError."""
    keys = _by_provider(options.judge_keys, "CALLGAUGE_JUDGE_KEYS")
    urls = _by_provider(options.judge_base_urls, "CALLGAUGE_JUDGE_BASE_URLS")
    own = options.judge.partition(":")[0].strip().lower()
    if own in ("", provider):
        return options.judge_api_key or keys.get(provider, ""), options.judge_base_url or urls.get(
            provider, ""
        )
    return keys.get(provider, ""), urls.get(provider, "")


def listed_models(options: Options) -> Sequence[str]:
    """Those that a metric may choose, as far as they are listed one by one."""
    return [name for name in options.judge_models if not name.endswith(ANY_OF_PROVIDER)]


def wished(provider: str, default: str, named: Sequence[str]) -> str:
    """The first model that a metric may choose and that is of the provider it would like; empty, so that the
    installation's judge (`default`) is asked, where that one is or where there is none."""
    meant = WISHES.get(provider)
    if meant is None or meant(default):
        return ""
    return next((name for name in named if meant(name)), "")


def hearing_model(chosen: object, wish: str, own: Sequence[str], listening: Sequence[str]) -> str:
    """The model that a metric which listens is asked of; empty where there is none.

    `chosen` is what its configuration names, and holds where that model listens; `wish` is its
    `llm_provider`. `listening` are the models that the operator lists for it; without them, those of `own`
    (the installation's judge, then those that metrics may choose) that are known to listen."""
    if isinstance(chosen, str) and (chosen.strip() in listening or may_hear(chosen.strip())):
        return chosen.strip()
    able = listening or [name for name in own if may_hear(name)]
    meant = WISHES.get(wish)
    return next((name for name in able if meant is not None and meant(name)), able[0] if able else "")


def may_hear(name: str) -> bool:
    """Whether the model of this name is known to listen."""
    provider, _, model = name.partition(":")
    return provider in HEARS and HEARS[provider](model)


def check_judges(options: Options) -> None:
    """Find faults of the settings at start, without asking anybody. Raises JudgeSettingError."""
    own = judge_settings(options)
    if own is not None:
        open_judge(own)
    _by_provider(options.judge_keys, "CALLGAUGE_JUDGE_KEYS")
    _by_provider(options.judge_base_urls, "CALLGAUGE_JUDGE_BASE_URLS")
    for name in options.judge_models:
        provider, _, model = name.partition(":")
        if provider not in PROVIDERS or not model:
            raise JudgeSettingError(
                f"CALLGAUGE_JUDGE_MODELS: {name!r} is neither provider:model nor provider:*"
            )
    for name in options.judge_audio_models:
        provider, _, model = name.partition(":")
        if provider not in PROVIDERS or not model or model == ANY_OF_PROVIDER:
            raise JudgeSettingError(f"CALLGAUGE_JUDGE_AUDIO_MODELS: {name!r} is no provider:model")
        if provider in DEAF:
            raise JudgeSettingError(f"CALLGAUGE_JUDGE_AUDIO_MODELS: {provider}'s API takes no sound")


def _completed(settings: JudgeSettings, options: Options) -> JudgeSettings:
    return replace(
        settings,
        timeout_secs=float(options.judge_timeout_secs),
        deadline_secs=float(options.judge_deadline_secs),
        http_tries=options.judge_http_tries,
        outage_secs=float(options.judge_outage_secs),
        reasks=options.judge_reasks,
        response_format=cast(ResponseFormat, options.judge_response_format),
        prices=_prices(settings, options.judge_prices),
    )


def _prices(settings: JudgeSettings, value: str) -> Prices | None:
    try:
        table = parse_price_table(value)
    except ValueError as error:
        raise JudgeSettingError(f"CALLGAUGE_JUDGE_PRICES: {error}") from None
    name = f"{settings.provider}:{settings.model}"
    return table.get(name, table.get(settings.model, table.get(ANY_MODEL)))


def _is_listed(name: str, listed: tuple[str, ...]) -> bool:
    """A scripted judge reads a file, so only its exact name lets it be chosen."""
    provider = name.partition(":")[0]
    return name in listed or (provider != "scripted" and f"{provider}:{ANY_OF_PROVIDER}" in listed)


def _by_provider(value: str, variable: str) -> Mapping[str, str]:
    """Read `provider=VALUE, provider=VALUE`; the message of a fault shows no value, which may be a key."""
    found: dict[str, str] = {}
    for entry in filter(None, (part.strip() for part in re.split(r"[,\n]", value))):
        provider, equals, given = (part.strip() for part in entry.partition("="))
        if provider not in PROVIDERS or not equals or not given:
            raise JudgeSettingError(f"{variable}: write entries such as anthropic=VALUE, with commas between")
        found[provider] = given
    return found
