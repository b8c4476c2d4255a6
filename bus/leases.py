"""What a worker does each second for the jobs in its hands: deadlines, a durable job's lease, a live call's sign of life.

What a newcomer would get wrong: after a sleep longer than a lease another worker may have the job, so its run is only suspected
from then on: its lease is extended no more, and its claim is looked at before the commit.
"""

import contextlib
import time
from typing import TYPE_CHECKING

from bus.connection import Bus
from bus.live_run import LiveRun
from bus.puller import WIP
from bus.receipts import Receipt
from schemas.problem import Code, Fault, Problem

if TYPE_CHECKING:
    from bus.worker import Worker

ALIVE_EVERY = 2.0
WIP_EVERY = 4.0


def mind(worker: "Worker", beats: int, frozen: bool) -> None:
    """`beats`: seconds since the worker began; `frozen`: it stood still for longer than a lease."""
    clock, now = time.time(), time.monotonic()
    for run in list(worker.runs.values()):
        job = run.job
        if clock > job.deadline:
            run.cancel(Fault(Code.DEADLINE, "The job's deadline has passed."))
        elif not isinstance(run, LiveRun):
            run.suspect = run.suspect or frozen
            if beats % int(WIP_EVERY) == 0 and not run.suspect and run.receipt is not None:
                _extend(worker.bus, run.receipt)
        elif not worker.fleet.gateway_alive(job.reply.split(".")[1]):
            run.cancel(Fault(Code.CANCELLED, "The gateway that asked is gone."))
        elif now - run.quiet_since >= ALIVE_EVERY:
            run.keep_alive()


def _extend(bus: Bus, receipt: Receipt) -> None:
    """The lease of a delivery, as long as it is known to be the one."""
    if receipt.good(bus):
        bus.tell(receipt.reply, WIP)
    elif receipt.reply:
        bus.spawn(_extend_later(bus, receipt))


async def _extend_later(bus: Bus, receipt: Receipt) -> None:
    with contextlib.suppress(Problem):  # the next round asks again
        await receipt.answer(bus, WIP)
