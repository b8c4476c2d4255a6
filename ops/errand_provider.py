"""The provider commands over a running server. The same checks, seals and history as the admin API: `bus/registry.py`.

What a newcomer would get wrong: a secret on a command line is in the shell's history and in `ps`, so `--key -` asks for it.
"""

import getpass
import json
import os
import sys
from typing import Any

import msgspec

from bus import subjects
from bus.config import Config
from bus.connection import Bus
from bus.history import told, versions
from bus.registry import Registry
from gateway.admin import models_view, provider_view
from ops import catalogue
from ops import seal as sealing
from ops.errands import fleet_of
from ops.printing import say, show, table
from ops.settings import Settings
from schemas.operations import DEFAULT, OPERATIONS
from schemas.problem import Code, Problem
from schemas.secrets import shown

BY = "cli"
TEST_SECONDS = 40.0


async def add(bus: Bus, settings: Settings, what: str, name: str, fields: dict[str, Any]) -> int:
    """`what`: a type of the catalogue, or the provider's name when an address or another kind is given."""
    registry = await _registry(bus, settings)
    known = registry.catalogue.types.get(what)
    if known is not None:
        fields = {"type": what, **fields}
        if "key" not in fields and known.env:
            fields["key"] = _found_variable(what, known.env)
    elif not (fields.get("base_url") or fields.get("kind")):
        raise Problem(
            Code.INVALID_REQUEST,
            f"`{what}` is no type of the catalogue (`ai-server provider list --types` shows them); "
            f"for a provider of your own: ai-server provider add {what} --base-url URL",
        )
    made = await registry.add(_typed_secret({**fields, "name": name or what}), BY)
    say(f"added {made.name} ({made.base_url or made.kind}); `ai-server provider test {made.name}` tries it")
    return 0


async def show_all(bus: Bus, settings: Settings) -> int:
    fleet = await fleet_of(bus)
    rows = table("name", "kind", "state", "slots", "priority", "key", "address", "why")
    for name, one in sorted(fleet.config.providers.items()):
        view = provider_view(one, fleet)
        reason = next((agent["reason"] for agent in view["agents"] if agent["reason"]), "")
        numbers = (str(one.slots), str(one.priority))
        rows.add_row(name, one.type or one.kind, view["state"], *numbers, shown(one.key), one.base_url, reason)
    show(rows)
    return 0


def types(settings: Settings) -> int:
    rows = table("type", "kind", "key in", "address", "documentation")
    for name, one in catalogue.load(settings.overrides_folder).types.items():
        rows.add_row(name, one.kind, ", ".join(one.env), one.base_url, one.docs)
    show(rows)
    return 0


async def show_one(bus: Bus, name: str) -> int:
    fleet = await fleet_of(bus)
    provider = Registry(fleet.config, sealing.Seal(None)).provider(name)
    say(json.dumps(provider_view(provider, fleet), indent=2, ensure_ascii=False))
    return 0


async def change(bus: Bus, settings: Settings, name: str, fields: dict[str, Any]) -> int:
    registry = await _registry(bus, settings)
    await registry.change(name, _typed_secret(fields), BY)
    say(f"changed {name}")
    return 0


async def switch(bus: Bus, settings: Settings, name: str, on: bool) -> int:
    await (await _registry(bus, settings)).change(name, {"enabled": on}, BY)
    say(f"{'enabled' if on else 'disabled'} {name}")
    return 0


async def remove(bus: Bus, settings: Settings, name: str) -> int:
    await (await _registry(bus, settings)).remove(name, BY)
    say(f"removed {name}; `ai-server provider history {name}` and `rollback` bring it back")
    return 0


async def history(bus: Bus, name: str) -> int:
    lines = told(await versions(bus, "providers", name)) if subjects.TOKEN.match(name) else []
    if not lines:
        raise Problem(Code.NOT_FOUND, f"there is no provider `{name}`, and there was none")
    rows = table("revision", "at", "by", "what")
    for line in lines:
        changes = "; ".join(f"{field}: {_short(old)} -> {_short(new)}" for field, (old, new) in line["changes"].items())
        rows.add_row(
            str(line["revision"]), line["at"][:19], line["by"], " ".join(filter(None, (line["note"], changes)))
        )
    show(rows)
    return 0


async def roll_back(bus: Bus, settings: Settings, name: str, revision: int) -> int:
    await (await _registry(bus, settings)).roll_back(name, revision, BY)
    say(f"{name} is as it was at revision {revision}")
    return 0


async def test(bus: Bus, settings: Settings, name: str, chat: bool, model: str) -> int:
    """What the agent saw; exit code 1 when the provider can't be used."""
    (await _registry(bus, settings)).provider(name)
    try:
        wish = msgspec.json.encode({"chat": chat, "model": model})
        answer = await bus.ask(subjects.provider_test(name), wish, TEST_SECONDS)
    except Problem as problem:
        raise Problem(
            Code.UNAVAILABLE, f"no agent process answers for `{name}`; start one with `ai-server agent {name}`"
        ) from problem
    seen: dict[str, Any] = msgspec.json.decode(answer.data)
    if seen.get("list_ms") is not None:
        some = ", ".join(seen.get("some", ())) + (", …" if seen.get("models", 0) > len(seen.get("some", ())) else "")
        say(f"models   {seen.get('models', 0)} in {seen['list_ms']:g} ms: {some}")
    if seen.get("chat_ms") is not None:
        say(f"chat     {seen['chat_model']} answered in {seen['chat_ms']:g} ms")
    if not seen["ok"]:
        say(f"failed   {seen.get('error', '')} ({seen.get('code', '')}, {seen.get('step', '')})")
        return 1
    say(f"{name} works")
    return 0


async def models(bus: Bus, settings: Settings) -> int:
    """Every model with its providers, its short names, what is known of it and what it is for."""
    fleet = await fleet_of(bus)
    rows = table("model", "providers", "aliases", "pictures", "context", "for")
    found: dict[tuple[str, ...], list[str]] = {}
    for one in models_view(fleet, fleet.config.providers, catalogue.load(settings.overrides_folder)):
        if one["id"] == DEFAULT or one["op"] not in OPERATIONS or OPERATIONS[one["op"]].internal:
            continue
        by = ", ".join(sorted({_by(one["id"], who) for who in one["providers"]}))
        context = f"{one['context']:,}" if one["context"] else ""
        row: tuple[str, ...] = (one["id"], by, ", ".join(one["aliases"]), "yes" if one["vision"] else "", context)
        found.setdefault(row, []).append(one["op"])
    if not found:
        raise Problem(Code.NO_PROVIDER, "no model is served now; `ai-server status` shows the providers")
    for row, ops in found.items():
        rows.add_row(*row, ", ".join(ops))
    show(rows)
    return 0


def _by(name: str, who: dict[str, Any]) -> str:
    return who["provider"] if who["native"] == name else f"{who['provider']} ({who['native']})"


async def _registry(bus: Bus, settings: Settings) -> Registry:
    config = Config(bus)
    await config.start()
    seal = sealing.load(settings.data, os.environ)
    return Registry(config, seal, catalogue.load(settings.overrides_folder), catalogue.kinds())


def _typed_secret(fields: dict[str, Any]) -> dict[str, Any]:
    if fields.get("key") != "-":
        return fields
    typed = getpass.getpass("Key: ") if sys.stdin.isatty() else sys.stdin.readline()
    if not typed.strip():
        raise Problem(Code.INVALID_REQUEST, "no key was given")
    return {**fields, "key": typed.strip()}


def _found_variable(kind: str, variables: tuple[str, ...]) -> str:
    for name in variables:
        if os.environ.get(name, "").strip():
            return f"env:{name}"
    raise Problem(
        Code.INVALID_REQUEST,
        f"which key? `--key env:{variables[0]}` names a variable of the server's environment, `--key -` asks for the secret",
    )


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
