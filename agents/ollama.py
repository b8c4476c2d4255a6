"""Ollama: chat and embeddings, through its own API (`/api/chat`, `/api/embed`). It streams JSON lines, not events.

Its OpenAI mode would be shorter, but takes no options (`num_ctx`), no `keep_alive`, and cuts long prompts in silence.
Sources: docs.ollama.com/api (chat, embed, tags, errors), and the structs of api/types.go in ollama/ollama.
"""

from typing import Any

import msgspec

from agents import _asked, _embeddings, _native
from agents._chat import ChatReader, translated
from agents._images import inlined
from agents._lines import Lines
from agents._meter import tokens
from agents._ollama_told import OllamaTold
from agents._vision import seeing, sees
from agents.agent import Agent, Call, Tools, http
from schemas.events import Done
from schemas.job import Job
from schemas.problem import Code, Problem
from schemas.provider import Model

BASE_URL = "http://localhost:11434"

OPTIONS = frozenset(
    {
        "temperature",
        "top_p",
        "top_k",
        "min_p",
        "typical_p",
        "seed",
        "presence_penalty",
        "frequency_penalty",
        "repeat_penalty",
        "repeat_last_n",
        "num_ctx",
        "num_keep",
        "num_batch",
        "num_gpu",
        "main_gpu",
        "use_mmap",
        "num_thread",
        "num_predict",
        "draft_num_predict",
    }
)
"""Fields of a request that are options here; a caller may also give `options` whole."""
_THINK: dict[str, bool | str] = {
    "none": False,
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "max",
    "max": "max",
}
_PASSED = ("keep_alive", "truncate", "shift")
_SPOKEN = ("options", "think", "format", "tools", "logprobs", "toplogprobs")
_SPOKEN_EMBED = ("input", "prompt", "dimensions", "encodingformat")
_SPOKEN_OPTIONS = ("numpredict", "stop")
"""What `native` has no say in, of a request, one to embed and its options: the canonical request has."""

THOUGHTLESS = "thoughtless"
"""Quirk of a model that does not think: a wish for thinking is a 400 there."""


def headers(tools: Tools) -> dict[str, str]:
    """A key is wanted by ollama.com and by proxies only."""
    return {"Authorization": f"Bearer {tools.key}"} if tools.key else {}


def to_call(job: Job, tools: Tools) -> Call:
    """Pictures must be in the job already (`_images.inlined`): Ollama takes bytes."""
    asked = _asked.request(job)
    own = _native.part(asked.get("native"), "ollama")
    tools.meter.start(lambda: _asked.tokens_in(job.body))
    if (asked.get("n") or 1) != 1:
        raise _asked.refusal(tools, "gives one answer at a time", "n")
    model = tools.native(job.model)
    body: dict[str, Any] = {"model": model, "messages": _messages(asked, tools), "stream": job.stream}
    if options := _native.added(_options(asked), own.get("options"), _SPOKEN_OPTIONS):
        body["options"] = options
    form, schema = _asked.shape(asked)
    if form != "text":
        body["format"] = schema or "json"
    if _asked.functions(asked) and _asked.choice(asked)[0] != "none":
        body["tools"] = [{"type": "function", "function": _function(one)} for one in _asked.functions(asked)]
    if (think := _think(asked, own)) is not None and f"{THOUGHTLESS} {model}" not in tools.quirks:
        body["think"] = think
    if asked.get("logprobs"):
        body["logprobs"] = True
        body |= {"top_logprobs": asked["top_logprobs"]} if asked.get("top_logprobs") else {}
    body |= {name: asked[name] for name in _PASSED if asked.get(name) is not None}
    return Call(f"{_root(tools)}/chat", _native.added(body, own, _SPOKEN), headers(tools))


def otherwise(call: Call, refused: Problem, tools: Tools) -> Call | None:
    """The same call without thinking, for a model that does not think; remembered for the calls to come."""
    assert isinstance(call.body, dict)
    if refused.code is not Code.PROVIDER_REFUSED or "think" not in call.body or "think" not in refused.fault.message:
        return None
    tools.quirks.add(f"{THOUGHTLESS} {call.body['model']}")
    less = {name: value for name, value in call.body.items() if name != "think"}
    return msgspec.structs.replace(call, body=less)


def to_result(job: Job, tools: Tools, body: bytes) -> Done:
    return translated(tools, OllamaTold(tools, tools.native(job.model)), body)


def to_reader(job: Job, tools: Tools) -> ChatReader:
    shows = _asked.wants_usage(_asked.request(job))
    told = OllamaTold(tools, tools.native(job.model))
    return ChatReader(tools, keep=job.keep, wants_usage=shows, told=told, frames=Lines())


def to_embed(job: Job, tools: Tools) -> Call:
    request = _embeddings.asked(job)
    words = _embeddings.texts(request, tools)
    tools.meter.start(lambda: tokens(sum(map(len, words))))
    body: dict[str, Any] = {"model": tools.native(job.model), "input": words}
    if request.dimensions:
        body["dimensions"] = request.dimensions
    own = _native.part_of(job, "ollama")
    return Call(f"{_root(tools)}/embed", _native.added(body, own, _SPOKEN_EMBED), headers(tools))


class _Embedded(msgspec.Struct):
    embeddings: list[msgspec.Raw]
    prompt_eval_count: int | None = None


def embedded(job: Job, tools: Tools, body: bytes) -> Done:
    try:
        reply = msgspec.json.decode(body, type=_Embedded)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise tools.problem(Code.PROVIDER_GARBLED, "answered something else than embeddings") from error
    return _embeddings.result(_embeddings.asked(job), tools, reply.embeddings, reply.prompt_eval_count)


class _Details(msgspec.Struct):
    family: str | None = None


class _Listed(msgspec.Struct):
    name: str
    capabilities: list[str] | None = None
    details: _Details | None = None


class _Tags(msgspec.Struct):
    models: list[_Listed] | None = None


async def models(tools: Tools) -> list[Model]:
    """GET /api/tags: what is installed. What a model can do is told by newer servers; else its name and family tell."""
    reply = await tools.send(Call(f"{_root(tools)}/tags", None, headers(tools), "GET"))
    try:
        listed = msgspec.json.decode(await reply.read(), type=_Tags).models or []
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise tools.problem(Code.PROVIDER_GARBLED, "answered something else than a list of models") from error
    finally:
        reply.close()
    return [
        Model(name=model.name, op="embeddings") if _embeds(model) else Model(name=model.name, vision=_sees(model))
        for model in listed
    ]


async def check(tools: Tools) -> None:
    """The list of models costs no tokens and loads none."""
    await models(tools)


def _embeds(model: _Listed) -> bool:
    if model.capabilities is not None:
        return "embedding" in model.capabilities and "completion" not in model.capabilities
    family = (model.details and model.details.family) or ""
    return _embeddings.embeds(model.name) or "bert" in family


def _sees(model: _Listed) -> bool | None:
    if model.capabilities is not None:
        return "vision" in model.capabilities
    return sees(model.name) or None


def _root(tools: Tools) -> str:
    return "" if tools.provider.base_url.rstrip("/").endswith("/api") else "/api"


def _messages(asked: dict[str, Any], tools: Tools) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    names: dict[str, str] = {}
    for message in asked["messages"]:
        role = {"developer": "system", "function": "tool"}.get(message["role"], message["role"])
        one: dict[str, Any] = {"role": role, "content": _asked.text(message.get("content"))}
        if images := [
            _image(part, tools) for part in _asked.parts(message.get("content")) if part.get("type") != "text"
        ]:
            one["images"] = images
        if role == "assistant":
            if thought := message.get("reasoning_content"):
                one["thinking"] = thought
            calls = _asked.calls(message)
            names |= {call.id: call.name for call in calls}
            if calls:
                one["tool_calls"] = [_call(place, call) for place, call in enumerate(calls)]
        elif role == "tool":
            call_id = str(message.get("tool_call_id") or "")
            one |= {"tool_call_id": call_id} if call_id else {}
            one["tool_name"] = names.get(call_id) or str(message.get("name") or "")
        found.append(one)
    return found


def _call(place: int, call: _asked.Asked) -> dict[str, Any]:
    told = {"function": {"index": place, "name": call.name, "arguments": call.arguments}}
    return {"id": call.id, **told} if call.id else told


def _image(part: dict[str, Any], tools: Tools) -> str:
    found = _asked.media(part)
    if part.get("type") != "image_url" or found is None or not found.data:
        raise _asked.refusal(tools, f"takes no {part.get('type')} in a message", "messages")
    return found.data


def _function(function: dict[str, Any]) -> dict[str, Any]:
    """`parameters` is wanted, also by a function that takes none."""
    kept = {name: function[name] for name in ("name", "description") if function.get(name)}
    return {**kept, "parameters": function.get("parameters") or {"type": "object", "properties": {}}}


def _options(asked: dict[str, Any]) -> dict[str, Any]:
    given = asked.get("options")
    options = dict(given) if isinstance(given, dict) else {}
    options |= {name: asked[name] for name in OPTIONS if asked.get(name) is not None}
    if limit := _asked.limit(asked):
        options["num_predict"] = limit
    if stops := _asked.stops(asked):
        options["stop"] = stops
    return options


def _think(asked: dict[str, Any], native: dict[str, Any]) -> bool | str | None:
    """Ollama's own `think` first, then an effort, then Anthropic's `thinking`. None: as the model likes."""
    for own in (native.get("think"), asked.get("think")):
        if isinstance(own, bool | str):
            return own
    if effort := _asked.effort(asked):
        return _THINK[effort]
    given = asked.get("thinking")
    return bool(given.get("type") != "disabled") if isinstance(given, dict) else None


_chat = http(to_call, to_result, to_reader, otherwise, inlined)
agent = Agent(
    handles={"chat": _chat, "embeddings": http(to_embed, embedded), "image_to_text": seeing(_chat)},
    models=models,
    check=check,
)
