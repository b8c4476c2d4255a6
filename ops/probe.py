"""One cheap real call to a provider, for `provider test`: list its models, and one token of chat when asked.

It runs in the agent's process, because secrets and addresses are the agent's: what works here works for callers. A provider
that is switched off can be tested too.
"""

import asyncio
import time

import msgspec

from agents._http import Http
from agents.agent import Agent, Tools, load
from ops.provide import Means, unsealed
from schemas.events import Done
from schemas.job import Job
from schemas.problem import Code, Fault, Problem
from schemas.provider import Model, Provider

SECONDS = 30.0
_SMALL = ("nano", "mini", "haiku", "flash", "instant", "small", "lite", "8b", "7b", "4b", "3b", "1b")


class Wish(msgspec.Struct, frozen=True):
    """What shall be tested."""

    chat: bool = False
    model: str = ""
    """For the chat; empty: a small one."""


class Seen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the test saw."""

    provider: str
    ok: bool
    kind: str = ""
    list_ms: float | None = None
    models: int = 0
    some: tuple[str, ...] = ()
    chat_model: str = ""
    chat_ms: float | None = None
    error: str = ""
    code: str = ""
    step: str = ""
    """Where it failed: `settings`, `models` or `chat`."""


async def probe(provider: Provider, means: Means, wish: Wish, ready: Tools | None = None) -> Seen:
    """Never raises: a failure is what was seen. `ready`: the tools of an agent that is at work."""
    seen = Seen(provider=provider.name, kind=provider.kind, ok=False)
    step = "settings"
    try:
        agent = load(provider.kind)
        if agent.start is not None and ready is None:
            raise Problem(Code.UNAVAILABLE, f"{provider.name} is not running: switch it on first")
        async with asyncio.timeout(SECONDS), Http(guarded=agent.guarded, private=means.private) as http:
            tools = ready or unsealed(provider, http, means.seal)
            step = "models"
            seen, found = await _listed(agent, tools, seen)
            if wish.chat:
                step = "chat"
                seen = await _chatted(agent, tools, seen, wish.model or _small((*provider.models, *found)))
        return msgspec.structs.replace(seen, ok=True)
    except Problem as problem:
        return _failed(seen, step, problem.fault)
    except TimeoutError:
        return _failed(seen, step, Fault(Code.PROVIDER_TIMEOUT, f"{provider.name} did not answer in {SECONDS:.0f} s"))


async def _listed(agent: Agent, tools: Tools, seen: Seen) -> tuple[Seen, list[Model]]:
    began, found = time.monotonic(), list[Model]()
    if agent.models is not None:
        found = await agent.models(tools)
        tools.learn(found)
    elif agent.check is not None:
        await agent.check(tools)
    else:
        return seen, found
    names = tuple(model.name for model in found)
    took = round((time.monotonic() - began) * 1000, 1)
    return msgspec.structs.replace(seen, list_ms=took, models=len(names), some=names[:8]), found


async def _chatted(agent: Agent, tools: Tools, seen: Seen, model: str) -> Seen:
    handle = agent.handles.get("chat")
    if handle is None or not model:
        raise Problem(Code.INVALID_REQUEST, f"{seen.provider} has no model to chat with; name one")
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
    began = time.time()
    job = Job(
        id=0, tenant="default", key="", op="chat", model=model, body=msgspec.json.encode(body), created=began,
        deadline=began + SECONDS,
    )  # fmt: skip
    async for event in handle(job, tools.fresh()):
        if isinstance(event, Done):
            took = round((time.time() - began) * 1000, 1)
            return msgspec.structs.replace(seen, chat_model=model, chat_ms=took)
    raise Problem(Code.PROVIDER_GARBLED, f"{seen.provider} ended without an answer")


def _small(models: tuple[Model, ...]) -> str:
    """A cheap model by its name, else the first."""
    names = [model.name for model in models if model.op == "chat"]
    small = [name for name in names if any(word in name.lower() for word in _SMALL)]
    return next(iter(small or names), "")


def _failed(seen: Seen, step: str, fault: Fault) -> Seen:
    return msgspec.structs.replace(seen, error=fault.message, code=str(fault.code), step=step)
