"""The pages of metrics in Chromium: list, editor, trying a draft beside the version in use, versions."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.site import LONG_MS, Site, look_at, visiting

pytestmark = pytest.mark.browser
CHANGED = "Agreement confirmed"
SCRIPT = "turns = data['transcript_json']\nif len(turns) > 4:"


def metric_of(site: Site, name: str = CHANGED) -> int:
    metrics = site.server.get("/test_framework/v1/metrics")
    return int(next(one["id"] for one in metrics if one["name"] == name))


def checks(page: Page) -> Locator:
    return page.locator("#check")


def test_the_list(owner_page: Page, site: Site) -> None:
    page = owner_page
    look_at(page, site.address("metrics"), "metrics")
    row = page.get_by_role("row").filter(has_text="Courtesy")
    expect(row.locator("svg.spark")).to_have_attribute(
        "aria-label", re.compile(r"mean .* of 5 over \d+ results")
    )
    toggle = page.get_by_role("switch", name="Courtesy measures new calls")
    expect(toggle).to_have_attribute("aria-checked", "true")
    toggle.focus()
    page.keyboard.press("Space")
    expect(toggle).to_have_attribute("aria-checked", "false")
    page.reload()
    expect(toggle).to_have_attribute("aria-checked", "false")
    page.get_by_role("searchbox", name="Words", exact=True).fill("courteous")
    page.keyboard.press("Enter")
    expect(page.get_by_role("row")).to_have_count(2)
    page.get_by_label("On or off").select_option("on")
    expect(page.get_by_text("No metric fits")).to_be_visible()
    look_at(page)
    page.get_by_role("link", name="Show all metrics").click()
    page.get_by_label("Agent", exact=True).select_option(label="sales")
    page.wait_for_url(re.compile(r"agent=\d"))
    expect(page.get_by_role("row").filter(has_text=CHANGED)).to_be_visible()


def test_predefined_ones_are_added(owner_page: Page, site: Site) -> None:
    page = owner_page
    page.goto(site.address("metrics"))
    page.get_by_role("link", name="Add predefined").click()
    look_at(page, page.url, "metrics-predefined")
    page.get_by_label("Relevancy").check()
    page.get_by_role("button", name="Add the chosen ones").click()
    expect(page.get_by_role("status").first).to_contain_text("1 metric added")
    expect(page.get_by_role("link", name="Relevancy")).to_be_visible()


def test_a_draft_is_tried_saved_and_rolled_back(owner_page: Page, site: Site) -> None:
    page, pk = owner_page, metric_of(site)
    look_at(page, site.address(f"metrics/{pk}"), "metric")
    page.get_by_role("link", name="Edit and try").click()
    question = page.get_by_label("Question to the judge")
    expect(checks(page)).to_contain_text("it asks what version")
    before = question.input_value()
    question.fill(f"{before} Is {{{{agent.nam}}}} named?")
    expect(checks(page)).to_contain_text("Did you mean {{agent.name}}?")
    look_at(page, None, "metric-editor")
    question.fill(before)
    page.get_by_text("Variables", exact=True).click()
    question.press("End")
    page.get_by_role("button", name="agent.name", exact=True).click()
    expect(question).to_have_value(re.compile(r"\{\{agent\.name\}\}"))
    expect(page.locator(".code-mirror .code-ours").first).to_have_text("{{agent.name}}")
    # The sentence that the demo's scripted judge knows by heart: the wording before the demo changed it.
    versions = site.server.get(f"/test_framework/v1/metrics/{pk}/history")["results"]
    first = next(one["description"] for one in versions if one["version_id"] == "1")
    question.fill(first)
    expect(page.locator("#try-cost")).to_contain_text("judge requests")
    with page.expect_response(re.compile("/metrics/tried/")) as answer:
        page.get_by_role("button", name="Try it").click()
    tried = page.locator("#tried")
    expect(tried.locator("p[role=status]")).to_contain_text("It cost", timeout=LONG_MS)
    expect(tried.get_by_role("article")).to_have_count(5)
    expect(tried.get_by_text("changed:").first).to_be_visible()
    look_at(page)
    beside = page.context.new_page()
    look_at(beside, answer.value.url, "metric-tried")
    beside.close()
    page.get_by_label("What changed").fill("Back to the question alone")
    page.get_by_role("button", name="Save as a new version").click()
    expect(page.get_by_role("status").first).to_contain_text("Saved as version 3")
    row = page.get_by_role("row").filter(has_text="Back to the question alone")
    expect(row.get_by_text("in use")).to_be_visible()
    expect(row).to_contain_text("Ada")
    page.get_by_role("link", name="Plan to measure them again").click()
    expect(page.get_by_text("Nothing to measure").first).to_be_visible()  # version 1 asked the same
    page.go_back()
    row.get_by_role("link", name="What version 3 changed").click()
    expect(page.locator("del").first).to_be_visible()
    look_at(page, None, "metric-versions")
    page.get_by_role("button", name="Use version 2").click()
    expect(page.get_by_role("status").first).to_contain_text("Version 2 is in use. Nothing was measured")


def test_a_script_is_written_by_keys(owner_page: Page, site: Site) -> None:
    page = owner_page
    page.goto(site.address("metrics"))
    page.get_by_role("link", name="Python metric").click()
    page.get_by_label("Name").fill("Many turns")
    script = page.get_by_label("Script", exact=True)
    script.fill(f"x = '{'long ' * 60}'")
    script.press("End")
    page.keyboard.type(" # a word more")
    across = page.locator(".code-across", has=script)
    assert across.evaluate("box => box.scrollLeft") > 0
    script.press("Home")
    assert across.evaluate("box => box.scrollLeft") == 0
    script.fill(SCRIPT)
    script.press("Control+End")
    page.keyboard.press("Enter")
    page.keyboard.type("_result = True")
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+Tab")
    page.keyboard.type("else")
    expect(script).to_have_value(f"{SCRIPT}\n    _result = True\nelse")
    expect(checks(page)).to_contain_text("It cannot be saved like this")
    expect(page.locator(".code-gutter .is-marked")).to_have_text("4")
    checks(page).get_by_role("button", name="line 4").click()
    page.keyboard.press("End")
    page.keyboard.type(":")
    page.keyboard.press("Enter")
    page.keyboard.type("_result = False")
    expect(script).to_have_value(f"{SCRIPT}\n    _result = True\nelse:\n    _result = False")
    expect(checks(page)).to_contain_text("Nothing odd")
    expect(page.locator(".code-mirror .code-keyword")).to_have_text(["if", "else"])
    look_at(page, None, "metric-script")
    page.get_by_role("button", name="Try it").click()
    expect(page.locator("#tried")).to_contain_text("5 results. No judge was asked.", timeout=LONG_MS)
    whole = script.input_value()
    script.press("Control+End")
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+Tab")
    page.keyboard.type("_result = turns[99]")
    page.get_by_role("button", name="Try it").click()
    expect(page.locator("#tried")).to_contain_text("5 could not be computed", timeout=LONG_MS)
    expect(page.locator("#tried").get_by_text("line 6").first).to_be_visible()
    script.fill(whole)
    script.focus()
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    expect(script).not_to_be_focused()
    expect(script).to_have_value(re.compile("False$"))
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status").first).to_contain_text("Many turns is saved")
    expect(page.locator(".code .code-keyword").first).to_have_text("if")
    look_at(page)
    page.get_by_text("Delete this metric").click()
    page.get_by_role("button", name="Delete Many turns").click()
    expect(page.get_by_role("status").first).to_contain_text("Many turns is deleted")


def test_a_result_leads_to_a_change_of_its_metric(owner_page: Page, site: Site) -> None:
    page = owner_page
    page.goto(site.address(f"calls/{site.call('bk-109')}"))
    page.get_by_role("link", name="Change Courtesy and try it on this call").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Edit Courtesy")
    expect(page.locator("input[name=call]:checked")).to_have_count(1)
    page.get_by_label("Value").select_option("enum")
    page.get_by_label("Labels, one in a line").fill("warm\ncold")
    expect(checks(page)).to_contain_text("does not say")
    page.get_by_label("Asked of").select_option("custom")
    page.get_by_label("The condition is").select_option("custom_code")
    expect(page.get_by_label("Script of the condition")).to_be_visible()
    expect(page.get_by_label("Condition", exact=True)).to_be_hidden()
    page.get_by_label("Only these").check()
    page.get_by_label("sales").check()
    page.get_by_text("Judge and settings").click()
    look_at(page)


def test_without_scripts(browser: Browser, site: Site) -> None:
    with visiting(browser, site, "ada@example.com", java_script_enabled=False) as page:
        page.goto(site.address(f"metrics/{metric_of(site, 'Outcome')}/edit"))
        page.get_by_role("button", name="Try it").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Trying Outcome")
        page.go_back()
        page.get_by_label("Description").fill("How did it end?")
        page.get_by_role("button", name="Save as a new version").click()
        expect(page.get_by_role("status").first).to_contain_text("Saved as version 2")


def test_viewers_only_look(viewer_page: Page, site: Site) -> None:
    page, pk = viewer_page, metric_of(site)
    for address in ("metrics", f"metrics/{pk}", f"metrics/{pk}/compare", "metrics/predefined"):
        page.goto(site.address(address))
        expect(page.locator("main form[method=post]")).to_have_count(0)
    look_at(page, site.address(f"metrics/{pk}"))
    page.goto(site.address(f"metrics/{pk}/edit"))
    expect(page.get_by_text("Viewers read only")).to_be_visible()


def test_dark(owner_page: Page, site: Site) -> None:
    look_at(owner_page, site.address(f"metrics/{metric_of(site)}/edit"), "metric-editor-dark", dark=True)
    look_at(owner_page, site.address("metrics"), "metrics-dark", dark=True)
