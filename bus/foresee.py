"""Where a request would go now, and why, without sending it."""

import time
from typing import Any

import msgspec

from bus.fleet import Fleet
from bus.router import Refused, Setting, Wanted, plan, wanted_of
from schemas.job import Job
from schemas.rules import ModelRule, Strategy, steps_told


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A request that is not made. `providers`: only these may serve it."""

    model: str
    op: str = "chat"
    stream: bool = False
    providers: tuple[str, ...] = ()


def foresee(fleet: Fleet, question: Question, setting: Setting | None = None) -> dict[str, Any]:
    """The answer as JSON: `queue` (empty: nobody), `model`, `fallbacks` left, `wait_seconds`, `refused`, `trail`."""
    rules = fleet.config.rules
    wanted = _wanted(question, fleet)
    now = time.time()
    told: dict[str, Any] = {
        "model": wanted.model,
        "op": wanted.op,
        "strategy": _strategy(rules.get(wanted.model)),
        "models": [wanted.model, *wanted.chain],
    }
    try:
        found = plan(wanted, fleet.queues(), now, setting or Setting(rules, 0.5))
    except Refused as refused:
        reason = {"code": str(refused.code), "message": str(refused)}
        return {**told, "queue": "", "refused": reason, "trail": steps_told(refused.trail)}
    wait = max(0.0, round(found.wait_until - now, 3)) if found.wait_until else 0.0
    return {
        **told,
        "model": found.model,
        "strategy": _strategy(rules.get(found.model)),
        "queue": found.queue,
        "fallbacks": list(found.chain),
        "wait_seconds": wait,
        "trail": steps_told(found.trail),
    }


def _strategy(rule: ModelRule | None) -> str:
    return str(rule.strategy if rule is not None else Strategy.BALANCED)


def _wanted(question: Question, fleet: Fleet) -> Wanted:
    asked = Job(
        id=0, tenant="", key="", op=question.op, model=question.model, body=b"", created=0.0, deadline=0.0,
        stream=question.stream, providers=question.providers,
    )  # fmt: skip
    return wanted_of(asked, fleet.config.rules)
