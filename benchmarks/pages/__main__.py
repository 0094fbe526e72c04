"""How long pages take to open: `python -m benchmarks.pages [--calls N] [--keep FOLDER]`."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

CHROMIUM = os.environ.get("TEST_CHROMIUM", "/usr/bin/chromium")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--keep", type=Path, help="use this folder's data; it is made when missing")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = asked.keep or Path(name)
        fresh = not (folder / "callgauge.sqlite3").exists()
        os.environ["CALLGAUGE_DATA_DIR"] = str(folder)
        from callgauge.cli import bootstrap

        bootstrap.start(folder)
        from benchmarks.pages.made import make

        if fresh:
            project, hour = make(asked.calls)
        else:
            from callgauge.store.models import CallLog

            found = CallLog.objects.get(call_id="an-hour")
            project, hour = found.project_id, found.pk
        measure(folder, project, hour)


def measure(folder: Path, project: int, hour: int) -> None:
    server = subprocess.Popen(
        [sys.executable, "-m", "callgauge.cli", "serve", "--port", "0", "--data-dir", str(folder)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        address = server.stdout.readline().split()[-1]
        look(address, project, hour)
    finally:
        server.terminate()
        server.wait()


def look(address: str, project: int, hour: int) -> None:
    from playwright.sync_api import sync_playwright

    from benchmarks.pages.looked import opened, scrolled
    from benchmarks.pages.made import EMAIL, PASSWORD

    calls = f"{address}/projects/{project}/calls"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--no-first-run"]
        )
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"{address}/sign-in")
        page.get_by_label("E-mail").fill(EMAIL)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda url: not url.endswith("/sign-in"))
        page.goto(calls)
        after = page.get_by_role("link", name="Older").get_attribute("href")
        print(f"{'page':44} first byte   loaded")
        for words, query in (
            ("the list, newest first", ""),
            ("its second page", after or ""),
            ("longest first", "?order=longest"),
            ("one agent, failed, last 30 days", "?agent=1&outcome=fail&since=30d"),
            ("a condition on a metric", "?m.2=fail"),
            ("words that are in every call", "?q=window"),
            ("words that are in none", "?q=zeppelin"),
        ):
            timing = opened(page, f"{calls}{query}")
            print(f"{words:44} {timing.first_byte_ms:7.0f} ms {timing.loaded_ms:7.0f} ms")
        timing = opened(page, f"{calls}/{hour}")
        words = "a call of 60 minutes and 1,000 turns"
        print(f"{words:44} {timing.first_byte_ms:7.0f} ms {timing.loaded_ms:7.0f} ms")
        tasks, slowest = scrolled(page, f"{calls}/{hour}")
        said = f"{max(tasks):.0f} ms the longest of {len(tasks)}" if tasks else "none"
        print(f"scrolling it: tasks over 50 ms: {said}; longest wait for a frame {slowest:.0f} ms")
        browser.close()


if __name__ == "__main__":
    main()
