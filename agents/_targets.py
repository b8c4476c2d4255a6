"""Where a URL chosen by a caller may lead. Checked on the address we connect to, after DNS, so a name cannot change its mind.

The judgement itself is in `schemas/addresses.py`; here it is put where no call can get around it: into the resolver.
"""

import socket
from ipaddress import ip_address

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from schemas.addresses import check_address, legacy
from schemas.problem import Code, Problem


def check_host(host: str, private_allowed: bool) -> None:
    """Raise `Problem` if a URL's host is an address that may not be called; a name is left to the resolver."""
    bare = host.strip("[]").rstrip(".")
    if not bare:
        raise refusal(host, "no host")
    try:
        literal = ip_address(bare)
    except ValueError:
        if "%" in bare or ":" in bare or legacy(bare):
            raise refusal(host, "not the usual way to write an address") from None
        return
    if (why := check_address(literal, private_allowed)) is not None:
        raise refusal(host, why)


def refusal(host: str, why: str) -> Problem:
    return Problem(Code.FORBIDDEN, f"{host} may not be called from here ({why})")


class RefusedError(OSError):
    """A name that leads only where we do not go. An OSError, for aiohttp lets no other error of a resolver through."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class Resolver(AbstractResolver):
    """Looks names up and drops every address that may not be called; none left is a refusal."""

    def __init__(self, private_allowed: bool, inner: AbstractResolver | None = None) -> None:
        self._private = private_allowed
        self._inner = inner or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        reasons = [check_address(one["host"].partition("%")[0], self._private) for one in found]
        allowed = [one for one, why in zip(found, reasons, strict=True) if why is None]
        if found and not allowed:
            raise RefusedError(refusal(host, next(why for why in reasons if why)))
        return allowed

    async def close(self) -> None:
        await self._inner.close()
