"""`callgauge import`: what is refused, with its line and reason and without a word of the call."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from callgauge.store.models import Agent, CallLog
from tests.cli.conftest import Run
from tests.cli.import_rows import row, write
from tests.tenants import Tenant

SECRET_WORDS = "my card number is 4929"


JSONL_FAULTS = {
    "truncated": (
        b'{"call_id": "x", "transcript_json": [{"role": "us',
        "not valid JSON: Unterminated string",
    ),
    "no object": (b"[1, 2]", "row: Expected an object"),
    "not UTF-8": (b'{"call_id": "\xff\xfe"}', "the text is not UTF-8"),
    "NaN": (b'{"call_id": "x", "metadata": {"a": NaN}}', "NaN is not JSON"),
    "deep": (b'{"a": ' + b"[" * 100_000, "nested too deeply"),
    "no transcript": (b'{"call_id": "x", "text": "hello"}', "Expected a transcript under transcript_json"),
    "no turns": (b'{"call_id": "x", "transcript": "hello there"}', "Expected turns as JSON, or lines"),
    "bad turn": (b'{"call_id": "x", "transcript_json": [1]}', "Row 1: expected an object, found a number"),
    "bad time": (
        b'{"call_id": "x", "timestamp": "soon", "transcript_json": []}',
        "timestamp: Datetime has wrong format",
    ),
    "NUL in the id": (b'{"call_id": "a\\u0000b", "transcript_json": []}', "call_id: Null characters"),
    "long id": (b'{"call_id": "' + b"x" * 101 + b'", "transcript_json": []}', "no more than 100 characters"),
    "metadata": (b'{"call_id": "x", "metadata": 3, "transcript_json": []}', "metadata: Expected an object"),
    "redaction": (
        b'{"call_id": "x", "redact_fields": ["iris_scan"], "turns": []}',
        "redact_fields: 'iris_scan'",
    ),
}


class TestRefusals:
    @pytest.mark.parametrize(("line", "reason"), JSONL_FAULTS.values(), ids=JSONL_FAULTS)
    def test_a_line_is_refused_with_its_number_and_the_others_go_in(
        self, run: Run, agent: Agent, tmp_path: Path, line: bytes, reason: str
    ) -> None:
        file = tmp_path / "calls.jsonl"
        good = [json.dumps(row(name)).encode() for name in ("c-1", "c-2")]
        file.write_bytes(b"\n".join([good[0], line, good[1]]))
        result = run("import", file, "--agent", agent.pk)
        assert result.exit_code == 1
        assert result.stderr.startswith(f"{file}:2: ")
        assert reason in result.stderr
        assert result.stderr.count("\n") == 1
        assert "2 added, 0 already there, 1 refused" in result.stdout
        assert CallLog.objects.count() == 2

    def test_no_call_text_is_shown(self, run: Run, agent: Agent, tmp_path: Path) -> None:
        file = tmp_path / "calls.jsonl"
        faulty = [
            json.dumps(row("x", timestamp=SECRET_WORDS)),
            json.dumps({"call_id": "x", "transcript": SECRET_WORDS}),
            json.dumps(row("x", transcript_json=[{"role": "user", "content": SECRET_WORDS}, SECRET_WORDS])),
            json.dumps(row("x"))[:-3].replace("Good morning.", SECRET_WORDS),
            json.dumps(row("x", metadata=SECRET_WORDS)),
        ]
        file.write_text("\n".join(faulty))
        result = run("import", file, "--agent", agent.pk)
        assert result.stdout.splitlines()[0] == "5 rows: 0 added, 0 already there, 5 refused."
        assert "card" not in result.output + result.stderr

    @pytest.mark.parametrize(
        ("text", "line", "reason", "added"),
        [
            ('[\n{"call_id": "c-1", "turns": []},\n{"call_id": "c-2", "tu', 3, "Unterminated string", 1),
            ('[{"call_id": "c-1", "turns": []}\n', 2, "the file is cut short", 1),
            ('[\n{"call_id": "c-1", "turns": []},\n\n7]', 4, "Expected an object", 1),
            ("no json", 1, "not valid JSON: Expecting value", 0),
        ],
        ids=["cut inside a row", "cut after a row", "no object", "no JSON"],
    )
    def test_json(
        self, run: Run, agent: Agent, tmp_path: Path, text: str, line: int, reason: str, added: int
    ) -> None:
        file = tmp_path / "calls.json"
        file.write_text(text)
        result = run("import", file, "--agent", agent.pk)
        assert result.exit_code == 1
        assert result.stderr.startswith(f"{file}:{line}: ")
        assert reason in result.stderr
        assert CallLog.objects.count() == added

    def test_csv(self, run: Run, agent: Agent, tmp_path: Path) -> None:
        file = tmp_path / "calls.csv"
        file.write_bytes(
            b"id,transcript\n"
            b'c-1,"Agent: Hello.\nCaller: Hi."\n'
            b"c-2,Agent: Hello.,one cell too many\n"
            b"c-3,Agent: \xff\n"
            b'c-4,"Agent: Hello."x\n'
            b"c-5,Agent: Hello.\n"
            b'c-6,"Agent: Hello.\n'
        )
        result = run("import", file, "--agent", agent.pk)
        assert result.exit_code == 1
        assert [line.removeprefix(f"{file}:") for line in result.stderr.splitlines()] == [
            "4: the row has 3 cells, the header 2",
            "5: the text is not UTF-8",
            "6: not valid CSV: ',' expected after '\"'",
            "8: not valid CSV: unexpected end of data",
        ]
        assert set(CallLog.objects.values_list("call_id", flat=True)) == {"c-1", "c-5"}

    def test_a_row_that_is_too_large_is_passed_over(
        self, run: Run, agent: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("callgauge.cli.import_files.MAX_ROW_BYTES", 1000)
        file = write(tmp_path / "calls.jsonl", row("c-1"), row("c-2", feedback="x" * 5000), row("c-3"))
        result = run("import", file, "--agent", agent.pk)
        assert result.stderr.startswith(f"{file}:2: the row is larger than")
        assert set(CallLog.objects.values_list("call_id", flat=True)) == {"c-1", "c-3"}

    def test_a_json_file_that_is_too_large_is_told_to_become_jsonl(
        self, run: Run, agent: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("callgauge.cli.import_files.MAX_JSON_BYTES", 10)
        file = tmp_path / "calls.json"
        file.write_text(json.dumps([row()]))
        assert ".jsonl" in run("import", file, "--agent", agent.pk).stderr


class TestUsage:
    def test_unknown_agent(self, run: Run, alice: Tenant, tmp_path: Path) -> None:
        file = write(tmp_path / "calls.jsonl", row())
        for wrong in ("999", "Bookings", "1" * 30):
            result = run("import", file, "--agent", wrong)
            assert result.exit_code == 2
            assert result.stderr.startswith(f"Error: There is no agent with the id '{wrong}'.")
            assert result.stderr.count("\n") == 1

    def test_an_agent_of_another_project(
        self, run: Run, agent: Agent, charlie: Tenant, tmp_path: Path
    ) -> None:
        file = write(tmp_path / "calls.jsonl", row())
        assert run("import", file, "--agent", agent.pk, "--project", agent.project_id).exit_code == 0
        refused = run("import", file, "--agent", agent.pk, "--project", charlie.project.pk)
        assert refused.exit_code == 2
        assert "in project" in refused.stderr
        ambiguous = run("import", file, "--agent", agent.pk, "--project", "Support")
        assert "Several organizations have a project 'Support'" in ambiguous.stderr
        assert run("import", file, "--agent", agent.pk, "--project", "Nowhere").exit_code == 2

    def test_files_of_another_kind_and_empty_folders(self, run: Run, agent: Agent, tmp_path: Path) -> None:
        notes = tmp_path / "calls.txt"
        notes.write_text("hello")
        (tmp_path / "empty").mkdir()
        for source in (notes, tmp_path / "empty", tmp_path / "nowhere.jsonl"):
            assert run("import", source, "--agent", agent.pk).exit_code == 2
