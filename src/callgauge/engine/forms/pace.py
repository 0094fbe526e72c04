"""Speaking Rate: the judge hears whether the pace is right; how fast it is was measured."""

from __future__ import annotations

from callgauge.audio import Analysis
from callgauge.domain.calls import Call
from callgauge.domain.metrics import EvalType, MetricSpec
from callgauge.domain.outcomes import Scored
from callgauge.engine.forms.form import Form, Measured
from callgauge.engine.heard.speaking import words_per_minute


def _rate(call: Call, spec: MetricSpec, analysis: Analysis) -> Measured:
    """Nothing where it is not sure."""
    found = words_per_minute(call, spec, analysis)
    if not isinstance(found, Scored) or found.low_trust:
        return Measured()
    rate = found.value.number
    text = f"# Measured\n\nThe Main Agent speaks {rate:.0f} words per minute on average."
    return Measured(text, {"words_per_minute": rate})


FORM = Form(eval_type=EvalType.ENUM, measured=_rate)
