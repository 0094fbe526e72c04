"""How sure each figure is, and which figures are refused."""

from __future__ import annotations

from dataclasses import dataclass

from .events import Answer, Overlap
from .speech import Heard


@dataclass(frozen=True, slots=True)
class Trust:
    base: float
    notes: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, agent: Heard, caller: Heard) -> Trust:
        return cls(0.95, (), ())

    def latency(self, answer: Answer) -> float:
        return self.base

    def overlap(self, overlap: Overlap) -> float:
        return self.base
