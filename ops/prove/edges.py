"""The callers' dialects, as a strict client sees them: how to ask, and whether an answer is whole, broken, or a lie.

Written against the vendors' own descriptions and not against our translators, or both could be wrong together. A stream is
`ended` only with everything its dialect asks of an end, and `broken` only if its last word is an error and nothing before
it looked like an end; anything else raises `Odd`.
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

HELLO = "Say something."


class Odd(Exception):
    """Not what a client of this dialect can take. The message says what."""


class Seen(NamedTuple):
    """An answer, read. `error`: the message of a broken stream; None: it ended well."""

    text: str
    tokens: int | None = None
    """Of the answer, if it tells."""
    error: str | None = None


class Edge(NamedTuple):
    """One dialect at the front door."""

    name: str
    ask: Callable[[str, bool], tuple[str, dict[str, Any]]]
    """Path and body for a model, streamed or not."""
    whole: Callable[[Any], Seen]
    stream: Callable[[str], Seen]
    fault: Callable[[int, Any], str]
    """The message of an error body for a status. Raises `Odd` for one that is not in the dialect's shape."""
    types: tuple[str, str] = ("application/json", "text/event-stream")
    """Content types of an answer and of a stream."""


def need(true: object, what: str) -> None:
    if not true:
        raise Odd(what)


def events(raw: str) -> list[tuple[str, Any]]:
    """Server-sent events as (name, parsed data); `[DONE]` stays text."""
    found: list[tuple[str, Any]] = []
    need(raw.endswith(("\n\n", "\r\n\r\n")), "the stream ends inside an event")
    for block in raw.replace("\r\n", "\n").split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith(":")]
        fields = [line.partition(": ") for line in lines]
        need(all(name in ("event", "data") for name, _, _ in fields), f"a line that is no event: {lines[:1]}")
        data = "".join(value for name, _, value in fields if name == "data")
        if data:
            name = next((value for name, _, value in fields if name == "event"), "")
            found.append((name, data if data == "[DONE]" else json.loads(data)))
    need(found, "an empty stream")
    return found


def _message(error: Any, keys: set[str]) -> str:
    need(isinstance(error, dict) and keys <= error.keys(), f"the error has not {sorted(keys)}")
    need(isinstance(error["message"], str) and error["message"], "the error has no message")
    return str(error["message"])


# ---- OpenAI: chat, completions


def _openai_fault(status: int, body: Any) -> str:
    need(set(body) == {"error"}, "the error body is not {error}")
    message = _message(body["error"], {"message", "type", "param", "code"})
    types = {429: "rate_limit_error", 404: "invalid_request_error"}
    need(body["error"]["type"] == types.get(status, "server_error"), f"type {body['error']['type']} with {status}")
    codes = {429: "rate_limit_exceeded", 404: "model_not_found"}
    need(body["error"]["code"] == codes.get(status, body["error"]["code"]), f"code {body['error']['code']}")
    return message


def _openai_reader(text_of: Callable[[dict[str, Any]], str], kind: str) -> Callable[[str], Seen]:
    def stream(raw: str) -> Seen:
        datas = [data for _, data in events(raw)]
        last = datas.pop()
        pieces = [data for data in datas if isinstance(data, dict)]
        need(len(pieces) == len(datas), "[DONE] before the end")
        need(all("error" not in piece for piece in pieces), "an error before the end")
        need(all(piece.get("object") == kind for piece in pieces), f"an event that is no {kind}")
        choices = [choice for piece in pieces for choice in piece["choices"]]
        finished = [choice["finish_reason"] for choice in choices if choice["finish_reason"]]
        text = "".join(text_of(choice) for choice in choices)
        if last == "[DONE]":
            need(finished == ["stop"], f"finish reasons {finished}")
            return Seen(text)
        need(not finished, "a finish reason in a broken stream")
        return Seen(text, error=_openai_fault(502, last))

    return stream


def _openai_whole(text_of: Callable[[dict[str, Any]], str], kind: str) -> Callable[[Any], Seen]:
    def whole(body: Any) -> Seen:
        need(body["object"] == kind and len(body["choices"]) == 1, f"no {kind} with one choice")
        need(body["choices"][0]["finish_reason"] == "stop", "no finish reason")
        return Seen(text_of(body["choices"][0]), (body.get("usage") or {}).get("completion_tokens"))

    return whole


def _said(choice: dict[str, Any]) -> str:
    return str((choice.get("delta") or choice.get("message") or {}).get("content") or "")


def _text(choice: dict[str, Any]) -> str:
    return str(choice["text"])


# ---- OpenAI: responses


def _response(body: Any) -> Seen:
    need(body["object"] == "response" and body["status"] == "completed", "no completed response")
    parts = [part for item in body["output"] if item["type"] == "message" for part in item["content"]]
    return Seen("".join(part["text"] for part in parts), (body.get("usage") or {}).get("output_tokens"))


def _responses_stream(raw: str) -> Seen:
    told = events(raw)
    need(all(name == data["type"] for name, data in told), "an event whose name is not its type")
    need([data["sequence_number"] for _, data in told] == list(range(len(told))), "numbers with a hole")
    names = [name for name, _ in told]
    need(names[:2] == ["response.created", "response.in_progress"], f"it begins with {names[:2]}")
    text = "".join(data["delta"] for name, data in told if name == "response.output_text.delta")
    last = told[-1][1]
    if names[-1] == "response.completed":
        whole = _response(last["response"])
        need(whole.text == text, "the text of the end is not that of the pieces")
        need(names.count("response.output_item.added") == names.count("response.output_item.done"), "an open item")
        return whole
    need(names[-1] == "response.failed" and last["response"]["status"] == "failed", f"it ends with {names[-1]}")
    need("error" in names and "response.completed" not in names, "no error event")
    return Seen(text, error=_message(last["response"]["error"], {"code", "message"}))


# ---- Anthropic


def _anthropic_fault(status: int, body: Any) -> str:
    need(body.get("type") == "error", "the type is not error")
    kinds = {404: "not_found_error", 429: "rate_limit_error", 504: "timeout_error", 503: "overloaded_error"}
    message = _message(body["error"], {"type", "message"})
    need(body["error"]["type"] == kinds.get(status, "api_error"), f"type {body['error']['type']} with {status}")
    return message


def _anthropic_whole(body: Any) -> Seen:
    need(body["type"] == "message" and body["role"] == "assistant", "no message")
    need(body["stop_reason"] == "end_turn", f"stop reason {body['stop_reason']}")
    return Seen("".join(block["text"] for block in body["content"]), body["usage"]["output_tokens"])


def _anthropic_stream(raw: str) -> Seen:
    told = events(raw)
    need(all(name == data["type"] for name, data in told), "an event whose name is not its type")
    names = [name for name, _ in told if name != "ping"]
    need(names[0] == "message_start" and names.count("message_start") == 1, "no message_start first")
    text = "".join(data["delta"].get("text", "") for name, data in told if name == "content_block_delta")
    if names[-1] == "error":
        need(not {"message_stop", "message_delta"} & set(names), "an end before the error")
        return Seen(text, error=_anthropic_fault(502, told[-1][1]))
    need(names[-2:] == ["message_delta", "message_stop"], f"it ends with {names[-2:]}")
    need(names.count("content_block_start") == names.count("content_block_stop"), "an open block")
    need(names.count("message_stop") == 1 and "error" not in names, "two ends")
    delta = next(data for name, data in told if name == "message_delta")
    need(delta["delta"]["stop_reason"] == "end_turn", f"stop reason {delta['delta']['stop_reason']}")
    return Seen(text, delta["usage"]["output_tokens"])


# ---- Ollama


def _ollama_fault(status: int, body: Any) -> str:
    need(isinstance(body.get("error"), str) and body["error"], "the error is no text")
    return str(body["error"])


def _ollama_whole(body: Any) -> Seen:
    need(body["done"] is True and body["done_reason"] == "stop", "not done")
    return Seen(body["message"]["content"], body["eval_count"])


def _ollama_stream(raw: str) -> Seen:
    need(raw.endswith("\n"), "the stream ends inside a line")
    lines = [json.loads(line) for line in raw.splitlines()]
    *pieces, last = lines
    need(all(piece.get("done") is False and "error" not in piece for piece in pieces), "an end before the end")
    text = "".join(piece["message"]["content"] for piece in pieces)
    if "error" in last:
        return Seen(text, error=_ollama_fault(502, last))
    seen = _ollama_whole(last)
    return Seen(text + seen.text, seen.tokens)


# ---- Gemini


def _gemini_fault(status: int, body: Any) -> str:
    message = _message(body.get("error"), {"code", "message", "status"})
    names = {404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 504: "DEADLINE_EXCEEDED", 503: "UNAVAILABLE"}
    error = body["error"]
    need(
        error["code"] == status and error["status"] == names.get(status, "INTERNAL"), f"{error['status']} with {status}"
    )
    return message


def _gemini_text(body: Any) -> str:
    parts = [part for one in body.get("candidates", ()) for part in one.get("content", {}).get("parts", ())]
    return "".join(part.get("text", "") for part in parts)


def _gemini_whole(body: Any) -> Seen:
    need([one.get("finishReason") for one in body["candidates"]] == ["STOP"], "no finish reason")
    return Seen(_gemini_text(body), body["usageMetadata"]["candidatesTokenCount"])


def _gemini_stream(raw: str) -> Seen:
    datas = [data for _, data in events(raw)]
    *pieces, last = datas
    need(all("error" not in piece for piece in pieces), "an error before the end")
    need(not any(one.get("finishReason") for piece in pieces for one in piece["candidates"]), "an end before the end")
    text = "".join(map(_gemini_text, pieces))
    if "error" in last:
        return Seen(text, error=_gemini_fault(502, last))
    seen = _gemini_whole(last)
    return Seen(text + seen.text, seen.tokens)


# ---- all


def _body(path: str, **more: Any) -> Callable[[str, bool], tuple[str, dict[str, Any]]]:
    return lambda model, stream: (path, {"model": model, "stream": stream, **more})


def _gemini_ask(model: str, stream: bool) -> tuple[str, dict[str, Any]]:
    verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return f"/v1beta/models/{model}:{verb}", {"contents": [{"role": "user", "parts": [{"text": HELLO}]}]}


_TURNS = [{"role": "user", "content": HELLO}]
_CHUNK, _COMPLETION = "chat.completion.chunk", "chat.completion"
EDGES = (
    Edge(
        "chat",
        _body("/v1/chat/completions", messages=_TURNS),
        _openai_whole(_said, _COMPLETION),
        _openai_reader(_said, _CHUNK),
        _openai_fault,
    ),
    Edge(
        "completions",
        _body("/v1/completions", prompt=HELLO),
        _openai_whole(_text, "text_completion"),
        _openai_reader(_text, "text_completion"),
        _openai_fault,
    ),
    Edge("responses", _body("/v1/responses", input=HELLO), _response, _responses_stream, _openai_fault),
    Edge(
        "anthropic",
        _body("/v1/messages", messages=_TURNS, max_tokens=50),
        _anthropic_whole,
        _anthropic_stream,
        _anthropic_fault,
    ),
    Edge(
        "ollama",
        _body("/api/chat", messages=_TURNS),
        _ollama_whole,
        _ollama_stream,
        _ollama_fault,
        ("application/json", "application/x-ndjson"),
    ),
    Edge("gemini", _gemini_ask, _gemini_whole, _gemini_stream, _gemini_fault),
)
