"""What a model writes for people who set up metrics: the request, and what its answer means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, assert_never

from callgauge.domain.calls import stable_hash
from callgauge.domain.judging import JudgeRequest, Message
from callgauge.domain.metrics import EvalType
from callgauge.engine.faults import MissingVariable
from callgauge.engine.fence import MARK_CHARS, Fence
from callgauge.engine.prompt_files import prompt
from callgauge.engine.variables import references


class UnusableText(Exception):
    """The judge answered in the right shape, and nothing of it can be used."""


class WritingKind(StrEnum):
    METRICS = "metrics"
    DESCRIPTION = "description"
    TRIGGER = "trigger"
    SIMPLER = "simpler"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody wants written. Which fields are used depends on the kind."""

    text: str = ""
    """A metric's description or prompt."""
    agent_name: str = ""
    agent_description: str = ""
    eval_type: str = EvalType.BINARY.value
    count: int = 1
    there: tuple[str, ...] = ()
    """Names of the metrics that are there already."""


VALUES = {
    EvalType.BINARY.value: "yes or no (yes is a pass)",
    EvalType.RATING.value: "a rating from 0 (worst) to 5 (best)",
    EvalType.NUMERIC.value: "a number",
    EvalType.ENUM.value: "one of several labels",
}
MAX_NAME = 255
TOKENS_EACH, TOKENS_BESIDE, MAX_TOKENS = 300, 2_000, 16_000
"""Room for an answer: for each metric, for the rest, and at most."""
NOT_SAID = "(nothing is said about it)"


def writing_request(kind: WritingKind, asked: Asked) -> JudgeRequest:
    fence = Fence(stable_hash("writing", kind, asked.text, asked.agent_description)[:MARK_CHARS])
    agent = asked.agent_description.strip()
    words = {
        "agent": fence.block(f"agent {asked.agent_name}", agent) if agent else NOT_SAID,
        "text": fence.block("text", asked.text),
        "there": fence.block("names", "\n".join(asked.there)) if asked.there else "Nothing.",
        "value": VALUES[asked.eval_type],
        "count": str(asked.count),
    }
    return JudgeRequest(
        messages=(
            Message("system", prompt("write_system").template.strip()),
            Message("user", prompt(f"write_{kind.value}").substitute(words).strip()),
        ),
        schema=_schema(kind),
        schema_name=f"write_{kind.value}",
        metric_name=f"write_{kind.value}",
        max_output_tokens=min(MAX_TOKENS, TOKENS_BESIDE + TOKENS_EACH * asked.count),
    )


def read_writing(kind: WritingKind, asked: Asked, answer: Mapping[str, Any]) -> dict[str, Any]:
    """What is shown of an answer. Raises UnusableText where nothing of it can be used."""
    match kind:
        case WritingKind.METRICS:
            return {"metrics": _metrics(asked, answer)}
        case WritingKind.DESCRIPTION:
            return {
                "thinking": _text(answer, "thinking", needed=False),
                "clean_description": _text(answer, "clean_description"),
            }
        case WritingKind.TRIGGER:
            always = answer.get("always") is True
            return {
                "thinking": _text(answer, "thinking", needed=False),
                "evaluation_trigger": "always" if always else "custom",
                "trigger_type": "llm_judge",
                "evaluation_trigger_prompt": "" if always else _text(answer, "evaluation_trigger_prompt"),
            }
        case WritingKind.SIMPLER:
            return _simpler(asked, answer)
        case _:
            assert_never(kind)


def _simpler(asked: Asked, answer: Mapping[str, Any]) -> dict[str, Any]:
    """A text that lost a variable would be asked about something else: then the original stays."""
    simpler = _text(answer, "simplified_prompt")
    skipped = answer.get("unchanged") is True or _variables(simpler) != _variables(asked.text)
    return {
        "original_prompt": asked.text,
        "simplified_prompt": asked.text if skipped else simpler,
        "skipped_simplification": skipped,
    }


def _variables(text: str) -> frozenset[str] | None:
    try:
        return references(text)
    except MissingVariable:
        return None


def _metrics(asked: Asked, answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Those that could be saved as they are, as many as were wanted; names that are taken are left out."""
    taken = {name.casefold() for name in asked.there}
    found: list[dict[str, Any]] = []
    items = answer.get("metrics")
    for item in items if isinstance(items, list) else []:
        metric = _metric(item) if isinstance(item, Mapping) else None
        if metric is not None and metric["name"].casefold() not in taken:
            taken.add(metric["name"].casefold())
            found.append(metric)
    if not found:
        raise UnusableText("The judge gave no metric that could be used.")
    return found[: asked.count]


def _metric(item: Mapping[str, Any]) -> dict[str, Any] | None:
    name, description, eval_type = (item.get(field) for field in ("name", "description", "eval_type"))
    labels = [label.strip() for label in item.get("labels") or () if isinstance(label, str) and label.strip()]
    if not (isinstance(name, str) and name.strip() and isinstance(description, str) and description.strip()):
        return None
    if eval_type not in VALUES or (eval_type == EvalType.ENUM and not labels):
        return None
    return {
        "name": name.strip()[:MAX_NAME],
        "description": description.strip(),
        "type": "llm_judge",
        "eval_type": eval_type,
        "enum_values": list(dict.fromkeys(labels)) if eval_type == EvalType.ENUM else [],
        "evaluation_trigger": "always",
    }


def _text(answer: Mapping[str, Any], name: str, *, needed: bool = True) -> str:
    value = answer.get(name)
    text = value.strip() if isinstance(value, str) else ""
    if needed and not text:
        raise UnusableText(f"The judge left {name} empty.")
    return text


def _schema(kind: WritingKind) -> dict[str, Any]:
    text = {"type": "string"}
    match kind:
        case WritingKind.METRICS:
            metric = _object(
                name=text,
                description=text,
                eval_type={"type": "string", "enum": list(VALUES)},
                labels={"type": "array", "items": text},
            )
            return _object(metrics={"type": "array", "items": metric})
        case WritingKind.DESCRIPTION:
            return _object(thinking=text, clean_description=text)
        case WritingKind.TRIGGER:
            return _object(thinking=text, always={"type": "boolean"}, evaluation_trigger_prompt=text)
        case WritingKind.SIMPLER:
            return _object(unchanged={"type": "boolean"}, simplified_prompt=text)
        case _:
            assert_never(kind)


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
