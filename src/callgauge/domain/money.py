"""US dollars, and how they are written: what is not known is not shown as nothing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """Of several judge requests."""

    usd: float = 0.0
    unpriced: int = 0
    """Requests that `usd` leaves out, as their price is not known."""

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.usd + other.usd, self.unpriced + other.unpriced)

    @property
    def known_usd(self) -> float | None:
        """None where nothing is known: with requests left out, 0 says nothing."""
        return None if self.unpriced and not self.usd else self.usd

    @property
    def words(self) -> str:
        return cost_words(self.known_usd, self.unpriced)


def usd(amount: float) -> str:
    return f"${amount:,.2f}" if amount >= 1 or amount == 0 else f"${amount:.4f}"


def cost_words(known_usd: float | None, unpriced: int = 0) -> str:
    if known_usd is None:
        return "price unknown"
    return f"at least {usd(known_usd)}" if unpriced else usd(known_usd)
