"""The live calls of all gateways, for whoever operates them: what is under way, and an end to one.

Nobody keeps such a list: it is asked of all gateways at once, and each answers from the lines it holds anyway, so a call costs
nothing more. What a newcomer would get wrong: nothing of a live call is stored while it runs, so the one who can end it is the
gateway that holds its caller's line; that also ends a call whose agent is frozen.
"""

import asyncio
from contextlib import suppress

import msgspec
import structlog

from bus import subjects
from bus.cancel import ADMIN
from bus.lines import LAST_WORD_SECONDS, Lines
from bus.live_call import LiveCall
from bus.watch_teller import told_of
from bus.wire import Message
from schemas.problem import Problem
from schemas.watch import Running

log = structlog.get_logger()

PATIENCE = 0.5
"""Seconds a gateway may take to answer; one that has died is waited for in vain, until it is known to be gone."""
MOST = 5000
"""Calls that one gateway tells of."""


class Ask(msgspec.Struct, frozen=True, array_like=True):
    """What is asked of the gateways."""

    tenant: str = ""
    """Whose calls; empty: everybody's."""
    job: int = 0
    """One call; 0: all."""
    cancel: bool = False
    """End it, and answer when it has ended."""


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """What one gateway holds of that."""

    gateway: str
    calls: list[Running] = []
    cancelled: bool = False


_encode = msgspec.msgpack.Encoder().encode
_decode_ask, _decode = msgspec.msgpack.Decoder(Ask).decode, msgspec.msgpack.Decoder(Answer).decode


class Switchboard:
    """One gateway's; it answers for its own lines, and asks for all."""

    def __init__(self, lines: Lines) -> None:
        self.lines, self.bus, self.fleet = lines, lines.bus, lines.fleet

    async def start(self) -> None:
        await self.bus.listen(subjects.LINES, self._asked)

    # ---- asking ---------------------------------------------------------------------------------------------------

    async def calls(self, tenant: str = "", job: int = 0) -> list[Running]:
        """Calls under way or waiting for a slot. Of a gateway that does not answer in time none."""
        return [one for answer in await self._ask(Ask(tenant, job), PATIENCE) for one in answer.calls]

    async def cancel(self, job: int, tenant: str = "") -> bool | None:
        """End a call for an administrator. False: it ended otherwise in this moment; None: no gateway holds it."""
        answers = await self._ask(Ask(tenant, job, cancel=True), PATIENCE + LAST_WORD_SECONDS)
        found = [answer.cancelled for answer in answers if answer.calls]
        return any(found) if found else None

    async def _ask(self, asked: Ask, patience: float) -> list[Answer]:
        found: list[Answer] = []
        silent, enough = {*self.fleet.gateways(), self.lines.name}, asyncio.Event()

        def heard(message: Message) -> None:
            try:
                answer = _decode(message.data)
            except msgspec.MsgspecError:  # another version's
                return
            found.append(answer)
            silent.discard(answer.gateway)
            if not silent or (asked.cancel and answer.calls):
                enough.set()

        reply, token = self.bus.inbox()
        self.bus.expect(token, heard)
        try:
            self.bus.tell(subjects.LINES, _encode(asked), reply)
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await enough.wait()
        finally:
            self.bus.expect(token, None)
        return found

    # ---- answering ------------------------------------------------------------------------------------------------

    def _asked(self, message: Message) -> None:
        try:
            asked = _decode_ask(message.data)
        except msgspec.MsgspecError as error:
            log.warning("lines.unreadable", error=str(error))
            return
        held = self._held(asked)
        if asked.cancel and held:
            self.bus.spawn(self._cancel(held[0], message.reply))
        else:
            self._tell(message.reply, held)

    def _held(self, asked: Ask) -> list[LiveCall]:
        lines = self.lines.open
        some = [lines[asked.job]] if asked.job in lines else [] if asked.job else lines.values()
        return [one for one in some if not one.ended and asked.tenant in ("", one.job.tenant)][-MOST:]

    async def _cancel(self, call: LiveCall, reply: str) -> None:
        cancelled = False
        with suppress(Problem):  # the bus is away, and the answer could not go out either
            cancelled = await self.lines.end(call, ADMIN)
        log.info("call.cancelled" if cancelled else "call.ended_before", job=call.job.id, queue=call.queue)
        self._tell(reply, [call], cancelled)

    def _tell(self, reply: str, calls: list[LiveCall], cancelled: bool = False) -> None:
        told = [told_of(one.job, None, one.queue) for one in calls]
        with suppress(Problem):
            self.bus.tell(reply, _encode(Answer(self.lines.name, told, cancelled)))
