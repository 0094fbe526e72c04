"""Where in the recording something is said: by words with times, by the turn, or nowhere."""

from __future__ import annotations

import pytest

from callgauge.domain.calls import Role, Turn
from callgauge.formats import word_times
from callgauge.pii import Field, Hidden, merged, place
from callgauge.pii.placing import CHARS_A_SEC, TURN_MARGIN_SECS, TURN_MARGIN_SHARE, WORD_MARGIN_SECS

TEXT = "My number is four one five."
PLACE = (TEXT.index("four"), len(TEXT) - 1)


def hidden(turn: int = 0) -> Hidden:
    return Hidden(turn, *PLACE, Field.PHONE_NUMBER)


def words(start: float, *said: str) -> list[dict[str, object]]:
    """One each second, half a second long."""
    return [{"word": word, "start": start + n, "end": start + n + 0.5} for n, word in enumerate(said)]


def test_word_times_are_found_in_whatever_shape() -> None:
    raw = {
        "call": {
            "transcript_object": [
                {
                    "role": "user",
                    "content": TEXT,
                    "words": words(10, *["My", "number", "is", "four", "one", "five."]),
                },
                {"role": "agent", "words": [{"word": "x", "start": True, "end": 2}, {"start": 1, "end": 2}]},
            ]
        },
        "alternatives": [{"punctuated_word": "Hi,", "word": "hi", "start": 1.5, "end": 1.9}],
    }
    found = word_times(raw)
    assert [(word.text, word.start_secs) for word in found][:2] == [("Hi,", 1.5), ("My", 10.0)]
    assert len(found) == 7


def test_words_with_times_place_it_exactly() -> None:
    turns = [Turn(Role.CALLER, TEXT, 10.0, 16.0)]
    timed = word_times(words(10, *TEXT.split()))
    placed = place(turns, [hidden()], timed)
    assert placed.spans == ((13.0 - WORD_MARGIN_SECS, 15.5 + WORD_MARGIN_SECS),)
    assert placed.unplaced == 0


def test_words_that_are_not_all_there_do_not_place_it() -> None:
    turns = [Turn(Role.CALLER, TEXT, 10.0, 16.0)]
    timed = word_times(words(10, "My", "number", "is", "four"))
    assert place(turns, [hidden()], timed) == place(turns, [hidden()], [])


def test_a_turn_places_it_by_its_share_with_a_margin() -> None:
    turns = [Turn(Role.CALLER, TEXT, 10.0, 16.0)]
    ((start, end),) = place(turns, [hidden()], []).spans
    margin = TURN_MARGIN_SECS + TURN_MARGIN_SHARE * 6
    assert start == pytest.approx(10 + 6 * PLACE[0] / len(TEXT) - margin, abs=0.001)
    assert end == 16.4  # the turn's end and a little


def test_a_turn_without_an_end_lasts_until_the_next_or_as_long_as_its_words_take() -> None:
    alone = [Turn(Role.CALLER, TEXT, 10.0)]
    ((_, end),) = place(alone, [hidden()], []).spans
    assert end == pytest.approx(10 + len(TEXT) / CHARS_A_SEC + 1 + 0.4, abs=0.5)
    followed = [*alone, Turn(Role.AGENT, "Thanks.", 30.0)]
    ((_, later),) = place(followed, [hidden()], []).spans
    assert later > 29


def test_what_has_no_time_has_no_place() -> None:
    placed = place([Turn(Role.CALLER, TEXT)], [hidden()], [])
    assert (placed.spans, placed.unplaced) == ((), 1)


def test_spans_that_touch_are_one() -> None:
    assert merged([(5, 6), (1, 2), (1.5, 3), (-1, 0.5)]) == ((0.0, 0.5), (1, 3), (5, 6))
