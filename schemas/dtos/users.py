# ruff: noqa: RUF012  # msgspec copies an empty list for each struct
"""User accounts, in the framework's words. This server has keys and no accounts; clients' types name them all the same."""

from typing import Any

from schemas.dtos._model import DateTime, Dto, Ref, api
from schemas.dtos.base import ResponseStatus


class Property(Dto):
    """A name and a value."""

    name: Ref[str] = None
    value: Ref[str] = None


class AdminUserBase(Dto):
    """What an account has."""

    user_name: Ref[str] = None
    first_name: Ref[str] = None
    last_name: Ref[str] = None
    display_name: Ref[str] = None
    email: Ref[str] = None
    password: Ref[str] = None
    profile_url: Ref[str] = None
    phone_number: Ref[str] = None
    user_auth_properties: dict[str, str] = {}
    meta: Ref[dict[str, str]] = None


class AdminUserResponse(Dto):
    """An account."""

    id: Ref[str] = None
    result: Ref[dict[str, Any]] = None
    details: Ref[list[dict[str, Any]]] = None
    claims: Ref[list[Property]] = None
    response_status: Ref[ResponseStatus] = None


@api("GET", AdminUserResponse, tag="Admin", auth="admin", markers=("IGet",), hidden=True)
class AdminGetUser(Dto):
    """An account by id."""

    id: Ref[str] = None


class AdminUsersResponse(Dto):
    """Accounts."""

    results: Ref[list[dict[str, Any]]] = None
    response_status: Ref[ResponseStatus] = None


@api("GET", AdminUsersResponse, tag="Admin", auth="admin", markers=("IGet",), hidden=True)
class AdminQueryUsers(Dto):
    """Find accounts."""

    query: Ref[str] = None
    order_by: Ref[str] = None
    skip: int | None = None
    take: int | None = None


@api("POST", AdminUserResponse, tag="Admin", auth="admin", markers=("IPost",), hidden=True)
class AdminCreateUser(AdminUserBase):
    """Make an account."""

    roles: Ref[list[str]] = None
    permissions: Ref[list[str]] = None


@api("PUT", AdminUserResponse, tag="Admin", auth="admin", markers=("IPut",), hidden=True)
class AdminUpdateUser(AdminUserBase):
    """Change an account."""

    id: Ref[str] = None
    lock_user: bool | None = None
    unlock_user: bool | None = None
    lock_user_until: DateTime | None = None
    add_roles: Ref[list[str]] = None
    remove_roles: Ref[list[str]] = None
    add_permissions: Ref[list[str]] = None
    remove_permissions: Ref[list[str]] = None
    add_claims: Ref[list[Property]] = None
    remove_claims: Ref[list[Property]] = None


class AdminDeleteUserResponse(Dto):
    """The account that was deleted."""

    id: Ref[str] = None
    response_status: Ref[ResponseStatus] = None


@api("DELETE", AdminDeleteUserResponse, tag="Admin", auth="admin", markers=("IDelete",), hidden=True)
class AdminDeleteUser(Dto):
    """Delete an account."""

    id: Ref[str] = None
