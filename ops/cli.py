"""The command `ai-server`: one function a command, each a few lines over the rooms that do the work.

What a newcomer would get wrong: heavy imports stay inside the commands, so `--help` answers at once; and a failure is one
sentence on stderr with exit code 1 (2 for a wrong command line), never a trace.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from ops import lean
from ops.commands.archive import archive
from ops.commands.common import HERE, HERE_ALONE, Box, Where, ask_bus, fail, link_of, need_link, settings_of, talk
from ops.commands.jobs import jobs
from ops.commands.keys import keys
from ops.commands.provider import provider
from ops.commands.queues import queues
from ops.commands.report import report
from ops.commands.route import route
from ops.commands.top import top

if TYPE_CHECKING:
    from ops.settings import Settings

app = App(
    name="ai-server",
    help="A self-hosted AI gateway on a NATS message bus. `ai-server up` starts everything.",
    version=lambda: f"ai-server {_version()}",
    version_flags=["--version"],
    result_action="return_value",
    help_format="plaintext",
)
app.command(archive)
app.command(provider)
app.command(keys)
app.command(jobs)
app.command(queues)
app.command(report)
app.command(route)
app.command(top)
app.register_install_completion_command(help="Install completion for this shell (bash, zsh, fish).")


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
    settings = settings_of(where, host=host, port=port)
    from ops.up import main as run_up

    return run_up(settings, demo, once)


@app.command
def gateway(*, host: Host = None, port: Port = None, where: Where = HERE) -> int:
    """Run one HTTP gateway on the bus of NATS_URL."""
    return _role("gateway", settings_of(where, host=host, port=port))


@app.command
def agent(
    *names: str,
    found: Annotated[bool, Parameter(help="Serve all that is found here, and callbacks.", negative=())] = False,
    box: Box = HERE_ALONE,
    where: Where = HERE,
) -> int:
    """Run one agent process that serves the providers NAMES (`callbacks` delivers web callbacks).

    Asked to stop (Ctrl-C, SIGTERM), it takes nothing new and finishes what it has; what is not done in time another agent
    gets. Asked again, it stops at once.
    """
    if not names and not found:
        raise SystemExit(fail("which provider? `ai-server agent NAME...`; `ai-server status` lists them", 2))
    from ops import joining, run

    settings = settings_of(where)
    if box.url:
        settings = joining.placed(settings, names, box.url, box.kind)
    address = box.nats or settings.nats_url
    link = joining.way(address, box.token) if address else need_link(settings)
    return run.start("agent", settings, link, joining.join(settings, link, names, found), drain=box.drain)


@app.command(name="nats")
def nats_alone(
    *,
    host: Annotated[str, Parameter(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, Parameter(help="Port to listen on; -1: any free one.")] = 4222,
    known_as: Annotated[str, Parameter(help="Name by which the other roles reach it.", show_default=False)] = "",
    token: Annotated[str, Parameter(help="The agents' token.", env_var="AI_SERVER_AGENT_TOKEN")] = "",
    where: Where = HERE,
) -> int:
    """Run NATS alone, for roles in containers or on other hosts."""
    from ops import standalone

    return standalone.start(settings_of(where), host, port, known_as, token)


@app.command
def archiver(*, where: Where = HERE) -> int:
    """Run the one process that writes the archive."""
    return _role("archiver", settings_of(where))


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

    settings = settings_of(where)
    url = url or errands.running_url(settings)
    if not key:
        key = ask_bus(settings, lambda bus, _: errands.lend_key(bus, "chat"))
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
    month: Annotated[str, Parameter(help="Only this month's rows, as 2026-11.", show_default=False)] = "",
    seconds: Annotated[float, Parameter(help="Give up after so long.")] = 600,
    where: Where = HERE,
) -> int:
    """Query the archive of all requests, written and not yet written alike."""
    from ops import report

    settings = settings_of(where)
    if schema:
        return report.schema()
    if not query:
        raise SystemExit(fail('what shall be asked? ai-server sql "select ..." (--schema lists the columns)', 2))
    return report.sql(settings, link_of(settings), report.Wish(query, format, limit, output, month, seconds))


@app.command
def status(*, where: Where = HERE) -> int:
    """Show providers and queues as they are now."""
    from ops import errands

    return talk(where, errands.status)


@app.command
def models(*, where: Where = HERE) -> int:
    """List the models that are served now, by whom, and under which names."""
    from ops import errand_provider

    return talk(where, errand_provider.models)


@app.command(name="version")
def show_version() -> int:
    """Print the version."""
    sys.stdout.write(f"ai-server {_version()}\n")
    return 0


# ---- what they share ------------------------------------------------------------------------------------------------


def _role(role: str, settings: "Settings", names: tuple[str, ...] = ()) -> int:
    from ops import run

    return run.start(role, settings, need_link(settings), names)


def _version() -> str:
    from importlib.metadata import version

    return version("ai-server")


def main() -> None:
    """The entry point: what goes wrong becomes a sentence and an exit code."""
    if sys.argv[1:2] != ["agent"]:  # no other command calls providers
        lean.leave_out("aiohttp")
    from schemas.problem import Problem

    try:
        code = app()
    except Problem as problem:
        code = fail(str(problem))
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:  # `ai-server sql … | head`
        sys.stderr.close()
        code = 0
    except Exception as error:
        if type(error).__name__ not in ("BadSettingsError", "BadCatalogueError", "TalkError"):
            raise
        code = fail(str(error))
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
