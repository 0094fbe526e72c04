"""The transcript of a call: turns by side, tool calls folded, and the words that results rest on marked."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from callgauge.domain.calls import Role, Turn, clock
from callgauge.domain.strict_json import decode_json

SIDE = {
    Role.AGENT: ("agent", "Agent"),
    Role.CALLER: ("caller", "Caller"),
    Role.TOOL_CALL: ("tool", "Tool call"),
    Role.TOOL_RESULT: ("tool", "Tool result"),
    Role.SYSTEM: ("system", "System"),
}


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of words; `metrics` are the ids of those whose evidence it is, parted by blanks."""

    text: str
    metrics: str = ""


@dataclass(frozen=True, slots=True)
class ShownTurn:
    index: int
    side: str
    who: str
    time: str
    """Empty where it is not known."""
    start: float | None
    end: float | None
    pieces: Sequence[Piece]
    tool: str = ""
    """Its name, for tool turns."""
    body: str = ""
    """Arguments or result of a tool, laid out."""
    failed: bool = False
    metrics: str = ""
    """Whose evidence points here without words that could be found."""


@dataclass(frozen=True, slots=True)
class Quote:
    metric_id: int
    text: str


def present_turns(turns: Sequence[Turn], quotes: Mapping[int, Sequence[Quote]]) -> list[ShownTurn]:
    """`quotes` are what results quote, by turn."""
    shown = []
    for index, turn in enumerate(turns):
        side, who = SIDE[turn.role]
        pieces, unplaced = _pieces(turn.text, quotes.get(index, ()))
        tool, body = turn.tool, ""
        if tool is not None:
            body = _laid_out(tool.arguments if turn.role is Role.TOOL_CALL else tool.result)
        shown.append(
            ShownTurn(
                index=index,
                side=side,
                who=who,
                time=clock(turn.start_secs) if turn.start_secs is not None else "",
                start=turn.start_secs,
                end=turn.end_secs,
                pieces=pieces,
                tool=(tool.name or "tool") if tool else "",
                body=body,
                failed=bool(tool and tool.is_error),
                metrics=unplaced,
            )
        )
    return shown


def _pieces(text: str, quotes: Sequence[Quote]) -> tuple[list[Piece], str]:
    """The text cut where evidence begins and ends, and the metrics whose quote is not in it word for word."""
    folded = text.casefold()
    if not quotes or len(folded) != len(text):
        return [Piece(text)], " ".join(sorted({str(quote.metric_id) for quote in quotes}))
    edges: dict[int, set[int]] = defaultdict(set)
    spans: list[tuple[int, int, int]] = []
    unplaced = set()
    for quote in quotes:
        at = folded.find(quote.text.casefold().strip()) if quote.text.strip() else -1
        if at < 0:
            unplaced.add(str(quote.metric_id))
            continue
        spans.append((at, at + len(quote.text.strip()), quote.metric_id))
    for start, end, metric in spans:
        edges[start].add(metric)
        edges[end].add(metric)
    cuts = sorted({0, len(text), *edges})
    pieces = []
    for start, end in pairwise(cuts):
        over = sorted({metric for first, last, metric in spans if first <= start and end <= last})
        pieces.append(Piece(text[start:end], " ".join(map(str, over))))
    return pieces, " ".join(sorted(unplaced))


def _laid_out(text: str) -> str:
    """JSON with line breaks; anything else as it is."""
    try:
        return json.dumps(decode_json(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text
