"""Hallucination: the question comes with the knowledge base of the agent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callgauge.domain.calls import Call
from callgauge.domain.metrics import EvalType, MetricSpec
from callgauge.domain.outcomes import Skipped, SkipReason
from callgauge.engine.faults import BadConfiguration
from callgauge.engine.fence import Fence
from callgauge.engine.forms.form import Form
from callgauge.engine.knowledge import DEFAULT_TOKENS, knowledge_hash, show
from callgauge.engine.prompt_files import prompt

MIN_TOKENS, MAX_TOKENS = 500, 200_000
WHOLE = "These are all files of the knowledge base."
EXCERPTS = (
    "These are excerpts: those passages of the knowledge base that are closest to what is said in the call. "
    "[…] stands for passages that are left out."
)


def _prepare(call: Call, spec: MetricSpec) -> MetricSpec | Skipped:
    _tokens(spec)
    if call.agent.knowledge:
        return spec
    return Skipped(
        SkipReason.NOT_CONFIGURED,
        (
            "The agent has no knowledge base to check its statements against. Upload files: "
            f"POST /test_framework/v2/aiagents/{call.agent.id}/upload_knowledge_base/.",
        ),
    )


def _tokens(spec: MetricSpec) -> int:
    tokens = spec.configuration.get("knowledge_tokens", DEFAULT_TOKENS)
    if not isinstance(tokens, int) or isinstance(tokens, bool) or not MIN_TOKENS <= tokens <= MAX_TOKENS:
        raise BadConfiguration(
            f"knowledge_tokens in the metric's configuration must be from {MIN_TOKENS} to {MAX_TOKENS}."
        )
    return tokens


def _material(call: Call, spec: MetricSpec, fence: Fence) -> str:
    shown = show(call, _tokens(spec))
    passages = fence.block("knowledge base", shown.text or "(no passage is close to what is said)")
    note = WHOLE if shown.whole else EXCERPTS
    return prompt("knowledge").substitute(note=note, passages=passages).strip()


def _facts(call: Call, _spec: MetricSpec) -> Mapping[str, Any]:
    files = call.agent.knowledge
    return {"knowledge_base": {"files": [one.name for one in files], "content_hash": knowledge_hash(files)}}


FORM = Form(eval_type=EvalType.BINARY, prepare=_prepare, material=_material, facts=_facts)
