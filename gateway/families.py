"""What `/metrics` shows, as Prometheus has it: from counts and a look at the house to families of samples. Pure.

Where OpenTelemetry's GenAI conventions have a name it is theirs, spelt as its exporter would (`gen_ai.client.token.usage` is
`gen_ai_client_token_usage`), and the labels likewise. What a newcomer would get wrong: counts are made by
process, and the label `process` must stay, or two of them would stand under one name.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.utils import floatToGoString

from bus.counts import FIRST, KINDS, PACE, SECONDS, TOKENS, Ended, Process, Spread, Tried, spread
from bus.router import QueueView, expected_wait

CALLBACK = "callback"
GEN_AI = ("gen_ai_operation_name", "gen_ai_request_model", "gen_ai_provider_name", "provider")
"""Labels of what the conventions name; whose models answer is not what the operator calls the provider."""


class Sight(msgspec.Struct, kw_only=True):
    """The house at this moment, as one gateway sees it."""

    version: str
    python: str
    now: float
    """Unix seconds."""
    queues: list[QueueView]
    agents: dict[tuple[str, str], int]
    """By provider and kind."""
    gateways: int
    calls: dict[str, int]
    """Live calls under way, by operation."""
    streams: int
    connected: bool
    """To NATS."""
    known_as: dict[str, str] = {}
    """What the conventions call a provider, by its name here; for others the name is all there is."""


def families(sight: Sight, processes: list[Process], keyed: bool) -> Iterator[Metric]:
    """All of it. `keyed`: with key and tenant as labels."""
    yield InfoMetricFamily(
        "ai_server_build", "Version of this gateway.", {"version": sight.version, "python": sight.python}
    )
    yield from _requests(processes, keyed)
    yield from _spreads(processes, sight.known_as)
    yield from _attempts(processes, sight.known_as)
    yield from _refusals(processes)
    yield from _queues(sight)
    yield from _house(sight)
    yield from _archive(processes)
    yield from _processes(processes)


def _requests(processes: list[Process], keyed: bool) -> Iterator[Metric]:
    keys = ("tenant", "key") if keyed else ()
    total = CounterMetricFamily(
        "ai_server_requests",
        "Requests that have ended. `code` is empty for a success.",
        labels=("process", "op", "model", "provider", "style", "outcome", "code", *keys),
    )
    for one, process in _ended(processes):
        what = (process, one.op, one.model, one.provider, one.style, one.outcome, one.code)
        total.add_metric((*what, *_whose(one, keyed)), one.count)
    yield total
    names = ("process", "op", "model", "provider", *keys)
    tokens = CounterMetricFamily("ai_server_tokens", "Tokens of all requests, by type.", labels=(*names, "type"))
    for place, kind in enumerate(KINDS):
        for labels, amount in _summed(processes, keyed, _tokens(place)):
            tokens.add_metric((*labels, kind), amount)
    yield tokens
    for name, text, value in _SUMS:
        family = CounterMetricFamily(name, text, labels=names)
        for labels, amount in _summed(processes, keyed, value):
            family.add_metric(labels, amount)
        yield family
    yield _callbacks(processes)


def _callbacks(processes: list[Process]) -> Metric:
    family = CounterMetricFamily(
        "ai_server_callbacks", "Web callbacks that were delivered (done) or given up.", labels=("process", "outcome")
    )
    counts: Counter[tuple[str, str]] = Counter()
    for process in processes:
        for one in process.ended:
            if one.op == CALLBACK:
                counts[process.process, one.outcome] += one.count
    for labels, count in counts.items():
        family.add_metric(labels, count)
    return family


_SUMS: tuple[tuple[str, str, Callable[[Ended], float]], ...] = (
    ("ai_server_cost_usd", "What requests have cost, in USD, where a price is known.", lambda one: one.cost),
    ("ai_server_cache_hits", "Answers from the response cache.", lambda one: one.cached),
    ("ai_server_retries", "Attempts beyond a request's first.", lambda one: one.retries),
)
_SPREADS: tuple[tuple[str, str, tuple[float, ...], Callable[[Ended], Spread]], ...] = (
    ("gen_ai_server_request_duration_seconds", "From accept to the end.", SECONDS, lambda one: one.seconds),
    ("gen_ai_server_time_to_first_token_seconds", "From accept to a stream's first.", FIRST, lambda one: one.first),
    ("gen_ai_server_time_per_output_token_seconds", "Of a stream, after its first.", PACE, lambda one: one.pace),
)


def _spreads(processes: list[Process], known_as: Mapping[str, str]) -> Iterator[Metric]:
    for name, text, bounds, taken in _SPREADS:
        family = HistogramMetricFamily(name, text, labels=("process", *GEN_AI, "error_type"))
        groups: dict[tuple[str, ...], Spread] = {}
        for one, process in _ended(processes):
            labels = (process, *_gen_ai(one, known_as), one.code)
            _add(groups.setdefault(labels, spread(bounds)), taken(one))
        _told(family, groups, bounds)
        yield family
    waits = HistogramMetricFamily(
        "ai_server_queue_wait_seconds", "From accept to the first attempt.", labels=("process", "op", "style")
    )
    waited: dict[tuple[str, ...], Spread] = {}
    for one, process in _ended(processes):
        _add(waited.setdefault((process, one.op, one.style), spread(SECONDS)), one.wait)
    _told(waits, waited, SECONDS)
    yield waits


def _attempts(processes: list[Process], known_as: Mapping[str, str]) -> Iterator[Metric]:
    total = CounterMetricFamily(
        "ai_server_attempts", "Calls of providers that have ended. `code` is empty for a success.",
        labels=("process", "op", "model", "provider", "code"),
    )  # fmt: skip
    seconds = HistogramMetricFamily(
        "gen_ai_client_operation_duration_seconds", "Calls of providers.", labels=("process", *GEN_AI, "error_type")
    )
    tokens = HistogramMetricFamily(
        "gen_ai_client_token_usage",
        "Tokens of one call of a provider.",
        labels=("process", *GEN_AI, "gen_ai_token_type"),
    )
    used: dict[tuple[str, ...], Spread] = {}
    lasted: dict[tuple[str, ...], Spread] = {}
    for one, process in _tried(processes):
        who = (process, *_gen_ai(one, known_as))
        total.add_metric((process, one.op, one.model, one.provider, one.code), one.count)
        lasted[(*who, one.code)] = one.seconds
        for kind, amounts in (("input", one.tokens_in), ("output", one.tokens_out)):
            _add(used.setdefault((*who, kind), spread(TOKENS)), amounts)
    _told(seconds, lasted, SECONDS)
    _told(tokens, used, TOKENS)
    yield from (total, seconds, tokens)


def _refusals(processes: list[Process]) -> Iterator[Metric]:
    family = CounterMetricFamily(
        "ai_server_limit_refusals", "Requests refused by the limits of their key.", labels=("process", "code")
    )
    misses = CounterMetricFamily(
        "ai_server_cache_misses", "Requests that the response cache had no answer for.", labels=("process", "op")
    )
    for process in processes:
        for code, count in process.refused.items():
            family.add_metric((process.process, code), count)
        for op, count in process.missed.items():
            misses.add_metric((process.process, op), count)
    yield from (family, misses)


_QUEUE: tuple[tuple[str, str, Callable[[QueueView, float], float]], ...] = (
    ("waiting", "Live calls and queued jobs that wait for a slot.", lambda view, _: view.waiting),
    ("slots", "Slots of its agents that are fit.", lambda view, _: view.slots),
    ("in_flight", "Jobs under way.", lambda view, _: view.in_flight),
    ("cooling", "1 while nobody of it takes anything after failures.", lambda view, now: view.cooling_until > now),
    ("paused", "1 while an operator holds it.", lambda view, _: bool(view.paused)),
    ("expected_wait_seconds", "Until a slot is free, as the router guesses.", lambda view, _: expected_wait(view)),
)


def _queues(sight: Sight) -> Iterator[Metric]:
    for name, text, value in _QUEUE:
        family = GaugeMetricFamily(f"ai_server_queue_{name}", text, labels=("queue",))
        for view in sight.queues:
            family.add_metric((view.name,), float(value(view, sight.now)))
        yield family


def _house(sight: Sight) -> Iterator[Metric]:
    agents = GaugeMetricFamily("ai_server_agents", "Agents that are heard.", labels=("provider", "kind"))
    for labels, count in sight.agents.items():
        agents.add_metric(labels, count)
    yield agents
    yield GaugeMetricFamily("ai_server_gateways", "Gateways that are heard.", sight.gateways)
    calls = GaugeMetricFamily("ai_server_calls_in_flight", "Live calls of this gateway.", labels=("op",))
    for op, count in sight.calls.items():
        calls.add_metric((op,), count)
    yield calls
    yield GaugeMetricFamily("ai_server_streams_open", "Streams of this gateway.", sight.streams)
    yield GaugeMetricFamily("ai_server_nats_connected", "1 while this gateway holds NATS.", float(sight.connected))


_ARCHIVE = (
    ("lag_seconds", "How old the oldest row may be that is not archived yet."),
    ("lag_messages", "Messages of LOG that are not archived yet."),
    ("damaged_files", "Files that can't be read."),
)


def _archive(processes: list[Process]) -> Iterator[Metric]:
    """Of the archiver. Nothing while there is none, which an alert can ask for (`absent`)."""
    there = [one for one in processes if one.role == "archiver"]
    if not there:
        return
    for name, text in _ARCHIVE:
        yield GaugeMetricFamily(f"ai_server_archive_{name}", text, max(one.facts.get(name, 0.0) for one in there))
    rows = CounterMetricFamily("ai_server_archive_rows", "Rows that were archived.", labels=("process",))
    for one in there:
        rows.add_metric((one.process,), one.facts.get("rows", 0.0))
    yield rows


def _processes(processes: list[Process]) -> Iterator[Metric]:
    names = ("process", "role")
    cpu = CounterMetricFamily("ai_server_process_cpu_seconds", "CPU of each process.", labels=names)
    rss = GaugeMetricFamily("ai_server_process_resident_memory_bytes", "Memory of each process.", labels=names)
    began = GaugeMetricFamily("ai_server_process_start_time_seconds", "When it began (Unix time).", labels=names)
    again = CounterMetricFamily("ai_server_nats_reconnects", "Connections to NATS that were made anew.", labels=names)
    for one in processes:
        labels = (one.process, one.role)
        cpu.add_metric(labels, one.cpu)
        rss.add_metric(labels, one.rss)
        began.add_metric(labels, one.started)
        again.add_metric(labels, one.facts.get("nats_reconnects", 0.0))
    yield from (cpu, rss, began, again)


# ---- adding up ------------------------------------------------------------------------------------------------------


def _ended(processes: list[Process]) -> Iterator[tuple[Ended, str]]:
    """Callers' requests; callbacks, which are jobs of our own, are counted by themselves."""
    return ((one, process.process) for process in processes for one in process.ended if one.op != CALLBACK)


def _tried(processes: list[Process]) -> Iterator[tuple[Tried, str]]:
    return ((one, process.process) for process in processes for one in process.tried)


def _gen_ai(one: Ended | Tried, known_as: Mapping[str, str]) -> tuple[str, ...]:
    return (one.op, one.model, known_as.get(one.provider, one.provider), one.provider)


def _whose(one: Ended, keyed: bool) -> tuple[str, ...]:
    return (one.tenant, one.key) if keyed else ()


def _tokens(place: int) -> Callable[[Ended], float]:
    return lambda one: one.tokens[place]


def _summed(
    processes: list[Process], keyed: bool, value: Callable[[Ended], float]
) -> Iterable[tuple[tuple[str, ...], float]]:
    """Sums that are not 0, by process, op, model, provider (and key)."""
    sums: dict[tuple[str, ...], float] = {}
    for one, process in _ended(processes):
        if amount := value(one):
            labels = (process, one.op, one.model, one.provider, *_whose(one, keyed))
            sums[labels] = sums.get(labels, 0.0) + amount
    return sums.items()


def _add(to: Spread, more: Spread) -> None:
    to.sum += more.sum
    for place, count in enumerate(more.counts):
        to.counts[place] += count


def _told(family: HistogramMetricFamily, groups: dict[tuple[str, ...], Spread], bounds: tuple[float, ...]) -> None:
    """As cumulative buckets. What never happened stays out: an embedding has no first token."""
    names = [floatToGoString(bound) for bound in (*bounds, float("inf"))]  # type: ignore[no-untyped-call]
    for labels, one in groups.items():
        total, buckets = 0, []
        for name, count in zip(names, one.counts, strict=True):
            total += count
            buckets.append((name, float(total)))
        if total:
            family.add_metric(labels, buckets, one.sum)
