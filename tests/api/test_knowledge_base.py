"""Knowledge base files on the wire: in, out, and walled off from other tenants."""

from __future__ import annotations

import base64

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from callgauge.flow import knowledge_base
from callgauge.flow.knowledge_base import documents_of
from callgauge.store.models import KnowledgeBaseFile
from tests.tenants import Tenant

V2 = "/test_framework/v2/aiagents"
FAMILIES = [V2, "/test_framework/v1/aiagents", "/test_framework/v1/aiagents-external"]


def b64(name: str, text: str) -> dict[str, str]:
    return {"name": name, "content_base64": base64.b64encode(text.encode()).decode()}


def upload(owner: Tenant, agent_id: int, *files: dict[str, str]) -> object:
    return owner.client.post(f"{V2}/{agent_id}/upload_knowledge_base/", {"files": list(files)})


@pytest.mark.parametrize("family", FAMILIES)
def test_up_listed_fetched_deleted(alice: Tenant, family: str) -> None:
    agent = alice.agent().pk
    parts = [SimpleUploadedFile("faq.md", "Öffnung".encode()), SimpleUploadedFile("p.csv", b"a,b\n1,2\n")]
    made = alice.client.post(f"{family}/{agent}/upload_knowledge_base/", {"files": parts}, format="multipart")
    assert made.status_code == 201
    listed = alice.client.get(f"{family}/{agent}/knowledge_base/").json()
    assert listed == made.json()
    assert (listed["count"], listed["next"], listed["previous"]) == (2, None, None)
    newest = listed["results"][0]
    assert newest.keys() == {
        "id", "agent", "file_url", "file_name", "file_type", "file_size", "created_at", "updated_at"
    }  # fmt: skip
    assert (newest["file_name"], newest["file_type"], newest["file_size"]) == ("p.csv", "csv", 8)
    assert newest["agent"] == agent

    fetched = alice.client.get(newest["file_url"])
    assert fetched.content == b"a,b\n1,2\n"
    assert fetched["Content-Disposition"].startswith("attachment")
    assert fetched["X-Content-Type-Options"] == "nosniff"

    assert alice.client.delete(f"{family}/{agent}/knowledge_base/{newest['id']}/").status_code == 204
    assert alice.client.delete(f"{family}/{agent}/delete_knowledge_base/").json() == {"deleted_count": 1}
    assert alice.client.delete(f"{family}/{agent}/delete_knowledge_base/").json() == {"deleted_count": 0}


def test_as_the_official_client_sends_it(alice: Tenant) -> None:
    agent = alice.agent().pk
    assert upload(alice, agent, b64("a.txt", "One."), b64("b.json", '{"k": "v"}')).status_code == 201  # type: ignore[attr-defined]
    documents = documents_of([agent])[agent]
    assert [(one.name, one.text) for one in documents] == [("a.txt", "One."), ("b.json", "k: v")]


def test_a_file_takes_the_place_of_its_namesake(alice: Tenant) -> None:
    agent = alice.agent().pk
    for text in ("Old.", "New."):
        upload(alice, agent, b64("docs/a.txt", text))
    assert [one.text for one in documents_of([agent])[agent]] == ["New."]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([], "at least one"),
        ("faq.md", "multipart parts, or a list"),
        ([{"name": "a.txt"}], "File 1 needs name and content_base64"),
        ([{"name": "a.txt", "content_base64": "%%%"}], "File 1: content_base64 is not base64"),
        ([b64("a.exe", "x")], "File 1 cannot be used: its name must end"),
        ([b64("a.txt", "x"), b64("b.json", "{")], "File 2 cannot be used: it is not valid JSON"),
        ([b64("a.txt", "x"), b64("x/a.txt", "y")], "File 2 cannot be used: another file"),
        ([b64(".txt/", "x")], "File 1 cannot be used"),
        (["a.txt"], "File 1 needs"),
        ([b64("a" * 300 + ".txt", "x")], "255"),
    ],
)
def test_nothing_is_taken_if_one_cannot_be(alice: Tenant, files: object, words: str) -> None:
    agent = alice.agent().pk
    refused = alice.client.post(f"{V2}/{agent}/upload_knowledge_base/", {"files": files})
    assert refused.status_code == 400
    assert words in refused.json()["files"][0]
    assert not KnowledgeBaseFile.objects.exists()


@pytest.mark.parametrize(("limit", "value"), [("MAX_FILES", 1), ("MAX_CHARS", 7), ("MAX_FILE_BYTES", 3)])
def test_limits(alice: Tenant, monkeypatch: pytest.MonkeyPatch, limit: str, value: int) -> None:
    agent = alice.agent().pk
    upload(alice, agent, b64("a.txt", "Kept"))
    monkeypatch.setattr(knowledge_base, limit, value)
    assert upload(alice, agent, b64("b.txt", "Over")).status_code == 400  # type: ignore[attr-defined]
    assert [one.name for one in documents_of([agent])[agent]] == ["a.txt"]


def test_the_tenants_wall(alice: Tenant, bob: Tenant, charlie: Tenant) -> None:
    agent = alice.agent().pk
    upload(alice, agent, b64("a.txt", "One."))
    url = bob.client.get(f"{V2}/{agent}/knowledge_base/").json()["results"][0]["file_url"]
    assert bob.client.get(url).content == b"One."
    for method, path in (
        ("get", f"{V2}/{agent}/knowledge_base/"),
        ("get", url),
        ("delete", url),
        ("delete", f"{V2}/{agent}/delete_knowledge_base/"),
        ("post", f"{V2}/{agent}/upload_knowledge_base/"),
    ):
        answer = getattr(charlie.client, method)(path)
        assert (answer.status_code, "detail" in answer.json()) == (404, True), path
    own = charlie.agent().pk
    file_id = url.rstrip("/").rpartition("/")[2]
    assert charlie.client.get(f"{V2}/{own}/knowledge_base/{file_id}/").status_code == 404
    assert charlie.client.delete(f"{V2}/{own}/knowledge_base/{file_id}/").status_code == 404
    assert KnowledgeBaseFile.objects.count() == 1


def test_files_go_with_their_agent(alice: Tenant) -> None:
    agent = alice.agent().pk
    upload(alice, agent, b64("a.txt", "One."))
    assert alice.client.delete(f"{V2}/{agent}/").status_code == 204
    assert not KnowledgeBaseFile.objects.exists()
