"""What went wrong at a provider, in our words: status lines, transport errors and error bodies become a `Problem`.

A provider's own message is kept, because it is what helps the caller; but providers quote keys, whole or masked, so
every text passes `Scrub` first, and before it is clipped (a clipped key would no longer be found).
"""

import asyncio
import math
import re
import ssl
import time
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec

from schemas.problem import Code, Problem

CLIP = 500
"""Characters of a provider's message that reach the caller."""
LONGEST_WAIT = 7 * 86400.0
SHORTEST_SECRET = 4

_CODES: dict[int, Code] = {
    401: Code.PROVIDER_AUTH,
    402: Code.PROVIDER_AUTH,  # the account is empty: the caller can do nothing, another provider can
    403: Code.PROVIDER_AUTH,
    408: Code.PROVIDER_ERROR,
    429: Code.PROVIDER_RATE_LIMITED,
}


_ACCOUNT = re.compile(
    r"(?i)API_KEY_INVALID|api key not valid|api key expired|credit balance is too low|insufficient_quota|billing_error"
)
"""Signs that the account is at fault and not the request, from providers that say so with 400 or 429."""


class Scrub:
    """Takes secrets out of text: literally, percent-encoded, and half masked (`sk-ab****wxyz`)."""

    def __init__(self, secrets: Iterable[str]) -> None:
        parts: list[str] = []
        for secret in sorted(set(secrets), key=len, reverse=True):
            if len(secret) < SHORTEST_SECRET:
                continue
            parts += [re.escape(secret), re.escape(quote(secret, safe=""))]
            if len(secret) >= 3 * SHORTEST_SECRET:
                head, tail = re.escape(secret[:SHORTEST_SECRET]), re.escape(secret[-SHORTEST_SECRET:])
                parts += [rf"{head}[^\s\"',;]{{0,200}}", rf"[^\s\"',;]{{0,200}}[*.…]{tail}"]
        self._pattern = re.compile("|".join(parts)) if parts else None

    def __call__(self, text: str) -> str:
        return self._pattern.sub("***", text) if self._pattern else text


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds to wait, from `retry-after-ms` or `Retry-After` in seconds or as a date. None: absent or unreadable."""
    raw_ms = headers.get("retry-after-ms")
    raw = headers.get("Retry-After")
    try:
        if raw_ms is not None:
            seconds = float(raw_ms) / 1000
        elif raw is None:
            return None
        elif raw.strip()[:1].isdigit():
            seconds = float(raw)
        else:
            seconds = parsedate_to_datetime(raw).timestamp() - (time.time() if now is None else now)
    except (ValueError, TypeError, OverflowError):
        return None
    return None if math.isnan(seconds) else min(max(seconds, 0.0), LONGEST_WAIT)


def message_of(body: bytes) -> tuple[str, str | None]:
    """The provider's message and the field it blames, out of an error body. Empty when there is nothing to quote."""
    try:
        parsed = msgspec.json.decode(body)
    except msgspec.DecodeError:
        text = body.decode("utf-8", "replace").strip()
        return ("" if text.startswith("<") else text), None
    return error_text(parsed)


def error_text(parsed: Any) -> tuple[str, str | None]:
    """The same, out of parsed JSON: OpenAI's `error.message`, `error` as text, FastAPI's `detail`, or `message`."""
    if isinstance(parsed, list) and parsed:
        return _listed(parsed)
    if isinstance(parsed, str):
        return parsed, None
    if not isinstance(parsed, dict):
        return "", None
    for name in ("error", "message", "detail", "errors", "msg"):
        found = parsed.get(name)
        if isinstance(found, str) and found:
            param = parsed.get("param")
            return found, param if isinstance(param, str) else None
        if isinstance(found, dict | list) and found:
            return error_text(found)
    return "", None


def _listed(faults: list[Any]) -> tuple[str, str | None]:
    """FastAPI lists what is wrong, and where (`loc`); others wrap their one error in a list."""
    told = []
    for fault in faults[:5]:
        text, param = error_text(fault)
        where = fault.get("loc") if isinstance(fault, dict) else None
        param = ".".join(str(step) for step in where if step != "body") if isinstance(where, list) else param
        told.append((f"{param}: {text}" if param and isinstance(where, list) else text, param or None))
    return "; ".join(text for text, _ in told if text), told[0][1]


def _body_wait(body: bytes) -> float | None:
    """Google's wait: `error.details[]` holds a RetryInfo with `retryDelay: "34.07s"`."""
    found = re.search(rb'"retryDelay"\s*:\s*"(\d+(?:\.\d+)?)s"', body)
    return min(float(found[1]), LONGEST_WAIT) if found else None


def from_status(who: str, status: int, headers: Mapping[str, str], body: bytes, scrub: Scrub) -> Problem:
    """The problem for an answer that is not a success. `who` names the provider to the reader."""
    text, param = message_of(body)
    if 300 <= status < 400:
        sentence = f"{who} answered with a redirect ({status}), which we do not follow: correct its base_url"
        return Problem(Code.PROVIDER_ERROR, sentence, provider=who, provider_status=status)
    code = _CODES.get(status, Code.PROVIDER_ERROR if status >= 500 or status < 400 else Code.PROVIDER_REFUSED)
    if status in (400, 403, 429) and _ACCOUNT.search(body[: CLIP * 20].decode("utf-8", "replace")):
        code = Code.PROVIDER_AUTH
    verb = {
        Code.PROVIDER_AUTH: "did not accept our account or key",
        Code.PROVIDER_RATE_LIMITED: "asks us to slow down",
        Code.PROVIDER_ERROR: "failed",
    }.get(code, "refused the request")
    wait = None
    if code in (Code.PROVIDER_RATE_LIMITED, Code.PROVIDER_ERROR):
        wait = retry_after(headers)
        wait = _body_wait(body) if wait is None else wait
    quoted = f": {clip(scrub(text))}" if text else ""
    sentence = f"{who} {verb} ({status}){quoted}"
    blamed = scrub(param)[:100] if param else None
    return Problem(code, sentence, param=blamed, retry_after=wait, provider=who, provider_status=status)


def from_error_object(who: str, error: Any, scrub: Scrub) -> Problem:
    """The problem for an `error` inside an answer that began as a success (OpenRouter, llama.cpp, vLLM)."""
    status = error.get("code") if isinstance(error, dict) else None
    if isinstance(status, int) and 400 <= status <= 599:
        return from_status(who, status, {}, msgspec.json.encode({"error": error}), scrub)
    text, param = error_text({"error": error})
    quoted = f": {clip(scrub(text))}" if text else ""
    return Problem(Code.PROVIDER_ERROR, f"{who} reported an error{quoted}", param=param, provider=who)


def from_exception(who: str, error: BaseException, scrub: Scrub) -> Problem:
    """The problem for a call that did not come to a whole answer. Never quotes a URL: some carry keys."""
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return Problem(Code.PROVIDER_TIMEOUT, f"{who} did not accept a connection in time", provider=who)
    if isinstance(error, asyncio.TimeoutError):
        return Problem(Code.PROVIDER_TIMEOUT, f"{who} fell silent for too long", provider=who)
    if isinstance(error, aiohttp.ClientResponseError):
        return Problem(Code.PROVIDER_GARBLED, f"{who} does not speak HTTP as we know it", provider=who)
    if isinstance(error, aiohttp.InvalidURL | ValueError):
        return Problem(
            Code.UNAVAILABLE, f"{who} cannot be called: its base_url or one of its headers is not valid", provider=who
        )
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientPayloadError | ConnectionResetError):
        sentence = f"{who} closed the connection before its answer was whole"
        return Problem(Code.PROVIDER_UNREACHABLE, sentence, provider=who)
    return Problem(Code.PROVIDER_UNREACHABLE, f"{who} cannot be reached: {_reason(error, scrub)}", provider=who)


def clip(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= CLIP else text[: CLIP - 1] + "…"


def _reason(error: BaseException, scrub: Scrub) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its TLS certificate is not valid"
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return "TLS failed"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name is not known to DNS"
    if isinstance(error, aiohttp.ClientConnectorError):
        error = error.os_error
    if (
        isinstance(error, OSError) and error.errno and error.strerror
    ):  # without a number it is aiohttp's text, with the URL
        return clip(scrub(error.strerror.lower()))
    return "the connection broke"
