"""Which tenant an administrator is of, and whose keys he may see.

What a newcomer would get wrong: whoever acts is told by an id (`by`), and not every id is a key's: `cli`, the settings and the
administrator's secret are of the house. But a key that is gone is nobody's: it may be removed while its request still comes in.
"""

from bus.config import KEY_ID, Config
from schemas.problem import Code, Problem
from schemas.provider import ApiKey

HOUSE = "default"
"""The tenant whose administrators administer everything."""


def tenant_of(config: Config, by: str) -> str:
    """Raises `Problem(UNAUTHENTICATED)` for a key that is gone."""
    key = config.keys.get(by)
    if key is None and KEY_ID.match(by):
        raise Problem(Code.UNAUTHENTICATED, "This API key is gone.")
    return key.tenant if key else HOUSE


def seen_by(config: Config, by: str) -> list[ApiKey]:
    """The keys of that tenant; in the house's own all."""
    mine = tenant_of(config, by)
    return [key for key in config.keys.values() if mine in (HOUSE, key.tenant)]


def want_house(config: Config, by: str, what: str) -> None:
    """Raises `Problem(FORBIDDEN)` for an administrator of another tenant. `what`: Providers, Settings … (more than one)."""
    if tenant_of(config, by) != HOUSE:
        raise Problem(Code.FORBIDDEN, f"{what} serve all tenants; only an administrator of `{HOUSE}` changes them.")
