"""What a provider tells, in OpenAI's words: the chunks of a stream. Pure, but for the ids that it makes up.

A whole answer is told as a stream too and then assembled, so a streamed answer and one in a piece are the same by
construction. A subclass reads its provider's events; the words below are all that it may say.
"""

import time
from secrets import token_hex
from typing import Any

import msgspec

from agents.agent import Tools

_encode = msgspec.json.Encoder().encode


class _Choice:
    """What was said of one choice so far."""

    __slots__ = ("begun", "calls", "worded")

    def __init__(self) -> None:
        self.begun = False
        self.calls = 0
        self.worded = False


class Told:
    """Base of the translators. `done`: the provider said that nothing will follow."""

    def __init__(self, tools: Tools, model: str) -> None:
        self.tools = tools
        self.done = False
        self.id = f"chatcmpl-{token_hex(12)}"
        self.model = model
        self.created = int(time.time())
        self._choices: dict[int, _Choice] = {}

    def event(self, name: bytes, data: bytes) -> list[bytes]:
        """The chunks that one event makes. Raises `Problem` for a failure it tells, `DecodeError` for nonsense."""
        raise NotImplementedError

    def whole(self, body: bytes) -> list[bytes]:
        """The chunks of an answer in one piece. Raises as `event` does."""
        raise NotImplementedError

    def end(self) -> list[bytes]:
        """What remains to be said once the body is over."""
        return []

    def say(self, delta: dict[str, Any], index: int = 0, **more: Any) -> bytes:
        """A chunk. The first one of a choice also says whose turn it is."""
        choice = self._choice(index)
        if not choice.begun:
            choice.begun = True
            delta = {"role": "assistant", "content": None, **delta}
        choice.worded = choice.worded or ("content" in delta and delta["content"] is not None)
        return self._chunk([{"index": index, "delta": delta, **more, "finish_reason": None}])

    def text(self, text: str, index: int = 0, **more: Any) -> bytes:
        return self.say({"content": text}, index, **more)

    def thought(self, text: str, index: int = 0) -> bytes:
        return self.say({"reasoning_content": text}, index)

    def call(self, call_id: str, name: str, arguments: str, index: int = 0, **more: Any) -> bytes:
        """A tool call begins, or is told whole."""
        choice = self._choice(index)
        place, choice.calls = choice.calls, choice.calls + 1
        function = {"name": name, "arguments": arguments}
        call = {"index": place, "id": call_id or f"call_{token_hex(12)}", "type": "function", "function": function}
        return self.say({"tool_calls": [{**call, **more}]}, index)

    def argue(self, place: int, piece: str, index: int = 0) -> bytes:
        """The next piece of a call's arguments."""
        return self.say({"tool_calls": [{"index": place, "function": {"arguments": piece}}]}, index)

    def calls(self, index: int = 0) -> int:
        """How many tool calls this choice holds so far."""
        return self._choice(index).calls

    def begun(self, index: int = 0) -> bool:
        """Whether anything was said of this choice."""
        return self._choice(index).begun

    def finish(self, reason: str, native: str, index: int = 0, **more: Any) -> bytes:
        """The end of a choice. `native`: the reason in the provider's own words."""
        choice = self._choice(index)
        delta: dict[str, Any] = {} if choice.begun else {"role": "assistant"}
        if not choice.worded and not choice.calls:
            delta["content"] = ""
        choice.begun = choice.worded = True
        told = {"index": index, "delta": delta, "finish_reason": reason, "native_finish_reason": native}
        return self._chunk([{**told, **more}])

    def usage(self, asked: int, answered: int, *, cached: int = 0, written: int = 0, thought: int = 0) -> bytes:
        """The count. `cached` and `written` (to the cache) are among `asked`, `thought` among `answered`."""
        count: dict[str, Any] = {
            "prompt_tokens": asked,
            "completion_tokens": answered,
            "total_tokens": asked + answered,
            "prompt_tokens_details": {"cached_tokens": cached},
            "completion_tokens_details": {"reasoning_tokens": thought},
        }
        if written:
            count["prompt_tokens_details"]["cache_creation_tokens"] = written
        return self._chunk([], usage=count)

    def _choice(self, index: int) -> _Choice:
        return self._choices.setdefault(index, _Choice())

    def _chunk(self, choices: list[dict[str, Any]], **more: Any) -> bytes:
        top = {"id": self.id, "object": "chat.completion.chunk", "created": self.created, "model": self.model}
        return _encode({**top, "choices": choices, **more})
