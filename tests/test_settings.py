"""Settings and detection: what a person writes is either understood or explained."""

import asyncio
from pathlib import Path

import pytest

from ops import detect
from ops.seal import Seal, holds_literal
from ops.settings import BadSettingsError, Settings, default_data, load

EMPTY: dict[str, str] = {"HOME": "/nowhere"}


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "ai-server.toml"
    path.write_text(text)
    return path


def refusal(tmp_path: Path, text: str) -> str:
    with pytest.raises(BadSettingsError) as caught:
        load(write(tmp_path, text), env=EMPTY)
    return str(caught.value)


def test_without_a_file_the_defaults_serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load(env=EMPTY)
    assert settings == Settings(data=Path("/nowhere/.local/share/ai-server"))
    assert (settings.host, settings.port, settings.private_callbacks) == ("127.0.0.1", 8080, True)


def test_the_data_directory_follows_xdg() -> None:
    assert default_data({"XDG_DATA_HOME": "/x", "HOME": "/h"}) == Path("/x/ai-server")
    assert default_data({"HOME": "/h"}) == Path("/h/.local/share/ai-server")


def test_flags_win_over_environment_over_file_over_defaults(tmp_path: Path) -> None:
    """checklist 129: port and paths by environment."""
    path = write(tmp_path, 'port = 1\nhost = "1.1.1.1"\ndata = "/file"\ndurability = "process"\n')
    env = EMPTY | {"AI_SERVER_PORT": "2", "AI_SERVER_HOST": "2.2.2.2"}
    settings = load(path, {"port": 3, "host": None}, env)
    assert (settings.port, settings.host, settings.data, settings.durability) == (
        3,
        "2.2.2.2",
        Path("/file"),
        "process",
    )


def test_the_file_in_the_working_directory_is_read_unless_told_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "port = 9\n")
    monkeypatch.chdir(tmp_path)
    assert load(env=EMPTY).port == 9
    assert load(env=EMPTY | {"AI_SERVER_CONFIG": ""}).port == 8080


def test_a_provider_is_read_whole(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        [providers.box]
        base_url = "http://10.0.0.5:8000/v1"
        key = "env:BOX_KEY"
        headers = { "x-team" = "a" }
        models = ["llama", { name = "fast", native = "vendor/fast-8b" }]
        discover = false
        priority = 1
        slots = 4
        pool = "gpu"
        """,
    )
    box = load(path, env=EMPTY).providers["box"]
    assert (box.name, box.kind, box.queue, box.slots, box.discover) == ("box", "openai", "gpu", 4, False)
    assert [(m.name, m.native) for m in box.models] == [("llama", ""), ("fast", "vendor/fast-8b")]
    assert (box.key, box.headers) == ("env:BOX_KEY", {"x-team": "a"})


def test_a_type_of_the_catalogue_fills_in_what_a_section_leaves_out(tmp_path: Path) -> None:
    path = write(tmp_path, '[providers.fast]\ntype = "groq"\nkey = "env:GROQ_API_KEY"\nslots = 3\n')
    fast = load(path, env=EMPTY).providers["fast"]
    assert (fast.type, fast.base_url, fast.slots) == ("groq", "https://api.groq.com/openai/v1", 3)


def test_a_type_of_the_users_own_is_found_in_the_overrides(tmp_path: Path) -> None:
    """checklist 128: the overrides folder."""
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "mine.toml").write_text('[types.rack]\nbase_url = "http://rack:9000/v1"\nslots = 7\n')
    text = f'overrides = "{tmp_path / "more"}"\n[providers.r]\ntype = "rack"\n'
    settings = load(write(tmp_path, text), env=EMPTY)
    assert settings.overrides_folder == tmp_path / "more"
    assert (settings.providers["r"].base_url, settings.providers["r"].slots) == ("http://rack:9000/v1", 7)


def test_a_literal_secret_is_taken_to_be_sealed_before_it_is_stored(tmp_path: Path) -> None:
    path = write(tmp_path, "[providers.x]\nkey = 'sk-12345'\nheaders = { x-api-key = 'sk-678' }\n")
    x = load(path, env=EMPTY).providers["x"]
    assert holds_literal(x)
    stored = Seal(b"k" * 32).sealed(x)
    assert "sk-" not in repr(stored)
    assert Seal(b"k" * 32).opened(stored) == x


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("prot = 1", ["unknown key `prot`", "did you mean `port`"]),
        ("[archive]\nbodys = true", ["unknown key `archive.bodys`", "`archive.bodies`"]),
        ("[providers.x]\nbase_urll = 'http://a'", ["`providers.x.base_urll`", "`providers.x.base_url`"]),
        ("zzz = 1", ["unknown key `zzz`", "known: "]),
        ("nats_url = 'nats://u:p@h'", ["unknown key `nats_url`"]),
        ("port = '80'", ["port", "expected `int`"]),
        ("port = 70000", ["port"]),
        ("durability = 'disk'", ["durability"]),
        ("[limits]\nbody_bytes = 90000000", ["limits.body_bytes"]),
        ("port = ", ["ai-server.toml is not valid TOML"]),
        ("[providers.x]\nkey = 'env:a-b'", ["providers.x.key", "environment variable"]),
        ("[providers.x]\nkey = 'env:AI_SERVER_MASTER_KEY'", ["providers.x.key", "server's own secrets"]),
        ("[providers.x]\ntype = 'grok'", ["providers.x.type", "no provider type `grok`", "groq"]),
        ("[providers.x]\nbase_url = 'https://user:pw@host/v1'", ["providers.x.base_url", "no user and password"]),
        ("[providers.x]\nrequests_per_minute = -1", ["providers.x.requests_per_minute"]),
        ("[providers.x]\nbase_url = 'localhost'", ["providers.x.base_url", "http://"]),
        ("[providers.x]\nslots = 0", ["providers.x.slots", "enabled = false"]),
        ("[providers.x]\nslots = 'many'", ["providers.x.slots", "expected `int`"]),
        ("[providers.x]\nmodels = [{ nam = 'a' }]", ["providers.x.models", "name"]),
        ("[providers.callbacks]\n", ["providers.callbacks", "taken"]),
        ("[providers.'A.b']\n", ["providers.A.b", "a-z"]),
        ("providers = 3", ["providers"]),
    ],
)
def test_a_mistake_is_named_with_its_path(tmp_path: Path, text: str, words: list[str]) -> None:
    message = refusal(tmp_path, text)
    assert [word for word in words if word not in message] == [], message


def test_a_secret_written_into_the_file_is_not_repeated_in_the_error(tmp_path: Path) -> None:
    for field in (
        "key = 'sk-12345\\n'",
        "headers = { x-api-key = 'sk-12345\\n' }",
        "base_url = 'https://a:sk-12345@h'",
    ):
        text = refusal(tmp_path, f"[providers.x]\n{field}".replace("'", '"'))
        assert "sk-12345" not in text
        assert "providers.x" in text


def test_a_named_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadSettingsError, match="there is no settings file"):
        load(tmp_path / "absent.toml", env=EMPTY)


def test_a_port_in_the_environment_that_is_no_number_is_named() -> None:
    with pytest.raises(BadSettingsError, match="AI_SERVER_PORT"):
        load(env=EMPTY | {"AI_SERVER_PORT": "http"})


def test_callbacks_to_private_addresses_follow_the_own_address_unless_set(tmp_path: Path) -> None:
    assert load(write(tmp_path, 'host = "0.0.0.0"'), env=EMPTY).private_callbacks is False
    assert load(write(tmp_path, 'host = "0.0.0.0"\n[callbacks]\nprivate = true'), env=EMPTY).private_callbacks is True


def test_each_key_in_the_environment_is_a_provider() -> None:
    """checklist 127: providers at the first start are those with keys."""
    names = "OPENAI_API_KEY ANTHROPIC_API_KEY GOOGLE_API_KEY GROQ_API_KEY MISTRAL_API_KEY OPENROUTER_API_KEY"
    env = dict.fromkeys([*names.split(), "REPLICATE_API_TOKEN"], "k")
    found = {one.name: one for one in detect.from_environment(env)}
    assert set(found) == {"openai", "anthropic", "gemini", "groq", "mistral", "openrouter", "replicate"}
    assert [name for name, one in found.items() if one.provider is None] == []
    gemini = found["gemini"].provider
    assert gemini is not None
    assert gemini.key == "env:GOOGLE_API_KEY"
    replicate = found["replicate"].provider
    assert replicate is not None
    assert (replicate.kind, replicate.key) == ("replicate", "env:REPLICATE_API_TOKEN")


def test_an_empty_key_is_no_provider_and_no_secret_is_kept() -> None:
    assert detect.from_environment({"OPENAI_API_KEY": " "}) == []
    assert "sk-secret" not in repr(detect.from_environment({"OPENAI_API_KEY": "sk-secret"}))


async def test_servers_on_this_machine_are_found_by_what_they_say() -> None:
    said = {"/api/version": b'{"version":"0.9.0"}', "/system_stats": b'{"system":{"comfyui_version":"0.3"}}'}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + said[path])
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        address = server.sockets[0].getsockname()[:2]
        found = {one.name: one for one in await detect.detect({}, address, address)}
        swapped = {one.name for one in await detect.detect({}, address, (address[0], 1))}
    ollama = found["ollama"].provider
    assert ollama is not None
    assert ollama.base_url == "http://{}:{}".format(*address)
    comfyui = found["comfyui"].provider
    assert comfyui is not None
    assert (comfyui.kind, comfyui.slots) == ("comfyui", 1)
    assert "comfyui" not in swapped


async def test_a_server_that_never_answers_does_not_hold_up_the_start() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        address = server.sockets[0].getsockname()[:2]
        found = await asyncio.wait_for(detect.detect({}, address, address), detect.PROBE_SECONDS + 1)
    assert {one.name for one in found} <= {"local", "speech"}
