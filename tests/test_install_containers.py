"""Dockerfile and compose.yaml without a Docker engine: linted by their own tools, and each command that they run is run."""

import json
import os
import re
import shlex
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from install_kit import free_port, running, said, sources, tool, uv
from test_cli import ask
from up_house import ROOT, clean_env, fake_provider, until

from ops.standalone import SHORTEST

TOKEN = "t" * SHORTEST


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, continued lines joined, comments left out."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in text.splitlines()) if word]


def of(kind: str) -> list[str]:
    return [rest for word, rest in instructions() if word == kind]


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """compose.yaml as `docker compose` itself understands it."""
    folder = tmp_path_factory.mktemp("compose")
    (folder / "compose.yaml").write_text((ROOT / "compose.yaml").read_text())
    done = tool(
        "docker-compose", "--profile", "gpu", "--profile", "comfyui", "config", "--format", "json", folder=folder
    )
    assert "AI_SERVER_AGENT_TOKEN" in done.stderr  # without a secret it does not start at all
    (folder / ".env").write_text(f"AI_SERVER_AGENT_TOKEN={TOKEN}\nOPENAI_API_KEY='sk-$x'\n")
    done = tool(
        "docker-compose", "--profile", "gpu", "--profile", "comfyui", "config", "--format", "json", folder=folder
    )
    assert done.returncode == 0, done.stderr
    read: dict[str, Any] = json.loads(done.stdout)
    return read


# ---- the image ------------------------------------------------------------------------------------------------------


def test_the_dockerfile_is_clean() -> None:
    done = tool("hadolint", "--failure-threshold", "info", "Dockerfile")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_image_runs_as_nobody_s_root_and_keeps_its_data_in_a_volume() -> None:
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", of("USER")[-1])
    assert of("VOLUME") == ["/data"]
    assert all(f"id {of('USER')[-1].split(':')[0]}" in rest for rest in of("RUN") if "useradd" in rest)


def test_no_secret_and_no_data_goes_to_the_builder() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    wanted = {
        "agents",
        "bus",
        "gateway",
        "ops",
        "schemas",
        "storage",
        "pyproject.toml",
        "uv.lock",
        "README.md",
        "LICENSE",
    }
    assert {line.removeprefix("!") for line in lines if line.startswith("!")} == wanted


@pytest.mark.clone
def test_what_the_dockerfile_builds_answers_and_its_health_check_tells(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    source, built = sources(tmp_path / "src"), tmp_path / "ai-server"
    env = clean_env(UV_PROJECT_ENVIRONMENT=str(built), PATH=f"{Path(uv()).parent}:{os.environ['PATH']}", LOCAL="")
    env = {name: value for name, value in env.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    steps = [step for step in of("RUN") if step.startswith("uv ")]
    assert len(steps) == 2
    for step in steps:
        subprocess.run(["sh", "-c", step], cwd=source, env=env, check=True, capture_output=True)
    port = free_port()
    env |= {
        "PATH": f"{built}/bin:{os.environ['PATH']}",
        "AI_SERVER_DATA": str(tmp_path / "data"),
        "AI_SERVER_PORT": str(port),
    }
    (health,) = (json.loads(rest[rest.index("CMD [") + 4 :]) for rest in of("HEALTHCHECK"))
    assert subprocess.run(health, env=env, capture_output=True, check=False).returncode == 1
    words = json.loads(of("ENTRYPOINT")[-1]) + json.loads(of("CMD")[-1])
    with fake_provider() as provider:
        (tmp_path / "ai-server.toml").write_text(f'[providers.fake]\nbase_url = "{provider}"\nmodels = ["m"]\n')
        with running([str(built / "bin" / words[0]), *words[1:]], env, tmp_path, "up") as out:
            text = said(out, "Try it:")
            assert subprocess.run(health, env=env, capture_output=True, check=False).returncode == 0
            (key,) = re.findall(r"^  app +(ais-\S+)$", text, re.MULTILINE)
            assert ask(f"http://127.0.0.1:{port}", key)[0] == 200


# ---- the containers -------------------------------------------------------------------------------------------------


def test_compose_has_all_roles_each_restarted_and_none_with_more_rights_than_it_needs(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(services) == {"nats", "gateway", "agents", "media", "archiver", "ollama", "gpu-agent", "comfyui-agent"}
    for name, service in services.items():
        assert service["restart"] == "unless-stopped", name
        assert service["cap_drop"] == ["ALL"], name
        assert "healthcheck" in service or name == "gateway", name  # the gateway has the image's own
    assert [name for name, service in services.items() if service.get("profiles")] == [
        "comfyui-agent",
        "gpu-agent",
        "ollama",
    ]
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert {port["host_ip"] for port in published} == {"127.0.0.1"}
    holders = [name for name, service in services.items() if "sk-" in json.dumps(service)]
    assert holders == ["agents"]
    assert services["agents"]["environment"]["OPENAI_API_KEY"].replace("$$", "$") == "sk-$x"


def test_the_commands_of_compose_answer_a_chat_together(compose: dict[str, Any], tmp_path: Path) -> None:
    """Each service's own command and environment, as a process; names and ports of the network are loopback's."""
    nats, http, data = free_port(), free_port(), tmp_path / "data"
    data.mkdir()

    def here(text: str) -> str:
        text = text.replace("nats://nats:4222", f"nats://127.0.0.1:{nats}").replace("4222", str(nats))
        return (
            text.replace("0.0.0.0", "127.0.0.1")
            .replace("/data", str(data))
            .replace("/gpu.toml", str(tmp_path / "gpu.toml"))
        )

    def words(name: str) -> list[str]:
        found = [here(word) for word in compose["services"][name]["command"]]
        if name == "nats":
            found[found.index("--known-as") + 1] = "localhost"
        return [sys.executable, "-m", "ops.cli", *found]

    def env(name: str) -> dict[str, str]:
        given = {n: v for n, v in (compose["services"][name].get("environment") or {}).items() if n != "OPENAI_API_KEY"}
        shared = {"AI_SERVER_DATA": str(data if compose["services"][name].get("volumes") else tmp_path / name)}
        return clean_env(**given, **shared, AI_SERVER_HOST="127.0.0.1", AI_SERVER_PORT=str(http))

    def healthy(name: str) -> bool:
        (_, *check) = compose["services"][name]["healthcheck"]["test"]
        check = [sys.executable if word == "python" else here(word) for word in check]
        return subprocess.run(check, capture_output=True, check=False).returncode == 0

    (tmp_path / "gpu.toml").write_text(
        compose["configs"]["gpu"]["content"].replace("http://ollama:11434", "http://127.0.0.1:9")
    )
    with ExitStack() as stack:
        assert not healthy("nats")
        stack.enter_context(running(words("nats"), env("nats"), tmp_path, "nats"))
        until(lambda: healthy("nats"), 20, "NATS to be healthy")
        stack.enter_context(running(words("gateway"), env("gateway"), tmp_path, "gateway"))
        stack.enter_context(running(words("archiver"), env("archiver"), tmp_path, "archiver"))
        provider = stack.enter_context(fake_provider())
        (tmp_path / "ai-server.toml").write_text(
            f'[providers.fake]\nbase_url = "{provider}"\nmodels = ["m"]\ndiscover = false\n'
        )
        stack.enter_context(running(words("agents"), env("agents"), tmp_path, "agents"))
        stack.enter_context(running(words("gpu-agent"), env("gpu-agent"), tmp_path, "gpu-agent"))

        def admin(command: str) -> str:
            """`docker compose exec gateway ai-server …`"""
            line = [sys.executable, "-m", "ops.cli", *shlex.split(command)]
            done = subprocess.run(line, env=env("gateway"), cwd=tmp_path, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            return done.stdout

        until(lambda: (data / "nats/run/link.json").exists(), 10)
        key = admin("keys create me").strip()
        url = f"http://127.0.0.1:{http}"
        until(lambda: answers(url, key), 20, "an answer")
        status = admin("status")
        assert [name for name in ("callbacks", "fake", "gpu") if name not in status] == []
        row = "select outcome from requests where provider = 'fake' limit 1"
        until(lambda: "done" in admin(f'sql "{row}" --format csv'), 10, "the record of it")


def answers(url: str, key: str) -> bool:
    try:
        return ask(url, key)[0] == 200
    except OSError:  # the gateway is still starting
        return False
