"""A real server with the demo's calls in it, and Chromium that looks at its pages."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

from callgauge.flow.samples.cast import JUDGE_FILE
from tests.server import Server, callgauge
from tests.waiting import PATIENCE

PASSWORD = "correct horse battery"
WIDTHS = (1440, 390)
HEIGHTS = {1440: 900, 390: 844}
IMAGES = Path(__file__).parents[2] / "docs" / "images"
LAUNCH = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
LONG_MS = 30_000 * PATIENCE
"""For what a worker has to do first."""
NO_REFRESH = "() => !document.querySelector('.htmx-request')"


@dataclass
class Site:
    server: Server
    key: str
    project: int
    states: dict[str, Any] = field(default_factory=dict)
    """Cookies of whoever signed in before, by role."""

    def address(self, rest: str) -> str:
        """Of a page of the project, such as `calls`; what begins with a slash is taken as it is."""
        return self.server.url + (rest if rest.startswith("/") else f"/projects/{self.project}/{rest}")

    def calls(self, **query: str) -> list[dict[str, Any]]:
        parameters = "&".join(f"{name}={value}" for name, value in query.items())
        found: list[dict[str, Any]] = self.server.get(f"/observability/v2/call-logs/?{parameters}")["results"]
        return found

    def call(self, call_id: str) -> int:
        """The number of a call of the demo, such as bk-102."""
        return int(next(one["id"] for one in self.calls(search=call_id) if one["call_id"] == call_id))


def make_demo(folder: Path) -> str:
    """Play the demo into a folder; gives its API key."""
    done = callgauge(folder, "demo")
    assert done.returncode == 0, done.stderr
    keys = re.findall(r"cg_[\w-]{20,}", done.stdout)
    assert keys, done.stdout[-2000:]
    return str(keys[-1])


@contextmanager
def serving(demo: Path, key: str, folder: Path) -> Iterator[Site]:
    """A server of one's own on a copy of the demo, with an owner, a viewer and a stranger."""
    data = folder / "data"
    shutil.copytree(demo, data)
    for email, role, organization in (
        ("ada@example.com", "owner", "default"),
        ("vera@example.com", "viewer", "default"),
        ("charlie@example.net", "owner", "Rival"),
    ):
        make_account(data, email, role, organization)
    server = Server(data, CALLGAUGE_JUDGE=f"scripted:{JUDGE_FILE}")
    with server:
        server.key = key
        (project,) = {row[0] for row in server.rows("SELECT id FROM store_project WHERE name = 'Demo'")}
        yield Site(server, key, project)


def make_account(data: Path, email: str, role: str, organization: str) -> None:
    import subprocess

    command = [sys.executable, "-m", "callgauge.cli", "user", "create", "--password-stdin"]
    options = ["--email", email, "--name", email.split("@")[0].title(), "--role", role]
    done = subprocess.run(
        [*command, *options, "--organization", organization, "--data-dir", str(data)],
        input=f"{PASSWORD}\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@dataclass
class Watch:
    """What a browser did that no page of ours may do."""

    host: str
    faults: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    """Parts of messages that a test provokes, such as the 404 of a page that is not there."""

    def follow(self, context: BrowserContext) -> None:
        context.on("request", self._requested)
        context.on("console", self._said)
        context.on("weberror", lambda error: self.faults.append(f"error: {error.error}"))

    def _requested(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in {"http", "https", "ws", "wss"} and parts.netloc != self.host:
            self.faults.append(f"left the host: {request.url}")

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not any(part in message.text for part in self.expected):
            self.faults.append(f"{message.type}: {message.text}")


@contextmanager
def visiting(browser: Browser, site: Site, email: str | None, **options: Any) -> Iterator[Page]:
    """A page of whoever has this address; at the end, nothing may have gone wrong in it. `page.watch` is
    where a test says what it expects to be complained about."""
    watch = Watch(urlsplit(site.server.url).netloc)
    if email is not None and email not in site.states:
        site.states[email] = sign_in(browser, site, email)
    state = site.states[email] if email else None
    context = browser.new_context(
        viewport={"width": WIDTHS[0], "height": HEIGHTS[WIDTHS[0]]},
        base_url=site.server.url,
        storage_state=state,
        **options,
    )
    context.set_default_timeout(LONG_MS / 2)
    watch.follow(context)
    page = context.new_page()
    page.watch = watch  # type: ignore[attr-defined]
    try:
        yield page
    finally:
        context.close()
    assert not watch.faults, "\n".join(watch.faults)


def sign_in(browser: Browser, site: Site, email: str) -> Any:
    context = browser.new_context(base_url=site.server.url)
    page = context.new_page()
    page.goto("/sign-in")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: not url.endswith("/sign-in"))
    state = context.storage_state()
    context.close()
    return state


def look_at(page: Page, address: str | None = None, picture: str = "", *, dark: bool = False) -> None:
    """Open an address (None: what is open now) at both widths: nothing sticks out at the side, axe finds
    nothing serious. With `--pictures`, `picture` is the name of the images in docs/images."""
    if dark:
        page.emulate_media(color_scheme="dark")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
        if address is not None:
            page.goto(address)
        page.wait_for_function(NO_REFRESH)
        where = f"{page.url} at {width}"
        sticks_out = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert sticks_out <= 0, f"{where} is {sticks_out} px too wide"
        found = Axe().run(page)
        serious = [one for one in found.response["violations"] if one["impact"] in {"serious", "critical"}]
        assert not serious, (
            where
            + "\n"
            + json.dumps(
                [
                    {
                        "id": one["id"],
                        "help": one["help"],
                        "nodes": [node["html"][:300] for node in one["nodes"][:5]],
                    }
                    for one in serious
                ],
                indent=1,
            )
        )
        if picture and PICTURES:
            IMAGES.mkdir(exist_ok=True)
            page.screenshot(path=IMAGES / f"{picture}{'' if width == WIDTHS[0] else '-phone'}.png")
    page.set_viewport_size({"width": WIDTHS[0], "height": HEIGHTS[WIDTHS[0]]})


PICTURES: list[bool] = []
"""Not empty where `--pictures` was given."""
