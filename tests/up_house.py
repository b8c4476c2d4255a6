"""`ai-server up` as a person starts it: a process of its own, on a data directory and a port of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
CLI = [sys.executable, "-m", "ops.cli"]


def clean_env(**more: str) -> dict[str, str]:
    """Nothing of this machine's providers, bus or settings."""
    ours = ("AI_SERVER_", "NATS_URL", "XDG_DATA_HOME")
    kept = {
        n: v for n, v in os.environ.items() if not n.startswith(ours) and not n.endswith(("_API_KEY", "_API_TOKEN"))
    }
    return {**kept, "AI_SERVER_DETECT": "0", "AI_SERVER_TRANSFORMS": "0", "PYTHONPATH": str(ROOT), **more}


def cli(
    *words: str, data: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """One command, to its end."""
    place = ["--data", str(data)] if data else []
    return subprocess.run(
        [*CLI, *words, *place],
        env={**clean_env(), **(env or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def until(true: Callable[[], Any], seconds: float = 20.0, what: str = "") -> Any:
    """What `true` gives once it is true."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, f"waited {seconds} s for {what or true}"
        time.sleep(0.03)
    return found


class Up:
    """A running `ai-server up`. `text` is what it told the person, `url` and `keys` are taken from it."""

    def __init__(self, folder: Path, *words: str, env: Mapping[str, str] | None = None) -> None:
        self.folder, self.data = folder, folder / "data"
        self.log, self.out = folder / "up.err", folder / "up.out"
        folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as errors, self.out.open("wb") as out:
            self.process = subprocess.Popen(
                [*CLI, "up", "--data", str(self.data), "--port", "0", *words],
                env={**clean_env(), **(env or {})},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                start_new_session=True,
            )
        try:
            until(lambda: "Try it:" in self.text or self.process.poll() is not None, 30, "the welcome")
        except AssertionError:
            self.stop()
            raise
        assert "Try it:" in self.text, self.text + self.log.read_text()

    @property
    def text(self) -> str:
        return self.out.read_text()

    @property
    def url(self) -> str:
        return next(line.split()[-1] for line in self.text.splitlines() if " is up: " in line)

    @property
    def keys(self) -> dict[str, str]:
        pairs = (line.split() for line in self.text.splitlines())
        return {pair[0]: pair[1] for pair in pairs if len(pair) == 2 and pair[1].startswith("ais-")}

    def children(self) -> dict[str, int]:
        """Role -> pid, as the system sees them."""
        return children_of(self.process.pid)

    def stop(self, number: int = signal.SIGTERM, seconds: float = 15.0) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            for pid in [*self.children().values(), self.process.pid]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            raise


def children_of(parent: int) -> dict[str, int]:
    found = {}
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(parent)], capture_output=True, text=True, check=False
    ).stdout
    for line in listed.splitlines():
        pid, *words = line.split()
        if "ops.run" in words:
            found[" ".join(words[words.index("ops.run") + 1 :][:2]).replace(" --fd", "")] = int(pid)
        elif words[0].endswith("nats-server"):
            found["nats"] = int(pid)
    return found


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@contextmanager
def fake_provider(*words: str) -> Iterator[str]:
    """The fake provider as a program; gives its base URL."""
    with subprocess.Popen(
        [sys.executable, str(ROOT / "tests" / "fake_provider.py"), "--port", "0", *words],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.kill()


@contextmanager
def house(
    folder: Path, *words: str, provider: str = "", settings: str = "", env: Mapping[str, str] | None = None
) -> Iterator[Up]:
    """A running house with one provider `fake` at `provider`, stopped at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    text = f'durability = "process"\n{settings}\n'
    if provider:
        text += f'[providers.fake]\nbase_url = "{provider}"\nmodels = ["m"]\ndiscover = false\n'
    (folder / "ai-server.toml").write_text(text)
    up = Up(folder, *words, env=env)
    try:
        yield up
    finally:
        up.stop()
