"""Judge metrics with a form of their own, by the name that a version has in `built_in` (the wire's
`function_name`). A new one is one file, and one line below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from callgauge.domain.calls import Call
from callgauge.domain.metrics import MetricKind, MetricSpec, Trigger
from callgauge.domain.outcomes import Scored, Skipped
from callgauge.engine.faults import BadConfiguration
from callgauge.engine.forms import (
    csat,
    expected_outcome,
    hallucination,
    humanness,
    nodes,
    pace,
    pronunciation,
    repetition,
    verbosity,
    voicemail,
)
from callgauge.engine.forms.form import Form, Reading

__all__ = ["FORMS", "NEED_KNOWLEDGE", "Form", "Reading", "form_of", "prepared"]

FORMS: Final[Mapping[str, Form]] = {
    "csat": csat.FORM,
    "dropoff_node": nodes.DROPOFF,
    "expected_outcome": expected_outcome.FORM,
    "hallucination": hallucination.FORM,
    "humanness": humanness.FORM,
    "pronunciation_check": pronunciation.FORM,
    "speaking_rate": pace.FORM,
    "topic_of_call": nodes.TOPIC,
    "unnecessary_repetition_count": repetition.COUNT,
    "unnecessary_repetition_score": repetition.SCORE,
    "verbosity": verbosity.FORM,
    "voicemail_detection": voicemail.FORM,
}

NEED_KNOWLEDGE: Final = frozenset({"hallucination"})
"""Those that read the agent's knowledge base, which is loaded for no others."""


def form_of(spec: MetricSpec) -> Form | None:
    """None for a judge metric that is asked like any other. Raises BadConfiguration."""
    if not spec.built_in or spec.kind is not MetricKind.LLM_JUDGE:
        return None
    form = FORMS.get(spec.built_in)
    if form is None:
        raise BadConfiguration(f'There is no judge metric of the form "{spec.built_in}".')
    if spec.eval_type is not form.eval_type:
        raise BadConfiguration(
            f"This predefined metric gives a value of the kind {form.eval_type.value}; set its eval_type so."
        )
    return form


def prepared(call: Call, spec: MetricSpec) -> MetricSpec | Scored | Skipped:
    """The metric as it is asked of this call, or what is known without asking. Raises BadConfiguration."""
    form = form_of(spec)
    if form is None:
        return spec
    found = form.prepare(call, spec)
    by_sentence = spec.trigger is Trigger.CUSTOM and spec.trigger_type == "llm_judge"
    # The sentence of a custom trigger goes along with the question: only the judge can say whether it holds.
    return spec if isinstance(found, Scored) and by_sentence else found
