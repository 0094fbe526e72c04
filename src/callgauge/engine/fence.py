"""Fences around call text, so that what was said in a call cannot pose as an instruction to the judge."""

from __future__ import annotations

import re
from dataclasses import dataclass

from callgauge.domain.calls import Call, stable_hash

TAG = "call-data"
MARK_CHARS = 16
"""64 bits: nobody can write a text that holds the mark which is hashed from that very text."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_CHAT_TEMPLATE = re.compile(r"\[(\s*/?\s*INST\s*)\]", re.IGNORECASE)
"""Turn marks of Llama-like chat templates that do without angle brackets."""
_NOT_IN_NAMES = re.compile(r"[^\w.\- ]")


@dataclass(frozen=True, slots=True)
class Fence:
    """Opening and closing tags that carry a mark of their own for each call's content."""

    mark: str

    def block(self, name: str, text: str) -> str:
        """Call text of several lines between tags on lines of their own."""
        return f"{self._open(name)}\n{self.neutral(text)}\n</{TAG}-{self.mark}>"

    def inline(self, name: str, text: str) -> str:
        """A value inside a sentence; one of several lines becomes a block."""
        inner = self.neutral(text)
        if "\n" in inner:
            return f"\n{self._open(name)}\n{inner}\n</{TAG}-{self.mark}>\n"
        return f"{self._open(name)}{inner}</{TAG}-{self.mark}>"

    def neutral(self, text: str) -> str:
        """The text without anything that could close the fence, open another, or pass for a chat template's
        turn mark (`<|im_start|>`, `<<SYS>>`, `[INST]`): angle brackets become ‹ and ›. Control characters
        and lone surrogates, which some providers refuse, become spaces and question marks."""
        clean = text.encode("utf-8", "replace").decode("utf-8")
        clean = _CONTROL.sub(" ", "\n".join(clean.splitlines()))
        clean = clean.replace("<", "‹").replace(">", "›").replace(self.mark, "…")
        return _CHAT_TEMPLATE.sub(r"(\1)", clean)

    def _open(self, name: str) -> str:
        return f'<{TAG}-{self.mark} name="{_NOT_IN_NAMES.sub("", name)}">'


def fence_for(call: Call) -> Fence:
    """The call's fence; the same content gives the same mark, so prompts repeat byte for byte."""
    content = call.content_hash or stable_hash(
        [(turn.role, turn.text, turn.tool.result if turn.tool else "") for turn in call.turns]
    )
    return Fence(stable_hash("fence", content)[:MARK_CHARS])
