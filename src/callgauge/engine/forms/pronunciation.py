"""Pronunciation Check: the words that are set for the agent, with how they are said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from callgauge.domain.calls import Call
from callgauge.domain.metrics import EvalType, MetricSpec
from callgauge.engine.faults import BadConfiguration
from callgauge.engine.fence import Fence
from callgauge.engine.forms.form import Form
from callgauge.engine.prompt_files import prompt

KEY = "pronunciation_words"
MAX_WORDS = 200
"""More would outweigh the call in the prompt."""
MAX_CHARS = 255
_NAMES, _HOW = ("word", "name", "text"), ("pronunciation", "how", "ipa", "sounds_like", "description")


def words_for(call: Call, spec: MetricSpec) -> list[str]:
    """From the metric's configuration, else the agent's own: `Nguyen`, or `Nguyen (win)`. Raises
    BadConfiguration."""
    own = read_words(spec.configuration.get(KEY), f"{KEY} in the metric's configuration")
    return own or read_words(call.agent.pronunciation_words, f"{KEY} of the agent")


def read_words(raw: object, where: str) -> list[str]:
    """From a list of words, or of objects with a word and perhaps how it is said; from an object with one
    key per word; or from a text with a word in each line."""
    if raw is None or raw == "":
        return []
    items: object = raw
    if isinstance(raw, str):
        items = raw.splitlines()
    elif isinstance(raw, Mapping):
        items = [{"word": word, "pronunciation": how} for word, how in raw.items()]
    if not isinstance(items, Sequence):
        raise BadConfiguration(f"{where} must be a list of words.")
    found: dict[str, None] = {}
    for item in items:
        line = _line(item)
        if line is None:
            raise BadConfiguration(f"{where} must be a list of words, or of objects with a word.")
        if line:
            found[line] = None
    if len(found) > MAX_WORDS:
        raise BadConfiguration(f"{where} has more than {MAX_WORDS} words.")
    return list(found)


def _line(item: object) -> str | None:
    if isinstance(item, str):
        return _short(item)
    if not isinstance(item, Mapping):
        return None
    word = next((item[key] for key in _NAMES if isinstance(item.get(key), str)), None)
    how = next((item[key] for key in _HOW if isinstance(item.get(key), str) and item[key].strip()), None)
    if word is None or how is None:
        return None if word is None else _short(word)
    return f"{_short(word)} ({_short(how)})"


def _short(text: str) -> str:
    return " ".join(text.split())[:MAX_CHARS]


def _listed(call: Call, spec: MetricSpec, fence: Fence) -> str:
    words = words_for(call, spec)
    if not words:
        return ""
    block = fence.block(KEY, "\n".join(f"- {word}" for word in words))
    return prompt("words").substitute(words=block).strip()


FORM = Form(eval_type=EvalType.BINARY, material=_listed)
