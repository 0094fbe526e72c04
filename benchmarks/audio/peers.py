"""Public methods, written anew: three detectors, each under the turn logic that public scripts share.

That logic: a segment that starts inside the other party's segment is an interruption; a latency is the
time from
the end of the caller's last segment to the agent's next one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import soxr
from score import Found
from voices import RATE

from callgauge.audio.vad import session

Segments = list[tuple[float, float]]
PAUSE_SECS = 0.5  # closed by the scripts before they look at turns


def _flags_to_segments(flags: np.ndarray, step_secs: float, least_secs: float = 0.1) -> Segments:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.astype(int), [0])))).reshape(-1, 2)
    merged: Segments = []
    for a, b in edges.tolist():
        start, end = a * step_secs, b * step_secs
        if merged and start - merged[-1][1] < PAUSE_SECS:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return [s for s in merged if s[1] - s[0] >= least_secs]


def energy(sound: np.ndarray) -> Segments:
    """RMS of 20 ms over -45 dBFS."""
    frames = sound[: len(sound) // 320 * 320].reshape(-1, 320)
    return _flags_to_segments((frames**2).mean(axis=1) > 10**-4.5, 0.02)


def webrtc(sound: np.ndarray) -> Segments:
    """The detector of WebRTC, aggressiveness 2, 30 ms frames."""
    import webrtcvad

    detector = webrtcvad.Vad(2)
    pcm = (np.clip(sound, -1, 1) * 32767).astype("<i2")
    flags = [detector.is_speech(pcm[k : k + 480].tobytes(), RATE) for k in range(0, len(pcm) - 479, 480)]
    return _flags_to_segments(np.array(flags), 0.03)


def silero(sound: np.ndarray) -> Segments:
    """The Silero network at its usual setting: threshold 0.5, speech padded by 30 ms."""
    net = session()
    count = len(sound) // 512
    padded = np.concatenate((np.zeros(64, np.float32), sound))
    state, rate = np.zeros((2, 1, 128), np.float32), np.array(RATE, np.int64)
    flags = np.zeros(count, bool)
    for k in range(count):
        feed = {"input": padded[None, k * 512 : k * 512 + 576], "state": state, "sr": rate}
        probability, state = net.run(None, feed)
        flags[k] = probability[0, 0] >= 0.5
    return [(max(a - 0.03, 0.0), b + 0.03) for a, b in _flags_to_segments(flags, 0.032)]


def _measure(detect: Callable[[np.ndarray], Segments]) -> Callable[[Path], Found]:
    def run(file: Path) -> Found:
        sound, rate = soundfile.read(str(file), dtype="float32", always_2d=True)
        if rate != RATE:
            sound = soxr.resample(sound, rate, RATE)
        agent, caller = detect(sound[:, 0].copy()), detect(sound[:, 1].copy())
        breaks = []
        for by, mine, others in (("agent", agent, caller), ("caller", caller, agent)):
            for start, _ in mine:
                over = next((o for o in others if o[0] < start < o[1]), None)
                if over:
                    breaks.append((by, start, over[1] - start, 1.0))
        latencies = []
        for start, _ in agent:
            before = [end for _, end in caller if end <= start]
            talked = any(a < start and b > max(before, default=0.0) for a, b in agent)
            if before and not talked and not any(a < start < b for a, b in caller):
                latencies.append((max(before), start, 1.0))
        return Found(latencies, breaks)

    return run


PEERS = {
    "energy -45 dB": _measure(energy),
    "webrtcvad 2": _measure(webrtc),
    "silero + turn times": _measure(silero),
}
