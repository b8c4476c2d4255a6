"""Providers' keys: found in the environment, asked for without showing them, kept in one file for the owner's eyes.

What a newcomer would get wrong: the file is data, not shell. `NAME=value`, one a line, the value as it is; whoever reads
it (the launcher) never evaluates it. So a key may hold quotes and `$`, but no line break.
"""

import getpass
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from ops.install.places import InstallError


class Hosted(NamedTuple):
    name: str
    variables: tuple[str, ...]
    title: str


# The same variables as in ops/detect.py, which finds them at the start; a test holds the two together.
HOSTED = (
    Hosted("openai", ("OPENAI_API_KEY",), "OpenAI"),
    Hosted("anthropic", ("ANTHROPIC_API_KEY",), "Anthropic"),
    Hosted("gemini", ("GEMINI_API_KEY", "GOOGLE_API_KEY"), "Google Gemini"),
    Hosted("groq", ("GROQ_API_KEY",), "Groq"),
    Hosted("mistral", ("MISTRAL_API_KEY",), "Mistral"),
    Hosted("openrouter", ("OPENROUTER_API_KEY",), "OpenRouter"),
    Hosted("replicate", ("REPLICATE_API_TOKEN", "REPLICATE_API_KEY"), "Replicate"),
)
HEAD = "# Keys for AI Server: NAME=value, one a line, taken as it is (no quotes). Keep this file to yourself.\n"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read(path: Path) -> dict[str, str]:
    """What the file holds; nothing if there is none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise InstallError(f"{path} can't be read: {type(error).__name__}") from error
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name: value for name, _, value in pairs if _NAME.fullmatch(name)}


def text(keys: Mapping[str, str]) -> str:
    return HEAD + "".join(f"{name}={value}\n" for name, value in keys.items())


def checked(name: str, value: str) -> str:
    """A key that can be kept. Raises InstallError, without showing it, when it can't."""
    value = value.strip()
    if not value:
        raise InstallError(f"the key for {name} is empty")
    if not value.isprintable():
        raise InstallError(f"the key for {name} holds a line break or another control character: copy it again")
    return value


def variable(name: str) -> str:
    """`OPENAI`, `openai` or `OPENAI_API_KEY`: the variable that is meant."""
    for hosted in HOSTED:
        if name.lower() == hosted.name or name in hosted.variables:
            return name if name in hosted.variables else hosted.variables[0]
    whole = name if name.upper().endswith(("_KEY", "_TOKEN")) else f"{name.upper()}_API_KEY"
    if not _NAME.fullmatch(whole):
        raise InstallError("--key takes NAME=WHERE, and NAME is letters, digits and _")
    return whole


def given(words: list[str], env: Mapping[str, str], line: Callable[[], str]) -> dict[str, str]:
    """The keys that `--key` names. A key itself has no place on a command line: everybody can see it there."""
    found = {}
    for number, word in enumerate(words, 1):
        name, _, where = word.partition("=")
        target = variable(name)
        if where == "env":
            value = next((env[one] for one in _same(target) if env.get(one, "").strip()), "")
        elif where.startswith("file:"):
            value = _file(Path(where.removeprefix("file:")).expanduser())
        elif where == "-":
            value = line()
        else:
            raise InstallError(
                f"--key number {number}: say where the key for {target} is: =env, =file:PATH or =- (stdin). "
                "A key on the command line could be seen by everybody on this machine."
            )
        found[target] = checked(target, value)
    return found


def _same(target: str) -> tuple[str, ...]:
    return next((one.variables for one in HOSTED if target in one.variables), (target,))


def _file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InstallError(f"the key file {path} can't be read") from error


def in_environment(env: Mapping[str, str]) -> dict[str, str]:
    """Variable -> key of every provider that the environment has one of."""
    found = {}
    for hosted in HOSTED:
        name = next((one for one in hosted.variables if env.get(one, "").strip()), "")
        if name:
            found[name] = env[name]
    return found


def ask(stored: Mapping[str, str], env: Mapping[str, str]) -> dict[str, str]:
    """What a person chooses: each key of the environment, then any other."""
    chosen = {}
    for name, value in in_environment(env).items():
        if name not in stored and yes(f"Use {name} of this environment?"):
            chosen[name] = checked(name, value)
    while missing := [one for one in HOSTED if not any(n in stored or n in chosen for n in one.variables)]:
        sys.stdout.write("\nAdd a provider's key (it is not shown while you type):\n")
        for number, one in enumerate(missing, 1):
            sys.stdout.write(f"  {number}  {one.title}\n")
        sys.stdout.write("  Enter alone: that's all\n")
        answer = input("Which? ").strip()
        if not answer:
            break
        if not (answer.isdecimal() and 1 <= int(answer) <= len(missing)):
            sys.stdout.write("A number of the list, please.\n")
            continue
        one = missing[int(answer) - 1]
        try:
            chosen[one.variables[0]] = checked(one.title, getpass.getpass(f"{one.title} key: "))
        except InstallError as error:
            sys.stdout.write(f"{error}\n")
    return chosen


def yes(question: str, default: bool = True) -> bool:
    while True:
        answer = input(f"{question} [{'Y/n' if default else 'y/N'}] ").strip().lower()
        if answer in ("", "y", "yes", "n", "no"):
            return default if not answer else answer.startswith("y")
