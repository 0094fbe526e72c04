"""Speed and memory: the analysis, the bare network as the limit, two processes, an hour of mp3."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import soundfile
from calls import make_call
from lines import CONDITIONS, Stereo, write
from voices import RATE, report_cast

from callgauge.audio import analyse
from callgauge.audio.vad import session

SHOWN = ("wav 16 kHz", "mp3 32k", "white 10 dB", "cross-talk", "drift 50 ppm", "mu-law 20 dB -25 dB")


def cpu_secs(file: str) -> float:
    begun = time.process_time()
    analyse(file, agent_channel=0)
    return time.process_time() - begun


def network_secs(secs: int = 60) -> float:
    """The bare network, one window of one channel at a time, as every public use of it runs; per channel."""
    net = session()
    state, rate = np.zeros((2, 1, 128), np.float32), np.array(RATE, np.int64)
    window = np.random.default_rng(1).standard_normal((1, 576)).astype(np.float32) * 0.05
    begun = time.process_time()
    for _ in range(secs * RATE // 512):
        _, state = net.run(None, {"input": window, "state": state, "sr": rate})
    return time.process_time() - begun


def hour_of_mp3(folder: Path) -> None:
    cast, rng, done = report_cast(), np.random.default_rng(2), 0
    file = folder / "hour.mp3"
    with soundfile.SoundFile(str(file), "w", RATE, 2, format="MP3") as out:
        while done < 3600 * RATE:
            call = make_call(done, cast)
            both = np.stack((call.agent, call.caller), axis=1)
            out.write(both + rng.standard_normal(both.shape).astype(np.float32) * 2e-4)
            done += len(both)
    # VmHWM belongs to the program started; the rusage of a child would include its parent before the start.
    code = (
        "import time\nfrom callgauge.audio import analyse\n"
        f"secs = analyse({str(file)!r}, agent_channel=0).duration_secs\n"
        "peak = next(line for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"
        "print(int(peak.split()[1]) // 1024, time.process_time(), secs)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    peak_mb, cpu, secs = (float(word) for word in ran.stdout.split())
    print(f"{secs:.0f} s of stereo mp3: peak {peak_mb:.0f} MB, {cpu:.1f} CPU s, {secs / cpu:.0f}x real time")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=4)
    parser.add_argument("--hour", action="store_true", help="also an hour of mp3")
    options = parser.parse_args()
    cast = report_cast()
    print(f"bare network, one window at a time, two channels: {60 / (2 * network_secs()):.0f}x real time")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kept: list[str] = []
        for number, condition in enumerate(c for c in CONDITIONS if c.name in SHOWN):
            spent = audio = 0.0
            for index in range(options.calls):
                call = make_call(index, cast)
                rng = np.random.default_rng(index * 100 + number)
                place = folder / f"{number}-{index}"
                place.mkdir()
                file = write(
                    condition.apply(Stereo(call.agent, call.caller), call, cast, rng), condition.codec, place
                )
                kept.append(str(file))
                analyse(file, agent_channel=0)
                spent += cpu_secs(str(file))
                audio += len(call.agent) / RATE
            print(f"{condition.name:24s} {audio / spent:5.0f}x real time on one core", flush=True)
        files = kept[: 2 * options.calls]
        context = get_context("spawn")
        for workers in (1, 2):
            with ProcessPoolExecutor(workers, mp_context=context) as pool:
                list(pool.map(cpu_secs, files[:workers]))
                print(
                    f"{workers} processes: {sum(pool.map(cpu_secs, files)) / len(files):.2f} CPU s per call"
                )
        if options.hour:
            hour_of_mp3(folder)


if __name__ == "__main__":
    main()
