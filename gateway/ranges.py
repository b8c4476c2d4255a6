"""What part of a file is asked for, and whether any of it: `Range`, `If-Range`, `If-None-Match` (RFC 9110). Pure.

What a newcomer would get wrong: a range we don't understand is no error, the whole file is the answer; only one that lies
behind the end of the file is refused.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class Part(NamedTuple):
    """The bytes from `start` to before `stop`, and the status that says so: 200, 206, 304 or 416."""

    status: int
    start: int
    stop: int

    def headers(self, size: int) -> dict[str, str]:
        if self.status == 206:
            return {"content-range": f"bytes {self.start}-{self.stop - 1}/{size}"}
        return {"content-range": f"bytes */{size}"} if self.status == 416 else {}


def part_of(headers: Mapping[str, str], size: int, etag: str) -> Part:
    """`headers` with lower-case names, `etag` with its quotes."""
    if _matches(headers.get("if-none-match", ""), etag):
        return Part(304, 0, 0)
    found = _RANGE.fullmatch(headers.get("range", "").replace(" ", ""))
    if found is None or headers.get("if-range", etag) != etag:
        return Part(200, 0, size)
    first, last = found.groups()
    if not first and not last:
        return Part(200, 0, size)
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < int(first):
            return Part(200, 0, size)
    return Part(206, start, stop) if start < stop else Part(416, 0, 0)


def _matches(header: str, etag: str) -> bool:
    return any(one.strip().removeprefix("W/") in (etag, "*") for one in header.split(",")) if header else False
