"""How sure each figure is, and what is said when it is not.

A confidence is the share of like figures that were right on the benchmark's tuning voices, rounded down;
it is not
a probability from theory. `SURE` (0.8) divides what is reported as it is from what carries a caveat.
"""

from __future__ import annotations

from dataclasses import dataclass

from .events import BACKCHANNEL_SECS, OVERLAP_SECS, Answer, Overlap, Party
from .sides import Assignment
from .speech import Heard

_PLAIN, _FAIR, _DOUBTFUL, _POOR = 0.97, 0.9, 0.7, 0.5
_CLEAR_SNR_DB = 26.0  # above it 98 in 100 latencies are within 100 ms, below it 84 to 96
_CODEC_SNR_DB = 28.0  # the same where a codec bent or copied a leak: some of it is left under the noise
_DEAF_SNR_DB = 6.0  # below it words are lost, not only their edges
_BOUNDARY_SECS = 0.06  # an overlap this close to a limit of the definition could fall either way
_LOUD_LEAK_DB = -8.0  # above it the leak is hard to tell from the party's own speech
_SHORT_SECS = 0.3  # in an answer this quick a blurred onset of the agent matters too
_NO_SPEECH = "this party is not heard"


@dataclass(frozen=True, slots=True)
class Trust:
    """What the state of both channels allows."""

    agent: float
    caller: float
    most: float
    """No figure is surer than the knowledge of who is on which channel."""
    overlaps: float
    """Of events under noise: it moves edges but seldom makes events, unless a codec left some
    of a leak in it."""
    notes: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, agent: Heard, caller: Heard, who: Assignment) -> Trust:
        sides = {Party.AGENT: agent, Party.CALLER: caller}
        notes = tuple(note for party, heard in sides.items() for note in _notes(party, heard))
        reasons = [f"the {party} is drowned in noise" for party, heard in sides.items() if _deaf(heard)]
        figures = ("latencies", "interruptions", "backchannels") if reasons else ()
        most = _PLAIN
        if who.swapped:
            notes, most = (
                (*notes, "the channels seem swapped: the transcript's times fit the other way"),
                _POOR,
            )
        elif who.source == "guessed":
            notes, most = (*notes, "the agent's channel is guessed: the one that speaks first"), _DOUBTFUL
        elif who.source == "words":
            notes, most = (*notes, "the agent's channel is told by how much each party says"), _FAIR
        return cls(
            min(_side(agent), most),
            min(_side(caller), most),
            most,
            _DOUBTFUL if any(_bent(h) and _side(h) < _FAIR for h in sides.values()) else _FAIR,
            notes,
            tuple((figure, "; ".join(reasons)) for figure in figures),
        )

    def latency(self, answer: Answer) -> float:
        """The caller's end and the agent's start must both be sharp."""
        agent = self.agent if answer.latency_secs < _SHORT_SECS else self.most
        return min(agent, self.caller)

    def overlap(self, overlap: Overlap) -> float:
        """An event near a limit of its definition is doubtful."""
        near = min(abs(overlap.overlap_secs - OVERLAP_SECS), _distance_from_murmur(overlap))
        if near < _BOUNDARY_SECS:
            return _DOUBTFUL
        worst = min(self.agent, self.caller)
        return min(worst if worst in (_PLAIN, _POOR) else self.overlaps, self.most)


def _distance_from_murmur(overlap: Overlap) -> float:
    return 1.0 if overlap.yielded else abs(overlap.run.secs - BACKCHANNEL_SECS)


def _clear_snr(heard: Heard) -> float:
    """Speech over the noise's louder moments: what comes and goes hides more than its median tells."""
    return heard.levels.snr_db - heard.levels.spread_db


def _side(heard: Heard) -> float:
    if heard.levels.snr_db < _DEAF_SNR_DB:
        return _POOR
    if _clear_snr(heard) < (_CODEC_SNR_DB if _bent(heard) else _CLEAR_SNR_DB) or (
        heard.leak and heard.leak.gain_db > _LOUD_LEAK_DB
    ):
        return _DOUBTFUL
    return _PLAIN


def _bent(heard: Heard) -> bool:
    return heard.leak is not None and (heard.leak.residue or heard.leak.copied)


def _deaf(heard: Heard) -> bool:
    return bool(heard.runs) and heard.levels.snr_db < _DEAF_SNR_DB


def _notes(party: Party, heard: Heard) -> list[str]:
    notes = []
    if not heard.runs:
        notes.append(f"{party}: {_NO_SPEECH}")
    elif _clear_snr(heard) < _CLEAR_SNR_DB:
        notes.append(f"{party}: noisy channel ({heard.levels.snr_db:.0f} dB), edges of words are uncertain")
    leak = heard.leak
    if leak is not None:
        removed = "removed but for what a codec bent" if leak.residue else "removed"
        notes.append(f"{party}: the other party is heard on this channel at {leak.gain_db:.0f} dB, {removed}")
        if abs(leak.drift_ppm) >= 5:
            notes.append(f"{party}: clocks drift by {leak.drift_ppm:.0f} ppm")
        if leak.jumps:
            notes.append(f"{party}: the leak's delay jumps {leak.jumps} times")
    return notes
