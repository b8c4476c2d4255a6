"""The price list: what genai-prices knows, as our own JSON, made once per version in a process of its own.

`python -m storage.price_list` prints it. What a newcomer would get wrong: a role must not import the library itself; it is
not only its memory, but also that it can fetch newer prices, and nothing here asks the network.
"""

import json
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec

from storage.prices import Maker

_decode = msgspec.json.Decoder(tuple[Maker, ...]).decode


def load(data: Path) -> tuple[Maker, ...]:
    """The list, from the data directory or made now (about a second, in a process of its own). Blocks."""
    try:
        path = data / "cache" / f"prices-{version('genai-prices')}.json"
    except PackageNotFoundError:
        return ()
    try:
        return _decode(path.read_bytes())
    except (OSError, msgspec.DecodeError):
        pass
    root = str(Path(__file__).parent.parent)
    command = [sys.executable, "-m", "storage.price_list"]
    made = subprocess.run(command, cwd=root, capture_output=True, timeout=60, check=False)
    if made.returncode:
        raise OSError(f"the price list could not be read: {made.stderr[-300:].decode('utf-8', 'replace')}")
    makers = _decode(made.stdout)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{time.monotonic_ns()}")
        fresh.write_bytes(made.stdout)
        fresh.replace(path)
    except OSError:  # a read-only disk costs a second at each start, not the prices
        pass
    return makers


def _dump() -> None:
    """genai-prices as our JSON, on stdout."""
    from genai_prices import data_snapshot

    makers = [
        {
            "id": one.id,
            "address": one.api_pattern,
            "known_as": _clause(one.provider_match),
            "makes": _clause(one.model_match),
            "others": list(getattr(one, "fallback_model_providers", None) or ()),
            "models": [{"match": _clause(model.match), "prices": _dumped(model.prices)} for model in one.models],
        }
        for one in data_snapshot.get_snapshot().providers
    ]
    sys.stdout.write(json.dumps(makers, separators=(",", ":")))


def _clause(clause: Any) -> Any:
    if clause is None:
        return None
    (name, value), *_ = vars(clause).items()
    if isinstance(value, list):
        return {name.rstrip("_"): [_clause(one) for one in value]}
    return {name: value}


def _dumped(prices: Any) -> list[dict[str, Any]]:
    found = []
    for one in prices if isinstance(prices, list) else [None]:
        values = vars(one.prices if one is not None else prices)
        constraint = one.constraint if one is not None else None
        price: dict[str, Any] = {}
        for ours, theirs in _NAMES.items():
            if (value := values.get(theirs)) is not None:
                price[ours] = _rate(value)
        if value := values.get("requests_kcount"):
            price["request"] = float(value) / 1000
        if constraint is not None and hasattr(constraint, "start_date"):
            price["since"] = constraint.start_date.isoformat()
        elif constraint is not None:
            price["hours"] = [constraint.start_time.strftime("%H:%M:%S"), constraint.end_time.strftime("%H:%M:%S")]
        found.append(price)
    return found


_NAMES = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cached": "cache_read_mtok",
    "written": "cache_write_mtok",
    "reasoning": "output_reasoning_mtok",
}


def _rate(value: Any) -> list[Any]:
    if hasattr(value, "tiers"):
        return [float(value.base), [[int(tier.start), float(tier.price)] for tier in value.tiers]]
    return [float(value)]


if __name__ == "__main__":
    _dump()
