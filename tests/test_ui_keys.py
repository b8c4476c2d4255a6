"""Keys in the browser: made and shown once, changed, rotated so that both work, switched off, revoked; and one's own key."""

import re
from typing import Any

import pytest
from ui_kit import Ui


def works(ui: Ui, key: str, model: str = "m") -> int:
    """The status of a chat with that key."""
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}]}
    return int(ui.do(ui.house.office.house.post(body, headers={"Authorization": f"Bearer {key}"}))[0])


def shown(page: Any) -> str:
    """The key, from the one dialog that has it; then the dialog is closed."""
    key = str(page.get_by_label("API key", exact=True).inner_text())
    page.get_by_role("button", name="Done").click()
    page.get_by_role("button", name="I have it").click()
    page.get_by_role("dialog").first.wait_for(state="detached")
    return key


def gone(page: Any, *secrets: str) -> bool:
    held = page.evaluate(
        "() => document.documentElement.outerHTML + JSON.stringify({ ...localStorage }) + location.href"
    )
    return not any(secret in held for secret in secrets)


@pytest.mark.long
def test_a_key_is_made_shown_once_and_does_what_it_was_given(ui: Ui) -> None:
    """checklist 90, checklist 93: scopes, models by pattern with what they match, limits, budgets, notes"""
    page = ui.open("/keys", as_="admin")
    page.get_by_role("row", name=re.compile("analytics")).wait_for()
    page.keyboard.press("n")
    page.get_by_role("button", name="Create key").click()
    page.get_by_text("Name is needed.").wait_for()
    page.get_by_role("textbox", name="Name", exact=True).fill("web shop")
    page.get_by_role("textbox", name="User", exact=True).fill("ann")
    models = page.get_by_role("combobox", name="Models")
    models.fill("gpt-*")
    page.keyboard.press("Enter")
    page.get_by_text(re.compile(r"^1 of \d models served now")).wait_for()
    page.locator(".badge", has_text="gpt-oss:20b").wait_for()
    models.fill("claude-*")
    page.keyboard.press("Enter")
    page.get_by_text("Nothing served now matches claude-*.").wait_for()
    page.get_by_role("button", name="Remove claude-*").click()
    page.locator("summary", has_text="Limits and budgets").click()
    page.get_by_role("spinbutton", name="US dollars a month").fill("25")
    page.get_by_role("spinbutton", name="Storage in MB").fill("500")
    ui.shot(page, "keys-new")
    ui.axe(page)
    page.keyboard.press("Control+Enter")
    page.get_by_text("Copy it now: it is shown this once.").wait_for()
    ui.shot(page, "keys-made")
    ui.axe(page)
    key = shown(page)
    assert gone(page, key)
    assert (works(ui, key, "gpt-oss:20b"), works(ui, key, "m")) == (200, 403)
    page.get_by_role("row", name=re.compile("web shop.*active")).click()
    page.get_by_role("heading", name="web shop", level=1).wait_for()
    page.get_by_text("Spent this month").wait_for()
    page.get_by_text("500 MB").first.wait_for()
    page.get_by_text("Requests of 30 days").wait_for()
    page.get_by_text("What was done to it").wait_for()
    page.locator(".version", has_text="created").wait_for()
    ui.shot(page, "key")
    ui.axe(page)
    assert gone(page, key)


@pytest.mark.long
def test_a_rotated_key_and_its_successor_both_work_meanwhile(ui: Ui) -> None:
    made = ui.do(ui.house.office.want("POST", "/keys", {"name": "mover"}))
    page = ui.open(f"/keys/{made['id']}", as_="admin")
    page.get_by_role("button", name="Rotate").click()
    page.get_by_label("The old key ends").select_option(label="After an hour")
    page.get_by_text("Both work for 1 h").wait_for()
    ui.shot(page, "keys-rotate")
    ui.axe(page)
    page.get_by_role("button", name="Make the new key").click()
    fresh = shown(page)
    assert (works(ui, made["key"]), works(ui, fresh)) == (200, 200)
    page.get_by_text("It was rotated.").wait_for()
    page.locator(".badge", has_text="ending").wait_for()
    page.get_by_role("link", name="Its successor").click()
    page.get_by_text("It replaces another key.").wait_for()
    assert gone(page, made["key"], fresh)


@pytest.mark.long
def test_a_key_is_changed_switched_off_and_on_and_revoked_by_its_name(ui: Ui) -> None:
    """checklist 92"""
    made = ui.do(ui.house.office.want("POST", "/keys", {"name": "temp"}))
    page = ui.open(f"/keys/{made['id']}", as_="admin")
    page.get_by_role("button", name="Change").click()
    page.locator("summary", has_text="Limits and budgets").click()
    ui.expects(400, f"/admin/keys/{made['id']}")
    page.get_by_role("spinbutton", name="Requests a minute").fill("60")
    page.locator("summary", has_text="Bodies and notes").click()
    page.get_by_role("textbox", name="More, as JSON").fill('{"team": 7}')
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator(".field .error").wait_for()
    page.get_by_role("textbox", name="More, as JSON").fill('{"team": "web"}')
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("temp is saved").wait_for()
    page.get_by_text("60/min").wait_for()
    more = page.get_by_role("button", name="More for temp")
    more.click()
    page.get_by_role("menuitem", name="Switch off").click()
    page.get_by_text("Switched off just now.").wait_for()
    assert works(ui, made["key"]) == 401
    more.click()
    page.get_by_role("menuitem", name="Switch on").click()
    page.locator(".head .badge", has_text="active").wait_for()
    assert works(ui, made["key"]) == 200
    more.click()
    page.get_by_role("menuitem", name="Revoke").click()
    sure = page.get_by_role("button", name="Revoke temp")
    assert sure.is_disabled()
    page.get_by_label("Type temp to go on").fill("temp")
    sure.click()
    page.locator(".head .badge", has_text="revoked").wait_for()
    assert works(ui, made["key"]) == 401


@pytest.mark.long
def test_everybody_sees_their_own_key_and_an_app_no_more(ui: Ui) -> None:
    ui.do(ui.house.office.want("POST", "/keys", {"name": "someone else"}))
    page = ui.open("/me", as_="app", phone=True)
    page.get_by_role("heading", name="Your key").wait_for()
    page.get_by_text("use models and see what is its own").wait_for()
    page.get_by_text("Stored in 0 files").wait_for()
    ui.shot(page, "me-phone")
    ui.axe(page)
    page.goto(f"{ui.url}/ui/keys")
    page.get_by_text("Your key may not see this").wait_for()
    page = ui.open("/me", as_="admin", dark=True)
    page.get_by_role("link", name="Open it").click()
    page.get_by_role("heading", name="admin", level=1).wait_for()
    ui.shot(page, "key-dark")
    ui.axe(page)


@pytest.mark.long
def test_two_people_at_one_key_lose_nothing_of_each_other(ui: Ui) -> None:
    """What only the other changed stays; about what both changed one is asked. An ended key can still be noted upon."""
    made = ui.do(ui.house.office.want("POST", "/keys", {"name": "shared", "days": 0.00001}))
    path = f"/keys/{made['id']}"
    page = ui.open(f"{path}?edit={made['id']}", as_="admin")
    page.get_by_role("textbox", name="User", exact=True).fill("ann")
    page.locator("summary", has_text="Bodies and notes").click()
    page.get_by_role("textbox", name="Notes").fill("mine")
    ui.do(ui.house.office.want("PATCH", path, {"notes": "theirs", "ref": "their-7"}))
    page.get_by_text("their-7").wait_for(timeout=20_000)  # the page behind the form has read it anew
    page.get_by_role("button", name="Save", exact=True).click()
    question = page.get_by_role("dialog", name="shared was changed meanwhile")
    question.get_by_text("to theirs; it was empty, and yours is mine").wait_for()
    question.get_by_role("button", name="Save mine").click()
    page.get_by_text("shared is saved").wait_for()
    kept = ui.do(ui.house.office.want("GET", path))
    assert (kept["user"], kept["notes"], kept["ref"]) == ("ann", "mine", "their-7")
    page = ui.open(f"{path}?edit={made['id']}", as_="admin")
    page.get_by_role("textbox", name="User", exact=True).fill("bob")
    ui.do(ui.house.office.want("PATCH", path, {"name": "renamed"}))
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("renamed is saved").wait_for()  # nobody here had touched the name
    assert ui.do(ui.house.office.want("GET", path))["user"] == "bob"


@pytest.mark.long
def test_a_session_that_ends_in_a_form_takes_nothing_of_it_and_a_day_is_not_forgotten(ui: Ui) -> None:
    ui.expects(401, "/")
    page = ui.open("/keys?new=1", as_="admin")
    page.get_by_role("textbox", name="Name", exact=True).fill("half typed")
    page.get_by_label("Expires").select_option("date")
    page.get_by_role("button", name="Create key").click()
    page.get_by_text("Ends on is needed.").wait_for()  # or it would never end
    page.get_by_label("Ends on").fill("2099-12-24T10:00")
    page.context.clear_cookies()
    page.get_by_role("button", name="Create key").click()
    page.get_by_text("Your session has ended").wait_for()
    ui.shot(page, "session-ended")
    ui.axe(page)
    page.keyboard.press("Escape")
    page.get_by_label("API key").fill(ui.keys["admin"])
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Create key").click()
    page.get_by_role("dialog", name="The key of half typed").wait_for()
    shown(page)
    page.get_by_role("row", name=re.compile("half typed.*2099")).wait_for()
