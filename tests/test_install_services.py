"""What install.sh installed: services that answer, agents that join, upgrades that take effect."""

import os
import plistlib
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from install_kit import Home, free_port, sources, uv
from test_cli import ask
from up_house import ROOT, fake_provider, until

from ops.install import services
from ops.install.places import Machine, Places


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def provider_of(url: str) -> str:
    return f'\n[providers.fake]\nbase_url = "{url}"\nmodels = ["m"]\ndiscover = false\n'


def with_settings(home: Home, more: str = "") -> str:
    """Settings that were there before the install: it keeps them. Gives the server's address."""
    port = free_port()
    home.config.mkdir(parents=True)
    text = f'data = "{home.data}"\nport = {port}\ndetect = false\ndurability = "process"\n'
    (home.config / "ai-server.toml").write_text(text + more)
    return f"http://127.0.0.1:{port}"


# ---- services -------------------------------------------------------------------------------------------------------


def test_the_service_answers_is_upgraded_and_uninstalled_and_what_is_hers_stays(home: Home) -> None:
    home.with_systemd()
    url = with_settings(home)
    with fake_provider() as provider, home.services():
        (home.config / "ai-server.toml").open("a").write(provider_of(provider))
        done = home.install("--yes", env={"OPENAI_API_KEY": "k"})
        assert done.returncode == 0, done.stderr
        assert "does not answer" not in done.stdout
        key = home.run("keys", "create", "me").stdout.strip()
        until(lambda: ask(url, key)[0] == 200, 15, "an answer")
        assert home.install("--yes").returncode == 0
        until(lambda: ask(url, key)[0] == 200, 15, "an answer after the upgrade")
        assert home.systemctl.count("restart ai-server") == 2
        stranger = home.units / "ai-server-agent-other.service"
        stranger.write_text('ExecStart=/bin/sh "/elsewhere/ai-server" agent other\n')
        assert home.install("--uninstall").returncode == 0
    assert "disable --now ai-server" in home.systemctl
    assert [p for p in (home.prefix, home.command, home.units / "ai-server.service") if os.path.lexists(p)] == []
    assert [p for p in (stranger, home.config / "ai-server.env", home.data / "nats") if not p.exists()] == []


def test_a_gpu_box_joins_with_a_token_that_nobody_sees(tmp_path: Path) -> None:
    """checklist 126: a GPU box registers itself."""
    hub, box = Home(tmp_path / "hub"), Home(tmp_path / "box")
    hub.with_systemd()
    box.with_systemd()
    nats = free_port()
    url = with_settings(hub, f'[nats]\nport = {nats}\nhost = "127.0.0.1"\n')
    with fake_provider() as provider, hub.services(), box.services():
        assert hub.install("--yes").returncode == 0
        token = hub.run("keys", "agents").stdout.strip()
        join = ("--yes", "--agent", "box", "--nats", f"nats://127.0.0.1:{nats}", "--token", "-", "--url", provider)
        done = box.install(*join, "--slots", "3", stdin=token)
        assert done.returncode == 0, done.stderr
        shown = done.stdout + done.stderr + (box.units / "ai-server-agent-box.service").read_text()
        assert (len(token) > 30, token in shown) == (True, False)
        key = hub.run("keys", "create", "me").stdout.strip()
        until(lambda: ask(url, key)[0] == 200, 15, "an answer of the box")
        assert "box" in hub.run("status").stdout
    settings = tomllib.loads((box.config / "agent-box.toml").read_text())
    assert settings["providers"]["box"] == {"kind": "openai", "base_url": provider, "slots": 3}


@pytest.mark.parametrize("agent", ["", "box-1"])
def test_a_unit_survives_odd_paths_and_systemd_s_own_check(tmp_path: Path, agent: str) -> None:
    odd = tmp_path / 'a "b" %h $x'
    at = Places(prefix=odd, config=odd / "c", data=odd / "d", bin=odd / "b", units=tmp_path)
    odd.mkdir()
    at.launcher.write_text("#!/bin/sh\n")
    at.launcher.chmod(0o755)
    one = services.service(at, agent, system=False)
    text = services.unit(one, root=True)
    start = re.search(r"^ExecStart=(.*)$", text, re.MULTILINE)
    assert start
    assert shlex.split(start[1].replace("$$", "$").replace("%%", "%")) == list(one.words)
    if shutil.which("systemd-analyze"):
        (tmp_path / f"{one.name}.service").write_text(text)
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", str(tmp_path / f"{one.name}.service")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert one.name not in done.stderr, done.stderr


def test_on_a_mac_it_is_a_launch_agent_whose_keys_stay_in_their_file(tmp_path: Path) -> None:
    machine = Machine(env={}, home=tmp_path, root=False, platform="darwin")
    at = Places(prefix=tmp_path / "p&<q>", config=tmp_path, data=tmp_path, bin=tmp_path, units=tmp_path)
    one = services.service(at, "", system=False)
    path = services.path_of(one, at, machine)
    path.write_text(services.text_of(one, machine))
    read = plistlib.loads(path.read_bytes())
    assert (path.name, read["ProgramArguments"]) == ("ai-server.plist", ["/bin/sh", str(at.launcher), "up"])
    assert read["EnvironmentVariables"]["AI_SERVER_KEYS_FILE"] == str(tmp_path / "ai-server.env")
    assert services.written(at, machine) == [path]


# ---- for real -------------------------------------------------------------------------------------------------------


@pytest.mark.clone
def test_a_checkout_is_installed_answers_and_its_next_version_takes_its_place(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", real_uv=True)
    home.with_systemd()
    (tmp_path / "checkout").mkdir()
    checkout = sources(tmp_path / "checkout")
    url = with_settings(home)
    real = {"UV_CACHE_DIR": cache(), "PATH": f"{home.tools}:{Path(uv()).parent}:{os.environ['PATH']}"}
    before = {str(p) for p in checkout.rglob("*")}
    with fake_provider() as provider, home.services():
        (home.config / "ai-server.toml").open("a").write(provider_of(provider))
        done = home.install("--yes", env=real, script=checkout / "install.sh")
        assert done.returncode == 0, done.stderr
        assert {str(p) for p in checkout.rglob("*")} == before
        key = home.run("keys", "create", "me").stdout.strip()
        until(lambda: ask(url, key)[0] == 200, 20, "an answer")
        with (checkout / "ops" / "printing.py").open("a") as file:
            file.write("NEXT = True\n")
        assert home.install("--yes", env=real, script=checkout / "install.sh").returncode == 0
        (installed,) = home.prefix.glob("env-*/lib/python3*/site-packages/ops/printing.py")
        assert installed.read_text().endswith("NEXT = True\n")
        until(lambda: ask(url, key)[0] == 200, 20, "an answer after the upgrade")


@pytest.mark.clone
def test_the_script_alone_installs_a_wheel(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", real_uv=True)
    real = {"UV_CACHE_DIR": cache(), "PATH": f"{home.tools}:{Path(uv()).parent}:{os.environ['PATH']}"}
    words = [uv(), "build", "--quiet", "--wheel", "--out-dir", str(tmp_path), str(ROOT)]
    subprocess.run(words, check=True, env={**os.environ, "UV_CACHE_DIR": cache()})
    (wheel,) = tmp_path.glob("*.whl")
    alone = Path(shutil.copy2(ROOT / "install.sh", home.path / "install.sh"))
    assert "--from" in home.install("--yes", "--no-service", env=real, script=alone).stderr
    done = home.install("--yes", "--no-service", "--from", str(wheel), env=real, script=alone)
    assert done.returncode == 0, done.stderr
    assert home.run("version").stdout.startswith("ai-server ")


def cache() -> str:
    done = subprocess.run([uv(), "cache", "dir"], capture_output=True, text=True, check=True)
    return done.stdout.strip()
