"""Whether the answer to a delivery still means the message that was delivered.

WORK and SCHED are written a moment late, so a server that was killed may have lost a message that it had handed out, while its
consumer remembers the hand-out; the next message then gets that sequence. What a newcomer would get wrong: an ack names a
sequence and no message. Sent for a lost one it is kept for whatever comes to stand there, which then nobody ever gets.
"""

from bus.connection import Bus


class Receipt:
    """One delivery's reply subject, good for as long as the connection it came by; after that it is looked at again."""

    __slots__ = ("losses", "reply", "subject")

    def __init__(self, bus: Bus, subject: str, reply: str) -> None:
        self.subject, self.reply, self.losses = subject, reply, bus.losses

    def good(self, bus: Bus) -> bool:
        """Whether it may be answered without another look."""
        return bool(self.reply) and self.losses == bus.losses

    async def answer(self, bus: Bus, verdict: bytes) -> None:
        """ACK, NAK …, if the message is still the one. Raises `Problem(UNAVAILABLE)` when that can't be found out."""
        if not self.good(bus):
            await self.look(bus)
        if self.reply:
            bus.tell(self.reply, verdict)

    async def look(self, bus: Bus) -> None:
        """After a loss of the connection: forget the reply of a message that is gone. Raises `Problem(UNAVAILABLE)`."""
        if not self.reply:
            return
        losses, words = bus.losses, self.reply.split(".")  # $JS.ACK.<stream>.<consumer>.<delivered>.<seq> …
        found = await bus.at(words[2], int(words[5]))
        if found is None or (found.headers or {}).get("Nats-Subject") != self.subject:
            self.reply = ""
        self.losses = losses
