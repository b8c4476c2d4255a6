"""Replicate over real sockets: predictions that start, run and end as a script says, files, models and the account.

The prompt decides how a prediction goes: `slow` runs until it is cancelled, `fails`, `nsfw`, `aborted`, `null` end so,
`steps` tells percentages on the way; anything else succeeds within its start. Community models are run by version only.
Source: replicate.com/docs/reference/http, /docs/topics/predictions/lifecycle, /docs/topics/predictions/input-files.
"""

import json
import re
from typing import Any

from fake_media import MP3, Call, FakeMedia, Refusal
from fake_wire import Wire
from image_kit import flat, written

VERSION = "a" * 64
RATIOS = ["1:1", "16:9", "21:9", "3:2", "2:3", "4:5", "5:4", "3:4", "4:3", "9:16", "9:21"]
INPUTS: dict[str, dict[str, Any]] = {
    "black-forest-labs/flux-schnell": {
        "prompt": {"type": "string"}, "seed": {"type": "integer"}, "output_quality": {"type": "integer"},
        "num_outputs": {"type": "integer", "minimum": 1, "maximum": 4},
        "num_inference_steps": {"type": "integer", "minimum": 1, "maximum": 4},
        "aspect_ratio": {"type": "string", "enum": RATIOS},
        "output_format": {"type": "string", "enum": ["webp", "jpg", "png"]}, "go_fast": {"type": "boolean"},
        "disable_safety_checker": {"type": "boolean"}, "megapixels": {"type": "string"},
    },
    "stability-ai/sdxl": {
        "prompt": {"type": "string"}, "negative_prompt": {"type": "string"}, "image": {"type": "string", "format": "uri"},
        "mask": {"type": "string", "format": "uri"}, "width": {"type": "integer"}, "height": {"type": "integer"},
        "num_outputs": {"type": "integer"}, "scheduler": {"type": "string"}, "num_inference_steps": {"type": "integer"},
        "guidance_scale": {"type": "number"}, "prompt_strength": {"type": "number"}, "seed": {"type": "integer"},
    },
    "nightmareai/real-esrgan": {"image": {"type": "string", "format": "uri"}, "scale": {"type": "number"}},
    "openai/whisper": {
        "audio": {"type": "string", "format": "uri"}, "language": {"type": "string"}, "translate": {"type": "boolean"},
        "initial_prompt": {"type": "string"}, "temperature": {"type": "number"}, "transcription": {"type": "string"},
    },
    "jaaari/kokoro-82m": {"text": {"type": "string"}, "voice": {"type": "string"}, "speed": {"type": "number"}},
    "meta/musicgen": {
        "prompt": {"type": "string"}, "duration": {"type": "integer"}, "seed": {"type": "integer"},
        "output_format": {"type": "string", "enum": ["wav", "mp3"]},
    },
    "wan-video/wan-2.2-t2v-fast": {
        "prompt": {"type": "string"}, "num_frames": {"type": "integer", "minimum": 81, "maximum": 100},
        "aspect_ratio": {"type": "string", "enum": ["16:9", "9:16"]}, "seed": {"type": "integer"},
        "frames_per_second": {"type": "integer", "minimum": 5, "maximum": 24},
    },
    "wan-video/wan-2.2-i2v-fast": {
        "prompt": {"type": "string"}, "image": {"type": "string", "format": "uri"}, "num_frames": {"type": "integer"},
        "frames_per_second": {"type": "integer"}, "seed": {"type": "integer"},
    },
    "someone/painter": {
        "text_prompt": {"type": "string"}, "input_images": {"type": "array", "items": {"type": "string", "format": "uri"}},
        "guidance": {"type": "number", "minimum": 1, "maximum": 5},
        "aspect_ratio": {"allOf": [{"$ref": "#/components/schemas/aspect_ratio"}]},
        "format": {"allOf": [{"$ref": "#/components/schemas/format"}]}, "brush": {"type": "string"},
    },
}  # fmt: skip
OFFICIAL = ("black-forest-labs/", "wan-video/")
SHARED = {"aspect_ratio": {"enum": ["match_input_image", "1:1", "4:3"]}, "format": {"enum": ["png", "jpg"]}}
MP4 = b"\x00\x00\x00\x18ftypmp42" + bytes(300)


class FakeReplicate(FakeMedia):
    base = "/v1"

    def __init__(self, key: str = "") -> None:
        super().__init__(key)
        self.predictions: dict[str, dict[str, Any]] = {}
        self.cancelled: list[str] = []
        self.uploads: dict[str, Call] = {}
        self.hold = 0.0
        """Seconds that the answer to a start is held back, as `Prefer: wait` does."""
        self.polls_fail = 0

    def authorise(self, call: Call) -> None:
        if not call.path.startswith("/out/"):
            super().authorise(call)

    def error(self, refused: Refusal) -> tuple[dict[str, Any], dict[str, str]]:
        told = {"title": "Refused", "detail": refused.message, "status": refused.status, **refused.more.get("told", {})}
        return told, {"Retry-After": refused.more["retry"]} if "retry" in refused.more else {}

    def fails(self, call: Call) -> bool:
        return call.method == "POST" and not call.path.endswith("/cancel")

    async def play(self, wire: Wire, call: Call) -> bool:
        path = call.path.removeprefix("/v1")
        if (call.method, path) == ("GET", "/account"):
            return wire.answer(200, {"type": "user", "username": "acme", "name": "Acme"})
        if (call.method, path) == ("POST", "/files"):
            return wire.answer(201, self._uploaded(call))
        if found := re.fullmatch(r"/models/([\w.-]+/[\w.-]+)(/versions/\w+)?", path):
            return wire.answer(200, self._model(found[1], bool(found[2])))
        if call.method == "POST" and (found := re.fullmatch(r"(?:/models/([\w.-]+/[\w.-]+))?/predictions", path)):
            return await self._start(wire, call, found[1])
        if found := re.fullmatch(r"/predictions/(\w+)(/cancel)?", path):
            return wire.answer(200, self._look(found[1], bool(found[2])))
        if path.startswith("/out/"):
            data = {"png": written(flat(16, 16, (5, 6, 7)), "png"), "mp3": MP3, "mp4": MP4}[path.rpartition(".")[2]]
            return wire.answer(200, data, kind="application/octet-stream")
        raise Refusal(404, "The requested resource could not be found.")

    async def _start(self, wire: Wire, call: Call, name: str | None) -> bool:
        body = call.json
        if not re.fullmatch(r"wait(=([1-9]|[1-5][0-9]|60))?", call.headers.get("prefer", "wait")):
            raise Refusal(400, "Prefer must be wait=n, 1 to 60")
        if not re.fullmatch(r"\d+[smh]", call.headers.get("cancel-after", "60s")):
            raise Refusal(400, "Cancel-After must be a duration")
        if name is None:
            if set(body) - {"input", "webhook"} != {"version"} or body["version"] != VERSION:
                raise Refusal(
                    422, "version: Invalid version or not permitted", told={"title": "Invalid version or not permitted"}
                )
            name = self.predictions["last model"]["name"]
        elif not name.startswith(OFFICIAL):
            raise Refusal(404, "The requested resource could not be found.")
        self._check(name, body["input"])
        number = f"p{len(self.predictions)}"
        self.predictions[number] = {"model": name, "input": body["input"], "looks": 0, "cancelled": False}
        if self.hold:
            await wire.pause(self.hold)
        return wire.answer(201, self._told(number))

    def _check(self, name: str, given: dict[str, Any]) -> None:
        known = INPUTS[name]
        for field, value in given.items():
            if field not in known:
                raise Refusal(
                    422,
                    f"- input: Additional property {field} is not allowed\n",
                    told={"title": "Input validation failed"},
                )
            kind = known[field].get("type")
            fits = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list}.get(
                str(kind), object
            )
            if not isinstance(value, fits):
                raise Refusal(
                    422, f"- input.{field}: Invalid type. Expected: {kind}\n", told={"title": "Input validation failed"}
                )
            if value not in known[field].get("enum", [value]):
                raise Refusal(422, f"- input.{field}: must be one of {known[field]['enum']}\n")
            if kind in ("integer", "number") and not known[field].get("minimum", value) <= value <= known[field].get(
                "maximum", value
            ):
                raise Refusal(422, f"- input.{field}: Must be within its range\n")

    def _model(self, name: str, version: bool) -> dict[str, Any]:
        if name not in INPUTS:
            raise Refusal(404, "The requested resource could not be found.")
        self.predictions["last model"] = {"name": name}
        schemas = {"Input": {"type": "object", "properties": INPUTS[name]}, **SHARED}
        told = {"id": VERSION, "openapi_schema": {"components": {"schemas": schemas}}}
        owner, _, rest = name.partition("/")
        return (
            told
            if version
            else {"owner": owner, "name": rest, "latest_version": told, "is_official": name.startswith(OFFICIAL)}
        )

    def _uploaded(self, call: Call) -> dict[str, Any]:
        number = f"f{len(self.uploads)}"
        self.uploads[number] = call
        if call.size < 4_000_000 and [part.name for part in call.files()] != ["content"]:
            raise Refusal(400, "Missing content")
        return {"id": number, "urls": {"get": f"{self.origin}/v1/files/{number}"}, "size": call.size}

    def _look(self, number: str, cancel: bool) -> dict[str, Any]:
        found = self.predictions[number]
        if cancel:
            found["cancelled"] = True
            self.cancelled.append(number)
        elif self.polls_fail:
            self.polls_fail -= 1
            raise Refusal(503, "try again")
        found["looks"] += 1
        return self._told(number)

    def _told(self, number: str) -> dict[str, Any]:
        found = self.predictions[number]
        words = json.dumps(found["input"])
        urls = {"get": f"{self.url}/predictions/{number}", "cancel": f"{self.url}/predictions/{number}/cancel"}
        told: dict[str, Any] = {"id": number, "model": found["model"], "version": VERSION, "input": found["input"], "logs": "",
                                "error": None, "output": None, "status": "processing", "urls": urls}  # fmt: skip
        if found["cancelled"]:
            return {**told, "status": "canceled"}
        if "slow" in words:
            return {**told, "status": "starting" if found["looks"] < 2 else "processing"}
        if "steps" in words and found["looks"] < 3:
            return {**told, "logs": f" {found['looks'] * 30}%|███| \n"}
        if "fails" in words:
            return {**told, "status": "failed", "error": f"CUDA out of memory, token {self.key}"}
        if "nsfw" in words:
            return {
                **told,
                "status": "failed",
                "error": "NSFW content detected. Try running it again, or try a different prompt.",
            }
        if "aborted" in words:
            return {**told, "status": "aborted"}
        output = None if "null" in words else self._output(found)
        return {**told, "status": "succeeded", "output": output, "metrics": {"predict_time": 1.25}}

    def _output(self, found: dict[str, Any]) -> Any:
        model, given = found["model"], found["input"]
        if model == "openai/whisper":
            segments = [{"id": 0, "start": 0.0, "end": 1.5, "text": " Hello"}]
            told = {
                "detected_language": "english",
                "transcription": " Hello",
                "segments": segments,
                "translation": None,
            }
            return {**told, "translation": " Hallo"} if given.get("translate") else told
        if model in ("jaaari/kokoro-82m", "meta/musicgen"):
            return f"{self.origin}/out/1.mp3"
        if model.startswith("wan-video"):
            return f"{self.origin}/out/1.mp4"
        if model == "nightmareai/real-esrgan":
            return f"{self.origin}/out/1.png"
        return [f"{self.origin}/out/{n}.png" for n in range(given.get("num_outputs", 1))]
