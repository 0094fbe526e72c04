"""`callgauge judge-check`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Run


def test_with_the_labels_all_agree_and_it_says_that_no_model_was_asked(run: Run, tmp_path: Path) -> None:
    shown = run("judge-check", "--model", "scripted:labels")
    assert shown.exit_code == 0
    assert "no model was asked" in shown.stdout
    assert "Hallucination" in shown.stdout
    assert "Not checked, because the judge listens" in shown.stdout
    assert "Gibberish" in shown.stdout
    assert not (tmp_path / "data").exists()


def test_as_json(run: Run) -> None:
    shown = run("judge-check", "--model", "scripted:labels", "--metric", "csat", "--json")
    document = json.loads(shown.stdout)
    assert (document["model"], document["scripted"]) == ("scripted:labels", True)
    assert "gibberish" in document["not_covered"]
    (row,) = document["metrics"]
    assert (row["metric"], row["accuracy"], row["kappa"], row["misses"]) == ("csat", 1.0, 1.0, [])


def test_a_judge_that_does_badly_is_shown_and_fails_the_gate(run: Run, tmp_path: Path) -> None:
    script = tmp_path / "yes.json"
    yes = {"evidence": [], "explanation": ["Yes."], "applicable": True, "value": True}
    script.write_text(json.dumps({"answers": [], "default": yes}))
    args = ("judge-check", "--model", f"scripted:{script}", "--metric", "relevancy")
    assert run(*args).exit_code == 0
    shown = run(*args, "--at-least", "0.9", "--misses")
    assert shown.exit_code == 1
    assert "Below 0.9: relevancy" in shown.stderr
    assert "relevancy on correction-unheard: true" in shown.stdout
    assert "expected false" in shown.stdout


def test_questions_without_an_answer_end_with_1(run: Run, tmp_path: Path) -> None:
    script = tmp_path / "nothing.json"
    script.write_text(json.dumps({"answers": []}))
    shown = run("judge-check", "--model", f"scripted:{script}", "--metric", "csat")
    assert shown.exit_code == 1
    assert "14 failed" in shown.stdout


def test_what_cannot_be_checked_is_one_line(run: Run) -> None:
    for args, words in (
        (("--metric", "nope", "--model", "scripted:labels"), "no dialogues for nope"),
        (("--metric", "gibberish", "--model", "scripted:labels"), "gibberish: asked about a recording"),
        ((), "Name a judge by --model"),
        (("--model", "openai:gpt-4.1-mini"), "openai needs an API key"),
        (("--model", "mine:x"), "names no judge"),
    ):
        shown = run("judge-check", *args)
        assert shown.exit_code in (1, 2)
        assert words in shown.stderr
        assert "Traceback" not in shown.output
