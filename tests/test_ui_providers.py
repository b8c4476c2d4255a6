"""Providers and models in the browser: add one from a card and use it, be told what is wrong where it is wrong, go back in
time; and no secret in any page once it is saved."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fake_comfyui import FakeComfyUI
from fake_ollama import FakeOllama
from fake_provider import FakeProvider
from fake_scenes import Refusal
from ui_kit import Ui

SECRET, CANARY = "sk-the-right-one", "sk-canary-7311"


@pytest.fixture
def locked(ui: Ui) -> Iterator[FakeProvider]:
    """A provider that wants a key."""
    fake = FakeProvider(key=SECRET)
    ui.do(fake.__aenter__())
    fake.models = ["good-model"]
    yield fake
    ui.do(fake.__aexit__(None, None, None))


class OpenOllama(FakeOllama):
    """As most are: it asks for no key."""

    def authorised(self, headers: dict[str, str]) -> Refusal | None:
        return None


def field(page: Any, label: str) -> Any:
    return page.get_by_role("dialog").last.get_by_role("textbox", name=label, exact=True)


def choose(page: Any, name: str) -> None:
    """A card of the types."""
    page.get_by_role("dialog", name="Add a provider").get_by_role(
        "button", name=re.compile(f"{name}$|{name} ")
    ).first.click()


def test_a_provider_is_added_from_a_card_tested_and_used(ui: Ui, locked: FakeProvider) -> None:
    """checklist 101, checklist 103: type cards; a wrong key is told at its field; the right one is sealed and in no page."""
    ui.expects(503, "/admin/providers/box/test")
    page = ui.open("/providers", as_="admin")
    page.get_by_role("row", name=re.compile("fake")).wait_for()
    page.keyboard.press("n")
    page.get_by_role("dialog", name="Add a provider").wait_for()
    page.get_by_text("GroqCloud").wait_for()
    ui.shot(page, "providers-types")
    ui.axe(page)
    choose(page, "OpenAI-compatible")
    field(page, "Name").fill("Box!")
    field(page, "Address").fill(locked.url)
    page.get_by_label("Where the key comes from").select_option("own")
    key = page.locator("input[type=password]")
    key.fill(CANARY)
    ui.expects(400, "/admin/providers")
    page.get_by_role("button", name="Add provider").last.click()
    page.locator(".field .error").get_by_text("is not a-z, 0-9, - and _").wait_for()
    assert field(page, "Name").get_attribute("aria-invalid") == "true"
    field(page, "Name").fill("box")
    page.get_by_role("button", name="Save and test").click()
    page.get_by_text("box failed when asked to chat").wait_for()
    page.locator(".field", has=page.locator(".secret")).locator(".error").wait_for()
    ui.shot(page, "providers-wrong-key")
    assert CANARY not in page.content()
    page.get_by_label("Where the key comes from").select_option("own")
    page.locator("input[type=password]").fill(SECRET)
    assert SECRET not in page.locator(".code").last.inner_text()
    page.get_by_role("button", name="Save and test").click()
    page.get_by_text("box answers.").wait_for()
    page.get_by_text("good-model", exact=True).first.wait_for()
    ui.shot(page, "providers-tested")
    ui.axe(page)
    assert _nowhere(page, SECRET, CANARY)
    page.get_by_role("button", name="Close").last.click()
    page.get_by_role("row", name=re.compile("box.*ready")).wait_for()
    ui.shot(page, "providers")
    page.get_by_role("row", name=re.compile("box")).click()
    page.get_by_role("heading", name="box", level=1).wait_for()
    page.get_by_role("tab", name="Models").click()
    page.get_by_role("row", name=re.compile("good-model.*there")).wait_for()
    body = {"model": "good-model", "messages": [{"role": "user", "content": "hello"}]}
    assert ui.do(ui.house.office.house.post(body))[0] == 200
    assert _nowhere(page, SECRET, CANARY)


def _nowhere(page: Any, *secrets: str) -> bool:
    """Neither in the document nor in a field of it, nor where a browser keeps things."""
    held = page.evaluate(
        "() => [document.documentElement.outerHTML, ...[...document.querySelectorAll('input')].map((one) => one.value),"
        " JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage }), location.href].join(' ')"
    )
    return not any(secret in held for secret in secrets)


@pytest.mark.long
def test_a_key_is_kept_when_untouched_and_not_taken_along_to_another_address(ui: Ui, locked: FakeProvider) -> None:
    """checklist 103: masked, kept, and given again for another address; headers that are secrets too"""
    sent = {
        "name": "vault", "kind": "openai", "base_url": locked.url, "key": SECRET, "discover": True,
        "headers": {"X-Team": "web", "X-Api-Token": CANARY},
    }  # fmt: skip
    ui.do(ui.house.office.want("POST", "/providers", sent))
    page = ui.open("/providers/vault?edit=1", as_="admin")
    page.get_by_label("A key is kept, sealed").wait_for()
    page.locator("summary", has_text="Headers").click()
    assert field(page, "Value of header X-Team").input_value() == "web"
    assert field(page, "Value of header X-Api-Token").get_attribute("placeholder") == "•••••• kept"
    page.locator("summary", has_text="Slots").click()
    page.get_by_role("spinbutton", name="Slots").fill("7")
    page.locator("summary", has_text="Tags and notes").click()
    page.get_by_role("combobox", name="Tags").fill("gpu")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("vault is saved").wait_for()
    page.get_by_text("0 / 7").first.wait_for()
    page.get_by_text("gpu", exact=True).first.wait_for()
    assert _nowhere(page, SECRET, CANARY)
    kept = ui.do(ui.house.office.want("POST", "/providers/vault/test", {}))
    assert kept["ok"], kept
    ui.expects(400, "/admin/providers/vault")
    page.get_by_role("button", name="Change").click()
    field(page, "Address").fill("http://127.0.0.1:9/v1")
    page.get_by_text("The key is not taken along to another server.").wait_for()
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator(".field", has=page.locator(".secret")).get_by_text("give key again").wait_for()
    ui.shot(page, "provider-moved")
    ui.axe(page)


@pytest.mark.long
def test_history_leads_back_and_a_removed_provider_is_brought_back(ui: Ui) -> None:
    """checklist 101: change, switch off and on, remove, roll back"""
    base = {
        "name": "old",
        "kind": "openai",
        "base_url": "http://127.0.0.1:9/v1",
        "models": ["x"],
        "discover": False,
        "slots": 4,
    }
    ui.do(ui.house.office.want("POST", "/providers", base))
    ui.do(ui.house.office.want("PATCH", "/providers/old", {"slots": 9, "priority": 3}))
    page = ui.open("/providers/old?tab=history", as_="admin")
    page.get_by_text("boss").first.wait_for()
    page.locator(".version", has_text="As it is now").get_by_text("9", exact=True).wait_for()
    ui.shot(page, "provider-history")
    ui.axe(page)
    page.get_by_role("button", name="Back to this").click()
    page.get_by_role("button", name="Roll back").click()
    page.get_by_text("old is as it was").wait_for()
    page.get_by_text("0 / 4").first.wait_for()
    page.get_by_role("button", name="More for old").click()
    page.get_by_role("menuitem", name="Switch off").click()
    page.get_by_text("old is switched off").wait_for()
    page.locator(".head .badge", has_text="off").wait_for()
    page.get_by_role("button", name="More for old").click()
    page.get_by_role("menuitem", name="Remove").click()
    page.get_by_role("button", name="Remove old").click()
    page.get_by_role("button", name="Bring it back").click()
    ui.expects(404, "/admin/providers/old")
    page.get_by_text("old was removed.").wait_for()
    page.get_by_role("button", name="Back to this").first.click()
    page.get_by_role("button", name="Roll back").click()
    page.get_by_role("tab", name="Overview").wait_for()


@pytest.mark.long
def test_models_of_an_ollama_and_a_comfyui_are_picked_live(ui: Ui) -> None:
    """checklist 101, checklist 102: what is there is asked now, and marked; what is not there too"""
    ollama, comfy = OpenOllama(), FakeComfyUI()
    for fake in (ollama, comfy):
        ui.do(fake.__aenter__())
    try:
        page = ui.open("/providers?add=ollama", as_="admin")
        field(page, "Address").fill(ollama.url)
        _pick(ui, page, "qwen3:0.6b", "providers-ollama")
        page = ui.open("/providers?add=media-comfyui", as_="admin")
        field(page, "Address").fill(comfy.url)
        page.get_by_role("button", name="Model", exact=True).click()
        page.get_by_label("Name of model 1", exact=True).fill("gone.safetensors")
        page.get_by_role("button", name="Pick from the server").click()
        page.locator(".pick", has_text="gone.safetensors").get_by_text("not there").wait_for()
        page.locator(".pick").filter(has=page.locator(".badge.ok")).first.wait_for()
        ui.shot(page, "providers-comfyui")
        ui.axe(page)
        page.get_by_role("dialog", name=re.compile("Models of")).get_by_role("button", name="Close").click()
        ui.expects(0, "/")
        ui.do(comfy.down())
        ui.expects(500, "/api/GetComfyModels")
        page.get_by_role("button", name="Pick from the server").click()
        page.get_by_role("alert").first.wait_for()
    finally:
        ui.do(ollama.__aexit__(None, None, None))
        ui.do(comfy.__aexit__(None, None, None))


def _pick(ui: Ui, page: Any, name: str, shot: str) -> None:
    page.get_by_role("button", name="Pick from the server").click()
    one = page.locator(".pick", has_text=name)
    one.get_by_text("there", exact=True).wait_for()
    one.get_by_role("checkbox").check()
    ui.shot(page, shot)
    page.get_by_role("button", name="Use 1 model").click()
    assert page.get_by_label("Name of model 1", exact=True).input_value() == name


@pytest.mark.long
def test_models_types_and_rules_have_their_grids_and_the_router_says_why(ui: Ui) -> None:
    """checklist 104"""
    page = ui.open("/catalogue", as_="admin")
    page.get_by_role("row", name=re.compile(r"gpt-oss:20b.*fake.*131,072")).wait_for()
    ui.shot(page, "catalogue")
    for tab, row in (
        ("AI models", "llama3.3:70b"), ("Media models", "flux-schnell"), ("AI types", "GroqCloud"), ("Media types", "ComfyUI"),
    ):  # fmt: skip
        page.get_by_role("tab", name=tab).click()
        page.get_by_role("row", name=re.compile(re.escape(row))).first.wait_for()
    ui.axe(page)
    page.get_by_role("button", name="New rule").click()
    page.get_by_role("combobox", name="Model").fill("nobody-has-it")
    page.keyboard.press("Enter")
    page.get_by_label("Add a fallback").select_option("llama3.3:70b")
    page.get_by_role("button", name="Save rule").click()
    page.get_by_text("The rule of nobody-has-it is saved").wait_for()
    page.get_by_role("tab", name="Routing rules").click()
    page.get_by_role("row", name=re.compile("nobody-has-it.*balanced.*llama3.3:70b")).wait_for()
    page.get_by_role("button", name="New rule").click()
    page.get_by_role("combobox", name="Model").fill("nobody-has-it")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Save rule").click()
    page.get_by_text("It has a rule already").wait_for()  # or its fallbacks would go in silence
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Leave").click()
    page.get_by_role("tab", name="Where would it go").click()
    page.get_by_role("combobox", name="Model").fill("nobody-has-it")
    page.keyboard.press("Enter")
    page.get_by_text(re.compile("as llama3.3:70b")).wait_for()
    assert "model=nobody-has-it" in page.url
    ui.shot(page, "catalogue-route")
    ui.axe(page)
    page.get_by_label("With the key").select_option(label="app")
    page.get_by_text(re.compile("as llama3.3:70b")).wait_for()


@pytest.mark.long
def test_tags_and_a_colleagues_change_outlive_a_change_of_the_notes(ui: Ui) -> None:
    base = {"name": "tagged", "kind": "openai", "base_url": "http://127.0.0.1:9/v1", "models": ["x"], "discover": False}
    ui.do(ui.house.office.want("POST", "/providers", {**base, "slots": 4, "notes": "Rented.\n#gpu #cheap"}))
    page = ui.open("/providers/tagged?edit=1", as_="admin")
    page.locator("summary", has_text="Tags and notes").click()
    page.get_by_role("button", name="Remove gpu").wait_for()
    page.get_by_role("textbox", name="Notes").fill("Ours.")
    ui.do(ui.house.office.want("PATCH", "/providers/tagged", {"slots": 9}))
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("tagged is saved").wait_for()
    kept = ui.do(ui.house.office.want("GET", "/providers/tagged"))
    assert (kept["notes"], kept["slots"]) == ("Ours.\n#gpu #cheap", 9)


@pytest.mark.long
def test_on_a_phone_and_in_the_dark(ui: Ui) -> None:
    page = ui.open("/providers", as_="admin", phone=True, dark=True)
    page.get_by_role("row", name=re.compile("fake")).wait_for()
    ui.shot(page, "providers-phone")
    ui.axe(page)
    page.goto(f"{ui.url}/ui/providers?add=groq")
    field(page, "Name").wait_for()
    ui.shot(page, "providers-form-phone")
    ui.axe(page)
