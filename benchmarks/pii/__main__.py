"""`python -m benchmarks.pii`: precision and recall per kind, on dialogues tuned on and not."""

from __future__ import annotations

import argparse
import time

from benchmarks.pii.generated import generate
from benchmarks.pii.labelled import Dialogue, read
from benchmarks.pii.scoring import Score, score
from callgauge.pii import Field


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=20_261, help="of the generated dialogues")
    parser.add_argument("--calls", type=int, default=200, help="generated dialogues")
    parser.add_argument("--show", action="store_true", help="list what was missed and what was wrong")
    given = parser.parse_args()
    sets = {
        "tuned on": read("tuned.txt"),
        "held out": read("held_out.txt"),
        f"generated, seed {given.seed}": generate(given.seed, given.calls),
    }
    for name, dialogues in sets.items():
        started = time.perf_counter()
        made = score(dialogues)
        _show(name, made, dialogues, time.perf_counter() - started, everything=given.show)


def _show(name: str, made: Score, dialogues: list[Dialogue], secs: float, *, everything: bool) -> None:
    size = f"{len(dialogues)} dialogues, {made.turns} turns"
    print(f"\n## {name}: {size}, {made.clean} of them with nothing to hide")
    print(f"\n| {'kind':<20} | labels | hidden | right kind | found | precision |")
    print(f"|{'-' * 22}|-------:|-------:|-----------:|------:|----------:|")
    for kind in Field:
        if kind in made.kinds:
            _row(str(kind), made, kind)
    _row("all", made, None)
    print(f"\nTurns with nothing to hide in which something was hidden: {made.spoiled} of {made.clean}.")
    print(f"{1000 * secs / made.turns:.2f} ms a turn.")
    if everything:
        for title, lines in (("missed", made.missed), ("wrong", made.wrong)):
            for line in lines:
                print(f"{title}: {line}")


def _row(name: str, made: Score, kind: Field | None) -> None:
    count = made.total() if kind is None else made.of(kind)
    print(
        f"| {name:<20} | {count.labels:>6} | {_share(count.hidden, count.labels)} "
        f"| {_share(count.named, count.labels):>10} | {count.found:>5} | "
        f"{_share(count.right, count.found):>9} |"
    )


def _share(part: int, whole: int) -> str:
    return f"{part / whole:>6.0%}" if whole else "     –"


if __name__ == "__main__":
    main()
