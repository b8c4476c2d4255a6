"""Google's Gemini API over real sockets. What Google refuses, it refuses, in Google's words."""

import base64
import re
from typing import Any

from fake_scenes import FakeForeign, Refusal, Scene, arguments, embed, sse, unknown

STATUS = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
          429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE"}  # fmt: skip
CONFIG = ("temperature", "topP", "topK", "candidateCount", "maxOutputTokens", "stopSequences", "seed", "presencePenalty",
          "frequencyPenalty", "responseLogprobs", "logprobs", "responseMimeType", "responseJsonSchema",
          "thinkingConfig")  # fmt: skip
DATA = {"text", "inlineData", "fileData", "functionCall", "functionResponse"}
REASONS = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "content_filter": "SAFETY"}
_PATH = re.compile(r"/v1beta/models/([\w.:-]+?):(generateContent|streamGenerateContent\?alt=sse|batchEmbedContents)$")


class FakeGemini(FakeForeign):
    malformed = b'data: {"candidates": [{"content": {"pa\n\n'

    @property
    def url(self) -> str:
        return super().url.removesuffix("/v1")

    def authorised(self, headers: dict[str, str]) -> Refusal | None:
        return (
            None
            if headers.get("x-goog-api-key") == self.key
            else (400, "API key not valid. Please pass a valid API key.")
        )

    def check(self, method: str, path: str, headers: dict[str, str], body: dict[str, Any]) -> Refusal | None:
        if "key=" in path:
            return 400, "the key belongs into the header"
        if method == "GET" and path.startswith("/v1beta/models?"):
            return None
        if method != "POST" or not (found := _PATH.match(path)):
            return 404, f"{path} is not found for API version v1beta"
        if found[2] == "batchEmbedContents":
            fault = _embeds(body, found[1])
        else:
            fault = _top(body, found[1]) or _contents(body, found[1])
        return (400, fault) if fault else None

    def told(self, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        if path.endswith("batchEmbedContents"):
            texts = [one["content"]["parts"][0]["text"] for one in body["requests"]]
            return {"embeddings": [{"values": embed(text)} for text in texts], "usageMetadata": {"promptTokenCount": 6}}
        if not path.startswith("/v1beta/models?"):
            return None
        if "pageToken" in path:
            return {"models": [{"name": "models/gemini-embedding-001", "supportedGenerationMethods": ["embedContent"]}]}
        rows = {"models/gemini-3-pro": ["generateContent", "countTokens"], "models/imagen-4": ["predict"]}
        models = [{"name": name, "supportedGenerationMethods": can} for name, can in rows.items()]
        return {"models": models, "nextPageToken": "a/b="}

    def model_of(self, path: str, body: dict[str, Any]) -> str:
        found = _PATH.match(path)
        assert found
        return found[1]

    def streams(self, path: str, body: dict[str, Any]) -> bool:
        return "streamGenerateContent" in path

    def reply(self, scene: Scene, body: dict[str, Any]) -> dict[str, Any]:
        parts = [{"text": "".join(scene.thoughts), "thought": True}] if scene.thoughts else []
        parts += [{"text": "".join(scene.words)}] if scene.words else []
        return self._answer([*parts, *_calls(scene)], scene, last=True)

    def pieces(self, scene: Scene, body: dict[str, Any]) -> list[bytes]:
        parts: list[dict[str, Any]] = [{"text": piece, "thought": True} for piece in scene.thoughts]
        parts += [{"text": word} for word in scene.words]
        parts += _calls(scene)
        return [*(sse(self._answer([part], scene)) for part in parts), sse(self._answer([], scene, last=True))]

    def error(self, status: int, message: str) -> dict[str, Any]:
        error: dict[str, Any] = {"code": status, "message": message, "status": STATUS.get(status, "UNKNOWN")}
        if message.startswith("API key"):
            error["details"] = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]
        return {"error": error}

    def _answer(self, parts: list[dict[str, Any]], scene: Scene, last: bool = False) -> dict[str, Any]:
        asked, answered, cached, _, thought = scene.tokens
        candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
        if not parts:
            candidate["content"] = {"role": "model"}
        count = {"promptTokenCount": asked, "totalTokenCount": asked + answered}
        if last:
            candidate["finishReason"] = REASONS[scene.finish]
            count |= {
                "candidatesTokenCount": answered - thought,
                "thoughtsTokenCount": thought,
                "cachedContentTokenCount": cached,
            }
        return {"candidates": [candidate], "usageMetadata": count, "modelVersion": "gemini-x", "responseId": "r1"}


def _calls(scene: Scene) -> list[dict[str, Any]]:
    """Only the first call of an answer is signed."""
    parts = []
    for i, (name, pieces) in enumerate(scene.calls):
        signed = {"thoughtSignature": "c2ln"} if i == 0 else {}
        parts.append({"functionCall": {"id": f"fc{i}", "name": name, "args": arguments(pieces)}, **signed})
    return parts


def _unknown(name: str) -> str:
    return f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.'


def _top(body: dict[str, Any], model: str) -> str:
    if name := unknown(
        body, "contents", "systemInstruction", "generationConfig", "tools", "toolConfig", "safetySettings"
    ):
        return _unknown(name)
    config = body.get("generationConfig", {})
    if name := unknown(config, *CONFIG):
        return _unknown(name)
    if "responseJsonSchema" in config and config.get("responseMimeType") != "application/json":
        return "response_json_schema needs response_mime_type application/json"
    thinking = config.get("thinkingConfig", {})
    if name := unknown(thinking, "includeThoughts", "thinkingBudget", "thinkingLevel"):
        return _unknown(name)
    if len(thinking.keys() & {"thinkingBudget", "thinkingLevel"}) == 2 or (
        "thinkingLevel" in thinking and "-3" not in model
    ):
        return "Thinking level is not supported for this model."
    if thinking and model == "thoughtless":
        return "Thinking is not enabled for this model"
    for tool in body.get("tools", []):
        for declared in tool["functionDeclarations"]:
            if name := unknown(declared, "name", "description", "parametersJsonSchema"):
                return _unknown(name)
    calling = body.get("toolConfig", {}).get("functionCallingConfig", {"mode": "AUTO"})
    return "" if calling["mode"] in ("AUTO", "ANY", "NONE") else _unknown("mode")


def _contents(body: dict[str, Any], model: str) -> str:
    owed = 0
    for place, content in enumerate(body["contents"]):
        if content["role"] not in ("user", "model") or not content["parts"]:
            return "Please use a valid role: user, model."
        for part in content["parts"]:
            if len(part.keys() & DATA) != 1 or unknown(part, *DATA, "thoughtSignature"):
                return "contents.parts must have one initialized field"
            if "inlineData" in part:
                base64.b64decode(part["inlineData"]["data"], validate=True)
        answers = [part["functionResponse"] for part in content["parts"] if "functionResponse" in part]
        if len(answers) != owed:
            return (
                "Please ensure that the number of function response parts is equal to the number of function call parts"
            )
        if any(not isinstance(answer["response"], dict) or not answer["name"] for answer in answers):
            return "Invalid value at 'contents.parts.function_response.response' (Struct)"
        calls = [part for part in content["parts"] if "functionCall" in part]
        if calls and "-3" in model and "thoughtSignature" not in calls[0]:
            return f"Function call is missing a thought_signature in functionCall parts, content position {place}."
        owed = len(calls)
    return ""


def _embeds(body: dict[str, Any], model: str) -> str:
    for one in body.get("requests", []):
        if name := unknown(one, "model", "content", "outputDimensionality"):
            return _unknown(name)
        if one["model"] != f"models/{model}":
            return "model must match the one in the URL"
    return "" if body.get("requests") else _unknown("requests")
