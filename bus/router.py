"""Which queue takes a job: a pure function from what is known to a choice, with a reason for every candidate.

A queue is a provider or a pool; its knowledge comes from heartbeats (`bus/fleet.py`). Nothing here awaits, sends, throws dice
or reads a clock: time and chance are parameters, so every rule is a table of values in the tests. Inside a pool the router
has no say: there the provider's priority is its pull priority, and the server hands out the work.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from schemas.job import Job
from schemas.operations import DEFAULT
from schemas.problem import Code, Fault, Problem
from schemas.rules import ModelRule, Step, Strategy

TIE = 0.05
"""Seconds of expected wait that count as no difference: noise would beat priority else."""
MOST_STEPS, MOST_MODELS = 200, 20
"""Of a trail and of a chain: both travel with the job."""
Rules = Mapping[str, ModelRule]
Rank = tuple[float, float, float, float, str]


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
    first: float = 0.0
    """Measured seconds to the first token of streams; 0: not measured lately."""
    latency: float = 0.0
    """Measured seconds of whole calls; 0: not measured lately."""
    paced: float = 0.0
    """Seconds until the provider's rate limit lets the next call through."""
    probing: bool = False
    """After a failure one job is let through to see whether the provider is back."""
    paused: str = ""
    """Why an operator holds it; empty: nobody does."""


class Wanted(msgspec.Struct, frozen=True):
    """What a job asks for."""

    op: str
    model: str
    excluded: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    """Only these providers (or queues), the first ones first; empty: any."""
    stream: bool = False
    chain: tuple[str, ...] = ()
    """Models to try after `model`."""


class Route(msgspec.Struct, frozen=True):
    """The choice. `wait_until` is set when all candidates cool: the queue to wait for, and until when (Unix seconds)."""

    queue: str
    trail: tuple[Step, ...]
    wait_until: float = 0.0
    model: str = ""
    chain: tuple[str, ...] = ()
    """What is left to try after `model`."""


class Refused(Problem):
    """Nobody can serve it now. `trail` tells why, candidate by candidate."""

    trail: tuple[Step, ...] = ()


class Setting(msgspec.Struct, frozen=True):
    """What a choice depends on besides the queues. `dice`: a number from 0 to 1. `prices`: queue -> list price of the model."""

    rules: Rules = {}
    dice: float = 0.0
    explain: bool = True
    prices: Mapping[str, float] = {}


PLAIN = Setting()


def plan(wanted: Wanted, queues: Sequence[QueueView], now: float, setting: Setting = PLAIN) -> Route:
    """The first model of the chain that somebody can take now; if all of them cool, the one that returns first.

    Raises `Refused` when nobody can serve any of them; its code is the first model's.
    """
    if not wanted.chain:
        return route(wanted, queues, now, setting)
    models = (wanted.model, *wanted.chain)
    trail: tuple[Step, ...] = ()
    passed: list[str] = []
    later: list[Route] = []
    first: Fault | None = None
    for place, model in enumerate(models):
        one = msgspec.structs.replace(wanted, model=model, excluded=wanted.excluded if place == 0 else (), chain=())
        try:
            found = route(one, queues, now, setting)
        except Refused as refused:
            first = first or refused.fault
            trail += refused.trail or (Step("", "unknown here", model),)
            if refused.code is not Code.MODEL_NOT_FOUND and one.excluded == ():
                passed.append(model)
            continue
        trail += found.trail
        left = tuple(other for other in (*models[place + 1 :], *passed) if other != model)
        if not found.wait_until:
            return msgspec.structs.replace(found, trail=trail, chain=left)
        passed.append(model)
        later.append(msgspec.structs.replace(found, chain=left))
    if later:
        return msgspec.structs.replace(min(later, key=lambda found: found.wait_until), trail=trail)
    assert first is not None
    raise _refused(first, trail)


def route(wanted: Wanted, queues: Sequence[QueueView], now: float, setting: Setting = PLAIN) -> Route:
    """The best queue for this one model, by the model's strategy (`schemas.rules`; without a rule: balanced).

    Raises `Refused`: MODEL_NOT_FOUND (nobody here knows the model), NO_PROVIDER (known, but nobody can take it).
    """
    kind = (wanted.op, wanted.model)
    knows = [queue for queue in queues if kind in queue.models]
    if not knows:
        if wanted.model == DEFAULT:  # the caller named no model, so it is none that is missing
            raise Refused(Code.NO_PROVIDER, _nobody(wanted.op), retry_after=5)
        raise Refused(Code.MODEL_NOT_FOUND, _unknown(wanted, queues), param="model")
    candidates = [queue for queue in knows if not _refusal(queue, wanted)]
    fit = [queue for queue in candidates if queue.cooling_until <= now]
    if not fit:
        return _later(wanted, knows, candidates, now)
    rule = setting.rules.get(wanted.model) if setting.rules else None
    best = fit[0] if len(fit) == 1 else _best(fit, wanted, rule, setting)
    trail = _trail(wanted, knows, best, now, rule) if setting.explain else ()
    return Route(best.name, trail, model=wanted.model)


def routed(job: Job, choice: Route) -> Job:
    """The job on its way to the choice: the model that is its turn, and the trail if its caller wants it."""
    changes: dict[str, Any] = {}
    if choice.model and choice.model != job.model:
        changes = {"model": choice.model, "asked": job.asked or job.model, "excluded": ()}
    if choice.chain != job.chain:
        changes["chain"] = choice.chain
    if job.explain:
        attempt = job.attempt
        steps = (Step(step.queue, step.verdict, step.model, attempt) for step in choice.trail)
        changes["steps"] = (*job.steps, *steps)[:MOST_STEPS]
    return msgspec.structs.replace(job, **changes) if changes else job


def wanted_of(job: Job, rules: Rules) -> Wanted:
    """What a new job wants: `a,b,c` is a chain, and a model's rule may name others to fall back on."""
    if not rules and "," not in job.model:
        return Wanted(job.op, job.model, job.excluded, job.providers, job.stream, job.chain)
    names = [name for text in job.model.split(",") if (name := text.strip())] or [job.model]
    models: dict[str, None] = {}
    for name in names:
        models[name] = None
        if (rule := rules.get(name)) is not None:
            models.update(dict.fromkeys(rule.fallbacks))
    first, *rest = models
    return Wanted(job.op, first, job.excluded, job.providers, job.stream, tuple(rest[: MOST_MODELS - 1]))


def expected_wait(queue: QueueView) -> float:
    """Seconds until a slot is free and the provider's rate limit allows a call: 0 while both are so."""
    ahead = queue.in_flight + queue.waiting
    if ahead < queue.slots:
        return queue.paced
    return max(queue.paced, (ahead - queue.slots + 1) / max(1, queue.slots) * queue.seconds)


def _best(fit: list[QueueView], wanted: Wanted, rule: ModelRule | None, setting: Setting) -> QueueView:
    strategy = rule.strategy if rule is not None else Strategy.BALANCED
    if strategy is Strategy.WEIGHTED and rule is not None:
        return _drawn(fit, rule.weights, setting.dice)
    return min(fit, key=lambda queue: _rank(queue, wanted, strategy, setting.prices))


def _rank(queue: QueueView, wanted: Wanted, strategy: Strategy, prices: Mapping[str, float]) -> Rank:
    """What is compared, smallest first. Providers that were asked for by name come in the order they were named."""
    wait = round(expected_wait(queue) / TIE)
    load = round((queue.in_flight + queue.waiting) / max(1, queue.slots), 2)
    rank = float(_named(queue, wanted.providers) if len(wanted.providers) > 1 else queue.priority)
    match strategy:
        case Strategy.PRIORITY:
            return rank, wait, queue.cost, load, queue.name
        case Strategy.CHEAPEST:
            return queue.cost or prices.get(queue.name, 0.0), wait, rank, load, queue.name
        case Strategy.FASTEST:
            return (
                round((_speed(queue, wanted.stream) + expected_wait(queue)) / TIE),
                rank,
                queue.cost,
                load,
                queue.name,
            )
        case _:
            return wait, rank, queue.cost, load, queue.name


def _named(queue: QueueView, asked: tuple[str, ...]) -> int:
    return min(
        (place for place, name in enumerate(asked) if name == queue.name or name in queue.providers), default=len(asked)
    )


def _speed(queue: QueueView, stream: bool) -> float:
    """Who has not been measured lately counts as fast, or nobody would ever find out."""
    return (queue.first or queue.latency) if stream else queue.latency


def _drawn(fit: list[QueueView], weights: Mapping[str, float], dice: float) -> QueueView:
    """By chance; among queues without a weight (the others are away) the balanced one."""
    shares = [(queue, _weight(queue, weights)) for queue in sorted(fit, key=lambda queue: queue.name)]
    left = dice * sum(share for _, share in shares)
    for queue, share in shares:
        if share > 0 and left < share:
            return queue
        left -= share
    return min(fit, key=lambda queue: _rank(queue, _ANY, Strategy.BALANCED, {}))


def _weight(queue: QueueView, weights: Mapping[str, float]) -> float:
    return weights.get(queue.name, sum(weights.get(provider, 0.0) for provider in queue.providers))


_ANY = Wanted("", "")


def _refusal(queue: QueueView, wanted: Wanted) -> str:
    if wanted.providers and _named(queue, wanted.providers) == len(wanted.providers):
        return "not the provider asked for"
    if queue.name in wanted.excluded:
        return "failed this job before"
    if not queue.enabled:
        return "disabled"
    if queue.paused:
        return queue.paused
    if queue.slots <= 0:
        return queue.reason or "no agent online"
    return ""


def _refused(fault: Fault, trail: tuple[Step, ...]) -> Refused:
    """To be raised by whoever calls this. A frame that holds the exception it raises is a cycle with all its callers, and so
    keeps the job and its body, megabytes perhaps, until Python looks for such: seldom (`ops/lean.py`)."""
    made = Refused(fault.code, fault.message, param=fault.param, retry_after=fault.retry_after)
    made.trail = trail
    return made


def _later(wanted: Wanted, knows: list[QueueView], candidates: list[QueueView], now: float) -> Route:
    """Nobody is fit: the first to return, or why there is none."""
    trail = tuple(_step(queue, wanted, now) for queue in knows)
    if not candidates:
        reasons = "; ".join(f"{step.queue}: {step.verdict}" for step in trail)
        told = f"No provider can serve '{wanted.model}' now ({reasons})."
        raise _refused(Fault(Code.NO_PROVIDER, told, retry_after=5), trail)
    first = min(candidates, key=lambda queue: (queue.cooling_until, queue.name))
    return Route(first.name, trail, wait_until=first.cooling_until, model=wanted.model)


def _trail(
    wanted: Wanted, knows: list[QueueView], best: QueueView, now: float, rule: ModelRule | None
) -> tuple[Step, ...]:
    how = rule.strategy if rule is not None else Strategy.BALANCED
    chosen = Step(best.name, f"chosen ({how}): {_facts(best)}", wanted.model)
    return (chosen, *(_step(queue, wanted, now) for queue in knows if queue is not best))


def _step(queue: QueueView, wanted: Wanted, now: float) -> Step:
    """Why this one was passed over."""
    verdict = _refusal(queue, wanted)
    if not verdict and queue.cooling_until > now:
        verdict = f"cooling for {queue.cooling_until - now:.1f} s: {queue.reason}"
    return Step(queue.name, verdict or _facts(queue), wanted.model)


def _facts(queue: QueueView) -> str:
    facts = f"expected wait {expected_wait(queue):.2f} s, priority {queue.priority}, cost {queue.cost:g}"
    if queue.first or queue.latency:
        facts += f", first token {queue.first:.2f} s, whole call {queue.latency:.2f} s"
    return facts + (", on probation after a failure" if queue.probing else "")


def _nobody(op: str) -> str:
    return (
        f"Nobody here can do '{op}' yet. `ai-server provider add` adds a provider that can, and docs/how-to/add-a-provider.md "
        "tells which ones do what."
    )


def _unknown(wanted: Wanted, queues: Sequence[QueueView]) -> str:
    known = sorted({model for queue in queues for op, model in queue.models if op == wanted.op and model != DEFAULT})
    if not known:
        return (
            f"The model '{wanted.model}' does not exist here: no provider is online. Add one with a provider key in the "
            "environment (OPENAI_API_KEY, …) or a [providers.NAME] section in ai-server.toml, then start again."
        )
    some = ", ".join(known[:8]) + (f" and {len(known) - 8} more" if len(known) > 8 else "")
    return f"The model '{wanted.model}' does not exist here. Known models: {some}."
