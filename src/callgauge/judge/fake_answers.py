"""Answers of the fake server: they fit the schema, depend on the prompt alone, and mean nothing."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

MARK = "FAKE ANSWER:"
"""A prompt may hold this mark and a JSON object: its keys are then answered as written there."""
_SENTENCES = ("The fake server read the call.", "No model was asked.", "This answer means nothing.")
_NUMBERED_LINE = re.compile(r"^\W*(\d{1,5})\W+(.*)$")
_QUOTE_WORDS = 8


def fake_answer(schema: Mapping[str, Any], texts: Sequence[str], digest: int) -> dict[str, Any]:
    """An object for the schema; the same `digest` of the prompt gives the same object."""
    chance = random.Random(digest)  # noqa: S311 - a fake, not a secret
    answer = _Writer(chance, texts).value(schema, "")
    content = dict(answer) if isinstance(answer, dict) else {}
    return {**content, **_marked(texts)}


def _marked(texts: Sequence[str]) -> dict[str, Any]:
    for text in reversed(texts):
        start = text.rfind(MARK)
        if start < 0:
            continue
        brace = text.find("{", start)
        try:
            value, _ = json.JSONDecoder().raw_decode(text, brace)
        except ValueError:
            continue
        return value if isinstance(value, dict) else {}
    return {}


def _value_by_question(chance: random.Random, question: str) -> bool | int | str:
    """Where the schema leaves open what kind of value is wanted, the question's words decide."""
    _, named, listed = question.partition(" labels")
    labels = re.findall(r"^- (.+)$", listed, re.MULTILINE)
    if named and labels:
        return str(chance.choice(labels))
    if found := re.search(r"one of these numbers[^:]*: ([\d., -]+\d)", question):
        return int(float(chance.choice(found[1].split(", "))))
    if found := re.search(r"number from (\d+) to (\d+)", question):
        return chance.randint(int(found[1]), int(found[2]))
    if re.search(r"\b(is|be) (one|a) number\b", question):
        return chance.randint(0, 100)
    return chance.random() < 0.5


class _Writer:
    def __init__(self, chance: random.Random, texts: Sequence[str]) -> None:
        self._chance = chance
        self._question = texts[-1] if texts else ""
        self._turn, self._quote = _passage(chance, texts)

    def value(self, schema: Mapping[str, Any], name: str) -> Any:
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._chance.choice(list(schema["enum"]))
        if _kinds(schema) >= {"boolean", "number", "string"}:
            return _value_by_question(self._chance, self._question)
        if "anyOf" in schema:
            return self.value(schema["anyOf"][0], name)
        types = schema.get("type", "object")
        return self._of_type(types if isinstance(types, str) else types[0], schema, name)

    def _of_type(self, kind: str, schema: Mapping[str, Any], name: str) -> Any:
        match kind:
            case "object":
                return {key: self.value(part, key) for key, part in schema.get("properties", {}).items()}
            case "array":
                return [
                    self.value(schema.get("items", {}), name)
                    for _ in range(max(1, schema.get("minItems", 1)))
                ]
            case "string":
                return self._quote if name == "quote" else self._chance.choice(_SENTENCES)
            case "boolean":
                return name == "applicable" or self._chance.random() < 0.5
            case "integer" | "number":
                return self._turn if name == "turn" else self._number(schema)
            case _:
                return None

    def _number(self, schema: Mapping[str, Any]) -> int:
        low = int(schema.get("minimum", 0))
        return self._chance.randint(low, max(low, int(schema.get("maximum", low + 5))))


def _kinds(schema: Mapping[str, Any]) -> set[str]:
    kinds = schema.get("type", [choice.get("type") for choice in schema.get("anyOf", ())])
    return {kinds} if isinstance(kinds, str) else set(kinds)


def _passage(chance: random.Random, texts: Sequence[str]) -> tuple[int, str]:
    """A turn number and words of that line, from the last text before the question that has such lines."""
    call, lines = "", list[re.Match[str]]()
    for text in reversed(texts[:-1]):
        lines = [found for line in text.splitlines() if (found := _NUMBERED_LINE.match(line)) and found[2]]
        call = call or text
        if lines:
            break
    if not lines:
        return 0, " ".join(call.split()[:_QUOTE_WORDS])
    line = chance.choice(lines)
    words = line[2].rpartition(": ")[2].split()
    return int(line[1]), " ".join(words[:_QUOTE_WORDS])


def wrong_shape(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The answer without its last key: valid JSON that does not fit."""
    return dict(list(answer.items())[:-1])


def cut_off(answer: Mapping[str, Any]) -> str:
    """The first half of the answer's text."""
    text = orjson.dumps(answer).decode()
    return text[: len(text) // 2]
