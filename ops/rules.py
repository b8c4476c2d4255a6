"""`[models."NAME"]` of the settings, brought to CONFIG once for each version of a section.

As with providers, what an operator changes live is not undone at the next start: only a section that differs from the one
that was written last is written again, and a section that is gone takes its rule along.
"""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from bus.config import Config
from schemas.rules import ModelRule

FILE = "rules.json"
BY = "settings"


async def introduce(config: Config, rules: Mapping[str, ModelRule], data: Path) -> None:
    """Write what is new in the settings, take back what is gone from them."""
    before = _read(data)
    for name, rule in rules.items():
        if before.get(name) != rule and config.rules.get(name) != rule:
            await config.put_rule(rule, BY)
    for name in before:
        if name not in rules and name in config.rules:
            await config.drop_rule(name, BY)
    if before != rules:
        _write(data, rules)


def _write(data: Path, rules: Mapping[str, ModelRule]) -> None:
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    (data / FILE).write_bytes(msgspec.json.encode(dict(rules)))


def _read(data: Path) -> dict[str, ModelRule]:
    with suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode((data / FILE).read_bytes(), type=dict[str, ModelRule])
    return {}
