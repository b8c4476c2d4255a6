"""Standing pulls: the account of what is asked for stays right, whatever the server says or doesn't say."""

import asyncio
import os
import signal

import pytest
from bus_house import echo, house, request, until

from bus.connection import Bus, open_bus
from bus.puller import ACK, NAK, Puller
from bus.streams import declare, declare_consumer, live_consumer, work_consumer
from bus.wire import Message
from ops.embedded import EmbeddedNats
from schemas.events import Done
from schemas.problem import Problem


class Taker:
    """Takes up to `slots` messages and holds them until `let_go`."""

    def __init__(self, bus: Bus, slots: int, priority: int = 0, queue: str = "q") -> None:
        self.bus, self.slots = bus, slots
        self.held: list[Message] = []
        self.refused = 0
        self.puller = Puller(bus, "LIVE", f"live-{queue}", self.take, lambda: self.slots - len(self.held), priority)

    def take(self, message: Message) -> None:
        if len(self.held) >= self.slots:
            self.refused += 1
            self.bus.tell(message.reply, NAK)
            return
        self.held.append(message)

    def let_go(self) -> None:
        for message in self.held:
            self.bus.tell(message.reply, ACK)
        self.held.clear()
        self.puller.kick()


async def publish(bus: Bus, *numbers: int) -> None:
    for number in numbers:
        await bus.keep(f"live.q.t.{number}", b"x")


async def waiting(bus: Bus) -> int:
    return int((await bus.api("CONSUMER.INFO.LIVE.live-q"))["num_waiting"])


@pytest.fixture
async def queue(bus: Bus) -> Bus:
    await declare_consumer(bus, "LIVE", live_consumer("q"))
    return bus


async def test_no_more_is_asked_for_than_there_is_room(queue: Bus) -> None:
    taker = Taker(queue, 3)
    await taker.puller.start()
    await publish(queue, *range(10))
    await until(lambda: len(taker.held) == 3)
    assert (taker.puller.open, taker.refused) == (0, 0)
    for _ in range(4):
        taker.let_go()
        await until(lambda: taker.held or taker.puller.open == 3)
    await until(lambda: taker.puller.open == 3)
    assert taker.refused == 0


async def test_the_account_is_right_after_requests_have_expired(queue: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bus.puller.EXPIRES", 0.4)
    monkeypatch.setattr("bus.puller.BEAT", 0.1)
    taker = Taker(queue, 4)
    asked: list[int] = []
    lapsed = taker.puller._lapsed
    monkeypatch.setattr(taker.puller, "_lapsed", lambda *told: (asked.append(taker.puller.open), lapsed(*told)))
    await taker.puller.start()
    await publish(queue, 1)
    await until(lambda: len(taker.held) == 1)
    await until(lambda: len(asked) >= 3)
    assert taker.puller.open == 3
    assert await waiting(queue) <= 3
    await publish(queue, 2, 3, 4, 5)
    await until(lambda: len(taker.held) == 4)
    assert taker.refused == 0
    assert taker.puller.open == 0


async def test_what_comes_over_is_given_back_and_goes_to_another(queue: Bus) -> None:
    full, free = Taker(queue, 2), Taker(queue, 2)
    await full.puller.start()
    await until(lambda: full.puller.open == 2)
    full.slots = 0  # its slots went to the other pull in the meantime
    await free.puller.start()
    await publish(queue, 1, 2)
    await until(lambda: len(free.held) == 2)
    assert not full.held
    assert full.puller.open == 0 or full.refused == 0


async def test_the_lower_number_is_served_first_and_the_other_when_it_is_full(queue: Bus) -> None:
    first, second = Taker(queue, 2, priority=0), Taker(queue, 2, priority=5)
    await second.puller.start()
    await first.puller.start()
    await until(lambda: first.puller.open == second.puller.open == 2)
    await queue.api("INFO")
    await publish(queue, 1, 2, 3)
    await until(lambda: len(first.held) + len(second.held) == 3)
    assert (len(first.held), len(second.held)) == (2, 1)


async def test_a_consumer_that_was_deleted_is_noticed(queue: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bus.puller.BEAT", 0.2)
    taker = Taker(queue, 2)
    await taker.puller.start()
    await until(lambda: taker.puller.open == 2)
    await queue.api("CONSUMER.DELETE.LIVE.live-q")
    await until(lambda: taker.puller.missing)
    await declare_consumer(queue, "LIVE", live_consumer("q"))
    await publish(queue, 1)
    await until(lambda: taker.held)
    taker.slots = 1
    assert taker.refused == 0


async def test_a_reconnect_begins_a_new_account_with_one_inbox(server: EmbeddedNats) -> None:
    async with open_bus(server.link, "test") as bus:
        await declare(bus)
        await declare_consumer(bus, "WORK", work_consumer("q", 10))
        held: list[Message] = []
        puller = Puller(bus, "WORK", "work-q", held.append, lambda: 3 - len(held), 0)
        await puller.start()
        ears, inbox = len(bus.ears), puller._inbox
        for _ in range(3):  # several at once, as when the watchdog and the reconnect meet
            puller._lost()
        await until(lambda: puller._inbox not in ("", inbox))
        await until(lambda: len(bus.ears) == ears)
        inbox = puller._inbox
        os.kill(server.pid, signal.SIGKILL)
        await until(lambda: server.restarts == 1)
        await until(lambda: puller._inbox not in ("", inbox) and puller.open == 3)
        assert len(bus.ears) == ears
        for number in range(5):
            await bus.keep(f"work.q.t.{number}.1", b"x")
        await until(lambda: len(held) == 3)
        assert puller.open == 0


async def test_a_stopped_puller_gives_its_place_to_others(queue: Bus) -> None:
    leaving, staying = Taker(queue, 5, priority=0), Taker(queue, 5, priority=5)
    await leaving.puller.start()
    await staying.puller.start()
    await until(lambda: leaving.puller.open == staying.puller.open == 5)
    await leaving.puller.stop()
    await publish(queue, 1, 2, 3)
    await until(lambda: len(staying.held) == 3)
    assert not leaving.held
    assert leaving.puller._ear not in queue.ears


async def test_a_worker_declares_its_deleted_consumers_again(
    server: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bus.puller.BEAT", 0.2)
    async with house(server.link) as made:
        await made.worker(echo)
        await made.bus.api("CONSUMER.DELETE.LIVE.live-one")
        await made.bus.api("CONSUMER.DELETE.WORK.work-one")

        async def again() -> bool:
            call = await made.dispatcher.live(request(made))
            try:
                async with asyncio.timeout(3):
                    return isinstance(await call.next(), Done)
            except (TimeoutError, Problem):
                return False
            finally:
                call.close()

        async with asyncio.timeout(8):
            while not await again():
                pass
