"""Anthropic: chat, through the Messages API. The system prompt is a field of its own here, and so is each thought.

What a model takes differs by generation (sampling, the form of thinking, JSON schemas), so names are read for their
version first, and a refusal that shows we were wrong is remembered in `Tools.quirks`.
Sources: platform.claude.com/docs/en/api/messages, /api/errors, /api/versioning, /build-with-claude/structured-outputs,
/build-with-claude/adaptive-thinking; the types of anthropic-sdk-python 2.12.
"""

import re
from typing import Any

import msgspec

from agents import _asked, _native
from agents._anthropic_told import AnthropicTold
from agents._anthropic_turns import turns
from agents._chat import ChatReader, translated
from agents._schema import strict
from agents._vision import seeing, sees
from agents.agent import Agent, Call, Tools, http
from schemas.events import Done
from schemas.job import Job
from schemas.problem import Code, Problem
from schemas.provider import Model

BASE_URL = "https://api.anthropic.com"
VERSION = "2023-06-01"
"""2026-10-21 takes no temperature at all; whoever wants it sets `anthropic-version` in the provider's headers."""

BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 24576, "max": 31999}
"""Tokens of thought for an effort, where thinking has a budget: the least that is taken is 1024."""
_EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}
_NAMED = re.compile(r"claude-(?:[a-z]+-)?(\d+)(?:[-.](\d{1,2}))?(?!\d)")
_LIMIT = re.compile(r"max_tokens: (\d+) > (\d+)")
_JSON = "Answer with a single JSON object and nothing else: no words around it and no code fence."

_SPOKEN = (
    "maxtokens", "system", "stopsequences", "temperature", "topp", "topk", "tools", "toolchoice", "metadata", "thinking",
    "outputconfig", "outputformat", "betas", "anthropicbeta", "anthropicversion",
)  # fmt: skip
"""Fields that `native` has no say in: the canonical request has, or a header, or they are put together below."""

UNSAMPLED, ADAPTIVE, THOUGHTLESS, FREE = "unsampled", "adaptive", "thoughtless", "free"
"""Quirks of a model: takes no temperature, thinks by effort and not by budget, does not think, knows no JSON schema."""


class Traits(msgspec.Struct, frozen=True):
    """What a model takes."""

    adaptive: bool = False
    samples: bool = True
    thinks: bool = True
    schemas: bool = True
    limit: int = 32000
    """Tokens of an answer when the caller names no limit: the API wants one."""


def traits(model: str, quirks: set[str]) -> Traits:
    """By the version in the name, and by what was refused before. A name without one is taken for a recent model."""
    found = _NAMED.search(model)
    version = (int(found[1]), int(found[2] or 0)) if found else (5, 0) if "claude" in model else (4, 5)
    limit = 32000 if version >= (3, 7) and found else 8192 if version >= (3, 5) else 4096
    return Traits(
        adaptive=version >= (4, 6) or f"{ADAPTIVE} {model}" in quirks,
        samples=version < (4, 7) and f"{UNSAMPLED} {model}" not in quirks,
        thinks=version >= (3, 7) and f"{THOUGHTLESS} {model}" not in quirks,
        schemas=version >= (4, 5) and f"{FREE} {model}" not in quirks,
        limit=limit,
    )


def headers(tools: Tools) -> dict[str, str]:
    return {"anthropic-version": VERSION, **({"x-api-key": tools.key} if tools.key else {})}


def to_call(job: Job, tools: Tools) -> Call:
    asked = _asked.request(job)
    own = _native.part(asked.get("native"), "anthropic")
    tools.meter.start(lambda: _asked.tokens_in(job.body))
    if (asked.get("n") or 1) != 1:
        raise _asked.refusal(tools, "gives one answer at a time", "n")
    model = tools.native(job.model)
    known = traits(model, tools.quirks)
    body: dict[str, Any] = {"model": model, "max_tokens": _asked.limit(asked) or known.limit}
    body["messages"] = turns(asked, tools)
    if system := _system(asked, known):
        body["system"] = system
    if stops := [stop for stop in _asked.stops(asked) if stop.strip()]:
        body["stop_sequences"] = stops
    config = own.get("output_config")
    if isinstance(config, dict) and config.get("effort"):
        asked.pop("reasoning_effort", None)  # said in Anthropic's own words, where an effort is no wish to think
    body |= _tools(asked) | _output(asked, config, known)
    body |= _thinking(asked, known, body)  # which depends on how tools are chosen
    if "thinking" in body and (effort := body["thinking"].pop("effort", None)):
        body["output_config"] = {"effort": effort, **body.get("output_config", {})}
    if known.samples and body.get("thinking", {}).get("type") in (None, "disabled"):
        body |= {name: asked[name] for name in ("temperature", "top_p", "top_k") if asked.get(name) is not None}
        if "temperature" in body:
            body["temperature"] = min(body["temperature"], 1)  # OpenAI's goes to 2
    body |= _rest(asked)
    if job.stream:
        body["stream"] = True
    body = _native.added(body, own, _SPOKEN)
    return Call(f"{_root(tools)}/messages", body, headers(tools), final=_native.betas(own, tools.headers))


def otherwise(call: Call, refused: Problem, tools: Tools) -> Call | None:
    """The same call in a form that the model takes, if the refusal shows which. Remembered for the calls to come."""
    if refused.code is not Code.PROVIDER_REFUSED or refused.fault.provider_status != 400:
        return None
    assert isinstance(call.body, dict)
    text, body, model = refused.fault.message, dict(call.body), call.body["model"]
    if (found := _LIMIT.search(text)) and body["max_tokens"] in (32000, 8192):
        body["max_tokens"] = int(found[2])
    elif "temperature" in text or "top_p" in text or "top_k" in text:
        gone = ("top_p",) if "cannot both" in text else ("temperature", "top_p", "top_k")
        body = {name: value for name, value in body.items() if name not in gone}
        if len(gone) > 1:
            tools.quirks.add(f"{UNSAMPLED} {model}")
    elif "thinking" in body and "thinking" in text:
        _rethink(body, text, tools)
    elif "output_config" in body and re.search(r"output_config|output_format|schema|effort", text):
        form = body.pop("output_config").get("format")
        if form:
            tools.quirks.add(f"{FREE} {model}")
            body["system"] = _added(body.get("system"), _by_word(form["schema"]))
    return None if body == call.body else msgspec.structs.replace(call, body=body)


def to_result(job: Job, tools: Tools, body: bytes) -> Done:
    return translated(tools, AnthropicTold(tools, tools.native(job.model)), body)


def to_reader(job: Job, tools: Tools) -> ChatReader:
    told = AnthropicTold(tools, tools.native(job.model))
    return ChatReader(tools, keep=job.keep, wants_usage=_asked.wants_usage(_asked.request(job)), told=told)


class _Listed(msgspec.Struct):
    id: str
    lifecycle: str = "active"


class _Models(msgspec.Struct):
    data: list[_Listed]
    has_more: bool = False
    last_id: str | None = None


async def models(tools: Tools) -> list[Model]:
    """GET /v1/models, page by page, without what is retired."""
    found: list[Model] = []
    after = ""
    while True:
        reply = await tools.send(Call(f"{_root(tools)}/models?limit=1000{after}", None, headers(tools), "GET"))
        try:
            page = msgspec.json.decode(await reply.read(), type=_Models)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise tools.problem(Code.PROVIDER_GARBLED, "answered something else than a list of models") from error
        finally:
            reply.close()
        found += [
            Model(name=model.id, vision=sees(model.id) or None) for model in page.data if model.lifecycle != "retired"
        ]
        if not page.has_more or not page.last_id or not page.data:
            return found
        after = f"&after_id={page.last_id}"


async def check(tools: Tools) -> None:
    """The list of models costs no tokens."""
    await models(tools)


def _root(tools: Tools) -> str:
    """The address is usually given without the version, as ANTHROPIC_BASE_URL is; with it is fine too."""
    return "" if tools.provider.base_url.partition("?")[0].rstrip("/").endswith("/v1") else "/v1"


def _system(asked: dict[str, Any], known: Traits) -> list[dict[str, Any]]:
    """Every system message, wherever it stands, and the wish for JSON where there is no field for it."""
    blocks: list[dict[str, Any]] = []
    for message in asked["messages"]:
        if message["role"] in ("system", "developer"):
            for part in _asked.parts(message.get("content")):
                blocks.append({"type": "text", "text": str(part.get("text") or "")})
                if part.get("cache_control"):
                    blocks[-1]["cache_control"] = part["cache_control"]
    form, schema = _asked.shape(asked)
    if form == "json":
        blocks.append({"type": "text", "text": _JSON})
    elif form == "schema" and not known.schemas:
        blocks.append({"type": "text", "text": _by_word(schema)})
    return blocks


def _tools(asked: dict[str, Any]) -> dict[str, Any]:
    functions = _asked.functions(asked)
    if not functions:
        return {}
    found = []
    for function, tool in zip(functions, asked["tools"], strict=True):
        one = {
            "name": function["name"],
            "input_schema": function.get("parameters") or {"type": "object", "properties": {}},
        }
        if function.get("description"):
            one["description"] = function["description"]
        if marked := tool.get("cache_control") or function.get("cache_control"):
            one["cache_control"] = marked
        found.append(one)
    wanted, name = _asked.choice(asked)
    picked: dict[str, Any] = {"type": {"required": "any", "function": "tool", "none": "none"}.get(wanted, "auto")}
    if name:
        picked["name"] = name
    if asked.get("parallel_tool_calls") is False and wanted != "none":
        picked["disable_parallel_tool_use"] = True
    return {"tools": found, "tool_choice": picked} if wanted or len(picked) > 1 else {"tools": found}


def _thinking(asked: dict[str, Any], known: Traits, body: dict[str, Any]) -> dict[str, Any]:
    """The caller's `thinking`, or what an effort comes to. `effort` inside is taken out again by `to_call`."""
    given, effort = asked.get("thinking"), _asked.effort(asked)
    forced = body.get("tool_choice", {}).get("type") in ("any", "tool")
    if not known.thinks or forced or (effort in ("", "none") and not isinstance(given, dict)):
        return {}
    if isinstance(given, dict) and given.get("type") != "enabled":
        return {"thinking": {**given, **({"effort": _EFFORTS[effort]} if effort in _EFFORTS else {})}}
    budget = (given or {}).get("budget_tokens") or BUDGETS.get(effort, 8192)
    if known.adaptive:
        wanted = _EFFORTS.get(effort) or ("low" if budget < 4096 else "medium" if budget < 16384 else "high")
        shown = {"display": given["display"]} if isinstance(given, dict) and given.get("display") else {}
        return {"thinking": {"type": "adaptive", **shown, "effort": wanted}}
    if not isinstance(given, dict) and _unsigned(asked):
        return {}
    most: int = body["max_tokens"]
    if _asked.limit(asked) is None:
        most = body["max_tokens"] = max(most, budget + 4096)
    budget = min(budget, most - 1) if isinstance(given, dict) else min(budget, most // 2)
    return {"thinking": {**(given or {}), "type": "enabled", "budget_tokens": budget}} if budget >= 1024 else {}


def _unsigned(asked: dict[str, Any]) -> bool:
    """A turn that calls tools and comes from elsewhere, without its thoughts: thinking on would be refused."""
    for message in reversed(asked["messages"]):
        if message["role"] == "user":
            return False
        if message["role"] == "assistant" and message.get("tool_calls") and not message.get("thinking_blocks"):
            return True
    return False


def _output(asked: dict[str, Any], own: Any, known: Traits) -> dict[str, Any]:
    given = asked.get("output_config")
    config = _native.added(dict(given) if isinstance(given, dict) else {}, own, ("format",))
    form, schema = _asked.shape(asked)
    if form == "schema" and known.schemas:
        config["format"] = {"type": "json_schema", "schema": strict(schema)}
    return {"output_config": config} if config else {}


def _rest(asked: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    meta = asked.get("metadata")
    if user := asked.get("user") or (meta.get("user_id") if isinstance(meta, dict) else None):
        found["metadata"] = {"user_id": str(user)}
    if asked.get("service_tier") in ("auto", "standard_only"):
        found["service_tier"] = asked["service_tier"]
    if isinstance(asked.get("cache_control"), dict):
        found["cache_control"] = asked["cache_control"]
    return found


def _rethink(body: dict[str, Any], text: str, tools: Tools) -> None:
    """A model that thinks by effort gets an effort, one that does not think gets none."""
    if "adaptive" in text and body["thinking"].get("type") == "enabled":
        tools.quirks.add(f"{ADAPTIVE} {body['model']}")
        body["thinking"] = {"type": "adaptive"}
        return
    if "support" in text:
        tools.quirks.add(f"{THOUGHTLESS} {body['model']}")
    del body["thinking"]
    if config := {name: value for name, value in body.pop("output_config", {}).items() if name != "effort"}:
        body["output_config"] = config


def _by_word(schema: dict[str, Any]) -> str:
    return f"{_JSON} It must fit this JSON schema:\n{msgspec.json.encode(schema).decode()}"


def _added(system: Any, text: str) -> list[dict[str, Any]]:
    return [*(system or ()), {"type": "text", "text": text}]


_chat = http(to_call, to_result, to_reader, otherwise)
agent = Agent(handles={"chat": _chat, "image_to_text": seeing(_chat)}, models=models, check=check)
