"""Every kind of metric takes what fits it from a script, and says what it wants of anything else."""

import pytest

from callgauge.domain.metrics import EvalType
from callgauge.engine.script_value import WrongValue, script_value
from tests.engine.calls import make_spec

LABELS = ("Booked", "Not booked")


def value(eval_type, raw):
    return script_value(raw, make_spec(eval_type, labels=LABELS)).plain


@pytest.mark.parametrize(
    ("eval_type", "raw", "wanted"),
    [
        (EvalType.BINARY, True, True),
        (EvalType.BINARY, False, False),
        (EvalType.BINARY, 5, True),
        (EvalType.BINARY, 1.0, True),
        (EvalType.BINARY, 0, False),
        (EvalType.RATING, 0, 0.0),
        (EvalType.RATING, 4.5, 4.5),
        (EvalType.NUMERIC, -17, -17.0),
        (EvalType.ENUM, "Not booked", "Not booked"),
        (EvalType.ENUM, " booked", "Booked"),
    ],
)
def test_what_fits(eval_type, raw, wanted):
    got = value(eval_type, raw)
    assert got == wanted
    assert type(got) is type(wanted)


@pytest.mark.parametrize(
    ("eval_type", "raw", "words"),
    [
        (EvalType.BINARY, 3, "True or False, not 3."),
        (EvalType.BINARY, "yes", "True or False"),
        (EvalType.BINARY, [], "True or False"),
        (EvalType.RATING, 5.1, "from 0 to 5"),
        (EvalType.RATING, True, "from 0 to 5"),
        (EvalType.NUMERIC, "12", "a number"),
        (EvalType.NUMERIC, float("inf"), "a number"),
        (EvalType.ENUM, "Maybe", "Booked, Not booked"),
        (EvalType.ENUM, 1, "Booked, Not booked"),
        (EvalType.ENUM, "x" * 500, "…"),
    ],
)
def test_what_does_not_fit(eval_type, raw, words):
    with pytest.raises(WrongValue) as refused:
        value(eval_type, raw)
    assert words in str(refused.value)
    assert len(str(refused.value)) < 200
