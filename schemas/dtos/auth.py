"""Signing in with a key or with the administrator's secret; the answer sets a session cookie."""

from typing import Annotated

from schemas.dtos._model import DateTime, Dto, Ref, api, doc
from schemas.dtos.base import ResponseStatus


class AuthenticateResponse(Dto):
    """Who is signed in."""

    user_id: Ref[str] = None
    session_id: Ref[str] = None
    user_name: Ref[str] = None
    display_name: Ref[str] = None
    referrer_url: Ref[str] = None
    bearer_token: Ref[str] = None
    refresh_token: Ref[str] = None
    refresh_token_expiry: DateTime | None = None
    profile_url: Ref[str] = None
    roles: Ref[list[str]] = None
    permissions: Ref[list[str]] = None
    auth_provider: Ref[str] = None
    response_status: Ref[ResponseStatus] = None
    meta: Ref[dict[str, str]] = None


@api("POST", AuthenticateResponse, tag="Auth", routes=("/auth", "/auth/{provider}"), markers=("IPost",))
class Authenticate(Dto):
    """Sign in; with nothing in it, who is signed in."""

    provider: Annotated[Ref[str], doc("`credentials`, or `logout`.")] = None
    user_name: Annotated[Ref[str], doc("The name to show.")] = None
    password: Annotated[Ref[str], doc("A key, or the administrator's secret.")] = None
    remember_me: Annotated[bool | None, doc("Keep the session when the browser closes.")] = None
    access_token: Ref[str] = None
    access_token_secret: Ref[str] = None
    return_url: Ref[str] = None
    error_view: Ref[str] = None
    meta: Ref[dict[str, str]] = None
