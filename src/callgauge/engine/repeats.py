"""One question asked several times: what the samples agree on, and how far apart they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import median_low
from typing import Any, Final

from callgauge.domain.metrics import MetricSpec
from callgauge.domain.outcomes import Failed, Outcome, Scored, Skipped, Usage
from callgauge.engine.faults import BadConfiguration

MOST: Final = 9
STRIDE: Final = 100
"""Sample numbers kept for the re-asks of one repeat."""
TEMPERATURE: Final = 0.7
"""At 0 a model would repeat itself, and agreement would mean nothing. As in Wang et al. 2022,
"Self-Consistency Improves Chain of Thought Reasoning", whose samples are drawn at 0.5 to 0.7."""
NOT_APPLICABLE: Final = "not applicable"

Vote = bool | float | str | None
"""A sample's value; None where it found that the question does not apply, or failed."""


def wanted(spec: MetricSpec) -> int:
    """`configuration.repeats`: how often the metric's question is asked. Raises BadConfiguration."""
    count: object = spec.configuration.get("repeats", 1)
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST or count % 2 == 0:
        raise BadConfiguration(
            f"repeats in the metric's configuration must be an odd number from 1 to {MOST}."
        )
    return count


def combine(samples: Sequence[Outcome]) -> Outcome:
    """The majority of verdicts and labels, the median of numbers. Samples are in the order of their numbers.

    "Not applicable" is a vote like any other. Of values that tie, the one that was given first is taken, and
    the result is of low trust. A sample that failed can be done without only where the others decide the
    matter by themselves: more than half of all samples agree. A median needs every sample.
    """
    failed = [sample for sample in samples if isinstance(sample, Failed)]
    if failed and not _decided_without(samples):
        return _told(failed[0], samples, f"{len(failed)} of {len(samples)} samples failed.")
    applies = [sample for sample in samples if isinstance(sample, Scored)]
    skipped = [sample for sample in samples if isinstance(sample, Skipped)]
    if len(skipped) > len(applies) or not _are_numbers(applies):
        return _majority(samples)
    return _median(samples, applies)


def _decided_without(samples: Sequence[Outcome]) -> bool:
    scored = [sample for sample in samples if isinstance(sample, Scored)]
    answered = [sample for sample in samples if not isinstance(sample, Failed)]
    most = max(Counter(map(_key, answered)).values(), default=0)
    skips = len(answered) - len(scored)
    return skips > len(samples) / 2 or (not _are_numbers(scored) and most > len(samples) / 2)


def _majority(samples: Sequence[Outcome]) -> Outcome:
    answered = [sample for sample in samples if not isinstance(sample, Failed)]
    counts = Counter(map(_key, answered))
    most = max(counts.values())
    leaders = [value for value, count in counts.items() if count == most]  # in the order of first mention
    chosen = next(sample for sample in answered if _key(sample) == leaders[0])
    if len(leaders) == 1:
        return _told(chosen, samples, f"{most} of {len(samples)} samples agree.", agreement=most)
    tied = ", ".join(f"{_shown(value)} ({most})" for value in leaders)
    told = _told(chosen, samples, f"The samples tie: {tied}. The first given counts.", agreement=most)
    return replace(told, low_trust=True) if isinstance(told, Scored) else told


def _median(samples: Sequence[Outcome], applies: Sequence[Scored]) -> Outcome:
    """The lower middle one where their number is even: always a value that a sample gave."""
    numbers = [sample.value.number or 0.0 for sample in applies]
    middle = median_low(numbers)
    chosen = next(sample for sample in applies if (sample.value.number or 0.0) == middle)
    words = f"The median of {len(numbers)} samples, from {min(numbers):g} to {max(numbers):g}."
    spread = max(numbers) - min(numbers)
    return _told(chosen, samples, words, agreement=numbers.count(middle), spread=spread)


def _told(chosen: Outcome, samples: Sequence[Outcome], words: str, **figures: float) -> Outcome:
    """The chosen sample's outcome, with the votes of all and what all of them cost."""
    usage = sum((sample.usage for sample in samples), Usage())
    repeats: dict[str, Any] = {"asked": len(samples), "votes": [_vote(sample) for sample in samples]}
    faults = [sample.code.value for sample in samples if isinstance(sample, Failed)]
    extra = {**chosen.extra, "repeats": {**repeats, **figures, **({"failed": faults} if faults else {})}}
    extra["judge"] = _all_tries(samples)
    return replace(chosen, explanation=(*chosen.explanation, words), usage=usage, extra=extra)


def _all_tries(samples: Sequence[Outcome]) -> Mapping[str, Any]:
    tries = [sample.extra.get("judge", {}) for sample in samples]
    return {
        "attempts": sum(one.get("attempts", 0) for one in tries),
        "faults": [fault for one in tries for fault in one.get("faults", ())],
    }


def _are_numbers(applies: Sequence[Scored]) -> bool:
    return bool(applies) and all(sample.value.number is not None for sample in applies)


def _vote(sample: Outcome) -> Vote:
    return sample.value.plain if isinstance(sample, Scored) else None


def _key(sample: Outcome) -> tuple[str, Vote]:
    """Skips of one reason are one vote; True and 1 are two."""
    if isinstance(sample, Skipped):
        return (NOT_APPLICABLE, None)
    vote = _vote(sample)
    return (type(vote).__name__, vote)


def _shown(key: tuple[str, Vote]) -> str:
    kind, vote = key
    if kind == NOT_APPLICABLE:
        return NOT_APPLICABLE
    return ("pass" if vote else "fail") if isinstance(vote, bool) else str(vote)
