"""Expected Outcome: only for calls that bring along what was expected of them."""

from __future__ import annotations

from callgauge.domain.calls import Call
from callgauge.domain.metrics import EvalType, MetricSpec
from callgauge.domain.outcomes import Skipped, SkipReason
from callgauge.engine.forms.form import Form

KEY = "expected_outcome"


def _prepare(call: Call, spec: MetricSpec) -> MetricSpec | Skipped:
    expected = call.metadata.get(KEY)
    if isinstance(expected, str) and expected.strip():
        return spec
    return Skipped(
        SkipReason.NOT_APPLICABLE,
        (
            "This metric needs a simulated call whose scenario says what outcome is expected. "
            f"Send it as {KEY} in the call's metadata.",
        ),
    )


FORM = Form(eval_type=EvalType.ENUM, prepare=_prepare)
