"""A LOG message as large as a page of the archiver's reading."""

from bus.connection import Bus
from ops.log_reader import LogReader
from schemas.log import RequestLog, encode_logs
from storage.parts import Mark


def line(job: int, size: int) -> bytes:
    row = RequestLog(
        job=job,
        created=1.0,
        tenant="t",
        key="k",
        op="chat",
        style="sync",
        stream=False,
        model="m",
        outcome="done",
        status=200,
        response="x" * size,
    )
    return encode_logs([row])


async def test_a_row_of_more_than_a_page_does_not_stop_the_archiver(bus: Bus) -> None:
    for job, size in ((1, 10), (2, 10), (3, 1_500_000), (4, 10)):
        await bus.keep("log.t.chat", line(job, size))
    reader, found = LogReader(bus), []
    mark = Mark()
    for _ in range(4):
        batch = await reader.after(mark, limit=1)
        found += [row[0] for row in batch.rows]
        mark = Mark(epoch="e", seq=batch.last, time=batch.stamp)
    assert found == [1, 2, 3, 4]
