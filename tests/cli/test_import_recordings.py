"""`callgauge import` with the files of recordings: named in rows, found by call id, refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from callgauge.store.models import Agent, CallLog, Recording, RecordingFile, RecordingState
from tests.cli.conftest import Run
from tests.cli.import_rows import row, write
from tests.recordings import wav


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """The folder of what is imported."""
    (tmp_path / "in" / "audio").mkdir(parents=True)
    return tmp_path / "in"


def states() -> dict[str, str]:
    return dict(Recording.objects.values_list("call__call_id", "state"))


@pytest.mark.parametrize("field", ["recording", "voice_recording"])
def test_a_row_names_the_file_beside_it(run: Run, agent: Agent, calls: Path, field: str) -> None:
    (calls / "audio" / "one.wav").write_bytes(wav())
    file = write(calls / "calls.jsonl", row("c-1", **{field: "audio/one.wav"}), row("c-2"))
    result = run("import", file, "--agent", agent.pk)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0] == (
        "2 rows: 2 added, 0 already there, 0 refused, 1 of them with a recording."
    )
    assert states() == {"c-1": RecordingState.STORED}
    call = CallLog.objects.select_related("payload").get(call_id="c-1")
    assert field not in json.loads(call.payload.metadata)
    assert RecordingFile.objects.get().size_bytes == len(wav())


def test_files_are_found_by_the_ids_of_calls(run: Run, agent: Agent, calls: Path) -> None:
    (calls / "audio" / "c-1.wav").write_bytes(wav())
    (calls / "audio" / "c.2.FLAC").write_bytes(wav(kind="FLAC"))
    (calls / "audio" / "other.wav").write_bytes(wav())
    (calls / "audio" / "c-3.txt").write_text("no recording")
    rows = [row("c-1"), row("c.2"), row("c-3"), row("../audio/other")]
    file = write(calls / "calls.jsonl", *rows)
    result = run("import", file, "--agent", agent.pk, "--recordings", calls / "audio", "--json")
    assert result.exit_code == 0, result.output
    assert states() == {"c-1": "stored", "c.2": "stored"}
    assert json.loads(result.stdout)["recordings"] == 2


def test_what_belongs_to_no_call_is_said(run: Run, agent: Agent, calls: Path) -> None:
    (calls / "audio" / "c-9.wav").write_bytes(wav())
    file = write(calls / "calls.jsonl", row("c-1"))
    result = run("import", file, "--agent", agent.pk, "--recordings", calls / "audio")
    assert result.exit_code == 0
    assert "1 file belongs to none of these calls (in the folder of recordings)." in result.stderr


def test_a_path_in_a_row_is_looked_up_in_the_folder_that_is_given(
    run: Run, agent: Agent, calls: Path
) -> None:
    (calls / "audio" / "one.wav").write_bytes(wav())
    file = write(calls / "calls.csv")
    file.write_text("call_id,transcript,recording\nc-1,Agent: Hi.,one.wav\n")
    assert run("import", file, "--agent", agent.pk, "--recordings", calls / "audio").exit_code == 0
    assert states() == {"c-1": "stored"}


def test_an_address_in_the_field_is_fetched_later(run: Run, agent: Agent, calls: Path) -> None:
    file = write(calls / "calls.jsonl", row("c-1", recording="https://files.example/c-1.wav"))
    assert run("import", file, "--agent", agent.pk).exit_code == 0
    assert states() == {"c-1": "waiting"}


def test_a_call_may_be_a_recording_alone(run: Run, agent: Agent, calls: Path) -> None:
    (calls / "one.wav").write_bytes(wav())
    file = write(calls / "calls.jsonl", {"call_id": "c-1", "recording": "one.wav"})
    assert run("import", file, "--agent", agent.pk).exit_code == 0
    assert states() == {"c-1": "stored"}


def test_importing_again_adds_nothing(run: Run, agent: Agent, calls: Path) -> None:
    (calls / "c-1.wav").write_bytes(wav())
    file = write(calls / "calls.jsonl", row("c-1"))
    for known in (0, 1):
        result = run("import", file, "--agent", agent.pk, "--recordings", calls, "--json")
        assert json.loads(result.stdout)["known"] == known
    assert RecordingFile.objects.count() == 1


@pytest.mark.parametrize("dry", [True, False])
@pytest.mark.parametrize(
    ("named", "content", "words"),
    [
        ("none.wav", None, "there is no such file"),
        ("../secret.wav", None, "leads out of"),
        ("/etc/hostname", None, "leads out of"),
        ("audio", None, "there is no such file"),
        ("a\x00b.wav", None, "no path of a file"),
        ("bad.wav", b"", "The recording is empty."),
        ("bad.wav", b"MZ\x90 no sound at all", "no recording that can be read"),
        (7, None, "Expected the path of a file"),
    ],
)
def test_a_file_that_cannot_be_taken_refuses_its_row_only(
    run: Run, agent: Agent, calls: Path, named: object, content: bytes | None, words: str, dry: bool
) -> None:
    (calls.parent / "secret.wav").write_bytes(wav())
    if content is not None:
        (calls / str(named)).write_bytes(content)
    file = write(calls / "calls.jsonl", row("c-1", recording=named), row("c-2"))
    result = run("import", file, "--agent", agent.pk, *(["--dry-run"] if dry else []))
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"{file}:1: recording: ")
    assert words in line
    assert not Recording.objects.exists()
    assert list(CallLog.objects.values_list("call_id", flat=True)) == ([] if dry else ["c-2"])


def test_a_link_out_of_the_folder_is_not_followed(run: Run, agent: Agent, calls: Path) -> None:
    (calls.parent / "secret.wav").write_bytes(wav())
    (calls / "link.wav").symlink_to(calls.parent / "secret.wav")
    file = write(calls / "calls.jsonl", row("c-1", recording="link.wav"))
    assert "leads out of" in run("import", file, "--agent", agent.pk).stderr


def test_two_files_of_one_call_are_not_chosen_between(run: Run, agent: Agent, calls: Path) -> None:
    for ending in ("wav", "flac"):
        (calls / "audio" / f"c-1.{ending}").write_bytes(wav(kind=ending.upper()))
    file = write(calls / "calls.jsonl", row("c-1"))
    result = run("import", file, "--agent", agent.pk, "--recordings", calls / "audio")
    assert "c-1.flac, c-1.wav" in result.stderr
    assert not CallLog.objects.exists()


def test_a_link_that_is_named_after_a_call_leads_to_nothing_outside(
    run: Run, agent: Agent, calls: Path
) -> None:
    (calls.parent / "secret.wav").write_bytes(wav())
    (calls / "audio" / "c-1.wav").symlink_to(calls.parent / "secret.wav")
    (calls / "audio" / "other.wav").write_bytes(wav())
    (calls / "audio" / "c-2.wav").symlink_to("other.wav")
    file = write(calls / "calls.jsonl", row("c-1"), row("c-2"))
    result = run("import", file, "--agent", agent.pk, "--recordings", calls / "audio")
    assert f"{file}:1: recording: the file named after the call leads out of" in result.stderr
    assert states() == {"c-2": "stored"}
