"""The service: a systemd unit or a launchd plist, and the commands that make the machine know it.

What a newcomer would get wrong: stdout goes nowhere, because on its first start AI Server prints two API keys there. Logs
go to stderr. And only the main process gets SIGTERM (`KillMode=mixed`): it stops its children in the right order.
"""

import os
import plistlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ops.install.files import Hand
from ops.install.places import InstallError, Machine, Places

USER = "ai-server"


@dataclass(frozen=True, kw_only=True)
class Service:
    """One service: the server, or the agent `agent`."""

    agent: str
    words: tuple[str, ...]
    env: dict[str, str]
    data: Path
    user: str = ""

    @property
    def name(self) -> str:
        return f"ai-server-agent-{self.agent}" if self.agent else "ai-server"


def service(places: Places, agent: str, system: bool) -> Service:
    launch = str(places.launcher)
    env = {"AI_SERVER_CONFIG": str(places.settings(agent)), "AI_SERVER_KEYS_FILE": str(places.keys(agent))}
    # Through sh: systemd refuses a program whose path has quotes or `$` in it, but takes any argument.
    words = ("/bin/sh", launch, "agent", agent) if agent else ("/bin/sh", launch, "up")
    return Service(agent=agent, words=words, env=env, data=places.data, user=USER if system else "")


def path_of(one: Service, places: Places, machine: Machine) -> Path:
    return places.units / f"{one.name}{'.plist' if machine.mac else '.service'}"


def text_of(one: Service, machine: Machine) -> str:
    return plist(one) if machine.mac else unit(one, machine.root)


def unit(one: Service, root: bool) -> str:
    lines = [
        "# Written by AI Server's install.sh; the next install writes it anew. Changes: systemctl edit.",
        "[Unit]",
        f"Description=AI Server{f', agent {one.agent}' if one.agent else ''}",
        "Wants=network-online.target",
        "After=network-online.target",
        "",
        "[Service]",
        "ExecStart=" + " ".join(quoted(word, "$") for word in one.words),
        *(f"Environment={quoted(f'{name}={value}')}" for name, value in one.env.items()),
        "StandardOutput=null",
        "StandardError=journal",
        "Restart=always",
        "RestartSec=5",
        "KillMode=mixed",
        "TimeoutStopSec=30",
        "LimitNOFILE=65536",
        "UMask=0077",
        "NoNewPrivileges=yes",
    ]
    if one.user:
        lines += [f"User={one.user}", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes"]
        lines += [f"ReadWritePaths={quoted(str(one.data))}"]
    lines += ["", "[Install]", f"WantedBy={'multi-user.target' if root else 'default.target'}", ""]
    return "\n".join(lines)


def quoted(word: str, also: str = "") -> str:
    """A word as systemd reads it: % begins a specifier, and in ExecStart $ a variable."""
    word = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    for letter in also:
        word = word.replace(letter, letter * 2)
    return f'"{word}"'


def plist(one: Service) -> str:
    keys = {
        "Label": one.name,
        "ProgramArguments": list(one.words),
        "EnvironmentVariables": one.env,
        "RunAtLoad": True,
        "KeepAlive": True,
        "ThrottleInterval": 5,
        "ExitTimeOut": 30,
        "Umask": 0o077,
        "StandardOutPath": "/dev/null",
        "StandardErrorPath": str(one.data / f"{one.name}.log"),
    }
    return plistlib.dumps(keys).decode()


def can_serve(machine: Machine, hand: Hand) -> bool:
    """Is there a service manager that listens to us?"""
    if machine.mac:
        return True
    asked = Hand(dry=False, loud=False)  # a question: a dry run may ask it too
    return asked.run([*_systemctl(machine), "show-environment"], quiet=True) == 0


def start(one: Service, places: Places, machine: Machine, hand: Hand) -> None:
    """Write it, make it known, and start it (again)."""
    path = path_of(one, places, machine)
    hand.write(path, text_of(one, machine), what="service")
    if machine.mac:
        hand.folder(one.data)
        hand.run(["launchctl", "bootout", f"{_domain(machine)}/{one.name}"], quiet=True)
        steps = [["launchctl", "bootstrap", _domain(machine), str(path)]]
    else:
        steps = [
            [*_systemctl(machine), *words] for words in (["daemon-reload"], ["enable", one.name], ["restart", one.name])
        ]
    for words in steps:
        if hand.run(words):
            raise InstallError(f"the service {one.name} could not be started: `{' '.join(words)}` failed")
    if not machine.mac and not machine.root and hand.run(["loginctl", "enable-linger"], quiet=True):
        hand.say("The service ends when you log out; an administrator changes that: loginctl enable-linger USER")


def stop(places: Places, machine: Machine, hand: Hand) -> None:
    """Stop and remove every service of ours."""
    for path in written(places, machine):
        if machine.mac:
            hand.run(["launchctl", "bootout", f"{_domain(machine)}/{path.stem}"], quiet=True)
        else:
            hand.run([*_systemctl(machine), "disable", "--now", path.stem], quiet=True)
        hand.remove(path)
    if not machine.mac and written(places, machine):
        hand.run([*_systemctl(machine), "daemon-reload"], quiet=True)


def written(places: Places, machine: Machine) -> list[Path]:
    """The descriptions that start our launcher, whatever they are called."""
    end = "plist" if machine.mac else "service"
    found = [places.units / f"ai-server.{end}", *sorted(places.units.glob(f"ai-server-agent-*.{end}"))]
    mark = str(places.launcher)
    mark = (
        plistlib.dumps([mark]).decode().split("<string>")[1].split("</string>")[0] if machine.mac else quoted(mark, "$")
    )
    return [path for path in found if path.is_file() and mark in path.read_text(encoding="utf-8")]


def own_user(places: Places, hand: Hand) -> None:
    """The user that the service runs as, and what it may read."""
    asked = Hand(dry=False, loud=False)
    if asked.run(["id", USER], quiet=True):
        shell = "/usr/sbin/nologin" if Path("/usr/sbin/nologin").exists() else "/bin/false"
        words = ["useradd", "--system", "--user-group", "--home-dir", str(places.data), "--shell", shell, USER]
        if hand.run(words):
            raise InstallError(f"the user {USER} could not be made")
    hand.folder(places.data, 0o700)


def give(paths: Sequence[Path], hand: Hand) -> None:
    for path in paths:
        if hand.run(["chown", f"{USER}:{USER}", str(path)]):
            raise InstallError(f"{path} could not be given to the user {USER}")


def manual(one: Service, machine: Machine) -> str:
    """How a person looks at the service."""
    if machine.mac:
        return f"launchctl print {_domain(machine)}/{one.name}"
    return f"{' '.join(_systemctl(machine))} status {one.name}"


def _systemctl(machine: Machine) -> list[str]:
    return ["systemctl"] if machine.root else ["systemctl", "--user"]


def _domain(machine: Machine) -> str:
    return "system" if machine.root else f"gui/{os.getuid()}"
