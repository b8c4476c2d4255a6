"""The gateway's own socket."""

import asyncio
import socket

from ops.serving import listen


async def test_an_answer_does_not_wait_for_the_ack_of_its_head() -> None:
    """Head and body leave as two writes: with Nagle's algorithm the second waits 40 ms for the client, on every call."""
    seen = asyncio.get_running_loop().create_future()

    async def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    listener = listen("127.0.0.1", 0)
    async with await asyncio.start_server(connected, sock=listener):
        _, writer = await asyncio.open_connection(*listener.getsockname())
        assert await seen
        writer.close()
        await writer.wait_closed()
