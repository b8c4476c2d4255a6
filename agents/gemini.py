"""Google Gemini: chat and embeddings, through the Gemini API; pictures and speech are in `_gemini_media`.

Each thought may carry a signature that must come back where it was, else Gemini 3 refuses the next turn of a tool's use;
in OpenAI's shape it rides in `extra_content.google.thought_signature`, as in Google's own OpenAI mode.
Sources: ai.google.dev/api/generate-content, /api/embeddings, /api/models, /gemini-api/docs/thinking,
/gemini-api/docs/thought-signatures; the types of python-genai 3.4.
"""

import re
from typing import Any
from urllib.parse import quote

import msgspec

from agents import _asked, _embeddings, _gemini_media, _native
from agents._chat import ChatReader, translated
from agents._gemini_path import full, headers, path, root
from agents._gemini_told import GeminiTold
from agents._gemini_turns import turns
from agents._images import inlined
from agents._meter import tokens
from agents._vision import seeing
from agents.agent import Agent, Call, Tools, http
from schemas.events import Done
from schemas.job import Job
from schemas.problem import Code, Problem
from schemas.provider import Model

BASE_URL = "https://generativelanguage.googleapis.com"

BUDGETS = {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 24576, "max": 24576}
"""Tokens of thought up to Gemini 2.5, as in Google's OpenAI mode (ai.google.dev/gemini-api/docs/openai)."""
LEVELS = {
    "none": "MINIMAL",
    "minimal": "MINIMAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "xhigh": "HIGH",
    "max": "HIGH",
}
"""Of Gemini 3 and later."""
_SAMPLING = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "seed": "seed",
    "n": "candidateCount",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
_SCHEMA_WORDS = ("$schema", "strict")
_SPOKEN = ("contents", "systeminstruction", "tools", "toolconfig", "generationconfig")
_SPOKEN_CONFIG = (
    "temperature", "topp", "topk", "seed", "candidatecount", "presencepenalty", "frequencypenalty", "maxoutputtokens",
    "stopsequences", "responselogprobs", "logprobs", "responsemimetype", "responseschema", "responsejsonschema",
    "thinkingconfig",
)  # fmt: skip
_SPOKEN_EMBED = ("content", "requests", "outputdimensionality")
"""What `native` has no say in, of a request, its generationConfig and one to embed: the canonical request has."""
_VERSION = re.compile(r"gemini-(\d+)")
_READS = re.compile(r"https://generativelanguage\.googleapis\.com/|gs://|https://(www\.)?youtu(\.be|be\.com)/")

THOUGHTLESS = "thoughtless"
"""Quirk of a model that does not think, or not as asked."""


def to_call(job: Job, tools: Tools) -> Call:
    """Pictures must be in the job already (`_images.inlined`), but for those that Google reads by itself."""
    asked = _asked.request(job)
    own = _native.part(asked.get("native"), "gemini")
    tools.meter.start(lambda: _asked.tokens_in(job.body))
    model = tools.native(job.model)
    system, contents = turns(asked, tools, signed=generation(model) >= 3)
    body: dict[str, Any] = {"contents": contents}
    if system:
        body["systemInstruction"] = {"parts": system}
    if config := _config(asked, own.get("generationConfig"), model, tools):
        body["generationConfig"] = config
    body |= _tools(asked, own)
    body = _native.added(body, own, _SPOKEN)
    if safety := asked.get("safety_settings") or asked.get("safetySettings"):
        body.setdefault("safetySettings", safety)
    verb = "streamGenerateContent?alt=sse" if job.stream else "generateContent"
    return Call(f"{path(tools, model)}:{verb}", body, headers(tools))


def otherwise(call: Call, refused: Problem, tools: Tools) -> Call | None:
    """The same call without thinking, for a model that refuses the form or the whole of it."""
    if refused.code is not Code.PROVIDER_REFUSED or refused.fault.provider_status != 400:
        return None
    assert isinstance(call.body, dict)
    config = call.body.get("generationConfig", {})
    if "thinkingConfig" not in config or not re.search(r"think", refused.fault.message, re.IGNORECASE):
        return None
    tools.quirks.add(f"{THOUGHTLESS} {call.path.rpartition('/')[2].partition(':')[0]}")
    less = {name: value for name, value in config.items() if name != "thinkingConfig"}
    return msgspec.structs.replace(call, body={**call.body, "generationConfig": less})


def to_result(job: Job, tools: Tools, body: bytes) -> Done:
    return translated(tools, GeminiTold(tools, tools.native(job.model)), body)


def to_reader(job: Job, tools: Tools) -> ChatReader:
    told = GeminiTold(tools, tools.native(job.model))
    return ChatReader(tools, keep=job.keep, wants_usage=_asked.wants_usage(_asked.request(job)), told=told)


def to_embed(job: Job, tools: Tools) -> Call:
    request = _embeddings.asked(job)
    words = _embeddings.texts(request, tools)
    tools.meter.start(lambda: tokens(sum(map(len, words))))
    model = full(tools.native(job.model))
    one = _native.added({"model": model}, _native.part_of(job, "gemini"), _SPOKEN_EMBED)
    if request.dimensions:
        one["outputDimensionality"] = request.dimensions
    body = {"requests": [{**one, "content": {"parts": [{"text": text}]}} for text in words]}
    return Call(f"{path(tools, model)}:batchEmbedContents", body, headers(tools))


class _Values(msgspec.Struct):
    values: msgspec.Raw


class _Counted(msgspec.Struct, rename="camel"):
    prompt_token_count: int | None = None


class _Embedded(msgspec.Struct, rename="camel"):
    embeddings: list[_Values]
    usage_metadata: _Counted | None = None


def embedded(job: Job, tools: Tools, body: bytes) -> Done:
    try:
        reply = msgspec.json.decode(body, type=_Embedded)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise tools.problem(Code.PROVIDER_GARBLED, "answered something else than embeddings") from error
    counted = reply.usage_metadata.prompt_token_count if reply.usage_metadata else None
    return _embeddings.result(_embeddings.asked(job), tools, [row.values for row in reply.embeddings], counted)


class _Listed(msgspec.Struct, rename="camel"):
    name: str
    supported_generation_methods: list[str] = []


class _Models(msgspec.Struct, rename="camel"):
    models: list[_Listed] = []
    next_page_token: str = ""


async def models(tools: Tools) -> list[Model]:
    """GET /models, page by page: what generates content, draws, speaks or embeds."""
    found: list[Model] = []
    page = ""
    while True:
        reply = await tools.send(Call(f"{root(tools)}/models?pageSize=1000{page}", None, headers(tools), "GET"))
        try:
            listed = msgspec.json.decode(await reply.read(), type=_Models)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise tools.problem(Code.PROVIDER_GARBLED, "answered something else than a list of models") from error
        finally:
            reply.close()
        for model in listed.models:
            found += _gemini_media.rows(model.name.removeprefix("models/"), model.supported_generation_methods)
        if not listed.next_page_token:
            return found
        page = f"&pageToken={quote(listed.next_page_token, safe='')}"


async def check(tools: Tools) -> None:
    """The list of models costs no tokens."""
    await models(tools)


def generation(model: str) -> int:
    """Gemini 3 thinks by levels and wants its signatures back. A name without a number (`gemini-flash-latest`) is new."""
    found = _VERSION.search(model)
    return int(found[1]) if found else 3 if "gemini" in model else 2


def _config(asked: dict[str, Any], own: Any, model: str, tools: Tools) -> dict[str, Any]:
    config = {theirs: asked[ours] for ours, theirs in _SAMPLING.items() if asked.get(ours) is not None}
    if config.get("candidateCount") == 1:
        del config["candidateCount"]
    if limit := _asked.limit(asked):
        config["maxOutputTokens"] = limit
    if stops := _asked.stops(asked):
        config["stopSequences"] = stops
    if asked.get("logprobs"):
        config["responseLogprobs"] = True
        if asked.get("top_logprobs"):
            config["logprobs"] = asked["top_logprobs"]
    form, schema = _asked.shape(asked)
    if form != "text":
        config["responseMimeType"] = "application/json"
    if form == "schema":
        config["responseJsonSchema"] = {name: value for name, value in schema.items() if name not in _SCHEMA_WORDS}
    if f"{THOUGHTLESS} {model.rpartition('/')[2]}" not in tools.quirks and (thinking := _thinking(asked, own, model)):
        config["thinkingConfig"] = thinking
    return _native.added(config, own, _SPOKEN_CONFIG)


def _thinking(asked: dict[str, Any], own: Any, model: str) -> dict[str, Any]:
    """Thoughts are told only to whoever asks for thinking in some way; in Google's own words that is a field."""
    if isinstance(own, dict) and isinstance(said := own.get("thinkingConfig"), dict):
        return said
    given, effort = asked.get("thinking"), _asked.effort(asked)
    kind = given.get("type") if isinstance(given, dict) else None
    if kind == "disabled":
        effort = "none"
    elif kind is not None and not effort:
        budget = (given or {}).get("budget_tokens")
        return {"includeThoughts": True, **({"thinkingBudget": budget} if budget else {})}
    if not effort:
        return {}
    shown = {"includeThoughts": True} if effort != "none" else {}
    if generation(model) >= 3:
        return {**shown, "thinkingLevel": LEVELS[effort]}
    return {**shown, "thinkingBudget": BUDGETS[effort]}


def _tools(asked: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """The caller's functions, and the tools that Google itself runs (search, code execution)."""
    declared = []
    for function in _asked.functions(asked):
        one: dict[str, Any] = {"name": function["name"]}
        if function.get("description"):
            one["description"] = function["description"]
        if (function.get("parameters") or {}).get("properties"):
            one["parametersJsonSchema"] = function["parameters"]
        declared.append(one)
    given = own.get("tools")
    theirs = [_native.added({}, tool, ("functiondeclarations",)) for tool in given] if isinstance(given, list) else []
    found = [*([{"functionDeclarations": declared}] if declared else []), *filter(None, theirs)]
    if not found:
        return {}
    config = _native.added({}, own.get("toolConfig"))
    if declared:
        config = _native.added(config, _calling(asked))  # Google's own words for it say more: they stay
    return {"tools": found, **({"toolConfig": config} if config else {})}


def _calling(asked: dict[str, Any]) -> dict[str, Any]:
    """How functions are to be chosen, as a toolConfig."""
    wanted, name = _asked.choice(asked)
    modes = {"none": "NONE", "required": "ANY", "function": "ANY", "auto": "AUTO"}
    if wanted not in modes:
        return {}
    allowed = {"allowedFunctionNames": [name]} if name else {}
    return {"functionCallingConfig": {"mode": modes[wanted], **allowed}}


async def _prepare(job: Job, tools: Tools) -> Job:
    return await inlined(job, tools, keep=lambda url: _READS.match(url) is not None)


_chat = http(to_call, to_result, to_reader, otherwise, _prepare)
agent = Agent(
    handles={
        "chat": _chat,
        "embeddings": http(to_embed, embedded),
        "image_to_text": seeing(_chat),
        **_gemini_media.HANDLES,
    },
    models=models,
    check=check,
)
