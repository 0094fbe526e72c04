"""What a judge's answers cost, known without asking it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from django.conf import settings

from callgauge.domain.judging import Judge
from callgauge.domain.metrics import MetricSpec
from callgauge.domain.options import Options
from callgauge.engine.identity import may_ask
from callgauge.engine.listening import asks_to_listen
from callgauge.flow.errors import Invalid
from callgauge.flow.judge_settings import judge_settings, named_settings
from callgauge.flow.reuse import models_of
from callgauge.judge import JudgeSettingError, open_judge
from callgauge.judge.adapter import Tokens
from callgauge.judge.client import HttpJudge

Price = Callable[[Tokens], float | None]


def price_of(name: str) -> Price | None:
    """US dollars of one answer of the judge of this name; None where no such judge can be opened."""
    return _price(settings.CALLGAUGE, name)


@lru_cache(maxsize=64)
def _price(options: Options, name: str) -> Price | None:
    judge = _opened(options, name)
    if judge is None:
        return None
    return judge.adapter.cost if isinstance(judge, HttpJudge) else _free


@lru_cache(maxsize=64)
def _sound_rate(options: Options, name: str) -> float:
    judge = _opened(options, name)
    return (judge.adapter.sound_tokens_per_sec or 0.0) if isinstance(judge, HttpJudge) else 0.0


def sound_tokens_per_sec(name: str) -> float:
    """What a second of sound is counted as by the judge of this name; 0 where it is not known."""
    return _sound_rate(settings.CALLGAUGE, name)


def _opened(options: Options, name: str) -> Judge | None:
    try:
        found = judge_settings(options) if name == options.judge else named_settings(options, name)
        return open_judge(found) if found is not None else None
    except JudgeSettingError:
        return None


def _free(_: Tokens) -> float:
    """A scripted judge reads a file."""
    return 0.0


def check_cap(specs: Sequence[MetricSpec], max_cost_usd: float | None) -> None:
    """Raises Invalid for a cap that nobody could hold: what an answer costs must be known."""
    if max_cost_usd is None:
        return
    if not 0 < max_cost_usd < float("inf"):
        raise Invalid.field("max_cost_usd", "A cap must be more than 0 dollars.")
    asked: set[tuple[str, bool]] = set()
    for spec in specs:
        *reading, last = models_of(spec) if may_ask(spec) else [""]
        asked |= {(name, False) for name in reading} | {(last, asks_to_listen(spec))}
    for name, listens in sorted(asked):
        price = price_of(name) if name else _free
        if price is None or price(Tokens(input=1000, output=100, sound=500 if listens else 0)) is None:
            what = "sound for " if listens else ""
            example = f"{name}=0.40/1.60{' sound 2.50' if listens else ''}"
            raise Invalid.field(
                "max_cost_usd",
                f"The price of {what}{name} is not known, so no cap can hold. Set CALLGAUGE_JUDGE_PRICES, "
                f"for example {example} (dollars per million tokens, input/output"
                f"{' and sound that goes in' if listens else ''}).",
            )
