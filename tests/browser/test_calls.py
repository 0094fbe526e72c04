"""The list of calls and a call in Chromium: filters, sound, evidence, votes; without scripts too."""

from __future__ import annotations

import math
import re
import struct
import urllib.request
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.site import LONG_MS, Site, look_at, visiting

pytestmark = pytest.mark.browser
RATE = 8000
TONES = (("agent", 0.5, 3.0), ("caller", 3.6, 6.0), ("agent", 7.0, 10.0), ("caller", 9.0, 12.0))


@pytest.fixture
def page_without_scripts(browser: Browser, site: Site) -> Iterator[Page]:
    with visiting(browser, site, "ada@example.com", java_script_enabled=False) as page:
        yield page


def sound(path: Path) -> bytes:
    """Two channels in which a tone stands for each party's speech."""
    frames = bytearray()
    for number in range(14 * RATE):
        at = number / RATE
        for side in ("agent", "caller"):
            speaks = any(who == side and start <= at < end for who, start, end in TONES)
            level = 0.4 * (0.6 + 0.4 * math.sin(at * 9)) if speaks else 0.0
            frames += struct.pack("<h", int(32767 * level * math.sin(at * 220 * 2 * math.pi)))
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, RATE, 0, "NONE", ""))
        file.writeframes(bytes(frames))
    return path.read_bytes()


@pytest.fixture(scope="module")
def call_with_sound(site: Site, tmp_path_factory: pytest.TempPathFactory) -> int:
    content = sound(tmp_path_factory.mktemp("sound") / "call.wav")
    place = site.server.post("/observability/v1/call-logs/get-upload-url/", {"file_name": "call.wav"})
    put = urllib.request.Request(place["upload_url"], data=content, method="PUT")
    with urllib.request.urlopen(put) as answer:
        assert answer.status == 200
    call = site.call("bk-101")
    site.server.post(
        "/observability/v1/call-logs/complete-upload/", {"key": place["key"], "call_log_id": call}
    )
    return call


def rows(page: Page) -> Any:
    return page.locator("table.calls tbody tr")


def test_the_list(owner_page: Page, site: Site) -> None:
    look_at(owner_page, site.address("calls"), "calls")
    expect(rows(owner_page)).to_have_count(26)
    expect(owner_page.get_by_text("26 calls")).to_be_visible()


def test_the_list_in_the_dark(owner_page: Page, site: Site) -> None:
    look_at(owner_page, site.address("calls"), "calls-dark", dark=True)


def test_filters_go_to_the_address_and_back_works(owner_page: Page, site: Site) -> None:
    page = owner_page
    page.goto(site.address("calls"))
    page.locator("#f-outcome").select_option("fail")
    page.wait_for_url(re.compile("outcome=fail"))
    failed = rows(page).count()
    assert 0 < failed < 26
    page.get_by_text("More filters").click()
    look_at(page)
    page.get_by_label("Metric", exact=True).select_option(label="Tool Call Success")
    page.get_by_label("Result").select_option("fail")
    page.locator(".menu-body").get_by_role("button", name="Apply").click()
    page.wait_for_url(re.compile(r"m\.\d+=fail"))
    expect(page.get_by_text("Tool Call Success: fail")).to_be_visible()
    look_at(page)
    page.go_back()
    expect(rows(page)).to_have_count(failed)
    page.go_forward()
    page.get_by_role("link", name="Take away: Tool Call Success: fail").click()
    expect(rows(page)).to_have_count(failed)


def test_columns_and_order(owner_page: Page, site: Site) -> None:
    page = owner_page
    page.goto(site.address("calls"))
    page.get_by_text("Columns", exact=True).click()
    page.get_by_role("checkbox", name="Latency (ms)").uncheck()
    page.get_by_role("button", name="Show these").click()
    expect(page.get_by_role("columnheader", name="Latency (ms)")).to_have_count(0)
    page.get_by_role("link", name="Duration").click()
    expect(page.get_by_role("columnheader", name="Duration")).to_have_attribute("aria-sort", "descending")


def test_search_by_id_and_by_words(owner_page: Page, site: Site) -> None:
    page = owner_page
    page.goto(site.address("calls"))
    for words, heading in (("bk-105", "bk-105"), (str(site.call("bk-106")), "bk-106")):
        page.keyboard.press("/")
        page.keyboard.type(words)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_contain_text(heading)
        page.locator("main").focus()
    page.goto(site.address("calls?q=zeppelin"))
    look_at(page)
    expect(page.get_by_text("No call fits this filter")).to_be_visible()


def test_a_view_is_saved_found_and_deleted(owner_page: Page, site: Site) -> None:
    page = owner_page
    page.goto(site.address("calls?outcome=fail"))
    page.get_by_text("Save or delete a view").click()
    page.get_by_label("Name").fill("Failed calls")
    page.get_by_role("button", name="Save this view").click()
    view = page.get_by_role("link", name="Failed calls")
    expect(view).to_have_attribute("aria-current", "true")
    page.get_by_text("Save or delete a view").click()
    page.get_by_role("button", name="Delete it").click()
    expect(view).to_have_count(0)


def test_chosen_calls_are_measured_and_the_list_follows(owner_page: Page, site: Site) -> None:
    page = owner_page
    page.goto(site.address("calls"))
    page.get_by_role("checkbox", name="Choose call bk-108").check()
    page.get_by_role("checkbox", name="Choose call sl-308").check()
    page.get_by_role("button", name="Measure").click()
    expect(page.get_by_role("status").filter(has_text="2 calls will be measured")).to_be_visible()
    expect(page.locator(".chip-pending")).to_have_count(0, timeout=LONG_MS)


def test_all_that_the_filter_finds_is_rerun(owner_page: Page, site: Site) -> None:
    page = owner_page
    page.goto(site.address("calls?q=bk-10"))
    count = rows(page).count()
    page.get_by_role("checkbox", name="all that this filter finds").check()
    page.get_by_role("button", name="Rerun", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="reset: rerun")).to_contain_text(f"{count} calls reset")
    expect(page.locator(".chip-pending")).to_have_count(0, timeout=LONG_MS)


def test_an_export_is_written_and_fetched(owner_page: Page, site: Site) -> None:
    page = owner_page
    page.goto(site.address("calls"))
    page.get_by_role("checkbox", name="Choose all calls of this page").check()
    page.get_by_role("button", name="Export CSV").click()
    link = page.get_by_role("link", name="Download")
    expect(link).to_be_visible(timeout=LONG_MS)
    look_at(page)
    with page.expect_download() as started:
        link.click()
    assert len(started.value.path().read_text("utf-8").splitlines()) >= 27


def test_a_call(owner_page: Page, site: Site) -> None:
    look_at(owner_page, site.address(f"calls/{site.call('bk-102')}"), "call-transcript-only")
    expect(owner_page.get_by_text("No recording: drawn from the transcript")).to_be_visible()


def test_a_call_with_its_sound(owner_page: Page, site: Site, call_with_sound: int) -> None:
    page = owner_page
    page.goto(site.address(f"calls/{call_with_sound}"))
    lanes = page.get_by_role("slider")
    expect(page.locator("audio")).to_have_count(1, timeout=LONG_MS)
    expect(page.get_by_text("is being fetched")).to_have_count(0, timeout=LONG_MS)
    expect(page.locator(".chip-pending")).to_have_count(0, timeout=LONG_MS)
    look_at(page, site.address(f"calls/{call_with_sound}"), "call")
    lanes.click(position={"x": 300, "y": 40})
    page.wait_for_function("() => document.querySelector('audio').currentTime > 0")
    page.evaluate("document.querySelector('audio').pause()")
    expect(page.locator(".turn.now")).to_have_count(1)


def test_the_drawing_by_keys(owner_page: Page, site: Site) -> None:
    page = owner_page
    page.goto(site.address(f"calls/{site.call('bk-103')}"))
    lanes = page.get_by_role("slider")
    page.wait_for_load_state("networkidle")
    lanes.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(lanes).to_have_attribute("aria-valuenow", "6")
    expect(page.locator(".turn.now")).to_have_count(1)
    drawn = "document.querySelector('.lanes canvas').toDataURL()"
    before = page.evaluate(drawn)
    page.keyboard.press("+")
    page.wait_for_function(f"before => {drawn} !== before", arg=before)
    page.keyboard.press("0")
    page.keyboard.press("Home")
    expect(lanes).to_have_attribute("aria-valuenow", "0")


def test_evidence_leads_to_words_and_back(owner_page: Page, site: Site) -> None:
    page = owner_page
    page.goto(site.address(f"calls/{site.call('bk-102')}"))
    link = page.locator(".evidence a").first
    metric = link.get_attribute("data-metric")
    link.click()
    expect(page.locator(f"#result-{metric}")).to_have_class(re.compile("lit"))
    assert page.locator("mark.lit").count() >= 1
    page.locator("mark").last.click()
    expect(page.locator(".result.lit")).to_have_count(1)


def test_a_person_says_what_it_should_be_and_takes_it_back(owner_page: Page, site: Site) -> None:
    page = owner_page
    page.goto(site.address(f"calls/{site.call('sl-301')}"))
    card = page.locator(".result", has=page.get_by_role("heading", name="Agreement confirmed"))
    card.get_by_text("Say what it should be").click()
    card.get_by_role("combobox").select_option("not applicable")
    card.get_by_role("textbox").fill("Nothing was agreed.")
    look_at(page)
    card.get_by_role("button", name="Save").click()
    expect(card.get_by_text("ada@example.com")).to_be_visible()
    expect(card.get_by_text("Nothing was agreed.")).to_be_visible()
    expect(page.locator("#verdict .chip-mark")).to_have_count(1)
    card.get_by_role("button", name="Take it back").click()
    expect(card.get_by_text("Nothing was agreed.")).to_have_count(0)
    card.get_by_role("button", name="Disagree with").click()
    expect(card.get_by_text("ada@example.com")).to_be_visible()


def test_earlier_results_are_one_click_away(owner_page: Page, site: Site) -> None:
    owner_page.goto(site.address(f"calls/{site.call('bk-104')}"))
    owner_page.locator(".earlier-of summary").first.click()
    expect(owner_page.get_by_text("as scored by version").first).to_be_visible()
    look_at(owner_page)


def test_measuring_again_refreshes_by_itself(owner_page: Page, site: Site) -> None:
    page = owner_page
    page.goto(site.address(f"calls/{site.call('bk-109')}"))
    page.get_by_role("button", name="Measure again").click()
    expect(page.get_by_role("status").filter(has_text="Measuring again as rerun")).to_be_visible()
    expect(page.get_by_text("being measured", exact=True)).to_have_count(0, timeout=LONG_MS)


def test_a_call_is_deleted_only_when_asked_twice(owner_page: Page, site: Site) -> None:
    page = owner_page
    page.goto(site.address(f"calls/{site.call('sl-302')}"))
    page.get_by_text("Delete …").click()
    page.get_by_role("button", name="Delete this call").click()
    expect(page.get_by_role("status").filter(has_text="Call sl-302 is deleted.")).to_be_visible()


def test_a_viewer_reads_only(viewer_page: Page, site: Site) -> None:
    look_at(viewer_page, site.address("calls"))
    expect(viewer_page.get_by_role("button", name="Measure")).to_have_count(0)
    look_at(viewer_page, site.address(f"calls/{site.call('bk-102')}"))
    expect(viewer_page.get_by_text("Say what it should be")).to_have_count(0)


def test_without_scripts_lists_forms_and_results_work(page_without_scripts: Page, site: Site) -> None:
    page = page_without_scripts
    page.goto(site.address("calls"))
    page.locator("#f-outcome").select_option("fail")
    page.locator("form.filters > button").click()
    page.wait_for_url(re.compile("outcome=fail"))
    rows(page).first.get_by_role("link").click()
    card = page.locator(".result").first
    card.get_by_role("button", name="Disagree with").click()
    page.wait_for_url(re.compile("#result-"))
    expect(page.locator(".result").get_by_text("ada@example.com").first).to_be_visible()


def test_copying_an_id(owner_page: Page, site: Site) -> None:
    owner_page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    owner_page.goto(site.address(f"calls/{site.call('bk-102')}"))
    owner_page.get_by_role("button", name="Copy call id bk-102").click()
    expect(owner_page.locator(".copy-button.done")).to_have_count(1)
    assert owner_page.evaluate("navigator.clipboard.readText()") == "bk-102"
