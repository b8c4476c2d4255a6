"""The providers that stand in settings (or were found here), brought to CONFIG: once for each version of a section.

CONFIG is what everybody follows, and it is changed live. A newcomer would write the sections at each start, and so undo
what an operator has changed since. What was written last is remembered by fingerprint (`providers.json`): only a section
that differs from that, or that the bus has never heard of, is written again.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

from bus import subjects
from bus.config import Config
from ops.seal import Seal
from schemas.provider import Provider

log = structlog.get_logger()

FILE = "providers.json"
BY = "settings"
CALLBACKS = Provider(name="callbacks", kind="callbacks", discover=False, slots=32)
"""The queue of web callbacks: a provider like any other, so that deliveries have state and retries."""
TOOLS = ("image", "ffmpeg")
"""Kinds that transform files on this machine: providers like any other too, in a process of their own (`media`), for a
picture or a film that kills its decoder must not take anybody's chat with it."""
PATIENT = ("speech",)
"""Kinds that nobody waits for at the start: loading Whisper takes two seconds of a core."""


def transformers() -> dict[str, Provider]:
    """What every `up` can do with files. A section of that name in the settings goes before."""
    cores = os.cpu_count() or 1
    return {
        "image": Provider(name="image", kind="image", slots=2 * cores),
        "ffmpeg": Provider(name="ffmpeg", kind="ffmpeg", slots=max(1, cores // 2)),  # it uses several threads itself
    }


async def introduce(config: Config, providers: Iterable[Provider], seal: Seal, data: Path) -> None:
    """Write the sections that are new. Raises `Problem` for one that can't be used."""
    marks = _read(data)
    before = dict(marks)
    for provider in providers:
        mark = seal.mark(msgspec.json.encode(provider))
        known = config.providers.get(provider.name)
        if marks.get(provider.name) == mark and (known is not None or await _removed(config, provider.name)):
            continue
        marks[provider.name] = mark
        sealed = seal.sealed(provider, known)
        if sealed != known:
            await config.put_provider(sealed, BY)
    if marks != before:
        _write(data, marks)


async def withdraw(config: Config, names: Iterable[str], data: Path) -> None:
    """Providers whose sections are gone."""
    marks = _read(data)
    for name in names:
        marks.pop(name, None)
        if name in config.providers:
            await config.drop_provider(name, BY)
            log.info("provider.removed", provider=name)
    _write(data, marks)


async def _removed(config: Config, name: str) -> bool:
    """Somebody has removed it: the bus knew it once. (A bus that lost its data never did.)"""
    return await config.bus.last("KV_CONFIG", subjects.config_key("providers", name)) is not None


def _read(data: Path) -> dict[str, str]:
    with suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode((data / FILE).read_bytes(), type=dict[str, str])
    return {}


def _write(data: Path, marks: dict[str, str]) -> None:
    from ops.nats_home import write_private  # it brings the signing library along, which agents start without

    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_private(data / FILE, msgspec.json.encode(marks))
