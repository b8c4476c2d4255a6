"""The prompt library and the generator, in a real browser before a real gateway."""

import pytest
from chat_ui_kit import answered, calls, plays, send, system_of, tape, thread_of
from ui_kit import Ui


@pytest.mark.long
def test_a_prompt_is_made_found_shared_used_and_deleted(ui: Ui) -> None:
    """checklist 113"""
    page = ui.open("/prompts", as_="admin")
    page.get_by_role("link", name="Regular expressions").wait_for()
    page.get_by_role("button", name="New prompt").click()
    page.get_by_role("button", name="Keep in the library").click()
    page.get_by_text("Name is needed.").wait_for()
    page.get_by_role("textbox", name="Name").fill("Pirate")
    page.get_by_role("textbox", name="Text").fill("You are a pirate.")
    page.get_by_role("textbox", name="Text").press("Control+Enter")
    page.get_by_role("heading", name="Pirate").wait_for()
    page.get_by_role("button", name="Edit").click()
    page.get_by_role("textbox", name="Text").fill("You are a polite pirate.")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Share with all keys").click()
    page.get_by_text("Every key may use it now").wait_for()
    page.get_by_role("searchbox", name="Search prompts").fill("polite pirate")
    ui.until(page, "document.querySelectorAll('.items .item').length === 1")
    ui.shot(page, "prompts")
    ui.axe(page)
    user = ui.open("/prompts?of=shared")
    user.get_by_role("link", name="Pirate").click()
    user.get_by_text("You are a polite pirate.").first.wait_for()
    assert not user.get_by_role("button", name="Edit").count()
    user.get_by_role("link", name="Use in a chat").click()
    user.get_by_text("Pirate").first.wait_for()
    plays(ui, tape("Arr."))
    send(user, "Hello")
    answered(user, "Arr.")
    assert system_of(calls(ui)[-1]) == "You are a polite pirate."
    thread_of(user)
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_text("“Pirate” is deleted").wait_for()
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("heading", name="Pirate").wait_for()
    phone = ui.open("/prompts/regex", phone=True, dark=True)
    phone.get_by_role("link", name="Back to the list").wait_for()
    ui.shot(phone, "prompts-phone")
    ui.axe(phone)


@pytest.mark.long
def test_a_model_writes_a_prompt_that_goes_into_the_library_and_a_chat(ui: Ui) -> None:
    """checklist 114"""
    page = ui.open("/prompts?tab=make")
    page.get_by_role("textbox", name="What is it for?").fill("Sells bicycles")
    page.get_by_role("textbox", name="What must it keep to?").fill("No promises.")
    field = page.get_by_role("combobox", name="Tone")
    field.fill("friendly")
    field.press("Enter")
    plays(ui, tape("You sell ", "bicycles. Promise nothing."))
    page.get_by_role("button", name="Write the prompt").click()
    written = page.get_by_role("textbox", name="The prompt, to be changed")
    ui.until(
        page,
        "document.getElementById('written')?.value.endsWith('nothing.') && !document.getElementById('written').readOnly",
    )
    wish = calls(ui)[-1].body["messages"][-1]["content"]
    assert all(word in wish for word in ("Sells bicycles", "friendly", "No promises."))
    written.fill("You sell bicycles. Promise nothing at all.")
    ui.shot(page, "prompts-make")
    ui.axe(page)
    page.get_by_role("button", name="Keep in the library").click()
    page.get_by_role("textbox", name="Name").fill("Seller")
    page.keyboard.press("Enter")
    page.get_by_text("“Seller” is in your library").wait_for()
    page.get_by_role("button", name="Use in a chat").click()
    page.get_by_text("Your own system prompt").wait_for()
    plays(ui, tape("Welcome."))
    send(page, "Hello")
    answered(page, "Welcome.")
    assert system_of(calls(ui)[-1]) == "You sell bicycles. Promise nothing at all."
    thread_of(page)
