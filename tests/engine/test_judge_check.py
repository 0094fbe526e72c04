"""The labelled dialogues, and what a check makes of a judge."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from callgauge.domain.judging import JudgeAnswer, JudgeRequest, JudgeUnavailable
from callgauge.domain.metrics import MetricKind
from callgauge.domain.outcomes import Failed, Usage
from callgauge.engine import PREDEFINED
from callgauge.engine.judge_check import (
    METRICS,
    Checked,
    DialogueFault,
    LabelJudge,
    Row,
    cases,
    check,
    dialogues,
    read_dialogues,
    rows_of,
)
from callgauge.engine.judge_check.report import shown


class Answering:
    """A fake judge by a function."""

    scripted = True
    model = "scripted:test"
    cache_min_tokens = None

    def __init__(self, value: Callable[[JudgeRequest], Any]) -> None:
        self.value = value
        self.under_way = self.most = 0

    async def ask(self, request: JudgeRequest) -> JudgeAnswer:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0)
        self.under_way -= 1
        value = self.value(request)
        quote = {"turn": 1, "quote": "this was never said by anybody"}
        content = {"evidence": [quote], "explanation": [], "applicable": value is not None, "value": value}
        return JudgeAnswer(content, self.model, Usage(requests=1, input_tokens=10, cost_usd=0.5))

    async def close(self) -> None: ...


def run(judge: Any, *slugs: str) -> list[Checked]:
    return asyncio.run(check(judge, cases(slugs or METRICS), at_once=4))


def row(judge: Any, slug: str) -> Row:
    (found,) = rows_of(run(judge, slug))
    return found


def test_the_set_is_as_large_as_it_says() -> None:
    assert len(dialogues()) >= 60
    assert len({dialogue.call.call_id for dialogue in dialogues()}) == len(dialogues())
    assert all(dialogue.labels for dialogue in dialogues())


def test_every_predefined_metric_whose_judge_reads_has_dialogues_for_each_kind_of_answer() -> None:
    reading = {one.slug for one in PREDEFINED if one.kind is MetricKind.LLM_JUDGE}
    assert set(METRICS) <= reading
    assert len(METRICS) >= 14
    for slug in METRICS:
        labels = Counter(shown(one.expected) for one in run(LabelJudge(cases([slug])), slug))
        assert sum(labels.values()) >= 5, slug
        assert len(labels) >= 2, (slug, labels)


def test_each_label_is_an_answer_that_the_engine_takes() -> None:
    for one in run(LabelJudge(cases())):
        assert not isinstance(one.expected, Failed), (one.dialogue, one.metric.slug, one.expected)
        assert one.agrees


def test_the_labels_agree_with_themselves() -> None:
    for one in rows_of(run(LabelJudge(cases()))):
        assert one.accuracy.value == one.kappa.value == 1.0
        assert not one.misses


def test_a_judge_that_always_says_the_same_has_a_kappa_of_0() -> None:
    found = row(Answering(lambda _: True), "relevancy")
    assert 0 < found.accuracy.count < found.accuracy.n
    assert found.kappa.value == pytest.approx(0.0)
    assert found.low_trust == found.accuracy.n
    assert found.usage.cost_usd == 0.5 * found.accuracy.n
    assert len(found.misses) == found.accuracy.n - found.accuracy.count


def test_answers_that_cannot_be_had_are_failed_and_not_wrong() -> None:
    def broken(request: JudgeRequest) -> bool:
        if "Leeds" in request.messages[1].text or "this Saturday" in request.messages[1].text:
            raise JudgeUnavailable("away")
        return True

    found = row(Answering(broken), "relevancy")
    assert found.failed == 1
    assert found.accuracy.n == len(cases(["relevancy"])) - 1
    assert "failed (judge_unavailable)" in [shown(miss.given) for miss in found.misses]


def test_a_rating_may_be_half_a_point_off() -> None:
    (one,) = [
        one for one in run(LabelJudge(cases(["verbosity"])), "verbosity") if one.dialogue == "monologue"
    ]
    (near,) = [
        one for one in run(Answering(lambda _: "padded: #3"), "verbosity") if one.dialogue == "monologue"
    ]
    (far,) = [one for one in run(Answering(lambda _: "none"), "verbosity") if one.dialogue == "monologue"]
    assert one.agrees
    assert (near.agrees, far.agrees) == (False, False)


def test_what_a_rule_settles_says_nothing_of_the_judge() -> None:
    text = """# box
ended: voicemail
C: Hello.
= voicemail_detection: true -- The platform says so.
"""
    (dialogue,) = read_dialogues("t.txt", text)
    from callgauge.engine.judge_check import Case

    case = Case(METRICS["voicemail_detection"], dialogue, dialogue.labels["voicemail_detection"])
    judge = Answering(lambda _: False)
    (found,) = rows_of(asyncio.run(check(judge, [case], at_once=1)))
    assert (found.by_rule, found.accuracy.n, judge.most) == (1, 0, 0)


def test_no_more_are_asked_at_once_than_allowed() -> None:
    judge = Answering(lambda _: True)
    asyncio.run(check(judge, cases(["relevancy"]), at_once=3))
    assert judge.most == 3


@pytest.mark.parametrize(
    "line", ["X: hello", "= relevancy: true", "= relevancy true -- why", "colour: red", "A:"]
)
def test_a_line_that_cannot_be_read_is_named(line: str) -> None:
    with pytest.raises(DialogueFault, match=r"t\.txt, line 2"):
        read_dialogues("t.txt", f"# one\n{line}\n")
