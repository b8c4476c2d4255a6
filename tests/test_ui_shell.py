"""The frame around every page of the web UI, in a real browser: in and out, ways, palette, theme, phone, a lost server."""

import re
from typing import Any

import pytest
from ui_kit import Ui

PAGES = ("/", "/models")


def test_a_person_signs_in_with_a_key_and_is_where_they_wanted_to_be(ui: Ui) -> None:
    page = ui.open("/models?q=llama", as_="")
    page.get_by_label("API key").fill(ui.keys["app"])
    page.get_by_label("Your name").fill("Ada Lovelace")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("row", name=re.compile("llama3.3")).wait_for()
    assert page.url.endswith("/ui/models?q=llama")
    assert page.get_by_role("row", name=re.compile("gpt-oss")).count() == 0
    assert page.title() == "Models · AI Server"
    page.get_by_text("Ada Lovelace").wait_for()
    page.reload()
    page.get_by_text("Ada Lovelace").wait_for()
    page.evaluate("window.kept = 1")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in to AI Server").wait_for()
    assert page.evaluate("window.kept") is None  # nor anything else that the modules remembered
    page.reload()
    page.get_by_role("heading", name="Sign in to AI Server").wait_for()


def test_a_wrong_key_is_refused_in_words_and_an_empty_one_too(ui: Ui) -> None:
    ui.expects(401, "/api/Authenticate")
    page = ui.open("/", as_="")
    page.get_by_role("button", name="Sign in").click()
    assert "Paste an API key" in page.get_by_role("alert").inner_text()
    page.get_by_label("API key").fill("ais-nobody")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("not one of this server’s").wait_for()
    assert page.get_by_label("API key").get_attribute("aria-invalid") == "true"
    ui.shot(page, "shell-signin")
    ui.axe(page)


def test_a_session_that_ends_leads_back_to_the_same_place(ui: Ui) -> None:
    ui.expects(401, "/")
    page = ui.open("/models", as_="app")
    page.get_by_text("llama3.3:70b").wait_for()
    page.context.clear_cookies()
    page.get_by_role("link", name="Home").click()  # the home page asks, and is told 401
    page.get_by_text("Your session has ended").wait_for()
    page.evaluate("window.kept = 1")
    page.get_by_label("API key").fill(ui.keys["app"])
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Welcome").wait_for()
    assert page.evaluate("window.kept") == 1
    page.context.clear_cookies()
    page.get_by_role("link", name="Models").first.click()
    page.get_by_label("API key").fill(
        ui.keys["admin"]
    )  # somebody else: what the first one left in memory is not theirs
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Models", level=1).wait_for()
    assert page.evaluate("window.kept") is None


@pytest.mark.long
def test_a_key_without_rights_sees_no_admin_pages_and_a_way_there_says_so(ui: Ui) -> None:
    """Whatever the registry holds: its scope decides, in the sidebar and in the address."""
    for who in ("app", "analytics", "admin"):
        page = ui.open("/", as_=who)
        page.get_by_role("heading", name="Welcome").wait_for()
        told = page.evaluate(
            """async () => {
                const base = document.querySelector('script[type=module]').src.replace('app.js', '');
                const { pages } = await import(base + 'pages.js');
                const shown = [...document.querySelectorAll('.side li a')].map((one) => one.textContent.trim());
                return { shown, pages: pages.map(({ load, ...one }) => ({ ...one, path: [one.path].flat()[0] })) };
            }"""
        )
        held = {"app": {""}, "analytics": {"", "analytics"}, "admin": {"", "analytics", "admin"}}[who]
        assert told["shown"] == [
            one["title"] for one in _ordered(told["pages"]) if one["scope"] in held and one.get("menu") is not False
        ]
        for one in told["pages"]:
            if one["scope"] not in held and ":" not in one["path"]:
                page.goto(f"{ui.url}/ui{one['path']}")
                page.get_by_text("Your key may not see this").wait_for()


def _ordered(pages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As the sidebar has them: what one uses, then what one administers."""
    return sorted(pages, key=lambda one: bool(one["section"] == "admin"))


def test_the_palette_finds_pages_models_and_actions(ui: Ui) -> None:
    """checklist 118"""
    page = ui.open("/", as_="admin")
    page.get_by_role("heading", name="Welcome").wait_for()
    page.keyboard.press("/")
    box = page.get_by_role("combobox", name="Search pages")
    box.wait_for()
    ui.shot(page, "shell-palette")
    ui.axe(page)
    box.fill("llama")
    page.get_by_role("option", name="llama3.3:70b").wait_for()
    page.keyboard.press("Enter")
    page.get_by_role("dialog", name="llama3.3:70b").wait_for()
    assert page.url.endswith("/ui/models?model=llama3.3%3A70b")
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Search pages").fill("zzzz")
    page.get_by_text("Nothing found").wait_for()
    page.get_by_role("combobox", name="Search pages").fill("thm drk")
    page.keyboard.press("Enter")
    page.wait_for_selector('html[data-theme="dark"]')
    page.keyboard.press("Control+k")
    page.keyboard.press("Escape")
    page.locator("dialog.palette").wait_for(state="detached")


def test_keys_lead_to_pages_and_are_listed(ui: Ui) -> None:
    page = ui.open("/", as_="app")
    page.get_by_role("heading", name="Welcome").wait_for()
    page.keyboard.press("g")
    page.keyboard.press("m")
    page.get_by_role("heading", name="Models", level=1).wait_for()
    page.keyboard.press("?")
    listed = page.get_by_role("dialog", name="Keyboard shortcuts")
    listed.wait_for()
    assert "Models" in listed.inner_text()
    page.keyboard.press("Escape")
    listed.wait_for(state="detached")
    page.get_by_label("Search Models").fill("g h?/")  # who types is not led away
    assert page.url.startswith(f"{ui.url}/ui/models")
    assert page.get_by_role("dialog").count() == 0


def test_the_theme_follows_the_system_until_one_is_chosen_and_then_stays(ui: Ui) -> None:
    page = ui.open("/", as_="app", dark=True)
    page.get_by_role("heading", name="Welcome").wait_for()
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Theme").click()
    page.get_by_role("menuitemcheckbox", name="Light").click()
    page.keyboard.press("Escape")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark != light
    page.reload()
    page.get_by_role("heading", name="Welcome").wait_for()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == light


def test_a_phone_has_a_drawer_and_no_page_is_wider_than_it(ui: Ui) -> None:
    page = ui.open("/", as_="app", phone=True)
    page.get_by_text("Served now").wait_for()
    assert not page.get_by_role("navigation", name="Pages").is_visible()
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("navigation", name="Pages").wait_for(state="visible")
    ui.shot(page, "shell-phone-drawer")
    ui.until(page, "!!document.activeElement.closest('.side')")
    page.keyboard.press("Escape")
    ui.until(page, "document.activeElement.ariaLabel === 'Menu'")
    page.keyboard.press("Enter")
    page.get_by_role("navigation", name="Pages").wait_for(state="visible")
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Models").click()
    page.get_by_role("heading", name="Models", level=1).wait_for()
    page.get_by_role("navigation", name="Pages").wait_for(state="hidden")
    for path in PAGES:
        page.goto(f"{ui.url}/ui{path}")
        page.get_by_role("heading", level=1).wait_for()
        assert page.evaluate("document.getElementById('main').scrollWidth <= innerWidth"), path
    ui.axe(page)


def test_the_back_button_brings_back_page_and_place(ui: Ui) -> None:
    page = ui.open("/", as_="app")
    page.get_by_role("heading", name="Run your own").wait_for()
    page.get_by_role("button", name="Copy").first.wait_for()
    ui.until(
        page, "(document.getElementById('main').scrollTop = 180) && document.getElementById('main').scrollTop === 180"
    )
    page.get_by_role("link", name="Models").first.click()
    page.get_by_role("heading", name="Models", level=1).wait_for()
    ui.until(page, "document.activeElement.id === 'main'")
    page.go_back()
    page.get_by_role("heading", name="Run your own").wait_for()
    ui.until(page, "Math.abs(document.getElementById('main').scrollTop - 180) < 4")


def test_a_keyboard_reaches_the_content_first(ui: Ui) -> None:
    page = ui.open("/", as_="app")
    page.get_by_role("heading", name="Welcome").wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


@pytest.mark.long
def test_what_a_page_says_too_late_leaves_the_next_ones_address_alone(ui: Ui) -> None:
    """A run begins, and its page is left before the server has said its number."""
    page = ui.open("/", as_="app")
    ui.mount(
        page,
        """const { go, useQuery } = await kit('shell/router.js');
        function Slow() {
          const [, setQuery] = useQuery();
          return html`<button onClick=${() => (setQuery({ job: 1 }), go('/ui/models'), setQuery({ job: 2 }))}>Run</button>`;
        }
        return html`<${Slow} />`;""",
    )
    page.get_by_role("button", name="Run").click()
    page.wait_for_url("**/ui/models")
    page.go_back()
    page.wait_for_url("**/ui/?job=1")


def test_an_address_that_leads_nowhere_says_so(ui: Ui) -> None:
    page = ui.open("/50%25/%E0%A4%A", as_="app")  # no text at all in the second piece
    page.get_by_role("heading", name="There is no such page").wait_for()
    names = """async () => {
        const base = document.querySelector('script[type=module]').src.replace('app.js', '');
        const { match } = await import(base + 'shell/router.js');
        return ['50%25', '50%', 'a%2Fb'].map((one) => match(`/providers/${one}`).params.name);
    }"""
    assert page.evaluate(names) == ["50%", "50%", "a/b"]
    page.get_by_role("link", name="To the start").click()
    page.get_by_role("heading", name="Welcome").wait_for()


def test_a_server_that_goes_away_is_told_and_the_page_recovers_by_itself(ui: Ui) -> None:
    ui.expects(0, "/")
    page = ui.open("/models", as_="app")
    page.get_by_text("llama3.3:70b").wait_for()
    page.context.set_offline(True)
    page.get_by_text("The server can’t be reached").wait_for()
    ui.shot(page, "shell-offline")
    page.context.set_offline(False)
    page.get_by_text("The server can’t be reached").wait_for(state="detached")
    page.get_by_role("link", name="Home").click()
    page.get_by_role("heading", name="Welcome").wait_for()


def test_a_page_that_fails_to_load_leaves_the_frame_and_says_what_to_do(ui: Ui) -> None:
    ui.expects(0, "/ui/")
    page = ui.open("/", as_="app")
    page.get_by_role("heading", name="Welcome").wait_for()
    page.route("**/pages/models.js", lambda route: route.abort())
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Models").click()
    page.get_by_text("This page could not be loaded").wait_for()
    page.unroute("**/pages/models.js")
    page.get_by_role("button", name="Reload").click()
    page.get_by_text("llama3.3:70b").wait_for()


def test_home_shows_a_first_call_in_eleven_languages_from_this_address(ui: Ui) -> None:
    """checklist 119"""
    page = ui.open("/", as_="app")
    tabs = page.get_by_role("tablist", name="A first call").get_by_role("tab")
    page.get_by_role("tab", name="VB.NET").wait_for()
    assert tabs.count() == 11
    for one in tabs.all():
        one.click()
        text = page.get_by_role("region", name="A first call").inner_text()
        assert ui.url in text, one.inner_text()
        assert "gpt-oss:20b" in text
    page.get_by_text("python3 ops/bootstrap.py try").wait_for()
    page.get_by_role("tab", name="Containers").click()
    page.get_by_text("docker compose up").wait_for()
    for name, path in {"API explorer": "/explorer", "Typed clients": "/types", "OpenAPI": "/openapi.json"}.items():
        assert page.get_by_role("link", name=name).first.get_attribute("href") == path
    ui.shot(page, "home")


def test_models_are_searched_and_shown_with_how_to_ask(ui: Ui) -> None:
    page = ui.open("/models", as_="admin")
    page.get_by_role("row", name=re.compile("gpt-oss")).wait_for()
    page.get_by_label("Search Models").fill("70b")
    page.get_by_role("row", name=re.compile("gpt-oss")).wait_for(state="detached")
    ui.shot(page, "models")
    page.get_by_text("llama3.3:70b").click()
    drawer = page.get_by_role("dialog", name="llama3.3:70b")
    drawer.get_by_role("tab", name="TypeScript").click()
    assert "'Content-Type': 'application/json'" in drawer.inner_text()
    assert ui.keys["admin"] not in page.content()
    ui.shot(page, "models-detail")
    ui.axe(page)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_nothing_stands_in_anybodys_way(ui: Ui, path: str, dark: bool) -> None:
    page = ui.open(path, as_="admin", dark=dark)
    page.get_by_text("llama3.3:70b").first.wait_for()
    page.wait_for_load_state("networkidle")
    ui.shot(page, f"shell{path.replace('/', '-')}{'dark' if dark else 'light'}")
    ui.axe(page)


def test_the_first_load_is_small_and_quick(ui: Ui) -> None:
    """250 kB and a second are the promise; a busy machine gets three."""
    context = ui.context()
    ui.sign_in(context, "app")
    page = context.new_page()
    ui.watch(page)
    client = context.new_cdp_session(page)
    client.send("Network.enable")
    sizes: list[int] = []
    client.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(f"{ui.url}/ui/")
    page.get_by_role("heading", name="Welcome").wait_for()
    ready = page.evaluate("performance.now()")
    page.wait_for_load_state("networkidle")
    print(f"first load: {sum(sizes) / 1000:.0f} kB in {len(sizes)} answers, usable after {ready:.0f} ms")
    assert sum(sizes) < 250_000
    assert ready < 3000
