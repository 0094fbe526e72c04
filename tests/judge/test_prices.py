"""What an answer cost."""

from __future__ import annotations

import pytest
from genai_prices import Usage, calc_price

from callgauge.judge import Prices, parse_price_table, parse_prices
from callgauge.judge.adapter import Tokens
from callgauge.judge.prices import PriceList

MODELS = [
    ("openai", "gpt-4.1-mini"),
    ("openai", "gpt-4o"),
    ("anthropic", "claude-haiku-4-5"),
    ("anthropic", "claude-sonnet-4-5"),
    ("google", "gemini-2.5-flash"),
    ("google", "gemini-2.5-pro"),
]


@pytest.mark.parametrize(("provider", "model"), MODELS)
@pytest.mark.parametrize(
    "tokens", [Tokens(2000, 0, 0, 100), Tokens(2000, 1500, 0, 100), Tokens(250_000, 0, 0, 9)]
)
def test_as_the_list_says(provider: str, model: str, tokens: Tokens) -> None:
    usage = Usage(input_tokens=tokens.input, cache_read_tokens=tokens.cached, output_tokens=tokens.output)
    expected = float(calc_price(usage, model, provider_id=provider).total_price)

    assert expected > 0
    assert PriceList(model, provider_id=provider).cost(tokens) == pytest.approx(expected)


def test_what_is_written_to_a_cache_costs_more() -> None:
    prices = PriceList("claude-haiku-4-5", provider_id="anthropic")
    usage = Usage(input_tokens=3000, cache_write_tokens=2000, output_tokens=100)
    expected = float(calc_price(usage, "claude-haiku-4-5", provider_id="anthropic").total_price)

    assert prices.cost(Tokens(3000, 0, 2000, 100)) == pytest.approx(expected)
    assert expected > (prices.cost(Tokens(3000, 0, 0, 100)) or 0)


@pytest.mark.parametrize(
    ("model", "where"),
    [
        ("no-such-model", {"provider_id": "openai"}),
        ("gpt-4.1-mini", {"api_url": "http://127.0.0.1:8000/v1/chat/completions"}),
    ],
)
def test_an_unknown_price_is_not_a_zero(model: str, where: dict[str, str]) -> None:
    prices = PriceList(model, **where)

    assert [prices.cost(Tokens(1000, 0, 0, 10)) for _ in range(2)] == [None, None]


def test_prices_by_address() -> None:
    tokens = Tokens(1_000_000, 0, 0, 0)

    assert PriceList("gpt-4.1-mini", api_url="https://api.openai.com/v1/x").cost(tokens) == pytest.approx(0.4)


def test_prices_of_the_users_own() -> None:
    assert parse_prices("") is None
    assert parse_prices("2/8") == Prices(2.0, 8.0)
    assert parse_prices(" 2 / 0.5 / 8 ") == Prices(2.0, 8.0, cached_usd=0.5)
    assert Prices(2.0, 8.0).cost(Tokens(1_000_000, 500_000, 0, 1_000_000)) == pytest.approx(10)
    assert Prices(2.0, 8.0, 0.5).cost(Tokens(1_000_000, 500_000, 0, 0)) == pytest.approx(1.25)


@pytest.mark.parametrize("text", ["2", "2/x", "1/2/3/4", "-1/2", "nan/2", "inf/1", "/"])
def test_what_is_no_price_says_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="INPUT/OUTPUT"):
        parse_prices(text)


def test_prices_by_model() -> None:
    table = parse_price_table("openai:own=0.40/1.60, anthropic:other = 1/0.1/5\n0/0")

    assert table == {
        "openai:own": Prices(0.40, 1.60),
        "anthropic:other": Prices(1, 5, 0.1),
        "*": Prices(0, 0),
    }
    assert parse_price_table(" ") == {}


@pytest.mark.parametrize("value", ["openai:own", "openai:own=", "openai:own=cheap", "openai:own=1/-2"])
def test_prices_that_cannot_be_read(value: str) -> None:
    with pytest.raises(ValueError, match=r"0\.40"):
        parse_price_table(value)
