"""Before and after a rerun: what each metric gave, which calls flipped, what people's reviews kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

SKIPPED, FAILED = "n/a", "failed"


@dataclass(frozen=True, slots=True)
class Reading:
    """One metric on one call: what counts, and what the machine said where a person said otherwise."""

    metric: str
    eval_type: str
    shown: str
    number: float | None
    machine: str
    judge: str
    """The model that judged; empty for a metric by rule."""
    why: str


@dataclass(frozen=True, slots=True)
class Seen:
    """One call as the API shows it."""

    call_id: str
    agent: str
    success: bool | None
    reviewed: bool
    readings: Mapping[str, Reading]
    outcomes: Mapping[str, int]


def seen(call: Mapping[str, Any]) -> Seen:
    """From a row of the call log list."""
    rows = call["evaluation"]["metrics"]
    return Seen(
        call_id=call["call_id"],
        agent=call["agent_name"],
        success=call["success"],
        reviewed=call["is_reviewed"],
        readings={row["name"]: _reading(row) for row in rows},
        outcomes=Counter(row["extra"]["outcome"] for row in rows),
    )


def is_pending(call: Mapping[str, Any]) -> bool:
    """Whether the call waits for its evaluation, or shows results that a rerun will replace."""
    rows = call["evaluation"]["metrics"]
    return call["status"] == "evaluating" or any(row["extra"].get("superseded") for row in rows)


def _reading(row: Mapping[str, Any]) -> Reading:
    extra = row["extra"]
    machine = {**row, **extra["machine"], "value": extra["machine"]["enum"]} if "machine" in extra else row
    explanation = machine["explanation"]
    return Reading(
        metric=row["name"],
        eval_type=row["eval_type"],
        shown=_shown(row, extra["outcome"]),
        number=row["score"],
        machine=_shown(machine, machine.get("outcome", extra["outcome"])),
        judge=extra["judge_model"] or "",
        why=explanation[0] if explanation else "",
    )


def _shown(row: Mapping[str, Any], outcome: str) -> str:
    if outcome != "scored":
        return SKIPPED if outcome == "skipped" else FAILED
    if row["eval_type"] == "binary":
        return "pass" if row["passed"] else "fail"
    return str(row["enum"]) if row["eval_type"] == "enum" else f"{row['score']:,.4g}"


# --- tables ----------------------------------------------------------------------------------------------


def metric_table(before: Sequence[Seen], after: Sequence[Seen], names: Iterable[str], changed: str) -> Table:
    table = Table(title=f"Every metric, before and after the rerun ({judges(after)})", title_justify="left")
    for heading in ("metric", "before", "after"):
        table.add_column(heading)
    table.add_column("flipped", justify="right", no_wrap=True)
    for name in names:
        label = Text(name) + (Text(" (changed)", style="bold") if name == changed else Text(""))
        flipped = len(flips(before, after, name))
        table.add_row(label, _summary(before, name), _summary(after, name), f"{flipped} calls")
    table.add_section()
    flipped = sum(one.success != other.success for one, other in zip(before, after, strict=True))
    table.add_row("Call succeeds (rubric)", _successes(before), _successes(after), f"{flipped} calls")
    return table


def judges(calls: Iterable[Seen]) -> str:
    """Who judged, as the results say; a scripted judge names itself so."""
    models = sorted({reading.judge for call in calls for reading in call.readings.values() if reading.judge})
    return f"judge: {', '.join(models)}" if models else "no judge"


def flips(before: Sequence[Seen], after: Sequence[Seen], name: str) -> list[tuple[Seen, Seen]]:
    """Calls for which a metric counts as something else now."""
    pairs = zip(before, after, strict=True)
    return [(one, other) for one, other in pairs if _value(one, name) != _value(other, name)]


def flip_table(before: Sequence[Seen], after: Sequence[Seen], name: str) -> Table:
    table = Table(title=f"Calls that flipped: {name} ({judges(after)})", title_justify="left")
    table.add_column("call", no_wrap=True)
    table.add_column("now", no_wrap=True)
    table.add_column("call succeeds")
    table.add_column("reason now", ratio=1)
    for one, other in flips(before, after, name):
        table.add_row(
            f"{one.call_id} {one.agent}",
            _arrow(_value(one, name), _value(other, name)),
            _arrow(_verdict(one), _verdict(other)),
            other.readings[name].why,
            end_section=True,
        )
    return table


def review_table(before: Sequence[Seen], after: Sequence[Seen], name: str, said: Mapping[str, str]) -> Table:
    table = Table(title=f"Reviewed calls kept: {name}, as the person said", title_justify="left")
    table.add_column("call", no_wrap=True)
    table.add_column("person", no_wrap=True)
    table.add_column("judge", no_wrap=True)
    table.add_column("call succeeds")
    table.add_column("their note", ratio=1)
    for one, other in zip(before, after, strict=True):
        if other.reviewed:
            judge = _arrow(one.readings[name].machine, other.readings[name].machine)
            kept = f"{_verdict(other)}, {'kept' if one.success == other.success else 'NOT kept'}"
            row = (f"{one.call_id} {one.agent}", _value(other, name), judge, kept)
            table.add_row(*row, said.get(one.call_id, ""), end_section=True)
    return table


def _value(call: Seen, name: str) -> str:
    return call.readings[name].shown if name in call.readings else "none"


def _verdict(call: Seen) -> str:
    return {True: "yes", False: "no", None: "unknown"}[call.success]


def _arrow(before: str, after: str) -> str:
    return f"{before} → {after}" if before != after else f"{after}, as before"


def _successes(calls: Sequence[Seen]) -> str:
    return f"{sum(call.success is True for call in calls)} of {len(calls)}"


def _summary(calls: Sequence[Seen], name: str) -> str:
    readings = [call.readings[name] for call in calls if name in call.readings]
    scored = [reading for reading in readings if reading.shown not in {SKIPPED, FAILED}]
    if not scored:
        return SKIPPED
    kinds = Counter(reading.shown for reading in scored)
    match scored[0].eval_type:
        case "binary":
            text = f"{kinds['pass']} of {len(scored)} pass"
        case "enum":
            text = ", ".join(f"{count} {label}" for label, count in kinds.most_common())
        case kind:
            numbers = [reading.number for reading in scored if reading.number is not None]
            mean = sum(numbers) / len(numbers)
            text = f"mean {mean:.2f} of 5" if kind == "continuous_qualitative" else f"mean {mean:,.4g}"
    failed = sum(reading.shown == FAILED for reading in readings)
    return f"{text}, {failed} failed" if failed else text
