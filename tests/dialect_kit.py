"""What tests of the dialects share: completions and the streams that tell them, and a reader of each dialect's stream."""

import json
from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st

from schemas.events import Done, Usage
from schemas.job import Job

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=30)
WORD = st.text("abcdefgh_", min_size=1, max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def completions(draw: st.DrawFn, *, text: bool = True) -> dict[str, Any]:
    """A whole canonical completion: thinking, text, tool calls, usage."""
    message: dict[str, Any] = {"role": "assistant", "content": draw(TEXT) or None if text else None}
    if draw(st.booleans()):
        blocks = draw(st.lists(_block(), min_size=1, max_size=3))
        message["thinking_blocks"] = blocks
        message["reasoning_content"] = "".join(block.get("thinking", "") for block in blocks)
    elif draw(st.booleans()):
        message["reasoning_content"] = draw(TEXT.filter(bool))
    calls = [
        {
            "id": f"call_{place}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments, ensure_ascii=draw(st.booleans()))},
        }
        for place, (name, arguments) in enumerate(
            draw(st.lists(st.tuples(WORD, st.dictionaries(TEXT, JSON, max_size=3)), max_size=3))
        )
    ]
    if calls:
        message["tool_calls"] = calls
    finish = "tool_calls" if calls else draw(st.sampled_from(["stop", "length", "content_filter"]))
    asked, answered = draw(st.integers(1, 99)), draw(st.integers(1, 99))
    usage = {
        "prompt_tokens": asked + 10,
        "completion_tokens": answered + 10,
        "total_tokens": asked + answered + 20,
        "prompt_tokens_details": {"cached_tokens": draw(st.integers(0, 5)), "cache_creation_tokens": 2},
        "completion_tokens_details": {"reasoning_tokens": draw(st.integers(0, 9))},
    }
    choices = [{"index": 0, "message": message, "finish_reason": finish}]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 7,
        "model": "m-1",
        "choices": choices,
        "usage": usage,
    }


@st.composite
def _block(draw: st.DrawFn) -> dict[str, Any]:
    if draw(st.integers(0, 3)) == 0:
        return {"type": "redacted_thinking", "data": draw(WORD)}
    return {"type": "thinking", "thinking": draw(TEXT.filter(bool)), "signature": draw(WORD)}


@st.composite
def tellings(draw: st.DrawFn, completion: dict[str, Any]) -> list[list[bytes]]:
    """The completion as chunks, cut anywhere, handed over in any portions. Pieces of several tool calls may come mixed."""
    message = completion["choices"][0]["message"]
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    if blocks := message.get("thinking_blocks"):
        for place, block in enumerate(blocks):
            for piece in _cut(draw, block.get("thinking", "")):
                part = {"index": place, "type": "thinking", "thinking": piece}
                deltas.append({"reasoning_content": piece, "thinking_blocks": [part]})
            rest = {name: value for name, value in block.items() if name != "thinking"}
            if "signature" in block:
                rest["thinking"] = ""
            deltas.append({"thinking_blocks": [{"index": place, **rest}]})
    elif thought := message.get("reasoning_content"):
        deltas += [{"reasoning_content": piece} for piece in _cut(draw, thought)]
    deltas += [{"content": piece} for piece in _cut(draw, message["content"] or "")]
    deltas += [{"tool_calls": [call]} for call in _mixed(draw, message.get("tool_calls") or [])]
    top = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 7, "model": "m-1"}
    chunks = [{**top, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    finish = completion["choices"][0]["finish_reason"]
    chunks.append({**top, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    chunks.append({**top, "choices": [], "usage": completion["usage"]})
    told = [json.dumps(chunk).encode() for chunk in chunks]
    portions = []
    while told:
        size = draw(st.integers(1, 4))
        portions.append(told[:size])
        told = told[size:]
    return portions


def _cut(draw: st.DrawFn, text: str) -> list[str]:
    pieces = []
    while text:
        size = draw(st.integers(1, 8))
        pieces.append(text[:size])
        text = text[size:]
    return pieces


def _mixed(draw: st.DrawFn, calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The pieces of the calls: each call in its order, the calls among each other mixed or one after the other."""
    rows = []
    for place, call in enumerate(calls):
        head = {"index": place, "id": call["id"], "type": "function", "function": {"name": call["function"]["name"]}}
        head["function"] |= {"arguments": ""}
        pieces = _cut(draw, call["function"]["arguments"])
        rows.append([head, *({"index": place, "function": {"arguments": piece}} for piece in pieces)])
    if not draw(st.booleans()):
        return [piece for row in rows for piece in row]
    mixed, begun = [], 0
    while any(rows):
        live = [place for place, row in enumerate(rows) if row and place <= begun]
        place = draw(st.sampled_from(live))
        begun = max(begun, place + 1)
        mixed.append(rows[place].pop(0))
    return mixed


def job(dialect: str = "openai", body: bytes = b"{}", **more: Any) -> Job:
    given: dict[str, Any] = {
        "id": 77, "tenant": "t", "key": "k", "op": "chat", "model": "m", "body": body, "created": 5.0, "deadline": 9e9,
        "dialect": dialect, **more,
    }  # fmt: skip
    return Job(**given)


def done(completion: dict[str, Any]) -> Done:
    return Done(json.dumps(completion).encode(), Usage(3, 4), first=6.0)


END = Done(b"", Usage(3, 4), first=6.0)
"""The end of a stream whose whole result nobody keeps."""


def events(raw: bytes) -> list[dict[str, Any]]:
    """The data of server-sent events."""
    found = []
    for event in raw.replace(b"\r\n", b"\n").split(b"\n\n"):
        lines = [line[6:] for line in event.split(b"\n") if line.startswith(b"data: ")]
        if lines and lines != [b"[DONE]"]:
            found.append(json.loads(b"\n".join(lines)))
    return found


def lines(raw: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in raw.split(b"\n") if line]


def anthropic_message(told: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """What a strict client makes of the events: blocks open, fill and close one after the other."""
    message: dict[str, Any] = {}
    opened, arguments = -1, ""
    for event in told:
        match event["type"]:
            case "message_start":
                message = event["message"]
            case "content_block_start":
                assert (opened, event["index"]) == (-1, len(message["content"]))
                opened, arguments = event["index"], ""
                message["content"].append(event["content_block"])
            case "content_block_delta":
                assert opened == event["index"]
                block, delta = message["content"][opened], event["delta"]
                match delta["type"]:
                    case "text_delta":
                        block["text"] += delta["text"]
                    case "thinking_delta":
                        block["thinking"] += delta["thinking"]
                    case "signature_delta":
                        block["signature"] = delta["signature"]
                    case "input_json_delta":
                        arguments += delta["partial_json"]
            case "content_block_stop":
                assert opened == event["index"]
                if message["content"][opened]["type"] == "tool_use":
                    message["content"][opened]["input"] = json.loads(arguments or "{}")
                opened = -1
            case "message_delta":
                message |= event["delta"]
                message["usage"] |= event["usage"]
    assert opened == -1
    return message


def gemini_response(told: list[dict[str, Any]]) -> dict[str, Any]:
    """The parts of all objects, those of one kind put together."""
    parts: list[dict[str, Any]] = []
    whole = dict(told[-1])
    last: dict[str, Any] = {}
    for event in told:
        for candidate in event["candidates"]:
            last = {name: value for name, value in candidate.items() if name != "content"}
            for part in candidate["content"]["parts"]:
                if parts and "text" in part and "text" in parts[-1] and part.get("thought") == parts[-1].get("thought"):
                    parts[-1]["text"] += part["text"]
                else:
                    parts.append(part)
    whole["candidates"] = [{"content": {"parts": parts, "role": "model"}, **last}]
    return whole


def ollama_object(told: list[dict[str, Any]], field: str) -> dict[str, Any]:
    """The objects of a stream as the one that would have been the answer."""
    whole = dict(told[-1])
    text, thought, calls = "", "", []
    for event in told:
        inner = event["message"] if field == "message" else event
        text += inner["content" if field == "message" else "response"]
        thought += inner.get("thinking", "")
        calls += inner.get("tool_calls", [])
    if field == "message":
        whole["message"] = {"role": "assistant", "content": text}
    else:
        whole["response"] = text
    into = whole["message"] if field == "message" else whole
    if thought:
        into["thinking"] = thought
    if calls:
        into["tool_calls"] = calls
    return whole
