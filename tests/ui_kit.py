"""A real Chromium before a real gateway, for the tests of the web UI. In a test file:

    def test_a_page_does_something(ui: Ui) -> None:
        page = ui.open("/models", as_="admin")          # signed in; as_="" for nobody
        page.get_by_role("button", name="New").click()
        ui.shot(page, "models")                          # build/screens/models.png
        ui.axe(page)                                     # no serious finding

One house and one browser a file; a fresh context for each `open`. At the end of each test its pages must have been quiet: no
console error or warning, no fault, no request to another host, no answer of 400 and above that was not expected with
`ui.expects(401, "/v1/")`. The house runs in a thread with its own loop: `ui.do(coroutine)` runs something there.
"""

import asyncio
import re
import shutil
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, aclosing, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest
from admin_house import Office, open_office

from bus.config import Config, new_key
from bus.connection import open_bus
from bus.streams import declare
from ops.embedded import EmbeddedNats
from ops.past import Archived
from ops.settings import Settings
from ops.tuning import Tuning

_MOUNT = """async () => {
  const base = document.querySelector('script[type=module]').src.replace('app.js', '');
  const kit = (name) => import(base + name);
  const lib = await kit('lib.js'), html = lib.html, app = document.getElementById('app');
  lib.render(null, app);
  app.querySelectorAll('#main').forEach((one) => (lib.render(null, one), one.remove()));
  const box = Object.assign(document.createElement('main'), { id: 'main', className: 'main' });
  box.style.height = '100vh';
  app.append(box);
  const made = await (async () => { SCRIPT })();
  const { Toasts } = await kit('kit/overlay.js');
  lib.render(html`<div class="page"><h1>Kit</h1>${made}</div><${Toasts} />`, box);
  box.dataset.drawn = '';
}"""
T = TypeVar("T")
SCREENS = Path(__file__).parent.parent / "build" / "screens"
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-dev-shm-usage",
    "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
)  # fmt: skip
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True}
DESK = {"viewport": {"width": 1360, "height": 860}}
SCOPES: dict[str, tuple[str, ...]] = {"app": (), "admin": ("admin",), "analytics": ("analytics",)}
_LOADING = re.compile(r"Failed to load resource|net::ERR_")
"""Chromium's own words about an answer; the answer itself is looked at."""


def chromium() -> str:
    """Where the browser is, or an empty string."""
    return next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
    )


class House:
    """A gateway with the admin API, a team of agents and a fake provider, in a thread of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.loop = asyncio.new_event_loop()
        self._stop: asyncio.Event
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self.office: Office
        self.keys: dict[str, str] = {}
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        assert self._ready.wait(60), "the house did not start"
        if self._error is not None:
            raise self._error

    @property
    def url(self) -> str:
        return self.office.house.url

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run it in the house's loop and return what it returns."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self._stop.set)
        self.thread.join(30)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_until_complete(self._live())
        except BaseException as error:
            self._error = error
        finally:
            self._ready.set()
            self.loop.close()

    async def _live(self) -> None:
        self._stop = asyncio.Event()
        async with AsyncExitStack() as things:
            nats = await things.enter_async_context(EmbeddedNats(self._folder, durability="process"))
            bus = await things.enter_async_context(open_bus(nats.link, "declare"))
            await declare(bus)
            past = Archived(await things.enter_async_context(open_bus(nats.link, "past")), self._folder / "archive")
            parts = {"past": await things.enter_async_context(aclosing(past)), "tuning": self._tuning}
            self.office = await things.enter_async_context(open_office(nats.link, **parts))
            for name, scopes in SCOPES.items():
                self.keys[name], key = new_key(name, scopes)
                await self.office.house.config.put_key(key)
            await self._provide()
            self._ready.set()
            await self._stop.wait()

    def _tuning(self, config: Config) -> Tuning:
        return Tuning(config, Settings(data=self._folder), lambda _: None)

    async def _provide(self) -> None:
        """A provider called `fake`, with three models that chat."""
        names = ["gpt-oss:20b", "llama3.3:70b", "m"]
        provider = {
            "name": "fake",
            "kind": "openai",
            "base_url": self.office.house.fake.url,
            "models": names,
            "discover": False,
        }
        await self.office.want("POST", "/providers", provider)
        for _ in range(500):
            _, _, listed = await self.office.house.get("/v1/models", self.keys["app"])
            if len(listed.get("data", [])) >= len(names):
                return
            await asyncio.sleep(0.02)
        raise AssertionError("the fake provider was not served in time")


class Ui:
    """What a test of the UI holds."""

    def __init__(self, house: House, browser: Any) -> None:
        self.house, self.browser, self.url, self.keys = house, browser, house.url, house.keys
        self._contexts: list[Any] = []
        self._wrong: list[str] = []
        self._expected: list[tuple[int, str]] = []

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.house.do(work)

    def context(self, *, phone: bool = False, dark: bool = False, **more: Any) -> Any:
        """A browser window with nothing in it."""
        look = {**(PHONE if phone else DESK), "color_scheme": "dark" if dark else "light", "locale": "en-GB", **more}
        context = self.browser.new_context(**look)
        context.set_default_timeout(15_000)
        self._contexts.append(context)
        return context

    def open(self, path: str = "/", as_: str = "app", context: Any = None, **look: Any) -> Any:
        """The page at `/ui` + path, signed in with one of `keys` (or nobody)."""
        context = context or self.context(**look)
        if as_:
            self.sign_in(context, as_)
        page = context.new_page()
        self.watch(page)
        page.goto(f"{self.url}/ui{path}", wait_until="load")
        page.wait_for_selector("#main")
        return page

    def sign_in(self, context: Any, as_: str) -> None:
        """As the sign-in page does it, without the page."""
        body = {
            "provider": "credentials",
            "userName": as_.title(),
            "password": self.keys.get(as_, as_),
            "rememberMe": True,
        }
        reply = context.request.post(f"{self.url}/api/Authenticate", data=body)
        assert reply.ok, reply.text()

    def expects(self, status: int, path: str) -> None:
        """An answer of that status to a path that begins so is right in this test; 0 is a request that fails."""
        self._expected.append((status, path))

    def watch(self, page: Any) -> None:
        """From now on this page must be quiet."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self._wrong.append(f"a fault: {error}"))
        page.on("request", self._asked)
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning") and not _LOADING.search(message.text):
            self._wrong.append(f"console.{message.type}: {message.text}")

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.url, "data:", "blob:")):
            self._wrong.append(f"asked another host: {request.url}")

    def _failed(self, request: Any) -> None:
        if request.failure not in ("net::ERR_ABORTED", None) and not self._is_expected(0, request.url):
            self._wrong.append(f"{request.failure}: {request.url}")

    def _answered(self, response: Any) -> None:
        if response.status >= 400 and not self._is_expected(response.status, response.url):
            self._wrong.append(f"{response.status} {response.request.method} {response.url}")

    def _is_expected(self, status: int, url: str) -> bool:
        return any(status == one and urlsplit(url).path.startswith(path) for one, path in self._expected)

    def mount(self, page: Any, script: str) -> None:
        """Draw parts of the kit in the place of the page. `script` is the body of an async function that knows `kit(name)` (a
        module of the UI, `await kit('kit/parts.js')`), `lib` and `html`, and returns what is to be drawn."""
        page.evaluate(_MOUNT.replace("SCRIPT", script))
        page.wait_for_selector("#main[data-drawn]")

    def until(self, page: Any, true: str) -> None:
        """Wait until the expression is true. Playwright's own `wait_for_function` evaluates a text in the page, and our
        policy refuses that."""
        for _ in range(400):
            if page.evaluate(true):
                return
            page.wait_for_timeout(25)
        raise AssertionError(f"it did not become true: {true}")

    def shot(self, page: Any, name: str, full: bool = False) -> Path:
        """A picture of what one sees, in build/screens."""
        SCREENS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(SCREENS / f"{name}.png"), full_page=full, animations="disabled")
        return SCREENS / f"{name}.png"

    def axe(self, page: Any, *only: str) -> None:
        """Nothing serious or critical stands in the way of who sees, hears or moves otherwise. `only`: these rules of axe."""
        from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]

        page.wait_for_timeout(150)  # an animation that is still running has other contrasts
        found = Axe().run(page, options={"runOnly": list(only)} if only else None).response["violations"]
        told = [_told(one) for one in found if one["impact"] in ("serious", "critical")]
        assert not told, "\n".join(told)

    def settle(self) -> None:
        """The end of a test: close its windows, and tell what was not quiet."""
        for context in self._contexts:
            context.close()
        wrong, self._wrong, self._contexts, self._expected = self._wrong, [], [], []
        assert not wrong, "\n".join(wrong)


def _told(one: dict[str, Any]) -> str:
    """A finding of axe, with the first places."""
    places = [f"{node['html'][:160]} | {node['failureSummary'][:240]}" for node in one["nodes"][:3]]
    return f"{one['id']}: {one['help']}: {places}"


@contextmanager
def opened(folder: Path) -> Iterator[Ui]:
    """The house and the browser, for one file of tests (`conftest.py` has the fixture). Skips where there is no browser."""
    where = chromium()
    if not where:
        pytest.skip("there is no chromium on this machine (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    house = House(folder)
    try:
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=where, args=list(FLAGS))
            yield Ui(house, browser)
            browser.close()
    finally:
        house.close()
