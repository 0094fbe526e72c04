"""An agent's knowledge base: files in, out, and as documents for the judge."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from django.db import transaction
from django.db.models import QuerySet, Sum

from callgauge.domain.calls import Document
from callgauge.flow.audit import audited, record
from callgauge.flow.errors import Invalid, NotFound
from callgauge.formats.documents import DocumentError, extract_text, kind_of
from callgauge.store.models import Agent, KnowledgeBaseFile

MAX_FILE_BYTES = 10 * 1024 * 1024
MAX_FILES = 100
MAX_CHARS = 4_000_000
"""Of all texts of an agent: so much is held in memory and indexed in well under a second."""
MAX_NAME = 255
KEPT_DOCUMENTS = 32
"""Texts that stay in memory between calls."""


@dataclass(frozen=True, slots=True)
class Upload:
    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class _Read:
    name: str
    data: bytes
    text: str


def files_of(agent: Agent) -> QuerySet[KnowledgeBaseFile]:
    """Newest first, without contents and texts."""
    return KnowledgeBaseFile.objects.filter(agent=agent).defer("content", "text").order_by("-id")


def files_of_all(agents: Iterable[Agent]) -> QuerySet[KnowledgeBaseFile]:
    """Like `files_of`, of several agents at once."""
    return (
        KnowledgeBaseFile.objects.filter(agent__in=[agent.pk for agent in agents])
        .defer("content", "text")
        .order_by("-id")
    )


def find_file(agent: Agent, file_id: int | None) -> KnowledgeBaseFile:
    """With its content. Raises NotFound."""
    found = KnowledgeBaseFile.objects.filter(agent=agent, pk=file_id or 0).defer("text").first()
    if found is None:
        raise NotFound
    return found


def add_files(agent: Agent, uploads: Sequence[Upload]) -> None:
    """All of them or none. A file takes the place of the one with its name. Raises Invalid."""
    if not uploads:
        raise Invalid.field("files", "Send at least one file.")
    read = _read_all(uploads)
    with transaction.atomic():
        if Agent.objects.select_for_update(no_key=True).filter(pk=agent.pk).first() is None:
            raise NotFound
        KnowledgeBaseFile.objects.filter(agent=agent, file_name__in=[one.name for one in read]).delete()
        there = KnowledgeBaseFile.objects.filter(agent=agent)
        if there.count() + len(read) > MAX_FILES:
            raise Invalid.field("files", f"An agent can have at most {MAX_FILES} files.")
        chars = there.aggregate(sum=Sum("text_chars"))["sum"] or 0
        if chars + sum(len(one.text) for one in read) > MAX_CHARS:
            raise Invalid.field("files", f"All files of an agent can have {MAX_CHARS:,} characters of text.")
        for one in read:
            KnowledgeBaseFile.objects.create(
                agent=agent,
                file_name=one.name,
                file_type=kind_of(one.name),
                file_size=len(one.data),
                content=one.data,
                text=one.text,
                text_chars=len(one.text),
                content_hash=hashlib.sha256(one.data).hexdigest(),
            )
        record("knowledge.added", agent, files=len(read))


def _read_all(uploads: Sequence[Upload]) -> list[_Read]:
    read: dict[str, _Read] = {}
    faults: list[str] = []
    for number, upload in enumerate(uploads, 1):
        name = _base_name(upload.name)
        try:
            if not name or len(name) > MAX_NAME:
                raise DocumentError(f"its name must have 1 to {MAX_NAME} characters")
            kind_of(name)
            if len(upload.data) > MAX_FILE_BYTES:
                raise DocumentError(f"it is larger than {MAX_FILE_BYTES // 2**20} MB")
            if name in read:
                raise DocumentError("another file of this request has the same name")
            read[name] = _Read(name, upload.data, extract_text(name, upload.data))
        except DocumentError as error:
            faults.append(f"File {number} cannot be used: {error}.")
    if faults:
        raise Invalid({"files": faults})
    return list(read.values())


def _base_name(name: str) -> str:
    """Without folders, and without characters that no header or database takes."""
    base = name.replace("\\", "/").rpartition("/")[2]
    clean = "".join(char for char in base if char.isprintable())
    return clean.encode("utf-8", "replace").decode("utf-8").strip()


@audited("knowledge.deleted")
def delete_files(agent: Agent) -> int:
    """All files of the agent; how many there were."""
    return KnowledgeBaseFile.objects.filter(agent=agent).delete()[1].get("store.KnowledgeBaseFile", 0)


@audited("knowledge.deleted")
def delete_file(agent: Agent, file_id: int | None) -> None:
    """Raises NotFound."""
    if not KnowledgeBaseFile.objects.filter(agent=agent, pk=file_id or 0).delete()[0]:
        raise NotFound


def documents_of(agent_ids: Iterable[int]) -> dict[int, tuple[Document, ...]]:
    """The knowledge base of each agent, by file name. Texts are read once while they stay the same."""
    found: dict[int, list[Document]] = {}
    rows = KnowledgeBaseFile.objects.filter(agent_id__in=set(agent_ids)).order_by("agent_id", "file_name")
    for pk, agent_id, name, content_hash in rows.values_list("pk", "agent_id", "file_name", "content_hash"):
        document = _document(pk, name, content_hash)
        if document is not None:
            found.setdefault(agent_id, []).append(document)
    return {agent_id: tuple(documents) for agent_id, documents in found.items()}


@lru_cache(maxsize=KEPT_DOCUMENTS)
def _document(pk: int, name: str, content_hash: str) -> Document | None:
    """A row's content never changes; None where it was deleted in between."""
    text = (
        KnowledgeBaseFile.objects.filter(pk=pk, content_hash=content_hash)
        .values_list("text", flat=True)
        .first()
    )
    return None if text is None else Document(name, text, content_hash)
