"""The Gemini API's pictures and speech over real sockets, by what `responseModalities` asks for. The words choose a refusal.

Source: ai.google.dev/gemini-api/docs/image-generation, /speech-generation, /audio, /imagen, /api/generate-content.
"""

import base64
import json
from typing import Any

from fake_media import Call, FakeMedia, Refusal
from fake_wire import Wire
from image_kit import flat, written

USAGE = {"promptTokenCount": 17, "candidatesTokenCount": 1290, "totalTokenCount": 1307}
CONFIG = {"responseModalities", "imageConfig", "speechConfig", "seed", "temperature", "maxOutputTokens", "topP", "topK"}
RATIOS = {"1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"}
SAMPLES = bytes(4800)
MODELS = {
    "gemini-2.5-flash": ["generateContent"],
    "gemini-2.5-flash-image": ["generateContent"],
    "gemini-2.5-flash-preview-tts": ["generateContent"],
    "gemini-2.5-flash-native-audio-preview": ["bidiGenerateContent"],
    "gemini-embedding-001": ["embedContent"],
    "imagen-4.0-generate-001": ["predict"],
    "veo-3.0": ["predictLongRunning"],
}


class FakeGeminiMedia(FakeMedia):
    def authorise(self, call: Call) -> None:
        if call.headers.get("x-goog-api-key") != self.key or self.key in call.path:
            raise Refusal(400, f"API key not valid: {call.headers.get('x-goog-api-key')}", code="INVALID_ARGUMENT")

    def error(self, refused: Refusal) -> tuple[dict[str, Any], dict[str, str]]:
        told = {"code": refused.status, "message": refused.message, "status": refused.more.get("code", "UNKNOWN")}
        return {"error": told}, {"Retry-After": refused.more["retry"]} if "retry" in refused.more else {}

    async def play(self, wire: Wire, call: Call) -> bool:
        if call.method == "GET":
            rows = [{"name": f"models/{name}", "supportedGenerationMethods": can} for name, can in MODELS.items()]
            return wire.answer(200, {"models": rows})
        model, _, verb = call.path.removeprefix("/v1beta/models/").partition(":")
        if verb == "predict" and model.startswith("imagen"):
            return wire.answer(200, _imagined(call.json))
        if verb != "generateContent":
            raise Refusal(404, f"{call.path} is not found for API version v1beta")
        return wire.answer(200, _generated(model, call.json))


def _generated(model: str, body: dict[str, Any]) -> dict[str, Any]:
    config = body.get("generationConfig", {})
    if odd := (body.keys() - {"contents", "generationConfig", "safetySettings", "systemInstruction"}) | (
        config.keys() - CONFIG
    ):
        raise Refusal(400, f'Invalid JSON payload received. Unknown name "{sorted(odd)[0]}"')
    parts = body["contents"][0]["parts"]
    words, files = (
        " ".join(part.get("text", "") for part in parts),
        [part["inlineData"] for part in parts if "inlineData" in part],
    )
    for one in files:
        base64.b64decode(one["data"], validate=True)
    if "forbidden" in words:
        return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 5}}
    if "unsafe" in words:
        return _said([], reason="IMAGE_SAFETY", finishMessage="Unable to show the generated image.")
    match config.get("responseModalities"):
        case ["TEXT", "IMAGE"]:
            if "-image" not in model:
                raise Refusal(400, "Multi-modal output is not supported.")
            ratio = config.get("imageConfig", {}).get("aspectRatio", "1:1")
            if ratio not in RATIOS:
                raise Refusal(400, "aspect_ratio must be one of the supported ones")
            if "chatty" in words:
                return _said([{"text": "What kind of cat?"}])
            wide, high = map(int, ratio.split(":"))
            data = written(flat(wide * 8, high * 8, (1, 2, 3)), "png")
            data = data[:-30] if "broken" in words else data
            return _said(
                [
                    {"text": "Here it is."},
                    {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(data).decode()}},
                ]
            )
        case ["AUDIO"]:
            if not config["speechConfig"]["voiceConfig"]["prebuiltVoiceConfig"]["voiceName"]:
                raise Refusal(400, "voiceName is required")
            sound = {"mimeType": "audio/L16;codec=pcm;rate=24000", "data": base64.b64encode(SAMPLES).decode()}
            return _said([{"inlineData": sound}])
    if not files:
        raise Refusal(400, "a file was expected")
    heard = files[0]["mimeType"].startswith("audio/")
    return _said([] if "silence" in words else [{"text": "The quick brown fox." if heard else "A small grey square."}])


def _said(parts: list[dict[str, Any]], reason: str = "STOP", **more: Any) -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": reason, "index": 0, **more}
    return {"candidates": [candidate], "usageMetadata": USAGE, "modelVersion": "gemini-fake"}


def _imagined(body: dict[str, Any]) -> dict[str, Any]:
    if set(body) != {"instances", "parameters"} or set(body["parameters"]) - {
        "sampleCount",
        "aspectRatio",
        "personGeneration",
    }:
        raise Refusal(400, f"Unknown name in {json.dumps(sorted(body))}")
    if "unsafe" in body["instances"][0]["prompt"]:
        return {"predictions": [{"raiFilteredReason": "Unable to show generated images."}]}
    picture = base64.b64encode(written(flat(8, 8, (1, 2, 3)), "png")).decode()
    drawn = {"mimeType": "image/png", "bytesBase64Encoded": picture}
    return {"predictions": [drawn] * body["parameters"]["sampleCount"]}
