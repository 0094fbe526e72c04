"""What an answer cost: from the list of genai-prices, or from prices that the user set."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from callgauge.judge.adapter import Tokens

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice

_MILLION = 1_000_000
ANY_MODEL = "*"


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars per million tokens."""

    input_usd: float
    output_usd: float
    cached_usd: float | None = None
    """For input tokens read from the provider's cache; None: they cost what others do."""
    cache_written_usd: float | None = None
    """For input tokens that Anthropic puts into its cache; None: they cost what others do."""

    def __post_init__(self) -> None:
        given = (self.input_usd, self.output_usd, self.cached_usd or 0.0, self.cache_written_usd or 0.0)
        if not all(math.isfinite(price) and price >= 0 for price in given):
            raise ValueError("a price is a number of 0 or more")

    def cost(self, tokens: Tokens) -> float:
        cached_usd = self.input_usd if self.cached_usd is None else self.cached_usd
        written_usd = self.input_usd if self.cache_written_usd is None else self.cache_written_usd
        plain_input = tokens.input - tokens.cached - tokens.cache_written
        return (
            plain_input * self.input_usd
            + tokens.cached * cached_usd
            + tokens.cache_written * written_usd
            + tokens.output * self.output_usd
        ) / _MILLION


def parse_prices(value: str) -> Prices | None:
    """Read `INPUT/OUTPUT` or `INPUT/CACHED/OUTPUT`, dollars per million tokens; None for the empty text.

    Raises ValueError that says what to write.
    """
    if not value.strip():
        return None
    try:
        numbers = [float(part) for part in value.split("/")]
        match numbers:
            case [input_usd, output_usd]:
                return Prices(input_usd, output_usd)
            case [input_usd, cached_usd, output_usd]:
                return Prices(input_usd, output_usd, cached_usd)
            case _:
                pass
    except ValueError:
        pass
    raise ValueError(
        "write dollars per million tokens as INPUT/OUTPUT or INPUT/CACHED/OUTPUT, such as 0.40/0.10/1.60"
    )


def parse_price_table(value: str) -> dict[str, Prices]:
    """Read `MODEL=PRICES, MODEL=PRICES`, each as `parse_prices` takes them; `*` or no name is any model.

    A model is written with its provider, as in `openai:my-model`. Raises ValueError that says what to write.
    """
    table: dict[str, Prices] = {}
    for entry in filter(None, (part.strip() for part in re.split(r"[,\n]", value))):
        name, _, text = entry.rpartition("=")
        prices = parse_prices(text)
        if prices is None:
            raise ValueError(f"{name or entry} has no price: write {name or 'MODEL'}=0.40/1.60")
        table[name.strip() or ANY_MODEL] = prices
    return table


class PriceList:
    """The cost of one model's answers by genai-prices, None where it knows no price.

    Most models have plain prices per token; these are read once, because a look-up costs 0.1 ms, a third of
    what the whole request costs. Prices in tiers or by date are looked up each time.
    """

    def __init__(self, model: str, *, provider_id: str = "", api_url: str = "") -> None:
        """`api_url` is for servers that are not the provider's own: the list knows many by address."""
        self._model = model
        self._provider_id = provider_id or None
        self._api_url = api_url or None
        self._cost: Callable[[Tokens], float | None] | None = None

    def cost(self, tokens: Tokens) -> float | None:
        if self._cost is None:
            self._cost = self._find()
        return self._cost(tokens)

    def _find(self) -> Callable[[Tokens], float | None]:
        # Here and not at the top: the list takes a while to load, and many commands need no price.
        from genai_prices.data_snapshot import get_snapshot
        from genai_prices.types import ModelPrice

        try:
            _, model = get_snapshot().find_provider_model(self._model, None, self._provider_id, self._api_url)
        except LookupError:
            return _unknown
        plain = _plain(model.prices) if isinstance(model.prices, ModelPrice) else None
        return self._look_up if plain is None else plain.cost

    def _look_up(self, tokens: Tokens) -> float:
        from genai_prices import Usage
        from genai_prices.data_snapshot import get_snapshot

        usage = Usage(
            input_tokens=tokens.input,
            cache_read_tokens=tokens.cached,
            cache_write_tokens=tokens.cache_written,
            output_tokens=tokens.output,
        )
        found = get_snapshot().calc(usage, self._model, self._provider_id, self._api_url, None)
        return float(found.total_price)


def _unknown(_: Tokens) -> None:
    return None


def _plain(prices: ModelPrice) -> Prices | None:
    """The prices as plain numbers, or None where one has tiers."""
    input_usd, output_usd = _number(prices.input_mtok), _number(prices.output_mtok)
    cache = prices.cache_read_mtok, prices.cache_write_mtok
    if input_usd is None or output_usd is None:
        return None
    if not all(price is None or isinstance(price, Decimal) for price in cache):
        return None
    return Prices(input_usd, output_usd, *(_number(price) for price in cache))


def _number(price: object) -> float | None:
    return float(price) if isinstance(price, Decimal) else None
