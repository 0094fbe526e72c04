"""Scripts of calls: who speaks when, with the truth to the millisecond."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from voices import RATE, Cast, Voice, audible

MS = RATE // 1000


@dataclass
class Truth:
    latencies: list[tuple[float, float]] = field(default_factory=list)
    """(caller's end, agent's start), seconds."""
    interruptions: list[tuple[str, float, float | None]] = field(default_factory=list)
    """(by, onset, seconds until the other was silent or None)."""
    murmurs: list[tuple[str, float, float]] = field(default_factory=list)
    speech: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: {"agent": [], "caller": []})


@dataclass
class Call:
    agent: np.ndarray
    caller: np.ndarray
    truth: Truth


KINDS = (
    ("answer", 6),
    ("barge", 2),
    ("short_barge", 2),
    ("ignored", 1),
    ("cut_in", 2),
    ("cut_in_ignored", 1),
    ("murmur", 3),
    ("agent_murmur", 2),
    ("laugh", 1),
    ("silence", 1),
    ("hold", 1),
    ("hesitate", 1),
)


class Script:
    """Writes one call. `at` is the end of the last audible speech."""

    def __init__(self, seed: int, cast: Cast, exchanges: int = 12) -> None:
        self.rng = np.random.default_rng(seed)
        self.voice = {"agent": self._pick(cast.agents), "caller": self._pick(cast.callers)}
        while self.voice["caller"].name == self.voice["agent"].name:
            self.voice["caller"] = self._pick(cast.callers)
        self.gain = {p: 10 ** (self.rng.uniform(-8, 2) / 20) for p in self.voice}
        self.placed: list[tuple[str, float, np.ndarray]] = []
        self.truth = Truth()
        self.at = 0.0
        self._call(exchanges)

    def _pick(self, items: tuple) -> object:
        return items[int(self.rng.integers(len(items)))]

    def _uniform(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def _latency(self) -> float:
        return float(np.clip(self.rng.lognormal(-0.2, 0.6), 0.2, 3.0))

    def clip(self, party: str, kind: str = "long", at_least: float = 0.0) -> np.ndarray:
        voice: Voice = self.voice[party]
        pool = [c for c in getattr(voice, kind) if len(c) >= at_least * RATE]
        if pool:
            return self._pick(tuple(pool))
        if kind != "long":  # a recorded voice without such short words: another word of it
            return self._pick(voice.murmurs)
        first, second = self._pick(voice.long), self._pick(voice.long)
        joined = np.concatenate((first, np.zeros(200 * MS, np.float32), second))
        return joined if len(joined) >= at_least * RATE else self.clip(party, kind, at_least - 0.5)

    def place(self, party: str, start: float, clip: np.ndarray) -> float:
        start = round(start * RATE) / RATE
        self.placed.append((party, start, clip))
        end = start + len(clip) / RATE
        self.truth.speech[party].append((start, end))
        return end

    def answer(self, caller_end: float, least: float = 0.0) -> tuple[float, np.ndarray]:
        """The agent answers: its start and the clip, not yet placed."""
        start = round((self.at + self._latency()) * RATE) / RATE
        self.truth.latencies.append((caller_end, start))
        return start, self.clip("agent", at_least=least)

    def _call(self, exchanges: int) -> None:
        self.at = self.place("agent", self._uniform(0.4, 2.0), self.clip("agent"))
        names = [name for name, _ in KINDS]
        weights = np.array([w for _, w in KINDS], float)
        for _ in range(exchanges):
            getattr(self, "_" + str(self.rng.choice(names, p=weights / weights.sum())))()
        self.at += self._uniform(0.3, 1.5)

    def _caller_turn(self, pause: float | None = None, least: float = 0.0) -> float:
        start = self.at + (self._uniform(0.3, 1.6) if pause is None else pause)
        self.at = self.place("caller", start, self.clip("caller", at_least=least))
        return self.at

    def _answer(self) -> None:
        end = self._caller_turn()
        start, clip = self.answer(end)
        self.at = self.place("agent", start, clip)

    def _silence(self) -> None:
        end = self._caller_turn(pause=self._uniform(4.0, 12.0))
        start, clip = self.answer(end)
        self.at = self.place("agent", start, clip)

    def _hold(self) -> None:
        self._answer()
        self.at = self.place("agent", self.at + self._uniform(5.0, 12.0), self.clip("agent"))

    def _hesitate(self) -> None:
        """The agent pauses for half a second inside its turn."""
        end = self._caller_turn()
        start, clip = self.answer(end)
        end = self.place("agent", start, clip)
        self.at = self.place("agent", end + self._uniform(0.4, 0.8), self.clip("agent"))

    def _moment(self, clip: np.ndarray, low: float, high: float) -> float | None:
        """Seconds into the clip at which its speaker is plainly talking, at least 200 ms to each side."""
        mask = audible(clip)
        for _ in range(30):
            ms = int(self._uniform(low, high) * 1000)
            around = mask[max(ms - 200, 0) : ms + 250]
            quiet = np.flatnonzero(np.diff(np.concatenate(([1], around.astype(int), [1]))))
            if len(around) >= 400 and (not len(quiet) or np.diff(quiet)[::2].max() < 60):
                return ms / 1000
        return None

    def _cut(self, clip: np.ndarray, at: float) -> np.ndarray:
        """The clip broken off at `at`, ending where it is last audible."""
        hits = np.flatnonzero(audible(clip)[: int(at * 1000)])
        part = clip[: (int(hits[-1]) + 1) * MS + 40].copy()
        part[-80:] *= np.linspace(1, 0, 80, dtype=np.float32)
        return part

    def _break_in(
        self, by: str, start: float, clip: np.ndarray, word: np.ndarray, honoured: bool
    ) -> float | None:
        """`by` breaks in on the other's clip, which begins at `start`. Returns the interrupter's end."""
        other = "caller" if by == "agent" else "agent"
        secs = len(clip) / RATE
        room = 1.3 if honoured else len(word) / RATE + 1.0
        moment = self._moment(clip, 0.6, secs - room)
        if moment is None:
            return None
        onset = start + moment
        part = clip
        if honoured:
            most = min(0.95, len(word) / RATE + 0.35)
            part = self._cut(clip, moment + self._uniform(0.25, most))
        other_end = self.place(other, start, part)
        end = self.place(by, onset, word)
        self.truth.interruptions.append((by, onset, other_end - onset if honoured else None))
        self.at = max(other_end, end)
        return end

    def _barge(self) -> None:
        self._agent_under("long", honoured=True)

    def _short_barge(self) -> None:
        self._agent_under("barges", honoured=True)

    def _ignored(self) -> None:
        word = self.clip("caller")[: int(self._uniform(1.0, 1.8) * RATE)]
        self._agent_under("long", honoured=False, word=self._cut(word, len(word) / RATE))

    def _agent_under(self, kind: str, honoured: bool, word: np.ndarray | None = None) -> None:
        """The agent answers and is broken in on; if it gave way, it answers again."""
        end = self._caller_turn()
        word = self.clip("caller", kind) if word is None else word
        start, clip = self.answer(end, least=3.6 if not honoured else 2.4)
        barge_end = self._break_in("caller", start, clip, word, honoured)
        if barge_end is None:
            self.at = self.place("agent", start, clip)
        elif honoured:
            self.at += self._uniform(0.2, 0.8)
            start, clip = self.answer(barge_end)
            self.at = self.place("agent", start, clip)

    def _cut_in(self) -> None:
        """The agent cuts the caller off and keeps the floor."""
        start = self.at + self._uniform(0.3, 1.6)
        clip = self.clip("caller", at_least=2.2)
        if self._break_in("agent", start, clip, self.clip("agent"), honoured=True) is None:
            self.at = self.place("caller", start, clip)

    def _cut_in_ignored(self) -> None:
        """The agent talks into the caller's turn, the caller goes on."""
        start = self.at + self._uniform(0.3, 1.6)
        clip = self.clip("caller", at_least=3.6)
        word = self.clip("agent")[: int(self._uniform(1.0, 1.8) * RATE)]
        if self._break_in("agent", start, clip, self._cut(word, len(word) / RATE), honoured=False) is None:
            self.at = self.place("caller", start, clip)
        first, answer = self.answer(self.at)
        self.at = self.place("agent", first, answer)

    def _murmur(self) -> None:
        end = self._caller_turn()
        start, clip = self.answer(end, least=3.0)
        self._mutter("caller", start, clip, self.clip("caller", "murmurs"))

    def _laugh(self) -> None:
        end = self._caller_turn()
        start, clip = self.answer(end, least=3.0)
        self._mutter("caller", start, clip, self._laughter())

    def _agent_murmur(self) -> None:
        start = self.at + self._uniform(0.3, 1.6)
        clip = self.clip("caller", at_least=3.0)
        self._mutter("agent", start, clip, self.clip("agent", "murmurs"))
        first, answer = self.answer(self.at)
        self.at = self.place("agent", first, answer)

    def _mutter(self, by: str, start: float, clip: np.ndarray, word: np.ndarray) -> None:
        other = "caller" if by == "agent" else "agent"
        moment = self._moment(clip, 0.5, len(clip) / RATE - len(word) / RATE - 0.9)
        self.at = self.place(other, start, clip)
        if moment is not None:
            onset = start + moment
            self.truth.murmurs.append((by, onset, self.place(by, onset, word)))

    def _laughter(self) -> np.ndarray:
        """Three or four voiced bursts at 5 Hz."""
        secs = self._uniform(0.45, 0.65)
        t = np.arange(int(secs * RATE)) / RATE
        pitch = self._uniform(180, 320)
        tone = sum(np.sin(2 * np.pi * pitch * k * t + k) / k for k in range(1, 12))
        bursts = np.maximum(np.sin(2 * np.pi * 5.5 * t), 0) ** 0.5
        breath = self.rng.standard_normal(len(t)) * 0.4
        return ((tone + breath) * (0.05 + bursts) * 0.05).astype(np.float32)

    def render(self) -> Call:
        length = int((self.at + 0.5) * RATE)
        length = max(length, max(int(s * RATE) + len(c) for _, s, c in self.placed))
        sides = {p: np.zeros(length, np.float32) for p in self.voice}
        for party, start, clip in self.placed:
            at = round(start * RATE)
            sides[party][at : at + len(clip)] += clip * self.gain[party]
        return Call(sides["agent"], sides["caller"], self.truth)


def make_call(seed: int, cast: Cast) -> Call:
    return Script(seed, cast).render()
