"""A question to a running AI Server over HTTP, its answer piece by piece. Standard library only, so it starts at once."""

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

PATIENCE = 300.0
"""Seconds without a byte after which we give up: a cold model on a busy laptop takes its time."""


class TalkError(Exception):
    """The server could not be asked, or said no. The message is a sentence for a person."""


def ask(url: str, key: str, question: str, model: str = "") -> Iterator[str]:
    """The pieces of the answer. Without `model` the first that chats is asked."""
    model = model or first_model(url, key)
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": question}]}
    with_answer = _send(url, key, "POST", "/v1/chat/completions", body)
    for line in with_answer:
        if not line.startswith(b"data:"):
            continue
        data = line[5:].strip()
        if data == b"[DONE]":
            return
        piece = json.loads(data)
        if "error" in piece:
            raise TalkError(str(piece["error"].get("message") or piece["error"]))
        for choice in piece.get("choices", ()):
            if text := (choice.get("delta") or {}).get("content"):
                yield text
    raise TalkError("the answer broke off before its end")


def models(url: str, key: str) -> list[str]:
    """Those one can talk to."""
    answer = json.loads(_send(url, key, "GET", "/v1/models").read())
    return [model["id"] for model in answer["data"] if "chat" in model["operations"]]


def live(url: str, key: str) -> dict[str, Any]:
    """The whole house as it is now, for an administrator's key."""
    state: dict[str, Any] = json.loads(_send(url, key, "GET", "/admin/live").read())
    return state


def first_model(url: str, key: str) -> str:
    """Raises TalkError when no model that is served can chat."""
    names = models(url, key)
    if not names:
        raise TalkError("the server has no model to talk to; `ai-server status` shows its providers")
    return names[0]


def curl(url: str, key: str, model: str, question: str = "Say hello.") -> str:
    """The same question as a command to paste."""
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": question}]}
    text = json.dumps(body, ensure_ascii=False).replace("'", "'\\''")
    return (
        f"curl -N {url}/v1/chat/completions \\\n"
        f'  -H "Authorization: Bearer {key}" \\\n'
        f'  -H "Content-Type: application/json" \\\n'
        f"  -d '{text}'"
    )


def _send(url: str, key: str, method: str, path: str, body: Any = None) -> http.client.HTTPResponse:
    where = urlsplit(url)
    kind = http.client.HTTPSConnection if where.scheme == "https" else http.client.HTTPConnection
    line = kind(where.hostname or "", where.port, timeout=PATIENCE)
    heads = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", "User-Agent": "ai-server-cli"}
    try:
        line.request(method, where.path.rstrip("/") + path, json.dumps(body) if body else None, heads)
        answer = line.getresponse()
    except OSError as error:
        raise TalkError(f"no AI Server answers at {url}: {error}") from error
    if answer.status != 200:
        raise TalkError(_said(answer))
    return answer


def _said(answer: http.client.HTTPResponse) -> str:
    text = answer.read(100_000).decode("utf-8", "replace")
    try:
        return str(json.loads(text)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"the server answered {answer.status}: {text[:200]}"
