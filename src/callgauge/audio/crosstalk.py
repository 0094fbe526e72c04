"""The other party's leak into a channel: found, its path estimated, and subtracted.

The path is a finite impulse response behind the tracked delay, by least squares weighted with 1/power of what
remains: maximum likelihood where the disturbance (the receiver's own speech) varies in power, so double talk
hardly counts and no detector of it is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from .delay import BLOCK, Piece, track_delay, weights
from .track import FLOOR_POWER, HOP, RATE, FloatArray, PowerMeter, Track, sections

TAPS = 512  # 32 ms: the band filter of the line and the first reflections of a room
INAUDIBLE = 10**-4.5  # share of the source's energy; at -45 dB and below is what stereo codecs leave behind
_LEAD = 96  # taps before the tracked delay, which is that of the strongest reflection
_ROUNDS = 2
_LEARN_SECS = 60.0  # enough to learn 128 taps
_SEARCH = 3 * BLOCK // 2  # samples (3 s) around a jump in which its moment is sought
_SLICE = 400  # samples (25 ms) warped with one fraction of a sample: at 200 ppm it changes by .08 within
_FRACTIONS = 256  # of a sample; the rounding is 50 dB under the leak
_SINC = 16  # half width of the fractional delay, samples
_EXPLAINED = 1.0  # a residual under the predicted leak hides nothing that a listener would hear
_HOLD = 8  # frames (40 ms) that a prediction stays in force: the tail of the room
_BLUR = 20  # frames (100 ms) that what a codec makes of a leak may outlast it
_FLOOR_PERCENTILE = 20  # of the channel's frames are softer: nobody speaks
_STANDS_OUT = 10.0  # times the floor's power: a leak that shows
_AUDIBLE = 1.3  # times the floor's power that the leak leaves: 1.0-1.7 without a codec, 2.6-60 through opus
_BENT = 10**-2.2  # share of the leak; a path estimated well leaves less, and a floor under it proves nothing
_REMEMBERED = 60  # frames (300 ms) after the leak in which the detector may still take the noise for speech
_SOFT = 2.0  # times the floor's power: no louder than the noise
_LEFT = 10**-0.6  # of the leak: 95 in 100 frames of opus's residue are under it, 10-30 of double talk

Flags = np.ndarray[tuple[int], np.dtype[np.bool_]]
Doubles = np.ndarray[tuple[int], np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Leak:
    """How the other party is heard on a channel."""

    gain_db: float
    delay_ms: float
    drift_ppm: float
    jumps: int
    plain: float
    residue: bool
    """Part of it could not be predicted, and is still heard."""
    copied: bool
    """It shows at the delay at which a codec copies one channel into the other."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The channel without the leak; `explained` marks the 5 ms frames in which nothing but leak was heard."""

    track: Track
    explained: Flags
    leak: Leak


def remove(source: Track, receiver: Track) -> Cleaned | None:
    """Subtract `source` from `receiver`; None where it is not heard there. The caller closes the new
    track."""
    pieces, taps, plain, copied = _path(source, receiver)
    if not pieces:
        return None
    track, predicted = Track(), PowerMeter()
    for start, stop, leaked in _leak_blocks(source, receiver, pieces, taps):
        track.append(receiver.read(start, stop) - leaked)
        predicted.append(leaked)
    explained = _explained(predicted.powers(), track.powers())
    share = float(predicted.powers().sum() / source.powers().sum())
    if not share > INAUDIBLE:
        track.close()
        return None
    cause = np.maximum(predicted.powers(), share * source.powers()[: len(predicted.powers())])
    residue = _residue(cause, track.powers(), explained)
    if residue is not None:
        explained |= residue
    return Cleaned(track, explained, _describe(pieces, taps, plain, share, residue is not None, copied))


def _path(source: Track, receiver: Track) -> tuple[list[Piece], list[Doubles], float, bool]:
    """Delays and taps of the leak, and how plainly it is heard; no pieces where it is not. Last,
    whether a codec's copy of it shows.

    A codec that joins both channels copies each into the other, softly but at one delay and without the
    blur of a line or a room, so that the copy can stand out more sharply than a much louder leak. Where its
    delay shows, another is sought beside it, and the path that takes more away is the leak's.
    """
    pieces, plain, copied = _find(source, receiver)
    pieces, taps = _fit(source, receiver, pieces)
    if not copied:
        return pieces, taps, plain, False
    others, other_plain, _ = _find(source, receiver, beside_copy=True)
    others, other_taps = _fit(source, receiver, others)
    if _left(source, receiver, others, other_taps) < _left(source, receiver, pieces, taps):
        return others, other_taps, other_plain, True
    return pieces, taps, plain, True


def _fit(source: Track, receiver: Track, pieces: list[Piece]) -> tuple[list[Piece], list[Doubles]]:
    taps = [np.zeros(TAPS) for _ in pieces]
    for _ in range(_ROUNDS if pieces else 0):
        taps = _improve(source, receiver, pieces, taps)
        pieces, taps = _settle(source, receiver, pieces, taps)
    return pieces, taps


def _left(source: Track, receiver: Track, pieces: list[Piece], taps: list[Doubles]) -> float:
    """Log power of what is left of the channel, summed over its 5 ms frames; infinite without a path."""
    costs = [_cost(source, receiver, p, t, p.start, p.end).sum() for p, t in zip(pieces, taps, strict=True)]
    return float(sum(costs)) if costs else float("inf")


def _find(source: Track, receiver: Track, *, beside_copy: bool = False) -> tuple[list[Piece], float, bool]:
    """The tracked delays of all sections in which the source is heard; one where it is not takes its
    neighbour's. With how plainly it is heard, and whether a codec's copy of it may have been found."""
    pieces: list[Piece] = []
    best, copied = 0.0, False
    for start, stop in sections(source.samples):
        found, plain, near = track_delay(source, receiver, start, stop, beside_copy=beside_copy)
        if found:
            copied = copied or near
            first = _resized(found[0], pieces[-1].end if pieces else 0, found[0].end)
            pieces += [first, *found[1:]]
            best = max(best, plain)
    if pieces:
        pieces[-1] = _resized(pieces[-1], pieces[-1].start, receiver.samples)
    return pieces, best, copied


def _improve(source: Track, receiver: Track, pieces: list[Piece], taps: list[Doubles]) -> list[Doubles]:
    """One step of weighted least squares on what the present paths leave."""
    size = BLOCK + TAPS  # only lags under TAPS are wanted
    auto = [np.zeros(TAPS) for _ in pieces]
    cross = [np.zeros(TAPS) for _ in pieces]
    learned = [0.0 for _ in pieces]
    for index, start, stop, shifted in _shifted_blocks(source, receiver, pieces):
        if learned[index] > _LEARN_SECS:
            continue
        learned[index] += (stop - start) / RATE
        rest = receiver.read(start, stop) - _filtered(shifted, taps[index])[TAPS - 1 :]
        padded = np.concatenate((np.zeros(-len(rest) % HOP, np.float32), rest))
        power = (padded.reshape(-1, HOP) ** 2).mean(axis=1)
        weight = np.sqrt(np.repeat(weights(power.astype(np.float32)), HOP)[-len(rest) :])
        heavy = np.fft.rfft(shifted[TAPS - 1 :] * weight, size)
        auto[index] += np.fft.irfft(np.abs(heavy) ** 2, size)[:TAPS]
        cross[index] += np.fft.irfft(heavy.conj() * np.fft.rfft(rest * weight, size), size)[:TAPS]
    lags = np.abs(np.subtract.outer(np.arange(TAPS), np.arange(TAPS)))
    improved = []
    for old, r, x in zip(taps, auto, cross, strict=True):
        matrix = r[lags] + 1e-4 * max(float(r[0]), 1e-12) * np.eye(TAPS)
        improved.append(old + np.linalg.solve(matrix, x))
    return improved


def _settle(
    source: Track, receiver: Track, pieces: list[Piece], taps: list[Doubles]
) -> tuple[list[Piece], list[Doubles]]:
    """Undo jumps that were none, and move the others to the moment at which the paths trade places."""
    at = 0
    while at < len(pieces):
        neighbours = [k for k in (at - 1, at + 1) if 0 <= k < len(pieces)]
        if not neighbours:
            break
        piece = pieces[at]
        own = _cost(source, receiver, piece, taps[at], piece.start, piece.end).sum()
        better = [
            k
            for k in neighbours
            if _cost(source, receiver, pieces[k], taps[k], piece.start, piece.end).sum() <= own
        ]
        if not better:
            at += 1
            continue
        into = better[0]
        low, high = min(piece.start, pieces[into].start), max(piece.end, pieces[into].end)
        pieces = [_resized(p, low, high) if k == into else p for k, p in enumerate(pieces) if k != at]
        taps = [t for k, t in enumerate(taps) if k != at]
        at = max(at - 1, 0)
    for k in range(len(pieces) - 1):
        before, after = pieces[k], pieces[k + 1]
        low = max(before.start, before.end - _SEARCH) // HOP * HOP
        high = min(after.end, before.end + _SEARCH) // HOP * HOP
        gain = _cost(source, receiver, before, taps[k], low, high) - _cost(
            source, receiver, after, taps[k + 1], low, high
        )
        cut = low + int(np.argmin(np.concatenate(([0.0], np.cumsum(gain))))) * HOP
        pieces[k] = _resized(before, before.start, cut)
        pieces[k + 1] = _resized(after, cut, after.end)
    return [p for p in pieces if p.end > p.start], [
        t for p, t in zip(pieces, taps, strict=True) if p.end > p.start
    ]


def _resized(piece: Piece, start: int, end: int) -> Piece:
    return Piece(start, end, piece.at(start), piece.slope)


def _cost(source: Track, receiver: Track, piece: Piece, taps: Doubles, start: int, stop: int) -> Doubles:
    """Log power per 5 ms frame of what this path leaves in start..stop."""
    costs = []
    for at in range(start, stop, BLOCK):
        to = min(at + BLOCK, stop)
        shifted = _shifted(source, piece, at - TAPS + 1, to)
        rest = receiver.read(at, to) - _filtered(shifted, taps)[TAPS - 1 :]
        whole = rest[: len(rest) // HOP * HOP].reshape(-1, HOP)
        costs.append(np.log((whole.astype(np.float64) ** 2).mean(axis=1) + 4 * FLOOR_POWER))
    return np.concatenate(costs) if costs else np.zeros(0)


def _shifted_blocks(
    source: Track, receiver: Track, pieces: list[Piece]
) -> Iterator[tuple[int, int, int, FloatArray]]:
    """(piece, start, stop, the source as it arrives there with TAPS - 1 samples of the past before it)."""
    for index, piece in enumerate(pieces):
        for start in range(piece.start, piece.end, BLOCK):
            stop = min(start + BLOCK, piece.end, receiver.samples)
            if stop > start:
                yield index, start, stop, _shifted(source, piece, start - TAPS + 1, stop)


def _shifted(source: Track, piece: Piece, start: int, stop: int) -> FloatArray:
    """The source delayed by the piece's line, less the lead: whole samples where straight, sinc where it
    drifts."""
    if piece.slope == 0.0:
        lag = round(piece.delay) - _LEAD
        return source.read(start - lag, stop - lag)
    first, last = int(np.floor(piece.at(start))) - _LEAD, int(np.floor(piece.at(stop))) - _LEAD
    begin = start - max(first, last) - _SINC - 1
    sound = source.read(begin, stop - min(first, last) + _SINC + 1)
    kernels = _fractional_delays()
    out = np.empty(stop - start, np.float32)
    for at in range(start, stop, _SLICE):
        to = min(at + _SLICE, stop)
        whole, fraction = divmod(round((piece.at((at + to) // 2) - _LEAD) * _FRACTIONS), _FRACTIONS)
        low = at - whole - _SINC - begin
        out[at - start : to - start] = np.convolve(
            sound[low : low + to - at + 2 * _SINC], kernels[fraction], "valid"
        )
    return out


@cache
def _fractional_delays() -> FloatArray:
    """Windowed sinc kernels, one for each fraction of a sample."""
    offsets = np.arange(-_SINC, _SINC + 1)
    fractions = np.arange(_FRACTIONS) / _FRACTIONS
    window = np.hanning(2 * _SINC + 3)[1:-1]
    return (np.sinc(offsets[None, :] - fractions[:, None]) * window).astype(np.float32)


def _filtered(sound: FloatArray, taps: Doubles) -> FloatArray:
    """Causal convolution, as long as the sound."""
    size = -(-(len(sound) + TAPS) // 1024) * 1024
    spectrum = np.fft.rfft(sound, size) * np.fft.rfft(taps.astype(np.float32), size)
    filtered: FloatArray = np.fft.irfft(spectrum, size)[: len(sound)].astype(np.float32)
    return filtered


def _leak_blocks(
    source: Track, receiver: Track, pieces: list[Piece], taps: list[Doubles]
) -> Iterator[tuple[int, int, FloatArray]]:
    for index, start, stop, shifted in _shifted_blocks(source, receiver, pieces):
        yield start, stop, _filtered(shifted, taps[index])[TAPS - 1 :]


def _explained(predicted: FloatArray, rest: FloatArray) -> Flags:
    held = _held(predicted, _HOLD)
    count = min(len(held), len(rest))
    out = np.zeros(len(rest), bool)
    out[:count] = (rest[:count] < held[:count] * _EXPLAINED) & (held[:count] > 4 * FLOOR_POWER)
    return out


def _residue(cause: FloatArray, rest: FloatArray, explained: Flags) -> Flags | None:
    """Frames in which what is left is no more than a codec makes of the leak; None where nothing is heard.

    A codec that spends few bits on the softer channel bends the leak, so that a tenth of it cannot be
    predicted, and blurs it over its frame. `cause` is the power of the leak, as predicted and as it would be
    without delay. Some of the receiver's own speech under the other's is lost with it.
    """
    longest = _held(cause, _BLUR)
    floor = max(float(np.percentile(rest, _FLOOR_PERCENTILE)), FLOOR_POWER)
    heard = longest > _STANDS_OUT * floor
    alone = heard & explained
    if not alone.any():
        return None
    left = float(np.median(rest[alone]))
    if left < _AUDIBLE * floor or float(np.median(rest[alone] / longest[alone])) < _BENT:
        return None
    near = _held(heard.astype(np.float32), _REMEMBERED) > 0
    residue: Flags = (heard & (rest < _LEFT * longest)) | (near & (rest < _SOFT * floor))
    return residue


def _held(powers: FloatArray, frames: int) -> FloatArray:
    held = powers.copy()
    for step in range(1, frames + 1):
        held[step:] = np.maximum(held[step:], powers[:-step])
    return held


def _describe(
    pieces: list[Piece], taps: list[Doubles], plain: float, share: float, residue: bool, copied: bool
) -> Leak:
    """`share` is the leak's energy over the source's."""
    longest = max(range(len(pieces)), key=lambda k: pieces[k].end - pieces[k].start)
    piece, path = pieces[longest], taps[longest]
    delay = piece.delay - _LEAD + int(np.abs(path).argmax())
    drift = float(np.average([p.slope for p in pieces], weights=[p.end - p.start for p in pieces]) * 1e6)
    gain_db = float(10 * np.log10(max(share, 1e-12)))
    return Leak(gain_db, delay / RATE * 1000, drift, len(pieces) - 1, plain, residue, copied)


__all__ = ["Cleaned", "Leak", "remove"]
