"""Recordings over HTTP: sent with a call, put to a place beforehand, played whole and in parts, deleted."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.utils import timezone
from rest_framework.test import APIClient

from callgauge.flow.recordings import due, rows
from callgauge.flow.recordings.files import files
from callgauge.store.models import CallLog, Recording, RecordingFile, RecordingUpload
from tests.recordings import wav
from tests.tenants import Tenant

OBSERVE = "/observability/v1/observe/"
CALLS = "/observability/v1/call-logs"
SOUND = wav()
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def store(settings: Any, tmp_path: Path) -> Path:
    settings.CALLGAUGE = replace(settings.CALLGAUGE, data_dir=tmp_path)
    return tmp_path / "recordings"


def stored(store: Path) -> list[str]:
    """Hashes of the files in the store."""
    return sorted(path.name for path in store.glob("[0-9]*/*/*"))


def send(who: Tenant, call_id: str = "c1", sound: bytes = SOUND, **fields: Any) -> dict[str, Any]:
    part = SimpleUploadedFile("call.wav", sound, content_type="audio/x-wav")
    agent = who.project.agents.first() or who.agent()
    body = {"agent": agent.pk, "call_id": call_id, "voice_recording": part, "transcript_json": "[]", **fields}
    response = who.client.post(OBSERVE, body, format="multipart")
    assert response.status_code == 201, response.content
    return json.loads(response.content)  # type: ignore[no-any-return]


def detail(who: Tenant, pk: int) -> dict[str, Any]:
    response = who.client.get(f"{CALLS}/{pk}/")
    assert response.status_code == 200
    return json.loads(response.content)  # type: ignore[no-any-return]


def content(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def link(who: Tenant, pk: int) -> str:
    parts = urlsplit(detail(who, pk)["voice_recording_url"])
    return f"{parts.path}?{parts.query}"


def test_a_recording_sent_with_its_call_is_kept_by_its_content(alice: Tenant, store: Path) -> None:
    call = send(alice, main_agent_channel_index=0)
    row = Recording.objects.select_related("file").get(pk=call["id"])
    assert row.file is not None
    assert stored(store) == [row.file.sha256]
    assert (row.file.size_bytes, row.file.media_type) == (len(SOUND), "audio/wav")
    assert not list((store / "incoming").iterdir())


def test_two_calls_share_a_file_and_the_last_takes_it_along(
    alice: Tenant, store: Path, django_capture_on_commit_callbacks: Any
) -> None:
    first, second = send(alice, "a"), send(alice, "b")
    assert len(stored(store)) == 1
    for call, left in ((first, 1), (second, 0)):
        with django_capture_on_commit_callbacks(execute=True):
            assert alice.client.delete(f"{CALLS}/{call['id']}/").status_code == 204
        assert len(stored(store)) == left


def test_a_recording_goes_even_where_evaluations_stay(
    alice: Tenant, store: Path, django_capture_on_commit_callbacks: Any
) -> None:
    call = send(alice)
    with django_capture_on_commit_callbacks(execute=True):
        alice.client.delete(f"{CALLS}/{call['id']}/?retain_evaluations=true")
    assert not stored(store)
    assert CallLog.objects.filter(pk=call["id"]).exists()


def test_a_call_that_is_known_already_leaves_no_file_behind(alice: Tenant, store: Path) -> None:
    send(alice, "c1")
    send(alice, "c1", wav(secs=3.0))
    assert len(stored(store)) == 1


@pytest.mark.parametrize(
    ("sound", "says"), [(b"", "empty"), (b"<!doctype html>", "no recording"), (b"\0" * 5_000, "no recording")]
)
def test_what_is_no_recording_is_refused(alice: Tenant, store: Path, sound: bytes, says: str) -> None:
    part = SimpleUploadedFile("call.wav", sound, content_type="audio/wav")
    body = {"agent": alice.agent().pk, "call_id": "c", "voice_recording": part}
    response = alice.client.post(OBSERVE, body, format="multipart")
    assert response.status_code == 400
    assert says in json.loads(response.content)["voice_recording"][0]
    assert not CallLog.objects.exists()
    assert not stored(store)


def test_a_recording_over_the_limit_is_refused(alice: Tenant, settings: Any) -> None:
    settings.CALLGAUGE = replace(settings.CALLGAUGE, recording_max_mb=1)
    part = SimpleUploadedFile("call.wav", wav(secs=70.0), content_type="audio/wav")
    body = {"agent": alice.agent().pk, "call_id": "c", "voice_recording": part}
    response = alice.client.post(OBSERVE, body, format="multipart")
    assert response.status_code == 400
    assert "CALLGAUGE_RECORDING_MAX_MB" in response.content.decode()


# --- playing ---------------------------------------------------------------------------------------------


def test_the_address_in_the_answer_plays_without_a_key(alice: Tenant) -> None:
    call = send(alice)
    url = detail(alice, call["id"])["voice_recording_url"]
    assert url.startswith("http://testserver/")
    response = APIClient().get(link(alice, call["id"]))
    assert response.status_code == 200
    assert content(response) == SOUND
    assert response["Content-Type"] == "audio/wav"
    assert response["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize(
    ("asked", "status", "start", "stop"),
    [
        ("bytes=0-99", 206, 0, 100),
        ("bytes=100-", 206, 100, None),
        ("bytes=-50", 206, -50, None),
        ("bytes=10-10", 206, 10, 11),
        ("bytes=0-999999999", 206, 0, None),
        ("bytes=5-2", 200, 0, None),
        ("bytes=0-1,5-9", 200, 0, None),
        ("bytes=-", 200, 0, None),
        ("pages=1-2", 200, 0, None),
    ],
)
def test_a_part_is_played(alice: Tenant, asked: str, status: int, start: int, stop: int | None) -> None:
    response = APIClient().get(link(alice, send(alice)["id"]), HTTP_RANGE=asked)
    expected = SOUND[start:stop]
    assert (response.status_code, content(response)) == (status, expected)
    assert int(response["Content-Length"]) == len(expected)
    if status == 206:
        first = start % len(SOUND)
        assert response["Content-Range"] == f"bytes {first}-{first + len(expected) - 1}/{len(SOUND)}"


def test_a_range_beyond_the_end_is_416(alice: Tenant) -> None:
    response = APIClient().get(link(alice, send(alice)["id"]), HTTP_RANGE=f"bytes={len(SOUND)}-")
    assert (response.status_code, response["Content-Range"]) == (416, f"bytes */{len(SOUND)}")


def test_a_range_of_another_version_gives_the_whole_file(alice: Tenant) -> None:
    response = APIClient().get(
        link(alice, send(alice)["id"]), HTTP_RANGE="bytes=0-9", HTTP_IF_RANGE='"other"'
    )
    assert response.status_code == 200


def test_teammates_play_it_and_strangers_do_not(alice: Tenant, bob: Tenant, charlie: Tenant) -> None:
    path = f"{CALLS}/{send(alice)['id']}/recording/"
    assert bob.client.get(path).status_code == 200
    assert charlie.client.get(path).status_code == 404
    assert alice.client.get(f"{CALLS}/999999/recording/").status_code == 404
    assert APIClient().get(path).status_code == 401


def test_a_link_cannot_be_turned_to_another_call_or_made_longer(alice: Tenant) -> None:
    first, second = send(alice, "a"), send(alice, "b", wav(secs=3.0))
    good = link(alice, first["id"])
    other = good.replace(f"/{first['id']}/", f"/{second['id']}/")
    longer = re.sub(r"expires=\d+", "expires=99999999999", good)
    for path in (other, longer, good[:-3] + "xyz", good.split("&")[0] + "&signature="):
        assert APIClient().get(path).status_code == 404


def test_an_old_link_says_that_it_is_over(alice: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    old = link(alice, send(alice)["id"])
    monkeypatch.setattr("callgauge.flow.recordings.links.time.time", lambda: timezone.now().timestamp() + 9e3)
    response = APIClient().get(old)
    assert response.status_code == 403
    assert "voice_recording_url" in json.loads(response.content)["detail"]


def test_a_call_without_a_file_plays_nothing(alice: Tenant) -> None:
    body = {"agent": alice.agent().pk, "call_id": "c", "voice_recording_url": "https://example.com/a.wav"}
    call = json.loads(alice.client.post(OBSERVE, body, format="json").content)
    assert alice.client.get(f"{CALLS}/{call['id']}/recording/").status_code == 404
    shown = detail(alice, call["id"])
    assert (shown["voice_recording_url"], shown["waveform"]) == (
        "https://example.com/a.wav",
        {"status": "waiting"},
    )


def test_fields_that_come_as_files_are_their_text(alice: Tenant, store: Path) -> None:
    turns = b'\xef\xbb\xbf[{"role": "Main Agent", "content": "Good evening.", "start_time": 0}]'
    body = {"agent": alice.agent().pk, "call_id": "c1", "voice_recording": SimpleUploadedFile("c.wav", SOUND)}
    sent = {**body, "transcript_json": SimpleUploadedFile("t.json", turns)}
    response = alice.client.post(OBSERVE, sent, format="multipart")
    assert response.status_code == 201, response.json()
    assert response.json()["transcript_object"][0]["content"] == "Good evening."
    sent = {**body, "transcript_json": SimpleUploadedFile("t.json", b"\xff\xfe")}
    response = alice.client.post(OBSERVE, sent, format="multipart")
    assert (response.status_code, response.json()) == (
        400,
        {"transcript_json": ["The file is not UTF-8 text."]},
    )


# --- uploading beforehand --------------------------------------------------------------------------------


def place(who: Tenant) -> dict[str, Any]:
    response = who.client.post(f"{CALLS}/get-upload-url", {"file_name": "a.wav"}, format="json")
    assert response.status_code == 200
    return json.loads(response.content)  # type: ignore[no-any-return]


def put(upload: dict[str, Any], sound: bytes = SOUND) -> Any:
    path = urlsplit(upload["upload_url"]).path
    return APIClient().put(path, sound, content_type="audio/wav")


def test_an_upload_is_taken_by_a_call_that_is_there(alice: Tenant, store: Path) -> None:
    agent = alice.agent()
    sent = {"agent": agent.pk, "call_id": "c1", "transcript_json": []}
    call = json.loads(alice.client.post(OBSERVE, sent, format="json").content)
    before = CallLog.objects.get(pk=call["id"]).content_hash
    upload = place(alice)
    assert not upload["upload_url"].endswith("/"), "`curl -T FILE` would put the file's name behind it"
    assert put(upload).status_code == 200
    done = alice.client.post(
        f"{CALLS}/complete-upload", {"key": upload["key"], "call_id": "c1"}, format="json"
    )
    assert done.status_code == 200
    assert "/recording/" in json.loads(done.content)["voice_recording_url"]
    assert CallLog.objects.get(pk=call["id"]).content_hash != before
    assert not RecordingUpload.objects.exists()
    assert len(stored(store)) == 1


def test_an_upload_is_named_by_the_call_that_comes_later(alice: Tenant, store: Path) -> None:
    upload = place(alice)
    put(upload)
    confirmed = alice.client.post(f"{CALLS}/complete-upload", {"key": upload["key"]}, format="json")
    url = json.loads(confirmed.content)["voice_recording_url"]
    sent = {"agent": alice.agent().pk, "call_id": "c1", "voice_recording_url": url}
    call = json.loads(alice.client.post(OBSERVE, sent, format="json").content)
    assert content(alice.client.get(f"{CALLS}/{call['id']}/recording/")) == SOUND
    assert len(stored(store)) == 1


def test_an_upload_sent_again_replaces_the_first(
    alice: Tenant, store: Path, django_capture_on_commit_callbacks: Any
) -> None:
    upload = place(alice)
    put(upload)
    with django_capture_on_commit_callbacks(execute=True):
        put(upload, wav(secs=3.0))
    assert len(stored(store)) == RecordingFile.objects.count() == 1


def test_an_upload_of_nothing_cannot_be_completed(alice: Tenant) -> None:
    upload = place(alice)
    assert put(upload, b"").status_code == 400
    done = alice.client.post(f"{CALLS}/complete-upload", {"key": upload["key"]}, format="json")
    assert (done.status_code, list(json.loads(done.content))) == (400, ["key"])


def test_strangers_can_neither_complete_nor_name_an_upload(alice: Tenant, charlie: Tenant) -> None:
    upload = place(alice)
    put(upload)
    done = charlie.client.post(f"{CALLS}/complete-upload", {"key": upload["key"]}, format="json")
    assert (done.status_code, list(json.loads(done.content))) == (400, ["key"])
    sent = {"agent": charlie.agent().pk, "call_id": "c", "voice_recording_url": upload["voice_recording_url"]}
    response = charlie.client.post(OBSERVE, sent, format="json")
    assert (response.status_code, list(json.loads(response.content))) == (400, ["voice_recording_url"])
    assert APIClient().put(f"{CALLS}/uploads/{'x' * 43}/", SOUND, content_type="audio/wav").status_code == 404


# --- sweeping --------------------------------------------------------------------------------------------


def test_the_sweep_takes_only_what_nobody_names_and_is_old(alice: Tenant, store: Path) -> None:
    import os

    send(alice, "a")
    kept = stored(store)
    (hidden,) = store.glob("[0-9]*/*/*")
    orphan = hidden.parent.parent / "ab" / ("ab" + "0" * 62)
    orphan.parent.mkdir()
    fresh = orphan.with_name("ab" + "1" * 62)
    half = store / "incoming" / "half"
    for path in (orphan, fresh, half):
        path.write_bytes(b"x")
    for path in (orphan, half, hidden):
        os.utime(path, (1, 1))
    assert due.sweep() == 2
    assert stored(store) == sorted([*kept, fresh.name])


def test_the_sweep_ends_uploads_that_are_over(
    alice: Tenant, store: Path, django_capture_on_commit_callbacks: Any
) -> None:
    put(place(alice))
    RecordingUpload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with django_capture_on_commit_callbacks(execute=True):
        due.sweep()
    assert not stored(store)
    assert not RecordingUpload.objects.exists()


# --- waveform --------------------------------------------------------------------------------------------


def test_the_waveform_names_channels_and_keeps_fine_zooms_apart(alice: Tenant) -> None:
    call = send(alice, main_agent_channel_index=1)
    file = RecordingFile.objects.get()
    zooms = [{"secs_per_point": 6 / n, "peaks": [[0.5] * n, [0.1] * n]} for n in (400, 2000, 10_000)]
    due.seen(file.pk, duration_secs=6.0, sample_rate=8000, channels=2, zooms=zooms)
    shown = detail(alice, call["id"])["waveform"]
    assert shown["channels"] == [{"index": 0, "role": "Testing Agent"}, {"index": 1, "role": "Main Agent"}]
    assert [len(zoom["peaks"][1]) for zoom in shown["zooms"]] == [400, 2000]
    full = json.loads(alice.client.get(f"{CALLS}/{call['id']}/waveform/").content)
    assert [len(zoom["peaks"][0]) for zoom in full["zooms"]] == [400, 2000, 10_000]


def test_files_are_named_within_their_project(alice: Tenant, charlie: Tenant, store: Path) -> None:
    send(alice)
    send(charlie)
    assert len({place.project_id for place, _ in files().places()}) == 2


def test_files_are_dropped_in_one_order(alice: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two that delete calls with the same recordings lock their places; in two orders they would wait for
    each other."""
    held: list[str] = []
    monkeypatch.setattr(rows, "_hold", lambda place: held.append(place.sha256))
    for digit in "cab":
        RecordingFile.objects.create(
            project=alice.project, sha256=digit * 64, media_type="audio/wav", size_bytes=1
        )
    with transaction.atomic():
        rows.drop_unused(RecordingFile.objects.values_list("pk", flat=True))
    assert held == [digit * 64 for digit in "abc"]
    assert not RecordingFile.objects.exists()
