"""Spans around the bus: a job sent, a job taken, an attempt at a provider. By OpenTelemetry's names for messaging and GenAI.

Each is a `with` block that only somebody who traces enters. What a newcomer would get wrong: a retry is another message, so it
is another pair of spans under the first sender's, and the attempts of a job stand beside each other. Neither messages nor
names of failures go out in a provider's words, for those may repeat a prompt.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from bus.tracing_facts import (
    answered_facts,
    asked_facts,
    callback_facts,
    job_facts,
    messages_of,
    request_facts,
    usage_facts,
)
from schemas.events import Delta, Done, Failed
from schemas.job import Job
from schemas.problem import Code, Problem
from schemas.rules import Step
from schemas.tracing import CURRENT, Kind, Span, Tracer

if TYPE_CHECKING:
    from bus.run import Run

MOST_REASONS = 20


class Sending:
    """A job on its way into a queue: the producer's span. `job` carries its context."""

    def __init__(self, tracer: Tracer, job: Job, lane: str) -> None:
        self.span = tracer.begin(f"send {lane}", Kind.PRODUCER, CURRENT.get() or job.trace)
        if self.span.recording:
            self.span.tell(
                {
                    "messaging.system": "nats",
                    "messaging.operation.type": "send",
                    "messaging.operation.name": "send",
                    "messaging.destination.template": lane + ".{queue}.{tenant}.{job}",
                    **job_facts(job),
                }
            )
        self.job = msgspec.structs.replace(job, trace=self.span.context)
        self._lane = lane

    def __enter__(self) -> "Sending":
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self.span.end(_why(error))

    def to(self, queue: str, reasons: Sequence[Step] = ()) -> None:
        """The decision, and why."""
        if not self.span.recording:
            return
        self.span.rename(f"send {self._lane}.{queue}")
        self.span.tell({"messaging.destination.name": f"{self._lane}.{queue}", "ai_server.queue": queue})
        told = [f"{step.queue}: {step.verdict}" for step in reasons[:MOST_REASONS]]
        self.span.event("ai_server.routed", {"ai_server.queue": queue, "ai_server.reasons": told})


class Taking:
    """A job in a worker's hands: the consumer's span, from the delivery to the verdict."""

    def __init__(self, tracer: Tracer, run: "Run") -> None:
        job, worker = run.job, run.worker
        queue = f"{'work' if job.durable else 'live'}.{worker.queue}"
        self.span = tracer.begin(f"process {queue}", Kind.CONSUMER, job.trace)
        if self.span.recording:
            self.span.tell(
                {
                    "messaging.system": "nats",
                    "messaging.operation.type": "process",
                    "messaging.operation.name": "process",
                    "messaging.destination.name": queue,
                    "messaging.client.id": worker.agent,
                    "ai_server.delivery": run.delivered,
                    **job_facts(job),
                }
            )
        CURRENT.set(self.span.context)  # the run has a task, and so a context, of its own
        structlog.contextvars.bind_contextvars(trace_id=self.span.trace_id)

    def handed_on(self, queue: str, why: str, attempt: int) -> None:
        self.span.event(
            "ai_server.handed_on",
            {"ai_server.queue": queue, "ai_server.reason": why, "ai_server.attempt": attempt},
        )


class Attempting:
    """One call of a provider: the client's span. `context` goes to the provider."""

    def __init__(self, tracer: Tracer, run: "Run") -> None:
        job, provider = run.job, run.worker.provider
        calls_back = job.op == "callback"
        name = "POST" if calls_back else f"{job.op} {job.model}"
        kind = Kind.CLIENT if calls_back or provider.base_url else Kind.INTERNAL
        self.span: Span = tracer.begin(name, kind, CURRENT.get() or job.trace)
        self.context = self.span.context
        self._tracer, self._run = tracer, run
        if self.span.recording:
            facts = callback_facts(job) if calls_back else {**request_facts(job, provider), **asked_facts(job)}
            queue = {"ai_server.provider": provider.name, "ai_server.queue": provider.queue}
            self.span.tell({**facts, **queue, "ai_server.attempt": job.attempt})

    def spoke(self, delta: Delta) -> None:
        """The first delta of a stream."""
        if not self.span.recording:
            return
        seconds = round(self._run.first - self._run.started, 6)
        self.span.tell({"gen_ai.response.time_to_first_chunk": seconds, **answered_facts(delta.chunks[0])})

    def ended(self, end: Done | Failed | None) -> None:
        """None: given back unfinished."""
        if end is None:
            self.span.end(str(Code.CANCELLED))
            return
        if self.span.recording:
            self.span.tell(usage_facts(end.usage))
            if isinstance(end, Done):
                self.span.tell(answered_facts(end.body))
            elif end.fault.provider_status:
                self.span.tell({"http.response.status_code": end.fault.provider_status})
            self._content(end)
        self.span.end(str(end.fault.code) if isinstance(end, Failed) else "")

    def _content(self, end: Done | Failed) -> None:
        job = self._run.job
        if job.op == "callback" or not self._tracer.content(job.key):
            return
        told = {"gen_ai.operation.name": job.op, "gen_ai.input.messages": messages_of(job.body)}
        if isinstance(end, Done) and end.body:
            told["gen_ai.output.messages"] = messages_of(end.body)
        self.span.event("gen_ai.client.inference.operation.details", told)


@contextlib.contextmanager
def attempting(tracer: Tracer, run: "Run") -> Iterator[Attempting]:
    """Ends the span where the attempt raises."""
    attempt = Attempting(tracer, run)
    try:
        yield attempt
    except BaseException:
        attempt.ended(None)
        raise


def sampled(trace: str) -> bool:
    """Whether the spans of this `traceparent` are recorded: one bit of its last two digits, and not the only one."""
    return bool(trace) and bool(int(trace[53:55], 16) & 1)


def _why(error: BaseException | None) -> str:
    if error is None:
        return ""
    return str(error.code) if isinstance(error, Problem) else type(error).__name__
