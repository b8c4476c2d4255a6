"""`ai-server keys …`: who may ask. The key alone goes to stdout, so `KEY=$(ai-server keys create me)` works."""

import re
import sys
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from ops.commands.common import HERE, Where, settings_of, talk
from schemas.problem import Code, Problem

keys = App(name="keys", help="API keys: who may ask. A key is shown once, when it is made.")


@Parameter(name="*")
@dataclass(frozen=True)
class Rights:
    """A key's fields as flags."""

    scope: Annotated[list[str] | None, Parameter(help="admin, analytics, metrics. Repeatable.")] = None
    api: Annotated[list[str] | None, Parameter(help="chat, embeddings ... [default: all]. Repeatable.")] = None
    model: Annotated[list[str] | None, Parameter(help="Pattern like gpt-4* [default: all]. Repeatable.")] = None
    days: Annotated[float | None, Parameter(help="Valid for so many days; 0: until revoked.")] = None
    requests_per_minute: Annotated[int | None, Parameter(help="0: no limit.")] = None
    tokens_per_minute: Annotated[int | None, Parameter(help="0: no limit.")] = None
    budget_day: Annotated[float | None, Parameter(help="USD a day (UTC); 0: no limit.")] = None
    budget_month: Annotated[float | None, Parameter(help="USD a month; 0: no limit.")] = None
    priority: Annotated[Literal["high", "normal", "low"] | None, Parameter(help="Whose calls go first.")] = None
    cache_seconds: Annotated[int | None, Parameter(help="Equal requests get the same answer so long; 0: off.")] = None
    storage: Annotated[str | None, Parameter(help="What its files may take, like 5GB; 0: as the settings say.")] = None
    bodies: Annotated[
        Literal["on", "off", "setting"] | None, Parameter(help="Keep the text of its requests and answers?")
    ] = None
    user: Annotated[str | None, Parameter(help="Whose key it is.")] = None
    notes: Annotated[str | None, Parameter(help="For people.")] = None

    def fields(self) -> dict[str, Any]:
        """As the registry takes them."""
        given = {name: value for name, value in vars(self).items() if value is not None}
        for flag, field in (("scope", "scopes"), ("api", "apis"), ("model", "models")):
            if flag in given:
                given[field] = given.pop(flag)
        if given.get("bodies") == "setting":
            given["bodies"] = ""
        if "storage" in given:
            given["storage_bytes"] = size_of(given.pop("storage"))
        return given


_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", re.IGNORECASE)


def size_of(text: str) -> int:
    """Bytes of `5GB`, `512 MiB` or a plain number. Raises `Problem(INVALID_REQUEST)`."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise Problem(Code.INVALID_REQUEST, f"--storage takes a size like 5GB or 512MiB, not {text!r}", param="storage")
    number, unit, binary = found.groups()
    times: int = (1024 if binary else 1000) ** " kmgt".index(unit.lower() or " ")
    return round(float(number) * times)


NONE = Rights()


@keys.command(name="create")
def create_key(
    name: str,
    *,
    admin: Annotated[bool, Parameter(help="May administer: --scope admin.", negative=())] = False,
    rights: Rights = NONE,
    where: Where = HERE,
) -> int:
    """Make a key and print it. Nobody can show it again."""
    from ops import errand_keys

    fields = {**rights.fields(), "name": name}
    if admin:
        fields["scopes"] = [*fields.get("scopes", ()), "admin"]
    return talk(where, lambda bus, _: errand_keys.create(bus, fields))


@keys.command(name="list")
def list_keys(*, where: Where = HERE) -> int:
    """List the keys: id, name, first characters, rights, state, last use."""
    from ops import errand_keys

    return talk(where, lambda bus, _: errand_keys.show_all(bus))


@keys.command(name="show")
def show_key(key: str, *, where: Where = HERE) -> int:
    """Show one KEY (its id, name, or the key itself) as JSON, without its secrets."""
    from ops import errand_keys

    return talk(where, lambda bus, _: errand_keys.show_one(bus, key))


@keys.command(name="change")
def change_key(
    key: str,
    *,
    name: Annotated[str | None, Parameter(help="Another name.")] = None,
    rights: Rights = NONE,
    where: Where = HERE,
) -> int:
    """Change rights, limits or notes of KEY."""
    from ops import errand_keys

    fields = {**rights.fields(), **({"name": name} if name is not None else {})}
    return talk(where, lambda bus, _: errand_keys.change(bus, key, fields))


@keys.command(name="revoke")
def revoke_key(key: str, *, where: Where = HERE) -> int:
    """Revoke KEY (its id, name, or the key itself); every process refuses it within a second."""
    from ops import errand_keys

    return talk(where, lambda bus, _: errand_keys.revoke(bus, key))


@keys.command(name="rotate")
def rotate_key(
    key: str,
    *,
    overlap: Annotated[float, Parameter(help="Seconds that the old key still works.")] = 86_400,
    signing: Annotated[bool, Parameter(help="Also a new secret for callbacks.", negative=())] = False,
    where: Where = HERE,
) -> int:
    """Replace KEY: print a new one with the same rights."""
    from ops import errand_keys

    return talk(where, lambda bus, _: errand_keys.rotate(bus, key, overlap, signing))


@keys.command(name="signing")
def show_signing(key: Annotated[str, Parameter(show_default=False)] = "", *, where: Where = HERE) -> int:
    """Print the secret that the callbacks of KEY are signed with; its receiver verifies with it."""
    from ops import errand_keys

    return talk(where, lambda bus, _: errand_keys.signing(bus, key))


@keys.command(name="agents")
def show_agents_token(*, where: Where = HERE) -> int:
    """Print the token with which agents of other machines join (`ai-server agent NAME --nats URL --token ...`)."""
    from ops.standalone import agents_token

    sys.stdout.write(agents_token(settings_of(where)) + "\n")
    return 0
