"""OpenAI's images and audio over real sockets, as strict as the reference: what it would refuse is refused.

The model decides: `dall-e-2`, `dall-e-3` and `gpt-image-*` by their own rules; `whisper-*` tells times, `gpt-4o-transcribe`
does not; `FLUX*` is another server's (free sizes, `url` answers), `strict` knows no hints, `single` draws one a call.
Source: developers.openai.com/api/reference/resources/images and /audio, and the types of openai-python 3.54.
"""

import base64
import json
from typing import Any

import pyvips
from fake_media import MP3, Call, FakeMedia, Refusal, wav
from fake_wire import Wire
from image_kit import flat, written

GENERATION = {
    "model", "prompt", "n", "size", "quality", "style", "background", "output_format", "output_compression",
    "response_format", "moderation", "user", "safety_identifier",
}  # fmt: skip
EDIT = {*GENERATION, "input_fidelity"} - {"style"}
SIZES = {
    "dall-e-2": {"256x256", "512x512", "1024x1024"},
    "dall-e-3": {"1024x1024", "1792x1024", "1024x1792"},
    "gpt-image-1": {"1024x1024", "1536x1024", "1024x1536", "auto"},
}
VOICES = [
    "alloy",
    "ash",
    "ballad",
    "coral",
    "echo",
    "fable",
    "onyx",
    "nova",
    "sage",
    "shimmer",
    "verse",
    "marin",
    "cedar",
]
SOUNDS = {"mp3": "audio/mpeg", **{name: f"audio/{name}" for name in ("opus", "aac", "flac", "wav", "pcm")}}
USAGE = {
    "input_tokens": 50, "output_tokens": 1000, "total_tokens": 1050,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
}  # fmt: skip
SPOKEN = "The quick brown fox."


class FakeOpenAIMedia(FakeMedia):
    base = "/v1"

    def __init__(self, key: str = "", speech: int = 0) -> None:
        """`speech`: bytes of what is spoken, instead of a short one."""
        super().__init__(key)
        self.speech = speech
        self.elsewhere = ""
        """Where pictures lie that are answered by URL; empty: here."""
        self.models = [
            "gpt-5", "text-embedding-3-small", "dall-e-2", "dall-e-3", "gpt-image-1-mini", "gpt-image-2.5-flare",
            "gpt-image-2.5-flare-2026-09-08", "chatgpt-image-latest", "gpt-4o-transcribe", "whisper-1", "tts-1",
            "gpt-4o-mini-tts", "gpt-realtime", "sora-2", "omni-moderation-latest", "o3", "gpt-3.5-turbo-instruct",
        ]  # fmt: skip
        self.listed: list[dict[str, Any]] = []

    def error(self, refused: Refusal) -> tuple[dict[str, Any], dict[str, str]]:
        told = {"message": refused.message, "type": "invalid_request_error", "param": refused.more.get("param")}
        headers = {"Retry-After": refused.more["retry"]} if "retry" in refused.more else {}
        return {"error": {**told, "code": refused.more.get("code")}}, headers

    def authorise(self, call: Call) -> None:
        if not call.path.startswith("/files/"):
            super().authorise(call)

    async def play(self, wire: Wire, call: Call) -> bool:
        match call.method, call.path:
            case "GET", "/v1/models":
                return wire.answer(
                    200, {"object": "list", "data": self.listed or [{"id": name} for name in self.models]}
                )
            case "POST", "/v1/images/generations":
                body = _known(call.json, GENERATION)
                return wire.answer(200, self._drawn(body["model"], body))
            case "POST", "/v1/images/edits":
                return wire.answer(200, self._edited(call))
            case "POST", "/v1/images/variations":
                fields = call.fields()
                _want(
                    len(call.files()) == 1 and "prompt" not in fields, "a variation is of one image, without a prompt"
                )
                return wire.answer(200, self._drawn(fields["model"], {**fields, "prompt": "-"}))
            case "POST", "/v1/audio/speech":
                return await self._speak(wire, call.json)
            case "POST", "/v1/audio/transcriptions" | "/v1/audio/translations":
                return wire.answer(200, self._heard(call))
            case "POST", "/v1/chat/completions":
                return wire.answer(200, self._chat(call.json))
        if call.path == "/files/moved.png":
            return wire.answer(302, b"", {"Location": "/files/1.png"})
        if call.path == "/files/inside.png":
            return wire.answer(302, b"", {"Location": "http://169.254.169.254/latest/meta-data"})
        if call.path == "/files/cut.png":
            wire.head(200, {"Content-Type": "image/png", "Content-Length": "100000"})
            wire.writer.write(written(flat(8, 8, (1, 2, 3)), "png"))
            await wire.writer.drain()
            return False
        if call.path.startswith("/files/"):
            return wire.answer(200, written(flat(8, 8, (1, 2, 3)), "png"), kind="text/plain")
        raise Refusal(404, f"Invalid URL ({call.method} {call.path})")

    # ---- pictures ----

    def _drawn(self, model: str, body: dict[str, Any]) -> dict[str, Any]:
        _want(isinstance(body.get("prompt"), str) and bool(body["prompt"]), "prompt is required", "prompt")
        count, size = int(body.get("n", 1)), body.get("size", "1024x1024")
        _want(1 <= count <= 10, "n must be between 1 and 10", "n")
        self._rules(model, body, count, size)
        wide, high = (1024, 1024) if size == "auto" else map(int, size.split("x"))
        ending = {"jpeg": "jpg"}.get(body.get("output_format", "png"), body.get("output_format", "png"))
        if "broken" in body["prompt"]:
            data = [{"b64_json": base64.b64encode(written(flat(64, 64, (9, 9, 9)), "png")[:-40]).decode()}]
        elif "wrong mime" in body["prompt"]:
            data = [{"b64_json": base64.b64encode(b"<html>no picture</html>").decode()}]
        elif body.get("response_format") == "b64_json" or model.startswith(("gpt-image", "chatgpt-image")):
            data = [
                {"b64_json": base64.b64encode(written(flat(wide, high, (i * 9, 9, 9)), ending)).decode()}
                for i in range(count)
            ]
        else:
            data = [{"url": f"{self.elsewhere or self.origin}/files/{i + 1}.png?sig=s3cret"} for i in range(count)]
        if model == "dall-e-3":
            data = [{**one, "revised_prompt": f"revised {body['prompt']}"} for one in data]
        return {"created": 1, "data": data, **({"usage": USAGE} if model.startswith("gpt-image") else {})}

    def _rules(self, model: str, body: dict[str, Any], count: int, size: str) -> None:
        if model in ("gpt-image-1", "gpt-image-1-mini", "dall-e-2", "dall-e-3"):
            allowed = SIZES[model.removesuffix("-mini")]
            _want(size in allowed, f"Invalid value: '{size}'. Supported values are: {sorted(allowed)}", "size")
        elif model.startswith("gpt-image") and size != "auto":
            wide, high = map(int, size.split("x"))
            _want(wide % 16 == high % 16 == 0, "Width and height must be divisible by 16", "size")
            _want(655_360 <= wide * high <= 8_294_400, "below the current minimum pixel budget", "size")
        if model.startswith("gpt-image"):
            for name in ("response_format", "style"):
                _want(name not in body, f"Unknown parameter: '{name}'.", name)
            _want(body.get("quality", "auto") in ("auto", "low", "medium", "high"), "Invalid quality", "quality")
        if model.startswith("dall-e"):
            for name in ("background", "output_format"):
                _want(name not in body, f"Unknown parameter: '{name}'.", name)
        if model == "dall-e-3":
            _want(count == 1, "You must provide n=1 for this model.", None)
            _want(body.get("quality", "standard") in ("standard", "hd"), "Invalid quality", "quality")
        if model == "single":
            _want(count == 1, "Invalid 'n': this model draws one image", "n")
        if model == "strict":
            for name in ("response_format", "seed", "negative_prompt", "steps", "guidance_scale"):
                _want(name not in body, f"Extra inputs are not permitted: {name}", name, 422)

    def _edited(self, call: Call) -> dict[str, Any]:
        fields, files = call.fields(), call.files()
        _known(fields, EDIT)
        pictures = [part for part in files if part.name in ("image", "image[]")]
        names = {part.name for part in pictures}
        _want(
            names == ({"image"} if len(pictures) == 1 else {"image[]"}), "image: one, or image[] for several", "image"
        )
        for part in pictures:
            _want(
                part.kind in ("image/png", "image/jpeg", "image/webp"), f"unsupported mimetype ('{part.kind}')", "image"
            )
            _want(part.filename.endswith((".png", ".jpg", ".webp")), "file has no extension", "image")
        if mask := [part for part in files if part.name == "mask"]:
            shown, base_picture = (pyvips.Image.new_from_buffer(part.data, "") for part in (mask[0], pictures[0]))
            _want(
                mask[0].data[:4] == b"\x89PNG" and shown.hasalpha(), "mask must be a PNG with an alpha channel", "mask"
            )
            same = (shown.width, shown.height) == (base_picture.width, base_picture.height)
            _want(same, "mask and image must have the same size", "mask")
        return self._drawn(fields["model"], fields)

    # ---- sound ----

    async def _speak(self, wire: Wire, body: dict[str, Any]) -> bool:
        _known(body, {"model", "input", "voice", "response_format", "speed", "instructions", "stream_format"})
        _want(isinstance(body.get("input"), str) and len(body["input"]) <= 4096, "string too long", "input")
        _want(
            body.get("voice") in VOICES or body["model"].startswith("playai"),
            f"Invalid voice: {body.get('voice')}",
            "voice",
        )
        form = body.get("response_format", "mp3")
        _want(form in SOUNDS, f"Invalid response_format: {form}", "response_format")
        _want(
            not (body["model"].startswith("tts-1") and "instructions" in body),
            "Unknown parameter: 'instructions'.",
            "instructions",
        )
        said = body["input"]
        data = {
            "wav": wav(),
            "pcm": b"\xff\xf3\x90\x64" * 200,
            "opus": b"OggS" + bytes(24) + b"OpusHead" + bytes(200),
        }.get(form, MP3)
        if said == "json error":
            return wire.answer(200, {"error": {"message": "the voice is hoarse", "code": 500}})
        if said == "html":
            return wire.answer(200, b"<html>Sign in</html>", kind="audio/mpeg")
        if said == "empty":
            return wire.answer(200, b"", kind="audio/mpeg")
        if said == "wrong mime":
            return wire.answer(200, wav(), kind="audio/mpeg")
        if said == "truncated":
            wire.head(200, {"Content-Type": SOUNDS[form], "Content-Length": "9000"})
            wire.writer.write(data)
            await wire.writer.drain()
            return False
        wire.head(200, {"Content-Type": SOUNDS[form], "Transfer-Encoding": "chunked"})
        wire.chunk(data)
        left = self.speech
        block = bytes(256 * 1024)
        while left > 0:
            wire.chunk(block[:left])
            left -= len(block)
            await wire.writer.drain()
        if said == "forever":
            await wire.pause(30)
        return wire.end()

    def _heard(self, call: Call) -> dict[str, Any]:
        if call.size > 4 * 1024 * 1024:  # its parts are not kept
            return {"text": SPOKEN, "usage": {"type": "duration", "seconds": 100}}
        translates, fields, [sound] = call.path.endswith("translations"), call.fields(), call.files()
        model, form = fields["model"], fields.get("response_format", "json")
        _want(sound.name == "file" and "." in sound.filename, "file with an extension is required", "file")
        _want(call.parts[-1].name == "file", "this double reads the form as it comes", "file")
        known = {"model", "response_format", "prompt", "temperature"} | (
            set() if translates else {"language", "timestamp_granularities[]", "chunking_strategy"}
        )
        _known(fields, known)
        times = [part.data.decode() for part in call.parts if part.name == "timestamp_granularities[]"]
        if "gpt-4o" in model or model == "plain":
            _want(form == "json", f"response_format '{form}' is not compatible with model '{model}'", "response_format")
        _want(
            not times or form == "verbose_json", "timestamp_granularities needs verbose_json", "timestamp_granularities"
        )
        _want(not times or model != "timeless", "Unknown parameter: timestamp_granularities", "timestamp_granularities")
        if sound.data == b"":
            raise Refusal(400, "Invalid file format.")
        if form == "json":
            counted = {"type": "tokens", "input_tokens": 14, "output_tokens": 6, "total_tokens": 20}
            return {"text": SPOKEN, "usage": counted}
        segment = {"id": 0, "seek": 0, "start": 0.0, "end": 1.5, "text": SPOKEN, "tokens": [1, 2], "avg_logprob": -0.2,
                   "compression_ratio": 1.1, "no_speech_prob": 0.01, "temperature": 0.0}  # fmt: skip
        told: dict[str, Any] = {
            "task": "transcribe",
            "language": "english",
            "duration": 1.5,
            "text": SPOKEN,
            "segments": [segment],
        }
        if "word" in times:
            told["words"] = [{"word": "The", "start": 0.0, "end": 0.2}]
        return {**told, "usage": {"type": "duration", "seconds": 2}}

    # ---- chats that draw and see ----

    def _chat(self, body: dict[str, Any]) -> dict[str, Any]:
        parts = body["messages"][-1]["content"]
        seen = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
        usage = {"prompt_tokens": 300, "completion_tokens": 12, "total_tokens": 312}
        message: dict[str, Any] = {"role": "assistant", "content": "A small grey square."}
        if "modalities" in body:
            picture = base64.b64encode(written(flat(8, 8, (1, 2, 3)), "png")).decode()
            refused = "refuse" in json.dumps(parts)
            images = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}}]
            message = {
                "role": "assistant",
                "content": "I would rather not." if refused else "Here.",
                "images": [] if refused else images,
            }
        else:
            _want(len(seen) == 1 and seen[0].startswith("data:image/"), "one picture is wanted", "messages")
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        return {
            "id": "c",
            "object": "chat.completion",
            "created": 1,
            "model": body["model"],
            "choices": choices,
            "usage": usage,
        }


def _want(holds: bool, message: str, param: str | None = None, status: int = 400) -> None:
    if not holds:
        raise Refusal(status, message, param=param)


def _known(body: dict[str, Any], names: set[str]) -> dict[str, Any]:
    free = body.get("model", "").startswith(("FLUX", "strict", "playai"))
    odd = sorted(body.keys() - names)
    _want(not odd or free, f"Unknown parameter: '{odd and odd[0]}'.", odd[0] if odd else None)
    return body
