"""Where a model of the Gemini API is, and how one shows the key: in a header, never in the URL. Pure."""

import re
from urllib.parse import quote

from agents.agent import Tools
from schemas.problem import Code


def headers(tools: Tools) -> dict[str, str]:
    return {"x-goog-api-key": tools.key} if tools.key else {}


def root(tools: Tools) -> str:
    """The address may name the version or leave it out."""
    base = tools.provider.base_url.partition("?")[0].rstrip("/")
    return "" if re.search(r"/v\d+(alpha|beta)?\d*$", base) else "/v1beta"


def full(model: str) -> str:
    return model if "/" in model else f"models/{model}"


def path(tools: Tools, model: str) -> str:
    """Of a model; a verb follows. Raises `Problem` for a name that would lead elsewhere."""
    name = full(model)
    if ".." in name.split("/"):
        raise tools.problem(Code.UNAVAILABLE, "has a model whose name is no name")
    return f"{root(tools)}/{quote(name, safe='/-._~@')}"
