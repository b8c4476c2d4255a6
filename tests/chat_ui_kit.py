"""Streams for the tests of the chat page: what a provider says, written as OpenAI's events."""

import json
import re
from typing import Any

from fake_scripts import Script
from ui_kit import Ui


def tape(*deltas: dict[str, Any] | str, finish: str = "stop", usage: tuple[int, int] = (11, 7)) -> Script:
    """A whole stream: a text is content, a dict is a delta as it is."""
    top = {"id": "chatcmpl-tape", "object": "chat.completion.chunk", "created": 1_760_000_000, "model": "m"}
    said = [{"content": one} if isinstance(one, str) else one for one in deltas]
    events: list[dict[str, Any]] = [{**top, "choices": [{"index": 0, "delta": one}]} for one in said]
    events.append({**top, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    asked, told = usage
    counts = {"prompt_tokens": asked, "completion_tokens": told, "total_tokens": asked + told}
    events.append({**top, "choices": [], "usage": counts})
    return Script("tape", tape=(*(f"data: {json.dumps(one)}\n\n" for one in events), "data: [DONE]\n\n"))


def plays(ui: Ui, *scripts: Script | str) -> None:
    """What the provider does next."""
    ui.house.office.house.fake.queue(*scripts)


def calls(ui: Ui) -> list[Any]:
    """What the provider was asked, the oldest first."""
    return ui.house.office.house.fake.calls


def send(page: Any, text: str) -> None:
    """Into the field, and Enter."""
    page.get_by_role("textbox", name="Message").fill(text)
    page.get_by_role("textbox", name="Message").press("Enter")


def answered(page: Any, text: str) -> Any:
    """The answer with this text, once it has ended."""
    found = page.get_by_role("article", name="Answer").filter(has_text=text).last
    found.locator(".meta").wait_for()
    return found


def thread_of(page: Any) -> str:
    """The id of the open chat, once it is saved."""
    page.wait_for_url(re.compile(r"/ui/chat/\d+"))
    return str(page.url.rsplit("/", 1)[1])


def system_of(call: Any) -> Any:
    return next((one["content"] for one in call.body["messages"] if one["role"] == "system"), None)
