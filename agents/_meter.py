"""What an answer has cost so far: the provider's own count, else a guess that says it is one.

A `Meter` belongs to one job. What a newcomer would get wrong: nothing is counted before a request has gone out (`sent`), nor
for one that was refused.
"""

from collections.abc import Callable

from schemas.events import Usage
from schemas.problem import Problem


class Meter:
    """What one answer has cost so far. The worker reads it when it hangs up or when the answer broke."""

    __slots__ = ("_count_in", "_in", "chars_out", "known", "sent")

    def __init__(self) -> None:
        self.sent = False
        """A request has gone out and was not refused: the provider may have begun to count."""
        self.chars_out = 0
        self.known: Usage | None = None
        """What the provider itself has counted."""
        self._count_in: Callable[[], int] | None = None
        self._in = -1
        """The estimate, once it was asked for: who watches asks each second."""

    def start(self, count_in: Callable[[], int]) -> None:
        """`count_in` estimates the tokens of the prompt; it is called only when the figure is wanted."""
        self._count_in, self._in = count_in, -1

    def usage(self) -> Usage:
        """The provider's count if there is one, else 4 characters a token, flagged as estimated."""
        if self.known is not None:
            return self.known
        if not self.sent:
            return Usage()
        if self._in < 0:
            self._in = self._count_in() if self._count_in else 0
        return Usage(tokens_in=self._in, tokens_out=tokens(self.chars_out), estimated=True)


def tokens(chars: int) -> int:
    """A rough count: 4 characters a token, rounded up."""
    return -(-chars // 4)


class Broken(Problem):
    """A failure after the answer began. `usage` is what it had cost by then."""

    usage: Usage = Usage()
