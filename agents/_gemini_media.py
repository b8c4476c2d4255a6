"""Pictures and speech at the Gemini API: all through `generateContent`, told apart by what is to come back.

What a newcomer would get wrong: spoken words come without a header, as bare samples whose rate stands in their type
(`audio/L16;codec=pcm;rate=24000`); a wav header makes a file of them. Imagen's own endpoint (`:predict`) was shut down for
most in August 2026; it is spoken where a model list still says so.
Sources: ai.google.dev/gemini-api/docs/image-generation, /speech-generation, /audio, /imagen; the types of python-genai 3.4.
"""

import re
import struct
from base64 import b64encode
from collections.abc import AsyncGenerator
from typing import Any

from agents import _gemini_path, _media, _native
from agents._asked import refusal
from agents._fetched import decoded, keep_picture
from agents._gemini_reply import Predicted, made_of, replied, withheld
from agents._media import PATIENCE, Made, answer, asked, body_of, each, file
from agents._openai_images import family, prompt
from agents._openai_painted import RATIOS, nearest
from agents.agent import Call, Handle, Tools
from schemas.events import Event
from schemas.job import Job
from schemas.media import Artifact, FileRef, ImageToImage, SpeechToText, TextToImage, TextToSpeech, Told
from schemas.problem import Code, Problem
from schemas.provider import Model

VOICE = "Kore"
INLINE = 14 * 1024 * 1024
"""Bytes of files in one request: it may have 20 MB, and base64 makes a third more of them."""
HEAR = "Generate a transcript of the speech. Answer with the transcript alone."
TRANSLATE = "Translate the speech into English. Answer with the translation alone."
_IMAGEN_RATIOS = ((1, 1), (3, 4), (4, 3), (9, 16), (16, 9))
_RATE = re.compile(r"rate=(\d+)")
_PAINTS = re.compile(r"gemini.*-image|image-generation")
_SPEAKS = re.compile(r"-tts")
_HEARS = re.compile(r"gemini-\d.*(flash|pro)")
_APART = re.compile(r"live|native-audio|computer-use|robotics|embedding|customtools")


# ---- pictures --------------------------------------------------------------------------------------------------------


async def text_to_image(job: Job, tools: Tools) -> AsyncGenerator[Event, None]:
    request, model, made = asked(job, TextToImage), tools.native(job.model, job.op), Made()
    if "imagen" in model:
        made = await _imagen(to_predict(request, model, tools), tools)
    else:
        call = to_draw(request, model, [], tools)
        for one in await each([_drawn(call, tools) for _ in range(request.batch_size)]):
            made.add(one)
    yield made.done(job, tools, request)


async def image_to_image(job: Job, tools: Tools) -> AsyncGenerator[Event, None]:
    request, made = asked(job, ImageToImage), Made()
    refs = [(file(request.image, "image"), "image"), *((file(one, "images"), "images") for one in request.images)]
    shown = await _inline(refs, tools)
    call = to_draw(request, tools.native(job.model, job.op), shown, tools)
    for one in await each([_drawn(call, tools) for _ in range(request.batch_size)]):
        made.add(one)
    yield made.done(job, tools, request)


def to_draw(request: TextToImage | ImageToImage, model: str, shown: list[dict[str, Any]], tools: Tools) -> Call:
    config: dict[str, Any] = {"responseModalities": ["TEXT", "IMAGE"]}
    if request.width or request.height:
        wide, high = nearest(request.width, request.height, RATIOS)
        config["imageConfig"] = {"aspectRatio": f"{wide}:{high}"}
    if request.seed:
        config["seed"] = request.seed
    own = request.arguments.get("generationConfig")
    parts = [{"text": prompt(request, family("gpt-image"))}, *shown]
    body = {"contents": [{"role": "user", "parts": parts}], "generationConfig": _native.added(config, own)}
    return _generate(model, _native.added(body, request.arguments), tools)


def to_predict(request: TextToImage, model: str, tools: Tools) -> Call:
    """Imagen's own words: `instances` and `parameters`."""
    parameters: dict[str, Any] = {"sampleCount": min(request.batch_size, 4)}
    if request.width or request.height:
        wide, high = nearest(request.width, request.height, _IMAGEN_RATIOS)
        parameters["aspectRatio"] = f"{wide}:{high}"
    body = {
        "instances": [{"prompt": prompt(request, family("gpt-image"))}],
        "parameters": _native.added(parameters, request.arguments),
    }
    return Call(f"{_gemini_path.path(tools, model)}:predict", body, _gemini_path.headers(tools), patience=PATIENCE)


async def _drawn(call: Call, tools: Tools) -> Made:
    found = await replied(call, tools)
    words = "".join(part.text or "" for part in found.parts)[: _media.TITLE]
    pictures = [part.inline_data for part in found.parts if part.inline_data]
    if not pictures:
        raise withheld(found, words, "drew nothing", tools)
    artifacts = [await keep_picture(picture.data, tools, words) for picture in pictures]
    return made_of(found, artifacts=artifacts)


async def _imagen(call: Call, tools: Tools) -> Made:
    found = answer(await body_of(call, tools), Predicted, tools, "pictures").predictions
    drawn = [one.bytes_base64_encoded for one in found if one.bytes_base64_encoded]
    if not drawn:
        why = next((one.rai_filtered_reason for one in found if one.rai_filtered_reason), "no reason given")
        raise tools.problem(Code.PROVIDER_REFUSED, f"drew nothing: {tools.scrub(why)[:200]}")
    return Made(artifacts=[await keep_picture(one, tools) for one in drawn])


# ---- speech ----------------------------------------------------------------------------------------------------------


async def text_to_speech(job: Job, tools: Tools) -> AsyncGenerator[Event, None]:
    request = asked(job, TextToSpeech)
    if request.output_format not in (None, "wav", "pcm"):
        raise refusal(tools, "speaks wav and pcm only", "output_format")
    found = await replied(to_speech(request, tools.native(job.model, job.op), tools), tools)
    sound = next((part.inline_data for part in found.parts if part.inline_data), None)
    if sound is None:
        raise withheld(found, "", "said nothing", tools)
    samples, rate = (
        decoded(sound.data, tools),
        int(found_rate[1]) if (found_rate := _RATE.search(sound.mime_type)) else 24_000,
    )
    seconds = round(len(samples) / 2 / rate, 3)
    bare = request.output_format == "pcm"
    data, kind = (samples, "audio/pcm") if bare or samples[:4] == b"RIFF" else (wav(samples, rate), "audio/wav")
    artifact = await tools.shelf.put(data, kind if bare else "audio/wav", Artifact(seconds=seconds))
    yield made_of(found, artifacts=[artifact]).done(job, tools, request)


def to_speech(request: TextToSpeech, model: str, tools: Tools) -> Call:
    """How to speak is said in front of what to speak: the model reads directions."""
    text = f"{request.instructions}: {request.input}" if request.instructions else request.input
    voice = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": request.voice or VOICE}}}
    config = {"responseModalities": ["AUDIO"], "speechConfig": voice}
    return _generate(
        model, {"contents": [{"role": "user", "parts": [{"text": text}]}], "generationConfig": config}, tools
    )


def wav(samples: bytes, rate: int) -> bytes:
    """A header for samples of 16 bits, one channel."""
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(samples), b"WAVE", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16,
                       b"data", len(samples))  # fmt: skip
    return head + samples


async def speech_to_text(job: Job, tools: Tools) -> AsyncGenerator[Event, None]:
    """Words alone: the model tells no times that could be trusted."""
    request = asked(job, SpeechToText)
    [sound] = await _inline([(file(request.audio, "audio"), "audio")], tools)
    found = await replied(to_hear(request, tools.native(job.model, job.op), sound, tools), tools)
    text = "".join(part.text or "" for part in found.parts).strip()
    if not text:
        raise withheld(found, "", "heard nothing", tools)
    yield made_of(found, texts=[Told(text=text, language="en" if request.translate else request.language or "")]).done(
        job, tools, request
    )


def to_hear(request: SpeechToText, model: str, sound: dict[str, Any], tools: Tools) -> Call:
    words = [TRANSLATE if request.translate else HEAR]
    if request.language and not request.translate:
        words.append(f"The language spoken is {request.language}.")
    if request.prompt:
        words.append(f"Names and words that may occur: {request.prompt}")
    body: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": " ".join(words)}, sound]}]}
    if request.temperature is not None:
        body["generationConfig"] = {"temperature": request.temperature}
    return _generate(model, body, tools)


# ---- both ------------------------------------------------------------------------------------------------------------


def rows(name: str, can: list[str]) -> list[Model]:
    """What a listed model does, by its methods and its name."""
    if "imagen" in name:
        return [Model(name=name, op="text_to_image")] if "predict" in can else []
    if "generateContent" not in can:
        return [Model(name=name, op="embeddings")] if {"embedContent", "batchEmbedContents"} & {*can} else []
    if _SPEAKS.search(name):
        return [Model(name=name, op="text_to_speech")]
    found = [Model(name=name, vision=True if "gemini" in name else None)]
    if _PAINTS.search(name):
        found += [Model(name=name, op=op) for op in ("text_to_image", "image_to_image")]
    elif _HEARS.match(name) and not _APART.search(name):
        found.append(Model(name=name, op="speech_to_text"))
    return found


def _generate(model: str, body: dict[str, Any], tools: Tools) -> Call:
    return Call(
        f"{_gemini_path.path(tools, model)}:generateContent", body, _gemini_path.headers(tools), patience=PATIENCE
    )


async def _inline(refs: list[tuple[FileRef, str]], tools: Tools) -> list[dict[str, Any]]:
    """Files as parts of a request."""
    found, left = [], INLINE
    for ref, param in refs:
        try:
            data = await tools.shelf.whole(ref, left)
        except Problem as problem:
            if problem.code is not Code.TOO_LARGE:
                raise
            sentence = f"{tools.provider.name} takes at most {INLINE / 1e6:.0f} MB of files in a request"
            raise Problem(Code.TOO_LARGE, sentence, param=param, provider=tools.provider.name) from problem
        if not data:
            raise Problem(Code.INVALID_REQUEST, f"The file in '{param}' is empty", param=param)
        left -= len(data)
        kind = _media.sniff(data[:65_536]) or ref.content_type
        found.append({"inlineData": {"mimeType": kind, "data": b64encode(data).decode()}})
    return found


HANDLES: dict[str, Handle] = {
    "text_to_image": text_to_image,
    "image_to_image": image_to_image,
    "text_to_speech": text_to_speech,
    "speech_to_text": speech_to_text,
}
