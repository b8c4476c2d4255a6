"""From a fresh clone to a running AI Server: needs Python 3.11 or newer and pip, and nothing else.

    python3 ops/bootstrap.py try      install, start with a small real model, ask it a first question
    python3 ops/bootstrap.py test     install the development tools too and run the tests
    python3 ops/bootstrap.py setup    only install

Needs no root and touches nothing outside this directory but uv's cache: uv goes to `.tools`, the packages to `.venv`.
What a newcomer would get wrong: only the standard library may be imported here, in words that an old Python can read,
so that it gets a sentence and not a syntax error.
"""

import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOOLS = os.path.join(ROOT, ".tools")
VENV = os.path.join(ROOT, ".venv")
OLDEST = (3, 11)
QUESTION = "In one short sentence: what is the sea?"


def main(arguments: "list[str]") -> int:
    if sys.version_info < OLDEST:
        return fail("AI Server needs Python 3.11 or newer; this is {}.{}.".format(*sys.version_info[:2]))
    verb, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if verb in ("", "-h", "--help"):
        say(__doc__ or "")
        return 0
    if verb not in ("try", "test", "setup"):
        return fail(f"there is no `{verb}`: it is one of try, test, setup")
    browser = fetch_browser() if verb == "test" else None
    problem = install(dev=verb != "try")
    if browser is not None and browser.wait():
        say("There is no chromium to be had here: the tests of the web UI in a browser are skipped.")
    if problem:
        return fail(problem)
    if verb == "try":
        return run([os.path.join(scripts(), "ai-server"), "up", "--demo", QUESTION, *rest])
    if verb == "test":
        return run([os.path.join(scripts(), "python"), "-m", "pytest", "-n", "3", "--dist", "loadfile", *rest])
    say("\nInstalled. `make` lists what can be done now; `make run` starts AI Server.")
    return 0


def install(dev: bool) -> str:
    """uv, then everything uv.lock names. Returns what went wrong, in a sentence, or an empty string."""
    uv, problem = find_uv()
    if problem:
        return problem
    say("Installing AI Server and a small real language model (about 550 MB on disk, once) ...")
    command = [uv, "sync", "--frozen", "--extra", "local", "--python", sys.executable]
    command += ["--extra", "speech"] if dev else ["--no-dev"]  # the tests speak and listen
    places = {"UV_PROJECT_ENVIRONMENT": VENV, "UV_LINK_MODE": os.environ.get("UV_LINK_MODE", "copy")}
    if run(command, places) == 0:
        return ""
    # The second try trusts the system's certificates, as pip does: a company's proxy may have its own. So must whatever comes
    # behind it, for the tests run uv too.
    os.environ.update(UV_SYSTEM_CERTS="1", UV_NATIVE_TLS="1")
    if run(command, places):
        return "uv could not install the packages; the reason stands above (no network? a proxy? a full disk?)"
    return ""


def fetch_browser() -> "subprocess.Popen[bytes] | None":
    """Where we may (root on Debian), bring the browser in which the tests look at the web UI, while the rest is installed."""
    if os.name == "nt" or os.geteuid() or not shutil.which("apt-get") or shutil.which("chromium"):
        return None
    say("Fetching chromium, for the tests of the web UI ...")
    words = "apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium"
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    none = subprocess.DEVNULL
    return subprocess.Popen(["sh", "-c", words], env=env, stdin=none, stdout=none, stderr=none)


def find_uv() -> "tuple[str, str]":
    """The uv of this machine, or one of our own in .tools. Returns its path and what went wrong."""
    own = os.path.join(TOOLS, "bin", "uv.exe" if os.name == "nt" else "uv")
    found = own if os.path.exists(own) else shutil.which("uv")
    if found and run([found, "--version"], quiet=True) == 0:
        return found, ""
    if run([sys.executable, "-m", "pip", "--version"], quiet=True):
        return "", f"{sys.executable} has no pip. On Debian and Ubuntu: apt-get install python3-pip"
    say("Installing uv into .tools ...")
    # `--target` works without root, without the venv module, and where the system's Python is managed (PEP 668).
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]
    if run([*pip, "--target", TOOLS, "uv>=0.8"], {"PIP_BREAK_SYSTEM_PACKAGES": "1", "PIP_USER": "0"}):
        return "", "pip could not install uv; the reason stands above (no network? a proxy?)"
    return (own, "") if os.path.exists(own) else ("", f"pip installed uv, but there is no {own}")


def scripts() -> str:
    return os.path.join(VENV, "Scripts" if os.name == "nt" else "bin")


def run(command: "list[str]", environment: "dict[str, str] | None" = None, quiet: bool = False) -> int:
    """Run to the end and return the exit code. A Ctrl-C belongs to the command: we only wait for it."""
    env = {**os.environ, **(environment or {})}
    env.pop("VIRTUAL_ENV", None)  # of another project; uv would warn about it
    sink = subprocess.DEVNULL if quiet else None
    try:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=sink, stderr=sink)
    except OSError as error:
        if not quiet:
            say(f"{command[0]}: {error.strerror}")
        return 127
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def fail(reason: str) -> int:
    sys.stderr.write(f"bootstrap: {reason}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
