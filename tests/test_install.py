"""install.sh: what it writes, what it never shows, and that what it installed answers."""

import os
import pty
import re
import shutil
import stat
import subprocess
import tomllib
from pathlib import Path

import pytest
from install_kit import Home, interrupt, tool
from up_house import ROOT

from ops.detect import from_environment
from ops.install import environment, keys
from ops.install.places import InstallError, Places

HOSTILE = [
    "sk-\"double\" 'single'",
    "sk-$(touch pwned)`touch pwned`${HOME}",
    "sk-; touch pwned #",
    r"sk-\n\\%s%%h",
    "  # = == sk",
    "sk-ключ-🔑",
]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


# ---- what it is -----------------------------------------------------------------------------------------------------


def test_the_script_is_clean_and_any_sh_reads_it() -> None:
    done = tool("shellcheck", "install.sh")
    assert done.returncode == 0, done.stdout
    for shell in filter(shutil.which, ("dash", "bash", "busybox")):
        words = [shell, "sh"] if shell == "busybox" else [shell]
        assert subprocess.run([*words, "-n", str(ROOT / "install.sh")], check=False).returncode == 0


def test_help_and_mistakes_need_no_terminal(home: Home) -> None:
    assert "--uninstall" in home.install("--help").stdout
    for words, sentence in (
        (["--port", "70000"], "--port must be"),
        (["--agent", "ollama"], "--agent needs --nats"),
        (["--agent", "A b", "--nats", "nats://h", "--yes"], "an agent's name is"),
        (["--nonsense"], "--nonsense"),
        ([], "with --yes none are asked"),
        (["--yes", "--service"], "no service manager"),
        (["--uninstall"], "there is no AI Server in"),
    ):
        done = home.install(*words)
        assert done.returncode in (1, 2), words
        assert sentence in done.stderr
        assert "Traceback" not in done.stderr
    assert home.files() == {}


def test_without_a_fitting_python_it_says_where_to_get_one(home: Home) -> None:
    for name in ("python3", "python", *(f"python3.{n}" for n in (11, 12, 13, 14))):
        home.tool(name, "#!/bin/sh\nexit 1\n")
    done = home.install("--yes", env={"PYTHON": "", "PATH": f"{home.tools}:/usr/bin:/bin"})
    if done.returncode == 0:
        pytest.skip("this machine has a Python in a place that install.sh knows")
    assert "Python 3.11 or newer" in done.stderr
    assert "apt-get install python3" in done.stderr


def test_every_key_that_it_offers_is_found_by_the_server() -> None:
    """checklist 125: the installer finds keys in the environment."""
    variables = [name for one in keys.HOSTED for name in one.variables]
    assert [name for name in variables if not from_environment({name: "x"})] == []


# ---- what it does ---------------------------------------------------------------------------------------------------


def test_a_dry_run_tells_everything_and_changes_nothing(home: Home) -> None:
    home.with_systemd()
    done = home.install("--yes", "--dry-run", env={"OPENAI_API_KEY": "sk-secret-1"})
    assert done.returncode == 0, done.stderr
    for word in (
        "uv sync",
        "ai-server.toml",
        "keys: OPENAI_API_KEY",
        "0600",
        "link",
        "systemctl",
        "Nothing was changed",
    ):
        assert word in done.stdout
    assert "sk-secret-1" not in done.stdout + done.stderr
    assert (home.files(), home.systemctl) == ({}, [] if os.geteuid() else home.systemctl)
    assert not home.prefix.exists()


def test_settings_and_keys_are_for_the_owner_s_eyes_and_no_key_is_shown(home: Home) -> None:
    (home.path / "groq.key").write_text("gsk-secret-2\n")
    done = home.install(
        *("--yes", "-v", "--no-service", "--port", "8123"),
        *("--key", f"groq=file:{home.path}/groq.key", "--key", "MISTRAL=-", "--key", "OPENAI_API_KEY=env"),
        env={"OPENAI_API_KEY": "sk-secret-1", "ANTHROPIC_API_KEY": "sk-secret-4"},
        stdin="ms-secret-3\n",
    )
    assert done.returncode == 0, done.stderr
    assert "-secret-" not in done.stdout + done.stderr
    assert [stat.S_IMODE(p.stat().st_mode) for p in sorted(home.config.iterdir())] == [0o600, 0o600]
    assert stat.S_IMODE(home.config.stat().st_mode) == 0o700
    assert keys.read(home.config / "ai-server.env") == {
        "GROQ_API_KEY": "gsk-secret-2",
        "MISTRAL_API_KEY": "ms-secret-3",
        "OPENAI_API_KEY": "sk-secret-1",
        "ANTHROPIC_API_KEY": "sk-secret-4",
    }
    assert tomllib.loads((home.config / "ai-server.toml").read_text()) == {"data": str(home.data), "port": 8123}
    for word in ("http://127.0.0.1:8123", "ai-server up", "curl ", "keys create"):
        assert word in done.stdout


def test_a_key_on_the_command_line_is_refused_and_not_repeated(home: Home) -> None:
    done = home.install("--yes", "--key", "OPENAI=sk-secret-1")
    assert (done.returncode, "sk-secret-1" in done.stdout + done.stderr) == (1, False)
    assert "=env, =file:PATH or =-" in done.stderr


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_key_reaches_the_program_as_it_is_and_is_never_run(home: Home, value: str) -> None:
    assert home.install("--yes", "--no-service", env={"OPENAI_API_KEY": value}).returncode == 0
    text = home.prefix.joinpath("ai-server").read_text()
    program = re.search(r"^exec (\S+)", text, re.MULTILINE)
    assert program
    Path(program[1]).write_text('#!/bin/sh\nprintf %s "$OPENAI_API_KEY"\n')
    for shell in filter(shutil.which, ("dash", "bash", "busybox")):
        words = [shell, "sh"] if shell == "busybox" else [shell]
        done = subprocess.run(
            [*words, str(home.command)], env=home.env(), cwd=home.path, capture_output=True, check=True
        )
        assert done.stdout.decode() == value.strip()
    assert home.run(OPENAI_API_KEY="the environment wins").stdout == "the environment wins"
    assert list(home.path.rglob("pwned")) == []


def test_a_key_with_a_line_break_is_refused_without_being_shown(home: Home) -> None:
    done = home.install("--yes", env={"OPENAI_API_KEY": "sk-one\nLD_PRELOAD=/tmp/evil.so"})
    assert (done.returncode, home.files()) == (1, {})
    assert "line break" in done.stderr
    assert "evil" not in done.stdout + done.stderr


def test_a_second_run_upgrades_and_keeps_settings_and_keys(home: Home) -> None:
    assert home.install("--yes", "--no-service", env={"OPENAI_API_KEY": "first"}).returncode == 0
    settings, first = home.config / "ai-server.toml", home.environments()
    settings.write_text(settings.read_text() + "durability = 'process' # mine\n")
    kept = settings.read_text()
    done = home.install("--yes", "--no-service", env={"OPENAI_API_KEY": "second", "GROQ_API_KEY": "new"})
    assert done.returncode == 0, done.stderr
    assert settings.read_text() == kept
    assert keys.read(home.config / "ai-server.env") == {"OPENAI_API_KEY": "first", "GROQ_API_KEY": "new"}
    assert len(home.environments()) == 1
    assert home.environments() != first
    assert home.install("--yes", "--no-service", "--key", "OPENAI=env", env={"OPENAI_API_KEY": "third"}).returncode == 0
    assert keys.read(home.config / "ai-server.env") == {"OPENAI_API_KEY": "third", "GROQ_API_KEY": "new"}


def test_ctrl_c_leaves_nothing_behind_and_an_installed_one_as_it_was(home: Home) -> None:
    code, out = interrupt(home, "--yes", "--no-service")
    assert (code, home.files(), home.prefix.exists()) == (130, {}, False), out
    assert "broken off" in out
    assert home.install("--yes", "--no-service").returncode == 0
    before = home.files()
    assert interrupt(home, "--yes", "--no-service")[0] == 130
    assert home.files() == before
    assert home.run("version").stdout.startswith("ai-server ")


def test_what_is_not_ours_is_left_alone(home: Home) -> None:
    home.prefix.mkdir(parents=True)
    (home.prefix / "thesis.txt").write_text("mine")
    done = home.install("--yes", "--no-service")
    assert (done.returncode, "holds something else (thesis.txt)" in done.stderr) == (1, True)
    home.command.parent.mkdir(parents=True)
    home.command.write_text("another")
    done = home.install("--yes", "--no-service", "--prefix", str(home.path / "p"))
    assert (done.returncode, "is not ours" in done.stderr) == (1, True)
    assert (home.command.read_text(), (home.path / "p").exists()) == ("another", False)


def test_a_person_is_asked_and_what_she_types_is_not_shown(home: Home) -> None:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [str(ROOT / "install.sh"), "--dry-run", "--units", str(home.units)],
        env=home.env(OPENAI_API_KEY="sk-secret-1"),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    seen = ""
    for question, answer in (
        ("Which? [1]", ""),
        ("Use OPENAI_API_KEY", "y"),
        ("Which? ", "1"),
        ("Anthropic key: ", "sk-secret-2"),
        ("Which? ", ""),
    ):
        piece = ""
        while question not in piece:
            piece += os.read(master, 4096).decode()
        seen += piece
        os.write(master, f"{answer}\n".encode())
    try:
        while more := os.read(master, 4096):
            seen += more.decode()
    except OSError:  # how Linux tells that the other end is closed
        pass
    os.close(master)
    assert process.wait(10) == 0
    assert "keys: ANTHROPIC_API_KEY, OPENAI_API_KEY" in seen
    assert "secret" not in seen


def test_a_launcher_with_odd_paths_finds_its_files(tmp_path: Path) -> None:
    odd = tmp_path / "it's $HOME `x`"
    at = Places(prefix=odd, config=odd, data=odd, bin=odd, units=odd)
    (odd / "e" / "bin").mkdir(parents=True)
    (odd / "e" / "bin" / "ai-server").write_text('#!/bin/sh\nprintf "%s|%s" "$K_KEY" "$AI_SERVER_CONFIG"\n')
    (odd / "e" / "bin" / "ai-server").chmod(0o755)
    at.keys().write_text("K_KEY=v\n1BAD=x\nBAD-NAME=x\nnoequals\n")
    at.settings().write_text("")
    at.launcher.write_text(environment.launcher(at, odd / "e"))
    done = subprocess.run(
        ["sh", str(at.launcher)], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == (f"v|{at.settings()}", "")


def test_a_wrong_key_name_is_refused() -> None:
    with pytest.raises(InstallError):
        keys.given(["$(x)=env"], {}, lambda: "")
