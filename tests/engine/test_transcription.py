"""Words compared with a reference: what counts as the same, what an error weighs, and the score of it."""

import asyncio
import json

import jiwer
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callgauge.domain.calls import Role, Turn
from callgauge.domain.metrics import EvalType, MetricKind
from callgauge.domain.outcomes import Failed, FailureCode, Scored, Skipped, SkipReason
from callgauge.engine.evaluate import evaluate_call
from callgauge.engine.faults import BadConfiguration
from callgauge.engine.transcription import accuracy
from callgauge.engine.transcription.compare import compare
from callgauge.engine.transcription.languages import language_of
from callgauge.engine.transcription.sides import Said
from callgauge.engine.transcription.words import Kind, words_of
from tests.engine.calls import AGENT, make_call, make_spec


def texts(text, language="en"):
    return [word.text for word in words_of(text, language)]


def kinds(text, language="en"):
    return {word.text: word.kind.value for word in words_of(text, language)}


# --- what makes no difference ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "heard"),
    [
        ("Hello, HOW are you?!", "hello how are you"),
        ("It's 415-555-0100.", "it is four one five five five five oh one hundred"),
        ("nineteen ninety-nine", "1999"),
        ("two thousand and five", "2005"),
        ("twenty twenty six", "2026"),
        ("one hundred and twenty", "a hundred twenty"),
        ("a hundred kilometres", "100 km"),
        ("five million", "5,000,000"),
        ("double five, triple oh", "5 5 0 0 0"),
        ("three point five per cent", "3.5 per cent"),
        ("the 21st of March", "the twenty-first of March"),
        ("the 2nd floor", "the second floor"),
        ("$20 at 3:00 p.m.", "twenty dollars at three o'clock PM"),
        ("30 secs or 5 mins", "thirty seconds or five minutes"),
        ("10 lbs", "ten pounds"),
        ("Dr. O'Neil, 12 Main Street", "doctor oneil twelve main st"),
        ("We can't, won't and don't", "we cannot will not and do not"),
        ("I'm sure that's John's", "I am sure that is Johns"),
        ("J-O-H-N Smith", "john smith"),
        ("the U.S.A.", "the USA"),
        ("jane.doe@gmail.com.", "jane dot doe at gmail dot com"),
        ("Um, yeah, uh, okay", "yes ok"),
        ("it’s “fine”", "it's fine"),
        ("My name is <PERSON>, call <PHONE_NUMBER>.", "my name is call"),
        ("ﬁve caﬀè", "five caffè"),
        ("٣ ٤", "3 4"),
    ],
)
def test_ways_to_write_the_same_are_the_same(written, heard):
    assert texts(written) == texts(heard)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("fifteen", "fifty"),
        ("4155550100", "4155550101"),
        ("I can", "I can't"),
        ("O'Neil", "Neil"),
        ("three p.m.", "three a.m."),
        ("ten km", "ten miles"),
        ("0", ""),
    ],
)
def test_what_says_something_else_stays_apart(one, other):
    assert texts(one) != texts(other)


def test_a_writing_without_spaces_is_taken_character_by_character():
    assert texts("订桌子2位。", "zh") == ["订", "桌", "子", "2", "位"]
    assert texts("お願い", "ja") == ["お", "願", "い"]
    assert texts("안녕 하세요", "ko") == ["안녕", "하세요"]
    assert texts("मुझे टेबल", "hi") == ["मुझे", "टेबल"], "vowel signs belong to their letters"


@settings(deadline=None)
@given(st.text(max_size=60))
def test_no_text_is_too_odd(text):
    for language in ("en", "de", ""):
        for word in words_of(text, language):
            assert word.text
            assert not any(letter.isspace() for letter in word.text)


# --- kinds -------------------------------------------------------------------------------------------------


def test_words_have_kinds():
    found = kinds("Hello, I would not call Maria quickly: the dentist reserved 2 tables, never 300")
    assert found["maria"] == "name"
    assert found["dentist"] == found["tables"] == "noun"
    assert found["call"] == found["reserved"] == "verb"
    assert found["2"] == found["300"] == "number"
    assert found["not"] == found["never"] == "negation"
    assert found["hello"] == found["i"] == found["quickly"] == found["the"] == "minor"


def test_a_word_that_is_both_is_told_by_the_word_before_it():
    words = words_of("I want to book it. The book is here.")
    assert [word.kind for word in words if word.text == "book"] == [Kind.VERB, Kind.NOUN]


def test_a_capital_is_no_name_at_the_start_of_a_sentence_or_in_shouting():
    assert kinds("Please wait. May I help?")["may"] == "minor"
    assert kinds("Please wait, May Smith")["may"] == "name"
    assert kinds("PLEASE WAIT MAY SMITH")["may"] == "minor"


# --- against jiwer -----------------------------------------------------------------------------------------

SAID = ["the", "table", "friday", "call", "maria", "seven", "not", "quickly", "dentist"]
WORDS = st.lists(st.sampled_from(SAID), max_size=14)


@settings(deadline=None)
@given(WORDS.filter(bool), WORDS)
def test_counts_and_wer_are_those_of_jiwer(reference, heard):
    theirs = jiwer.process_words(" ".join(reference), " ".join(heard))
    ours = compare(words_of(" ".join(reference)), words_of(" ".join(heard)))
    joined = (len(words_of(" ".join(reference))), len(words_of(" ".join(heard))))
    if joined == (len(reference), len(heard)):  # neighbouring numbers become one word
        assert (ours.hits, ours.substitutions, ours.deletions, ours.insertions) == (
            theirs.hits,
            theirs.substitutions,
            theirs.deletions,
            theirs.insertions,
        )
        assert ours.wer == pytest.approx(theirs.wer)


# --- weights -----------------------------------------------------------------------------------------------


def errors(reference, heard, language="en"):
    found = compare(words_of(reference, language), words_of(heard, language, 3))
    return found.key_errors, found.minor_errors


@pytest.mark.parametrize(
    ("reference", "heard", "key", "minor"),
    [
        ("I live with Maria", "I live with Mario", 1.0, 0),
        ("see the dentist", "see the tennis", 1.0, 0),
        ("at seven", "at eleven", 1.0, 0),
        ("I do want it", "I do not want it", 1.0, 0),
        ("I do not want it", "I do want it", 1.0, 0),
        ("yes", "no", 1.0, 0),
        ("they cancelled it", "they confirmed it", 0.5, 0),
        ("in the house", "at the house", 0.0, 1),
        ("a really nice house", "a house", 0.0, 2),
        ("my voicemail", "my voice mail", 0.0, 0),
        ("for José", "for Jose", 0.0, 0),
        ("my dentist and my doctor", "", 2.0, 3),
    ],
)
def test_an_error_weighs_what_its_word_does(reference, heard, key, minor):
    assert errors(reference, heard) == (key, minor)


def test_neighbouring_wrong_characters_are_one_error():
    assert errors("我想订桌子", "我想订房间", "zh") == (1.0, 0)
    assert errors("我想订桌子", "他想订房间", "zh") == (2.0, 0)


# --- the metric --------------------------------------------------------------------------------------------


def spec(**configuration):
    return make_spec(
        EvalType.NUMERIC,
        kind=MetricKind.BUILT_IN,
        built_in="transcription_accuracy",
        configuration=configuration,
    )


def talk(*callers):
    turns = []
    for at, text in enumerate(callers):
        turns.append(Turn(Role.AGENT, f"Question {at}?", 4.0 * at, 4.0 * at + 1))
        turns.append(Turn(Role.CALLER, text, 4.0 * at + 2, 4.0 * at + 3))
    return turns


def measured(reference, turns, transcribe=None, agent=AGENT, **configuration):
    metadata = {} if reference is None else {"reference_transcript": reference}
    call = make_call(turns=tuple(turns), metadata=metadata, agent=agent)
    return asyncio.run(accuracy.score(call, spec(**configuration), transcribe))


def lines(*callers):
    return "\n".join(f"Agent: Question {at}?\nCaller: {text}" for at, text in enumerate(callers))


NOUNS = ["table", "window", "garden", "kitchen", "bottle", "hammer", "pencil", "orange", "castle", "river"]
NOUNS += ["forest", "candle"]


@pytest.mark.parametrize(
    ("wrong", "points"), [(0, 100), (1, 80), (3, 80), (4, 60), (6, 60), (7, 40), (8, 40)]
)
def test_weighed_errors_fall_into_bands(wrong, points):
    said = NOUNS[:8]
    heard = ["elephant" if at < wrong else word for at, word in enumerate(said)]
    outcome = measured(lines(*said), talk(*heard))
    assert outcome.value.number == points
    assert outcome.extra["sides"]["caller"]["key_errors"] == wrong


def test_many_errors_leave_twenty_points():
    outcome = measured(lines(" ".join(NOUNS), "Yes."), talk("elephants " * 13, "Yes."))
    assert outcome.value.number == 20


def test_a_minor_error_takes_a_tenth_of_a_point():
    outcome = measured(lines("It is in the house."), talk("It is on the house."))
    assert outcome.value.number == 99.9


def test_half_an_error_rounds_up():
    outcome = measured(lines("They cancelled it."), talk("They confirmed it."))
    assert outcome.value.number == 80


def test_more_than_ten_turns_are_counted_by_ten():
    said = ["table"] * 40
    heard = ["elephant"] * 4 + ["table"] * 36
    outcome = measured(lines(*said), talk(*heard))
    assert outcome.value.number == 80, "4 errors in 40 turns are one in ten"
    assert outcome.extra["sides"]["caller"]["turns"] == 40


def test_both_sides_are_told_and_what_differs_is_placed():
    outcome = measured(lines("I need a table."), talk("I need a cable."))
    assert outcome.extra["side"] == "caller"
    assert outcome.extra["sides"]["agent"]["wer"] == 0
    assert outcome.extra["sides"]["caller"]["wer"] == 0.25
    (difference,) = outcome.extra["alignment"]["caller"]
    assert difference == {
        "reference": "table",
        "transcript": "cable",
        "kind": "noun",
        "weight": 1.0,
        "turn": 1,
        "start_secs": 2.0,
    }
    assert "“table” became “cable”" in " ".join(outcome.explanation)
    json.dumps(outcome.extra, allow_nan=False)


def test_what_was_left_out_or_added_is_said() -> None:
    words = " ".join(measured(lines("I do not know."), talk("I do know.")).explanation)
    assert "“not” was left out" in words
    words = " ".join(measured(lines("I do know."), talk("I do not know.")).explanation)
    assert "“not” was added" in words


@pytest.mark.parametrize(
    "reference",
    [
        lines("I need a table."),
        {"caller": "I need a table.", "agent": "Question zero?"},
        {"Testing Agent": "I need a table."},
        [{"role": "assistant", "content": "Question 0?"}, {"role": "user", "content": "I need a table."}],
        json.dumps([{"role": "assistant", "content": "Hi"}, {"role": "user", "content": "I need a table."}]),
    ],
)
def test_a_reference_may_come_in_any_shape(reference):
    outcome = measured(reference, talk("I need a table."))
    assert outcome.value.number == 100
    assert outcome.extra["side"] == "caller"


def test_a_reference_without_speakers_is_compared_with_both_sides():
    outcome = measured("Question 0? I need a table.", talk("I need a cable."))
    assert outcome.value.number == 80
    assert outcome.extra["side"] == "both"
    assert "does not say who speaks" in " ".join(outcome.explanation)


def test_the_side_can_be_chosen():
    assert measured(lines("A table."), talk("A cable."), side="agent").value.number == 100
    assert measured(lines("A table."), talk("A cable."), side="both").extra["side"] == "both"
    with pytest.raises(BadConfiguration, match="side"):
        measured(lines("A table."), talk("A cable."), side="left")


def test_a_reference_that_cannot_be_read_fails_and_one_without_that_side_is_skipped():
    for broken in ({"caller": 7}, [7], {"caller": "  "}):
        with pytest.raises(BadConfiguration, match="reference_transcript"):
            measured(broken, talk("A table."))
    outcome = measured({"agent": "Hello"}, talk("A table."))
    assert outcome.reason is SkipReason.NO_REFERENCE


def test_without_a_reference_it_says_what_to_set():
    outcome = measured(None, talk("A table."))
    assert outcome.reason is SkipReason.NO_REFERENCE
    assert "reference_transcript" in outcome.explanation[0]
    assert "CALLGAUGE_STT" in outcome.explanation[0]


def test_what_speech_to_text_heard_is_a_reference_of_low_trust():
    async def transcribe():
        return Said({"agent": "Question zero", "caller": "I need a table"}, "speech_to_text", "openai:some")

    outcome = measured(None, talk("I need a cable."), transcribe)
    assert outcome.value.number == 80
    assert outcome.low_trust
    assert outcome.extra["source"] == "speech_to_text"
    assert outcome.extra["model"] == "openai:some"


def test_why_there_is_no_text_is_the_outcome():
    failed = Failed(FailureCode.RECORDING_UNAVAILABLE, ("Not here.",))

    async def transcribe():
        return failed

    assert measured(None, talk("A table."), transcribe) is failed


def test_other_languages_are_compared_without_kinds_and_said_so():
    said = "Ich möchte am Freitag einen Tisch für zwei Personen reservieren"
    outcome = measured({"caller": said}, talk(said.replace("Freitag", "Montag")))
    assert outcome.value.number == 80
    assert outcome.low_trust
    assert outcome.extra["language"] == "de"


# --- language ----------------------------------------------------------------------------------------------


def languages(caller, agent="How can I help you this morning?"):
    outcomes = {}

    async def save(one, outcome):
        outcomes[one.name] = outcome

    one = make_spec(EvalType.ENUM, kind=MetricKind.BUILT_IN, built_in="language")
    call = make_call(turns=(Turn(Role.AGENT, agent), Turn(Role.CALLER, caller)))
    asyncio.run(evaluate_call(call, [one], ask=None, run_script=None, save=save))
    return outcomes[one.name]


def test_each_side_has_its_language():
    outcome = languages("Ich möchte am Freitag einen Tisch reservieren")
    assert isinstance(outcome, Scored)
    assert outcome.value.label == "de"
    assert outcome.extra["sides"]["agent"]["language"] == "en"
    assert outcome.extra["same"] is False


def test_too_few_words_have_no_language():
    outcome = languages("Okay.")
    assert isinstance(outcome, Skipped)
    assert outcome.reason is SkipReason.NOT_APPLICABLE
    assert outcome.extra["sides"]["agent"]["language"] == "en"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("en", "Could you move my appointment to next week please"),
        ("es", "Buenos días, quisiera cambiar mi cita para la semana que viene"),
        ("fr", "Bonjour, je voudrais réserver une table pour ce soir"),
        ("ja", "予約を変更したいのですが"),
        ("zh", "你好，我想预订明天的位子"),
        ("ar", "مرحبا أريد حجز طاولة لشخصين من فضلك"),
        ("ru", "Здравствуйте, я хотел бы записаться на приём к врачу на следующей неделе, если можно"),
    ],
)
def test_languages_are_recognised(code, text):
    assert language_of(text).code == code
