"""Keys, agents, settings, and the help of every command."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from callgauge.cli import bootstrap, data_dir, main
from callgauge.domain.options import OPTIONS
from callgauge.flow.keys import find_key
from callgauge.store.models import Agent, ApiKey, AuditEntry, Organization, Project
from tests.cli.conftest import Run


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


ALL = [(), *commands(main)]


class TestHelp:
    @pytest.mark.parametrize("path", ALL, ids=" ".join)
    @pytest.mark.parametrize("flag", ["--help", "-h"])
    def test_it_says_first_what_the_command_does(self, path: tuple[str, ...], flag: str) -> None:
        result = CliRunner().invoke(main, [*path, flag])
        assert result.exit_code == 0
        lines = [line.strip() for line in result.stdout.splitlines() if line.strip()]
        assert lines[0].startswith(f"Usage: main {' '.join(path)}".rstrip())
        assert re.match(r"[A-Z][a-z]+,? .{10,}", lines[1]), lines[1]
        assert "Traceback" not in result.output

    @pytest.mark.parametrize("path", [path for path in ALL if path], ids=" ".join)
    def test_its_line_in_the_list_is_whole(self, path: tuple[str, ...]) -> None:
        listing = CliRunner().invoke(main, [*path[:-1], "--help"]).stdout
        (line,) = re.findall(rf"^  {path[-1]}  +(.+)$", listing, re.MULTILINE)
        assert line.endswith("."), line
        assert not line.endswith("..."), "it was cut off: give the command a short_help"

    def test_every_option_says_what_it_is(self) -> None:
        for path in ALL:
            command: click.Command = main
            for name in path:
                assert isinstance(command, click.Group)
                command = command.commands[name]
            for option in command.params:
                if isinstance(option, click.Option):
                    assert option.help, f"{' '.join(path)} {option.opts}"

    def test_a_wrong_command_is_a_short_error(self, run: Run) -> None:
        result = run("mesure")
        assert result.exit_code == 2
        assert "No such command 'mesure'" in result.stderr


class TestKeys:
    def test_create_makes_what_is_missing_and_shows_the_key_once(self, run: Run) -> None:
        result = run("key", "create", "--project", "Shop", "--name", "ci", "--json")
        assert result.exit_code == 0, result.output
        said = json.loads(result.stdout)
        assert set(said) == {"api_key", "project_id", "organization_id"}
        key = find_key(said["api_key"])
        assert key is not None
        assert (key.project_id, key.organization_id) == (said["project_id"], said["organization_id"])
        assert (key.project and key.project.name, key.organization.name) == ("Shop", "default")
        assert said["api_key"] not in str(list(ApiKey.objects.values())), "stored as a hash only"
        assert said["api_key"] not in run("key", "list", "--json").stdout

    def test_create_again_is_a_second_key_for_the_same_project(self, run: Run) -> None:
        first, second = (
            json.loads(run("key", "create", "--project", "Shop", "--json").stdout) for _ in range(2)
        )
        assert first["project_id"] == second["project_id"]
        assert first["api_key"] != second["api_key"]

    def test_create_for_people_says_what_to_export(self, run: Run) -> None:
        result = run("key", "create", "--project", "Shop")
        secret = re.search(r"export CEKURA_API_KEY=(\S+)", result.stdout)
        assert secret is not None
        assert find_key(secret[1]) is not None

    def test_create_names_the_address_where_the_folder_was_served(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def said() -> str:
            return run("key", "create", "--project", "Shop").stdout

        assert "CEKURA_API_URL=http://127.0.0.1:8000\n" in said()
        data_dir.note_address(Path(os.environ["CALLGAUGE_DATA_DIR"]), "http://127.0.0.1:9123")
        assert "CEKURA_API_URL=http://127.0.0.1:9123\n" in said()
        monkeypatch.setenv("CALLGAUGE_PUBLIC_URL", "https://calls.example.org")
        assert "CEKURA_API_URL=https://calls.example.org\n" in said()

    @pytest.mark.parametrize("name", ["", "  ", "x" * 256])
    def test_a_name_that_cannot_be_used(self, run: Run, name: str) -> None:
        result = run("key", "create", "--project", name)
        assert result.exit_code == 1
        assert result.stderr.startswith("Error: project: ")

    def test_list_and_revoke(self, run: Run) -> None:
        assert "callgauge key create" in run("key", "list").stdout, "an empty list says what to do"
        secret = json.loads(run("key", "create", "--project", "Shop", "--json").stdout)["api_key"]
        (listed,) = json.loads(run("key", "list", "--json").stdout)
        assert secret.startswith(listed["prefix"])
        assert listed["project"] == "Shop"
        assert "active" in run("key", "list").stdout
        assert run("key", "revoke", listed["prefix"]).exit_code == 0
        assert find_key(secret) is None
        again = run("key", "revoke", str(listed["id"]))
        assert again.exit_code == 1
        assert "There is no active key" in again.stderr


class TestOrganizations:
    def test_the_only_one_is_meant_whatever_it_is_called(self, run: Run) -> None:
        acme = Organization.objects.create(name="Acme")
        for command in ("key", "agent"):
            more = ("--name", "Till") if command == "agent" else ()
            result = run(command, "create", "--project", "Shop", *more, "--json")
            assert json.loads(result.stdout)["organization_id"] == acme.pk, result.output
        assert run("user", "invite", "bob@example.com").exit_code == 0
        assert run("retention", "--project", "Shop").exit_code == 0
        assert Organization.objects.count() == 1

    @pytest.mark.parametrize(
        "args",
        [
            ("key", "create", "--project", "Shop"),
            ("agent", "create", "--project", "Shop", "--name", "Till"),
            ("user", "invite"),
            ("retention", "--project", "Shop"),
        ],
        ids=lambda args: args[0],
    )
    def test_of_several_none_is_guessed(self, run: Run, args: tuple[str, ...]) -> None:
        Organization.objects.bulk_create([Organization(name="default"), Organization(name="Acme")])
        result = run(*args)
        assert result.exit_code == 1
        assert "There are several: 'default', 'Acme'. Say which with --organization." in result.stderr
        assert not Project.objects.exists()


class TestAgents:
    def test_create_gives_an_id_that_import_takes(self, run: Run) -> None:
        said = json.loads(run("agent", "create", "--project", "Shop", "--name", "Till", "--json").stdout)
        agent = Agent.objects.get(pk=said["agent_id"])
        assert (agent.name, agent.project.name, agent.project.organization.name) == (
            "Till",
            "Shop",
            "default",
        )
        assert said == {
            "agent_id": agent.pk,
            "project_id": agent.project_id,
            "organization_id": agent.project.organization_id,
        }

    def test_create_uses_the_project_that_is_there(self, run: Run) -> None:
        key = json.loads(run("key", "create", "--project", "Shop", "--json").stdout)
        agent = json.loads(run("agent", "create", "--project", "Shop", "--name", "Till", "--json").stdout)
        assert agent["project_id"] == key["project_id"]
        assert (Organization.objects.count(), Project.objects.count()) == (1, 1)

    @pytest.mark.parametrize(("option", "value"), [("--name", " "), ("--project", "x" * 256)])
    def test_a_name_that_cannot_be_used_makes_nothing(self, run: Run, option: str, value: str) -> None:
        names = {"--project": "Shop", "--name": "Till", option: value}
        result = run("agent", "create", *(part for pair in names.items() for part in pair))
        assert result.exit_code == 1
        assert result.stderr.startswith(f"Error: {option[2:]}: ")
        assert not Project.objects.exists()

    def test_list(self, run: Run) -> None:
        assert "callgauge agent create" in run("agent", "list").stdout, "an empty list says what to do"
        for project, name in (("Shop", "Till"), ("Clinic", "Desk")):
            run("agent", "create", "--project", project, "--name", name)
        assert [one["name"] for one in json.loads(run("agent", "list", "--json").stdout)] == ["Till", "Desk"]
        assert "Till" in run("agent", "list").stdout
        (only,) = json.loads(run("agent", "list", "--project", "Clinic", "--json").stdout)
        assert (only["name"], only["organization"]) == ("Desk", "default")
        by_id = json.loads(run("agent", "list", "--project", str(only["project_id"]), "--json").stdout)
        assert by_id == [only]
        missing = run("agent", "list", "--project", "Nowhere")
        assert (missing.exit_code, missing.stderr) == (1, "Error: project: There is no project 'Nowhere'.\n")


class TestSettings:
    def test_every_setting_is_listed(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CALLGAUGE_JUDGE_API_KEY_FILE", "/run/secrets/judge")
        listed = {row["variable"]: row for row in json.loads(run("settings", "--json").stdout)}
        assert list(listed) == [option.variable for option in OPTIONS]
        assert listed["CALLGAUGE_JUDGE_API_KEY"]["set"]
        assert not listed["CALLGAUGE_JUDGE"]["set"]
        narrow = CliRunner(env={"COLUMNS": "40"}).invoke(main, ["settings"]).stdout.splitlines()
        for option in OPTIONS:
            (line,) = (line for line in narrow if line.startswith(f"{option.variable} "))
            assert line.endswith("  * set") == listed[option.variable]["set"]

    def test_a_misspelt_setting_is_mentioned_once(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("CALLGAUGE_JUGDE", "openai:x")
        with click.Context(main):
            bootstrap.load_options()
            bootstrap.load_options()
        assert capsys.readouterr().err.count("there is no setting CALLGAUGE_JUGDE") == 1

    def test_a_faulty_setting_is_one_line_and_no_traceback(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CALLGAUGE_RERUN_RATE", "often")
        result = run("key", "list")
        assert result.exit_code == 1
        assert (
            result.stderr == "Error: CALLGAUGE_RERUN_RATE: write a rate such as 10/minute, 100/hour, or off\n"
        )

    def test_a_misspelt_setting_is_mentioned(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CALLGAUGE_JUGDE", "openai:x")
        assert "there is no setting CALLGAUGE_JUGDE" in run("key", "list").stderr

    def test_rotating_the_key_of_the_data_folder(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        refused = run("rotate-secret")
        assert refused.exit_code == 1
        assert "CALLGAUGE_SECRET_KEY is set" in refused.stderr
        file = tmp_path / "data" / "secret_key"
        for expected in (2, 3, 3):
            monkeypatch.delenv("CALLGAUGE_SECRET_KEY", raising=False)  # each is a process of its own
            assert run("rotate-secret").exit_code == 0
            assert len(file.read_text().split()) == expected
        assert AuditEntry.objects.filter(action="secret_key.rotated", organization=None).count() == 3
        assert file.stat().st_mode & 0o777 == 0o600
