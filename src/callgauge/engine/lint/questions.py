"""The wording of what a judge is asked.

These rules know English only: a question in another language gets fewer warnings, never wrong ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from callgauge.domain.metrics import EvalType, MetricKind, Trigger
from callgauge.engine.lint.draft import Advice, Draft

_PLAIN_CHARS = 500
"""A longer question, or one with a list in it, defines its terms: rules about sentences would be noise."""


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_SAYS_WHEN = _any(
    r"\bapplicable\b",
    r"\bn/?a\b",
    r"\b(does|do|did)(n't| not) apply",
    r"\bapplies\b",
    r"\bonly (if|when|where|for)\b",
    r"\b(if|when|where|unless|in case|whenever|once|after|before)\b",
)
_TIMING = _any(
    r"\bhow (long|fast|quickly|soon|slowly)\b(?!-)",
    r"\b(response|reaction|waiting|answer) times?\b",
    r"\b(latenc(y|ies)|delays?|dead air)\b",
    r"\bmilliseconds?\b|\bseconds\b|\d ?(ms|sec|second)\b|\bwords per minute\b",
    r"\btalk(ing)? (ratio|time|share)\b",
    r"\b(long|awkward) (pauses?|silences?)\b",
)
_SOUND = _any(
    r"\btone of voice\b|\bvoice (tone|quality|clarity)\b",
    r"\bsound(s|ed)? (robotic|human|natural|friendly|angry|clear)",
    r"\baccent\b|\bpronunciation\b|\bpronounc\w+|\bpitch of\b|\bvolume\b|\bbackground noise\b",
    r"\bspeaking rate\b|\bspeak(s|ing)? too (fast|slow|slowly|quickly|loud|loudly|quietly)\b",
)
_VERBS = (
    "acknowledge|address|agree|answer|apologi[sz]e|ask|avoid|book|check|collect|confirm|correct|disclose|end"
    "|escalate|explain|follow|gather|get|give|greet|handle|identify|inform|introduce|keep|let|mention|not"
    "|obtain|offer|present|provide|read|recommend|refer|remind|repeat|request|resolve|respond|say|schedule"
    "|send|show|speak|state|stay|suggest|summari[sz]e|tell|thank|transfer|treat|try|update|use|verify|wait"
)
_SECOND_DEMAND = _any(
    rf"\b(and|or|as well as|but)\b,? (also |then |did |does |was |is |were |has |have |the (main )?agent )*"
    rf"({_VERBS})(e?s|e?d|ing)?\b"
)
_SENTENCE = re.compile(r"[^.?!\n]*[.?!\n]|[^.?!\n]+$")
_CONDITION = re.compile(r"\b(?:not applicable|if|when|where|unless|n/a)\b", re.IGNORECASE)
_BAD_DEEDS = "|".join(
    (
        r"fail(s|ed)? to|forg[eo]t\w*|interrupt\w*|talk(s|ed)? over|hallucinat\w+|contradict\w*|ignor\w+",
        r"mislead\w*|misled|made? (something |things |anything )?up|rude\w*|impolite\w*|lie[ds]?\b|refus\w+",
        r"hangs? up|hung up|repeat(s|ed)? (itself|himself|herself|the same)|abrupt\w*|wrong\w*|incorrect\w*",
        r"unnecessar\w+|confus\w+|not (greet|confirm|ask|answer|verify|offer|say|thank)",
    )
)
_YES_IS_BAD = _any(rf"^\W*(did|does|do|has|have|had|was|is|were|are)\b[^.?!]*\b({_BAD_DEEDS})")
_SAYS_VALUE = _any(
    r"\b(value|result|answer|metric) (is|must be|should be)\W{0,3}(false|true|no|yes)\b",
    r"\b(false|fails?|failed) (if|when)\b|\bpass(es)? (if|when)\b",
    r"\b(set|answer|give) (it |the value )?(to )?\W?(false|no|fail)\b",
)
_ANCHOR = _any(r"\b(0|1|2|3|4|5|zero|one|two|three|four|five|best|worst|highest|lowest)\b")
_MEANS = r"\b\W{0,4}(=|is|means|for|if|stands for|:|–|-)?\W{0,3}(the )?"
_UPSIDE_DOWN = _any(
    rf"\b0{_MEANS}(best|perfect|none|no |not at all|excellent|never)",
    rf"\b5{_MEANS}(worst|terrible|severe|(very|extremely) (bad|poor|rude)|constant\w*)",
    rf"\b5{_MEANS}always (rude|late|wrong)",
)


def check(draft: Draft) -> Iterator[Advice]:
    if draft.spec.kind is not MetricKind.LLM_JUDGE:
        return
    field = "prompt" if draft.spec.prompt.strip() else "description"
    yield from _applies(draft, field)
    yield from _not_in_text(draft, field)
    yield from _one_question(draft, field)
    yield from _scale(draft, field)


def _applies(draft: Draft, field: str) -> Iterator[Advice]:
    if draft.spec.trigger is Trigger.ALWAYS and not _SAYS_WHEN.search(draft.question):
        yield Advice(
            "no_not_applicable_rule",
            field,
            "It does not say when the question does not apply. What the judge makes of a call in which it "
            'never comes up is then left to the judge. Add a sentence such as "Not applicable if the caller '
            'asks for nothing.", or set evaluation_trigger to automatic.',
        )


def _not_in_text(draft: Draft, field: str) -> Iterator[Advice]:
    head = draft.question.split("\n\n", 1)[0]  # what follows says what counts, and may rule this out
    timing = _TIMING.search(head)
    if timing:
        yield Advice(
            "timing_asked",
            field,
            f'It asks the judge for time ("{timing[0].strip()}"), which a language model cannot measure. Use '
            "a predefined metric such as Latency, or a Python metric that reads latency_data or the turns' "
            "start_time and end_time.",
        )
    sound = None if draft.hears else _SOUND.search(head)
    if sound:
        yield Advice(
            "sound_asked",
            field,
            f'It asks how something sounded ("{sound[0].strip()}"), and the judge reads the transcript only. '
            "Let it listen (audio_enabled), or use a predefined metric that works on the recording.",
        )


def _one_question(draft: Draft, field: str) -> Iterator[Advice]:
    if draft.spec.eval_type not in (EvalType.BINARY, EvalType.ENUM) or not _is_plain(draft.question):
        return
    questions = draft.question.count("?")
    joined = next(
        (found for one in _SENTENCE.findall(draft.question) if (found := _second_demand(one))), None
    )
    if questions > 1 or joined:
        what = f'("… {joined} …")' if joined else f"({questions} question marks)"
        yield Advice(
            "two_conditions",
            field,
            f"It asks for two things at once {what}. Where only one of them holds, the result does not say "
            "which. Make two metrics, and join them in the rubric.",
        )
    if draft.spec.eval_type is EvalType.BINARY and yes_is_bad(draft.question) and not draft.rules:
        yield Advice(
            "yes_means_bad",
            field,
            "A yes seems to be bad news here, and yes counts as passed. Ask for what is good, say that the "
            "value is false if it happens, or have the rubric ask for false.",
        )


def yes_is_bad(question: str) -> bool:
    """True for "Did the agent interrupt?", unless the question itself says which value that gives."""
    return bool(_YES_IS_BAD.search(question)) and not _SAYS_VALUE.search(question)


def _second_demand(sentence: str) -> str | None:
    demand = _CONDITION.split(sentence, 1)[0]
    found = _SECOND_DEMAND.search(demand)
    return found[0] if found else None


def _scale(draft: Draft, field: str) -> Iterator[Advice]:
    spec = draft.spec
    if spec.eval_type is EvalType.RATING and not spec.built_in:
        if _UPSIDE_DOWN.search(draft.question):
            yield Advice(
                "scale_upside_down",
                field,
                "It makes 5 the worst or 0 the best, and the judge is told that 5 is the best. Turn the "
                "scale round, or use eval_type numeric.",
            )
        elif not _ANCHOR.search(draft.question):
            yield Advice(
                "scale_not_described",
                field,
                "It does not say what a 5, a 3 and a 0 look like. Answers will drift between models and "
                "between calls. Describe at least both ends of the scale.",
            )
    if spec.eval_type is EvalType.ENUM and not spec.built_in:
        asked = draft.question.casefold()
        silent = [label for label in spec.labels if label.strip().casefold() not in asked]
        if silent and len(spec.labels) > 1:
            yield Advice(
                "labels_not_described",
                field,
                f"It does not say when to give {_listed(silent)}. The judge sees the labels, not what "
                "you mean by them.",
            )


def _is_plain(question: str) -> bool:
    return len(question) <= _PLAIN_CHARS and not re.search(r"^\s*([-*•]|\d+[.)])\s", question, re.MULTILINE)


def _listed(names: list[str]) -> str:
    shown = ", ".join(f'"{name}"' for name in names[:4])
    return shown if len(names) <= 4 else f"{shown} and {len(names) - 4} others"
