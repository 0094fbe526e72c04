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
    sound_usd: float | None = None
    """For input tokens of sound; None: they cost what others do."""

    def __post_init__(self) -> None:
        further = (self.cached_usd, self.cache_written_usd, self.sound_usd)
        given = (self.input_usd, self.output_usd, *(price or 0.0 for price in further))
        if not all(math.isfinite(price) and price >= 0 for price in given):
            raise ValueError("a price is a number of 0 or more")

    def cost(self, tokens: Tokens) -> float:
        cached_usd = self.input_usd if self.cached_usd is None else self.cached_usd
        written_usd = self.input_usd if self.cache_written_usd is None else self.cache_written_usd
        sound_usd = self.input_usd if self.sound_usd is None else self.sound_usd
        sound = _sound(tokens)
        plain_input = tokens.input - tokens.cached - tokens.cache_written - sound
        return (
            plain_input * self.input_usd
            + sound * sound_usd
            + tokens.cached * cached_usd
            + tokens.cache_written * written_usd
            + tokens.output * self.output_usd
        ) / _MILLION


def parse_prices(value: str) -> Prices | None:
    """Read `INPUT/OUTPUT` or `INPUT/CACHED/OUTPUT`, dollars per million tokens, and perhaps ` sound SOUND`
    for sound that goes in; None for the empty text.

    Raises ValueError that says what to write.
    """
    if not value.strip():
        return None
    text, named, heard = value.partition(" sound ")
    try:
        sound_usd = float(heard) if named else None
        match [float(part) for part in text.split("/")]:
            case [input_usd, output_usd]:
                return Prices(input_usd, output_usd, sound_usd=sound_usd)
            case [input_usd, cached_usd, output_usd]:
                return Prices(input_usd, output_usd, cached_usd, sound_usd=sound_usd)
            case _:
                pass
    except ValueError:
        pass
    raise ValueError(
        "write dollars per million tokens as INPUT/OUTPUT or INPUT/CACHED/OUTPUT, such as 0.40/0.10/1.60, "
        "and what sound costs as in 0.40/1.60 sound 2.50"
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

    def __init__(
        self, model: str, *, provider_id: str = "", api_url: str = "", sound_as_text: bool = False
    ) -> None:
        """`api_url` is for servers that are not the provider's own: the list knows many by address.
        `sound_as_text`: where the list has no price for sound, it costs what text does; else it is unknown
        what an answer with sound cost."""
        self._sound_as_text = sound_as_text
        self._model = model
        self._provider_id = provider_id or None
        self._api_url = api_url or None
        self._prices_sound = sound_as_text
        self._cost: Callable[[Tokens], float | None] | None = None

    def cost(self, tokens: Tokens) -> float | None:
        if self._cost is None:
            self._cost = self._find()
        if tokens.sound and not self._prices_sound:
            return None
        return self._cost(tokens)

    def _find(self) -> Callable[[Tokens], float | None]:
        # Here and not at the top: the list takes a while to load, and many commands need no price.
        from genai_prices.data_snapshot import get_snapshot
        from genai_prices.types import ModelPrice

        try:
            _, model = get_snapshot().find_provider_model(self._model, None, self._provider_id, self._api_url)
        except LookupError:
            return _unknown
        if isinstance(model.prices, ModelPrice):
            each, plain = [model.prices], _plain(model.prices)
        else:
            each, plain = [one.prices for one in model.prices], None
        self._prices_sound = self._sound_as_text or all(one.input_audio_mtok is not None for one in each)
        return self._look_up if plain is None else plain.cost

    def _look_up(self, tokens: Tokens) -> float:
        from genai_prices import Usage
        from genai_prices.data_snapshot import get_snapshot

        usage = Usage(
            input_tokens=tokens.input,
            cache_read_tokens=tokens.cached,
            cache_write_tokens=tokens.cache_written,
            output_tokens=tokens.output,
            **_heard(tokens),
        )
        found = get_snapshot().calc(usage, self._model, self._provider_id, self._api_url, None)
        return float(found.total_price)


def _sound(tokens: Tokens) -> int:
    """Tokens of sound that were not in the cache. Nobody says how much of what came from there was sound: it
    counts as text, which stands before the sound."""
    return min(tokens.sound, max(0, tokens.input - tokens.cached - tokens.cache_written))


def _heard(tokens: Tokens) -> dict[str, int]:
    sound = _sound(tokens)
    return {"input_audio_tokens": sound, "cache_audio_read_tokens": 0} if sound else {}


def _unknown(_: Tokens) -> None:
    return None


def _plain(prices: ModelPrice) -> Prices | None:
    """The prices as plain numbers, or None where one has tiers."""
    input_usd, output_usd = _number(prices.input_mtok), _number(prices.output_mtok)
    further = prices.cache_read_mtok, prices.cache_write_mtok, prices.input_audio_mtok
    if input_usd is None or output_usd is None:
        return None
    if not all(price is None or isinstance(price, Decimal) for price in further):
        return None
    return Prices(input_usd, output_usd, *(_number(price) for price in further))


def _number(price: object) -> float | None:
    return float(price) if isinstance(price, Decimal) else None
