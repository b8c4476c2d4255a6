"""Which function answers which request of the dialect. The files of this folder register theirs when they are imported.

What a newcomer would get wrong: a handler of an AutoQuery request (`Query…`) returns all its rows; `query.py` filters, orders
and pages them.
"""

from collections.abc import Callable
from typing import TypeVar

from gateway.aiserver.call import Handle, Handler

HANDLERS: dict[type, Handler] = {}

H = TypeVar("H", bound=Handle)


def answers(*kinds: type, raw: bool = False) -> Callable[[H], H]:
    """This function answers requests of these kinds. `raw`: it reads the body itself."""

    def registered(handle: H) -> H:
        for kind in kinds:
            HANDLERS[kind] = Handler(handle, raw)
        return handle

    return registered
