"""What a process leaves out to work less, and that nobody sees it."""

import subprocess
import sys

_ROLE = """
import asyncio, duckdb
from ops import lean

lean.SETTLED = 0.0

async def role():
    lean.collect_rarely(asyncio.get_running_loop())
    await asyncio.sleep(0.01)
    lean.collect_all()

asyncio.run(role())
"""


def test_a_process_ends_without_a_word_from_its_libraries() -> None:
    """What the garbage collector never sees counts as leaked: DuckDB then writes fifty lines at the end of each `up`."""
    done = subprocess.run([sys.executable, "-c", _ROLE], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
