"""Which queue takes a job: a pure function from what is known to a choice, with a reason for every candidate.

A queue is a provider or a pool; its knowledge comes from heartbeats (`bus/fleet.py`). Nothing here awaits, sends or reads
a clock: the time is a parameter, so every rule is a table of values in the tests.
"""

import msgspec

from schemas.problem import Code, Problem


class QueueView(msgspec.Struct, frozen=True):
    """What the router knows of one queue now."""

    name: str
    models: frozenset[tuple[str, str]]
    """(op, model) that some agent of it serves."""
    providers: tuple[str, ...] = ()
    slots: int = 0
    """Slots of its live agents that are fit."""
    in_flight: int = 0
    waiting: int = 0
    seconds: float = 1.0
    """Average service time."""
    priority: int = 0
    cost: float = 0.0
    cooling_until: float = 0.0
    """Unix seconds; set when every agent of the queue cools."""
    reason: str = ""
    enabled: bool = True


class Wanted(msgspec.Struct, frozen=True):
    """What a job asks for."""

    op: str
    model: str
    excluded: tuple[str, ...] = ()
    provider: str = ""
    """Only this provider (or queue); empty: any."""


class Step(msgspec.Struct, frozen=True):
    """A candidate and why it was chosen or passed over."""

    queue: str
    verdict: str


class Route(msgspec.Struct, frozen=True):
    """The choice. `wait_until` is set when all candidates cool: the queue to wait for, and until when (Unix seconds)."""

    queue: str
    trail: tuple[Step, ...]
    wait_until: float = 0.0


def route(wanted: Wanted, queues: list[QueueView], now: float) -> Route:
    """The queue with the least expected wait, then the lowest priority number, then the lowest cost, then by name.

    Raises `Problem`: MODEL_NOT_FOUND (nobody here knows the model), NO_PROVIDER (known, but nobody can take it).
    """
    knows = [queue for queue in queues if (wanted.op, wanted.model) in queue.models]
    if not knows:
        raise Problem(Code.MODEL_NOT_FOUND, _unknown(wanted, queues), param="model")
    trail = [Step(queue.name, verdict) for queue in knows if (verdict := _refusal(queue, wanted))]
    candidates = [queue for queue in knows if not _refusal(queue, wanted)]
    if not candidates:
        reasons = "; ".join(f"{step.queue}: {step.verdict}" for step in trail)
        raise Problem(Code.NO_PROVIDER, f"No provider can serve '{wanted.model}' now ({reasons}).", retry_after=5)
    fit = [queue for queue in candidates if queue.cooling_until <= now]
    trail += [
        Step(queue.name, f"cooling for {queue.cooling_until - now:.1f} s: {queue.reason}")
        for queue in candidates
        if queue.cooling_until > now
    ]
    if not fit:
        first = min(candidates, key=lambda queue: (queue.cooling_until, queue.name))
        return Route(first.name, tuple(trail), wait_until=first.cooling_until)
    ranked = sorted(fit, key=_rank)
    trail.append(Step(ranked[0].name, f"chosen: expected wait {expected_wait(ranked[0]):.2f} s"))
    trail += [
        Step(queue.name, f"expected wait {expected_wait(queue):.2f} s, priority {queue.priority}, cost {queue.cost:g}")
        for queue in ranked[1:]
    ]
    return Route(ranked[0].name, tuple(trail))


def expected_wait(queue: QueueView) -> float:
    """Seconds until a slot is free: 0 while one is."""
    ahead = queue.in_flight + queue.waiting
    if ahead < queue.slots:
        return 0.0
    return (ahead - queue.slots + 1) / max(1, queue.slots) * queue.seconds


def _rank(queue: QueueView) -> tuple[float, int, float, float, str]:
    """Waits within 50 ms of each other count as equal, or noise would beat priority; then the emptier one."""
    load = (queue.in_flight + queue.waiting) / max(1, queue.slots)
    return round(expected_wait(queue) / 0.05), queue.priority, queue.cost, round(load, 2), queue.name


def _refusal(queue: QueueView, wanted: Wanted) -> str:
    if wanted.provider and wanted.provider != queue.name and wanted.provider not in queue.providers:
        return "not the provider asked for"
    if queue.name in wanted.excluded:
        return "failed this job before"
    if not queue.enabled:
        return "disabled"
    if queue.slots <= 0:
        return queue.reason or "no agent online"
    return ""


def _unknown(wanted: Wanted, queues: list[QueueView]) -> str:
    known = sorted({model for queue in queues for op, model in queue.models if op == wanted.op})
    if not known:
        return (
            f"The model '{wanted.model}' does not exist here: no provider is online. Add one with a provider key in the "
            "environment (OPENAI_API_KEY, …) or a [providers.NAME] section in ai-server.toml, then start again."
        )
    some = ", ".join(known[:8]) + (f" and {len(known) - 8} more" if len(known) > 8 else "")
    return f"The model '{wanted.model}' does not exist here. Known models: {some}."
