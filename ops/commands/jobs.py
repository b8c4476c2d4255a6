"""`ai-server jobs …`: every job, and what can be done to it."""

from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import App, Parameter

from ops.commands.common import HERE, Where, fail

jobs = App(name="jobs", help="Jobs, open and ended: list, show, cancel, requeue, replay, put first.")


@Parameter(name="*")
@dataclass(frozen=True)
class Which:
    """The filter. Several values with commas."""

    state: Annotated[str, Parameter(help="queued, running, done, failed, cancelled, open, ended.")] = ""
    queue: Annotated[str, Parameter(help="A provider or a pool.")] = ""
    provider: Annotated[str, Parameter(help="Who served it.")] = ""
    api_key: Annotated[str, Parameter(help="Of this API key: its id or its name.")] = ""
    model: Annotated[str, Parameter(help="As it was asked for.")] = ""
    op: Annotated[str, Parameter(help="Operation: chat, text_to_image ...")] = ""
    style: Annotated[str, Parameter(help="sync, queued, callback, direct.")] = ""
    tag: Annotated[str, Parameter(help="The caller's label.")] = ""
    ref: Annotated[str, Parameter(help="The caller's own id.")] = ""
    error: Annotated[str, Parameter(help="Code of the failure.")] = ""
    since: Annotated[str, Parameter(help="Unix seconds or a date.", name="--from")] = ""
    until: Annotated[str, Parameter(help="Unix seconds or a date.", name="--to")] = ""
    q: Annotated[str, Parameter(help="Part of an id, ref, tag, model or message.")] = ""

    def fields(self) -> dict[str, Any]:
        """As the admin API takes them."""
        names = {"since": "from", "until": "to", "api_key": "key"}
        return {names.get(name, name): value for name, value in vars(self).items() if value}


@Parameter(name="*")
@dataclass(frozen=True)
class Server:
    """Another server than the one of this data directory."""

    url: Annotated[str, Parameter(help="Server [default: the one running here].", env_var="AI_SERVER_URL")] = ""
    key: Annotated[str, Parameter(help="Administrator's key [default: one lent for this command].")] = ""


@Parameter(name="*")
@dataclass(frozen=True)
class Many:
    """How many, and whether in earnest."""

    dry_run: Annotated[bool, Parameter(help="Only say how many are meant.", negative=())] = False
    most: Annotated[int, Parameter(help="At most so many at once (up to 10,000).")] = 1000


ALL, LOCAL, SOME = Which(), Server(), Many()


@jobs.default
@jobs.command(name="list")
def list_jobs(
    *,
    dead: Annotated[bool, Parameter(help="Dead letters: stored jobs that failed for good.", negative=())] = False,
    limit: Annotated[int, Parameter(help="Show at most so many.")] = 50,
    which: Which = ALL,
    server: Server = LOCAL,
    where: Where = HERE,
) -> int:
    """List jobs, the newest first."""
    from ops import errand_jobs

    with errand_jobs.desk(where, server.url, server.key) as at:
        return errand_jobs.list_jobs(at, which.fields(), limit, dead)


@jobs.command(name="show")
def show_job(
    number: int,
    *,
    json: Annotated[bool, Parameter(help="All of it, request and result too.", negative=())] = False,
    server: Server = LOCAL,
    where: Where = HERE,
) -> int:
    """Tell a job's story."""
    from ops import errand_jobs

    with errand_jobs.desk(where, server.url, server.key) as at:
        return errand_jobs.show_job(at, number, json)


@jobs.command
def cancel(*ids: int, which: Which = ALL, many: Many = SOME, server: Server = LOCAL, where: Where = HERE) -> int:
    """End open jobs: those with these ids, or all that a filter means."""
    return _act("cancel", ids, (which, many), server, where)


@jobs.command
def requeue(*ids: int, which: Which = ALL, many: Many = SOME, server: Server = LOCAL, where: Where = HERE) -> int:
    """Put failed jobs back into their queue, under the same id."""
    return _act("requeue", ids, (which, many), server, where)


@jobs.command
def replay(*ids: int, which: Which = ALL, many: Many = SOME, server: Server = LOCAL, where: Where = HERE) -> int:
    """Ask again what ended jobs asked, as new jobs of the same key."""
    return _act("replay", ids, (which, many), server, where)


@jobs.command
def first(*ids: int, which: Which = ALL, many: Many = SOME, server: Server = LOCAL, where: Where = HERE) -> int:
    """Have waiting jobs go before the others of their queue."""
    return _act("first", ids, (which, many), server, where)


def _act(action: str, ids: tuple[int, ...], what: tuple[Which, Many], server: Server, where: Where) -> int:
    from ops import errand_jobs

    which, many = what
    fields = which.fields()
    if bool(ids) == bool(fields):
        return fail(f"which jobs? `ai-server jobs {action} ID...`, or a filter like --state failed --model m", 2)
    body: dict[str, Any] = {"ids": list(ids)} if ids else {"filter": fields}
    with errand_jobs.desk(where, server.url, server.key) as at:
        return errand_jobs.act(at, action, {**body, "dry_run": many.dry_run, "most": many.most})
