"""Numbers for what has names here: the dialect's clients know providers and keys by an `int` (32 bits, signed).

A number is made of the name by hashing, so it is the same in every process and after every restart, and nothing has to be
kept. What a newcomer would get wrong: two names may have one number (with a thousand names: 1 in 4,000). Then nobody is
meant by it, and whoever asks is told to take the name.
"""

import hashlib
from collections.abc import Iterable

from schemas.problem import Code, Problem


def number_of(name: str) -> int:
    """From 1 to 2**31 - 1."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % (2**31 - 1) + 1


def named(number: int, names: Iterable[str], what: str) -> str:
    """Whose number it is. Raises `Problem`: NOT_FOUND, CONFLICT."""
    found = [name for name in names if number_of(name) == number]
    if len(found) > 1:
        raise Problem(Code.CONFLICT, f"{number} stands for more than one {what}: {', '.join(found)}.", param="id")
    if not found:
        raise Problem(Code.NOT_FOUND, f"There is no {what} {number}.", param="id")
    return found[0]
