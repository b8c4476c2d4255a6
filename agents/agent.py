"""What an agent is: a dictionary from operations to handles, and the tools a handle is given.

A handle is an async generator that yields `Progress* Delta* Done` or raises `Problem`. Most are made by `http` out of pure
functions. Closing the generator hangs up on the provider at once; that is all there is to cancelling.
"""

import importlib
import pkgutil
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

import msgspec
from yarl import URL

from agents._files import Files
from agents._http import Http, Reply, Timeouts
from agents._meter import Meter
from agents._multipart import Form
from agents._problems import Scrub, from_status
from schemas.events import Done, Event
from schemas.job import Job
from schemas.problem import Code, Problem
from schemas.provider import Model, Provider
from schemas.tracing import headers_of

_json = msgspec.json.Encoder()
FORMS = 3  # forms of a call that a provider may refuse before its last one goes out


class Call(msgspec.Struct, frozen=True):
    """One request to a provider. `path` is joined to the provider's `base_url`; a dict body is sent as JSON."""

    path: str
    body: bytes | dict[str, Any] | Form | None = None
    headers: dict[str, str] = {}
    """The headers in the provider's settings go over these."""
    method: str = "POST"
    final: dict[str, str] = {}
    """Headers that go over all others: whoever sets one has taken in what the settings say (`Tools.headers`)."""
    patience: float = 1.0
    """How many times as long as usual the answer's headers may take: a picture is drawn before the first word of it."""


class Tools:
    """What a worker gives a handle. One for each provider; `fresh()` makes the one for a job, with a meter of its own."""

    __slots__ = (
        "_base",
        "_names",
        "_query",
        "_urls",
        "env",
        "files",
        "headers",
        "http",
        "key",
        "meter",
        "provider",
        "quirks",
        "scrub",
        "thing",
        "trace",
    )

    def __init__(
        self,
        http: Http,
        provider: Provider,
        *,
        key: str = "",
        headers: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """`key` and `headers` hold the secrets themselves (see `tools_for`); `env` what callbacks may quote as `$NAME`."""
        self.http = http
        self.provider = provider
        self.key = key
        self.headers = dict(provider.headers if headers is None else headers)
        self.env = dict(env or {})
        self.meter = Meter()
        self.files: Files | None = None
        """The job's files, in and out. None where nobody gave any: a probe, or a test of words alone."""
        self.thing: Any = None
        """What `Agent.start` got ready, for agents that hold something in memory."""
        self.trace = ""
        """Context of the job's span, which goes to the provider; empty: nobody traces."""
        self.quirks: set[str] = set()
        """What this provider turned out not to understand; shared by all its jobs."""
        self.scrub = Scrub([key, *self.headers.values(), *self.env.values()])
        base, mark, query = provider.base_url.partition("?")  # Azure wants ?api-version=… on every path
        self._base, self._query = base.rstrip("/"), mark + query
        self._urls: dict[str, URL] = {}
        self._names: dict[tuple[str, str], str] = {}
        self.learn(provider.models)

    def fresh(self) -> "Tools":
        """The same tools with a new meter: one for each job."""
        twin = object.__new__(Tools)
        for slot in Tools.__slots__:
            setattr(twin, slot, getattr(self, slot))
        twin.meter = Meter()
        return twin

    def native(self, model: str, op: str = "") -> str:
        """The provider's own name of a model. `op`: of the model for that operation (`default` means one in each)."""
        return self._names.get((op, model)) or self._names.get(("", model), model)

    def learn(self, models: Iterable[Model]) -> None:
        """Remember the native names of models that the provider listed."""
        for model in models:
            self._names[model.op, model.name] = self._names["", model.name] = model.native or model.name

    def url(self, path: str) -> URL:
        """Raises `Problem` when the provider's address is no URL."""
        found = self._urls.get(path)
        if found is None:
            query = self._query.replace("?", "&", 1) if "?" in path else self._query
            try:
                found = URL(self._base + path + query)
            except ValueError as error:
                raise self._no_address() from error
            if found.scheme not in ("http", "https") or not found.raw_host:
                raise self._no_address()
            self._urls[path] = found
        return found

    @property
    def shelf(self) -> Files:
        """The job's files. Raises `Problem` where there are none to be had."""
        if self.files is None:
            raise self.problem(Code.UNAVAILABLE, "was asked for media by a worker that holds no files")
        return self.files

    async def send(self, call: Call) -> Reply:
        """Send it and check the status: anything but 2xx is a `Problem`. Close the reply in `finally`."""
        body = _json.encode(call.body) if isinstance(call.body, dict) else call.body
        headers = {"Accept-Encoding": "identity", **call.headers, **self.headers, **call.final}
        if self.trace:
            headers |= headers_of(self.trace)
        if isinstance(body, Form):
            headers |= body.headers
        elif body is not None:
            headers.setdefault("Content-Type", "application/json")
        provider = self.provider
        limits = Timeouts(provider.connect_timeout, provider.first_timeout * call.patience, provider.stall_timeout)
        before, self.meter.sent = self.meter.sent, True
        caller = (provider.name, self.scrub)
        try:
            reply = await self.http.send(call.method, self.url(call.path), headers, body, limits, caller)
        except Problem:
            if isinstance(body, Form) and body.failed is not None:
                raise body.failed from None
            raise
        if 200 <= reply.status < 300:
            return reply
        try:
            text = await reply.read_some()
        finally:
            reply.close()
        self.meter.sent = before  # no provider charges for what it refused
        raise from_status(provider.name, reply.status, reply.headers, text, self.scrub)

    def problem(self, code: Code, sentence: str) -> Problem:
        """`sentence` goes on after the provider's name."""
        return Problem(code, self.scrub(f"{self.provider.name} {sentence}"), provider=self.provider.name)

    def _no_address(self) -> Problem:
        return self.problem(Code.UNAVAILABLE, "has a base_url that is not an http or https URL")


Again = Callable[[Call, Problem, Tools], Call | None]
"""Another form of a call, for a provider that refused the last one; None: there is none."""
Handle = Callable[[Job, Tools], AsyncGenerator[Event, None]]
Report = Callable[[float, str], None]
"""Called while an agent gets ready: share done (0 to 1) and what is going on."""


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of provider. `guarded`: its URLs come from callers, so its tools need `Http(guarded=True)`."""

    handles: dict[str, Handle]
    """By name of the operation."""
    models: Callable[[Tools], Awaitable[list[Model]]] | None = None
    check: Callable[[Tools], Awaitable[None]] | None = None
    """A call that costs no tokens; raises `Problem` when the provider is not fit."""
    start: Callable[[Tools, Report], AbstractAsyncContextManager[Tools]] | None = None
    """Gets something ready (a model's server) and yields the tools to work with from then on."""
    guarded: bool = False
    backlog: Callable[[Tools], int] | None = None
    """Work that others have given to the provider and that waits there before ours, as last heard of."""


class Reader(Protocol):
    """Makes events of a body that is still coming. Has state, does no I/O."""

    failed: Problem | None
    """Set by `feed`; raised after the events that came before it."""

    @property
    def done(self) -> bool:
        """The answer is complete, though the body may go on."""

    def feed(self, data: bytes) -> list[Event]: ...

    def whole(self, body: bytes) -> list[Event]:
        """For a provider that answered in one piece though we asked for a stream."""

    def end(self, cut: Problem | None) -> list[Event]:
        """The last events with `Done`. Raises when the answer is not whole; `cut` is how the connection failed."""


def http(
    to_call: Callable[[Job, Tools], Call],
    to_result: Callable[[Job, Tools, bytes], Done],
    reader: Callable[[Job, Tools], Reader] | None = None,
    again: Again | None = None,
    prepare: Callable[[Job, Tools], Awaitable[Job]] | None = None,
) -> Handle:
    """A handle out of pure functions. `again` may offer another call when a provider refuses the form of the last one;
    `prepare` fetches what must be at hand before a call can be written (pictures named by a URL)."""

    async def handle(job: Job, tools: Tools) -> AsyncGenerator[Event, None]:
        if prepare is not None:
            job = await prepare(job, tools)
        reply = await reply_to(to_call(job, tools), tools, again)
        try:
            if reader is None or not job.stream:
                yield to_result(job, tools, await reply.read())
                return
            pieces, more = reader(job, tools), True
            while more:
                events, more = await _next(reply, pieces)
                for event in events:
                    yield event
                if pieces.failed is not None:
                    try:
                        raise pieces.failed
                    finally:  # else it holds this frame, and with it the job, in a cycle (`bus.router._refused`)
                        pieces.failed = None
        finally:
            reply.close()

    return handle


async def reply_to(call: Call, tools: Tools, again: Again | None = None) -> Reply:
    """Send it; `again` may offer another form of a call that was refused. Close the reply in `finally`."""
    for _ in range(FORMS):
        try:
            return await tools.send(call)
        except Problem as refused:
            other = again(call, refused, tools) if again else None
            if other is None:
                raise
            call = other
    return await tools.send(call)


async def _next(reply: Reply, pieces: Reader) -> tuple[list[Event], bool]:
    """The next events of a stream, and whether more will follow."""
    if pieces.done:
        await reply.drain()
        return pieces.end(None), False
    if reply.content_type.endswith(("json", "html")) and not reply.content_type.endswith("ndjson"):
        return pieces.whole(await reply.read()), False
    try:
        data = await reply.piece()
    except Problem as cut:
        return pieces.end(cut), False
    if not data:
        return pieces.end(None), False
    return pieces.feed(data), True


def kinds() -> list[str]:
    """Every kind of provider there is, by file name."""
    here = pkgutil.iter_modules([str(Path(__file__).parent)])
    return sorted(module.name for module in here if not module.name.startswith("_") and module.name != "agent")


def load(kind: str) -> Agent:
    """The agent in `agents/<kind>.py`, imported only now. Raises `Problem` for a kind that does not exist."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", kind) or kind not in kinds():
        raise Problem(Code.UNAVAILABLE, f"There is no provider kind {kind!r}. There are: {', '.join(kinds())}")
    agent = importlib.import_module(f"agents.{kind}").agent
    assert isinstance(agent, Agent)
    return agent


def tools_for(provider: Provider, http: Http, environ: Mapping[str, str], quoted: Iterable[str] = ()) -> Tools:
    """Tools with the secrets that `env:NAME` in key and headers stand for. Raises `Problem` that names a missing one.

    `quoted`: the variables that callbacks may quote, and no others.
    """

    def secret(text: str) -> str:
        if not text.startswith("env:"):
            return text
        found = environ.get(text[4:], "").strip()
        if not found:
            sentence = f"Provider {provider.name} wants the environment variable {text[4:]}, which is not set"
            raise Problem(Code.UNAVAILABLE, sentence, provider=provider.name)
        return found

    headers = {name: secret(value) for name, value in provider.headers.items()}
    env = {name: environ[name] for name in quoted if environ.get(name)}
    return Tools(http, provider, key=secret(provider.key), headers=headers, env=env)
