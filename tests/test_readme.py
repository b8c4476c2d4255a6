"""What the documents tell people to type is typed here, against a running house; what they list is complete."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from comfy_thread import comfyui_running
from fake_comfyui import FakeComfyUI
from up_house import ROOT, Up, clean_env, cli, fake_provider, house, until

from ops import settings
from schemas.provider import Provider
from storage.tables import TABLES

DOCUMENTS = ["README.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(bash|python) run\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(document: str) -> list[tuple[str, str]]:
    return BLOCK.findall((ROOT / document).read_text())


@pytest.fixture(scope="module")
def comfy() -> Iterator[FakeComfyUI]:
    with comfyui_running() as running:
        yield running


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, comfy: FakeComfyUI) -> Iterator[Up]:
    """A house with everything on."""
    folder = tmp_path_factory.mktemp("docs")
    with fake_provider() as provider:
        text = f'[providers.small]\nbase_url = "{provider}"\nmodels = ["smollm2"]\ndiscover = false\n'
        text += f'[providers.comfyui]\nkind = "comfyui"\nbase_url = "{comfy.url}"\nslots = 1\n'
        text += '[providers.speech]\nkind = "speech"\nslots = 1\n'
        with house(folder, settings=text, env={"AI_SERVER_TRANSFORMS": "1"}) as running:
            tools = folder / "bin"
            tools.mkdir()
            _command(tools / "ai-server", f'exec {sys.executable} -m ops.cli "$@"')
            _command(tools / "python", f'exec {sys.executable} "$@"')
            # In the documents a curl that fails shows its error; here it must fail the test.
            _command(tools / "curl", f'exec {shutil.which("curl")} -sS --fail-with-body "$@"')
            until(lambda: "whisper-1" in cli("models", data=running.data).stdout, what="the ears")
            yield running


@pytest.mark.parametrize("document", [name for name in DOCUMENTS if blocks(name)])
def test_what_a_document_tells_to_type_works(up: Up, comfy: FakeComfyUI, document: str, tmp_path: Path) -> None:
    script = ["set -euo pipefail", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"]
    for number, (language, text) in enumerate(blocks(document)):
        if language == "python":
            (tmp_path / f"{number}.py").write_text(_here(text, up))
            text = f"python {tmp_path}/{number}.py\n"
        script.append(_here(text, up).replace("report.parquet", str(tmp_path / "report.parquet")))
    place = {"PATH": f"{up.folder / 'bin'}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)}
    env = clean_env(AI_SERVER_DATA=str(up.data), **place)
    comfy.drop_after = 4  # of the one workflow that is run: its line breaks in the middle
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    assert "Traceback" not in done.stderr
    if "/workflows/" in "".join(text for _, text in blocks(document)):
        assert (comfy.drop_after, len(comfy.runs)) == (0, 1)


def test_the_documents_are_linked_and_every_link_leads_somewhere() -> None:
    linked = set()
    for document in [*DOCUMENTS, "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", (ROOT / document).read_text()):
            if not target.startswith("http"):
                path = (ROOT / document).parent / target
                assert path.exists(), f"{document} links to {target}"
                linked.add(path.resolve())
    assert [name for name in DOCUMENTS[1:] if (ROOT / name).resolve() not in linked] == []


def test_every_command_is_in_the_reference() -> None:
    text = (ROOT / "docs/reference/commands.md").read_text()
    names = re.findall(r"^│ ([a-z]+) ", cli("--help").stdout, re.MULTILINE)
    groups = ("keys", "provider")
    for group in groups:
        names += [f"{group} {name}" for name in re.findall(r"^│ ([a-z]+) ", cli(group, "--help").stdout, re.MULTILINE)]
    assert [name for name in names if name not in groups and f"| `{name}" not in text] == []


def test_the_settings_in_the_reference_are_all_there_are_and_can_be_used(tmp_path: Path) -> None:
    text = (ROOT / "docs/reference/settings.md").read_text()
    example = re.search(r"^```toml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert example is not None
    (tmp_path / "ai-server.toml").write_text(example[1])
    read = settings.load(tmp_path / "ai-server.toml", env={"HOME": str(tmp_path)})
    assert (read.port, read.nats.port, read.providers["box"].slots) == (8080, -1, 64)
    structs = (settings.Settings, *settings._TABLES.values(), Provider)
    fields = {field for struct in structs for field in struct.__struct_fields__} - {
        "name",
        "file",
        "nats_url",
        "admin_secret",
    }
    assert [field for field in sorted(fields) if not re.search(rf"^\[?{field}\b", example[1], re.MULTILINE)] == []


def test_every_column_of_the_archive_is_in_the_reference() -> None:
    text = (ROOT / "docs/reference/archive.md").read_text()
    columns = [column for table in TABLES.values() for column in table.columns]
    assert [c.name for c in columns if f"| `{c.name}` | {c.type} | {c.about} |" not in text] == []


@pytest.mark.clone
@pytest.mark.model
def test_a_fresh_clone_answers_its_first_question_with_the_readme_s_command(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True, capture_output=True)
    env = {
        name: value
        for name, value in clean_env().items()
        if name not in ("PYTHONPATH", "AI_SERVER_DETECT", "AI_SERVER_TRANSFORMS")
    }
    env |= {"AI_SERVER_PORT": "0", "AI_SERVER_DATA": str(tmp_path / "data")}
    assert "python3 ops/bootstrap.py try\n" in (clone / "README.md").read_text()
    done = subprocess.run(
        ["python3", "ops/bootstrap.py", "try", "--once"],
        cwd=clone,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    answer = done.stdout.partition("Asking ")[2].partition("The same with curl:")[0]
    assert len(answer.split()) > 12, done.stdout[-2000:]
    assert "ais-" in done.stdout
    assert "curl -N http://127.0.0.1:" in done.stdout


@pytest.mark.long
@pytest.mark.clone
def test_a_fresh_clone_runs_its_tests_with_the_readme_s_command(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True, capture_output=True)
    assert "python3 ops/bootstrap.py test\n" in (clone / "README.md").read_text()
    done = subprocess.run(
        ["python3", "ops/bootstrap.py", "test", "tests/test_settings.py"],
        cwd=clone,
        env={name: value for name, value in clean_env().items() if name != "PYTHONPATH"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    assert " passed" in done.stdout


def _here(text: str, up: Up) -> str:
    """The documents' addresses as they are in this test."""
    nats = next(line.split()[1] for line in up.text.splitlines() if line.split()[:1] == ["NATS"])
    link = settings_link(up)
    places = {
        "http://127.0.0.1:8080": up.url,
        "nats://127.0.0.1:4222": nats,
        "nats://ai:secret@10.0.0.10:4222": link,
        "~/.local/share/ai-server": str(up.data),
        "8090": str(_free_port()) if "8090" in text else "8090",
        "--host 0.0.0.0 --port 8081": "--host 127.0.0.1 --port 0",
    }
    for written, real in places.items():
        text = text.replace(written, real)
    return text


def settings_link(up: Up) -> str:
    link = json.loads((up.data / "nats" / "run" / "link.json").read_text())
    return str(link["url"].replace("://", f"://{link['user']}:{link['password']}@"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _command(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
