"""Ollama's own API over real sockets. What Ollama refuses, it refuses, in Ollama's words."""

import base64
import json
from typing import Any

from fake_scenes import FakeForeign, Refusal, Scene, arguments, embed, unknown

TOP = ("model", "messages", "stream", "format", "options", "tools", "think", "keep_alive", "truncate", "shift", "logprobs",
       "top_logprobs")  # fmt: skip
OPTIONS = ("temperature", "top_p", "top_k", "seed", "stop", "num_predict", "num_ctx", "presence_penalty", "frequency_penalty",
           "min_p", "num_gpu")  # fmt: skip
MOMENT = {"created_at": "2026-01-02T03:04:05.678901Z"}


class FakeOllama(FakeForeign):
    stream_type = "application/x-ndjson"
    malformed = b'{"model": "m", "mess\n'

    @property
    def url(self) -> str:
        return super().url.removesuffix("/v1")

    def authorised(self, headers: dict[str, str]) -> Refusal | None:
        return None if headers.get("authorization") == f"Bearer {self.key}" else (401, "unauthorized")

    def check(self, method: str, path: str, headers: dict[str, str], body: dict[str, Any]) -> Refusal | None:
        if (method, path) == ("GET", "/api/tags"):
            return None
        if (method, path) == ("POST", "/api/embed"):
            return (400, "invalid input type") if unknown(body, "model", "input", "dimensions") else None
        if (method, path) != ("POST", "/api/chat"):
            return 404, "404 page not found"
        fault = _top(body) or _messages(body["messages"])
        return (400, fault) if fault else None

    def told(self, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        if path == "/api/embed":
            return {
                "model": body["model"],
                "embeddings": [embed(text) for text in body["input"]],
                "prompt_eval_count": 6,
            }
        if path != "/api/tags":
            return None
        rows = {"qwen3:0.6b": ["completion", "tools"], "nomic": ["embedding"], "all-minilm:latest": None}
        return {
            "models": [
                {"name": name, "model": name, **({"capabilities": can} if can else {})} for name, can in rows.items()
            ]
        }

    def reply(self, scene: Scene, body: dict[str, Any]) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": "".join(scene.words)}
        if scene.thoughts:
            message["thinking"] = "".join(scene.thoughts)
        if scene.calls:
            message["tool_calls"] = _calls(scene)
        return {"model": body["model"], **MOMENT, "message": message, **_end(scene)}

    def pieces(self, scene: Scene, body: dict[str, Any]) -> list[bytes]:
        said: list[dict[str, Any]] = [{"content": "", "thinking": piece} for piece in scene.thoughts]
        said += [{"content": word} for word in scene.words]
        said += [{"content": "", "tool_calls": [call]} for call in _calls(scene)]
        lines = [{"message": {"role": "assistant", **one}, "done": False} for one in said]
        lines.append({"message": {"role": "assistant", "content": ""}, **_end(scene)})
        return [json.dumps({"model": body["model"], **MOMENT, **line}).encode() + b"\n" for line in lines]

    def error(self, status: int, message: str) -> dict[str, Any]:
        return {"error": message}

    def error_event(self, message: str) -> bytes:
        return json.dumps(self.error(500, message)).encode() + b"\n"


def _calls(scene: Scene) -> list[dict[str, Any]]:
    return [
        {"id": f"call_{i}", "function": {"index": i, "name": name, "arguments": arguments(pieces)}}
        for i, (name, pieces) in enumerate(scene.calls)
    ]


def _end(scene: Scene) -> dict[str, Any]:
    reason = "length" if scene.finish == "length" else "stop"
    return {"done": True, "done_reason": reason, "prompt_eval_count": scene.tokens[0], "eval_count": scene.tokens[1]}


def _top(body: dict[str, Any]) -> str:
    if name := unknown(body, *TOP):
        return f"unknown field {name}"
    if name := unknown(body.get("options", {}), *OPTIONS):
        return f"invalid option provided: {name}"
    if not isinstance(body.get("stream"), bool):
        return "stream: a choice is wanted, the default streams"
    if "format" in body and body["format"] != "json" and not isinstance(body["format"], dict):
        return f"invalid format: {body['format']}"
    if body.get("think") not in (None, True, False, "low", "medium", "high", "max"):
        return "invalid think value"
    if body.get("think") and body["model"] == "thoughtless":
        return '"thoughtless" does not support thinking'
    for tool in body.get("tools", []):
        if unknown(tool, "type", "function") or unknown(tool["function"], "name", "description", "parameters"):
            return "json: unknown field in tools"
        if tool["function"]["parameters"]["type"] != "object":
            return "parameters.type"
    return ""


def _messages(messages: list[dict[str, Any]]) -> str:
    for message in messages:
        if unknown(message, "role", "content", "thinking", "images", "tool_calls", "tool_name", "tool_call_id"):
            return "json: unknown field in messages"
        if message["role"] not in ("system", "user", "assistant", "tool") or not isinstance(message["content"], str):
            return "json: cannot unmarshal array into Go struct field ChatRequest.messages.content of type string"
        for image in message.get("images", []):
            base64.b64decode(image, validate=True)
        for call in message.get("tool_calls", []):
            if not isinstance(call["function"]["arguments"], dict):
                return "json: cannot unmarshal string into Go struct field .arguments"
    return ""
