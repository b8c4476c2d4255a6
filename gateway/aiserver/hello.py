"""The two that only try the line: `Hello`, and the sink for callbacks that tests of clients post to."""

from collections import OrderedDict

from gateway.aiserver._handlers import answers
from gateway.aiserver.call import Call
from schemas.dtos.base import DummyReplyTo, DummyReplyToResponse, HasDummyReplyTo, Hello, HelloResponse
from schemas.problem import Code, Problem

ROOM = 100
"""Callbacks that the sink remembers."""
_heard: OrderedDict[str, None] = OrderedDict()


@answers(Hello)
async def hello(asked: Hello, call: Call) -> HelloResponse:
    return HelloResponse(result=f"Hello, {asked.name}!")


@answers(DummyReplyTo)
async def dummy_reply_to(asked: DummyReplyTo, call: Call) -> DummyReplyToResponse:
    """Note that this callback came."""
    if asked.ref_id:
        _heard[asked.ref_id[:200]] = None
        while len(_heard) > ROOM:
            _heard.popitem(last=False)
    return DummyReplyToResponse(ref_id=asked.ref_id)


@answers(HasDummyReplyTo)
async def has_dummy_reply_to(asked: HasDummyReplyTo, call: Call) -> None:
    """Whether it came, once. Raises `Problem(NOT_FOUND)`."""
    if not asked.ref_id or asked.ref_id not in _heard:
        raise Problem(Code.NOT_FOUND, "No callback with this refId has come.", param="refId")
    del _heard[asked.ref_id]
