"""Pressing an address: with `wrk` where it is installed, else with our own callers (`load.py`).

wrk takes less of the two cores that we measure on. It leaves without waiting for its last answers, so up to one request a
connection is sent and recorded but not counted by it.
"""

import asyncio
import json
import math
import shutil
import sys
from pathlib import Path

import msgspec

from ops.bench.load import Load, Task

SCRIPT = """
wrk.method = %s
wrk.path = %s
wrk.body = %s
%s
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format("RESULT %%d %%d %%d %%d %%f %%f\\n", summary.requests, summary.duration,
    e.connect + e.read + e.write + e.timeout, e.status, latency:percentile(50), latency:percentile(99)))
end
"""


async def press(task: Task, folder: Path) -> Load:
    """Raises RuntimeError when the tool itself fails."""
    return await _wrk(task, folder) if shutil.which("wrk") and not task.streams else await ours(task)


async def ours(task: Task) -> Load:
    """Our own callers: every answer is read to its end."""
    return (await in_turns([task], task.seconds))[0]


async def in_turns(tasks: list[Task], seconds: float) -> list[Load]:
    """Our own caller, asking one after the other for so many seconds: what the tasks' answers took, in their order."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ops.bench.load"), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    timed = [msgspec.structs.replace(task, seconds=seconds) for task in tasks]
    out = await _talk(child, msgspec.json.encode(timed), seconds + 90)
    return msgspec.json.decode(out, type=list[Load])


async def _wrk(task: Task, folder: Path) -> Load:
    script = folder / "wrk.lua"
    headers = "\n".join(
        f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}"
        for name, value in {"Content-Type": "application/json", **task.headers}.items()
    )
    script.write_text(SCRIPT % (json.dumps(task.method), json.dumps(task.path), json.dumps(task.body), headers))
    seconds = math.ceil(task.seconds)
    words = ["wrk", "-t1", f"-c{task.connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(script)]
    child = await asyncio.create_subprocess_exec(
        *words, f"http://127.0.0.1:{task.port}{task.path}", stdout=asyncio.subprocess.PIPE
    )
    out = await _talk(child, b"", seconds + 60)
    line = next((line for line in out.decode().splitlines() if line.startswith("RESULT")), "")
    if not line:
        raise RuntimeError(f"wrk told nothing: {out.decode()[-500:]}")
    requests, micros, broken, refused, p50, p99 = (float(word) for word in line.split()[1:])
    return Load(
        requests=int(requests), seconds=micros / 1e6, errors=int(broken + refused), p50=p50 / 1000, p99=p99 / 1000
    )


async def _talk(child: asyncio.subprocess.Process, text: bytes, seconds: float) -> bytes:
    try:
        out, _ = await asyncio.wait_for(child.communicate(text or None), seconds)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode:
        raise RuntimeError(f"the load generator ended with {child.returncode}: {out.decode()[-500:]}")
    return out
