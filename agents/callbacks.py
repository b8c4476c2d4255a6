"""Delivers a web callback: one signed POST. Trying again for days is the queue's business, so is the job's state.

Standard Webhooks 1.0: the same `webhook-id` on every try, and only 2xx is success. 410 says "never again", everything else
may be tried again; a redirect is a failure, for it would lead past the check of the address.
"""

import asyncio
import binascii
import time
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

import msgspec
from standardwebhooks import Webhook
from yarl import URL

from agents._http import Reply, Timeouts
from agents._problems import Scrub, retry_after
from agents.agent import Agent, Tools
from schemas.callback import CallbackRequest, Target
from schemas.events import Done, Event
from schemas.job import Job
from schemas.problem import Code, Problem
from schemas.tracing import headers_of

TIMEOUT = 15.0
"""Seconds for one delivery, all in all."""
MAX_ANSWER = 64 * 1024
"""Bytes of the receiver's answer that we read, to drop them."""

_request = msgspec.json.Decoder(CallbackRequest).decode


def signed_headers(request: CallbackRequest, secrets: list[str], now: float) -> dict[str, str]:
    """The Standard Webhooks headers: one signature for each secret, so that a secret can be rotated. `now`: Unix seconds."""
    headers = {"webhook-id": request.id, "webhook-timestamp": str(int(now))}
    if secrets:
        moment, payload = datetime.fromtimestamp(int(now), UTC), bytes(request.payload).decode()
        headers["webhook-signature"] = " ".join(Webhook(one).sign(request.id, moment, payload) for one in secrets)
    return headers


def to_headers(request: CallbackRequest, tools: Tools, now: float) -> dict[str, str]:
    """All headers. `tools.key`: the signing secrets (`whsec_…`), separated by spaces; empty: unsigned."""
    try:
        signed = signed_headers(request, tools.key.split(), now)
    except (ValueError, RuntimeError, binascii.Error) as error:
        raise Problem(Code.UNAVAILABLE, "The secret that signs callbacks is not a whsec_ secret") from error
    return {
        "Accept-Encoding": "identity",
        "Content-Type": "application/json",
        "User-Agent": f"AI-Server/{_version()}",
        **request.target.headers(tools.env),
        **signed,
    }


def verdict(status: int, wait: float | None, host: str) -> Problem | None:
    """What the receiver's status means: None is success. `PROVIDER_REFUSED` is final, the others may be tried again."""
    if 200 <= status < 300:
        return None
    if status == 410:
        sentence = f"{host} wants no more callbacks (410)"
        return Problem(Code.PROVIDER_REFUSED, sentence, provider_status=status)
    code = Code.PROVIDER_RATE_LIMITED if status == 429 else Code.PROVIDER_ERROR
    what = "redirected the callback, which we do not follow" if 300 <= status < 400 else "did not take the callback"
    honoured = wait if status in (429, 503) else None
    return Problem(code, f"{host} {what} ({status})", retry_after=honoured, provider_status=status)


async def deliver(job: Job, tools: Tools) -> AsyncGenerator[Event, None]:
    """Raises `Problem`: FORBIDDEN for an address that may never be called, else as `verdict` says."""
    if not tools.http.guarded:
        raise Problem(Code.INTERNAL, "Callbacks need a guarded HTTP client")
    try:
        request = _request(job.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(Code.INVALID_REQUEST, "The body is not a callback") from error
    url = _url(request.target)
    host = url.host or ""
    headers = to_headers(request, tools, time.time())
    if job.trace:
        headers |= headers_of(job.trace)
    caller = (host, Scrub([tools.key, *headers.values()]))
    try:
        async with asyncio.timeout(TIMEOUT):
            body = bytes(request.payload)
            reply = await tools.http.send(request.target.method, url, headers, body, _limits(tools), caller)
            status, wait = await _drop(reply)
    except TimeoutError as error:
        sentence = f"{host} did not take the callback within {TIMEOUT:g} s"
        raise Problem(Code.PROVIDER_TIMEOUT, sentence) from error
    if (problem := verdict(status, wait, host)) is not None:
        raise problem
    yield Done(body=msgspec.json.encode({"status": status, "webhook_id": request.id}))


async def _drop(reply: Reply) -> tuple[int, float | None]:
    """Read the answer for good manners and forget it: the status has come, so a body cut short changes nothing."""
    try:
        await reply.read_some(MAX_ANSWER)
    finally:
        reply.close()
    return reply.status, retry_after(reply.headers)


def _limits(tools: Tools) -> Timeouts:
    return Timeouts(min(tools.provider.connect_timeout, TIMEOUT), TIMEOUT, TIMEOUT)


def _url(target: Target) -> URL:
    try:
        url = URL(target.url)
    except ValueError as error:
        raise Problem(Code.INVALID_REQUEST, "The callback's URL is not valid", param="replyTo") from error
    if url.scheme not in ("http", "https") or not url.raw_host or url.user is not None:
        raise Problem(Code.INVALID_REQUEST, "The callback's URL is not valid", param="replyTo")
    return url


def _version() -> str:
    try:
        return version("ai-server")
    except PackageNotFoundError:
        return "0"


agent = Agent(handles={"callback": deliver}, guarded=True)
