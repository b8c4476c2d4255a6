"""Writing so that nothing is ever half there: a new file beside the old one, then one rename.

What a newcomer would get wrong: in a dry run the same calls are made; only `Hand` knows whether they do anything.
"""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ops.install.places import InstallError


class Hand:
    """Does things, or (`dry`) says what it would do. `loud`: says each command too."""

    def __init__(self, dry: bool, loud: bool) -> None:
        self.dry, self.loud = dry, loud

    def say(self, text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def write(self, path: Path, content: str, mode: int = 0o644, what: str = "") -> None:
        """Replace `path` at once. `content` is never shown: it may hold secrets."""
        if self.would(f"write {path} ({what or 'file'}, {mode:04o})"):
            return
        self.folder(path.parent)
        new = path.with_name(f".{path.name}.{os.getpid()}")
        new.unlink(missing_ok=True)
        try:
            fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            new.chmod(mode)
            new.replace(path)
        except OSError as error:
            raise InstallError(f"{path} can't be written: {error.strerror}") from error
        finally:
            new.unlink(missing_ok=True)

    def folder(self, path: Path, mode: int = 0o755) -> None:
        if path.is_dir() or self.would(f"make the directory {path}"):
            return
        try:
            path.mkdir(parents=True, exist_ok=True, mode=mode)
        except OSError as error:
            raise InstallError(f"the directory {path} can't be made: {error.strerror}") from error

    def link(self, path: Path, target: Path) -> None:
        """Let `path` lead to `target`."""
        if leads_to(path, target) or self.would(f"link {path} to {target}"):
            return
        self.folder(path.parent)
        new = path.with_name(f".{path.name}.{os.getpid()}")
        new.unlink(missing_ok=True)
        new.symlink_to(target)
        new.replace(path)

    def remove(self, path: Path) -> None:
        if not os.path.lexists(path) or self.would(f"remove {path}"):
            return
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

    def run(self, words: Sequence[str], env: Mapping[str, str] | None = None, *, quiet: bool = False) -> int:
        """The exit code; 127 when there is no such command, 0 in a dry run."""
        if self.would("run " + shlex.join(words)):
            return 0
        if self.loud:
            self.say("+ " + shlex.join(words))
        sink = subprocess.DEVNULL if quiet and not self.loud else None
        try:
            return subprocess.run(
                words,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                check=False,
            ).returncode
        except OSError as error:
            if not quiet:
                self.say(f"{words[0]}: {error.strerror}")
            return 127

    def fails(self, words: Sequence[str]) -> str:
        """Why a command fails, in its own last words; empty when it does not, or in a dry run."""
        if self.would("run " + shlex.join(words)):
            return ""
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        return (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1] if done.returncode else ""

    def would(self, what: str) -> bool:
        if self.dry:
            self.say(f"would {what}")
        return self.dry


def leads_to(path: Path, target: Path) -> bool:
    return path.is_symlink() and os.readlink(path) == str(target)
