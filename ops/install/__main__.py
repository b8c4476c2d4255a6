"""The installer behind install.sh: ask, then do, then say how to go on.

What a newcomer would get wrong: all questions come before the first change, so who breaks off has changed nothing; and
the switch to a new version is one rename, made when the new version has run once.
"""

import getpass
import json
import os
import re
import signal
import sys
import time
import tomllib
import urllib.error
import urllib.request
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from ops.install import environment, keys, services
from ops.install.files import Hand, leads_to
from ops.install.places import InstallError, Machine, places, read_wish

CHECKOUT = Path(__file__).resolve().parents[2]
UP_SECONDS = 30.0


def main(arguments: list[str]) -> int:
    """The exit code: 0, 1 with a sentence on stderr, 2 for a wrong command line, 130 when broken off."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _break_off)
    os.environ.pop("PYTHONPATH", None)  # install.sh's way to find this package; what is installed must find its own
    machine = Machine.this()
    wish = read_wish(arguments, CHECKOUT)
    try:
        Install(wish, machine).run()
    except InstallError as error:
        sys.stderr.write(f"install: {error}\n")
        return 1
    except (KeyboardInterrupt, EOFError):
        sys.stderr.write("\ninstall: broken off; nothing is half done, run it again at any time\n")
        return 130
    except OSError as error:
        sys.stderr.write(f"install: {error.filename or ''}: {error.strerror}\n")
        return 1
    return 0


class Install:
    """One run: what is wanted, where, and on which machine."""

    def __init__(self, wish: Namespace, machine: Machine) -> None:
        self.wish, self.machine = wish, machine
        self.hand = Hand(wish.dry_run, wish.verbose)
        if wish.system and (machine.mac or not machine.root):
            raise InstallError("--system is for root on Linux: run it with sudo, or leave it out")
        self.places = places(wish, machine)
        self.own: dict[str, str] = {}
        """An agent's provider may want a key of its own."""
        self.asks = not wish.yes and not wish.uninstall

    def run(self) -> None:
        if self.wish.uninstall:
            return self._uninstall()
        if self.asks and not sys.stdin.isatty():
            raise InstallError("there is no terminal to ask questions on; with --yes none are asked")
        link = self.places.link
        if link.exists() and not leads_to(link, self.places.launcher):
            raise InstallError(f"{link} is there and is not ours: remove it, or choose another directory with --bin")
        self._what()
        chosen = self._keys()
        serve = self._service()
        with environment.claimed(self.places.prefix, self.hand):
            self.hand.say(f"Installing AI Server into {self.places.prefix} ...")
            with environment.built(self.wish, self.places, self.hand, CHECKOUT) as new, undisturbed():
                self._write(chosen)
                self.hand.write(self.places.launcher, environment.launcher(self.places, new), 0o755, "launcher")
                self.hand.link(self.places.link, self.places.launcher)
            running = self._start() if serve else False
            environment.sweep(self.places, new, self.hand)
        self._tell(running)
        return None

    # ---- ask ------------------------------------------------------------------------------------------------------

    def _what(self) -> None:
        """A server, or an agent for one elsewhere."""
        wish = self.wish
        if self.asks and not wish.agent and not self.places.settings().exists():
            self.hand.say("What shall this machine be?\n  1  an AI Server\n  2  an agent (a GPU box) for one elsewhere")
            if input("Which? [1] ").strip() == "2":
                wish.agent = input("Provider to serve (ollama, comfyui, or a name): ").strip() or "ollama"
                wish.nats = input("NATS of the server (nats://host:4222): ").strip()
                wish.token = getpass.getpass("Token (`ai-server keys agents` prints it there): ")
        if not wish.agent:
            return
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", wish.agent):
            raise InstallError("an agent's name is a-z, 0-9, - and _ (it names a queue on the bus)")
        if not re.match(r"(nats|tls|wss?)://[^/\s]", wish.nats) or not wish.nats.isprintable():
            raise InstallError("--nats must be an address like nats://10.0.0.10:4222")
        wish.token = (sys.stdin.readline() if wish.token == "-" else wish.token).strip()
        wish.token = wish.token or self.machine.env.get("AI_SERVER_AGENT_TOKEN", "").strip()

    def _keys(self) -> dict[str, str]:
        """What goes into the keys file now: what is there already stays, unless it is named anew."""
        if self.wish.agent:
            told = {"NATS_URL": self.wish.nats} | (
                {"AI_SERVER_AGENT_TOKEN": self.wish.token} if self.wish.token else {}
            )
            self.own = keys.given(self.wish.key, self.machine.env, sys.stdin.readline)
            return {name: keys.checked(name, value) for name, value in told.items()} | self.own
        stored = keys.read(self.places.keys())
        chosen = keys.given(self.wish.key, self.machine.env, sys.stdin.readline)
        if self.asks:
            chosen |= keys.ask({**stored, **chosen}, self.machine.env)
            if not (stored or chosen or self.wish.local):
                self.wish.local = keys.yes("No key: install a small model to try it with (550 MB in all)?")
        elif not self.wish.no_keys:
            found = keys.in_environment(self.machine.env)
            chosen |= {n: keys.checked(n, value) for n, value in found.items() if n not in stored and n not in chosen}
        return chosen

    def _service(self) -> bool:
        wanted = self.wish.service
        if wanted is False:
            return False
        if not services.can_serve(self.machine, self.hand):
            if wanted:
                raise InstallError("no service manager answers here (systemd, launchd): leave --service out")
            return False
        return bool(wanted or not self.asks or keys.yes("Start it with this machine, as a service?"))

    # ---- do -------------------------------------------------------------------------------------------------------

    def _write(self, chosen: dict[str, str]) -> None:
        """Settings that are there are kept; of the keys, those that are not named anew."""
        at, agent = self.places, self.wish.agent
        self.hand.folder(at.config, 0o700)
        if at.settings(agent).exists():
            self.hand.say(f"Kept {at.settings(agent)} as it is.")
        else:
            self.hand.write(at.settings(agent), self._settings(), 0o600, "settings")
        stored = keys.read(at.keys(agent))
        if chosen or not at.keys(agent).exists():
            self.hand.write(at.keys(agent), keys.text({**stored, **chosen}), 0o600, "keys: " + _names(chosen))
        if self.wish.system:
            services.own_user(at, self.hand)
            services.give([at.config, at.data, at.settings(agent), at.keys(agent)], self.hand)

    def _settings(self) -> str:
        wish, text = self.wish, json.dumps
        lines = [
            "# Settings of AI Server; docs/reference/settings.md lists them all. Keys are in the .env file beside it."
        ]
        if not wish.agent:
            return "\n".join([*lines, f"data = {text(str(self.places.data))}", f"port = {wish.port}", ""])
        if wish.url or wish.kind:
            kind = wish.kind or (wish.agent if wish.agent in ("ollama", "comfyui") else "openai")
            lines += [f"[providers.{wish.agent}]", f"kind = {text(kind)}"]
            lines += [f"base_url = {text(wish.url)}"] if wish.url else []
            lines += [f"slots = {wish.slots}"] if wish.slots else []
            lines += [f'key = "env:{name}"' for name in list(self.own)[:1]]
        return "\n".join([*lines, ""])

    def _start(self) -> bool:
        services.start(self._described(), self.places, self.machine, self.hand)
        return True

    def _described(self) -> services.Service:
        return services.service(self.places, self.wish.agent, self.wish.system)

    def _uninstall(self) -> None:
        at, hand = self.places, self.hand
        if not at.launcher.exists():
            raise InstallError(f"there is no AI Server in {at.prefix}; --prefix names another place")
        with environment.claimed(at.prefix, hand):
            services.stop(at, self.machine, hand)
            if at.link.is_symlink() and Path(at.link.readlink()) == at.launcher:
                hand.remove(at.link)
            hand.remove(at.prefix)
        hand.say("AI Server is uninstalled. These are yours and were left alone:")
        for path in (at.config, at.data):
            hand.say(f"  {path}")

    # ---- tell -----------------------------------------------------------------------------------------------------

    def _tell(self, running: bool) -> None:
        if self.hand.dry:
            return self.hand.say("Nothing was changed.")
        at, say = self.places, self.hand.say
        say(f"\nAI Server is installed.\n\n  Command    {at.link}")
        say(f"  Settings   {at.settings(self.wish.agent)}\n  Keys       {at.keys(self.wish.agent)}")
        say(f"             ({_names(keys.read(at.keys(self.wish.agent)))})")
        if str(at.bin) not in self.machine.env.get("PATH", "").split(":"):
            say(f'\nIts directory is not in your PATH yet:\n  export PATH="{at.bin}:$PATH"')
        if running:
            say(f"\nThe service runs; look at it with:\n  {services.manual(self._described(), self.machine)}")
        return self._tell_agent(running) if self.wish.agent else self._tell_server(running)

    def _tell_agent(self, running: bool) -> None:
        at, agent = self.places, self.wish.agent
        if not running:
            env = f"AI_SERVER_CONFIG={at.settings(agent)} AI_SERVER_KEYS_FILE={at.keys(agent)}"
            self.hand.say(f"\nStart it:\n  {env} ai-server agent {agent}")
        self.hand.say(f"\nSee it at the server:\n  ai-server status\n\nIt joins {self.wish.nats.rpartition('@')[2]}.")

    def _tell_server(self, running: bool) -> None:
        settings = _read(self.places.settings())
        url = f"http://127.0.0.1:{settings.get('port', 8080)}"
        if running and not _answers(url):
            self.hand.say(f"\nIt does not answer at {url} yet; the service's log has the reason.")
        model = "smollm2" if self.wish.local else "MODEL"
        self.hand.say("\nAsk it:" if running else "\nStart it:\n  ai-server up\n\nAsk it, in another terminal:")
        self.hand.say(
            "  export AI_SERVER_KEY=$(ai-server keys create me)\n"
            f"  curl {url}/v1/chat/completions \\\n"
            '    -H "Authorization: Bearer $AI_SERVER_KEY" -H "Content-Type: application/json" \\\n'
            f'    -d \'{{"model": "{model}", "messages": [{{"role": "user", "content": "Say hello."}}]}}\''
        )
        if not self.wish.local:
            self.hand.say("\n`ai-server models` lists what MODEL can be.")
        self.hand.say(f"\n{url}")


def _names(chosen: dict[str, str]) -> str:
    return ", ".join(sorted(chosen)) or "none"


def _read(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        return tomllib.loads(path.read_text(encoding="utf-8"))
    return {}


def _answers(url: str) -> bool:
    until = time.monotonic() + UP_SECONDS
    while time.monotonic() < until:
        with suppress(OSError, urllib.error.URLError), urllib.request.urlopen(f"{url}/up", timeout=2) as answer:
            return bool(answer.status == 200)
        time.sleep(0.3)
    return False


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ctrl-C waits until the block is done: it takes milliseconds, and half of it would be worse than all or nothing."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _break_off(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
