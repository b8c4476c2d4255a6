"""Changing providers and keys, for the admin API and the command line alike: read, check, seal, write by compare-and-set.

`fields` are what a person sent: JSON values by field name. What a newcomer would get wrong: answers show a sealed secret as
the word `sealed`, so that word sent back means "keep it"; and a provider whose address changes must be given its secret
again, or whoever may edit an address could have our keys sent to it.
"""

import time
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from bus import subjects
from bus.config import Config, new_key, signing_secret
from bus.given import converted, kept_secrets, same_address_or_new_secret, with_fields
from bus.history import versions
from bus.tenants import HOUSE, tenant_of, want_house
from schemas.catalogue import Catalogue
from schemas.checks import check_key, check_provider
from schemas.operations import OPERATIONS
from schemas.problem import Code, Problem
from schemas.provider import ApiKey, Provider
from schemas.rules import ModelRule

LONGEST_OVERLAP = 90 * 86_400.0
Fields = Mapping[str, Any]


class Sealer(Protocol):
    """Who makes secrets fit to be stored (`ops/seal.py`)."""

    def sealed(self, provider: Provider, old: Provider | None = None) -> Provider:
        """The provider as it may be stored."""


class Registry:
    """All changes go through here. `by` is who makes them: a key's id, or `cli`."""

    def __init__(
        self, config: Config, seal: Sealer, catalogue: Catalogue | None = None, kinds: frozenset[str] = frozenset()
    ) -> None:
        self.config, self.seal, self.kinds = config, seal, kinds
        self.catalogue = catalogue or Catalogue()

    # ---- providers ------------------------------------------------------------------------------------------------

    def provider(self, name: str) -> Provider:
        """Raises `Problem(NOT_FOUND)` that names those there are."""
        found = self.config.providers.get(name)
        if found is None:
            known = ", ".join(sorted(set(self.config.providers) - {"callbacks"})) or "none yet"
            raise Problem(Code.NOT_FOUND, f"There is no provider '{name}'. There are: {known}.", param="name")
        return found

    async def add(self, fields: Fields, by: str) -> Provider:
        """A new provider. Raises `Problem`: INVALID_REQUEST, CONFLICT when the name is taken."""
        name = fields.get("name") or fields.get("type") or ""
        if isinstance(name, str) and name in self.config.providers:
            raise Problem(
                Code.CONFLICT, f"There is a provider '{name}' already; change it, or choose another name.", param="name"
            )
        return await self._store(self._built({**fields, "name": name}, None), None, by)

    async def put(self, name: str, fields: Fields, by: str) -> Provider:
        """Exactly these fields, whether it exists or not."""
        self._named(name, fields)
        old = self.config.providers.get(name)
        return await self._store(self._built({**fields, "name": name}, old), old, by)

    async def change(self, name: str, fields: Fields, by: str) -> Provider:
        """These fields of it; null puts the default back."""
        old = self.provider(name)
        self._named(name, fields)
        kept = msgspec.to_builtins(old)
        merged = {key: value for key, value in {**kept, **fields}.items() if value is not None}
        return await self._store(self._built(merged, old, types=False), old, by)

    async def remove(self, name: str, by: str) -> None:
        """Its agents finish what they have in hand. Raises `Problem(NOT_FOUND)`."""
        want_house(self.config, by, "Providers")
        self._not_ours(name)
        self.provider(name)
        await self.config.drop_provider(name, by)

    async def roll_back(self, name: str, revision: int, by: str) -> Provider:
        """As it was at `revision`, even if it has been removed since. Raises `Problem(NOT_FOUND)`."""
        want_house(self.config, by, "Providers")
        self._not_ours(name)
        history = await versions(self.config.bus, "providers", name) if subjects.TOKEN.match(name) else []
        found = next((one.value for one in history if one.revision == revision), None)
        if not isinstance(found, Provider):
            kept = ", ".join(str(one.revision) for one in history if one.value is not None) or "none"
            raise Problem(
                Code.NOT_FOUND, f"Provider '{name}' has no revision {revision}. There are: {kept}.", param="revision"
            )
        check_provider(found, self.kinds)
        await self.config.put_provider(found, by, f"rollback to {revision}")
        return found

    def _named(self, name: str, fields: Fields) -> None:
        self._not_ours(name)
        if fields.get("name", name) != name:
            raise Problem(Code.INVALID_REQUEST, "A provider can't be renamed: add another and remove it.", param="name")

    def _not_ours(self, name: str) -> None:
        if name == "callbacks":
            raise Problem(
                Code.FORBIDDEN, "`callbacks` is the queue of web callbacks; it can't be changed.", param="name"
            )

    def _built(self, fields: Fields, old: Provider | None, types: bool = True) -> Provider:
        given = self._typed(fields) if types and fields.get("type") else dict(fields)
        if isinstance(given.get("models"), list | tuple):
            given["models"] = [{"name": one} if isinstance(one, str) else one for one in given["models"]]
        given = {"kind": "openai", **{name: value for name, value in given.items() if value is not None}}
        return kept_secrets(converted(given, Provider), old)

    def _typed(self, fields: Fields) -> dict[str, Any]:
        """A provider's type fills in what was not said."""
        known = self.catalogue.types.get(str(fields["type"]))
        if known is None:
            names = ", ".join(sorted(self.catalogue.types))
            raise Problem(
                Code.INVALID_REQUEST, f"There is no type '{fields['type']}'. There are: {names}.", param="type"
            )
        defaults = {"kind": known.kind, "base_url": known.base_url, "priority": known.priority, "slots": known.slots}
        return {**defaults, **({"headers": known.headers} if known.headers else {}), **fields}

    async def _store(self, provider: Provider, old: Provider | None, by: str) -> Provider:
        want_house(self.config, by, "Providers")
        self._not_ours(provider.name)
        check_provider(provider, self.kinds)
        if old is not None:
            same_address_or_new_secret(provider, old)
        sealed = self.seal.sealed(provider, old)
        if sealed != old:
            await self.config.put_provider(sealed, by, expect=await self._revision(sealed.name, old))
        return sealed

    async def _revision(self, name: str, old: Provider | None) -> int:
        """Of the version we have looked at; another one there is a conflict."""
        found = await self.config.bus.last("KV_CONFIG", subjects.config_key("providers", name))
        if found is None:
            return 0
        stands = None if found[2].get("KV-Operation") or not found[1] else msgspec.json.decode(found[1], type=Provider)
        if stands != old:
            raise Problem(
                Code.CONFLICT, f"Provider '{name}' was changed by somebody else meanwhile; repeat your change."
            )
        return found[0]

    # ---- models ---------------------------------------------------------------------------------------------------

    async def put_rule(self, fields: Fields, by: str) -> ModelRule:
        """How one model's requests are spread. Raises `Problem(INVALID_REQUEST)`."""
        want_house(self.config, by, "Rules")
        rule = converted({"model": "", **fields}, ModelRule)
        await self.config.put_rule(rule, by)
        return rule

    async def drop_rule(self, model: str, by: str) -> None:
        """The model is balanced again. Raises `Problem(NOT_FOUND)`."""
        want_house(self.config, by, "Rules")
        if model not in self.config.rules:
            raise Problem(Code.NOT_FOUND, f"There is no rule for the model '{model}'.", param="model")
        await self.config.drop_rule(model, by)

    # ---- keys -----------------------------------------------------------------------------------------------------

    def key(self, key_id: str, by: str) -> ApiKey:
        """Raises `Problem(NOT_FOUND)`, also for one that `by` may not see."""
        found = self.config.keys.get(key_id)
        if found is None or tenant_of(self.config, by) not in (HOUSE, found.tenant):
            raise Problem(Code.NOT_FOUND, f"There is no key '{key_id}'; `ai-server keys list` names them.", param="id")
        return found

    async def create_key(self, fields: Fields, by: str, chosen: str = "") -> tuple[str, ApiKey]:
        """The key itself, to show once, and what is stored of it. `chosen`: its text. Raises `Problem(CONFLICT)`."""
        raw, made = new_key("", tenant=tenant_of(self.config, by), chosen=chosen)
        if made.id in self.config.keys:
            raise Problem(Code.CONFLICT, "There is this very key already.", param="key")
        key = with_fields(made, fields)
        await self._keep(key, by, "created")
        return raw, key

    async def remove_key(self, key_id: str, by: str) -> None:
        """Gone from every list; its history stays. Raises `Problem(NOT_FOUND)`."""
        self.key(key_id, by)
        await self.config.drop_key(key_id, by)

    async def change_key(self, key_id: str, fields: Fields, by: str) -> ApiKey:
        key = with_fields(self.key(key_id, by), fields)
        await self._keep(key, by)
        return key

    async def revoke_key(self, key_id: str, by: str) -> ApiKey:
        self.key(key_id, by)
        return await self.config.revoke_key(key_id, by)

    async def rotate_key(self, key_id: str, overlap: float, by: str, signing: bool = False) -> tuple[str, ApiKey]:
        """A successor with the same rights; the old key works for `overlap` seconds more.

        The callbacks' signing secret stays the same unless `signing` asks for a new one, so receivers need not change in
        the same moment. Raises `Problem`: CONFLICT for a key that has ended or was rotated before.
        """
        old, now = self.key(key_id, by), time.time()
        if not 0 <= overlap <= LONGEST_OVERLAP:
            raise Problem(Code.INVALID_REQUEST, "overlap must be 0 seconds to 90 days.", param="overlap")
        if old.revoked or (old.expires and old.expires <= now):
            raise Problem(Code.CONFLICT, f"Key '{old.name}' has ended; create a new one.", param="id")
        if old.replaced_by:
            raise Problem(Code.CONFLICT, f"Key '{old.name}' was rotated before; rotate {old.replaced_by}.", param="id")
        raw, fresh = new_key(old.name)
        new = msgspec.structs.replace(
            old, id=fresh.id, hash=fresh.hash, prefix=fresh.prefix, created=fresh.created, replaces=old.id,
            webhook_secret=signing_secret() if signing else old.webhook_secret,
        )  # fmt: skip
        await self._keep(new, by, f"rotated from {old.id}")
        until = now + overlap
        ending = msgspec.structs.replace(old, expires=min(old.expires or until, until), replaced_by=new.id)
        try:
            await self._keep(ending, by, f"rotated to {new.id}")
        except Problem:  # it was rotated or changed elsewhere meanwhile: nobody is told of this successor
            await self.config.drop_key(new.id, by)
            raise
        return raw, new

    async def _keep(self, key: ApiKey, by: str, note: str = "") -> None:
        """Upon the version we have looked at: a change must not bring back a key that was revoked elsewhere just now."""
        check_key(key, frozenset(OPERATIONS))
        await self.config.put_key(key, by, note, expect=self.config.revision("keys", key.id))
