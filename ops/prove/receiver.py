"""The other end of a web callback: it drops, fails and asks to wait, and counts what came under which id.

The first delivery of an id may be treated badly; later ones are taken, so a sender that keeps its schedule is done after
the second or third try. Every delivery is checked against the signature as a stranger would, with `standardwebhooks`.
"""

import contextlib
import random
from collections import Counter, defaultdict

from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

MOODS = ("take", "take", "take", "error", "drop", "wait")


class Receiver:
    """`async with` serves on a free port of the loopback; `url` is its address."""

    def __init__(self, secrets: list[str], seed: int) -> None:
        self.secrets = secrets
        self.url = ""
        self.ids: dict[str, set[str]] = defaultdict(set)
        """Marker of the job -> the webhook-ids under which it came."""
        self.taken: Counter[str] = Counter()
        """webhook-id -> deliveries that we answered with 200."""
        self.tries: Counter[str] = Counter()
        self.bodies: dict[str, set[bytes]] = defaultdict(set)
        self.unsigned: list[str] = []
        self.moods: Counter[str] = Counter()
        self._dice = random.Random(seed)
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> "Receiver":
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_post("/hook/{marker}", self.deliver)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/hook"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner:
            await self._runner.cleanup()

    async def deliver(self, request: web.Request) -> web.Response:
        body = await request.read()
        name, marker = request.headers.get("webhook-id", ""), request.match_info["marker"]
        self.ids[marker].add(name)
        self.bodies[marker].add(body)
        self.tries[name] += 1
        if not self._signed(body, request):
            self.unsigned.append(marker)
        mood = self._dice.choice(MOODS) if self.tries[name] == 1 else "take"
        self.moods[mood] += 1
        if mood == "drop":
            with contextlib.suppress(AttributeError):
                request.transport.abort()  # type: ignore[union-attr]
        if mood == "wait":
            return web.Response(status=429, headers={"Retry-After": "1"})
        if mood != "take":
            return web.Response(status=500)
        self.taken[name] += 1
        return web.Response(text="thanks")

    def _signed(self, body: bytes, request: web.Request) -> bool:
        for secret in self.secrets:
            with contextlib.suppress(WebhookVerificationError, ValueError):
                Webhook(secret).verify(body, dict(request.headers), json_parse=False)
                return True
        return False
