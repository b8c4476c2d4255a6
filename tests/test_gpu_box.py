"""A GPU box: `ai-server agent comfyui` beside a ComfyUI, joined to a house elsewhere by NATS address and token alone."""

import base64
import json
import os
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from comfy_kit import plain
from comfy_thread import comfyui_running
from fake_comfy_nodes import png
from fake_comfyui import FakeComfyUI
from up_house import CLI, Up, clean_env, cli, house, until

from bus.connection import Link
from ops import joining, settings
from ops.detect import detect


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with house(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def comfy() -> Iterator[FakeComfyUI]:
    with comfyui_running() as running:
        yield running


class Box:
    """One `ai-server agent …`; its only knowledge of the server is an address and a token."""

    def __init__(self, up: Up, folder: Path, *words: str) -> None:
        nats = next(line.split()[1] for line in up.text.splitlines() if line.split()[:1] == ["NATS"])
        token = cli("keys", "agents", data=up.data).stdout.strip()
        folder.mkdir()
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*CLI, "agent", *words, "--nats", nats, "--data", str(folder / "data")],
                env=clean_env(AI_SERVER_AGENT_TOKEN=token, AI_SERVER_TRANSFORMS="1", AI_SERVER_DETECT="1"),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def said(self, event: str) -> bool:
        return any(json.loads(line).get("event") == event for line in self.log.read_text().splitlines())

    def sockets(self, state: str) -> list[str]:
        """Remote addresses of the process's TCP sockets in a state of /proc/net/tcp (`0A` listens, `01` is connected)."""
        pid = self.process.pid
        own = {os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir() if fd.exists() or fd.is_symlink()}
        rows = [
            line.split()
            for table in ("tcp", "tcp6", "udp", "udp6")
            for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
        ]
        return [row[2] for row in rows if row[3] == state and f"socket:[{row[9]}]" in own]


@contextmanager
def box(up: Up, folder: Path, *words: str) -> Iterator[Box]:
    started = Box(up, folder, *words)
    try:
        until(lambda: started.said("agent.started") or started.process.poll() is not None, 20, "the agent")
        yield started
        assert "Traceback" not in started.log.read_text()
    finally:
        started.process.kill()
        started.process.wait()


def ask(up: Up, path: str, body: Any = None) -> Any:
    request = urllib.request.Request(
        up.url + path,
        data=json.dumps(body).encode() if body is not None else None,
        headers={"X-Api-Key": up.keys["app"], "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=40) as reply:
        return json.loads(reply.read()) if "json" in reply.headers["content-type"] else reply.read()


def queue(up: Up, width: int) -> int:
    return int(ask(up, "/media/workflow?queue=1", {"workflow": plain(width=width)})["id"])


def test_a_box_is_drained_and_updated_without_losing_a_job(up: Up, comfy: FakeComfyUI, tmp_path: Path) -> None:
    """checklist 82: an agent lists its models and is let in by a token."""
    comfy.hold("2")
    with box(up, tmp_path / "old", "comfyui", "--url", comfy.url) as old:
        until(lambda: any("workflow" in model["operations"] for model in ask(up, "/v1/models")["data"]), what="a model")
        first = queue(up, 40)
        until(comfy.reached.is_set, 10, "the first job to be under way")
        # Everything goes out: to NATS and to its own ComfyUI. Nothing comes in.
        assert (old.sockets("0A"), len(old.sockets("01")) >= 2) == ([], True)
        old.process.send_signal(signal.SIGTERM)
        until(lambda: old.said("agent.finishing"), 10, "the drain")
        second = queue(up, 48)
        with box(up, tmp_path / "new", "comfyui", "--url", comfy.url) as new:
            assert old.process.poll() is None  # it finishes what it has
            comfy.let_go()
            done = [ask(up, f"/jobs/{job}?wait=30") for job in (first, second)]
            assert old.process.wait(10) == 0
            assert old.said("agent.finishing")
            assert new.process.poll() is None
    assert [one["status"] for one in done] == ["done", "done"]
    assert [len(one["attempts"]) for one in done] == [1, 1]
    assert len(comfy.runs) == 2  # each once
    for one, width in zip(done, (40, 48), strict=True):
        (artifact,) = one["result"]["artifacts"]
        assert artifact["width"] == width
        assert ask(up, artifact["url"])[:4] == b"\x89PNG"  # in the object store: the boxes are gone


def test_models_are_listed_once_and_only_those_that_chat_are_talked_to(
    up: Up, comfy: FakeComfyUI, tmp_path: Path
) -> None:
    with box(up, tmp_path / "box", "comfyui", "--url", comfy.url):
        listed = until(
            lambda: [line.split() for line in cli("models", data=up.data).stdout.splitlines()[1:]], what="models"
        )
        status = cli("status", data=up.data).stdout
        said = cli("chat", "hello", data=up.data)
    assert len({tuple(row[:2]) for row in listed}) == len(listed)
    (row,) = [row for row in listed if row[0] == "sd15"]
    assert {"text_to_image", "image_to_image"} <= {word.strip(",") for word in row}
    assert "default" not in [row[0] for row in listed]
    assert (status.count(" sd15,"), "default" in status) == (1, False)
    assert (said.returncode, "no model to talk to" in said.stderr) == (1, True)


def test_what_changes_files_can_be_a_process_elsewhere_too(up: Up, tmp_path: Path) -> None:
    """As in containers, where nobody runs `up`."""
    dot = "data:image/png;base64," + base64.b64encode(png(8, 4)).decode()
    with box(up, tmp_path / "media", "image", "ffmpeg"):
        made = ask(up, "/media/scale_image", {"image": dot, "width": 16})
    assert (made["artifacts"][0]["width"], made["artifacts"][0]["height"]) == (16, 8)
    with box(up, tmp_path / "next", "ffmpeg"):  # the bus knows it now, and it belongs to no machine
        providers = cli("provider", "list", data=up.data).stdout
    assert [line.split()[:2] for line in providers.splitlines() if line.startswith(("image", "ffmpeg"))] == [
        ["ffmpeg", "ffmpeg"], ["image", "image"],
    ]  # fmt: skip


def test_a_provider_that_still_sleeps_registers_all_the_same(up: Up, tmp_path: Path) -> None:
    with box(up, tmp_path / "box", "ollama"):
        told = cli("provider", "list", data=up.data).stdout
    assert "http://127.0.0.1:11434" in next(line for line in told.splitlines() if line.startswith("ollama"))


async def test_a_comfyui_on_its_usual_port_is_found_and_registers_itself() -> None:
    with comfyui_running() as comfy:
        found = await detect({}, ollama=("127.0.0.1", 9), comfyui=("127.0.0.1", comfy.port))
    (one,) = [one for one in found if one.name == "comfyui"]
    assert one.provider is not None
    assert (one.provider.kind, one.provider.slots, one.provider.base_url) == ("comfyui", 1, comfy.url)


def test_an_address_on_the_command_line_is_a_provider_of_its_kind(tmp_path: Path) -> None:
    nothing = settings.load("", {"data": str(tmp_path)}, {})
    for name, kind, built in (("comfyui", "", "comfyui"), ("gpu2", "comfyui", "comfyui"), ("box", "", "openai")):
        (one,) = joining.placed(nothing, (name,), "http://127.0.0.1:8188", kind).providers.values()
        assert (one.name, one.kind, one.base_url) == (name, built, "http://127.0.0.1:8188")
    for names, url, kind in (
        ((), "http://x", ""),
        (("a", "b"), "http://x", ""),
        (("a",), "ftp://x", ""),
        (("a",), "http://x", "no"),
    ):
        with pytest.raises(joining.Problem):
            joining.placed(nothing, names, url, kind)


def test_the_token_is_all_a_box_needs_to_know() -> None:
    assert joining.way("nats://10.0.0.10:4222", "secret") == Link("nats://10.0.0.10:4222", "agent", "secret")
