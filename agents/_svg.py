"""SVG to PNG in a process of its own: `python -m agents._svg`, the SVG on stdin, the PNG on stdout.

An SVG is a program: a few hundred bytes of nested `<use>` keep a renderer busy for hours, and no flag stops it. So it runs
where it can be killed, with limits on time and memory. What a newcomer would get wrong: it is never loaded from a file, for
then it could name the files beside it.
"""

import asyncio
import resource
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from schemas.problem import Code, Problem

MAX_BYTES = 5 * 1024 * 1024
MAX_PIXELS = 25_000_000
SECONDS = 10
"""For one drawing; its processor time has the same limit."""
MEMORY = 2 * 1024 * 1024 * 1024
"""Bytes of address space: libraries and two times the largest drawing."""
_HOUSE = Path(__file__).parent.parent
_EMPTY = 3
_LARGE = 4


async def drawn(svg: bytes, param: str) -> bytes:
    """The drawing as a PNG of the size that it gives itself. Raises `Problem` that names `param`."""
    if len(svg) > MAX_BYTES:
        raise Problem(Code.TOO_LARGE, f"The SVG in '{param}' has more than {MAX_BYTES // 1_000_000} MB.", param=param)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agents._svg", stdin=-1, stdout=-1, stderr=-3, start_new_session=True, cwd=_HOUSE
    )
    try:
        async with asyncio.timeout(SECONDS):
            png, _ = await process.communicate(svg)
    except TimeoutError as error:
        raise _bad(param, f"takes longer than {SECONDS} s to draw") from error
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await asyncio.shield(process.wait())
    if process.returncode == _LARGE:
        sentence = f"The SVG in '{param}' is larger than {MAX_PIXELS // 1_000_000} million pixels."
        raise Problem(Code.TOO_LARGE, sentence, param=param)
    if process.returncode or not png:
        raise _bad(param, "can't be drawn")
    return png


def _bad(param: str, why: str) -> Problem:
    return Problem(Code.INVALID_REQUEST, f"The SVG in '{param}' {why}.", param=param)


def main() -> int:
    """Reads, draws, writes. The exit code says what was wrong."""
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    import pyvips

    pyvips.concurrency_set(1)
    pyvips.operation_block_set("VipsForeignLoad", True)
    pyvips.operation_block_set("VipsForeignLoadSvg", False)
    try:
        image: Any = pyvips.Image.svgload_buffer(sys.stdin.buffer.read(MAX_BYTES + 1))
        if image.width * image.height > MAX_PIXELS:
            return _LARGE
        sys.stdout.buffer.write(image.write_to_buffer(".png", compression=1, keep="none"))
    except pyvips.Error:
        return _EMPTY
    return 0


if __name__ == "__main__":
    sys.exit(main())
