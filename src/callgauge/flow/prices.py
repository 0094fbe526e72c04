"""What a judge's answers cost, known without asking it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from django.conf import settings

from callgauge.domain.metrics import MetricSpec
from callgauge.domain.options import Options
from callgauge.engine.identity import may_ask
from callgauge.flow.errors import Invalid
from callgauge.flow.judge_settings import judge_settings, named_settings
from callgauge.flow.reuse import model_of
from callgauge.judge import JudgeSettingError, open_judge
from callgauge.judge.adapter import Tokens
from callgauge.judge.client import HttpJudge

Price = Callable[[Tokens], float | None]


def price_of(name: str) -> Price | None:
    """US dollars of one answer of the judge of this name; None where no such judge can be opened."""
    return _price(settings.CALLGAUGE, name)


@lru_cache(maxsize=64)
def _price(options: Options, name: str) -> Price | None:
    try:
        found = judge_settings(options) if name == options.judge else named_settings(options, name)
        judge = open_judge(found) if found is not None else None
    except JudgeSettingError:
        return None
    if judge is None:
        return None
    return judge.adapter.cost if isinstance(judge, HttpJudge) else _free


def _free(_: Tokens) -> float:
    """A scripted judge reads a file."""
    return 0.0


def check_cap(specs: Sequence[MetricSpec], max_cost_usd: float | None) -> None:
    """Raises Invalid for a cap that nobody could hold: what an answer costs must be known."""
    if max_cost_usd is None:
        return
    if not 0 < max_cost_usd < float("inf"):
        raise Invalid.field("max_cost_usd", "A cap must be more than 0 dollars.")
    for name in sorted({model_of(spec) for spec in specs if may_ask(spec)} - {""}):
        price = price_of(name)
        if price is None or price(Tokens(input=1000, output=100)) is None:
            raise Invalid.field(
                "max_cost_usd",
                f"The price of {name} is not known, so no cap can hold. Set CALLGAUGE_JUDGE_PRICES, for "
                f"example {name}=0.40/1.60 (dollars per million tokens, input/output).",
            )
