"""Who broke in on whom, who merely murmured, and how long the agent took to answer. All times in seconds.

An utterance that starts over the other party's speech and overlaps it by 150 ms or more is an
*interruption* if
it takes the floor or lasts over 750 ms, and a *backchannel* if it is shorter and leaves the floor where it
was.
The floor was taken where the other stopped within half a second of the utterance's end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from .runs import Run, close_gaps, join, spoken_secs

PAUSE_SECS = 0.35  # a shorter pause is inside a phrase
TURN_PAUSE_SECS = 1.0  # a shorter pause in which nobody else speaks is inside a turn
OVERLAP_SECS = 0.15  # a shorter overlap is two parties being prompt
BACKCHANNEL_SECS = 0.75
YIELD_SECS = 0.5  # how long after a short "no, wait" the other may still talk and yet have given way
WORD_SECS = 0.1  # this much of the other party inside a pause ends a turn


class Party(StrEnum):
    AGENT = "agent"
    CALLER = "caller"

    @property
    def other(self) -> Party:
        return Party.CALLER if self is Party.AGENT else Party.AGENT


@dataclass(frozen=True, slots=True)
class Overlap:
    """One utterance begun over the other's speech."""

    by: Party
    run: Run
    over: Run
    yielded: bool

    @property
    def overlap_secs(self) -> float:
        return min(self.run.end, self.over.end) - self.run.start

    @property
    def stop_secs(self) -> float | None:
        """How long the other took to fall silent; None where it never gave way."""
        return self.over.end - self.run.start if self.yielded else None

    @property
    def is_interruption(self) -> bool:
        return self.yielded or self.run.secs > BACKCHANNEL_SECS


@dataclass(frozen=True, slots=True)
class Turn:
    party: Party
    run: Run


@dataclass(frozen=True, slots=True)
class Answer:
    """A caller's turn and the agent's turn that answers it."""

    caller: Run
    agent: Run

    @property
    def latency_secs(self) -> float:
        return max(self.agent.start - self.caller.end, 0.0)


@dataclass(frozen=True, slots=True)
class Silence:
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Events:
    turns: tuple[Turn, ...]
    interruptions: tuple[Overlap, ...]
    backchannels: tuple[Overlap, ...]
    answers: tuple[Answer, ...]
    silences: tuple[Silence, ...]


def find_events(agent: Sequence[Run], caller: Sequence[Run], length_secs: float) -> Events:
    """Everything that follows from the two parties' runs."""
    phrases = {Party.AGENT: close_gaps(agent, PAUSE_SECS), Party.CALLER: close_gaps(caller, PAUSE_SECS)}
    overlaps = [o for party in Party for o in _overlaps(party, phrases[party], phrases[party.other])]
    overlaps.sort(key=lambda o: o.run.start)
    interruptions = tuple(o for o in overlaps if o.is_interruption)
    backchannels = tuple(o for o in overlaps if not o.is_interruption)
    turns = [
        Turn(party, run)
        for party in Party
        for run in _turns(party, phrases[party], phrases[party.other], overlaps)
    ]
    turns.sort(key=lambda t: t.run.start)
    return Events(
        tuple(turns),
        interruptions,
        backchannels,
        tuple(_answers(turns, interruptions)),
        tuple(silences([*agent, *caller], length_secs)),
    )


def _overlaps(by: Party, mine: Sequence[Run], others: Sequence[Run]) -> list[Overlap]:
    found: list[Overlap] = []
    for run in mine:
        over = next(
            (o for o in others if o.start < run.start - OVERLAP_SECS and o.end >= run.start + OVERLAP_SECS),
            None,
        )
        if over is None or run.secs < OVERLAP_SECS:
            continue
        last = found[-1] if found else None
        if last and last.over == over and last.is_interruption and run.start - last.run.end < TURN_PAUSE_SECS:
            # The same attempt after a breath, not a second one.
            run, _ = join(last.run, run), found.pop()
        found.append(Overlap(by, run, over, yielded=over.end <= run.end + YIELD_SECS))
    return found


def _turns(party: Party, mine: list[Run], others: Sequence[Run], overlaps: Sequence[Overlap]) -> list[Run]:
    """Join pauses under a second, unless the other party spoke in the pause or was given the floor just
    before."""
    murmurs = {o.run for o in overlaps if o.by is party and not o.is_interruption}
    given_up = {o.over for o in overlaps if o.by is not party and o.yielded}
    turns: list[Run] = []
    last: Run | None = None
    for run in mine:
        if run in murmurs:
            continue
        joins = (
            last is not None
            and run.start - last.end < TURN_PAUSE_SECS
            and last not in given_up
            and spoken_secs(others, last.end, run.start) <= WORD_SECS
        )
        if joins:
            turns[-1] = join(turns[-1], run)
        else:
            turns.append(run)
        last = run
    return turns


def _answers(turns: Sequence[Turn], interruptions: Sequence[Overlap]) -> list[Answer]:
    """Pair each clean agent turn with the caller's turn before it, unless the agent has already spoken
    since."""
    broke_in = {o.run.start for o in interruptions if o.by is Party.AGENT}
    gave_way = [o.over.end for o in interruptions if o.by is Party.CALLER and o.yielded]
    callers = [t.run for t in turns if t.party is Party.CALLER]
    agents = [t.run for t in turns if t.party is Party.AGENT]
    found = []
    for agent in agents:
        before = [c for c in callers if c.start < agent.start]
        if not before or agent.start in broke_in:
            continue
        caller = max(before, key=lambda c: c.end)
        if caller.end > agent.start + OVERLAP_SECS:
            continue
        spoken = [a for a in agents if a.start < agent.start and a.end > caller.end + WORD_SECS]
        if all(a.end in gave_way for a in spoken):
            found.append(Answer(caller, agent))
    return found


SILENCE_SECS = 1.0  # shorter ones are the rhythm of talk


def silences(runs: Sequence[Run], length_secs: float) -> list[Silence]:
    """Stretches of at least a second in which nobody speaks, the call's beginning and end included."""
    found, at = [], 0.0
    for run in [*close_gaps(runs, 0.0), Run(length_secs, length_secs)]:
        if run.start - at >= SILENCE_SECS:
            found.append(Silence(at, run.start))
        at = max(at, run.end)
    return found
