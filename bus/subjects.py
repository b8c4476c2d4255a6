"""Every name on the bus, in one place.

The queue comes second because one queue is one consumer, and one consumer is one filter; the id comes last. Model names
never appear: they hold dots, colons and slashes, so they travel in the body. A token is `[A-Za-z0-9_-]{1,64}`.
"""

import re

TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


def token(text: str) -> str:
    """`text` if it may be one token of a subject; raises ValueError, for a wrong token would be another subject."""
    if not TOKEN.match(text):
        raise ValueError(f"{text!r} is not a name of 1 to 64 letters, digits, - or _")
    return text


def live(queue: str, tenant: str, job: int) -> str:
    """A call whose HTTP request is open: memory stream LIVE, at most once."""
    return f"live.{queue}.{tenant}.{job}"


def work(queue: str, tenant: str, job: int, attempt: int) -> str:
    """A durable job's attempt: stream WORK, one message a subject."""
    return f"work.{queue}.{tenant}.{job}.{attempt}"


def first(queue: str, tenant: str, job: int, attempt: int) -> str:
    """The same of a job that goes before the others of its queue: the lane in front, in WORK too."""
    return f"first.{queue}.{tenant}.{job}.{attempt}"


def sched(job: int, attempt: int) -> str:
    """A delayed attempt waits here (stream SCHED) …"""
    return f"sched.{job}.{attempt}"


def due(queue: str, tenant: str, job: int, attempt: int) -> str:
    """… and comes out here when its time has come; the promoter moves it to WORK."""
    return f"due.{queue}.{tenant}.{job}.{attempt}"


def job_key(tenant: str, job: int) -> str:
    """The job's record: the subject of bucket JOBS that compare-and-set guards."""
    return f"$KV.JOBS.job.{tenant}.{job}"


def idem_key(tenant: str, key: str, digest: str) -> str:
    """Which job a caller's own id names."""
    return f"$KV.JOBS.idem.{tenant}.{key}.{digest}"


def claim_key(tenant: str, job: int) -> str:
    return f"$KV.CLAIMS.{tenant}.{job}"


JOB_CHANGES = "jobev.job.>"
"""Every change of a job's record, after its commit: `jobev.job.<tenant>.<job>`, republished by the server, headers alone."""


def config_key(kind: str, name: str) -> str:
    return f"$KV.CONFIG.{kind}.{name}"


def use_key(key: str) -> str:
    """When an API key was last used, in Unix seconds."""
    return f"$KV.KEYUSE.{key}"


def count(kind: str, tenant: str, key: str, window: str) -> str:
    """What a key has used: `kind` req, tok (a minute), day or month (millionths of a USD)."""
    return f"count.{kind}.{tenant}.{key}.{window}"


def cache_key(digest: str) -> str:
    """An answer that may be given again."""
    return f"$KV.CACHE.{digest}"


def variant_key(source: str, variant: str) -> str:
    """A picture made of a file. `variant` empty: where all of that file's begin."""
    return f"$KV.VARIANTS.{source}.{variant}"


def saved_body(tenant: str, key: str, number: int) -> str:
    """What a saved thing holds; its head is beside it (`bus/filing.py`)."""
    return f"$KV.SAVED.body.{tenant}.{key}.{number}"


def lease_key(name: str) -> str:
    return f"$KV.LEASES.{name}"


def evt(tenant: str, job: int) -> str:
    """The job's events, kept 15 minutes: resumable SSE."""
    return f"evt.{tenant}.{job}"


def evtr(tenant: str, job: int) -> str:
    """The same events as they are stored, with `Nats-Sequence` among the headers."""
    return f"evtr.{tenant}.{job}"


def log(tenant: str, op: str) -> str:
    return f"log.{tenant}.{op}"


def rep(node: str, job: int) -> str:
    """Events of a live job, to the one gateway that holds the HTTP request."""
    return f"rep.{node}.{job}"


def out(tenant: str, key: str, ref: str) -> str:
    """Events of a direct publisher's job, as JSON."""
    return f"out.{tenant}.{key}.{ref}"


def cancel(job: int) -> str:
    """Whoever has it in hand ends it. The body says who wants that (`bus/cancel.py`)."""
    return f"job.cancel.{job}"


def hb(queue: str, agent: str) -> str:
    return f"hb.{queue}.{agent}"


def gateway_hb(node: str) -> str:
    return f"gw.{node}"


WATCH_ASK = "watch.ask"
"""Somebody looks at the house: every process tells what it has in hand for some seconds (`whole`: all of it, now)."""

WATCH_PREVIEW = "watch.preview"
"""Ask for the picture of a running job as it stands; the body is its id, and only the process that has it answers."""


def watch_told(process: str) -> str:
    """How a process is and what it has in hand, for whoever looks."""
    return f"watch.told.{process}"


METRICS_ASK = "metrics.ask"
"""Somebody scrapes: every worker process and the archiver answer with all they have counted."""

HB_ASK = "hbask"
"""Whoever starts asks here; every agent answers at once with a full heartbeat, every gateway with its sign of life."""


def agent_cmd(agent: str, verb: str) -> str:
    return f"agent.cmd.{agent}.{verb}"


LINES = "house.lines"
"""Ask all gateways for the live calls they hold, or for an end to one."""

RELOAD = "house.reload"
"""Every process reads the catalogue anew."""

ARCHIVE = "house.archive"
"""Ask the archiver to do a chore now; it tells that it is at it, and then what came of it."""

LOOK = "house.look"
"""Ask any agent process what a server that is no provider yet has to offer."""


def provider_test(name: str) -> str:
    """Ask an agent process that serves the provider to make one cheap call; it tells what it saw."""
    return f"agent.test.{token(name)}"
