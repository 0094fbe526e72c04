"""The table: every method on every condition. See README.md for the commands."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
from calls import make_call
from lines import CONDITIONS, GRID, Stereo, write
from peers import PEERS
from score import Found, Tally
from voices import PACKAGES, missing, report_cast, tuning_cast

from callgauge.audio import analyse

COLUMNS = (
    "latency ms",
    "within 100",
    "recall",
    "spurious",
    "AI F1",
    "user F1",
    "stop ms",
    "murmurs",
    "sure",
    "sure wrong",
)


def ours(file: Path) -> Found:
    result = analyse(file, agent_channel=0)
    return Found(
        [(x.caller_end, x.agent_start, x.confidence) for x in result.latencies],
        [
            (str(x.by), x.start, None if x.stop_ms is None else x.stop_ms / 1000, x.confidence)
            for x in result.interruptions
        ],
    )


METHODS = {"callgauge": ours, **PEERS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=6, help="calls per condition")
    parser.add_argument(
        "--report", action="store_true", help="the report's voices and seeds, not the tuning ones"
    )
    parser.add_argument(
        "--grid", action="store_true", help="steady noise by level of cross-talk by codec, not the table"
    )
    parser.add_argument("--only", default="", help="conditions whose name contains one of these, by comma")
    parser.add_argument("--methods", default="callgauge", help="by comma, or 'all'")
    parser.add_argument(
        "--peer-calls", type=int, default=12, help="the other methods see the first so many calls"
    )
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    lacking = missing()
    if lacking:
        sys.exit(f"Missing Debian packages: {' '.join(lacking)}\napt-get install {' '.join(PACKAGES)}")
    methods = list(METHODS) if options.methods == "all" else options.methods.split(",")
    wanted = [w for w in options.only.split(",") if w]
    cast = report_cast() if options.report else tuning_cast()
    base = 900_000 if options.report else 1_000
    rows: dict[tuple[str, str], Tally] = {}
    names: dict[tuple[str, str], Tally] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, condition in enumerate(GRID if options.grid else CONDITIONS):
            if wanted and not any(w in condition.name for w in wanted):
                continue
            begun, audio_secs = time.perf_counter(), 0.0
            for index in range(options.calls):
                call = make_call(base + index, cast)
                rng = np.random.default_rng((base + index) * 100 + number)
                line = condition.apply(Stereo(call.agent, call.caller), call, cast, rng)
                file = write(line, condition.codec, Path(folder))
                audio_secs += soundfile.info(str(file)).duration
                for method in methods if index < options.peer_calls else methods[:1]:
                    found = METHODS[method](file)
                    names.setdefault((method, condition.name), Tally()).add(call.truth, found)
                    rows.setdefault((method, condition.row), Tally()).add(call.truth, found)
            for method in methods:
                show(f"{method}: {condition.name}", names[method, condition.name])
            print(
                f"   {audio_secs:.0f} s of audio in {time.perf_counter() - begun:.1f} s",
                file=sys.stderr,
                flush=True,
            )
    print("--- by row")
    for (method, row), tally in sorted(rows.items()):
        show(f"{method}: {row}", tally)
    if options.json:
        table = [{"method": m, "row": r, **t.line()} for (m, r), t in rows.items()]
        options.json.write_text(json.dumps(table, indent=1))


def show(name: str, tally: Tally) -> None:
    line = tally.line()
    cells = " ".join(f"{line[c]:>{max(len(c), 6)}.{0 if 'ms' in c else 3}f}" for c in COLUMNS)
    if show.first:  # type: ignore[attr-defined]
        print(" " * 44, " ".join(f"{c:>6}" for c in COLUMNS))
        show.first = False  # type: ignore[attr-defined]
    print(f"{name:44.44s}", cells, flush=True)


show.first = True  # type: ignore[attr-defined]

if __name__ == "__main__":
    main()
