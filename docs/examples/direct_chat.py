"""A service that chats over NATS, without HTTP and without any code of ours: `pip install nats-py`.

    python direct_chat.py nats://127.0.0.1:4222 ais-YOUR-KEY [MODEL]

Three ways: a question and its answer; an answer token by token; and a stored request, whose answer survives a restart of
everything. Your key's id (the first 16 hex digits of its SHA-256) is part of the subjects; the server grants you these
subjects and nothing else, so the inbox needs its prefix.
"""

# ruff: noqa: T201
import asyncio
import hashlib
import json
import sys
import uuid

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

TENANT = "default"


def question(model: str, text: str, **more: object) -> bytes:
    """The same JSON that `POST /v1/chat/completions` takes."""
    body = {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": 60, **more}
    return json.dumps(body).encode()


async def ask(nc: Client, key: str, model: str) -> None:
    """One request, one reply: the completion as JSON, or an error; the header `Ai-Status` tells which."""
    reply = await nc.request(f"rpc.{TENANT}.{key}.chat", question(model, "Say hello in one word."), timeout=60)
    answer = json.loads(reply.data)
    if (reply.headers or {}).get("Ai-Status") != "200":
        raise SystemExit(f"refused: {answer['error']['message']}")
    print("answer: ", answer["choices"][0]["message"]["content"])


async def stream(nc: Client, key: str, model: str) -> None:
    """One request, many replies: `delta` with a chunk each; the last one carries the header `Ai-End`."""
    inbox = nc.new_inbox()
    replies = await nc.subscribe(inbox)
    await nc.publish(f"rpc.{TENANT}.{key}.chat", question(model, "Count to five.", stream=True), reply=inbox)
    print("stream:  ", end="")
    while True:
        message = await replies.next_msg(timeout=60)
        event = json.loads(message.data)
        if (message.headers or {}).get("Ai-End"):
            break
        for choice in event["chunk"]["choices"]:
            print(choice["delta"].get("content") or "", end="", flush=True)
    await replies.unsubscribe()
    print(f"   ({event.get('type', 'failed')}: {event.get('usage') or event.get('error')})")


async def store(nc: Client, key: str, model: str) -> None:
    """A stored request: the PubAck is the promise. Its events come on `out.`, which we hear before we ask.

    `Nats-Msg-Id` names the request: sent twice it is one job, and the second time the answer is told again.
    """
    ref = f"example-{uuid.uuid4().hex[:12]}"
    ended: asyncio.Future[dict[str, object]] = asyncio.get_running_loop().create_future()

    async def heard(message: Msg) -> None:
        event = json.loads(message.data)
        print("event:   ", event["type"])
        if event["type"] in ("done", "failed") and not ended.done():
            ended.set_result(event)

    await nc.subscribe(f"out.{TENANT}.{key}.{ref}", cb=heard)
    ack = await nc.jetstream().publish(
        f"req.{TENANT}.{key}.chat", question(model, "Name a colour."), headers={"Nats-Msg-Id": ref}
    )
    print("stored:   message", ack.seq, "as", ref)
    event = await asyncio.wait_for(ended, 120)
    print("result:  ", json.dumps(event.get("result") or event.get("error"))[:300])


async def main(url: str, secret: str, model: str) -> None:
    key = hashlib.sha256(secret.encode()).hexdigest()[:16]
    nc = await nats.connect(url, token=secret, inbox_prefix=f"_INBOX.{key}".encode(), connect_timeout=5)
    if not nc.is_connected:
        raise SystemExit("NATS refused the connection: is the key right, and is a gateway running?")
    try:
        await ask(nc, key, model)
        await stream(nc, key, model)
        await store(nc, key, model)
    finally:
        await nc.close()


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        raise SystemExit(__doc__)
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) == 4 else "smollm2:135m"))
