"""Settings and the audit trail in the browser: changed at once, complained about at the field, taken back; and who did what."""

import re

import pytest
from ui_kit import Ui


def test_settings_are_changed_refused_at_their_field_reset_and_rolled_back(ui: Ui) -> None:
    page = ui.open("/settings", as_="admin")
    days = page.get_by_role("spinbutton", name="Keep texts for")
    days.fill("")
    page.get_by_role("button", name="Save changes").click()
    page.get_by_text("A number is needed.").wait_for()
    days.press_sequentially("30")
    page.get_by_role("tab", name="History").click()
    page.get_by_text("Nothing was changed here yet").wait_for()
    page.get_by_role("tab", name="Settings").click()  # a look at the history loses nothing
    page.get_by_role("switch", name="Keep texts").check()
    page.get_by_text("2 settings are changed").wait_for()
    ui.shot(page, "settings")
    ui.axe(page)
    page.get_by_role("button", name="Save changes").click()
    page.get_by_text("The settings are in force.").wait_for()
    row = page.locator(".setting", has=days)
    row.get_by_text("set here").wait_for()
    ui.expects(400, "/admin/settings")
    days.fill("-4")
    page.keyboard.press("Control+s")
    row.locator(".error").wait_for()
    assert days.get_attribute("aria-invalid") == "true"
    assert days.evaluate("one => one === document.activeElement")
    ui.shot(page, "settings-wrong")
    page.get_by_role("button", name="Discard").click()
    assert days.input_value() == "30"
    row.get_by_role("button", name="Reset to file").click()
    row.get_by_text("default", exact=True).wait_for()
    page.get_by_role("tab", name="History").click()
    page.locator(".version", has_text="As it is now").get_by_text("admin", exact=True).wait_for()
    ui.shot(page, "settings-history")
    ui.axe(page)
    page.get_by_role("button", name="Back to this").last.click()
    page.get_by_role("button", name="Roll back").click()
    page.get_by_text("The settings are as they were.").wait_for()
    page.get_by_role("tab", name="Settings").click()
    assert page.get_by_role("spinbutton", name="Keep texts for").input_value() == "30"
    page.get_by_role("tab", name="History").click()
    page.get_by_role("button", name="All as the file says").click()
    page.get_by_role("button", name="Roll back").click()
    page.get_by_text("All settings are as the file says.").wait_for()


@pytest.mark.long
def test_a_setting_is_found_by_a_word_and_nothing_is_lost_by_looking(ui: Ui) -> None:
    page = ui.open("/settings?q=quota", as_="admin", phone=True, dark=True)
    page.get_by_role("spinbutton", name="Quota of a key").fill("5000000")
    page.get_by_text("= 5 MB").wait_for()
    assert page.locator(".setting").count() == 1
    ui.shot(page, "settings-phone")
    ui.axe(page)
    page.get_by_label("Search settings").fill("nothing like it")
    page.get_by_role("button", name="Show all").click()
    assert page.get_by_role("spinbutton", name="Quota of a key").input_value() == "5000000"


@pytest.mark.long
def test_who_did_what_is_found_again_by_a_link(ui: Ui) -> None:
    office = ui.house.office
    ui.do(
        office.want(
            "POST",
            "/providers",
            {"name": "lab", "kind": "openai", "base_url": "http://127.0.0.1:9", "key": "sk-cnry-9"},
        )
    )
    ui.do(office.want("PATCH", "/providers/lab", {"slots": 3}))
    page = ui.open("/audit?kind=provider", as_="admin")
    changed = page.get_by_role("row", name=re.compile("boss.*changed.*provider.*lab.*slots: 3"))
    changed.wait_for()
    assert page.get_by_role("row", name=re.compile("analytics")).count() == 0
    ui.shot(page, "audit")
    ui.axe(page)
    changed.click()
    page.get_by_role("dialog", name="changed provider lab").wait_for()
    ui.shot(page, "audit-act")
    ui.axe(page)
    assert "sk-cnry-9" not in page.content()
    page.get_by_role("link", name="Go there").click()
    page.get_by_role("heading", name="lab", level=1).wait_for()
    page.go_back()
    page.get_by_role("dialog", name="changed provider lab").wait_for()  # the act is in the address
    page.keyboard.press("Escape")
    page.get_by_label("Filter by By").fill("boss")
    page.keyboard.press("Enter")
    page.get_by_label("Since when").select_option("1h")
    changed.wait_for()
    page.wait_for_url("**by=boss**")
    assert "from=1h" in page.url
    page.get_by_label("Search Audit trail").fill("no such thing")
    page.get_by_role("button", name="Clear search and filters").click()
    page.get_by_role("row", name=re.compile("key")).first.wait_for()
