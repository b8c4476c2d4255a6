"""The command `ai-server`: one function a command, each a few lines over the rooms that do the work.

What a newcomer would get wrong: heavy imports stay inside the commands, so `--help` answers at once; and a failure is one
sentence on stderr with exit code 1 (2 for a wrong command line), never a trace.
"""

import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from ops import lean

if TYPE_CHECKING:
    from bus.connection import Bus, Link
    from ops.settings import Settings

app = App(
    name="ai-server",
    help="A self-hosted AI gateway on a NATS message bus. `ai-server up` starts everything.",
    version=lambda: f"ai-server {_version()}",
    version_flags=["--version"],
    result_action="return_value",
    help_format="plaintext",
)
keys = App(name="keys", help="API keys: who may ask. A key is shown once, when it is made.")
app.command(keys)
app.register_install_completion_command(help="Install completion for this shell (bash, zsh, fish).")


@Parameter(name="*")
@dataclass(frozen=True)
class Where:
    """Options that every command takes."""

    data: Annotated[Path | None, Parameter(help="Data directory [default: ~/.local/share/ai-server].")] = None
    config: Annotated[Path | None, Parameter(help="Settings file [default: ./ai-server.toml, if it exists].")] = None


HERE = Where()
Host = Annotated[str | None, Parameter(help="Address to listen on [default: 127.0.0.1].")]
Port = Annotated[int | None, Parameter(help="Port to listen on; 0: any free one [default: 8080].")]


# ---- roles ----------------------------------------------------------------------------------------------------------


@app.command(sort_key=0)
def up(
    *,
    host: Host = None,
    port: Port = None,
    demo: Annotated[str, Parameter(help="Ask this first question once a model is there.", show_default=False)] = "",
    once: Annotated[bool, Parameter(help="Stop after the answer.", negative=())] = False,
    where: Where = HERE,
) -> int:
    """Start everything on this machine: NATS, gateway, agents, archiver."""
    settings = _settings(where, host=host, port=port)
    from ops.up import main as run_up

    return run_up(settings, demo, once)


@app.command
def gateway(*, host: Host = None, port: Port = None, where: Where = HERE) -> int:
    """Run one HTTP gateway on the bus of NATS_URL."""
    return _role("gateway", _settings(where, host=host, port=port))


@app.command
def agent(*names: str, where: Where = HERE) -> int:
    """Run one agent process that serves the providers NAMES (`callbacks` delivers web callbacks)."""
    if not names:
        raise SystemExit(_fail("which provider? `ai-server agent NAME...`; `ai-server status` lists them", 2))
    return _role("agent", _settings(where), names)


@app.command
def archiver(*, where: Where = HERE) -> int:
    """Run the one process that writes the archive."""
    return _role("archiver", _settings(where))


# ---- keys -----------------------------------------------------------------------------------------------------------


@keys.command(name="create")
def create_key(
    name: str,
    *,
    admin: Annotated[bool, Parameter(help="May administer, not only ask.", negative=())] = False,
    days: Annotated[float, Parameter(help="Valid for so many days; 0: until revoked.")] = 0,
    where: Where = HERE,
) -> int:
    """Make a key and print it. Nobody can show it again."""
    from ops import errands

    return _talk(where, lambda bus, _: errands.create_key(bus, name, admin, days))


@keys.command(name="list")
def list_keys(*, where: Where = HERE) -> int:
    """List the keys: id, name, first characters, state."""
    from ops import errands

    return _talk(where, lambda bus, _: errands.list_keys(bus))


@keys.command(name="revoke")
def revoke_key(key: str, *, where: Where = HERE) -> int:
    """Revoke KEY (its id, name, or the key itself); every process refuses it within a second."""
    from ops import errands

    return _talk(where, lambda bus, _: errands.revoke_key(bus, key))


@keys.command(name="signing")
def show_signing(*, where: Where = HERE) -> int:
    """Print the secret that callbacks are signed with; receivers verify with it."""
    from ops.house import signing_secret

    sys.stdout.write(signing_secret(_settings(where).data) + "\n")
    return 0


# ---- questions ------------------------------------------------------------------------------------------------------


@app.command
def chat(
    text: str,
    *,
    model: Annotated[str, Parameter(help="Model [default: the first that is served].", show_default=False)] = "",
    key: Annotated[str, Parameter(help="API key [default: one made for this question].", env_var="AI_SERVER_KEY")] = "",
    url: Annotated[str, Parameter(help="Server [default: the one running here].", env_var="AI_SERVER_URL")] = "",
    where: Where = HERE,
) -> int:
    """Ask a running server and print the answer as it comes."""
    from ops import errands

    settings = _settings(where)
    url = url or errands.running_url(settings)
    if not key:
        key = _ask_bus(settings, lambda bus, _: errands.lend_key(bus, "chat"))
    errands.tell(url, key, text, model)
    return 0


@app.command
def sql(
    query: Annotated[str, Parameter(help="One SELECT, in DuckDB's SQL.", show_default=False)] = "",
    *,
    schema: Annotated[bool, Parameter(help="Describe the tables and their columns.", negative=())] = False,
    format: Annotated[Literal["table", "csv", "json", "parquet"], Parameter(help="How to print.")] = "table",  # noqa: A002
    limit: Annotated[int, Parameter(help="Print at most so many rows.")] = 10_000,
    output: Annotated[Path | None, Parameter(help="Write everything to this file instead.", alias="-o")] = None,
    where: Where = HERE,
) -> int:
    """Query the archive of all requests, written and not yet written alike."""
    from ops import report

    settings = _settings(where)
    if schema:
        return report.schema()
    if not query:
        raise SystemExit(_fail('what shall be asked? ai-server sql "select ..." (--schema lists the columns)', 2))
    return report.sql(settings, _link(settings), query, format, limit, output)


@app.command
def status(*, where: Where = HERE) -> int:
    """Show providers and queues as they are now."""
    from ops import errands

    return _talk(where, errands.status)


@app.command
def models(*, where: Where = HERE) -> int:
    """List the models that are served now, and by whom."""
    from ops import errands

    return _talk(where, lambda bus, _: errands.models(bus))


@app.command(name="version")
def show_version() -> int:
    """Print the version."""
    sys.stdout.write(f"ai-server {_version()}\n")
    return 0


# ---- what they share ------------------------------------------------------------------------------------------------


def _settings(where: Where, **flags: Any) -> "Settings":
    from ops.settings import load

    return load(where.config, {"data": str(where.data) if where.data else None, **flags})


def _link(settings: "Settings") -> "Link | None":
    """The bus: NATS_URL if it is set, else the running server of this data directory; None when there is neither."""
    if settings.nats_url:
        from ops.run import link_of

        return link_of(settings.nats_url)
    from ops.embedded import find

    return find(settings.data)


def _need_link(settings: "Settings") -> "Link":
    from schemas.problem import Code, Problem

    link = _link(settings)
    if link is None:
        raise Problem(
            Code.UNAVAILABLE,
            f"no AI Server runs on {settings.data}; start it with `ai-server up`, "
            "name its directory with --data, or set NATS_URL",
        )
    return link


def _role(role: str, settings: "Settings", names: tuple[str, ...] = ()) -> int:
    from ops import run

    return run.start(role, settings, _need_link(settings), names)


def _talk(where: Where, work: "Callable[[Bus, Settings], Coroutine[Any, Any, int]]") -> int:
    code: int = _ask_bus(_settings(where), work)
    return code


def _ask_bus(settings: "Settings", work: "Callable[[Bus, Settings], Coroutine[Any, Any, Any]]") -> Any:
    import asyncio

    from bus.connection import open_bus
    from ops import logs

    logs.setup("error")

    async def main() -> Any:
        async with open_bus(_need_link(settings), "cli", timeout=3) as bus:
            return await work(bus, settings)

    return asyncio.run(main())


def _version() -> str:
    from importlib.metadata import version

    return version("ai-server")


def _fail(sentence: str, code: int = 1) -> int:
    sys.stderr.write(f"ai-server: {sentence}\n")
    return code


def main() -> None:
    """The entry point: what goes wrong becomes a sentence and an exit code."""
    if sys.argv[1:2] != ["agent"]:  # no other command calls providers
        lean.leave_out("aiohttp")
    from schemas.problem import Problem

    try:
        code = app()
    except Problem as problem:
        code = _fail(str(problem))
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:  # `ai-server sql … | head`
        sys.stderr.close()
        code = 0
    except Exception as error:
        if type(error).__name__ not in ("BadSettingsError", "TalkError"):
            raise
        code = _fail(str(error))
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
