"""`ai-server queues …`: the queues as they are now, and a hand on each."""

from typing import Annotated

from cyclopts import App, Parameter

from ops.commands.common import HERE, Where
from ops.commands.jobs import LOCAL, Server

queues = App(name="queues", help="Queues as they are now; pause, drain or resume one.")

Note = Annotated[str, Parameter(help="Why; shown to whoever asks.", show_default=False)]


@queues.default
@queues.command(name="list")
def list_queues(*, server: Server = LOCAL, where: Where = HERE) -> int:
    """Show every queue."""
    from ops import errand_jobs

    with errand_jobs.desk(where, server.url, server.key) as at:
        return errand_jobs.list_queues(at)


@queues.command
def pause(name: str, *, note: Note = "", server: Server = LOCAL, where: Where = HERE) -> int:
    """Start nothing new there. What runs ends, what waits waits on."""
    return _hold(name, "pause", note, server, where)


@queues.command
def drain(name: str, *, note: Note = "", server: Server = LOCAL, where: Where = HERE) -> int:
    """Pause it, and move what waits to other queues that serve it."""
    return _hold(name, "drain", note, server, where)


@queues.command
def resume(name: str, *, server: Server = LOCAL, where: Where = HERE) -> int:
    """Start again."""
    return _hold(name, "resume", "", server, where)


def _hold(name: str, action: str, note: str, server: Server, where: Where) -> int:
    from ops import errand_jobs

    with errand_jobs.desk(where, server.url, server.key) as at:
        return errand_jobs.hold(at, name, action, note)
