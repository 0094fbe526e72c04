"""Transcription Accuracy (0 to 100): how rightly the call's transcript has what was said."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, Final

from callgauge.domain.calls import Call, Role, Turn
from callgauge.domain.metrics import MetricSpec
from callgauge.domain.outcomes import Failed, Outcome, Scored, Skipped, SkipReason, Value
from callgauge.engine.faults import BadConfiguration
from callgauge.engine.transcription.compare import WEIGHTS, Comparison, Error, compare
from callgauge.engine.transcription.languages import language_of
from callgauge.engine.transcription.sides import AGENT, BOTH, CALLER, KEY, SIDES, Said, Transcribe, given
from callgauge.engine.transcription.words import ENGLISH, has_hidden, words_of

BANDS: Final = ((0, 100.0), (3, 80.0), (6, 60.0), (12, 40.0))
"""Up to so many weighed errors give so many points."""
LEAST: Final = 20.0
PER_MINOR: Final = 0.1
"""Points that each minor error takes."""
PER_TURNS: Final = 10
MOST_SHOWN: Final = 100

NO_REFERENCE: Final = Skipped(
    SkipReason.NO_REFERENCE,
    (
        f"There is nothing to compare the transcript with. Send what was said as {KEY} in the call's "
        "metadata, or set CALLGAUGE_STT to have recordings written down.",
    ),
)
COVERED: Final = "Personal data is covered in the recording: in those turns, no word counts as added."
_ROLES: Final = {AGENT: (Role.AGENT,), CALLER: (Role.CALLER,), BOTH: (Role.AGENT, Role.CALLER)}


async def score(call: Call, spec: MetricSpec, transcribe: Transcribe | None) -> Outcome:
    """Numeric. Skipped where there is no reference and nobody who could write one down."""
    wanted = spec.configuration.get("side") or CALLER
    if wanted not in SIDES:
        raise BadConfiguration(f"side in the metric's configuration must be one of {', '.join(SIDES)}.")
    said: Said | Skipped | Failed | None = given(call)
    if said is None:
        said = NO_REFERENCE if transcribe is None else await transcribe()
    if isinstance(said, (Skipped, Failed)):
        return said
    return await asyncio.to_thread(compared, call, said, wanted)


def compared(call: Call, said: Said, wanted: str = CALLER) -> Scored | Skipped:
    """The value is that of the wanted side; where the reference does not tell the sides apart, of both."""
    sides = {side: text for side, text in said.texts.items() if side in (AGENT, CALLER)}
    if wanted == BOTH or not sides:
        sides = {**sides, BOTH: said.texts.get(BOTH) or "\n".join(sides.values())}
    chosen = wanted if wanted in sides else BOTH
    if chosen not in sides or not sides[chosen].strip():
        return Skipped(SkipReason.NO_REFERENCE, (f"The reference has no words of the {wanted}.",))
    language = language_of("\n".join(said.texts.values())).code or call.agent.language[:2]
    found = {side: _side(call, side, text, language) for side, text in sides.items()}
    covered = {at for at, turn in enumerate(call.turns) if has_hidden(turn.text)}
    if covered and said.source != "reference":
        said = replace(said, notes=(*said.notes, COVERED))
        found = {side: _audible(one, covered) for side, one in found.items()}
    if not found[chosen].words:
        return Skipped(SkipReason.NO_REFERENCE, (f"The reference has no words of the {wanted}.",))
    turns = {side: len(_turns(call, side)) for side in found}
    points = {side: _points(one, turns[side]) for side, one in found.items()}
    known = language in ("", ENGLISH)
    return Scored(
        Value(number=points[chosen]),
        tuple(_explained(chosen, found[chosen], turns[chosen], said, language if not known else ENGLISH)),
        low_trust=not known or said.source != "reference",
        extra={
            "source": said.source,
            **({"model": said.model} if said.model else {}),
            "side": chosen,
            "language": language or None,
            "sides": {side: _figures(one, turns[side], points[side]) for side, one in found.items()},
            "alignment": {side: _alignment(call, one.errors) for side, one in found.items()},
            "weights": {kind.value: weight for kind, weight in WEIGHTS.items()},
        },
    )


def _turns(call: Call, side: str) -> list[tuple[int, Turn]]:
    return [
        (at, turn) for at, turn in enumerate(call.turns) if turn.role in _ROLES[side] and turn.text.strip()
    ]


def _side(call: Call, side: str, reference: str, language: str) -> Comparison:
    language = language or ENGLISH
    heard = [word for at, turn in _turns(call, side) for word in words_of(turn.text, language, at)]
    said = [word for line in reference.splitlines() for word in words_of(line, language)]
    return compare(said, heard)


def _audible(found: Comparison, covered: Collection[int]) -> Comparison:
    """Without the errors that may be none: the tone over personal data covers some words beside it too, which
    were said and cannot be heard."""
    kept = [error for error in found.errors if error.reference or error.turn not in covered]
    return replace(found, errors=kept)


def _points(found: Comparison, turns: int) -> float:
    per = PER_TURNS / turns if turns > PER_TURNS else 1.0
    errors = int(found.key_errors * per + 0.5)
    band = next((points for most, points in BANDS if errors <= most), LEAST)
    return round(max(band - PER_MINOR * found.minor_errors * per, 0.0), 1)


def _figures(found: Comparison, turns: int, points: float) -> dict[str, Any]:
    return {
        "points": points,
        "wer": None if found.wer is None else round(found.wer, 4),
        "words": found.words,
        "transcript_words": found.heard_words,
        "hits": found.hits,
        "substitutions": found.substitutions,
        "deletions": found.deletions,
        "insertions": found.insertions,
        "key_errors": found.key_errors,
        "minor_errors": found.minor_errors,
        "turns": turns,
    }


def _alignment(call: Call, errors: Sequence[Error]) -> list[dict[str, Any]]:
    """The words that differ, the weightiest first where there are too many to show."""
    shown = sorted(range(len(errors)), key=lambda at: (-errors[at].weight, at))[:MOST_SHOWN]
    return [
        {
            "reference": error.reference,
            "transcript": error.heard,
            "kind": error.kind.value,
            "weight": error.weight,
            "turn": error.turn,
            "start_secs": None if error.turn is None else call.turns[error.turn].start_secs,
        }
        for error in (errors[at] for at in sorted(shown))
    ]


def _explained(side: str, found: Comparison, turns: int, said: Said, language: str) -> list[str]:
    whose = "Both sides'" if side == BOTH else f"The {side}'s"
    wer = 0.0 if found.wer is None else found.wer
    told = [
        f"{whose} words: {found.key_errors:g} weighed and {found.minor_errors} minor errors in {found.words} "
        f"words over {turns} turns (plain word error rate {100 * wer:.1f} %)."
    ]
    worst = [error for error in found.errors if error.weight][:5]
    if worst:
        told.append(f"For example: {'; '.join(_said(error) for error in worst)}.")
    if side == BOTH and AGENT not in said.texts and CALLER not in said.texts:
        told.append("The reference does not say who speaks, so both sides were compared together.")
    if said.source != "reference":
        told.append(f"Compared with what {said.model} heard in the recording, which may be wrong itself.")
    if language != ENGLISH:
        told.append("Kinds of words are known for English only; here long words count as nouns.")
    return [*told, *said.notes]


def _said(error: Error) -> str:
    if not error.heard:
        return f"“{error.reference}” was left out"
    return f"“{error.reference}” became “{error.heard}”" if error.reference else f"“{error.heard}” was added"
