"""`Authenticate`: sign in with any name and an API key (or the administrator's secret), ask who is signed in, sign out.

What a newcomer would get wrong: the password is the key. There are no users here; the name is only how a person wants to
be called.
"""

import re
from typing import Any

from litestar.types import Receive, Scope, Send

from gateway.aiserver._handlers import answers
from gateway.aiserver.call import Call
from gateway.aiserver.sessions import LONGEST_NAME, Session, cookie, refused
from gateway.live import send_whole
from schemas.dtos.auth import Authenticate, AuthenticateResponse
from schemas.problem import Problem
from schemas.provider import ApiKey

LOGOUT = "logout"
_PAGE = re.compile(r"/(?![/\\\\])[!-~]*")


@answers(Authenticate)
async def authenticate(asked: Authenticate, call: Call) -> Any:
    """Raises `Problem(UNAUTHENTICATED)` for a wrong key, and for a question without a session."""
    provider = (asked.provider or "").lower()
    if provider == LOGOUT:
        call.headers.append(cookie("", call.turn.heads, remember=False))
        return _sent_on(call) or AuthenticateResponse()
    if call.method != "GET" and (asked.password or asked.user_name):  # a key in an address would stand in logs
        return _sign_in(asked, call)
    session = call.rooms.sessions.read(call.turn.heads)
    key = call.rooms.sessions.key_of(call.turn.heads)
    if session is not None and key is not None:
        return _told(session, key)
    if (key := call.turn.key) is None:
        raise refused()
    return _told(Session(key.id, key.tenant, key.user or key.name, str(call.turn.id), 0), key)


def _sign_in(asked: Authenticate, call: Call) -> AuthenticateResponse:
    if not asked.password:
        raise refused()
    try:
        key = call.rooms.front.access.who({b"authorization": b"Bearer " + asked.password.encode("latin-1", "replace")})
    except Problem:
        raise refused() from None
    remember = bool(asked.remember_me)
    session, value = call.rooms.sessions.begin(key, asked.user_name or key.user or key.name, call.turn.id, remember)
    call.headers.append(cookie(value, call.turn.heads, remember))
    return _told(session, key)


def _sent_on(call: Call) -> Any:
    """An answer that leads a browser on, to a page of ours and nowhere else."""
    target = call.asked("redirect") or call.asked("continue") or ""
    if not _PAGE.fullmatch(target):
        return None

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [*call.turn.told(), *call.headers, (b"location", target.encode("ascii", "ignore"))]
        await send_whole(302, headers, b"", send)

    return answer


def _told(session: Session, key: ApiKey) -> AuthenticateResponse:
    return AuthenticateResponse(
        user_id=key.id,
        session_id=session.id,
        user_name=session.name,
        display_name=session.name[:LONGEST_NAME],
        roles=["Admin"] if "admin" in key.scopes else [],
        permissions=sorted(key.scopes),
        auth_provider="credentials",
    )
