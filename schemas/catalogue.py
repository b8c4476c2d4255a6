"""The catalogue: which provider types there are, and one name for a model that every provider calls differently.

The data is `ops/catalogue.toml` with the user's `overrides/`; here is what it means. A newcomer would translate names
where a request comes in; they are announced by the agents instead (`announced`): each agent knows its own native name, so
a job that is tried again elsewhere needs no second translation, and the router knows nothing of all this.
"""

from collections.abc import Iterable, Iterator
from typing import Annotated

import msgspec

from schemas.operations import CHAT, DEFAULT, EMBEDDINGS, IMAGE_TO_TEXT
from schemas.provider import Model, Provider

LATEST = ":latest"
_ANY = "*"
_NAMED = frozenset({CHAT.name, EMBEDDINGS.name, "callback"})
"""Operations whose requests always name a model."""


class ProviderType(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sort of provider one can add by its id: `ai-server provider add groq`."""

    kind: str = "openai"
    """File in `agents/`."""
    base_url: str = ""
    env: tuple[str, ...] = ()
    """Environment variables its users keep their key in."""
    docs: str = ""
    headers: dict[str, str] = {}
    priority: Annotated[int, msgspec.Meta(ge=0, le=9)] = 5
    slots: Annotated[int, msgspec.Meta(ge=1)] = 32


class KnownModel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model under its common name `family:tag`."""

    latest: bool = False
    """The bare family name means this one."""
    op: str = "chat"
    vision: bool = False
    context: int = 0
    """Tokens; 0: not known."""
    native: dict[str, str | tuple[str, ...]] = {}
    """Provider type (`*`: any) -> what that provider calls it."""

    def natives(self, kind: str) -> tuple[str, ...]:
        """What providers of that type call it."""
        name = self.native.get(kind, ())
        return (name,) if isinstance(name, str) else tuple(name)


class SystemPrompt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A role that a chat may be opened with."""

    name: str
    text: str


class Catalogue:
    """Types and models by id, and the questions that are asked of them."""

    def __init__(
        self,
        types: dict[str, ProviderType] | None = None,
        models: dict[str, KnownModel] | None = None,
        prompts: dict[str, SystemPrompt] | None = None,
    ) -> None:
        self.types, self.models, self.prompts = types or {}, models or {}, prompts or {}
        self._latest = {name.partition(":")[0]: name for name, model in self.models.items() if model.latest}
        self._native = {
            (kind, native.lower()): name
            for name, model in self.models.items()
            for kind in model.native
            for native in model.natives(kind)
        }

    def become(self, other: "Catalogue") -> None:
        """Hold what `other` holds, for all who hold this one."""
        self.__dict__.update(other.__dict__)

    def same(self, other: "Catalogue") -> bool:
        """Whether both hold the same."""
        return (self.types, self.models, self.prompts) == (other.types, other.models, other.prompts)

    def resolve(self, name: str) -> str:
        """`llama3.3` and `llama3.3:latest` -> `llama3.3:70b`; any other name as it is."""
        if name in self.models:
            return name
        return self._latest.get(name.removesuffix(LATEST), name)

    def find(self, name: str, kind: str = "") -> KnownModel | None:
        """What is known of a model, by common name, alias, or the name that providers of that type use."""
        return self.models.get(self._common(name, kind))

    def vision(self, model: Model, kind: str) -> bool | None:
        """Whether it takes pictures: as its row says, else as the catalogue does; None: nobody has said."""
        if model.vision is not None:
            return model.vision
        known = self.find(model.native or model.name, kind)
        return known.vision if known else None

    def context(self, model: Model, kind: str) -> int:
        """Tokens that prompt and answer may take together, by the same way; 0: nobody has said."""
        known = self.find(model.native or model.name, kind)
        return model.context or (known.context if known else 0)

    def type_of(self, provider: Provider) -> str:
        """The provider's type: as it says, else by its name, its address, its kind; empty: none that is known."""
        if provider.type:
            return provider.type
        named = self.types.get(provider.name)
        if named is not None and named.kind == provider.kind:
            return provider.name
        host = provider.base_url.partition("://")[2].partition("/")[0]
        for name, one in self.types.items():
            if host and one.base_url.partition("://")[2].partition("/")[0] == host and one.kind == provider.kind:
                return name
        return provider.kind if provider.kind in self.types and provider.kind != "openai" else ""

    def is_alias(self, name: str) -> bool:
        """A short name for one that is listed too: lists need not show it."""
        return name == DEFAULT or (name not in self.models and self.resolve(name) != name)

    def announced(self, provider: Provider, models: Iterable[Model], *, sees: bool = False) -> tuple[Model, ...]:
        """These models, and the same ones under their other names. A name that is there already keeps its meaning.

        `sees`: the provider's kind tells pictures in words by any of its chat models that takes them (`image_to_text`).
        """
        kind = self.type_of(provider)
        listed = {(model.op, model.name): model for model in models}
        for model in list(listed.values()):
            for name in (*model.aliases, *self._other_names(model.native or model.name, kind)):
                other = msgspec.structs.replace(model, name=name, native=model.native or model.name, aliases=())
                listed.setdefault((model.op, name), other)
        for model in list(listed.values()) if sees else ():
            if model.op == CHAT.name and self.vision(model, kind):
                seeing = msgspec.structs.replace(model, op=IMAGE_TO_TEXT.name, aliases=())
                listed.setdefault((seeing.op, seeing.name), seeing)
        for model in list(listed.values()):  # a media request need not know what models there are
            if model.op not in _NAMED:
                first = msgspec.structs.replace(model, name=DEFAULT, native=model.native or model.name, aliases=())
                listed.setdefault((model.op, DEFAULT), first)
        return tuple(listed.values())

    def _other_names(self, native: str, kind: str) -> Iterator[str]:
        common = self._common(native, kind)
        if common in self.models:
            yield common
        family, _, tag = common.partition(":")
        if tag == "latest" or (tag and self._latest.get(family) == common):
            yield family
            yield family + LATEST

    def _common(self, name: str, kind: str) -> str:
        low = name.lower()
        found = self._native.get((kind, low)) or self._native.get((_ANY, low))
        return found or self.resolve(name)
