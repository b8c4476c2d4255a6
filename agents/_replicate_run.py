"""One prediction at Replicate, from its start to its end, or called off. Polled, not by webhook: an agent has no address.

What a newcomer would get wrong: hanging up ends nothing there, the prediction runs on and is paid for. So whoever leaves
early calls it off; also while the answer to its very start is still on the way, which is why the start is waited for a few
seconds only (`Prefer: wait=5`, not 60). `Cancel-After` is the belt to these braces: should this process be killed, the
prediction ends with the job's deadline.
Sources: replicate.com/docs/reference/http#predictions.create, /docs/topics/predictions/lifecycle and /rate-limits.
"""

import asyncio
import re
import time
from collections.abc import Callable
from typing import Any

import msgspec
import structlog

from agents._media import PATIENCE, answer, bearer, body_of
from agents.agent import Call, Tools
from schemas.job import Job
from schemas.problem import Code, Problem

log = structlog.get_logger()

WAIT = 5
"""Seconds that the start may take to bring the result along: fast models need one."""
FIRST, LONGEST = 0.25, 3.0
"""Seconds between two looks: from, to."""
FAILURES = 5
"""Looks in a row that may fail: the prediction goes on meanwhile, and is paid for."""
GRACE = 8.0
"""Seconds for calling it off."""
SHORTEST = 5
LONGEST_LIFE = 86_400
"""Seconds of `Cancel-After`."""
ENDED = frozenset({"succeeded", "failed", "canceled", "aborted"})
_PERCENT = re.compile(r"(\d{1,3})(?:\.\d+)?%")
_FLAGGED = re.compile(r"nsfw|sensitive|flagged|moderation|safety|content polic|not allowed|E005", re.IGNORECASE)
_INPUT = re.compile(r"input\.(\w+)")
_AVAILABLE = re.compile(r"(?:available|again|reset\w*) (?:in|after) ~?(\d+(?:\.\d+)?) ?s")

Tell = Callable[["Prediction"], None]


class Prediction(msgspec.Struct):
    id: str
    status: str
    output: Any = None
    error: Any = None
    logs: str | None = None
    urls: dict[str, str] = {}
    metrics: dict[str, Any] | None = None

    @property
    def share(self) -> float | None:
        """The last percentage that its log tells."""
        found = _PERCENT.findall((self.logs or "")[-4000:])
        return min(int(found[-1]), 100) / 100 if found else None

    @property
    def seconds(self) -> float:
        spent = (self.metrics or {}).get("predict_time")
        return float(spent) if isinstance(spent, int | float) else 0.0


def to_call(name: str, version: str, inputs: dict[str, Any], job: Job, tools: Tools) -> Call:
    """Official models are called by their name, all others by a version."""
    life = int(min(max(job.deadline - time.time(), SHORTEST), LONGEST_LIFE))
    headers = {**bearer(tools), "Prefer": f"wait={WAIT}", "Cancel-After": f"{life}s"}
    if version:
        return Call(f"{root(tools)}/predictions", {"version": version, "input": inputs}, headers, patience=PATIENCE)
    return Call(f"{root(tools)}/models/{name}/predictions", {"input": inputs}, headers, patience=PATIENCE)


async def run(call: Call, names: dict[str, str], tools: Tools, tell: Tell) -> Prediction:
    """Until it has succeeded; anything else is a `Problem`. `names`: our fields by its inputs, for blame."""
    prediction = await _started(call, names, tools)
    try:
        pause, failures = FIRST, 0
        while prediction.status not in ENDED:
            tell(prediction)
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LONGEST)
            try:
                prediction, failures = await _seen(prediction, tools), 0
            except Problem as problem:
                failures += 1
                if failures >= FAILURES or not _passes(problem):
                    raise
                pause = max(pause, problem.fault.retry_after or 0)
    except BaseException:
        await call_off(prediction, tools)
        raise
    tell(prediction)
    if prediction.status != "succeeded":
        raise failure(prediction, tools)
    return prediction


async def call_off(prediction: Prediction, tools: Tools) -> None:
    """Tell Replicate to stop. Never raises: whoever calls this is on its way out."""
    if prediction.status in ENDED:
        return
    call = Call(_path(prediction, "cancel", "/cancel", tools), None, bearer(tools))
    try:
        async with asyncio.timeout(GRACE):
            await body_of(call, tools)
    except (Problem, TimeoutError) as error:
        log.warning("prediction.not_called_off", provider=tools.provider.name, error=type(error).__name__)


def failure(prediction: Prediction, tools: Tools) -> Problem:
    """Why it did not succeed. What its filters refuse, they refuse again; a model that broke may be tried elsewhere."""
    said = tools.scrub(str(prediction.error or "no reason given"))[:500]
    if prediction.status == "aborted":
        return tools.problem(Code.PROVIDER_TIMEOUT, "did not begin the prediction in time")
    if prediction.status == "canceled":
        return tools.problem(
            Code.PROVIDER_ERROR, "was told by somebody else to stop the prediction, or it ran too long"
        )
    code = Code.PROVIDER_REFUSED if _FLAGGED.search(said) else Code.PROVIDER_ERROR
    return tools.problem(code, f"could not finish the prediction: {said}")


def root(tools: Tools) -> str:
    """The address may name the version or leave it out."""
    return "" if tools.provider.base_url.partition("?")[0].rstrip("/").endswith("/v1") else "/v1"


async def _started(call: Call, names: dict[str, str], tools: Tools) -> Prediction:
    """Shielded: a prediction whose start was not heard of could not be called off."""
    starting = asyncio.ensure_future(_start(call, names, tools))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        try:
            async with asyncio.timeout(WAIT + GRACE):
                await call_off(await starting, tools)
        except (Problem, TimeoutError):
            log.warning("prediction.not_called_off", provider=tools.provider.name, error="not known to have begun")
        raise


async def _start(call: Call, names: dict[str, str], tools: Tools) -> Prediction:
    try:
        return answer(await body_of(call, tools), Prediction, tools, "a prediction")
    except Problem as refused:
        raise _blamed(refused, names) from refused


async def _seen(prediction: Prediction, tools: Tools) -> Prediction:
    call = Call(_path(prediction, "get", "", tools), None, bearer(tools), "GET")
    return answer(await body_of(call, tools), Prediction, tools, "a prediction")


def _path(prediction: Prediction, url: str, tail: str, tools: Tools) -> str:
    """Where it says it is, if that is where the key may go; else where it must be."""
    base, there = str(tools.url("")).rstrip("/"), prediction.urls.get(url, "")
    if there.startswith(f"{base}/"):
        return there.removeprefix(base)
    if not re.fullmatch(r"[\w-]{1,100}", prediction.id):
        raise tools.problem(Code.PROVIDER_GARBLED, "named a prediction by what is no name")
    return f"{root(tools)}/predictions/{prediction.id}{tail}"


def _passes(problem: Problem) -> bool:
    """Whether a look that failed may be followed by another."""
    return problem.code in (
        Code.PROVIDER_RATE_LIMITED,
        Code.PROVIDER_ERROR,
        Code.PROVIDER_TIMEOUT,
        Code.PROVIDER_UNREACHABLE,
        Code.PROVIDER_GARBLED,
    )


def _blamed(refused: Problem, names: dict[str, str]) -> Problem:
    """The field of ours that a refusal is about, and how long to wait where only words say so."""
    fault = refused.fault
    if fault.code is Code.PROVIDER_REFUSED and (found := _INPUT.search(fault.message)):
        return Problem.of(msgspec.structs.replace(fault, param=names.get(found[1], found[1])))
    if (
        fault.code is Code.PROVIDER_RATE_LIMITED
        and fault.retry_after is None
        and (found := _AVAILABLE.search(fault.message))
    ):
        return Problem.of(msgspec.structs.replace(fault, retry_after=float(found[1])))
    return refused
