"""Numbers in words as digits: "four fifteen", "4 15" and "415" are the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from callgauge.engine.transcription import english

_WORDS = frozenset({*english.DIGITS, *english.TENS, *english.SCALES})
_OHS = ("o", "oh")
_ORDINAL_ENDING = "th"
"""Set apart from the digits, whatever it was in the text."""


def joined_numbers(texts: Sequence[str]) -> list[tuple[str, slice]]:
    """Each word with the part of `texts` that it stands for; neighbouring numbers become one."""
    found: list[tuple[str, slice]] = []
    at = 0
    while at < len(texts):
        end = _run_end(texts, at)
        if end == at:
            found.append((texts[at], slice(at, at + 1)))
            at += 1
            continue
        before = texts[at - 1] if at else ""
        if end == at + 1 and texts[at] == "one" and before in english.PRONOUN_BEFORE:
            found.append(("one", slice(at, end)))
        else:
            number, ordinal = _value(texts[at:end])
            if end < len(texts) and texts[end] == _ORDINAL_ENDING:
                ordinal, end = True, end + 1
            word = f"{number}th" if ordinal else number
            found.append((word if word != "2th" else "second", slice(at, end)))
            if end < len(texts) and texts[end] == "oclock":
                end += 1  # "three o'clock" is "3:00"
        at = end
    return found


def _run_end(texts: Sequence[str], start: int) -> int:
    """Where a run of numbers ends; `start` itself where none begins."""
    at = start
    while at < len(texts):
        word, before = texts[at], texts[at - 1] if at > start else ""
        if word in english.ORDINALS and (word != "second" or before in english.TENS):
            return at + 1
        if not _goes_on(word, before, texts[at + 1] if at + 1 < len(texts) else ""):
            break
        at += 1
    return at


def _goes_on(word: str, before: str, after: str) -> bool:
    """Whether a word belongs to a run of numbers; `before` is empty where it would begin one."""
    if word in english.TIMES_OVER:
        return _is_number(after) or after in _OHS
    if not before:
        return after in english.SCALES if word == "a" else _is_number(word) and word not in english.SCALES
    if word in _OHS:
        return _is_number(after) or before in english.TIMES_OVER
    if word == "and":
        return before in english.SCALES and _is_number(after)
    return _is_number(after) if word == "point" else _is_number(word)


def _is_number(word: str) -> bool:
    return word in _WORDS or word[:1].isdigit()


def _value(words: Sequence[str]) -> tuple[str, bool]:
    """The digits of a run, and whether it is an ordinal ("twenty first")."""
    ordinal = words[-1] in english.ORDINALS
    groups = list(_groups(words))
    return "".join(groups), ordinal


def _groups(words: Sequence[str]) -> Iterator[str]:
    """Stretches that are one number by themselves: "nineteen ninety nine" is 19 and 99."""
    total, current = 0, None  # what the scales have closed, and what is being put together
    times = 1
    for word in words:
        if word == "and":
            continue
        if word in english.TIMES_OVER:
            times = english.TIMES_OVER[word]
            continue
        scale = english.SCALES.get(word)
        if scale == 100 and current is not None and 0 < current < 100:
            current *= 100
            continue
        if scale is not None and scale > 100 and current is not None:
            total, current = total + current * scale, None
            continue
        number = _simple(word)
        if number is not None and times == 1 and _fits(current, total, number):
            current = (current or 0) + number
            continue
        if current is not None or total:
            yield str(total + (current or 0))
        total, current = 0, None
        if number is not None and times == 1 and not word[0].isdigit():
            current = number
        elif word[:1].isdigit() and times == 1 and word.isdigit() and not word.startswith("0"):
            current = int(word) if len(word) < 10 else None
            if current is None:
                yield word
        else:
            text = "." if word == "point" else "0" if word in _OHS else word
            yield (str(number) if number is not None else text) * times
        times = 1
    if current is not None or total:
        yield str(total + (current or 0))


def _simple(word: str) -> int | None:
    if word == "a":  # "a hundred"
        return 1
    for table in (english.DIGITS, english.TENS, english.ORDINALS):
        if word in table:
            return table[word]
    return None


def _fits(current: int | None, total: int, number: int) -> bool:
    """Whether a word goes on with the number before it: five after twenty, twelve after two hundred."""
    if current is None:
        return total > 0
    if current == 0:
        return False
    if 20 <= current % 100 <= 90 and current % 10 == 0:
        return 0 < number < 10
    return current % 100 == 0 and 0 < number < 100
