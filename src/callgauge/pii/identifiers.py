"""Which numbers of a conversation are personal: by their own shape, by the words beside them, and by the
question that they answer, over as many turns as the answer takes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from . import cues
from .cues import Kind
from .fields import Field
from .lines import Finding, Line, mask
from .numbers import FILLERS, NUMBER_WORDS, Run, iban, luhn, runs_in

WAITS_TURNS: Final = 8
"""Turns after which a question that got no number is forgotten."""
LONG_NUMBER: Final = 6
"""Digits from which a number that nothing explains is taken for an identifier."""
_SSN = re.compile(r"(?<![\d-])(?!000|666|9)\d{3}[- ](?!00)\d{2}[- ](?!0000)\d{4}(?![\d-])")
_PHONE = re.compile(
    r"(?<![\d.\w])(?:\+?1[-. ]?)?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[-. ])[2-9]\d{2}[-. ]\d{4}(?!\d)"
    r"|(?<![\w.])\+\d{1,3}[ -]?(?:\(0\) ?)?\d(?:[ -]?\d){6,12}(?!\d)"
    r"|(?<![\d\w-])[2-9]\d{2}-\d{4}(?![\d-])"
    r"|(?<!\w)\(?0\d{2,4}\)?[ -]\d{3,4}[ -]?\d{3,4}(?!\d)"
)
_IBAN = re.compile(r"(?<!\w)[A-Za-z]{2}\d{2}(?: ?[A-Za-z0-9]){11,30}(?!\w)")
_VIN = re.compile(r"(?<!\w)(?=[A-HJ-NPR-Z0-9]*\d)(?=[A-HJ-NPR-Z0-9]*[A-Z])[A-HJ-NPR-Z0-9]{17}(?!\w)")
_CODE = re.compile(r"code|cv|digits")
_LAST = re.compile(r"\b(?:last (?:four|4|three|3|five|5)|ending (?:in|with)|ends (?:in|with))\b")


@dataclass(slots=True)
class _Answer:
    """A question for a number, and the parts of its answer so far."""

    kind: Kind
    left: int = WAITS_TURNS
    parts: list[tuple[int, Run, bool]] = field(default_factory=list)
    """Line, number, and whether the turn says nothing else."""
    digits: dict[str, int] = field(default_factory=dict)
    """How many, by speaker."""


def find(lines: Sequence[Line], taken: Mapping[int, bytearray]) -> Iterator[Finding]:
    """Numbers and codes. `taken` has a 1 for each character of a line where a date, a time, a price or an
    address stands; lines without any may be missing."""
    answer: _Answer | None = None
    seen: dict[str, tuple[Field, ...]] = {}
    for index, line in enumerate(lines):
        yield from _shaped(index, line)
        answer, findings = _line(index, line, taken.get(index, b""), answer, seen)
        yield from findings
    if answer is not None:
        yield from _close(answer)


def _only_numbers(line: Line) -> bool:
    """A turn of digits alone, or a key that was pressed."""
    return line.low.startswith("key pressed") or all(
        word.low.isdecimal() or word.low in NUMBER_WORDS or word.low in FILLERS for word in line.words
    )


def _shaped(index: int, line: Line) -> Iterator[Finding]:
    """What its shape alone gives away."""
    for match in _SSN.finditer(line.text):
        yield Finding(index, *match.span(), cues.SSN.fields)
    for match in _PHONE.finditer(line.text):
        yield Finding(index, *match.span(), cues.PHONE.fields)
    for match in _IBAN.finditer(line.text):
        end = _iban_end(match[0])
        if end:
            yield Finding(index, match.start(), match.start() + end, cues.BANK.fields)
    for match in _VIN.finditer(line.text):
        yield Finding(index, *match.span(), cues.VEHICLE.fields)


def _iban_end(text: str) -> int:
    """Where a valid code that `text` begins with ends; words behind it look like more of it. 0 for none."""
    for end in range(len(text), 14, -1):
        if text[end - 1] != " " and iban(text[:end].replace(" ", "").lower()):
            return end
    return 0


def _line(
    index: int,
    line: Line,
    taken: bytes | bytearray,
    answer: _Answer | None,
    seen: dict[str, tuple[Field, ...]],
) -> tuple[_Answer | None, list[Finding]]:
    findings: list[Finding] = []
    at = 0
    if answer is not None and answer.kind in (cues.BIRTH, cues.EXPIRY) and 1 in taken and not answer.parts:
        answer = None  # answered by a date
    expects_letters = answer is not None and answer.kind.letters
    runs = [run for run in _runs(line, expects_letters) if taken.find(1, run.start, run.end) < 0]
    for run in runs:
        kind = cues.before(line.low, at, run.start) or cues.after(line.low, run.end)
        kind = None if kind is cues.OTHER else kind
        known = _known(run, seen)
        if known is None and kind is None and answer is not None and not run.is_quantity:
            answer.parts.append((index, run, _only_numbers(line)))
            answer.digits[line.speaker] = answer.digits.get(line.speaker, 0) + len(run.code)
            seen.setdefault(run.code, answer.kind.fields)
            answer.left = WAITS_TURNS
        elif known is not None and (kind is None or kind.fields == known or kind is cues.CODE):
            findings.append(Finding(index, run.start, run.end, known))
        else:
            fields = _named(run, kind, line) if kind is not None else _alone(run)
            if fields:
                findings.append(Finding(index, run.start, run.end, fields))
                seen[run.code] = fields
            elif kind is not None and kind.fields and not run.is_quantity and _starts(run, kind):
                # "my phone number is four one five", and the rest in the next turn.
                findings += _close(answer) if answer is not None and answer.kind is not kind else ()
                if answer is None or answer.kind is not kind:
                    answer = _Answer(kind)
                answer.parts.append((index, run, False))
                answer.digits[line.speaker] = answer.digits.get(line.speaker, 0) + len(run.code)
        at = run.end
    asked = cues.asked(line.low, at)
    if asked is not None and (answer is None or answer.kind is not asked):
        findings += _close(answer) if answer is not None else ()
        return (None if asked is cues.OTHER else _Answer(asked)), findings
    if answer is not None:
        answer.left -= 1
        if answer.left <= 0:
            findings += _close(answer)
            return None, findings
    return answer, findings


def _known(run: Run, seen: Mapping[str, tuple[Field, ...]]) -> tuple[Field, ...] | None:
    """What it was when it was said before, whole or, as people repeat numbers, by its end."""
    if len(run.code) < 4 or run.is_quantity:
        return None
    if run.code in seen:
        return seen[run.code]
    return next((fields for code, fields in seen.items() if len(code) > 6 and code.endswith(run.code)), None)


def _runs(line: Line, letters: bool) -> list[Run]:
    """With letters where a code is named or asked for; a number otherwise ends at the first letter."""
    plain = runs_in(line, letters=False)
    mixed = runs_in(line, letters=True)
    if letters:
        return mixed
    kept = []
    for run in mixed:
        kind = cues.before(line.low, 0, run.start)
        if run.has_letters and ((kind is not None and kind.letters) or _looks_like_code(line, run)):
            kept.append(run)
    covered = mask([(run.start, run.end) for run in kept], len(line.text))
    free = [run for run in plain if covered.find(1, run.start, run.end) < 0]
    return sorted([*kept, *free], key=lambda run: run.start)


def _looks_like_code(line: Line, run: Run) -> bool:
    """One written word of letters and digits; "B12" and "Covid19" are none."""
    return " " not in line.text[run.start : run.end] and len(run.digits) >= 4 and len(run.code) >= LONG_NUMBER


def _named(run: Run, kind: Kind, line: Line) -> tuple[Field, ...]:
    """What a number is whose name stands beside it; empty where it cannot be that."""
    if not kind.fields:
        return ()
    if run.is_quantity and len(run.digits) < 7:
        return ()
    if run.has_letters and not kind.letters:
        return ()
    size = len(run.code)
    if (
        kind is cues.CARD
        and size in (3, 4)
        and _CODE.search(line.low, max(0, run.start - cues.NEAR_CHARS), run.start)
    ):
        return kind.fields
    if kind.fewest <= size <= kind.most and (kind is not cues.CARD or size >= 12):
        return kind.fields
    if size >= 3 and _LAST.search(line.low, max(0, run.start - 60), run.start):
        return kind.fields
    return _alone(run)


def _alone(run: Run) -> tuple[Field, ...]:
    """What a number is that no word explains."""
    digits = run.digits
    if run.is_quantity:
        return ()
    if run.has_letters:
        return cues.CODE.fields if len(digits) >= 4 else ()
    if 13 <= len(digits) <= 19 and luhn(digits):
        return cues.CARD.fields
    if _is_phone(run):
        return cues.PHONE.fields
    return cues.CODE.fields if len(digits) >= LONG_NUMBER else ()


def _is_phone(run: Run) -> bool:
    """A number of the North American plan, or an international or national one with its prefix."""
    digits = run.digits
    local = digits[1:] if len(digits) == 11 and digits[0] == "1" else digits
    if len(local) == 10 and local[0] in "23456789" and local[3] in "23456789":
        return True
    return len(digits) == 11 and digits[0] == "0" and digits[1] in "123457"


def _starts(run: Run, kind: Kind) -> bool:
    return len(run.code) >= 2 and len(run.code) < max(kind.fewest, 4)


def _close(answer: _Answer) -> list[Finding]:
    """The parts of an answer, where there is enough of it to be one."""
    kind = answer.kind
    most = max(answer.digits.values(), default=0)
    whole = most >= kind.fewest
    found = []
    for index, run, alone in answer.parts:
        if (whole and (alone or len(run.code) > 1)) or len(run.code) >= kind.part:
            found.append(Finding(index, run.start, run.end, kind.fields))
    return found
