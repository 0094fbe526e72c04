"""What goes wrong at the fake server, drawn from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

FaultKind = Literal["429", "500", "truncated", "wrong_shape", "stall"]


@dataclass(frozen=True, slots=True)
class Faults:
    """Shares of the requests (0 to 1) that meet each fault; their sum is at most 1."""

    refuse_429: float = 0.0
    fail_500: float = 0.0
    truncate: float = 0.0
    misshape: float = 0.0
    stall: float = 0.0
    seed: int = 0
    retry_after_secs: int = 1
    stall_secs: float = 3600.0

    def __post_init__(self) -> None:
        shares = [share for _, share in self._shares()]
        if min(shares) < 0 or sum(shares) > 1:
            raise ValueError("the shares of faults lie between 0 and 1, and so does their sum")

    def draw(self, body_hash: str, nth: int) -> FaultKind | None:
        """The fate of the nth request with this body; it does not depend on the order of the others."""
        rest = random.Random(f"{self.seed}:{body_hash}:{nth}").random()  # noqa: S311 - a fake, not a secret
        for kind, share in self._shares():
            rest -= share
            if rest < 0:
                return kind
        return None

    def _shares(self) -> tuple[tuple[FaultKind, float], ...]:
        return (
            ("429", self.refuse_429),
            ("500", self.fail_500),
            ("truncated", self.truncate),
            ("wrong_shape", self.misshape),
            ("stall", self.stall),
        )
