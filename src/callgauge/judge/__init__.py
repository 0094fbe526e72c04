"""Clients for language models, and the scripted judge."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from callgauge.domain.judging import Judge
from callgauge.judge import anthropic, batch_anthropic, batch_openai, gemini, openai, scripted
from callgauge.judge.batch import BatchApi
from callgauge.judge.client import HttpJudge
from callgauge.judge.gate import Allowance, Gate
from callgauge.judge.prices import Prices, parse_price_table, parse_prices
from callgauge.judge.settings import JudgeSettingError, JudgeSettings

__all__ = [
    "BATCHES",
    "DEAF",
    "HEARS",
    "PROVIDERS",
    "Allowance",
    "BatchApi",
    "Gate",
    "JudgeSettingError",
    "JudgeSettings",
    "Prices",
    "open_batches",
    "open_judge",
    "parse_judge",
    "parse_price_table",
    "parse_prices",
]


class Opener(Protocol):
    def __call__(self, settings: JudgeSettings, gate: Gate | None = None) -> Judge: ...


PROVIDERS: Mapping[str, Opener] = {
    "openai": openai.open_judge,
    "anthropic": anthropic.open_judge,
    "gemini": gemini.open_judge,
    "scripted": scripted.open_judge,
}


HEARS: Mapping[str, Callable[[str], bool]] = {
    "openai": openai.hears,
    "anthropic": anthropic.hears,
    "gemini": gemini.hears,
    "scripted": scripted.hears,
}
"""By provider: whether a model of this name is known to listen."""
DEAF = frozenset({"anthropic"})
"""Providers whose API takes no sound, whatever the model."""

BATCHES: Mapping[str, Callable[[HttpJudge], BatchApi | None]] = {
    "openai": batch_openai.open_batches,
    "anthropic": batch_anthropic.open_batches,
}
"""Providers whose batch API is spoken."""


def open_batches(judge: Judge) -> BatchApi | None:
    """The batch API beside a judge; None where its provider has none that is spoken here."""
    if not isinstance(judge, HttpJudge):
        return None
    opener = BATCHES.get(judge.adapter.provider)
    return None if opener is None else opener(judge)


def parse_judge(value: str) -> JudgeSettings | None:
    """Read `provider:model` or `scripted:FILE`; None for the empty text, which means "no judge".

    The other fields of the returned settings have their defaults: fill them with `dataclasses.replace`.
    Raises JudgeSettingError that names what is allowed.
    """
    value = value.strip()
    if not value:
        return None
    provider, _, model = value.partition(":")
    provider, model = provider.strip().lower(), model.strip()
    if provider not in PROVIDERS:
        raise JudgeSettingError(
            f"{value!r} names no judge: write {_allowed()}, or leave it empty for no judge"
        )
    if not model:
        what = "file" if provider == "scripted" else "model"
        raise JudgeSettingError(f"{value!r} lacks the {what}: write {_form(provider)}")
    if provider == "scripted":
        path = Path(model).expanduser()
        return JudgeSettings(provider=provider, model=path.stem, script=path)
    return JudgeSettings(provider=provider, model=model)


def open_judge(settings: JudgeSettings, gate: Gate | None = None) -> Judge:
    """Make the client; nothing is sent yet. Judges of one provider share a `gate`.

    Raises JudgeSettingError where a setting cannot work.
    """
    opener = PROVIDERS.get(settings.provider)
    if opener is None:
        raise JudgeSettingError(f"{settings.provider!r} is no provider: write {_allowed()}")
    settings.check()
    return opener(settings, gate)


def _form(provider: str) -> str:
    return f"{provider}:{'FILE' if provider == 'scripted' else 'MODEL'}"


def _allowed() -> str:
    *most, last = (_form(provider) for provider in PROVIDERS)
    return f"{', '.join(most)} or {last}"
