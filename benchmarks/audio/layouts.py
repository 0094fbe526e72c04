"""Mono, doubled and swapped channels: are they recognised, and are plain stereo calls left alone?"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from calls import Script
from lines import Stereo, leak, room_tone, write
from voices import RATE, report_cast

from callgauge.audio import analyse

CODECS = ("wav", "ulaw", "mp3", "opus")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100)
    options = parser.parse_args()
    cast = report_cast()
    right = dict.fromkeys(("mono", "dual mono", "swapped", "not swapped", "stereo is not dual mono"), 0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for index in range(options.calls):
            call = Script(700_000 + index, cast, exchanges=3).render()
            rng = np.random.default_rng(index)
            line = (leak() if index % 2 else room_tone)(Stereo(call.agent, call.caller), call, cast, rng)
            mono = 0.5 * (line.agent + line.caller)
            soundfile.write(str(folder / "mono.wav"), mono, RATE)
            told = analyse(folder / "mono.wav", agent_channel=None)
            right["mono"] += told.health.channels == 1 and "latencies" in dict(told.health.refused)
            codec = CODECS[index % len(CODECS)]
            gain = 10 ** (float(rng.uniform(-6, 6)) / 20)
            doubled = write(Stereo(mono, mono * gain), codec, folder)
            right["dual mono"] += analyse(doubled, agent_channel=0).health.dual_mono
            # A transcript's clock: rows off by a few tenths, the whole shifted by up to a second.
            shift = float(rng.uniform(-1, 1))
            times = [
                (a + shift + float(rng.normal(0, 0.2)), b + shift + float(rng.normal(0, 0.2)))
                for a, b in call.truth.speech["agent"]
            ]
            file = write(line, codec, folder)
            told = analyse(file, agent_channel=0, agent_times=times)
            right["not swapped"] += told.health.swapped is False
            right["stereo is not dual mono"] += not told.health.dual_mono
            right["swapped"] += analyse(file, agent_channel=1, agent_times=times).health.swapped is True
    for what, count in right.items():
        print(f"{what:26s} {count} of {options.calls}")


if __name__ == "__main__":
    main()
