"""Several samples of one question: what they give together."""

import pytest

from callgauge.domain.judging import JudgeUnavailable
from callgauge.domain.metrics import EvalType
from callgauge.domain.outcomes import Failed, FailureCode, Scored, Skipped, SkipReason, Usage, Value
from callgauge.engine import repeats
from callgauge.engine.faults import BadConfiguration
from callgauge.engine.repeats import combine
from tests.engine.calls import answered, make_spec
from tests.engine.test_evaluate import run

N_A = Skipped(SkipReason.NOT_APPLICABLE, ("It did not come up.",))
BROKEN = Failed(FailureCode.JUDGE_UNAVAILABLE, ("Gone.",), retryable=True)


def scored(value, **changes):
    kind = "passed" if isinstance(value, bool) else "label" if isinstance(value, str) else "number"
    return Scored(Value(**{kind: value}), (f"Says {value}.",), usage=Usage(1, 10, 0, 5, 0.001), **changes)


@pytest.mark.parametrize(
    ("values", "expected", "agreement"),
    [
        ((True, True, False), True, 2),
        ((False, True, False, False, False), False, 4),
        (("a", "b", "b"), "b", 2),
        (("a", "b", "c", "c", "a", "a", "b"), "a", 3),
    ],
)
def test_the_majority_of_verdicts_and_labels(values, expected, agreement):
    outcome = combine([scored(value) for value in values])
    assert outcome.value.plain == expected
    assert not outcome.low_trust
    assert outcome.explanation == (
        f"Says {expected}.",
        f"{agreement} of {len(values)} samples agree.",
    )
    assert outcome.extra["repeats"] == {
        "asked": len(values),
        "votes": list(values),
        "agreement": agreement,
    }


@pytest.mark.parametrize(
    ("values", "expected", "spread"),
    [((1.0, 5.0, 4.0), 4.0, 4.0), ((3.0, 3.0, 3.0), 3.0, 0.0), ((0.0, 1.0, 2.0, 100.0, 3.0), 2.0, 100.0)],
)
def test_the_median_of_numbers(values, expected, spread):
    outcome = combine([scored(value) for value in values])
    assert outcome.value.plain == expected
    assert outcome.explanation[0] == f"Says {expected}."
    assert outcome.extra["repeats"]["spread"] == spread
    assert outcome.extra["repeats"]["votes"] == list(values)


def test_an_even_number_of_numbers_gives_one_that_a_sample_gave():
    outcome = combine([scored(20.0), N_A, scored(40.0)])
    assert outcome.value.plain == 20.0
    assert outcome.extra["repeats"]["votes"] == [20.0, None, 40.0]


def test_not_applicable_is_a_vote():
    assert combine([N_A, scored(True), N_A]).reason is SkipReason.NOT_APPLICABLE
    assert combine([N_A, scored(5.0), N_A]).reason is SkipReason.NOT_APPLICABLE
    assert combine([scored(True), scored(True), N_A]).value.plain is True


def test_a_tie_takes_the_first_given_and_says_so():
    outcome = combine([scored(False), scored(True), N_A])
    assert outcome.value.plain is False
    assert outcome.low_trust
    assert outcome.explanation[-1] == (
        "The samples tie: fail (1), pass (1), not applicable (1). The first given counts."
    )
    labels = combine([scored("b"), scored("a"), scored("b"), scored("a"), scored("c")])
    assert labels.value.plain == "b"
    assert "b (2), a (2)" in labels.explanation[-1]


def test_a_failed_sample_is_done_without_only_where_it_could_change_nothing():
    kept = combine([scored(True), BROKEN, scored(True)])
    assert kept.value.plain is True
    assert kept.extra["repeats"]["failed"] == ["judge_unavailable"]
    assert kept.extra["repeats"]["votes"] == [True, None, True]

    for samples in ([scored(True), BROKEN, scored(False)], [scored(4.0), scored(4.0), BROKEN]):
        outcome = combine(samples)
        assert isinstance(outcome, Failed)
        assert outcome.retryable
        assert outcome.explanation[-1] == "1 of 3 samples failed."
        assert outcome.usage.requests == 2


def test_the_cost_of_all_samples_counts():
    outcome = combine([scored(True), scored(True), scored(False)])
    assert (outcome.usage.requests, outcome.usage.input_tokens) == (3, 30)
    assert outcome.usage.cost_usd == pytest.approx(0.003)


@pytest.mark.parametrize("count", [0, 2, 4, 10, 11, -1, "3", 3.0, True, None])
def test_counts_that_make_no_sense(count):
    with pytest.raises(BadConfiguration, match="odd number from 1 to 9"):
        repeats.wanted(make_spec(configuration={"repeats": count}))


class Sampled:
    """Answers by sample number and remembers what it was asked."""

    def __init__(self, **answers):
        self.answers = {int(name[1:]): answer for name, answer in answers.items()}
        self.asked = []

    async def __call__(self, spec, request, sample):
        self.asked.append((sample, request.temperature, request.reasks))
        answer = self.answers[sample]
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_each_repeat_has_sample_numbers_of_its_own_and_its_own_re_asks():
    judge = Sampled(s0=answered(True), s100=answered("perhaps"), s101=answered(False), s200=answered(True))
    outcome = run([make_spec(name="Polite", configuration={"repeats": 3})], ask=judge)["Polite"]
    assert outcome.value.plain is True
    assert outcome.extra["repeats"] == {"asked": 3, "votes": [True, False, True], "agreement": 2}
    assert outcome.extra["judge"] == {"attempts": 4, "faults": ["unfit_value"]}
    assert outcome.usage.requests == 4
    assert sorted(judge.asked) == [(0, 0.7, 4), (100, 0.7, 4), (101, 0.7, 3), (200, 0.7, 4)]


def test_one_repeat_is_the_plain_question():
    judge = Sampled(s0=answered(True))
    outcome = run([make_spec(name="Polite", configuration={"repeats": 1})], ask=judge)["Polite"]
    assert "repeats" not in outcome.extra
    assert judge.asked == [(0, 0.0, 4)]


def test_a_failing_sample_of_a_rating_fails_the_result():
    judge = Sampled(s0=answered(3), s100=JudgeUnavailable("Gone."), s200=answered(4))
    spec = make_spec(EvalType.RATING, name="Warm", configuration={"repeats": 3})
    outcome = run([spec], ask=judge)["Warm"]
    assert (outcome.code, outcome.retryable) == (FailureCode.JUDGE_UNAVAILABLE, True)


def test_a_count_that_makes_no_sense_fails_the_metric_alone():
    spec = make_spec(name="Polite", configuration={"repeats": 2})
    outcomes = run([spec, make_spec(name="Other", metric_id=2)], ask=Sampled(s0=answered(True)))
    assert outcomes["Polite"].code is FailureCode.BAD_CONFIGURATION
    assert outcomes["Other"].value.plain is True


def test_what_the_judge_itself_asked_again_is_taken_from_the_same_re_asks():
    unfit = answered("perhaps")
    costly = type(unfit)(unfit.content, unfit.model, Usage(requests=3), attempts=3)
    judge = Sampled(s0=costly, s1=costly)
    outcome = run([make_spec(name="Polite")], ask=judge, reasks=4)["Polite"]
    assert outcome.code is FailureCode.JUDGE_INVALID_ANSWER
    assert [reasks for _, _, reasks in judge.asked] == [4, 1]
