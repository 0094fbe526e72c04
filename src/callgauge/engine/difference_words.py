"""A difference in a sentence or two, which claims no more than the figures carry."""

from __future__ import annotations

from collections.abc import Sequence

from callgauge.domain.metrics import EvalType
from callgauge.engine.difference import SURE, MetricDifference, Noise, People
from callgauge.engine.statistics import MIN_CASES, Interval, Kappa


def metric_words(found: MetricDifference) -> str:
    """What happened to one metric."""
    parts = [
        _flips(found),
        _unchanged(found),
        _applicability(found),
        _failures(found),
        _people(found.people),
        _noise(found),
    ]
    return " ".join(part for part in parts if part)


def summary_words(named: Sequence[tuple[str, MetricDifference]], *, reused: int = 0) -> str:
    """On top of all: the metric that changed most, and how many others did."""
    measured = [(name, one) for name, one in named if one.n or one.new or one.became_applicable]
    if not measured:
        if reused:
            return f"Nothing was measured again: all {reused:,} results are current."
        return "There is nothing to compare: no call was measured both times."
    changed = [(name, one) for name, one in measured if one.flipped]
    if not any(one.n or one.became_applicable for _, one in measured):
        return "There is nothing to compare: the calls were measured for the first time."
    if not changed:
        calls = max(one.n for _, one in measured)
        what = f"{len(measured)} metrics" if len(measured) > 1 else f"“{measured[0][0]}”"
        words = f"No result is another than before: {what} on {calls:,} calls."
        return " ".join(part for part in (words, _people(measured[0][1].people)) if part)
    changed.sort(key=lambda item: (item[1].unchanged, _p(item[1]), -len(item[1].flipped)))
    name, most = changed[0]
    if len(measured) == 1:
        return metric_words(most)
    rest = len(changed) - 1
    others = f" {rest} other {'metric' if rest == 1 else 'metrics'} changed too." if rest else ""
    head = f"The results of {len(changed)} of {len(measured)} metrics changed."
    return f"{head} “{name}”: {metric_words(most)}{others}"


def _p(found: MetricDifference) -> float:
    p_value = found.p_adjusted if found.p_adjusted is not None else found.p_value
    return 1.0 if p_value is None else p_value


def _flips(found: MetricDifference) -> str:
    if not found.n:
        calls = "1 call was" if found.new == 1 else f"{found.new:,} calls were"
        return f"{calls} measured for the first time." if found.new else ""
    if found.eval_type in (EvalType.RATING, EvalType.NUMERIC):
        return _numbers(found)
    count, table = found.flips.count, found.table
    if not count:
        return f"None of {found.n:,} calls flipped."
    to = ""
    if table is not None:
        to = ", " + " and ".join(
            f"{number:,} to {word}"
            for number, word in ((table.lost, "fail"), (table.gained, "pass"))
            if number
        )
    words = f"{count:,} of {found.n:,} calls flipped{to} ({_test(found, 'McNemar')})."
    if found.change_interval is not None and found.before is not None and found.after is not None:
        words += (
            f" The pass rate went from {_percent(found.before.value)} to {_percent(found.after.value)}, "
            f"interval of the change {_points(found.change_interval)} points."
        )
    return words


def _unchanged(found: MetricDifference) -> str:
    if not (found.unchanged and found.flips.count):
        return ""
    return "Nothing that it depends on has changed: that is how far it differs by itself."


def _numbers(found: MetricDifference) -> str:
    numbers = found.numbers
    if numbers is None or numbers.before is None or numbers.after is None:
        return ""
    moved = f"{found.flips.count:,} of {found.n:,} calls got another value"
    mean = f"the mean went from {numbers.before:.4g} to {numbers.after:.4g}"
    if numbers.interval is not None:
        mean += f", interval of the change {_signed(numbers.interval, 3)}"
    return f"{moved}; {mean} ({_test(found, 'paired t test')})."


def _test(found: MetricDifference, name: str) -> str:
    if found.p_value is None:
        return "too few to test"
    adjusted = found.p_adjusted if found.metrics_at_once > 1 else None
    p_value = found.p_value if adjusted is None else adjusted
    verdict = "hardly chance" if p_value < SURE else "could be chance"
    holm = f", adjusted for {found.metrics_at_once} metrics" if adjusted is not None else ""
    shown = "p < 0.001" if p_value < 0.001 else f"p = {p_value:.2g}"
    return f"{name} {shown}{holm}: {verdict}"


def _applicability(found: MetricDifference) -> str:
    gone, came = found.became_inapplicable, found.became_applicable
    if gone and came:
        return f"It does not apply to {gone:,} calls any more, and does to {came:,} now."
    if gone:
        return f"It does not apply to {gone:,} calls any more."
    return f"It applies to {came:,} calls now to which it did not." if came else ""


def _failures(found: MetricDifference) -> str:
    return f"{found.failed_after:,} calls could not be measured." if found.failed_after else ""


def _people(people: People | None) -> str:
    if people is None:
        return "No person has judged any of these calls, so nobody knows which version is right."
    counts = f"{people.right_before} were right before and {people.right_after} are now"
    change = people.kappa
    if change is None or change.change is None or people.n < MIN_CASES or change.interval is None:
        few = ": too few to say" if people.n < MIN_CASES else ""
        return f"Of {people.n} reviewed calls {counts}{few}."
    if change.interval.low > 0:
        verdict = "it agrees better with people"
    elif change.interval.high < 0:
        verdict = "it agrees worse with people"
    else:
        verdict = "too few to say"
    return (
        f"On {people.n} reviewed calls kappa went from {_kappa(change.before)} to {_kappa(change.after)}, "
        f"interval of the change {_signed(change.interval, 2)}: {verdict}."
    )


def noise_words(noise: Noise | None, ending: str = ".") -> str:
    """How often the judge contradicts itself; empty where nobody measured it."""
    if noise is None or noise.flips.value is None:
        return ""
    return f"The judge alone flips {_percent(noise.flips.value)} ({_judged(noise)}){ending}"


def _noise(found: MetricDifference) -> str:
    within = found.within_noise and found.flips.count
    return noise_words(found.noise, ": this difference lies within it." if within else ".")


def _judged(noise: Noise) -> str:
    return f"{noise.calls:,} calls judged {'twice' if noise.answers == 2 * noise.calls else 'several times'}"


def _kappa(found: Kappa) -> str:
    return "undefined" if found.value is None else f"{found.value:.2f}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.3g} %"


def _points(interval: Interval) -> str:
    return f"{100 * interval.low:+.1f} to {100 * interval.high:+.1f}"


def _signed(interval: Interval, places: int) -> str:
    return f"{interval.low:+.{places}f} to {interval.high:+.{places}f}"
