"""Memory and time of a very long call: a stereo mp3 of so many hours, made on the spot.

The call is the tests' short one over and over, with noise that never repeats; it needs no package of sounds.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.audio.stage import RATE, usual

MEASURE = """
import time
from callgauge.audio import analyse
begun = time.monotonic()
found = analyse(FILE, agent_channel=0)
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(peak.split()[1]) // 1024, time.process_time(), time.monotonic() - begun, found.duration_secs,
      len(found.latencies))
"""


def write(file: Path, hours: float) -> int:
    """How often the short call is in it."""
    call, rng, times = usual().stereo(), np.random.default_rng(2), 0
    with soundfile.SoundFile(str(file), "w", RATE, 2, format="MP3") as out:
        while times * len(call) < hours * 3600 * RATE:
            out.write(call + rng.standard_normal(call.shape).astype(np.float32) * 2e-4)
            times += 1
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=5.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "long.mp3"
        times = write(file, options.hours)
        size_mb = file.stat().st_size / 1e6
        code = MEASURE.replace("FILE", repr(str(file)))
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    peak_mb, cpu, wall, secs, answers = (float(word) for word in ran.stdout.split())
    print(
        f"{secs / 3600:.2f} h of stereo mp3 ({size_mb:.0f} MB): peak {peak_mb:.0f} MB, {cpu:.0f} CPU s in "
        f"{wall:.0f} s, {secs / cpu:.0f}x real time; {answers:.0f} answers in {times} repetitions"
    )


if __name__ == "__main__":
    main()
