"""A look at a server that is no provider (yet): what models an Ollama or a ComfyUI there has.

Whoever asks chose the address, so the call goes through the guarded client: never to metadata services and the like, and to
private networks only where the settings allow it or an administrator asks. What a newcomer would get wrong: a key that
reads `env:NAME` would send a secret of ours to a stranger; such a key is refused.
"""

import asyncio
from typing import Any

import msgspec

from agents._comfy_wire import Wire
from agents._flow_info import ObjectInfo
from agents._http import Http
from agents._templates import served
from agents.agent import Call, Tools, tools_for
from schemas.problem import Code, Fault, Problem
from schemas.provider import Provider
from schemas.secrets import ENV, SEALED

SECONDS = 15.0
LARGEST = 4 * 1024 * 1024
LONGEST = 2000


class Wish(msgspec.Struct, frozen=True):
    """Where to look. `kind`: ollama or comfyui; `trusted`: an administrator asks."""

    kind: str
    base_url: str
    key: str = ""
    trusted: bool = False


class Sight(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was there. `models`: Ollama's own words of each, ComfyUI's names."""

    models: list[Any] = []
    fault: Fault | None = None


async def look(wish: Wish, private: bool) -> Sight:
    """Never raises: a failure is what was seen."""
    try:
        if not wish.base_url.startswith(("http://", "https://")) or len(wish.base_url) > LONGEST:
            raise Problem(Code.INVALID_REQUEST, "The address must begin with http:// or https://.", param="apiBaseUrl")
        if wish.key.startswith((ENV, SEALED)):
            raise Problem(Code.INVALID_REQUEST, "Give the key itself.", param="apiKey")
        provider = Provider(
            name="server", kind=wish.kind, base_url=wish.base_url.rstrip("/"), key=wish.key, connect_timeout=5.0,
            first_timeout=SECONDS, stall_timeout=SECONDS,
        )  # fmt: skip
        async with asyncio.timeout(SECONDS), Http(guarded=True, private=private or wish.trusted) as http:
            tools = tools_for(provider, http, {})
            return Sight(models=await (_ollama(tools) if wish.kind == "ollama" else _comfy(tools)))
    except Problem as problem:
        return Sight(fault=problem.fault)
    except TimeoutError:
        return Sight(fault=Fault(Code.PROVIDER_TIMEOUT, f"There was no answer in {SECONDS:.0f} s."))


async def _ollama(tools: Tools) -> list[Any]:
    bearer = {"Authorization": f"Bearer {tools.key}"} if tools.key else {}
    path = "/tags" if tools.provider.base_url.endswith("/api") else "/api/tags"
    reply = await tools.send(Call(path, None, bearer, "GET"))
    try:
        found = msgspec.json.decode(await reply.read(LARGEST))
        if isinstance(found, dict) and isinstance(found.get("models"), list):
            return [one for one in found["models"] if isinstance(one, dict)]
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    finally:
        reply.close()
    raise tools.problem(Code.PROVIDER_GARBLED, "answered something else than a list of models")


async def _comfy(tools: Tools) -> list[Any]:
    models = served(ObjectInfo(await Wire(tools).info()))
    return list(dict.fromkeys(model.native or model.name for model in models))
