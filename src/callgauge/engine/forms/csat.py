"""CSAT: the judge finds sentiment and cooperation, the formula gives the number."""

from __future__ import annotations

import re
from collections.abc import Mapping
from statistics import fmean
from typing import Final

from callgauge.domain.calls import Call
from callgauge.domain.metrics import EvalType, MetricSpec
from callgauge.domain.outcomes import Value
from callgauge.engine.faults import InvalidAnswer
from callgauge.engine.forms.form import Form, Reading

SENTIMENT: Final[Mapping[str, int]] = {"positive": 5, "neutral": 5, "negative": 1}
COOPERATION: Final[Mapping[str, int]] = {"full": 5, "partial": 3, "none": 1}
PERCENT = 20
"""From a scale of 5 to one of 100."""

_PAIR = re.compile(rf"\W*({'|'.join(SENTIMENT)})\W+(?:and\s+)?({'|'.join(COOPERATION)})\W*", re.IGNORECASE)


def read(raw: object, _call: Call, _spec: MetricSpec) -> Reading:
    """20 to 100: the mean of what the two findings are worth, times 20."""
    found = _PAIR.fullmatch(raw) if isinstance(raw, str) else None
    if found is None:
        raise InvalidAnswer(
            f"The value must be the sentiment ({', '.join(SENTIMENT)}), a comma, and the cooperation "
            f"({', '.join(COOPERATION)}).",
            raw,
        )
    sentiment, cooperation = found[1].lower(), found[2].lower()
    score = fmean((SENTIMENT[sentiment], COOPERATION[cooperation])) * PERCENT
    return Reading(
        Value(number=score),
        (f"Sentiment {sentiment}, cooperation {cooperation}: {score:g} of 100.",),
        {"sentiment": sentiment, "cooperation": cooperation},
    )


FORM = Form(eval_type=EvalType.NUMERIC, value_prompt="value_csat", read=read)
