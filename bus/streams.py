"""Every stream, bucket and consumer with its lifetime. Declaring twice changes nothing, so any process may start first.

Only what carries a promise pays for an fsync (JOBS, REQ, LOG, CONFIG, when the server runs with `sync_interval: always`);
WORK, SCHED and CLAIMS are written asynchronously: a killed server loses their last 50 ms, and the keeper rebuilds them
from JOBS. A WORK message is the receipt of an unfinished job: it is acked only after commit, record and callback are out.
"""

import asyncio
from typing import Any

import structlog

from bus.acks import ApiError
from bus.connection import Bus
from schemas.problem import Problem

log = structlog.get_logger()

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE
MB = 1024 * 1024

ACK_WAIT = 15.0
"""Seconds a worker may be silent before its job goes to another (it says `in progress` every 4)."""
DONE_TTL = 7 * 86400
"""Seconds a finished job can be asked for."""

Config = dict[str, Any]


def _stream(name: str, subjects: list[str], **more: Any) -> Config:
    base: Config = {
        "name": name,
        "subjects": subjects,
        "retention": "limits",
        "storage": "file",
        "num_replicas": 1,
        "discard": "old",
        "max_age": 0,
        "duplicate_window": 2 * MINUTE,
        "allow_direct": True,
    }
    return base | more


def _bucket(name: str, **more: Any) -> Config:
    base: Config = {
        "max_msgs_per_subject": 1,
        "discard": "new",
        "allow_rollup_hdrs": True,
        "deny_delete": False,
        "allow_msg_ttl": True,
    }
    return _stream(f"KV_{name}", [f"$KV.{name}.>"], **(base | more))


ASYNC = {"persist_mode": "async"}
COUNTER = {"allow_msg_counter": True, "max_msgs_per_subject": 1}
WORKQUEUE = {"retention": "workqueue", "discard": "new"}

STREAMS: tuple[Config, ...] = (
    _stream(
        "LIVE", ["live.>"], **WORKQUEUE, storage="memory", max_age=10 * MINUTE, max_msgs=50_000, max_bytes=192 * MB
    ),
    _stream(
        "WORK",
        ["work.>", "first.>"],
        **WORKQUEUE,
        **ASYNC,
        max_msgs=500_000,
        max_msgs_per_subject=1,
        discard_new_per_subject=True,
        duplicate_window=30 * MINUTE,
    ),
    _stream("REQ", ["req.>"], **WORKQUEUE, max_msgs=100_000, max_bytes=2048 * MB, duplicate_window=30 * MINUTE),
    # Message scheduling can't be combined with `discard: new` (error 10052), so SCHED has a stream of its own.
    _stream(
        "SCHED",
        ["sched.>", "due.>"],
        retention="workqueue",
        **ASYNC,
        allow_msg_schedules=True,
        allow_msg_ttl=True,
        duplicate_window=30 * MINUTE,
    ),
    _stream(
        "EVENTS",
        ["evt.>"],
        storage="memory",
        max_age=15 * MINUTE,
        max_msgs_per_subject=8192,
        max_bytes=192 * MB,
        # A plain subscriber of `evt.` would see no sequence, which is what a reader resumes from.
        republish={"src": "evt.>", "dest": "evtr.>"},
    ),
    _stream("LOG", ["log.>"], max_age=60 * DAY, duplicate_window=30 * MINUTE, compression="s2"),
    _bucket("JOBS", republish={"src": "$KV.JOBS.>", "dest": "jobev.>", "headers_only": True}, max_msgs=5_000_000),
    _bucket("CONFIG", max_msgs_per_subject=10, republish={"src": "$KV.CONFIG.>", "dest": "cfgev.>"}),
    _bucket("FILES"),
    _bucket("BATCHES"),
    _bucket("PARTIALS"),
    _bucket("SAVED"),
    # The object store's bucket BLOBS, as its other clients would make it, and with TTLs, by which a dropped blob leaves
    # no mark; `storage/objects.py` has the other end of this.
    _stream("OBJ_BLOBS", ["$O.BLOBS.C.>", "$O.BLOBS.M.>"], discard="new", allow_rollup_hdrs=True, allow_msg_ttl=True),
    # Pictures made on the fly. How large it may get says the gateway (`files.variant_bytes`).
    _bucket("VARIANTS", **ASYNC, discard="old", max_age=7 * DAY),
    _bucket("CLAIMS", **ASYNC, discard="old", max_age=2 * DAY),
    _bucket("LEASES", storage="memory", discard="old"),
    _bucket("KEYUSE", **ASYNC, discard="old"),
    # Counters can have neither message TTLs nor `discard: new` (error 10052). A minute's need not survive the server.
    _stream("COUNT", ["count.day.>", "count.month.>"], **COUNTER, max_age=40 * DAY),
    _stream("COUNT_MINUTE", ["count.req.>", "count.tok.>"], **COUNTER, storage="memory", max_age=5 * MINUTE),
    _bucket("CACHE", storage="memory", discard="old", max_bytes=64 * MB, max_msg_size=MB + 65536),
)

INTAKE: Config = {
    "durable_name": "intake",
    "ack_policy": "explicit",
    "ack_wait": 20 * SECOND,
    "max_ack_pending": 512,
    "max_deliver": -1,
    "filter_subject": "req.>",
}
PROMOTER: Config = {
    "durable_name": "promoter",
    "ack_policy": "explicit",
    "ack_wait": 10 * SECOND,
    "max_ack_pending": 1000,
    "max_deliver": -1,
    "filter_subject": "due.>",
}
GROUP = "g"
"""Priority group of every queue's consumer: a provider's priority is its pull priority."""


def live_consumer(queue: str) -> Config:
    """LIVE is acked on receipt, so the wait covers only the way to the agent."""
    return {
        "durable_name": f"live-{queue}",
        "ack_policy": "explicit",
        "ack_wait": 5 * SECOND,
        "max_ack_pending": 10_000,
        "max_deliver": -1,
        "max_waiting": 4096,
        "filter_subject": f"live.{queue}.>",
        "priority_policy": "prioritized",
        "priority_groups": [GROUP],
    }


LANES = ("first", "work")
"""Of stream WORK: what goes first, and what has time. The word begins the subjects and the names of the consumers."""


def work_consumer(queue: str, slots: int, lane: str = "work") -> Config:
    """`slots` (of all the queue's providers) is the second wall: the server hands out no more at a time."""
    return {
        "durable_name": f"{lane}-{queue}",
        "ack_policy": "explicit",
        "ack_wait": int(ACK_WAIT * SECOND),
        "max_ack_pending": max(1, slots),
        "max_deliver": -1,
        "max_waiting": 4096,
        "filter_subject": f"{lane}.{queue}.>",
        "priority_policy": "prioritized",
        "priority_groups": [GROUP],
    }


async def declare(bus: Bus) -> None:
    """Create what is missing, update what differs. Several processes may do this at once."""
    await asyncio.gather(*(_declare_stream(bus, config) for config in STREAMS))
    await asyncio.gather(
        declare_consumer(bus, "REQ", INTAKE),
        declare_consumer(bus, "SCHED", PROMOTER),
    )


def declare_again(bus: Bus) -> None:
    """Declare after each reconnect too: LIVE, EVENTS and LEASES live in memory, and a restarted server has lost them."""

    async def again() -> None:
        for _ in range(60):
            try:
                await declare(bus)
                return
            except (ApiError, Problem) as error:  # JetStream comes up a moment after the connection
                log.info("streams.declare_failed", error=str(error))
                await asyncio.sleep(0.25)

    def start() -> None:
        bus.spawn(again())

    bus.on_reconnect.append(start)


_TAKEN = 10058
_NO_MEMORY = 10028
"""Two that create one stream at the same moment both reserve its memory, until one of them is refused."""


async def _declare_stream(bus: Bus, config: Config) -> None:
    name = config["name"]
    for _ in range(20):  # another process may create it between our two calls
        try:
            found = (await bus.api(f"STREAM.INFO.{name}"))["config"]
            # persist_mode can't be changed on a live stream: an existing one keeps the durability it was made with.
            wanted = {**config, "persist_mode": found.get("persist_mode", "default")}
            if any(found.get(field, _ABSENT.get(field)) != value for field, value in wanted.items()):
                await bus.api(f"STREAM.UPDATE.{name}", {**found, **wanted})
            return
        except ApiError as error:
            if error.err_code != 10059:
                raise
        try:
            await bus.api(f"STREAM.CREATE.{name}", config)
            return
        except ApiError as error:
            if error.err_code not in (_TAKEN, _NO_MEMORY):
                raise
            await asyncio.sleep(0.02)
    raise ApiError(500, 0, f"stream {name} could not be declared")


_ABSENT: Config = {
    "persist_mode": "default",
    "deny_delete": False,
    "max_age": 0,
    "compression": "none",
}


async def declare_consumer(bus: Bus, stream: str, config: Config) -> None:
    """Create or update a durable pull consumer."""
    await bus.api(
        f"CONSUMER.CREATE.{stream}.{config['durable_name']}.{config['filter_subject']}",
        {"stream_name": stream, "config": config, "action": ""},
    )
