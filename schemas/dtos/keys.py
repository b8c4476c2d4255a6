# ruff: noqa: RUF012  # msgspec copies an empty list for each struct
"""Keys of callers, as an administrator makes, finds, changes and deletes them.

What a newcomer would get wrong: a whole key is shown once, when it is made; everything later shows a part of it.
"""

from typing import Annotated

from schemas.dtos._model import NEVER, POSITIVE, DateTime, Dto, Ref, api, doc
from schemas.dtos.base import EmptyResponse, ResponseStatus


class CreateApiKeyResponse(Dto):
    """The key that was made, shown this once."""

    id: int = 0
    key: str = ""
    name: str = ""
    user_id: str | None = None
    user_name: str | None = None
    visible_key: Annotated[str, doc("The part of the key that may be shown.")] = ""
    created_date: DateTime = NEVER
    expiry_date: Annotated[DateTime | None, doc("From then on the key is refused.")] = None
    cancelled_date: Annotated[DateTime | None, doc("Since when the key is switched off.")] = None
    notes: str | None = None


@api("POST", CreateApiKeyResponse, tag="Admin", auth="admin", markers=("IPost",))
class CreateApiKey(Dto):
    """Make a key; the caller may choose what it reads."""

    key: Annotated[str, doc("What the key reads; one is made up when left out.")] = ""
    name: str = ""
    user_id: str | None = None
    user_name: str | None = None
    scopes: Annotated[list[str], doc("`Admin` makes the key an administrator's.")] = []
    notes: str | None = None
    ref_id: int | None = None
    ref_id_str: Annotated[str | None, doc("A number of your own that is not a number.")] = None
    meta: dict[str, str] | None = None


class PartialApiKey(Dto):
    """A key, of which a part is shown."""

    id: int = 0
    name: Ref[str] = None
    user_id: Ref[str] = None
    user_name: Ref[str] = None
    visible_key: Annotated[Ref[str], doc("The part of the key that may be shown.")] = None
    environment: Ref[str] = None
    created_date: DateTime = NEVER
    expiry_date: Annotated[DateTime | None, doc("From then on the key is refused.")] = None
    cancelled_date: Annotated[DateTime | None, doc("Since when the key is switched off.")] = None
    last_used_date: DateTime | None = None
    scopes: Annotated[list[str], doc("`Admin` makes the key an administrator's.")] = []
    features: list[str] = []
    restrict_to: Annotated[list[str], doc("The APIs that the key may call; empty: all.")] = []
    notes: Ref[str] = None
    ref_id: int | None = None
    ref_id_str: Annotated[Ref[str], doc("A number of your own that is not a number.")] = None
    meta: Ref[dict[str, str]] = None
    active: Annotated[bool, doc("Neither expired nor switched off.")] = False


class AdminApiKeysResponse(Dto):
    """Keys, of which a part is shown."""

    results: Ref[list[PartialApiKey]] = None
    response_status: Ref[ResponseStatus] = None


class AdminApiKeyResponse(Dto):
    """The key that was made, shown this once."""

    result: Ref[str] = None
    response_status: Ref[ResponseStatus] = None


@api("GET", AdminApiKeysResponse, tag="Admin", auth="admin", markers=("IGet",), hidden=True)
class AdminQueryApiKeys(Dto):
    """Find keys."""

    id: int | None = None
    api_key: Ref[str] = None
    search: Annotated[Ref[str], doc("A part of the name, the user or the key.")] = None
    user_id: Ref[str] = None
    user_name: Ref[str] = None
    order_by: Annotated[Ref[str], doc("A field; `-` before it turns the order round.")] = None
    skip: int | None = None
    take: int | None = None


@api("POST", AdminApiKeyResponse, tag="Admin", auth="admin", markers=("IPost",), hidden=True)
class AdminCreateApiKey(Dto):
    """Make a key; the server chooses what it reads."""

    name: Ref[str] = None
    user_id: Ref[str] = None
    user_name: Ref[str] = None
    scopes: Annotated[list[str], doc("`Admin` makes the key an administrator's.")] = []
    features: list[str] = []
    restrict_to: Annotated[list[str], doc("The APIs that the key may call; empty: all.")] = []
    expiry_date: Annotated[DateTime | None, doc("From then on the key is refused.")] = None
    notes: Ref[str] = None
    ref_id: int | None = None
    ref_id_str: Annotated[Ref[str], doc("A number of your own that is not a number.")] = None
    meta: Ref[dict[str, str]] = None


@api("PATCH", EmptyResponse, tag="Admin", auth="admin", markers=("IPatch",), hidden=True)
class AdminUpdateApiKey(Dto):
    """Change a key; what is left out stays, what is in `reset` is emptied."""

    id: Annotated[int, POSITIVE] = 0
    name: Ref[str] = None
    user_id: Ref[str] = None
    user_name: Ref[str] = None
    scopes: Annotated[list[str], doc("`Admin` makes the key an administrator's.")] = []
    features: list[str] = []
    restrict_to: Annotated[list[str], doc("The APIs that the key may call; empty: all.")] = []
    expiry_date: Annotated[DateTime | None, doc("From then on the key is refused.")] = None
    cancelled_date: Annotated[DateTime | None, doc("Since when the key is switched off.")] = None
    notes: Ref[str] = None
    ref_id: int | None = None
    ref_id_str: Annotated[Ref[str], doc("A number of your own that is not a number.")] = None
    meta: Ref[dict[str, str]] = None
    reset: Annotated[Ref[list[str]], doc("Names of fields to empty.")] = None


@api("DELETE", EmptyResponse, tag="Admin", auth="admin", markers=("IDelete",), hidden=True)
class AdminDeleteApiKey(Dto):
    """Delete a key."""

    id: Annotated[int | None, POSITIVE] = None
