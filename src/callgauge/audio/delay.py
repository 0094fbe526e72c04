"""When the other party's sound arrives on a channel: one delay per block, followed through drift and jumps.

Generalised cross-correlation per 2 s block, with the receiving channel weighted by 1/power: the least-squares
weighting for noise of varying power, so that stretches in which only the source talks decide. The delays
of all
blocks are joined by dynamic programming, which lets them creep (clocks that drift) or, at a price, jump.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from .track import FLOOR_POWER, HOP, RATE, FloatArray, Track

BLOCK = 1 << 15  # samples; 2 s: at 50 ppm the delay creeps 1.6 samples within it
_COPIED = 48  # samples (3 ms): the copy that a codec makes of one channel in the other is no later
_EARLY = 160  # samples (10 ms): codecs round, and a clock that drifts may run ahead
_LATE = 4_800  # samples (300 ms): longer echoes are cancelled by every network
_CREEP = 8  # samples per block: 240 ppm, ten times a bad quartz
_CREEP_PRICE = 0.4  # score per sample of creep
_JUMP_PRICE = 70.0  # score of a jump: a third of a plain block's peak
_PEAK_CAP = 14.0  # sigmas of one block that count; no single block may decide
FOUND = 15.0  # mean squared sigmas per block: calls without a leak show 5-10, with one 33-196
FOUND_SHARE = 0.2  # of the blocks show it
FOUND_SHARE_BESIDE = 0.1  # beside a codec's copy; what is found there must also take more away than the copy
_SHAPE = 768  # samples (48 ms) of the path's shape
_NOISE_SIGMAS = 2.5  # a tap under this is noise
_FAINT = 0.2  # taps under this share of the main one are left out of the shape
_STILL = 0.93  # no drift is assumed if it explains this share of what the best drift explains
_WOBBLE = 6  # samples; smaller steps between blocks are noise
_STANDS_OUT = 6.0  # sigmas; chance reaches it in one block of fifty
_LEAST_TALK = 0.1  # share of a block
_FLOOR_QUANTILE, _FLOOR_SHARE = 20, 1e-4

Ints = np.ndarray[tuple[int], np.dtype[np.int64]]
Doubles = np.ndarray[tuple[int], np.dtype[np.float64]]
Spectra = npt.NDArray[np.complexfloating]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the call with one line of delay: samples = delay + slope * (t - start)."""

    start: int
    end: int
    delay: float
    slope: float

    def at(self, sample: int) -> float:
        return self.delay + self.slope * (sample - self.start)


def weights(powers: FloatArray) -> FloatArray:
    """1 / (smoothed power + floor) per 5 ms frame."""
    if not len(powers):
        return powers
    width = 10  # frames; 50 ms
    smooth = np.convolve(powers, np.full(width, 1 / width, np.float32), "same")
    floor = max(
        float(np.percentile(smooth, _FLOOR_QUANTILE)), _FLOOR_SHARE * float(smooth.mean()), FLOOR_POWER
    )
    return (1.0 / (smooth + floor)).astype(np.float32)


def spread(frames: FloatArray, start: int, stop: int) -> FloatArray:
    """Per-frame values as per-sample values for samples start..stop (start on the 5 ms grid)."""
    first = start // HOP
    last = min(-(-stop // HOP), len(frames))
    out = np.zeros(stop - start, np.float32)
    if last > first:
        repeated = np.repeat(frames[first:last], HOP)[: stop - start]
        out[: len(repeated)] = repeated
    return out


def track_delay(
    source: Track, receiver: Track, begin: int, end: int, *, beside_copy: bool = False
) -> tuple[list[Piece], float, bool]:
    """The delays at which `source` is heard on `receiver` in samples begin..end, and how plainly: the mean
    squared sigmas of the followed peak. An empty list means that it is not heard there, or hardly spoke.

    The last value says whether any block showed the delay of a codec's copy; `beside_copy` looks past it.
    """
    starts, profiles = _profiles(source, receiver, begin, end)
    if not starts:
        return [], 0.0, False
    if beside_copy:
        profiles[:, : _EARLY + _COPIED] = 0.0
    scores = np.minimum(np.abs(profiles), _PEAK_CAP) ** 2
    path = _follow(scores, starts)
    plain = scores[np.arange(len(path)), path]
    copied = bool((path < _EARLY + _COPIED).any())
    share = float((plain >= _STANDS_OUT**2).mean())
    if float(plain.mean()) < FOUND or share < (FOUND_SHARE_BESIDE if beside_copy else FOUND_SHARE):
        return [], float(plain.mean()), copied
    times = np.array(starts) + BLOCK // 2
    slope, template = _clock(profiles, times, path, plain)
    matched = _matched(profiles, times, slope, template)
    straight = _follow(np.minimum(np.maximum(matched, 0.0), _PEAK_CAP) ** 2, starts)
    found = np.maximum(matched[np.arange(len(straight)), straight], 0.0) ** 2
    return _pieces(times, straight - _EARLY, found, slope, begin, end), float(plain.mean()), copied


def _profiles(source: Track, receiver: Track, begin: int, end: int) -> tuple[list[int], FloatArray]:
    """Block starts and their impulse responses, for the blocks in which the source talks."""
    weight = weights(receiver.powers())
    talking = _talks(source.powers(), receiver.powers())
    profiles, starts = [], []
    for start in range(begin, end, BLOCK):
        stop = start + BLOCK
        if float(talking[start // HOP : stop // HOP].sum()) * HOP < _LEAST_TALK * BLOCK:
            continue
        a = source.read(start, stop) * spread(talking, start, stop)
        b = receiver.read(start, stop) * spread(weight, start, stop)
        profiles.append(_profile(a, b))
        starts.append(start)
    return starts, np.stack(profiles) if profiles else np.zeros((0, _EARLY + _LATE), np.float32)


def _talks(source: FloatArray, receiver: FloatArray) -> FloatArray:
    """1 for the frames in which the source is plainly the one who talks, as a leak is always the softer of
    two."""
    width = np.full(20, 0.05, np.float32)  # frames; 100 ms, so that a delayed leak is seen beside its cause
    mine, theirs = np.convolve(source, width, "same"), np.convolve(receiver, width, "same")
    return ((mine > theirs) & (mine > 0.003 * float(np.percentile(mine, 95)))).astype(np.float32)


def _profile(a: FloatArray, b: FloatArray) -> FloatArray:
    """The impulse response from a to b in units of its own noise, for delays -10..300 ms."""
    fa = np.fft.rfft(a)
    power = fa.real**2 + fa.imag**2
    g = np.fft.irfft(fa.conj() * np.fft.rfft(b) / (power + 0.03 * power.mean() + 1e-20), BLOCK)
    g = np.concatenate((g[-_EARLY:], g[:_LATE]))
    return (g / (1.4826 * float(np.median(np.abs(g))) + 1e-20)).astype(np.float32)


def _follow(scores: FloatArray, starts: list[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The best path of delays through the blocks (Viterbi); creep is allowed in proportion to the time
    between."""
    count, width = scores.shape
    best = scores[0].copy()
    back = np.zeros((count, width), np.int32)
    columns = np.arange(width)
    for k in range(1, count):
        reach = min(_CREEP * ((starts[k] - starts[k - 1]) // BLOCK), 40)
        top = int(best.argmax())
        candidate, origin = np.full(width, best[top] - _JUMP_PRICE, np.float32), np.full(width, top)
        for step in range(-reach, reach + 1):
            lo, hi = max(step, 0), width + min(step, 0)
            moved = best[lo - step : hi - step] - _CREEP_PRICE * abs(step)
            better = moved > candidate[lo:hi]
            candidate[lo:hi][better] = moved[better]
            origin[lo:hi][better] = columns[lo - step : hi - step][better]
        back[k] = origin
        best = candidate + scores[k]
    path = np.zeros(count, np.int64)
    path[-1] = int(best.argmax())
    for k in range(count - 1, 0, -1):
        path[k - 1] = back[k, path[k]]
    return path


def _clock(profiles: FloatArray, times: Ints, path: Ints, plain: FloatArray) -> tuple[float, FloatArray]:
    """The drift in samples per sample, and the shape of the path at it.

    The responses of the longest stretch without a jump are added up at every drift in turn; at the true
    one they
    add coherently. Peaks alone would not do: in a room, now one reflection is the highest and now another.
    """
    jumps = np.flatnonzero(np.abs(np.diff(path)) > 3 * _CREEP) + 1
    first, last = max(
        pairwise([0, *jumps.tolist(), len(path)]), key=lambda ends: float(plain[slice(*ends)].sum())
    )
    x = (times[first:last] - times[first:last].mean()).astype(float)
    trend = path[first:last].astype(float)
    level = float(np.average(trend, weights=plain[first:last]))
    lo = int(np.clip(level - _SHAPE // 3, 0, profiles.shape[1] - _SHAPE))
    window = profiles[first:last, lo : lo + _SHAPE]
    window = np.where(np.abs(window) > _NOISE_SIGMAS, window, np.float32(0.0))
    size = np.linalg.norm(window, axis=1, keepdims=True)
    spectra = np.fft.rfft(window * np.minimum(1.0, np.median(size) / (size + 1e-9)), 2 * _SHAPE, axis=1)
    slope = 0.0
    if last - first >= 4:
        for reach, step, top in ((200e-6, 1e-6, 1000), (1.5e-6, 0.1e-6, 3000)):
            slope = _best_slope(
                spectra[:, : 2 * _SHAPE * top // RATE], x, slope + np.arange(-reach, reach, step)
            )
        kept, total = (_coherence(spectra[:, : 2 * _SHAPE * 3000 // RATE], x, s) for s in (0.0, slope))
        slope = 0.0 if kept > _STILL * total else slope
    turn = np.exp(2j * np.pi * np.fft.rfftfreq(2 * _SHAPE)[None, :] * (slope * x)[:, None])
    shape = np.fft.irfft((spectra * turn).mean(axis=0), 2 * _SHAPE)[:_SHAPE]
    shape = np.where(np.abs(shape) > _FAINT * np.abs(shape).max(), shape, 0.0)
    return slope, (shape / (np.linalg.norm(shape) + 1e-12)).astype(np.float32)


def _best_slope(spectra: Spectra, x: Doubles, slopes: Doubles) -> float:
    return float(slopes[int(np.argmax([_coherence(spectra, x, float(s)) for s in slopes]))])


def _coherence(spectra: Spectra, x: Doubles, slope: float) -> float:
    """What the responses have in common when each is moved back by what the drift had moved it.

    The energy of their sum less the sum of their energies, which no drift changes.
    """
    bins = np.arange(spectra.shape[1]) / (2 * _SHAPE)
    turned = spectra * np.exp(2j * np.pi * np.outer(slope * x, bins))
    return float((np.abs(turned.sum(axis=0)) ** 2).sum() - (np.abs(turned) ** 2).sum())


def _matched(profiles: FloatArray, times: Ints, slope: float, template: FloatArray) -> FloatArray:
    """Responses correlated with the path's shape, the drift taken out, in sigmas; column = delay of the
    main peak."""
    width = profiles.shape[1]
    size = 1 << (width + _SHAPE).bit_length()
    main = int(np.abs(template).argmax())
    kernel = np.fft.rfft(template, size).conj()
    moved = slope * (times - times[0])
    turn = np.exp(2j * np.pi * np.fft.rfftfreq(size)[None, :] * (moved - main)[:, None])
    fit = np.fft.irfft(np.fft.rfft(profiles, size, axis=1) * kernel * turn, size, axis=1)[:, :width]
    noise = 1.4826 * np.median(np.abs(fit), axis=1, keepdims=True) + 1e-12
    return (fit / noise).astype(np.float32)


def _pieces(times: Ints, delays: Ints, found: FloatArray, slope: float, begin: int, stop: int) -> list[Piece]:
    """Lines of the common slope between jumps. A jump's moment is known to a block; `crosstalk` refines
    it."""
    cuts = np.flatnonzero(np.abs(np.diff(delays)) > _WOBBLE) + 1
    bounds = _believable([0, *cuts.tolist(), len(delays)], found)
    pieces = []
    for first, last in pairwise(bounds):
        start = begin if first == 0 else int(times[first - 1] + times[first]) // 2
        end = stop if last == len(delays) else int(times[last - 1] + times[last]) // 2
        order = np.argsort(delays[first:last])
        heap = np.cumsum(found[first:last][order])
        middle = int(delays[first:last][order][int(np.searchsorted(heap, heap[-1] / 2))])
        pieces.append(Piece(start, end, middle + slope * (start - int(times[0])), slope))
    return pieces


def _believable(bounds: list[int], found: FloatArray) -> list[int]:
    """Pieces in which no peak stood out are no jumps but guesses: each joins the piece before it (or
    after)."""
    kept = [(a, b) for a, b in pairwise(bounds) if float(np.maximum(found[a:b] - 25.0, 0.0).sum()) > 60.0]
    return [0, *(a for a, _ in kept[1:]), bounds[-1]]
