"""`ai-server provider …`: who serves, changed live. What is done here is in force in every process within a second."""

from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import App, Parameter

from ops.commands.common import HERE, Where, talk

provider = App(name="provider", help="Providers: who serves. Changes are in force at once, everywhere.")


@Parameter(name="*")
@dataclass(frozen=True)
class Given:
    """A provider's fields as flags."""

    key: Annotated[
        str | None,
        Parameter(help="env:NAME, or - to type the secret (it is stored sealed).", allow_leading_hyphen=True),
    ] = None
    base_url: Annotated[str | None, Parameter(help="Address of its API.")] = None
    kind: Annotated[str | None, Parameter(help="openai, anthropic, gemini, ollama ...")] = None
    header: Annotated[list[str] | None, Parameter(help="NAME=VALUE, sent with each call. Repeatable.")] = None
    model: Annotated[list[str] | None, Parameter(help="NAME or NAME=NATIVE. Repeatable.")] = None
    discover: Annotated[bool | None, Parameter(help="Also serve the models that it lists itself.")] = None
    priority: Annotated[int | None, Parameter(help="0 is served first, 9 last.")] = None
    slots: Annotated[int | None, Parameter(help="Calls at a time.")] = None
    reserve: Annotated[int | None, Parameter(help="Of these, kept for sync calls.")] = None
    pool: Annotated[str | None, Parameter(help="Providers of one pool share one queue.")] = None
    cost: Annotated[float | None, Parameter(help="Last tie-break: lower first.")] = None
    requests_per_minute: Annotated[int | None, Parameter(help="What it allows us; 0: no limit known.")] = None
    tokens_per_minute: Annotated[int | None, Parameter(help="What it allows us; 0: no limit known.")] = None
    host: Annotated[str | None, Parameter(help="Only `ai-server agent NAME` on that machine serves it.")] = None
    notes: Annotated[str | None, Parameter(help="For people.")] = None

    def fields(self) -> dict[str, Any]:
        """As the registry takes them."""
        given = {name: value for name, value in vars(self).items() if value is not None}
        if (models := given.pop("model", None)) is not None:
            pairs = [one.partition("=") for one in models]
            given["models"] = [{"name": name, "native": native} if mark else name for name, mark, native in pairs]
        if (headers := given.pop("header", None)) is not None:
            given["headers"] = {name: value for name, _, value in (one.partition("=") for one in headers)}
        return given


NOTHING = Given()


@provider.command(name="add")
def add(
    type_or_name: str,
    *,
    name: Annotated[str, Parameter(help="Another name than the type's.", show_default=False)] = "",
    disabled: Annotated[bool, Parameter(help="Add it switched off.", negative=())] = False,
    given: Given = NOTHING,
    where: Where = HERE,
) -> int:
    """Add a provider: a type of the catalogue (groq, vllm ...), or a name with --base-url."""
    from ops import errand_provider

    fields = {**given.fields(), **({"enabled": False} if disabled else {})}
    return talk(where, lambda bus, settings: errand_provider.add(bus, settings, type_or_name, name, fields))


@provider.command(name="list")
def show_all(
    *,
    types: Annotated[bool, Parameter(help="List the types of the catalogue.", negative=())] = False,
    where: Where = HERE,
) -> int:
    """List the providers and how they are."""
    from ops import errand_provider
    from ops.commands.common import settings_of

    if types:
        return errand_provider.types(settings_of(where))
    return talk(where, errand_provider.show_all)


@provider.command(name="show")
def show(name: str, *, where: Where = HERE) -> int:
    """Show one provider as JSON, without its secrets."""
    from ops import errand_provider

    return talk(where, lambda bus, _: errand_provider.show_one(bus, name))


@provider.command(name="change")
def change(name: str, *, given: Given = NOTHING, where: Where = HERE) -> int:
    """Change fields of a provider."""
    from ops import errand_provider

    return talk(where, lambda bus, settings: errand_provider.change(bus, settings, name, given.fields()))


@provider.command(name="test")
def try_out(
    name: str,
    *,
    chat: Annotated[bool, Parameter(help="Also chat: one token.", negative=())] = False,
    model: Annotated[str, Parameter(help="Model to chat with [default: a small one].", show_default=False)] = "",
    where: Where = HERE,
) -> int:
    """Make one cheap real call through the provider's agent, and say what it saw."""
    from ops import errand_provider

    return talk(where, lambda bus, settings: errand_provider.test(bus, settings, name, chat or bool(model), model))


@provider.command(name="enable")
def enable(name: str, *, where: Where = HERE) -> int:
    """Switch a provider on."""
    from ops import errand_provider

    return talk(where, lambda bus, settings: errand_provider.switch(bus, settings, name, True))


@provider.command(name="disable")
def disable(name: str, *, where: Where = HERE) -> int:
    """Switch a provider off; calls under way go on to their end."""
    from ops import errand_provider

    return talk(where, lambda bus, settings: errand_provider.switch(bus, settings, name, False))


@provider.command(name="remove")
def remove(name: str, *, where: Where = HERE) -> int:
    """Remove a provider. Its history stays: `rollback` brings it back."""
    from ops import errand_provider

    return talk(where, lambda bus, settings: errand_provider.remove(bus, settings, name))


@provider.command(name="history")
def history(name: str, *, where: Where = HERE) -> int:
    """Who changed what, and when: the last ten versions."""
    from ops import errand_provider

    return talk(where, lambda bus, _: errand_provider.history(bus, name))


@provider.command(name="rollback")
def rollback(name: str, revision: int, *, where: Where = HERE) -> int:
    """Put a provider back to a REVISION of its history."""
    from ops import errand_provider

    return talk(where, lambda bus, settings: errand_provider.roll_back(bus, settings, name, revision))
