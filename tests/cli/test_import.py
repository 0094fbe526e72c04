"""`callgauge import`: what goes in, in which forms, and that repeating it adds nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from callgauge.cli import import_calls as command
from callgauge.store.models import Agent, CallLog, DuplicateCallPolicy, Rerun
from tests.cli.conftest import Run
from tests.cli.import_rows import TURNS, row, write
from tests.tenants import Tenant


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
        from callgauge.flow.presenting.calls import present_details
        from callgauge.flow.presenting.json import dump

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
            "recordings": 0,
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
