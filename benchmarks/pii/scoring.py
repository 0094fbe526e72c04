"""How much of what is labelled is hidden, and how much of what is hidden is labelled."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from benchmarks.pii.labelled import Dialogue, Label
from callgauge.pii import Field, Hidden, Redactor

MOSTLY = 0.8
"""Share of the letters and digits of a label that must be hidden for it to count as found; likewise what is
hidden must be labelled to count as right."""


@dataclass(slots=True)
class Count:
    labels: int = 0
    hidden: int = 0
    named: int = 0
    """Of `hidden`, those under the kind that the label has."""
    found: int = 0
    right: int = 0


@dataclass(slots=True)
class Score:
    kinds: dict[Field, Count] = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    turns: int = 0
    clean: int = 0
    """Turns in which nothing is labelled."""
    spoiled: int = 0
    """Those of them in which something was hidden."""

    def of(self, kind: Field) -> Count:
        return self.kinds.setdefault(kind, Count())

    def total(self) -> Count:
        counts = self.kinds.values()
        return Count(
            *(
                sum(getattr(one, name) for one in counts)
                for name in ("labels", "hidden", "named", "found", "right")
            )
        )


def score(dialogues: Iterable[Dialogue], fields: Collection[Field] = tuple(Field)) -> Score:
    made = Score()
    for one in dialogues:
        hidden = Redactor(fields).turns(one.turns).hidden
        _labels(one, hidden, made)
        _findings(one, hidden, made)
        for number, _ in enumerate(one.turns):
            made.turns += 1
            if not any(label.turn == number for label in one.labels):
                made.clean += 1
                made.spoiled += any(found.turn == number for found in hidden)
    return made


def _labels(one: Dialogue, hidden: Collection[Hidden], made: Score) -> None:
    for label in one.labels:
        text = one.turns[label.turn].text
        over = [found for found in hidden if found.turn == label.turn]
        count = made.of(label.field)
        count.labels += 1
        if _covered(text, label.start, label.end, over) >= MOSTLY:
            count.hidden += 1
            count.named += any(found.field is label.field and _touch(found, label) for found in over)
        else:
            made.missed.append(f"{label.field}: {text[label.start : label.end]!r} in {text!r}")


def _findings(one: Dialogue, hidden: Collection[Hidden], made: Score) -> None:
    for found in hidden:
        text = one.turns[found.turn].text
        labels = [label for label in one.labels if label.turn == found.turn]
        count = made.of(found.field)
        count.found += 1
        if _covered(text, found.start, found.end, labels) >= MOSTLY:
            count.right += 1
        else:
            made.wrong.append(f"{found.field}: {text[found.start : found.end]!r} in {text!r}")


def _covered(text: str, start: int, end: int, spans: Iterable[Hidden | Label]) -> float:
    signs = [place for place in range(start, end) if text[place].isalnum()]
    inside = sum(any(span.start <= place < span.end for span in spans) for place in signs)
    return inside / max(len(signs), 1)


def _touch(found: Hidden, label: Label) -> bool:
    return found.start < label.end and label.start < found.end
