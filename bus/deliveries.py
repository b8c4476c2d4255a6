"""What a worker's pulls bring: live calls, queued jobs, and those of the lane in front; each is begun, parked or given back.

What a newcomer would get wrong: LIVE messages are acked here, when a slot takes them, for a sync call is tried at most once;
a queued job's message is acked by its run, last of all.
"""

import asyncio
import time
from typing import TYPE_CHECKING

import structlog

from bus.durable_run import DurableRun
from bus.live_run import LiveRun
from bus.puller import ACK, NAK, Puller
from bus.receipts import Receipt
from bus.run import Run
from bus.wire import Message
from schemas.job import Job, decode_job

if TYPE_CHECKING:
    from bus.worker import Worker

log = structlog.get_logger()


class Deliveries:
    """One worker's."""

    def __init__(self, worker: "Worker") -> None:
        self.worker, self.room, self.bus = worker, worker.room, worker.bus
        self.misled = 0
        """Deliveries that were another queue's (`_is_foreign`)."""
        self.live = self.work = self.first = 0
        """How many wait behind the last delivery: in LIVE, in WORK, and in WORK's lane in front."""
        room, queue, priority = worker.room, worker.queue, worker.provider.priority
        self.pullers = [
            Puller(self.bus, "LIVE", f"live-{queue}", self._took_live, room.live, priority),
            Puller(self.bus, "WORK", f"first-{queue}", self._took_first, room.first, priority),
            Puller(self.bus, "WORK", f"work-{queue}", self._took_work, room.work, priority),
        ]

    async def start(self) -> None:
        for puller in self.pullers:
            await puller.start()

    async def stop(self) -> None:
        """Ask for nothing more. What is on its way still comes."""
        await asyncio.gather(*(puller.stop() for puller in self.pullers))

    def kick(self) -> None:
        """There may be room. Each call that ends asks for this, so a pull of queued jobs that stands for more than half of our
        slots, and so can't be topped up, isn't even looked at."""
        live, *queued = self.pullers
        live.kick()
        for puller in queued:
            if 2 * puller.open <= self.room.share:
                puller.kick()

    @property
    def waiting(self) -> int:
        return self.live + self.work + self.first

    def calm(self) -> None:
        """Nothing is in hand, so nothing waits."""
        self.live = self.work = self.first = 0

    @property
    def missing(self) -> bool:
        """A consumer is not there."""
        return any(puller.missing for puller in self.pullers)

    def declared(self) -> None:
        """The consumers are there."""
        for puller in self.pullers:
            puller.missing = False

    # ---- taking ---------------------------------------------------------------------------------------------------

    def _took_live(self, message: Message) -> None:
        parks = self.room.begins() <= 0
        if parks and self.room.parks() <= 0:
            self.room.turns.refused_live = True
            self.bus.tell(message.reply, NAK)
            return
        self.bus.tell(message.reply, ACK)
        self.live = _pending(message.reply)
        if parks:
            self._park(decode_job(message.data))
            return
        self.room.turns.began_live()
        self._begin(decode_job(message.data), None, 1)

    def _took_first(self, message: Message) -> None:
        if self._is_foreign(message):
            return
        if self.room.queued() <= 0:
            self.room.turns.refused_work = True
            self.room.front.refused()
            self.bus.tell(message.reply, NAK)
            return
        self.first = _pending(message.reply)
        self.room.turns.began_work()
        self.room.front.began(self.first)
        self._begin(decode_job(message.data), self._receipt(message), _delivered(message.reply))

    def _took_work(self, message: Message) -> None:
        if self._is_foreign(message):
            return
        if self.room.work() <= 0:
            self.room.turns.refused_work = True
            self.bus.tell(message.reply, NAK)
            return
        self.work = _pending(message.reply)
        self.room.turns.began_work()
        self._begin(decode_job(message.data), self._receipt(message), _delivered(message.reply))

    def _receipt(self, message: Message) -> Receipt:
        return Receipt(self.bus, message.subject, message.reply)

    def _is_foreign(self, message: Message) -> bool:
        """Another queue's message, under the sequence of one of ours that a killed server has lost: not ours to answer."""
        if message.subject.split(".", 2)[1] == self.worker.queue:
            return False
        self.misled += 1
        log.warning("job.foreign", subject=message.subject, queue=self.worker.queue)
        return True

    # ---- beginning ------------------------------------------------------------------------------------------------

    def _park(self, job: Job) -> None:
        """A call that waited for a provider which cools now: it holds no slot, and goes on as soon as it can."""
        worker, room = self.worker, self.room
        run = LiveRun(worker, job)
        run.holds = False
        worker.runs[job.id] = run
        room.parked += 1

        async def move() -> None:
            try:
                await run.move(room.breaker.reason)
            finally:
                room.parked -= 1
                worker.forget(run)

        run.task = asyncio.get_running_loop().create_task(move())

    def _begin(self, job: Job, receipt: Receipt | None, delivered: int) -> None:
        worker, room = self.worker, self.room
        known = worker.runs.get(job.id)
        if known is not None and known.job.attempt >= job.attempt:
            if known.job.attempt == job.attempt:  # the lease was lost, but the run goes on here
                known.receipt = receipt
            elif receipt is not None:
                # A late message of an earlier attempt: to take it for ours would leave ours without an answer.
                self.bus.tell(receipt.reply, ACK)
            return
        run: Run = (DurableRun if job.durable else LiveRun)(worker, job, receipt, delivered)
        worker.runs[job.id] = run
        room.holding += 1
        room.breaker.began(job.id, time.time())
        run.estimate = len(job.body) // 4
        room.pace.took(run.estimate)
        run.task = asyncio.get_running_loop().create_task(worker.work_on(run))


def _delivered(reply: str) -> int:
    """How often it was delivered: `$JS.ACK.<stream>.<consumer>.<delivered>.<seq>.<seq>.<time>.<pending>`."""
    return int(reply.split(".")[4])


def _pending(reply: str) -> int:
    """How many messages wait behind this one."""
    return int(reply.split(".")[8])
