"""Anthropic's Messages API over real sockets. What Anthropic refuses, it refuses, in Anthropic's words.

Models that only later generations know (`claude-opus-4-7`) refuse what those refuse: temperature, a budget of thought.
"""

import base64
from typing import Any

from fake_scenes import FakeForeign, Refusal, Scene, arguments, sse, unknown

TYPES = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
         413: "request_too_large", 429: "rate_limit_error", 529: "overloaded_error"}  # fmt: skip
TOP = ("model", "messages", "max_tokens", "system", "stop_sequences", "stream", "temperature", "top_p", "top_k", "metadata",
       "tools", "tool_choice", "thinking", "output_config", "service_tier", "cache_control")  # fmt: skip
BLOCKS = {
    "text": {"text"},
    "image": {"source"},
    "document": {"source"},
    "tool_use": {"id", "name", "input"},
    "tool_result": {"tool_use_id"},
    "thinking": {"thinking", "signature"},
    "redacted_thinking": {"data"},
}
MORE = {"type", "cache_control", "content", "is_error", "title"}
REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}


class FakeAnthropic(FakeForeign):
    @property
    def url(self) -> str:
        return super().url.removesuffix("/v1")

    def authorised(self, headers: dict[str, str]) -> Refusal | None:
        if headers.get("x-api-key") != self.key:
            return 401, f"invalid x-api-key: {headers.get('x-api-key')}"
        return None if headers.get("anthropic-version") else (400, "anthropic-version: header is required")

    def check(self, method: str, path: str, headers: dict[str, str], body: dict[str, Any]) -> Refusal | None:
        if method == "GET" and path.startswith("/v1/models?"):
            return None
        if (method, path) != ("POST", "/v1/messages"):
            return 404, "Not found"
        return next(
            ((400, fault) for fault in (_top(body), _messages(body), _thinking(body), _tools(body)) if fault), None
        )

    def told(self, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        if not path.startswith("/v1/models"):
            return None
        first = "after_id" not in path
        ids = ["claude-haiku-4-5", "claude-2"] if first else ["claude-opus-5"]
        rows = [{"type": "model", "id": one, "lifecycle": "retired" if one == "claude-2" else "active"} for one in ids]
        return {"data": rows, "has_more": first, "first_id": ids[0], "last_id": ids[-1]}

    def reply(self, scene: Scene, body: dict[str, Any]) -> dict[str, Any]:
        content: list[dict[str, Any]] = []
        if scene.thoughts:
            content.append({"type": "thinking", "thinking": "".join(scene.thoughts), "signature": "sig=="})
            content.append({"type": "redacted_thinking", "data": "hidden=="})
        if scene.words:
            content.append({"type": "text", "text": "".join(scene.words)})
        for i, (name, pieces) in enumerate(scene.calls):
            content.append({"type": "tool_use", "id": f"toolu_{i}", "name": name, "input": arguments(pieces)})
        top = {"id": "msg_1", "type": "message", "role": "assistant", "model": body["model"], "content": content}
        return {**top, "stop_reason": REASONS[scene.finish], "stop_sequence": None, "usage": _usage(scene)}

    def pieces(self, scene: Scene, body: dict[str, Any]) -> list[bytes]:
        whole = self.reply(scene, body)
        started = {**whole, "content": [], "stop_reason": None, "usage": {**whole["usage"], "output_tokens": 1}}
        events: list[dict[str, Any]] = [{"type": "message_start", "message": started}, {"type": "ping"}]
        calls = iter(scene.calls)
        for i, block in enumerate(whole["content"]):
            deltas: list[dict[str, Any]]
            match block["type"]:
                case "text":
                    empty, deltas = {"text": ""}, [{"type": "text_delta", "text": word} for word in scene.words]
                case "thinking":
                    empty = {"thinking": "", "signature": ""}
                    deltas = [{"type": "thinking_delta", "thinking": piece} for piece in scene.thoughts]
                    deltas.append({"type": "signature_delta", "signature": "sig=="})
                case "tool_use":
                    empty, pieces = {"input": {}}, next(calls)[1]
                    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ("", *pieces)]
                case _:
                    empty, deltas = {}, []
            events.append({"type": "content_block_start", "index": i, "content_block": {**block, **empty}})
            events += [{"type": "content_block_delta", "index": i, "delta": delta} for delta in deltas]
            events.append({"type": "content_block_stop", "index": i})
        stop = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
        count = {name: whole["usage"][name] for name in ("output_tokens", "output_tokens_details")}
        events += [{"type": "message_delta", "delta": stop, "usage": count}, {"type": "message_stop"}]
        return [sse(event, event["type"]) for event in events]

    def spoken(self, after: int) -> int:
        return after + 3 if after else 2  # message_start, ping, content_block_start

    def error(self, status: int, message: str) -> dict[str, Any]:
        return {
            "type": "error",
            "error": {"type": TYPES.get(status, "api_error"), "message": message},
            "request_id": "req_1",
        }

    def error_event(self, message: str) -> bytes:
        return sse(self.error(529, message), "error")


def _usage(scene: Scene) -> dict[str, Any]:
    """Here what was cached is not among the input."""
    asked, answered, cached, written, thought = scene.tokens
    return {
        "input_tokens": asked - cached - written,
        "cache_read_input_tokens": cached,
        "cache_creation_input_tokens": written,
        "output_tokens": answered,
        "output_tokens_details": {"thinking_tokens": thought},
    }


def _top(body: dict[str, Any]) -> str:
    if name := unknown(body, *TOP):
        return f"{name}: Extra inputs are not permitted"
    if not isinstance(body.get("max_tokens"), int) or body["max_tokens"] < 1:
        return "max_tokens: Field required"
    if body["max_tokens"] > 4096 and body["model"] == "claude-3-small":
        return f"max_tokens: {body['max_tokens']} > 4096, which is the maximum allowed number of output tokens"
    if any(not stop.strip() for stop in body.get("stop_sequences", [])):
        return "stop_sequences: each stop sequence must contain non-whitespace"
    if not 0 <= body.get("temperature", 0) <= 1:
        return "temperature: Input should be less than or equal to 1"
    if _late(body) and {"temperature", "top_p", "top_k"} & body.keys():
        return "`temperature` is deprecated for this model."
    for block in body.get("system", []):
        if block.get("type") != "text" or not block.get("text") or unknown(block, "type", "text", "cache_control"):
            return "system: text blocks, please"
    form = body.get("output_config", {}).get("format")
    if form and (unknown(form, "type", "schema") or not _closed(form["schema"])):
        return "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false"
    return ""


def _closed(schema: Any) -> bool:
    if isinstance(schema, list):
        return all(map(_closed, schema))
    if not isinstance(schema, dict):
        return True
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        return False
    return not {"minimum", "maxLength", "pattern"} & schema.keys() and all(map(_closed, schema.values()))


def _messages(body: dict[str, Any]) -> str:
    owed: list[str] = []
    for place, message in enumerate(body["messages"]):
        where = f"messages.{place}"
        if message.get("role") not in ("user", "assistant") or unknown(message, "role", "content"):
            return f'{where}.role: Input should be "user" or "assistant"'
        if not message["content"]:
            return f"{where}: all messages must have non-empty content"
        for i, block in enumerate(message["content"]):
            if fault := _block(block):
                return f"{where}.content.{i}.{fault}"
        paid = [block["tool_use_id"] for block in message["content"] if block["type"] == "tool_result"]
        if paid != owed or [block["type"] for block in message["content"][: len(paid)]] != ["tool_result"] * len(paid):
            return f"{where}: `tool_use` ids were found without `tool_result` blocks immediately after: {owed}"
        owed = [block["id"] for block in message["content"] if block["type"] == "tool_use"]
    return ""


def _block(block: dict[str, Any]) -> str:
    needed = BLOCKS.get(block.get("type", ""))
    if needed is None or not needed <= block.keys() or unknown(block, *needed, *MORE):
        return f"{block.get('type')}: Extra inputs are not permitted, or a field is missing"
    if block["type"] == "text" and not block["text"]:
        return "text: text content blocks must be non-empty"
    if block["type"] == "tool_use" and not isinstance(block["input"], dict):
        return "input: Input should be a valid dictionary"
    if block["type"] in ("image", "document"):
        source = block["source"]
        if source["type"] == "base64":
            base64.b64decode(source["data"], validate=True)
        elif source["type"] not in ("url", "file"):
            return "source: unknown type"
    if isinstance(block.get("content"), list):
        return next((fault for inner in block["content"] if (fault := _block(inner))), "")
    return ""


def _thinking(body: dict[str, Any]) -> str:
    thinking = body.get("thinking")
    if not thinking or thinking["type"] == "disabled":
        return ""
    if body["model"] == "claude-thoughtless-4-0":
        return "thinking: this model does not support thinking"
    if _late(body) and thinking["type"] == "enabled":
        return '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" instead'
    if "temperature" in body:
        return "`temperature` may only be set to 1 when thinking is enabled."
    if body.get("tool_choice", {}).get("type") in ("any", "tool"):
        return "Thinking may not be enabled when tool_choice forces tool use."
    if thinking["type"] == "adaptive":
        return "thinking.budget_tokens: Extra inputs are not permitted" if unknown(thinking, "type", "display") else ""
    if not 1024 <= thinking["budget_tokens"] < body["max_tokens"] or unknown(
        thinking, "type", "budget_tokens", "display"
    ):
        return "`max_tokens` must be greater than `thinking.budget_tokens`"
    return ""


def _tools(body: dict[str, Any]) -> str:
    for tool in body.get("tools", []):
        if (
            unknown(tool, "name", "description", "input_schema", "cache_control")
            or tool["input_schema"]["type"] != "object"
        ):
            return "tools.0.custom: Extra inputs are not permitted"
    choice = body.get("tool_choice")
    if choice and (unknown(choice, "type", "name", "disable_parallel_tool_use") or not body.get("tools")):
        return "tool_choice: Extra inputs are not permitted"
    return ""


def _late(body: dict[str, Any]) -> bool:
    return body["model"] in ("claude-opus-4-7", "claude-late", "odd-late")
