"""The yardstick: the least a process between caller and provider can do. It copies bytes both ways and knows no HTTP.

No gateway can be faster than this on the same machine in the same minute, so a ratio to it means something where an
absolute figure does not. Run: `python -m ops.bench.relay PORT`; it prints its own port.
"""

import asyncio
import sys
from typing import ClassVar, cast

import uvloop


class Side(asyncio.Protocol):
    """One end of the pipe. What comes before the other end is there waits."""

    def __init__(self) -> None:
        self.other: Side | None = None
        self.transport: asyncio.Transport | None = None
        self.early = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self.other and self.other.transport:
            self.other.transport.write(data)
        else:
            self.early += data

    def connection_lost(self, _: Exception | None) -> None:
        self.transport = None
        if self.other and self.other.transport:
            self.other.transport.close()


class Front(Side):
    target = 0
    tasks: ClassVar[set[asyncio.Task[None]]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        task = asyncio.get_running_loop().create_task(self.reach())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def reach(self) -> None:
        _, back = await asyncio.get_running_loop().create_connection(Side, "127.0.0.1", Front.target)
        back.other, self.other = self, back
        if back.transport and self.early:
            back.transport.write(self.early)


async def serve(target: int) -> None:
    Front.target = target
    server = await asyncio.get_running_loop().create_server(Front, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
