"""Found events against true ones."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from calls import Truth

NEAR_SECS = 0.5  # a found event belongs to a true one if their onsets are this close


@dataclass
class Found:
    latencies: list[tuple[float, float, float]]
    """(caller's end, agent's start, confidence)."""
    interruptions: list[tuple[str, float, float | None, float]]
    """(by, onset, seconds until the other was silent or None, confidence)."""


@dataclass
class Tally:
    latency_errors: list[float] = field(default_factory=list)
    stop_errors: list[float] = field(default_factory=list)
    true_latencies: int = 0
    spurious_latencies: int = 0
    hits: dict[str, int] = field(default_factory=lambda: {"agent": 0, "caller": 0})
    missed: dict[str, int] = field(default_factory=lambda: {"agent": 0, "caller": 0})
    spurious: dict[str, int] = field(default_factory=lambda: {"agent": 0, "caller": 0})
    murmurs: int = 0
    murmurs_taken: int = 0
    sure: int = 0
    sure_wrong: int = 0

    def add(self, truth: Truth, found: Found) -> None:
        self._latencies(truth, found)
        self._interruptions(truth, found)

    def _latencies(self, truth: Truth, found: Found) -> None:
        pairs, extra = match([t[1] for t in truth.latencies], [f[1] for f in found.latencies])
        self.true_latencies += len(truth.latencies)
        self.spurious_latencies += len(extra)
        for t, f in pairs:
            true = truth.latencies[t][1] - truth.latencies[t][0]
            got = max(found.latencies[f][1] - found.latencies[f][0], 0.0)
            self.latency_errors.append(got - true)
            self._trust(found.latencies[f][2], abs(got - true) > 0.1)
        for f in extra:
            self._trust(found.latencies[f][2], True)

    def _interruptions(self, truth: Truth, found: Found) -> None:
        for by in ("agent", "caller"):
            true = [i for i in truth.interruptions if i[0] == by]
            got = [i for i in found.interruptions if i[0] == by]
            pairs, extra = match([t[1] for t in true], [g[1] for g in got])
            self.hits[by] += len(pairs)
            self.missed[by] += len(true) - len(pairs)
            self.spurious[by] += len(extra)
            for t, g in pairs:
                self._trust(got[g][3], False)
                if true[t][2] is not None and got[g][2] is not None:
                    self.stop_errors.append(got[g][2] - true[t][2])
            for g in extra:
                self._trust(got[g][3], True)
            murmurs = [m for m in truth.murmurs if m[0] == by]
            self.murmurs += len(murmurs)
            taken, _ = match([m[1] for m in murmurs], [got[g][1] for g in extra])
            self.murmurs_taken += len(taken)

    def _trust(self, confidence: float, wrong: bool) -> None:
        if confidence >= 0.8:
            self.sure += 1
            self.sure_wrong += wrong

    def f1(self, by: str) -> float:
        found, wrong = self.hits[by], self.missed[by] + self.spurious[by]
        return 2 * found / (2 * found + wrong) if found + wrong else float("nan")

    def line(self) -> dict[str, float]:
        errors = np.abs(self.latency_errors) * 1000 if self.latency_errors else np.array([np.nan])
        stops = np.abs(self.stop_errors) * 1000 if self.stop_errors else np.array([np.nan])
        recall = len(self.latency_errors) / max(self.true_latencies, 1)
        return {
            "latency ms": float(errors.mean()),
            "within 100": float((errors <= 100).mean()),
            "recall": recall,
            "spurious": self.spurious_latencies / max(self.true_latencies, 1),
            "AI F1": self.f1("agent"),
            "user F1": self.f1("caller"),
            "stop ms": float(stops.mean()),
            "murmurs": self.murmurs_taken / max(self.murmurs, 1),
            "sure": self.sure / max(len(self.latency_errors) + sum(self.hits.values()), 1),
            "sure wrong": self.sure_wrong / max(self.sure, 1),
        }


def match(true: list[float], found: list[float]) -> tuple[list[tuple[int, int]], list[int]]:
    """One-to-one pairs by nearest onset within half a second, and the found ones left over."""
    options = sorted(
        (abs(t - f), i, j) for i, t in enumerate(true) for j, f in enumerate(found) if abs(t - f) <= NEAR_SECS
    )
    pairs: list[tuple[int, int]] = []
    used_true: set[int] = set()
    used_found: set[int] = set()
    for _, i, j in options:
        if i not in used_true and j not in used_found:
            pairs.append((i, j))
            used_true.add(i)
            used_found.add(j)
    return pairs, [j for j in range(len(found)) if j not in used_found]
