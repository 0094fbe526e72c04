"""Finding quotes in a transcript, tolerant of case, white space and punctuation and of nothing else."""

import pytest

from callgauge.domain.calls import Role, Tool, Turn
from callgauge.engine.quotes import QuoteFinder
from tests.engine.calls import TURNS


def _locate(quote, named, turns):
    return QuoteFinder(turns).find(quote, named)


MORE = (
    *TURNS,
    Turn(
        Role.AGENT,
        "I want a refund — well, 25.00 euro — and an e-mail. It's  fine; don't\nworry.",
        20.0,
        22.0,
    ),
    Turn(Role.CALLER, "我想取消星期五的预约。", 23.0, 24.0),
    Turn(Role.CALLER, "Straße, CAFÉ", None, None),
    Turn(Role.TOOL_RESULT, "", 25.0, None, Tool("t2", "refund", result='{"error": "Card Declined"}')),
)


@pytest.mark.parametrize(
    ("quote", "turn"),
    [
        ("I'd like to move my appointment to Friday.", 1),
        ("i'd like to MOVE my appointment", 1),
        ("I’d like to move", 1),
        ("  move\n my   appointment ", 1),
        ("move my appointment… to Friday", 1),
        ("I'd like ... Friday", 1),
        ("Testing Agent: I'd like to move", 1),
        ("[00:03] Testing Agent: I'd like to move", 1),
        ("#2 [00:03] Testing Agent: I'd like to move", 1),
        ('"Yes, please."', 5),
        ("well 25 00 euro", 7),
        ("an email", 7),
        ("its fine, dont worry", 7),
        ("取消星期五", 8),
        ("strasse café", 9),
        ("card declined", 10),
        ('find_slot({"day": "Friday"})', 2),
    ],
)
def test_found(quote, turn):
    evidence = _locate(quote, None, MORE)
    assert (evidence.found, evidence.turn, evidence.start_secs) == (True, turn, MORE[turn].start_secs)
    assert evidence.quote == quote


@pytest.mark.parametrize(
    "quote",
    [
        "I would like to cancel my appointment",
        "move my appointment to Monday",
        "Friday … move my appointment",
        "hell",
        "art",
        "ke to",
        "Friday at ten is free. Yes, please.",
        "取消星期六",
        "?!",
        "…",
        "Main Agent:",
        "",
    ],
)
def test_not_found(quote):
    evidence = _locate(quote, 1, MORE)
    assert (evidence.found, evidence.turn, evidence.start_secs) == (False, None, None)


def test_the_named_turn_comes_first_and_a_wrong_name_does_no_harm():
    turns = (Turn(Role.AGENT, "Thank you.", 1.0), Turn(Role.CALLER, "Thank you.", 2.0))
    assert _locate("Thank you", 1, turns).turn == 1
    assert _locate("Thank you", 0, turns).turn == 0
    assert _locate("Thank you", None, turns).turn == 0
    assert _locate("Thank you", 99, turns).turn == 0
    assert _locate("Thank you", -1, turns).turn == 0


def test_nothing_is_found_in_no_transcript():
    assert not _locate("anything", 0, ()).found
