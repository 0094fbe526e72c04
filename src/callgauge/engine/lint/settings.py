"""Fields that are set and have no effect."""

from __future__ import annotations

from collections.abc import Iterator

from callgauge.domain.metrics import EvalType, MetricKind, Trigger
from callgauge.engine import repeats
from callgauge.engine.faults import BadConfiguration
from callgauge.engine.judged import allowed_values
from callgauge.engine.lint.draft import Advice, Draft


def check(draft: Draft) -> Iterator[Advice]:
    spec = draft.spec
    unused: list[tuple[str, str]] = []
    if spec.trigger is not Trigger.CUSTOM:
        why = "evaluation_trigger is not custom"
        unused += [("evaluation_trigger_prompt", why)] if spec.trigger_prompt.strip() else []
        unused += [("evaluation_trigger_custom_code", why)] if spec.trigger_code.strip() else []
    elif spec.trigger_type == "custom_code" and spec.trigger_prompt.strip():
        unused.append(("evaluation_trigger_prompt", "trigger_type is custom_code"))
    elif spec.trigger_type == "llm_judge" and spec.trigger_code.strip():
        unused.append(("evaluation_trigger_custom_code", "trigger_type is llm_judge"))
    if spec.kind is not MetricKind.CUSTOM_CODE and spec.custom_code.strip():
        unused.append(("custom_code", f"the type is {spec.kind.value}"))
    if spec.eval_type is not EvalType.ENUM and spec.labels:
        unused.append(("enum_values", f"eval_type is {spec.eval_type.value}"))
    for field, why in unused:
        yield Advice("no_effect", field, f"{field} is set and has no effect: {why}.")
    yield from _configuration(draft)


def _configuration(draft: Draft) -> Iterator[Advice]:
    spec = draft.spec
    for read in (repeats.wanted, allowed_values):
        try:
            read(spec)
        except BadConfiguration as error:
            yield Advice("bad_configuration", "configuration", f"{error} The metric will fail on every call.")
    if spec.kind is not MetricKind.LLM_JUDGE and spec.configuration.get("repeats", 1) != 1:
        words = "repeats has no effect: only the questions of judge metrics are asked several times."
        yield Advice("no_effect", "configuration", words)
