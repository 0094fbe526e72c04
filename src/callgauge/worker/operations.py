"""What the writer is asked to write, each kind in one statement or a few for a whole batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from callgauge.domain.judging import JudgeAnswer
from callgauge.flow import checkpoint, control, ledger, results, settle, tally
from callgauge.flow.checkpoint import Begun, Question
from callgauge.flow.ledger import NOTHING_LEFT, LeftAsIs
from callgauge.flow.results import NewResult
from callgauge.store.models import Chunk, RerunKind
from callgauge.worker.writer import Operation


@dataclass(frozen=True, slots=True)
class OwnedResult:
    owner: str
    result: NewResult


@dataclass(frozen=True, slots=True)
class Settling:
    rerun_id: int
    call_id: int
    stands_for: int | None = None
    """The cancelled rerun whose calls this one decides."""

    @classmethod
    def of(cls, chunk: Chunk, call_id: int) -> Settling:
        rerun = chunk.rerun
        return cls(rerun.pk, call_id, rerun.follows if rerun.kind == RerunKind.SETTLE else None)


@dataclass(frozen=True, slots=True)
class Finishing:
    owner: str
    chunk_id: int
    rest: tuple[int, ...] = ()
    """Calls of the chunk that were not begun."""
    left_as_is: LeftAsIs = NOTHING_LEFT


@dataclass(frozen=True, slots=True)
class TakingOver:
    owner: str
    chunk_id: int
    rerun_id: int
    call_id: int
    result_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Pausing:
    rerun_id: int
    cap_usd: float
    """The money cap that is reached."""


def _begin(questions: Sequence[Question]) -> Sequence[Begun]:
    return checkpoint.begin(questions)


def _forget(questions: Sequence[Question]) -> Sequence[None]:
    checkpoint.forget(questions)
    return [None] * len(questions)


def _store_answers(answers: Sequence[tuple[Question, JudgeAnswer]]) -> Sequence[None]:
    checkpoint.store_answers(answers)
    return [None] * len(answers)


def _count_spent(items: Sequence[tuple[int, float]]) -> Sequence[None]:
    checkpoint.count_spent(items)
    return [None] * len(items)


def _store_results(items: Sequence[OwnedResult]) -> Sequence[bool]:
    """False for results of a chunk whose lease was lost."""
    lost: set[int] = set()
    for owner in {item.owner for item in items}:
        lost |= results.store_results(owner, [item.result for item in items if item.owner == owner])
    return [item.result.chunk_id not in lost for item in items]


def _settle(items: Sequence[Settling]) -> Sequence[None]:
    by_rerun: dict[tuple[int, int | None], list[int]] = defaultdict(list)
    for item in items:
        by_rerun[item.rerun_id, item.stands_for].append(item.call_id)
    for (rerun_id, stands_for), call_ids in by_rerun.items():
        settle.settle_calls(rerun_id, call_ids, stands_for=stands_for)
    return [None] * len(items)


def _abandon(items: Sequence[Settling]) -> Sequence[None]:
    for item in items:
        settle.abandon_call(item.rerun_id, item.call_id, stands_for=item.stands_for)
    return [None] * len(items)


def _finish(items: Sequence[Finishing]) -> Sequence[bool]:
    """False where the lease was lost."""
    finished = []
    for item in items:
        try:
            ledger.finish(item.owner, item.chunk_id, item.rest, item.left_as_is)
        except ledger.LeaseLost:
            finished.append(False)
        else:
            finished.append(True)
    return finished


def _take_over(items: Sequence[TakingOver]) -> Sequence[bool]:
    """False where the lease was lost."""
    wanted: dict[tuple[str, int], dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for item in items:
        wanted[item.owner, item.rerun_id][item.chunk_id] += item.result_ids
    lost: set[int] = set()
    for (owner, rerun_id), by_chunk in wanted.items():
        lost |= results.take_over(owner, rerun_id, by_chunk)
    return [item.chunk_id not in lost for item in items]


def _pause(items: Sequence[Pausing]) -> Sequence[None]:
    for item in sorted(set(items), key=lambda item: (item.rerun_id, item.cap_usd)):
        tally.afterwards(item.rerun_id, partial(control.pause_at_cap, item.rerun_id, item.cap_usd))
    return [None] * len(items)


BEGIN: Operation[Question, Begun] = Operation("begin", _begin)
FORGET: Operation[Question, None] = Operation("forget", _forget, keeps_its_place=True)
STORE_ANSWER: Operation[tuple[Question, JudgeAnswer], None] = Operation("answer", _store_answers)
COUNT_SPENT: Operation[tuple[int, float], None] = Operation("spending", _count_spent)
"""A rerun's id, and US dollars for a question that came to nothing."""
TAKE_OVER: Operation[TakingOver, bool] = Operation(
    "take over", _take_over, lambda item: item.call_id, lambda item: item.chunk_id
)
PAUSE: Operation[Pausing, None] = Operation("pause", _pause)
STORE_RESULT: Operation[OwnedResult, bool] = Operation(
    "result", _store_results, lambda item: item.result.call_id, lambda item: item.result.chunk_id
)
SETTLE: Operation[Settling, None] = Operation("settle", _settle, lambda item: item.call_id)
ABANDON: Operation[Settling, None] = Operation("abandon", _abandon, lambda item: item.call_id)
FINISH: Operation[Finishing, bool] = Operation("finish", _finish, chunk_of=lambda item: item.chunk_id)
