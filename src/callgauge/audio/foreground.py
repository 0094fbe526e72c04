"""The speaker in front of a noisy background: a detector that learns both from the call itself.

A speech network cannot tell a caller from the people behind him, and an energy threshold cannot follow
noise that
changes. But the caller is louder than his background for most of the call, so the call labels itself:
frames that
the network and a slow level both call speech train one model of band levels, frames well away from them
another,
and a two-state Markov chain over the ratio of the two draws the line. Three rounds settle it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .runs import GAP_SECS, Run, Thresholds, close_gaps, from_probabilities
from .track import RATE, FloatArray, Track, sections
from .vad import WINDOW

FRAME = 128  # samples (8 ms) from frame to frame
FRAME_SECS = FRAME / RATE
_SPAN = 256  # samples (16 ms) in a frame
_BANDS = (2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64, 90, 120)  # bins of 62.5 Hz: 125 Hz to 7.5 kHz
_NARROW_DB = -80.0  # bands above 4 kHz under this level carry nothing: a telephone line
_CHUNK = RATE * 8
_SMOOTH = 4  # frames; steadies narrow bands and costs 8 ms of sharpness
_SLOW = 25  # frames (200 ms); a syllable
_MARGIN = 15  # frames (120 ms) between speech and what may train the background
_ROUNDS = 3
_MIXTURE = 3  # Gaussians a side, by level: vowels, consonants, tails; and gusts, murmur, lulls
_EVIDENCE = 0.35  # neighbouring frames share most of what they say
_LIMIT = 8.0  # log-likelihood ratio that one frame may contribute at most
_SWITCH = 5.0  # price of starting or stopping to speak
_LEAST = 50  # frames (0.4 s) to train a side on

Flags = np.ndarray[tuple[int], np.dtype[np.bool_]]
Mixture = list[tuple[FloatArray, FloatArray, float]]


def find_runs(track: Track, probability: FloatArray, rule: Thresholds) -> list[Run]:
    """Runs of the foreground speaker. Where there is too little to learn from, the network's word is
    taken."""
    runs: list[Run] = []
    for start, stop in sections(track.samples):
        network = probability[start // WINDOW : -(-stop // WINDOW)]
        begin, length = start // WINDOW * WINDOW, stop - start // WINDOW * WINDOW
        found = _find_in(track, begin, stop, network, rule)
        if found is None:
            found = from_probabilities(network, rule, length / RATE)
        runs += [replace(r, start=r.start + begin / RATE, end=r.end + begin / RATE) for r in found]
    runs = close_gaps(runs, GAP_SECS)
    return [r for r in runs if r.secs >= rule.min_secs and r.peak >= rule.min_peak]


def _find_in(
    track: Track, start: int, stop: int, probability: FloatArray, rule: Thresholds
) -> list[Run] | None:
    """Runs within start..stop, counted from start; None where a side has nothing to learn from."""
    bands = _band_powers(track, start, stop)
    if len(bands) < 4 * _LEAST:
        return None
    network = probability[
        np.minimum((np.arange(len(bands)) * FRAME + FRAME // 2) // WINDOW, len(probability) - 1)
    ]
    slow = 10 * np.log10(_smoothed(bands[:, 1:8].mean(axis=1, keepdims=True), _SLOW)[:, 0] + 1e-10)
    low, high = np.percentile(slow, (20, 95))
    speaks: Flags = (network >= rule.on) & (slow > 0.5 * (low + high))
    levels = (10 * np.log10(_smoothed(bands, _SMOOTH) + 1e-10)).astype(np.float32)
    for _ in range(_ROUNDS):
        apart = np.convolve(speaks, np.ones(2 * _MARGIN + 1), "same") < 0.5
        if speaks.sum() < _LEAST or apart.sum() < _LEAST:
            return None
        speech, background = _learn(levels[speaks]), _learn(levels[apart])
        ratio = np.clip(_likelihood(levels, speech) - _likelihood(levels, background), -_LIMIT, _LIMIT)
        speaks = _settle(ratio * _EVIDENCE)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], speaks, [False])).astype(np.int8))).reshape(-1, 2)
    length = (stop - start) / RATE
    return [
        Run(a * FRAME_SECS, min(b * FRAME_SECS, length), float(network[a:b].max()), 0.04, 0.06)
        for a, b in edges.tolist()
    ]


def _band_powers(track: Track, begin: int, end: int) -> FloatArray:
    """Mean power per band and frame, shape (frames, 12), or 10 where nothing is above 4 kHz."""
    window = np.hanning(_SPAN).astype(np.float32)
    parts = []
    for start in range(begin, end, _CHUNK):
        stop = min(start + _CHUNK, end)
        sound = track.read(start - FRAME // 2, stop + _SPAN - FRAME // 2)
        frames = np.lib.stride_tricks.sliding_window_view(sound, _SPAN)[::FRAME][
            : -(-(stop - start) // FRAME)
        ]
        spectra = np.fft.rfft(frames * window, axis=1)
        power = spectra.real**2 + spectra.imag**2
        sums = np.add.reduceat(power[:, : _BANDS[-1]], _BANDS[:-1], axis=1)
        parts.append((sums / np.diff(_BANDS)).astype(np.float32))
    bands = np.concatenate(parts) if parts else np.zeros((0, len(_BANDS) - 1), np.float32)
    top = float(np.percentile(bands[:, -1], 90)) if len(bands) else 0.0
    return bands[:, :-2] if 10 * np.log10(top + 1e-12) < _NARROW_DB else bands


def _smoothed(values: FloatArray, width: int) -> FloatArray:
    """Moving average along time, the ends padded with the ends."""
    before = width // 2
    padded = np.pad(values, ((before + 1, width - 1 - before), (0, 0)), mode="edge")
    total = np.cumsum(padded, axis=0, dtype=np.float64)
    return ((total[width:] - total[:-width]) / width).astype(np.float32)


def _learn(frames: FloatArray) -> Mixture:
    """Gaussians with full covariance for the softest, the middle and the loudest third of the frames."""
    mixture: Mixture = []
    for third in np.array_split(np.argsort(frames.mean(axis=1)), _MIXTURE):
        part = frames[third].astype(np.float64)
        spread = np.cov(part.T)
        # Shrunk towards its diagonal, and never narrower than .1 dB, so that few frames cannot make it
        # singular.
        spread = 0.95 * spread + 0.05 * np.diag(np.diag(spread)) + 0.01 * np.eye(len(spread))
        whiten = np.linalg.cholesky(np.linalg.inv(spread))
        constant = -0.5 * float(np.linalg.slogdet(spread)[1]) - float(np.log(_MIXTURE))
        mixture.append((part.mean(axis=0).astype(np.float32), whiten.astype(np.float32), constant))
    return mixture


def _likelihood(frames: FloatArray, mixture: Mixture) -> FloatArray:
    terms = [
        constant - 0.5 * (((frames - mean) @ whiten) ** 2).sum(axis=1) for mean, whiten, constant in mixture
    ]
    total: FloatArray = np.logaddexp.reduce(terms, axis=0).astype(np.float32)
    return total


def _settle(evidence: FloatArray) -> Flags:
    """The likeliest sequence of speaking and not, when each change costs `_SWITCH` (Viterbi, two states)."""
    count = len(evidence)
    from_speech, from_silence = bytearray(count), bytearray(count)
    silent = speaking = 0.0
    for index, value in enumerate(evidence.tolist()):
        stop, begin = speaking - _SWITCH, silent - _SWITCH
        if stop > silent:
            from_speech[index] = 1
        else:
            stop = silent
        if begin > speaking:
            from_silence[index] = 1
        else:
            begin = speaking
        silent, speaking = stop, begin + value
    states = np.zeros(count, bool)
    state = speaking > silent
    for index in range(count - 1, -1, -1):
        states[index] = state
        state = not from_silence[index] if state else bool(from_speech[index])
    return states
