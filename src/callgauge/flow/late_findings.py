"""What is found in a call that was changed while its evaluation was under way, which has read it as it was.

Where personal data was taken out of the call meanwhile, or it was deleted, what was found may quote what is
gone, and is not stored in its words.

Whoever stores results has locked their calls, as has whoever redacts or deletes one. Answers are stored
without that, which would cost each of them a lock: one that is written in the very moment of the redaction
goes with the result that is made of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final, TypeVar

from django.conf import settings

from callgauge.domain.outcomes import Outcome, Scored
from callgauge.flow.redaction import MEASURE
from callgauge.store.models import CallLog, CallPayload, JudgeCall, JudgeCallState
from callgauge.store.prepared import Ids, PreparedValues

WITHHELD: Final = "What was said of this call is not kept: it was redacted while it was measured."

content_of = PreparedValues(
    lambda calls: CallLog.objects.filter(pk__in=calls, deleted_at=None).values_list("pk", "content_hash"), Ids
)
"""Id and content hash of those of the calls that are there."""

AnOutcome = TypeVar("AnOutcome", bound=Outcome)


Measured = tuple[int, str]
"""A call, and its content hash as it was measured."""


def withheld(measured: Iterable[Measured], content: Mapping[int, str] | None = None) -> set[Measured]:
    """Those that were changed since and of whose former content nothing may be told. `content`: what
    `content_of` gives of these calls, where the caller has it already."""
    asked = set(measured)
    if content is None:
        content = dict(content_of(list({call_id for call_id, _ in asked})))
    gone = {one for one in asked if one[0] not in content}
    changed = {one for one in asked - gone if content[one[0]] != one[1]}
    if not changed or settings.CALLGAUGE.redaction_originals == MEASURE:
        return gone
    rows = CallPayload.objects.filter(pk__in={call_id for call_id, _ in changed})
    redacted = {pk for pk, redaction in rows.values_list("pk", "redaction") if redaction}
    return gone | {one for one in changed if one[0] in redacted}


def forget_answers(of: Iterable[tuple[int, int]]) -> None:
    """Of evaluations, each a rerun and a call whose findings are withheld."""
    for rerun_id, call_id in set(of):
        JudgeCall.objects.filter(rerun=rerun_id, call=call_id, state=JudgeCallState.DONE).delete()


def without_words(outcome: AnOutcome) -> AnOutcome:
    """What it comes to, and nothing that it quotes."""
    bare = replace(outcome, explanation=(WITHHELD,), extra={})
    return replace(bare, evidence=()) if isinstance(bare, Scored) else bare
