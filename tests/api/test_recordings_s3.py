"""Recordings in S3-compatible storage, on moto: a server made for tests that speaks S3's API."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from moto.core import set_initial_no_auth_action_count
from moto.server import ThreadedMotoServer

from callgauge.cli.doctor.finding import State
from callgauge.cli.doctor.places import recordings as look_at_store
from callgauge.flow.recordings import due
from callgauge.flow.recordings.files import Place, StoreError, files
from callgauge.flow.recordings.s3 import BLOCK_BYTES, Bucket
from callgauge.store.models import CallLog, RecordingFile
from tests.recordings import wav
from tests.tenants import Tenant

pytestmark = pytest.mark.django_db
CALLS = "/observability/v1/call-logs"
SOUND = wav()
PLACE = Place(7, hashlib.sha256(SOUND).hexdigest())


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield f"http://{host}:{port}"
    moto.stop()


@pytest.fixture
def bucket(server: str) -> Iterator[Any]:
    """Empty each time."""
    s3 = boto3.resource(
        "s3",
        endpoint_url=server,
        aws_access_key_id="k",
        aws_secret_access_key="s",
        region_name="us-east-1",
    )
    made = s3.Bucket("calls")
    made.create()
    yield made
    made.objects.all().delete()
    made.delete()


def options(server: str, **changes: str) -> str:
    given = {"endpoint": server, "region": "us-east-1", "access_key_id": "k", "secret_access_key": "s"}
    return ", ".join(f"{name}={value}" for name, value in {**given, **changes}.items())


@pytest.fixture
def store(server: str, bucket: Any, settings: Any, tmp_path: Path) -> Any:
    """The settings name the bucket."""
    settings.CALLGAUGE = replace(
        settings.CALLGAUGE,
        data_dir=tmp_path,
        recording_store="s3://calls/recordings",
        recording_store_options=options(server),
    )
    return bucket


def keys(bucket: Any) -> list[str]:
    return sorted(one.key for one in bucket.objects.all())


# --- the store by itself ----------------------------------------------------------------------------------


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "call.wav"
    path.write_bytes(SOUND)
    return path


def test_a_file_is_put_measured_read_in_parts_copied_listed_and_deleted(store: Any, source: Path) -> None:
    there = files()
    there.put(source, PLACE)
    there.put(source, PLACE)
    assert keys(store) == [f"recordings/{PLACE.path}"]
    assert there.size(PLACE) == len(SOUND)
    assert b"".join(there.read(PLACE, 0, len(SOUND))) == SOUND
    assert b"".join(there.read(PLACE, 100, 105)) == SOUND[100:105]
    assert b"".join(there.read(PLACE, 5, 5)) == b""
    with there.local(PLACE) as path:
        assert path.read_bytes() == SOUND
    assert not path.exists()
    assert [place for place, _ in there.places()] == [PLACE]
    there.delete(PLACE)
    there.delete(PLACE)
    assert keys(store) == []


def test_a_large_file_goes_in_parts(store: Any, tmp_path: Path) -> None:
    large = tmp_path / "large.wav"
    content = bytes(range(256)) * (80 * 1024)  # 20 MB: three parts, twenty blocks
    large.write_bytes(content)
    files().put(large, PLACE)
    assert files().size(PLACE) == len(content)
    middle = slice(BLOCK_BYTES - 3, 2 * BLOCK_BYTES + 3)
    assert b"".join(files().read(PLACE, middle.start, middle.stop)) == content[middle]
    with files().local(PLACE) as path:
        assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(content).digest()


def test_what_is_not_there_is_missing_and_no_fault(store: Any) -> None:
    assert files().size(PLACE) is None
    files().delete(PLACE)
    with pytest.raises(FileNotFoundError), files().local(PLACE):
        pass
    with pytest.raises(FileNotFoundError):
        list(files().read(PLACE, 0, 10))


def test_other_things_in_the_bucket_are_left_alone(store: Any, source: Path) -> None:
    store.put_object(Key="recordings/notes.txt", Body=b"mine")
    files().put(source, PLACE)
    assert [place for place, _ in files().places()] == [PLACE]


def test_a_bucket_that_is_not_there_is_a_fault_of_the_storage(server: str, bucket: Any, source: Path) -> None:
    nowhere = Bucket("s3://elsewhere/recordings", options(server))
    for use in (lambda: nowhere.put(source, PLACE), lambda: list(nowhere.places())):
        with pytest.raises(StoreError, match="bucket"):
            use()


def test_wrong_credentials_are_said_and_not_shown(server: str, bucket: Any, source: Path) -> None:
    given = options(server, access_key_id="AKIAWRONG", secret_access_key="hush")
    wrong = Bucket("s3://calls/recordings", given)

    @set_initial_no_auth_action_count(0)  # moto asks who somebody is
    def check() -> None:
        for use in (
            lambda: wrong.put(source, PLACE),
            lambda: wrong.size(PLACE),
            lambda: list(wrong.read(PLACE, 0, 5)),
            lambda: list(wrong.places()),
            lambda: wrong.delete(PLACE),
        ):
            with pytest.raises(StoreError, match="refuses the credentials") as caught:
                use()
            assert "hush" not in str(caught.value)
            assert "AKIAWRONG" not in str(caught.value)

    check()


def test_a_storage_that_is_away_is_said(source: Path) -> None:
    away = Bucket("s3://calls/recordings", options("http://127.0.0.1:9"))
    with pytest.raises(StoreError, match="cannot be reached"):
        away.put(source, PLACE)


def test_the_doctor_looks_into_the_bucket(store: Any, settings: Any) -> None:
    (found,) = look_at_store(settings.CALLGAUGE)
    assert found.state is State.OK
    settings.CALLGAUGE = replace(settings.CALLGAUGE, recording_store="s3://elsewhere")
    (found,) = look_at_store(settings.CALLGAUGE)
    assert found.state is State.FAULT
    assert "no such bucket" in found.words


# --- the whole way ----------------------------------------------------------------------------------------


def observed(who: Tenant, call_id: str = "c1") -> dict[str, Any]:
    part = SimpleUploadedFile("call.wav", SOUND, content_type="audio/x-wav")
    agent = who.project.agents.first() or who.agent()
    body = {"agent": agent.pk, "call_id": call_id, "voice_recording": part, "transcript_json": "[]"}
    response = who.client.post("/observability/v1/observe/", body, format="multipart")
    assert response.status_code == 201, response.content
    return json.loads(response.content)  # type: ignore[no-any-return]


def content(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def test_a_recording_is_sent_with_its_call_and_played_in_parts(
    alice: Tenant, charlie: Tenant, store: Any
) -> None:
    call = observed(alice)
    file = RecordingFile.objects.get()
    assert keys(store) == [f"recordings/{file.project_id}/{file.sha256[:2]}/{file.sha256}"]
    address = f"{CALLS}/{call['id']}/recording/"
    whole = alice.client.get(address)
    assert (whole.status_code, content(whole)) == (200, SOUND)
    part = alice.client.get(address, HTTP_RANGE="bytes=44-99")
    assert (part.status_code, content(part)) == (206, SOUND[44:100])
    assert part["Content-Range"] == f"bytes 44-99/{len(SOUND)}"
    assert content(alice.client.get(address, HTTP_RANGE="bytes=-8")) == SOUND[-8:]
    assert alice.client.get(address, HTTP_RANGE=f"bytes={len(SOUND)}-").status_code == 416
    assert charlie.client.get(address).status_code == 404
    assert json.loads(alice.client.get(f"{CALLS}/{call['id']}/").content)["waveform"]["status"] == "waiting"


def test_a_file_that_is_gone_from_the_bucket_is_not_found(alice: Tenant, store: Any) -> None:
    call = observed(alice)
    store.objects.all().delete()
    response = alice.client.get(f"{CALLS}/{call['id']}/recording/")
    assert response.status_code == 404
    assert json.loads(response.content)


def test_an_upload_is_put_and_taken_by_its_call(alice: Tenant, store: Any) -> None:
    call_id = alice.client.post(
        "/observability/v1/observe/", {"agent": alice.agent().pk, "call_id": "c1", "transcript_json": "[]"}
    ).json()["id"]
    place = json.loads(alice.client.post(f"{CALLS}/get-upload-url", {"file_name": "call.wav"}).content)
    put = alice.client.put(urlsplit(place["upload_url"]).path, SOUND, content_type="audio/wav")
    assert put.status_code == 200, put.content
    assert len(keys(store)) == 1
    done = alice.client.post(f"{CALLS}/complete-upload", {"key": place["key"], "call_id": "c1"})
    assert done.status_code == 200, done.content
    assert content(alice.client.get(f"{CALLS}/{call_id}/recording/")) == SOUND


def test_the_last_call_takes_its_file_along(
    alice: Tenant, store: Any, django_capture_on_commit_callbacks: Any
) -> None:
    call = observed(alice)
    with django_capture_on_commit_callbacks(execute=True):
        assert alice.client.delete(f"{CALLS}/{call['id']}/").status_code == 204
    assert keys(store) == []


def test_the_sweep_reads_the_bucket(alice: Tenant, store: Any, source: Path, monkeypatch: Any) -> None:
    observed(alice)
    files().put(source, Place(alice.project.pk, "0" * 64))
    assert due.sweep() == 0, "what is young may be on its way"
    monkeypatch.setattr(due, "SPARED", -due.SPARED)
    assert due.sweep() == 1
    assert len(keys(store)) == 1


def test_a_storage_that_is_away_refuses_the_call_whole(alice: Tenant, store: Any, settings: Any) -> None:
    settings.CALLGAUGE = replace(settings.CALLGAUGE, recording_store_options=options("http://127.0.0.1:9"))
    agent = alice.agent()
    part = SimpleUploadedFile("call.wav", SOUND, content_type="audio/x-wav")
    body = {"agent": agent.pk, "call_id": "c1", "voice_recording": part, "transcript_json": "[]"}
    response = alice.client.post("/observability/v1/observe/", body, format="multipart")
    assert response.status_code == 503, response.content
    assert b"storage" in response.content
    assert not CallLog.objects.exists()
