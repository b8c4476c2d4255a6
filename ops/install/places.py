"""What is wanted and where everything goes: the command line and the machine, turned into values once.

What a newcomer would get wrong: this package runs with the system's Python before anything is installed, so it imports
the standard library and itself alone.
"""

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path


class InstallError(Exception):
    """It can't be done. The message is a sentence for a person that names the way out."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What the installer knows of this machine; a test gives another one."""

    env: dict[str, str]
    home: Path
    root: bool
    platform: str

    @staticmethod
    def this() -> "Machine":
        home = Path(os.environ.get("HOME") or Path.home())
        return Machine(env=dict(os.environ), home=home, root=os.geteuid() == 0, platform=sys.platform)

    @property
    def mac(self) -> bool:
        return self.platform == "darwin"


@dataclass(frozen=True, kw_only=True)
class Places:
    """Every path that is written."""

    prefix: Path
    config: Path
    data: Path
    bin: Path
    units: Path

    @property
    def launcher(self) -> Path:
        return self.prefix / "ai-server"

    @property
    def link(self) -> Path:
        return self.bin / "ai-server"

    def settings(self, agent: str = "") -> Path:
        return self.config / (f"agent-{agent}.toml" if agent else "ai-server.toml")

    def keys(self, agent: str = "") -> Path:
        """NAME=value, one a line, taken as it is: no quotes, nothing is ever expanded."""
        return self.config / (f"agent-{agent}.env" if agent else "ai-server.env")


def places(wish: argparse.Namespace, machine: Machine) -> Places:
    data = machine.env.get("XDG_DATA_HOME") or str(machine.home / ".local" / "share")
    config = machine.env.get("XDG_CONFIG_HOME") or str(machine.home / ".config")
    if wish.system:
        near = (Path("/opt/ai-server"), Path("/etc/ai-server"), Path("/var/lib/ai-server"), Path("/usr/local/bin"))
    else:
        near = (
            Path(data) / "ai-server" / "venv",
            Path(config) / "ai-server",
            Path(data) / "ai-server",
            machine.home / ".local" / "bin",
        )
    given = (wish.prefix, wish.config, wish.data, wish.bin)
    chosen = [_whole(one) if one else two for one, two in zip(given, near, strict=True)]
    units = _whole(wish.units) if wish.units else _units(machine, Path(config))
    return Places(prefix=chosen[0], config=chosen[1], data=chosen[2], bin=chosen[3], units=units)


def _units(machine: Machine, config: Path) -> Path:
    """Where the service manager looks: the machine's for root, the user's for anybody else."""
    if machine.mac:
        return Path("/Library/LaunchDaemons") if machine.root else machine.home / "Library" / "LaunchAgents"
    return Path("/etc/systemd/system") if machine.root else config / "systemd" / "user"


def _whole(text: str) -> Path:
    path = Path(text).expanduser().absolute()
    if any(ord(letter) < 32 for letter in str(path)):
        raise InstallError("a path with control characters can't be used")
    return path


def read_wish(arguments: list[str], checkout: Path) -> argparse.Namespace:
    """The command line. Exits with 2 and a sentence when it is wrong."""
    parser = argparse.ArgumentParser(
        prog="install.sh",
        description="Install AI Server for this user, or upgrade it. Run again at will: settings and keys are kept.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        argument_default=argparse.SUPPRESS,
    )
    _about_what(parser, checkout)
    _about_where(parser)
    _about_agents(parser)
    how = parser.add_argument_group("how")
    how.add_argument("--yes", "-y", action="store_true", default=False, help="ask nothing: keys found are used")
    how.add_argument("--dry-run", action="store_true", default=False, help="print what would be done, change nothing")
    how.add_argument("--uninstall", action="store_true", default=False, help="remove it; data, settings and keys stay")
    how.add_argument("-v", "--verbose", action="store_true", default=False, help="show each command")
    wish = parser.parse_args(arguments)
    _checked(parser, wish)
    return wish


def _about_what(parser: argparse.ArgumentParser, checkout: Path) -> None:
    what = parser.add_argument_group("what")
    what.add_argument("--from", dest="source", metavar="X", default=str(checkout), help="checkout, wheel or package")
    what.add_argument(
        "--local", action="store_true", default=False, help="also a small model that needs no key (550 MB in all)"
    )
    what.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="NAME=WHERE",
        help="a provider's key: OPENAI=env (of this environment), OPENAI=file:PATH, OPENAI=- (a line of stdin)",
    )
    what.add_argument("--no-keys", action="store_true", default=False, help="use no key of this environment")
    what.add_argument(
        "--service", action=argparse.BooleanOptionalAction, default=None, help="start it with the machine"
    )
    what.add_argument("--port", type=int, default=8080, help="port of the gateway, written into new settings")


def _about_where(parser: argparse.ArgumentParser) -> None:
    where = parser.add_argument_group("where")
    where.add_argument(
        "--system", action="store_true", default=False, help="/opt, /etc, /var/lib and a user of its own"
    )
    for name, help_text in (
        ("prefix", "the environment it is installed into"),
        ("config", "the directory of settings and keys"),
        ("data", "the data directory, written into new settings"),
        ("bin", "where the command is linked"),
        ("units", "where the service is described"),
    ):
        where.add_argument(f"--{name}", default="", metavar="DIR", help=help_text)


def _about_agents(parser: argparse.ArgumentParser) -> None:
    agents = parser.add_argument_group("an agent for a server elsewhere, instead of a server")
    agents.add_argument("--agent", default="", metavar="NAME", help="serve this provider: ollama, comfyui, or a name")
    agents.add_argument("--nats", default="", metavar="URL", help="the server's NATS: nats://host:4222")
    agents.add_argument(
        "--token", default="", help="what `ai-server keys agents` prints there; - reads a line of stdin"
    )
    agents.add_argument("--url", default="", help="where the provider answers")
    agents.add_argument("--kind", default="", help="its dialect, if NAME does not say")
    agents.add_argument("--slots", type=int, default=0, help="calls at a time (0: as the provider's kind)")


def _checked(parser: argparse.ArgumentParser, wish: argparse.Namespace) -> None:
    if not 0 <= wish.port <= 65535:
        parser.error("--port must be from 0 to 65535")
    if wish.agent and not (wish.nats or wish.uninstall):
        parser.error("--agent needs --nats URL: the address of the server's NATS")
    if not wish.agent and (wish.nats or wish.token or wish.url or wish.kind):
        parser.error("--nats, --token, --url and --kind belong to --agent NAME")
    if wish.slots < 0:
        parser.error("--slots must not be negative")
