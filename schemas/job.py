"""A job: one request on its way through the house, and the record that outlives it.

`Job` is the envelope; the request itself stays the JSON bytes the caller sent (`body`), decoded once at the edge to check
it and once in the agent that needs its fields. The record in JOBS is written twice, at accept and at the end, because
each write is an fsync; what happens between (claim, attempt, progress) lives in the claim, which may be lost with the
power and is then rebuilt.
"""

from enum import StrEnum
from typing import Any

import msgspec

from schemas.events import Attempt, Usage
from schemas.problem import Fault
from schemas.rules import Step


class State(StrEnum):
    """Where a job stands. The last three are terminal and final, but for an explicit requeue of `failed`."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        return self in (State.DONE, State.FAILED, State.CANCELLED)


class Style(StrEnum):
    """How the caller asked."""

    SYNC = "sync"
    QUEUED = "queued"
    CALLBACK = "callback"
    DIRECT = "direct"
    """On the bus, without HTTP (`rpc.`, `req.`)."""


class Job(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """The envelope. New fields have defaults and go last, so old and new processes understand each other."""

    id: int
    """Below 2**53: it is a JavaScript number and a C# long."""
    tenant: str
    key: str
    """Id of the API key that asked: its hash prefix, never the key."""
    op: str
    """Name of the operation in `schemas.operations`, for example `chat`."""
    model: str
    """As the caller wrote it, or the one that is its turn (`asked`, `chain`)."""
    body: bytes
    """The request as JSON bytes in the operation's own dialect (chat: OpenAI chat/completions)."""
    created: float
    """Unix seconds."""
    deadline: float
    """Unix seconds; past it nobody starts the job, and a running one is stopped."""
    style: Style = Style.SYNC
    stream: bool = False
    """The caller wants deltas."""
    keep: bool = False
    """`Done.body` must hold the whole result even if it was streamed."""
    durable: bool = False
    """Has a record in JOBS: its worker claims and commits it. False: a live job, at most once."""
    reply: str = ""
    """Core subject for the events of a live job, msgpack `Event`s: `rep.<node>.<job>`."""
    out: str = ""
    """Core subject for the events as JSON, for a direct publisher."""
    reply_to: str = ""
    """URL of the web callback."""
    ref: str = ""
    """The caller's own id of the request (refId, Idempotency-Key)."""
    tag: str = ""
    parent: int = 0
    """For a callback: the job it reports."""
    attempt: int = 1
    excluded: tuple[str, ...] = ()
    """Queues that have failed this job before."""
    trail: tuple[Attempt, ...] = ()
    revision: int = 0
    """Of the JOBS record at accept: the fence of the commit."""
    first_run: float = 0.0
    """Unix seconds of the first attempt's start (0: none yet)."""
    user_agent: str = ""
    client: str = ""
    """Address of the HTTP client."""
    dialect: str = "openai"
    """The wire the caller speaks (`gateway/dialects`): the result is stored canonical and shown in it."""
    echo: bytes = b""
    """What that dialect's answer repeats of the request, as JSON; for nobody else to read."""
    asked: str = ""
    """As the caller wrote it, where `model` has become another: a chain (`a,b,c`), or a fallback that took its place."""
    chain: tuple[str, ...] = ()
    """Models to try after `model`, in this order."""
    providers: tuple[str, ...] = ()
    """Only these providers (or queues) may serve it, the first ones first; empty: any."""
    explain: bool = False
    """The caller wants to know why it went where it did."""
    steps: tuple[Step, ...] = ()
    """What is known of that until now."""
    reserved: int = 0
    """Millionths of a USD that its key's budget was charged when it was accepted; settled at the end."""
    run: int = 0
    """How often the failed job has been put back into its queue (`bus/requeue.py`)."""
    first: bool = False
    """Goes before those of its queue that are not (only queued jobs wait in a queue)."""
    trace: str = ""
    """Context of the span that sent it (`schemas/tracing.py`); empty: it is not traced."""
    replays: int = 0
    """The job whose request this one repeats (an administrator had it done again); 0: it is a caller's own."""

    @property
    def label(self) -> str:
        """The name of this run, for what may happen once a run: `5`, and `5-1` when it was put back."""
        return f"{self.id}-{self.run}" if self.run else str(self.id)


class Record(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """A durable job in JOBS: at accept (`state` queued) and at its end (terminal, with result or fault)."""

    job: Job
    state: State
    queue: str = ""
    result: bytes = b""
    content_type: str = "application/json"
    fault: Fault | None = None
    usage: Usage = Usage()
    attempts: tuple[Attempt, ...] = ()
    provider: str = ""
    finished: float = 0.0
    first: float = 0.0
    requeues: int = 0
    steps: tuple[Step, ...] = ()
    model: str = ""
    """The model that answered, where that is not `job.model`."""
    cost: float | None = None
    """USD; None: nobody knows."""
    cost_estimated: bool = False


class Claim(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Who works on a durable job now. One per job; changed by compare-and-set only, so it fences zombies."""

    job: int
    attempt: int
    agent: str
    """Empty: handed on, waits in `queue`."""
    queue: str
    provider: str = ""
    started: float = 0.0
    delivery: int = 0
    """How often this attempt was delivered: a job that kills its agent is counted here."""
    trail: tuple[Attempt, ...] = ()
    excluded: tuple[str, ...] = ()
    model: str = ""
    """The model whose turn it is; empty: the job's."""
    chain: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    first: bool = False
    """It was put before the others of its queue since it was accepted."""


def claimed(job: Job, agent: str = "", queue: str = "", **more: Any) -> Claim:
    """A claim that keeps what a later worker must know of the job's way. Without `agent`: it waits in `queue`."""
    kept: dict[str, Any] = {
        name: getattr(job, name) for name in ("trail", "excluded", "model", "chain", "steps", "first")
    }
    return Claim(job=job.id, attempt=job.attempt, agent=agent, queue=queue, **(kept | more))


def resumed(job: Job, claim: Claim) -> Job:
    """The job as it was when the claim was written."""
    model = claim.model or job.model
    return msgspec.structs.replace(
        job,
        attempt=claim.attempt,
        trail=claim.trail,
        excluded=claim.excluded,
        model=model,
        chain=claim.chain if claim.model else job.chain,
        asked=job.asked or (job.model if model != job.model else ""),
        steps=claim.steps,
        first=job.first or claim.first,
    )


class JobView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What `GET /jobs/{id}` answers."""

    id: int
    status: State
    op: str
    model: str
    style: Style
    created: float
    deadline: float
    ref_id: str = msgspec.field(name="refId", default="")
    tag: str = ""
    status_url: str = ""
    attempt: int = 0
    provider: str = ""
    queue: str = ""
    started: float | None = None
    finished: float | None = None
    duration_ms: float | None = None
    progress: float | None = None
    stage: str = ""
    attempts: tuple[dict[str, object], ...] = ()
    usage: dict[str, object] | None = None
    error: dict[str, object] | None = None
    result: msgspec.Raw | None = None
    dialect: str = "openai"
    """Of `result`. Left out for OpenAI's."""
    cost: float | None = None
    """USD, by list prices or the operator's own; left out while nobody knows."""
    cost_estimated: bool = False
    trail: tuple[dict[str, object], ...] = ()
    """Each candidate of each attempt and why it was chosen or passed over, where `x-ai-explain: 1` asked for it."""
    eta: float | None = None
    """Seconds until it is done, as its agent guesses."""


encode_job = msgspec.msgpack.Encoder().encode
decode_job = msgspec.msgpack.Decoder(Job).decode
encode_record = msgspec.msgpack.Encoder().encode
decode_record = msgspec.msgpack.Decoder(Record).decode
encode_claim = msgspec.msgpack.Encoder().encode
decode_claim = msgspec.msgpack.Decoder(Claim).decode
