"""The API explorer in a real browser."""

from ui_kit import Ui


def test_the_explorer_is_read_without_a_key_and_calls_with_one(ui: Ui) -> None:
    """checklist 120: readable without a key, callable with one; key and padlock icons."""
    page = ui.context().new_page()
    ui.watch(page)
    page.goto(ui.url + "/explorer")
    page.get_by_role("heading", name="API explorer").wait_for()
    chat = page.locator("nav a", has_text="/v1/chat/completions").first
    chat.wait_for(state="attached")
    assert chat.locator(".mark").get_attribute("title") == "needs a key"
    assert page.locator("nav a", has_text="/admin/keys").first.locator(".mark").get_attribute("title") == (
        "needs an administrator's key"
    )
    assert page.locator("nav a", has=page.get_by_text("/up", exact=True)).first.locator(".mark").count() == 0
    page.get_by_role("searchbox").fill("/v1/models")
    page.locator("nav a", has=page.get_by_text("/v1/models", exact=True)).first.click()
    page.get_by_role("heading", name="/v1/models").wait_for()
    page.get_by_placeholder("paste an API key").fill(ui.keys["app"])
    page.get_by_role("button", name="Send").click()
    page.locator("pre", has_text="llama3.3:70b").first.wait_for()
    ui.shot(page, "explorer")
