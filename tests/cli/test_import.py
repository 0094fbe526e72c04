"""`callgauge import`: what goes in, what is refused and why, and that repeating it adds nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from callgauge.cli import import_calls as command
from callgauge.store.models import Agent, CallLog, DuplicateCallPolicy, Rerun
from tests.cli.conftest import Run
from tests.tenants import Tenant

TURNS = [
    {"role": "Main Agent", "content": "Good morning.", "start_time": 0.0, "end_time": 1.5},
    {"role": "Testing Agent", "content": "A table, please.", "start_time": 2.0, "end_time": 3.5},
]
SECRET_WORDS = "my card number is 4929"


@pytest.fixture
def agent(alice: Tenant) -> Agent:
    return alice.agent()


def row(call_id: str | None = "c-1", **fields: Any) -> dict[str, Any]:
    body = {"transcript_json": TURNS, **fields}
    return body if call_id is None else {"call_id": call_id, **body}


def write(path: Path, *rows: Any, end: str = "\n") -> Path:
    path.write_bytes("".join(json.dumps(one) + end for one in rows).encode())
    return path


def the_call() -> CallLog:
    return CallLog.objects.select_related("payload").get()


def turns(call: CallLog) -> list[tuple[str, str]]:
    return [(turn["role"], turn["content"]) for turn in json.loads(call.payload.turns)]


SAID = [("Main Agent", "Good morning."), ("Testing Agent", "A table, please.")]


class TestForms:
    def test_jsonl(self, run: Run, agent: Agent, tmp_path: Path) -> None:
        file = write(tmp_path / "calls.jsonl", row("c-1"), row("c-2"))
        result = run("import", file, "--agent", agent.pk)
        assert result.exit_code == 0, result.output
        assert result.stdout.splitlines()[0] == "2 rows: 2 added, 0 already there, 0 refused."
        assert set(CallLog.objects.values_list("call_id", "agent_id")) == {
            ("c-1", agent.pk),
            ("c-2", agent.pk),
        }
        assert Rerun.objects.filter(kind="live").count() == 2, "every call waits for its evaluation"

    def test_bom_crlf_and_empty_lines(self, run: Run, agent: Agent, tmp_path: Path) -> None:
        file = tmp_path / "calls.jsonl"
        first, second = (json.dumps(row(name)).encode() for name in ("c-1", "c-2"))
        file.write_bytes(b"\xef\xbb\xbf" + first + b"\r\n\r\n  \r\n" + second)
        assert run("import", file, "--agent", agent.pk).exit_code == 0
        assert CallLog.objects.count() == 2

    @pytest.mark.parametrize(
        "text",
        [
            json.dumps([row("c-1"), row("c-2")], indent=1),
            json.dumps(row("c-1")) + "\n" + json.dumps(row("c-2"), indent=2),
            "\ufeff [" + json.dumps(row("c-1")) + "\n,\n" + json.dumps(row("c-2")) + " ] \n",
        ],
        ids=["array", "one after the other", "with a BOM"],
    )
    def test_json(self, run: Run, agent: Agent, tmp_path: Path, text: str) -> None:
        file = tmp_path / "calls.json"
        file.write_text(text, encoding="utf-8")
        assert run("import", file, "--agent", agent.pk).exit_code == 0
        assert set(CallLog.objects.values_list("call_id", flat=True)) == {"c-1", "c-2"}

    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    def test_csv(self, run: Run, agent: Agent, tmp_path: Path, delimiter: str) -> None:
        header = delimiter.join(["Call ID", "transcript", "metadata", "Call Ended Reason", "shop"])
        cells = [
            "c-1",
            '"Agent: Good morning.\nCaller: A table, please."',
            '"{""tier"": ""gold""}"',
            "",
            "West",
        ]
        file = tmp_path / "calls.csv"
        file.write_text(header + "\r\n" + delimiter.join(cells) + "\r\n\r\n", encoding="utf-8-sig")
        result = run("import", file, "--agent", agent.pk)
        assert result.exit_code == 0, result.output
        assert turns(the_call()) == SAID
        assert json.loads(the_call().payload.metadata) == {"tier": "gold", "shop": "West"}

    def test_folder_in_name_order(self, run: Run, agent: Agent, tmp_path: Path) -> None:
        folder = tmp_path / "calls"
        folder.mkdir()
        write(folder / "b.jsonl", row("c-2"), row("c-3"))
        (folder / "a.json").write_text(json.dumps(row("c-1")))
        (folder / "notes.txt").write_text("not a call")
        assert run("import", folder, "--agent", agent.pk).exit_code == 0
        assert list(CallLog.objects.order_by("pk").values_list("call_id", flat=True)) == ["c-1", "c-2", "c-3"]


class TestRows:
    @pytest.mark.parametrize(
        "fields",
        [
            {"id": "c-1", "transcript_object": TURNS},
            {"id": "c-1", "messages": [{"role": "assistant", "content": "Good morning."}, TURNS[1]]},
            {"call_id": "c-1", "turns": TURNS},
            {"call_id": "c-1", "transcript": json.dumps(TURNS)},
            {"call_id": "c-1", "transcript": "Agent: Good morning.\nCaller: A table,\n  please."},
            {
                "call_id": "c-1",
                "transcript": "[00:00] Agent: Good morning.\n[00:02] Caller: A table, please.",
            },
            {
                "call_id": "c-1",
                "transcript": "0:00 Main Agent: Good morning.\n\n0:02 User: A table, please.\n",
            },
        ],
        ids=["transcript_object", "messages", "turns", "JSON text", "lines", "timed lines", "bare times"],
    )
    def test_aliases(self, run: Run, agent: Agent, tmp_path: Path, fields: dict[str, Any]) -> None:
        result = run("import", write(tmp_path / "calls.jsonl", fields), "--agent", agent.pk)
        assert result.exit_code == 0, result.output
        assert (the_call().call_id, turns(the_call())) == ("c-1", SAID)

    def test_timed_lines_keep_their_times(self, run: Run, agent: Agent, tmp_path: Path) -> None:
        text = "[00:00] Agent: Good morning.\n[00:02] Caller: One thing: a table.\n[01:05] Agent: Of course."
        run(
            "import",
            write(tmp_path / "calls.jsonl", row(None, transcript=text, transcript_json=None)),
            "--agent",
            agent.pk,
        )
        stored = json.loads(the_call().payload.turns)
        assert [turn["start_time"] for turn in stored] == [0.0, 2.0, 65.0]
        assert stored[1]["content"] == "One thing: a table."
        assert the_call().duration_secs == 65.0

    def test_a_colon_in_speech_starts_no_turn(self, run: Run, agent: Agent, tmp_path: Path) -> None:
        text = "Agent: We are open at these times:\nmonday to friday: nine to five\nCaller: Thanks."
        run(
            "import",
            write(tmp_path / "calls.jsonl", row(None, transcript=text, transcript_json=None)),
            "--agent",
            agent.pk,
        )
        assert turns(the_call()) == [
            ("Main Agent", "We are open at these times: monday to friday: nine to five"),
            ("Testing Agent", "Thanks."),
        ]

    def test_unknown_fields_go_to_metadata_and_do_not_hide_what_stands_there(
        self, run: Run, agent: Agent, tmp_path: Path
    ) -> None:
        sent = row("c-1", id=77, shop="West", tier="row", metadata={"tier": "gold"}, status="success")
        run("import", write(tmp_path / "calls.jsonl", sent), "--agent", agent.pk)
        assert json.loads(the_call().payload.metadata) == {"id": 77, "shop": "West", "tier": "gold"}

    def test_fields_of_the_api_arrive(self, run: Run, agent: Agent, tmp_path: Path) -> None:
        sent = row(
            "c-1",
            timestamp="2026-11-02T16:04:10Z",
            call_ended_reason="customer-ended-call",
            customer_number="+447700900141",
            dynamic_variables={"name": "Priya"},
            agent=99,
        )
        run("import", write(tmp_path / "calls.jsonl", sent), "--agent", agent.pk)
        call = the_call()
        assert call.timestamp.isoformat() == "2026-11-02T16:04:10+00:00"
        assert (call.call_ended_reason, call.customer_number) == ("customer-ended-call", "+447700900141")
        assert json.loads(call.payload.dynamic_variables) == {"name": "Priya"}
        assert call.agent_id == agent.pk, "--agent decides"

    def test_what_the_api_shows_of_a_call_can_be_imported(
        self, run: Run, agent: Agent, charlie: Tenant, tmp_path: Path
    ) -> None:
        run(
            "import",
            write(tmp_path / "calls.jsonl", row("c-1", metadata={"tier": "gold"})),
            "--agent",
            agent.pk,
        )
        from callgauge.api.present_calls import present_details
        from callgauge.api.renderers import dump

        exported = json.loads(dump(present_details([the_call()], version="v2")))
        other = charlie.agent()
        result = run("import", write(tmp_path / "again.jsonl", *exported), "--agent", other.pk)
        assert result.exit_code == 0, result.output
        copy = CallLog.objects.select_related("payload").get(agent=other)
        assert (copy.call_id, turns(copy), copy.duration_secs) == ("c-1", SAID, 3.5)
        assert json.loads(copy.payload.metadata)["tier"] == "gold"
        assert "evaluation" not in json.loads(copy.payload.metadata)


class TestRepeating:
    def test_with_ids(self, run: Run, agent: Agent, tmp_path: Path) -> None:
        file = write(tmp_path / "calls.jsonl", row("c-1"), row("c-2"))
        run("import", file, "--agent", agent.pk)
        write(file, row("c-1", feedback="other"), row("c-2"), row("c-3"))
        result = run("import", file, "--agent", agent.pk, "--json")
        assert result.exit_code == 0
        assert json.loads(result.stdout) == {
            "rows": 3,
            "added": 1,
            "updated": 0,
            "known": 2,
            "refused": 0,
            "agent_id": agent.pk,
            "project_id": agent.project_id,
            "dry_run": False,
            "cut_short": False,
        }
        assert CallLog.objects.get(call_id="c-1").feedback == "", "the first call stays"

    def test_without_ids(self, run: Run, agent: Agent, tmp_path: Path) -> None:
        file = write(tmp_path / "calls.jsonl", row(None), row(None, shop="West"))
        for added in (2, 0):
            result = run("import", file, "--agent", agent.pk, "--json")
            assert json.loads(result.stdout)["added"] == added
        assert CallLog.objects.count() == 2
        assert all(call.call_id.startswith("import-") for call in CallLog.objects.all())

    def test_an_import_cut_short_goes_on_where_it_stopped(
        self, run: Run, agent: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = write(tmp_path / "calls.jsonl", *(row(f"c-{n}") for n in range(5)))
        read_rows = command.read_rows

        def interrupted(*args: Any) -> Any:
            for number, item in enumerate(read_rows(*args)):
                if number == 3:
                    raise KeyboardInterrupt
                yield item

        monkeypatch.setattr(command, "read_rows", interrupted)
        result = run("import", file, "--agent", agent.pk)
        assert result.exit_code == command.INTERRUPTED
        assert "3 added" in result.stdout
        assert "Import the same again to go on" in result.stdout
        monkeypatch.setattr(command, "read_rows", read_rows)
        assert "2 added, 3 already there" in run("import", file, "--agent", agent.pk).stdout
        assert CallLog.objects.count() == Rerun.objects.count() == 5

    def test_a_row_is_whole_or_absent(
        self, run: Run, agent: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Dying between the call and the plan of its evaluation leaves neither."""

        def die(*args: Any) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("callgauge.flow.ingest.start_live", die)
        run("import", write(tmp_path / "calls.jsonl", row("c-1")), "--agent", agent.pk)
        assert not CallLog.objects.exists()

    @pytest.mark.parametrize(
        ("policy", "counted", "feedback"),
        [(DuplicateCallPolicy.REFUSE, "known", ""), (DuplicateCallPolicy.UPDATE, "updated", "new")],
    )
    def test_the_organizations_policy(
        self, run: Run, agent: Agent, tmp_path: Path, policy: str, counted: str, feedback: str
    ) -> None:
        agent.project.organization.duplicate_calls = policy
        agent.project.organization.save()
        run("import", write(tmp_path / "calls.jsonl", row("c-1")), "--agent", agent.pk)
        file = write(tmp_path / "again.jsonl", row("c-1", feedback="new"))
        result = run("import", file, "--agent", agent.pk, "--json")
        assert result.exit_code == 0
        assert json.loads(result.stdout)[counted] == 1
        assert the_call().feedback == feedback

    def test_dry_run_stores_nothing_and_tells_what_would_happen(
        self, run: Run, agent: Agent, tmp_path: Path
    ) -> None:
        run("import", write(tmp_path / "first.jsonl", row("c-1")), "--agent", agent.pk)
        file = write(
            tmp_path / "calls.jsonl", row("c-1"), row("c-2"), row("c-2"), row("c-3", timestamp="soon")
        )
        result = run("import", file, "--agent", agent.pk, "--dry-run")
        assert result.exit_code == 1
        assert result.stdout.splitlines() == ["4 rows: 1 would be added, 2 already there, 1 refused."]
        assert CallLog.objects.count() == 1


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
    "redaction": (b'{"call_id": "x", "redact_fields": ["ssn"], "turns": []}', "redact_fields: Redaction"),
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
