"""Variables in double braces: those that do not exist, and those that are declared and not used."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches

from callgauge.domain.metrics import MetricKind, Trigger
from callgauge.engine.faults import MissingVariable
from callgauge.engine.lint.draft import Advice, Draft
from callgauge.engine.variables import BUILT_IN, OPEN, references

_REFERENCE = re.compile(r"\{\{[^{}]*\}\}")
_SINGLE = re.compile(r"(?<!\{)\{\s*(?:[A-Za-z_]\w*)(?:\.[\w.]+|\[[^\]{}]*\])*\s*\}(?!\})")
_HALF = re.compile(r"\{\{|\}\}")
_KNOWN = (*BUILT_IN, *OPEN)


def check(draft: Draft) -> Iterator[Advice]:
    for field, template in _templates(draft):
        yield from _in_template(field, template)
    yield from _unused(draft)


def _templates(draft: Draft) -> Iterator[tuple[str, str]]:
    spec = draft.spec
    if spec.kind is MetricKind.LLM_JUDGE:
        yield ("prompt" if spec.prompt.strip() else "description"), draft.question
    if spec.trigger is Trigger.CUSTOM and spec.trigger_type == "llm_judge":
        yield "evaluation_trigger_prompt", spec.trigger_prompt


def _in_template(field: str, template: str) -> Iterator[Advice]:
    for name in sorted(unknown_variables(template)):
        yield Advice(
            "unknown_variable",
            field,
            f"There is no variable {{{{{name}}}}}, so the metric will fail on every call.{_hint(name)}",
        )
    rest = _REFERENCE.sub("", template)
    single = _SINGLE.search(rest)
    if single and single[0].strip("{} ").split(".")[0].split("[")[0] in {
        name.split(".")[0] for name in _KNOWN
    }:
        yield Advice(
            "single_braces",
            field,
            f"{single[0]} has single braces, so the judge reads it as it stands. A variable has two: "
            f"{{{single[0]}}}.",
        )
    if _HALF.search(rest):
        yield Advice(
            "unclosed_braces", field, "Double braces are opened or closed only once: no variable is read."
        )


def unknown_variables(template: str) -> set[str]:
    """Names that no call can have, whatever metadata it brings."""
    unknown = set()
    for found in _REFERENCE.findall(template):
        try:
            (name,) = references(found)
        except MissingVariable as error:
            unknown.add(error.name)
        else:
            if name not in BUILT_IN and name.partition(".")[0] not in OPEN:
                unknown.add(name)
    return unknown


def _hint(name: str) -> str:
    folded = {known.casefold(): known for known in _KNOWN}
    if name.casefold() in folded:
        return f" Names are case-sensitive: write {{{{{folded[name.casefold()]}}}}}."
    close = get_close_matches(name.casefold(), folded, n=1, cutoff=0.75)
    if close:
        return f" Did you mean {{{{{folded[close[0]]}}}}}?"
    if "." not in name:
        return f" If calls bring it along, write {{{{metadata.{name}}}}} or {{{{dynamic_variables.{name}}}}}."
    return f" There are {', '.join(_KNOWN)}."


def _unused(draft: Draft) -> Iterator[Advice]:
    used: set[str] = set()
    for _, template in _templates(draft):
        for found in _REFERENCE.findall(template):
            used.add(found.strip("{} "))
    unused = [name for name in draft.declared_variables if name.strip("{} ") not in used]
    if unused:
        names = ", ".join(unused[:5])
        yield Advice(
            "unused_variable",
            "metric_description_variables",
            f"These variables are declared and stand nowhere in the description: {names}.",
        )
