"""A web callback: where it goes, as `replyTo` spells it, and the request that the `callbacks` queue carries.

The grammar (AI Server's): `[METHOD ][credentials@]https://host/path`. Credentials stand BEFORE the scheme, not in the URL:
`user:pass@` is Basic, `token@` is Bearer, `http.NAME:value@` is a header; they are percent-encoded where they hold
delimiters, and a token or header value `$NAME` is looked up where the callback is sent. An address is judged there too.
"""

import base64
import re
from collections.abc import Collection, Mapping
from enum import StrEnum
from urllib.parse import unquote, urlsplit

import msgspec

from schemas.problem import Code, Problem

METHODS = ("POST", "PUT", "PATCH", "DELETE")
MAX_LENGTH = 4000
"""Characters of a `replyTo`."""

_OURS = re.compile(r"webhook-|content-|transfer-|connection$|host$|upgrade$|te$|trailer$|expect$|user-agent$|proxy-")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Auth(StrEnum):
    NONE = ""
    BASIC = "basic"
    BEARER = "bearer"
    HEADER = "header"


class Target(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A parsed `replyTo`."""

    url: str
    method: str = "POST"
    auth: Auth = Auth.NONE
    name: str = ""
    """The user of Basic, the header's name of `header`."""
    secret: str = ""
    """Password, token or value as the caller gave it."""
    variable: str = ""
    """Name of the variable that holds the secret instead (`$NAME`)."""

    def headers(self, env: Mapping[str, str]) -> dict[str, str]:
        """The headers that carry the credentials. Raises `Problem` for a variable that is not in `env`."""
        self.check(env)
        secret = env[self.variable] if self.variable else self.secret
        if self.auth is Auth.BASIC:
            return {"Authorization": "Basic " + base64.b64encode(f"{self.name}:{secret}".encode()).decode()}
        if self.auth is Auth.BEARER:
            return {"Authorization": f"Bearer {secret}"}
        return {self.name: secret} if self.auth is Auth.HEADER else {}

    def check(self, allowed: Collection[str]) -> None:
        """Raise `Problem` unless the variable, if there is one, is among the allowed names."""
        if self.variable and self.variable not in allowed:
            raise _problem(f"names ${self.variable}, which this server does not offer to callbacks")


class CallbackRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`Job.body` of a callback job, as JSON."""

    target: Target
    id: str
    """Standard Webhooks id, the same on every try: `webhook_id(job)`."""
    payload: msgspec.Raw
    """The JSON to send, byte for byte: it is what gets signed."""


def webhook_id(job: int | str) -> str:
    """The stable id of the callback that reports this job, by its id or the label of its run."""
    return f"msg_{job}"


def parse_reply_to(text: str) -> Target:
    """Raises `Problem(INVALID_REQUEST)` with a sentence that says what is wrong; never quotes the text, it may hold a token."""
    text = text.strip()
    if not text or len(text) > MAX_LENGTH:
        raise _problem(f"must have 1 to {MAX_LENGTH} characters")
    if any((ord(char) <= 0x20 and char != " ") or ord(char) == 0x7F for char in text) or "\\" in text:
        raise _problem("holds control characters or backslashes")
    first, space, rest = text.partition(" ")
    method = "POST"
    if space and first.isalpha():
        method, text = first.upper(), rest.strip()
        if method not in METHODS:
            raise _problem(f"begins with a method other than {', '.join(METHODS)}")
    credentials, url = _split(text)
    _check_url(url)
    return _with_credentials(Target(url=url, method=method), credentials)


def _split(text: str) -> tuple[str, str]:
    """Credentials and URL. Only the first `@http` counts: a later one belongs to the URL's query."""
    if re.match(r"https?://", text, re.IGNORECASE):
        return "", text
    found = re.search(r"@(?=https?://)", text, re.IGNORECASE)
    if found is None:
        raise _problem("is not an http or https URL")
    return text[: found.start()], text[found.end() :]


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or " " in url:
        raise _problem("is not a valid URL")
    if "@" in parts.netloc:
        raise _problem("has credentials inside the URL: put them before it, as in user:pass@https://host/path")


def _with_credentials(target: Target, credentials: str) -> Target:
    if not credentials:
        return target
    replace = msgspec.structs.replace
    if credentials.lower().startswith("http."):
        name, colon, value = credentials[5:].partition(":")
        if not colon or not _TOKEN.fullmatch(name) or _OURS.match(name.lower()):
            raise _problem("names a header that cannot be set; the form is http.NAME:value@https://host/path")
        return replace(target, auth=Auth.HEADER, name=name, **_secret(value))
    user, colon, password = credentials.partition(":")
    if colon:
        return replace(target, auth=Auth.BASIC, name=_clean(unquote(user)), secret=_clean(unquote(password)))
    return replace(target, auth=Auth.BEARER, **_secret(credentials))


def _secret(text: str) -> dict[str, str]:
    if text.startswith("$"):
        if not _VARIABLE.fullmatch(text[1:]):
            raise _problem("has a $ that no name of a variable follows; a literal $ is written %24")
        return {"variable": text[1:]}
    return {"secret": _clean(unquote(text))}


def _clean(text: str) -> str:
    if any(ord(char) < 0x20 or ord(char) == 0x7F for char in text):
        raise _problem("has control characters in its credentials")
    return text


def _problem(what: str) -> Problem:
    return Problem(Code.INVALID_REQUEST, f"replyTo {what}", param="replyTo")
