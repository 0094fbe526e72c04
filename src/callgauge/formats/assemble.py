"""Turns drafts into turns: decides unknown roles, brings times to seconds of the call, drops doubles."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from callgauge.domain.calls import SPOKEN_ROLES, Role, Tool, Turn
from callgauge.formats.errors import TranscriptError
from callgauge.formats.notes import Notes
from callgauge.formats.parsed import Options
from callgauge.formats.roles import role_key, shown_name
from callgauge.formats.rows import MAX_TURNS, Draft
from callgauge.formats.times import MAX_CALL_SECS, Moment

_NO_TOOL = Tool()

_PLACEHOLDER_ROWS = 3
"""Fewer rows may truly share a time: providers that send whole seconds let two turns fall together."""


def assemble(drafts: list[Draft], notes: Notes, options: Options) -> tuple[Turn, ...]:
    """Turns in the order of the rows."""
    if len(drafts) > MAX_TURNS:
        raise TranscriptError(f"{len(drafts):,} turns are more than the {MAX_TURNS:,} that a call may have.")
    _decide_roles(drafts, notes, options.agent_speaker)
    _drop_placeholders(drafts, notes)
    base = _base(drafts, options.origin_secs)
    names: dict[str, str] = {}
    seen: set[tuple[object, ...]] = set()
    turns: list[Turn] = []
    latest = 0.0
    for draft in drafts:
        if not draft.text and draft.tool in (None, _NO_TOOL):
            notes.add("nothing in it, left out", draft.row)
            continue
        turn = _turn(draft, base, names, notes)
        if _is_double(draft, turn, seen):
            notes.add("a repetition of an earlier row, left out", draft.row)
            continue
        if turn.start_secs is not None:
            if turn.start_secs < latest:
                notes.add("starts before an earlier row; the order of the rows is kept", draft.row)
            latest = max(latest, turn.start_secs)
        turns.append(turn)
    return tuple(turns)


def _turn(draft: Draft, base: float, names: dict[str, str], notes: Notes) -> Turn:
    start = _offset(draft.start, base, draft.row, notes)
    end = _offset(draft.end, base, draft.row, notes)
    if start is not None and end is not None and end < start:
        notes.add("ends before it starts, the end was left out", draft.row)
        end = None
    tool = draft.tool
    if tool is not None and tool.id:
        if tool.name:
            names.setdefault(tool.id, tool.name)
        elif tool.id in names:
            tool = replace(tool, name=names[tool.id])
    assert draft.role is not None
    return Turn(draft.role, draft.text, start, end, tool)


def _is_double(draft: Draft, turn: Turn, seen: set[tuple[object, ...]]) -> bool:
    """Whether the provider delivered this row before. Untimed speech without an id may be said twice."""
    if turn.start_secs is None and not draft.id and not (turn.tool and turn.tool.id):
        return False
    key = (draft.id, turn.role, turn.text, turn.start_secs, turn.end_secs, turn.tool)
    if key in seen:
        return True
    seen.add(key)
    return False


def _offset(moment: Moment | None, base: float, row: int, notes: Notes) -> float | None:
    if moment is None:
        return None
    # Providers know absolute times to the ms; what lies below is noise of the subtraction.
    secs = round(moment.secs - base, 3) if moment.absolute else moment.secs
    if 0 <= secs <= MAX_CALL_SECS:
        return secs
    notes.add("time is more than a week from the start of the call, left out", row)
    return None


def _base(drafts: Iterable[Draft], origin_secs: float | None) -> float:
    """The instant that counts as second 0: the earliest that lies within a week of the middle one."""
    instants = sorted(
        moment.secs
        for draft in drafts
        for moment in (draft.start, draft.end)
        if moment is not None and moment.absolute
    )
    if not instants:
        return 0.0
    middle = instants[len(instants) // 2]
    earliest = next(secs for secs in instants if secs >= middle - MAX_CALL_SECS)
    if origin_secs is not None and earliest - MAX_CALL_SECS <= origin_secs <= earliest:
        return origin_secs
    return earliest


def _drop_placeholders(drafts: list[Draft], notes: Notes) -> None:
    """Clients without times often fill in one value (mostly 0) everywhere: that is no time."""
    starts = {draft.start for draft in drafts}
    if len(drafts) < _PLACEHOLDER_ROWS or len(starts) != 1 or None in starts:
        return
    if any(draft.end is not None and draft.end not in starts for draft in drafts):
        return
    notes.add("every row has the same time, so the times were left out")
    for draft in drafts:
        draft.start = draft.end = None


def _decide_roles(drafts: list[Draft], notes: Notes, agent_speaker: str | int | None) -> None:
    if agent_speaker is not None and _name_agent(drafts, role_key(agent_speaker)):
        return
    if agent_speaker is not None:
        notes.add("nobody in this transcript is called what agent_speaker says")
    unknown: dict[str, Draft] = {}
    for draft in drafts:
        if draft.role is None and draft.text:
            unknown.setdefault(role_key(draft.name), draft)
    if unknown:
        _place(unknown, {draft.role for draft in drafts if draft.role in SPOKEN_ROLES}, drafts, notes)
    for draft in drafts:
        if draft.role is None:
            draft.role = Role.SYSTEM


def _name_agent(drafts: list[Draft], agent: str) -> bool:
    if not any(role_key(draft.name) == agent and draft.tool is None for draft in drafts):
        return False
    for draft in drafts:
        if draft.tool is None and role_key(draft.name) == agent:
            draft.role = Role.AGENT
        elif draft.role is None or draft.role in SPOKEN_ROLES:
            draft.role = Role.CALLER
    return True


def _place(unknown: dict[str, Draft], spoken: set[Role | None], drafts: list[Draft], notes: Notes) -> None:
    """Unknown speakers are given the sides that nobody else holds, so that no call is silently empty."""
    missing = [role for role in (Role.AGENT, Role.CALLER) if role not in spoken]
    if len(missing) == 2:
        first, *others = unknown
        placed = {first: Role.AGENT, **dict.fromkeys(others, Role.CALLER)}
    elif len(missing) == 1 and len(unknown) == 1:
        placed = dict.fromkeys(unknown, missing[0])
    else:
        placed = dict.fromkeys(unknown, Role.SYSTEM)
    for key, draft in unknown.items():
        notes.add(f"role {shown_name(draft.name)} is not known, taken as {placed[key].value}", draft.row)
    for draft in drafts:
        if draft.role is None and draft.text:
            draft.role = placed[role_key(draft.name)]
