"""Sealing, the catalogue, and CONFIG's own rules: what the live configuration stands on."""

import asyncio
import stat
from pathlib import Path

import pytest

from bus.config import Config, new_key
from bus.connection import Bus
from bus.history import told, versions
from ops import catalogue, seal, sections
from ops.seal import FILE, VARIABLE, Seal
from schemas.problem import Code, Problem
from schemas.provider import Model, Provider
from schemas.secrets import SEALED, shown_key, shown_provider

CANARY = "sk-canary-77"
PROVIDER = Provider(name="one", kind="openai", base_url="http://h/v1", key=CANARY, headers={"x-api-key": CANARY})


# ---- sealing ----------------------------------------------------------------------------------------------------------


def test_what_was_sealed_comes_back_and_is_not_to_be_seen() -> None:
    box = Seal(b"k" * 32)
    stored = box.sealed(PROVIDER)
    assert stored.key.startswith(SEALED)
    assert CANARY not in repr(stored)
    assert box.opened(stored) == PROVIDER
    assert box.sealed(stored) == stored


def test_a_secret_that_did_not_change_keeps_its_seal() -> None:
    box = Seal(b"k" * 32)
    stored = box.sealed(PROVIDER)
    assert box.sealed(PROVIDER, stored) == stored
    assert box.seal(CANARY) != stored.key


def test_variables_are_not_sealed() -> None:
    provider = Provider(name="one", kind="openai", key="env:K", headers={"x-key": "env:K", "x-team": "a"})
    assert Seal(None).sealed(provider) == provider


def test_another_master_key_opens_nothing_and_says_so() -> None:
    stored = Seal(b"k" * 32).seal(CANARY)
    for box, words in ((Seal(b"x" * 32), "another master key"), (Seal(None), VARIABLE)):
        with pytest.raises(Problem, match=words) as caught:
            box.open(stored)
        assert CANARY not in str(caught.value)
    for broken in (SEALED, SEALED + "!!", SEALED + "YWJj"):
        with pytest.raises(Problem):
            Seal(b"k" * 32).open(broken)


def test_the_master_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with pytest.raises(Problem, match=VARIABLE):
        seal.load(data, {}).seal("x")
    first = seal.load(data, {}, make=True)
    assert stat.S_IMODE((data / FILE).stat().st_mode) == 0o600
    assert seal.load(data, {}).open(first.seal("x")) == "x"
    other = seal.load(data, {VARIABLE: "ab" * 32})
    with pytest.raises(Problem):
        other.open(first.seal("x"))
    with pytest.raises(Problem, match="64 hexadecimal digits") as caught:
        seal.load(data, {VARIABLE: "short-secret"})
    assert "short-secret" not in str(caught.value)


def test_what_is_shown_holds_no_secret() -> None:
    raw, key = new_key("app")
    assert raw not in repr(shown_key(key))
    assert key.webhook_secret not in repr(shown_key(key))
    assert CANARY not in repr(shown_provider(PROVIDER))
    assert shown_provider(PROVIDER)["key"] == "sealed"


# ---- the catalogue ----------------------------------------------------------------------------------------------------

BUILT_IN = catalogue.load()


def test_the_catalogue_holds_together() -> None:
    kinds = catalogue.kinds()
    assert {"openai", "local", "callbacks"} <= kinds
    assert [name for name, one in BUILT_IN.types.items() if one.kind not in kinds or not one.docs] == []
    families = [name.partition(":")[0] for name, model in BUILT_IN.models.items() if model.latest]
    assert sorted(set(families)) == sorted(families)
    natives = [
        (kind, native.lower())
        for one in BUILT_IN.models.values()
        for kind in one.native
        for native in one.natives(kind)
    ]
    assert len(set(natives)) == len(natives)
    assert [kind for kind, _ in natives if kind != "*" and kind not in BUILT_IN.types] == []
    assert [name for name in BUILT_IN.models if ":" not in name] == []
    wanted = "openai anthropic gemini ollama openrouter groq mistral deepseek xai together vllm llama-server lmstudio"
    assert set(wanted.split()) <= set(BUILT_IN.types)


@pytest.mark.parametrize(
    ("kind", "native", "names"),
    [
        ("groq", "llama-3.3-70b-versatile", ["llama3.3:70b", "llama3.3", "llama3.3:latest"]),
        ("vllm", "meta-llama/Llama-3.3-70B-Instruct", ["llama3.3:70b", "llama3.3", "llama3.3:latest"]),
        ("ollama", "llama3.1:70b", []),
        ("ollama", "mine:latest", ["mine"]),
        ("openai", "gpt-4o", ["gpt-4o:latest"]),
        ("openrouter", "openai/gpt-4o", ["gpt-4o:latest", "gpt-4o"]),
        ("anthropic", "claude-haiku-4-5", ["claude-haiku:4.5"]),
        ("groq", "nobody/knows", []),
    ],
)
def test_a_native_name_is_announced_under_its_common_ones(kind: str, native: str, names: list[str]) -> None:
    provider = catalogue.provider_of(BUILT_IN, kind, name="p")
    found = BUILT_IN.announced(provider, [Model(name=native)])
    assert [(model.name, model.native) for model in found[1:]] == [(name, native) for name in names]


def test_a_name_that_is_there_already_keeps_its_meaning() -> None:
    provider = catalogue.provider_of(BUILT_IN, "ollama")
    models = [Model(name="llama3.3:latest", native="mine"), Model(name="llama3.3:70b")]
    found = {model.name: model.native for model in BUILT_IN.announced(provider, models)}
    assert found["llama3.3:latest"] == "mine"


def test_overrides_extend_and_replace_by_id(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(
        '[types.rack]\nbase_url = "http://rack/v1"\n[models."llama3.3:70b"]\nlatest = true\nvision = true\n'
        '[models."mine:1b"]\nlatest = true\nnative = { rack = "Mine-1B", groq = ["m1", "m2"] }\n'
    )
    mine = catalogue.load(tmp_path)
    assert (mine.resolve("mine"), mine.types["rack"].base_url) == ("mine:1b", "http://rack/v1")
    changed = mine.find("llama3.3")
    assert changed is not None
    assert (changed.vision, changed.native) == (True, {})
    assert mine.type_of(Provider(name="x", kind="openai", base_url="http://rack/other")) == "rack"
    assert "groq" in mine.types


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[types.x]\nslotz = 1", "slotz"),
        ("[models.x]\ncontext = 'a'", "context"),
        ("x =", "bad.toml"),
        ("[mod.x]", "mod"),
    ],
)
def test_a_wrong_override_is_named_with_its_file(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "bad.toml").write_text(text)
    with pytest.raises(catalogue.BadCatalogueError) as caught:
        catalogue.load(tmp_path)
    assert "bad.toml" in str(caught.value)
    assert words in str(caught.value)


# ---- CONFIG -------------------------------------------------------------------------------------------------------------


async def _config(bus: Bus) -> Config:
    config = Config(bus)
    await config.start()
    return config


async def test_a_change_made_on_an_old_version_is_refused(bus: Bus) -> None:
    config = await _config(bus)
    plain = Provider(name="one", kind="openai")
    revision = await config.put_provider(plain, "ann", expect=0)
    await config.put_provider(plain, "bob", expect=revision)
    with pytest.raises(Problem) as caught:
        await config.put_provider(plain, "ann", expect=revision)
    assert caught.value.code is Code.CONFLICT
    assert [(one.by, one.gone) for one in await versions(bus, "providers", "one")] == [("ann", False), ("bob", False)]


async def test_what_is_written_by_hand_of_an_author_can_not_forge_a_header(bus: Bus) -> None:
    config = await _config(bus)
    await config.put_provider(Provider(name="one", kind="openai"), "ann\r\nAi-Note: forged")
    line = told(await versions(bus, "providers", "one"))[0]
    assert (line["by"], line["note"]) == ("ann Ai-Note: forged", "")


async def test_an_older_version_heard_late_does_not_undo_a_newer_one(bus: Bus) -> None:
    config = await _config(bus)
    old, new = Provider(name="one", kind="openai", slots=1), Provider(name="one", kind="openai", slots=2)
    await config.put_provider(old)
    late = (await versions(bus, "providers", "one"))[0].revision
    await config.put_provider(new)
    config._apply("providers.one", b'{"name":"one","kind":"openai","slots":1}', {"Nats-Sequence": str(late)})
    assert config.providers["one"] == new


async def test_two_readings_at_a_time_undo_nothing_that_is_heard_meanwhile(bus: Bus) -> None:
    """A connection lost twice in a moment, or two administrators who reload."""
    config = Config(bus)
    await config.start()
    for name in ("one", "two", "three"):
        _, made = new_key(name)
        await asyncio.gather(config.load(), config.put_key(made), config.load())
        assert made.id in config.keys
    assert len(config.keys) == 3


async def test_sections_are_written_once_and_what_an_operator_changed_stays(bus: Bus, tmp_path: Path) -> None:
    config, box = await _config(bus), Seal(b"k" * 32)
    await sections.introduce(config, [PROVIDER], box, tmp_path)
    first = config.providers["one"]
    await config.put_provider(Provider(name="one", kind="openai", enabled=False), "ann")
    await sections.introduce(config, [PROVIDER], box, tmp_path)
    assert not config.providers["one"].enabled
    await config.drop_provider("one", "ann")
    await sections.introduce(config, [PROVIDER], box, tmp_path)
    assert "one" not in config.providers
    changed = Provider(name="one", kind="openai", slots=3)
    await sections.introduce(config, [changed], box, tmp_path)
    assert config.providers["one"] == changed
    assert first.key.startswith(SEALED)
    assert CANARY not in (tmp_path / sections.FILE).read_text()


async def test_a_bus_that_lost_its_data_is_told_the_sections_again(bus: Bus, tmp_path: Path) -> None:
    config, box = await _config(bus), Seal(b"k" * 32)
    await sections.introduce(config, [PROVIDER], box, tmp_path)
    await bus.api("STREAM.PURGE.KV_CONFIG")
    await config.load()
    assert config.providers == {}
    await sections.introduce(config, [PROVIDER], box, tmp_path)
    assert "one" in config.providers
