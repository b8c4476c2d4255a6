"""How a model's requests are spread, and why one went where it did.

A `ModelRule` is CONFIG `rules.<name>` and `[models."NAME"]` in the settings; a model without one is balanced. What a
newcomer would get wrong: a model's name holds dots, colons and slashes, so it is no key on the bus as it stands (`rule_key`).
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any

import msgspec

TRAIL_BYTES = 3500
"""Longest trail in a header: clients refuse lines of 8 KB."""


class Strategy(StrEnum):
    """How to choose among the queues that can take a request now."""

    BALANCED = "balanced"
    """Least expected wait, then priority, then cost."""
    PRIORITY = "priority"
    """The lowest priority number that is fit, however long its line."""
    CHEAPEST = "cheapest"
    """Lowest cost, then least expected wait."""
    FASTEST = "fastest"
    """Least measured time: to the first token for a stream, else of whole calls; the expected wait counts too."""
    WEIGHTED = "weighted"
    """By chance, in the proportion of `weights`."""


class ModelRule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What an operator decided for one model."""

    model: str
    strategy: Strategy = Strategy.BALANCED
    fallbacks: tuple[str, ...] = ()
    """Models to try in this order when this one is unknown, offline or fails before its first delta."""
    weights: dict[str, Annotated[float, msgspec.Meta(ge=0)]] = {}
    """Queue or provider -> its share, for `weighted`; who is not named weighs nothing."""


def rule_faults(rule: ModelRule) -> Iterator[tuple[str, str]]:
    """(field, sentence) for everything wrong with a rule."""
    if not rule.model or "," in rule.model or len(rule.model) > 300:
        yield "model", "model must be one name of 1 to 300 characters without a comma"
    if rule.model in rule.fallbacks or len(set(rule.fallbacks)) != len(rule.fallbacks):
        yield "fallbacks", "fallbacks must be other models, each named once"
    if any(not name or "," in name for name in rule.fallbacks) or len(rule.fallbacks) > 20:
        yield "fallbacks", "fallbacks must be at most 20 names of models, without commas"
    if rule.strategy is Strategy.WEIGHTED and not any(rule.weights.values()):
        yield "weights", "weights must name at least one provider with more than 0 for the strategy `weighted`"
    if any(not 0 <= weight < float("inf") for weight in rule.weights.values()):
        yield "weights", "weights must be 0 or more"


def rules_of(table: Any) -> dict[str, ModelRule]:
    """The sections. Raises ValueError with a sentence that names the key."""
    if not isinstance(table, Mapping):
        raise ValueError('models must be tables: [models."NAME"]')
    return {name: _rule(name, entry) for name, entry in table.items()}


def _rule(name: str, entry: Any) -> ModelRule:
    where = f'models."{name}"'
    if not isinstance(entry, Mapping):
        raise ValueError(f"{where} must be a table: [{where}]")
    try:
        rule = msgspec.convert({**entry, "model": name}, ModelRule)
    except msgspec.ValidationError as error:
        raise ValueError(f"{where}: {error}") from error
    for _, wrong in rule_faults(rule):
        raise ValueError(f"{where}.{wrong}")
    return rule


class Step(msgspec.Struct, frozen=True, array_like=True):
    """A candidate of one attempt, and why it was chosen or passed over. Without a queue: a model nobody can serve."""

    queue: str
    verdict: str
    model: str = ""
    attempt: int = 1


def rule_key(model: str) -> str:
    """The name of a model's rule in CONFIG: base64url, and a digest where that would be longer than a token may be."""
    name = base64.urlsafe_b64encode(model.encode()).decode().rstrip("=")
    return name if 0 < len(name) <= 64 else "sha-" + hashlib.sha256(model.encode()).hexdigest()[:40]


def steps_told(steps: Iterable[Step]) -> tuple[dict[str, Any], ...]:
    """The trail as callers see it."""
    return tuple(
        {"attempt": step.attempt, "model": step.model, "queue": step.queue, "verdict": step.verdict} for step in steps
    )


def trail_header(steps: Iterable[Step]) -> bytes:
    """The trail as compact JSON of ASCII, at most `TRAIL_BYTES`: of a longer one the middle is left out, and that is said."""
    told: list[dict[str, Any]] = [{**one, "verdict": str(one["verdict"])[:300]} for one in steps_told(steps)]
    for one in told:
        one["model"] = str(one["model"])[:300]
    keep = len(told)
    text = _compact(told)
    while len(text) > TRAIL_BYTES:
        keep -= 1
        head, tail = (keep + 1) // 2, keep // 2
        text = _compact([*told[:head], {"left_out": len(told) - keep}, *told[len(told) - tail :]])
    return text.encode()


def _compact(told: list[dict[str, Any]]) -> str:
    return json.dumps(told, separators=(",", ":"), ensure_ascii=True)
