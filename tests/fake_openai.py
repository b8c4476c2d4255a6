"""OpenAI's API for the conformance suite: the scenes of `fake_scenes`, and the quirks of servers that speak this dialect."""

import base64
import json
import struct
from typing import Any

from fake_provider import check
from fake_scenes import FakeForeign, Refusal, Scene, embed, openai_pieces, openai_reply
from fake_scripts import error_body

EXTRAS = ("thinking_blocks", "reasoning_content", "extra_content", "cache_control")


class FakeOpenAI(FakeForeign):
    malformed = b'data: {"id": "chatcmpl-fake", "choices": [{"index": 0, "delta": {"con\n\n'

    def authorised(self, headers: dict[str, str]) -> Refusal | None:
        shown = headers.get("authorization", "")
        return None if shown == f"Bearer {self.key}" else (401, f"Incorrect API key provided: {shown}")

    def check(self, method: str, path: str, headers: dict[str, str], body: dict[str, Any]) -> Refusal | None:
        if method == "GET" and path == "/v1/models":
            return None
        if path == "/v1/embeddings":
            return (
                None
                if body.keys() <= {"model", "input", "dimensions", "encoding_format", "user"}
                else (400, "Unrecognized")
            )
        _, refused = check(method, path, headers, json.dumps(body).encode(), self.key)
        if refused is None:
            refused = _quirk(body)
        return refused[:2] if refused else None

    def told(self, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        if path == "/v1/models":
            return {"data": [{"id": name} for name in ("gpt-5", "text-embedding-3-small", "whisper-1")]}
        if path != "/v1/embeddings":
            return None
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        rows: list[Any] = [embed(text) for text in texts]
        if body.get("encoding_format") == "base64":
            rows = [base64.b64encode(struct.pack("<3f", *row)).decode() for row in rows]
        data = [{"object": "embedding", "index": i, "embedding": row} for i, row in enumerate(rows)]
        return {
            "object": "list",
            "data": data,
            "model": body["model"],
            "usage": {"prompt_tokens": 6, "total_tokens": 6},
        }

    def reply(self, scene: Scene, body: dict[str, Any]) -> dict[str, Any]:
        return openai_reply(scene)

    def pieces(self, scene: Scene, body: dict[str, Any]) -> list[bytes]:
        return openai_pieces(scene)

    def spoken(self, after: int) -> int:
        return after + 1 if after else 0

    def error(self, status: int, message: str) -> dict[str, Any]:
        if message.startswith("{"):
            found: dict[str, Any] = json.loads(message)
            return found
        return error_body(message, None)


def _quirk(body: dict[str, Any]) -> tuple[int, str, None] | None:
    """By the model's name: how Mistral, Groq and OpenAI's reasoning models refuse."""
    match body["model"]:
        case "mistral":
            known = {"model", "messages", "stream", "max_tokens", "temperature", "stream_options"}
            if odd := sorted(body.keys() - known):
                told = [
                    {"type": "extra_forbidden", "loc": ["body", name], "msg": "Extra inputs are not permitted"}
                    for name in odd
                ]
                return 422, json.dumps({"object": "error", "message": {"detail": told}}), None
        case "groq":
            raw = json.dumps(body["messages"])
            if odd := [name for name in EXTRAS if f'"{name}"' in raw]:
                must = "'messages.1' : for 'role:assistant' the following must be satisfied"
                return 400, f"{must}[('messages.1' : property '{odd[0]}' is unsupported)]", None
        case "o9":
            if "max_tokens" in body:
                return (
                    400,
                    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'.",
                    None,
                )
            if "thinking" in body:
                return 400, "Unknown parameter: 'thinking'.", None
    return None
