"""Asking the judge to write for people. A request is sent once; its answer is stored before it is read."""

from __future__ import annotations

from callgauge.domain.judging import JudgeAnswer, JudgeError
from callgauge.engine.writing import UnusableText, read_writing, writing_request
from callgauge.flow import errands, writing
from callgauge.flow.writing import LOST, WritingWork
from callgauge.store.models import WritingJob
from callgauge.worker.asking import Asking
from callgauge.worker.claiming import Claiming

NO_JUDGE = "This server has no judge: set CALLGAUGE_JUDGE."
INTERRUPTED = "The server stopped while this was asked, and CALLGAUGE_JUDGE_INTERRUPTED is fail."


class Writings(Claiming[WritingWork]):
    name = "writing"

    def __init__(self, owner: str, asking: Asking | None, *, fail_interrupted: bool) -> None:
        super().__init__(owner)
        self._asking = asking
        self._fail_interrupted = fail_interrupted

    def claim(self) -> WritingWork | None:
        return writing.claim_writing(self._owner)

    def renew(self, pk: int) -> bool:
        return errands.renew(WritingJob, self._owner, pk)

    def hand_back(self, pk: int) -> None:
        errands.hand_back(WritingJob, self._owner, pk)

    def fail(self, pk: int) -> None:
        writing.end_writing(self._owner, pk, None, "The server failed; its log says why.")

    async def work(self, work: WritingWork) -> None:
        try:
            answer = work.answer if work.answer is not None else await self._ask(work)
            result = read_writing(work.kind, work.asked, answer)
        except (JudgeError, UnusableText, _Refused) as error:
            await self._database.run(writing.end_writing, self._owner, work.pk, None, str(error))
            return
        await self._database.run(writing.end_writing, self._owner, work.pk, result)

    async def _ask(self, work: WritingWork) -> dict[str, object]:
        if self._asking is None:
            raise _Refused(NO_JUDGE)
        if work.give_up:
            raise _Refused(LOST)
        if work.interrupted and self._fail_interrupted:
            raise _Refused(INTERRUPTED)

        async def store(answer: JudgeAnswer) -> None:
            await self._database.run(writing.store_writing, work.pk, answer)

        async def begin() -> None:
            if not await self._database.run(writing.begin_writing, self._owner, work.pk):
                raise _Refused("Another worker has it now.")

        answer = await self._asking.ask_kept(writing_request(work.kind, work.asked), begin, store)
        return dict(answer.content)


class _Refused(Exception):
    """It is not asked, for a reason that people are told."""
