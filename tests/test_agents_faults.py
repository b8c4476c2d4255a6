"""Every way a provider fails or answers oddly, as a stream and in one piece: a typed problem, or a whole answer."""

import json
import time
from collections.abc import AsyncIterator

import pytest
from chat_kit import KEY, chunks, done, job, play, provider, text
from fake_provider import FakeProvider
from fake_scripts import ARGUMENTS, SCRIPTS

from agents._http import Http
from agents.agent import Tools
from schemas.events import Done, Usage
from schemas.problem import Code


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    async with Http() as client:
        yield client


@pytest.fixture
async def fake() -> AsyncIterator[FakeProvider]:
    async with FakeProvider(key=KEY) as provider:
        yield provider


# script: code in one piece, code as a stream, chunks that got through
FAULTS: dict[str, tuple[Code, Code, int]] = {
    "reset": (Code.PROVIDER_UNREACHABLE, Code.PROVIDER_UNREACHABLE, 0),
    "reset-body": (Code.PROVIDER_UNREACHABLE, Code.STREAM_BROKEN, 3),
    "cut": (Code.PROVIDER_UNREACHABLE, Code.STREAM_BROKEN, 3),
    "cut-first": (Code.PROVIDER_UNREACHABLE, Code.PROVIDER_UNREACHABLE, 0),
    "unfinished": (Code.PROVIDER_UNREACHABLE, Code.STREAM_BROKEN, 3),
    "401": (Code.PROVIDER_AUTH, Code.PROVIDER_AUTH, 0),
    "403": (Code.PROVIDER_AUTH, Code.PROVIDER_AUTH, 0),
    "404": (Code.PROVIDER_REFUSED, Code.PROVIDER_REFUSED, 0),
    "413": (Code.PROVIDER_REFUSED, Code.PROVIDER_REFUSED, 0),
    "429": (Code.PROVIDER_RATE_LIMITED, Code.PROVIDER_RATE_LIMITED, 0),
    "429-date": (Code.PROVIDER_RATE_LIMITED, Code.PROVIDER_RATE_LIMITED, 0),
    "500": (Code.PROVIDER_ERROR, Code.PROVIDER_ERROR, 0),
    "503": (Code.PROVIDER_ERROR, Code.PROVIDER_ERROR, 0),
    "529": (Code.PROVIDER_ERROR, Code.PROVIDER_ERROR, 0),
    "redirect": (Code.PROVIDER_ERROR, Code.PROVIDER_ERROR, 0),
    "slow": (Code.PROVIDER_TIMEOUT, Code.PROVIDER_TIMEOUT, 0),
    "stall": (Code.PROVIDER_TIMEOUT, Code.STREAM_BROKEN, 3),
    "stall-first": (Code.PROVIDER_TIMEOUT, Code.PROVIDER_TIMEOUT, 0),
    "malformed": (Code.PROVIDER_GARBLED, Code.STREAM_BROKEN, 3),
    "malformed-first": (Code.PROVIDER_GARBLED, Code.PROVIDER_GARBLED, 0),
    "html": (Code.PROVIDER_GARBLED, Code.PROVIDER_GARBLED, 0),
    "not-http": (Code.PROVIDER_GARBLED, Code.PROVIDER_GARBLED, 0),
    "error-inside": (Code.PROVIDER_ERROR, Code.STREAM_BROKEN, 3),
    "error-first": (Code.PROVIDER_ERROR, Code.PROVIDER_ERROR, 0),
}
WHOLE = ["m", *(name for name in SCRIPTS if name not in FAULTS)]


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("script", FAULTS)
async def test_every_fault_is_a_typed_problem(fake: FakeProvider, http: Http, script: str, stream: bool) -> None:
    tools = Tools(http, provider(fake.url), key=KEY)
    began = time.monotonic()
    events, problem = await play(job(script, stream), tools)
    assert problem is not None
    assert (problem.code, len(chunks(events))) == (
        (FAULTS[script][1], FAULTS[script][2]) if stream else (FAULTS[script][0], 0)
    )
    assert not any(isinstance(event, Done) for event in events)
    assert time.monotonic() - began < 2
    assert problem.fault.provider == "acme"
    if problem.code is Code.STREAM_BROKEN:
        assert getattr(problem, "usage", None) == Usage(tokens_in=4, tokens_out=2, estimated=True)


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("script", [*FAULTS, "no-stream-options"])
async def test_no_fault_shows_the_key(fake: FakeProvider, http: Http, script: str, stream: bool) -> None:
    _, problem = await play(job(script, stream), Tools(http, provider(fake.url), key=KEY))
    assert problem is None or "canary" not in repr(problem.fault) + repr(problem.__dict__)


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("script", WHOLE)
async def test_every_odd_but_whole_answer_is_done(fake: FakeProvider, http: Http, script: str, stream: bool) -> None:
    began = time.monotonic()
    events, problem = await play(job(script, stream, keep=True), Tools(http, provider(fake.url), key=KEY))
    assert problem is None
    assert time.monotonic() - began < 2, "an answer that is whole must not wait for a provider that lingers"
    reply = json.loads(done(events).body)
    assert reply["object"] == "chat.completion"
    choice = reply["choices"][0]
    assert choice["finish_reason"] == ("tool_calls" if script == "tools" else "stop")
    if script == "tools":
        calls = choice["message"]["tool_calls"]
        assert [call["function"]["arguments"] for call in calls] == ["".join(ARGUMENTS)] * 2
        assert [call["id"] for call in calls] == ["call_0", "call_1"]
    elif script == "giant":
        assert len(choice["message"]["content"]) == SCRIPTS["giant"].size
    else:
        assert choice["message"]["content"] == ("" if script == "empty" else "w0 w1 w2 w3 w4")
    uncounted = script == "no-usage" or (script == "no-stream-options" and stream)
    assert done(events).usage.estimated is uncounted
    assert done(events).usage.tokens_out == (0 if script == "empty" else 4 if uncounted else 5)
    if stream and script not in ("tools", "giant"):
        assert text(events) == choice["message"]["content"]


@pytest.mark.parametrize(("script", "first", "stall"), [("stall", 30.0, 0.2), ("slow", 0.2, 30.0)])
async def test_waiting_for_headers_and_waiting_for_more_have_limits_of_their_own(
    fake: FakeProvider, http: Http, script: str, first: float, stall: float
) -> None:
    settings = provider(fake.url, first_timeout=first, stall_timeout=stall)
    began = time.monotonic()
    _, problem = await play(job(script, True), Tools(http, settings, key=KEY))
    assert problem is not None
    assert time.monotonic() - began < 5
