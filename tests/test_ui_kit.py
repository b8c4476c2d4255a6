"""The kit that pages are made of, in a real browser: what it promises to whoever builds a page and whoever uses one."""

from pathlib import Path

import pytest
from ui_kit import Ui

GRID = """
const { Grid, useSource } = await kit('kit/grid.js');
const { State } = await kit('kit/parts.js');
window.asked = 0;
const source = { path: '/x', address: () => '/x', sort: true, async page({ after = 0, sort = '', q = '', state = '' }) {
  window.asked++; window.last = { sort, q, state };
  const from = Number(after), row = (id) => ({ id, name: `row ${id} ${q}`, state: state || 'done', cost: id / 7 });
  return { rows: Array.from({ length: 2000 }, (_, i) => row(from + i)), next: from + 2000 < 100000 ? from + 2000 : null };
} };
return html`<${Grid} id="many" label="Many" rowKey="id" source=${source} pick most=${600}
  onOpen=${(row) => (window.opened = row.id)}
  actions=${(rows, clear) => html`<button onClick=${clear}>Cancel ${rows.length}</button>`} columns=${[
  { key: 'name', title: 'Name', width: 240 },
  { key: 'state', title: 'State', width: 120, filter: ['done', 'failed'], render: (row) => html`<${State} of=${row.state} />` },
  { key: 'cost', title: 'Cost', width: 100, end: true }, { key: 'note', title: 'Note', hidden: true, width: 90 }]} />`;
"""


def test_a_grid_scrolls_through_a_hundred_thousand_rows_and_holds_only_those_in_sight(ui: Ui) -> None:
    """checklist 121"""
    page = ui.open("/", as_="app")
    ui.mount(page, GRID)
    page.get_by_text("row 3", exact=True).wait_for()
    slowest = page.evaluate(
        """async () => {
            const box = document.querySelector('[role=grid]');
            let slow = 0, rows = 0;
            for (let round = 0; round < 5000 && rows < 100000; round++) {
                const before = performance.now();
                box.scrollTop = box.scrollHeight;
                await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
                rows = Math.round(document.querySelector('.rows').clientHeight / 40);
                slow = Math.max(slow, performance.now() - before);
            }
            box.scrollTop = box.scrollHeight;
            return { slow, rows, drawn: document.querySelectorAll('.gr').length, asked: window.asked };
        }"""
    )
    print(slowest)
    assert slowest["rows"] == 100_000
    assert slowest["drawn"] < 60
    assert slowest["asked"] == 50
    page.get_by_text("row 99999", exact=True).wait_for()
    assert page.get_by_text("100,000 rows").count() == 1
    ui.axe(page)


def test_a_grid_is_ordered_filtered_searched_and_its_columns_chosen_for_good(ui: Ui) -> None:
    """checklist 121"""
    page = ui.open("/", as_="app")
    ui.mount(page, GRID)
    page.get_by_role("button", name="Cost").click()
    ui.until(page, "window.last.sort === 'cost'")
    assert page.get_by_role("columnheader", name="Cost").get_attribute("aria-sort") == "ascending"
    page.get_by_role("button", name="Cost").click()
    ui.until(page, "window.last.sort === '-cost'")
    page.get_by_label("Filter by State").select_option("failed")
    ui.until(page, "window.last.state === 'failed'")
    page.get_by_label("Search Many").fill("blue")
    ui.until(page, "window.last.q === 'blue'")
    page.get_by_role("button", name="Clear").click()
    ui.until(page, "!window.last.q && !window.last.state")
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("menuitemcheckbox", name="Note").click()
    page.get_by_role("columnheader", name="Note").wait_for()
    page.keyboard.press("Escape")
    ui.mount(page, GRID)
    page.get_by_role("columnheader", name="Note").wait_for()


def test_a_grid_is_used_by_keyboard_and_rows_are_chosen(ui: Ui) -> None:
    page = ui.open("/", as_="app")
    ui.mount(page, GRID)
    page.get_by_text("row 3", exact=True).wait_for()
    page.get_by_role("grid").focus()
    for key in ("ArrowDown", "ArrowDown", "PageDown", "ArrowUp", "Enter"):
        page.keyboard.press(key)
    opened = page.evaluate("window.opened")
    assert opened > 10
    assert page.get_by_role("grid").get_attribute("aria-activedescendant")
    page.keyboard.press("Home")
    page.keyboard.press(" ")
    page.keyboard.press("ArrowDown")
    page.keyboard.press(" ")
    page.get_by_text("2 chosen").wait_for()
    ui.shot(page, "kit-grid")
    page.get_by_role("button", name="Cancel 2").click()
    page.get_by_text("2 chosen").wait_for(state="detached")


def test_a_grid_gives_all_its_rows_as_csv_that_no_spreadsheet_runs(ui: Ui) -> None:
    """checklist 121"""
    page = ui.open("/", as_="app")
    ui.mount(
        page,
        """const { Grid } = await kit('kit/grid.js');
        const rows = [{ id: 1, name: '=1+1', tags: ['a', 'b'] }, { id: 2, name: 'say "hi", you', tags: [] }];
        return html`<${Grid} id="few" label="Few" rowKey="id" rows=${rows}
          columns=${[{ key: 'id', title: 'Id' }, { key: 'name', title: 'Name' }, { key: 'tags', title: 'Tags' }]} />`;""",
    )
    with page.expect_download() as download:
        page.get_by_role("button", name="Export as CSV").click()
    text = Path(download.value.path()).read_bytes().decode()
    assert text == 'Id,Name,Tags\r\n1,\'=1+1,"[""a"",""b""]"\r\n2,"say ""hi"", you",[]\r\n'
    assert download.value.suggested_filename == "few.csv"


def test_a_grid_says_what_went_wrong_and_tries_again(ui: Ui) -> None:
    page = ui.open("/", as_="app")
    ui.mount(
        page,
        """const { Grid } = await kit('kit/grid.js');
        const { ApiError } = await kit('kit/api.js');
        let tries = 0;
        const source = { address: () => '/x', async page() {
          if (!tries++) throw new ApiError('The archive is resting.', { status: 503, request: '77' });
          return { rows: [{ id: 'back' }], next: null };
        } };
        return html`<${Grid} id="bad" label="Bad" rowKey="id" source=${source} columns=${[{ key: 'id', title: 'Id' }]} />`;""",
    )
    page.get_by_text("The archive is resting.").wait_for()
    page.get_by_role("button", name="Try again").click()
    page.get_by_text("back", exact=True).wait_for()


def test_an_answer_slower_than_its_turns_comes_all_the_same(ui: Ui) -> None:
    """Who asks anew before the last answer is there would break it off for ever."""
    page = ui.open("/", as_="app")
    ui.mount(
        page,
        """const { useApi } = await kit('kit/api.js');
        let n = 0;
        const ask = () => new Promise((done) => setTimeout(() => done(++n), 100));
        function Slow() {
          return html`<p>came: ${useApi(ask, { every: 30 }).data}</p>`;
        }
        return html`<${Slow} />`;""",
    )
    page.get_by_text("came: 3").wait_for()


@pytest.mark.long
def test_a_field_takes_what_is_dropped_on_it_and_on_the_page_only_where_it_says_so(ui: Ui) -> None:
    page = ui.open("/", as_="app")
    ui.mount(
        page,
        """const { Files } = await kit('kit/files.js');
        window.came = [];
        const field = (name, more) => {
          const take = (files) => window.came.push([name, files[0].name]);
          return html`<${Files} label=${name} value=${[]} onChange=${take} ...${more} />`;
        };
        const everywhere = true;
        return [field('first', {}), field('second', { everywhere }), field('third', { everywhere, disabled: true })];""",
    )
    drag = """([where, kind]) => {
        const data = new DataTransfer();
        data.items.add(new File(['x'], 'a.txt'));
        const event = new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true });
        return document.querySelector(where).dispatchEvent(event);
    }"""
    ui.until(page, f"!({drag})(['h1', 'dragover'])")  # the page listens after it has been painted
    for where in ("h1", ".drop", "h1"):
        page.evaluate(drag, [where, "drop"])
    assert page.evaluate("window.came") == [["second", "a.txt"], ["first", "a.txt"], ["second", "a.txt"]]


FORM = """
const { Form, useForm } = await kit('kit/form.js');
const { ApiError } = await kit('kit/api.js');
function Demo() {
  const form = useForm({ name: '', model: '', tags: ['one'], slots: 8, kind: 'a', notes: '', on: true, scopes: [],
    when: ['', ''], image: [], raw: '' });
  const create = async (values) => {
    window.sent = values;
    const text = 'This name is taken.';
    if (values.name === 'taken') throw new ApiError(text, { status: 409, fields: { 'request.Name': text } });
  };
  return html`<${Form} form=${form} two submit="Create" onSubmit=${create} onDone=${() => (window.done = true)} fields=${[
    { name: 'name', label: 'Name', required: true, hint: 'Lower case.' },
    { name: 'model', label: 'Model', type: 'combo', options: async () => ['alpha', 'beta', 'gamma-7b'] },
    { name: 'tags', label: 'Tags', type: 'tags', options: ['two', 'three'] },
    { name: 'slots', label: 'Slots', type: 'slider', min: 1, max: 64, step: 1 },
    { name: 'kind', label: 'Kind', type: 'select', required: true, options: [['a', 'First'], ['b', 'Second']] },
    { name: 'count', label: 'Count', type: 'number', min: 1, max: 10 },
    { name: 'on', label: 'Switched on', type: 'switch' },
    { name: 'scopes', label: 'Scopes', type: 'checks', options: ['admin', 'analytics'] },
    { name: 'when', label: 'Period', type: 'range' },
    { name: 'raw', label: 'Options', type: 'json' },
    { name: 'notes', label: 'Notes', type: 'textarea' },
    { name: 'image', label: 'Image', type: 'file', accept: 'image/*', most: 100000, paste: true, everywhere: true },
  ]} />`;
}
return html`<${Demo} />`;
"""


def test_a_form_shows_complaints_at_their_field_and_sends_what_was_said(ui: Ui) -> None:
    page = ui.open("/", as_="app")
    ui.mount(page, FORM)
    page.get_by_role("button", name="Create").click()
    page.get_by_text("Name is needed.").wait_for()
    ui.until(page, "document.activeElement.name === 'name'")
    page.get_by_label("Name").fill("taken")
    page.get_by_label("Count").fill("99")
    page.get_by_role("button", name="Create").click()
    page.get_by_text("At most 10.").wait_for()
    page.get_by_label("Count").fill("3")
    page.get_by_role("button", name="Create").click()
    page.get_by_text("This name is taken.").wait_for()  # `request.Name` of the server is the field `name`
    assert page.get_by_label("Name").get_attribute("aria-invalid") == "true"
    page.get_by_label("Name").fill("free")
    model = page.get_by_role("combobox", name="Model")
    model.click()
    model.press_sequentially("g7")
    page.get_by_role("option", name="gamma-7b").wait_for()
    page.keyboard.press("Enter")
    tags = page.get_by_role("combobox", name="Tags")
    tags.fill("own")
    tags.press("Enter")
    page.get_by_role("button", name="Remove one").click()
    page.get_by_label("Slots, as a number").fill("12")
    page.get_by_label("Kind").select_option("b")
    page.get_by_label("analytics").check()
    page.get_by_label("Switched on").uncheck()
    page.get_by_label("Notes").fill("a\nb")
    ui.shot(page, "kit-form", full=True)
    ui.axe(page)
    page.keyboard.press("Control+Enter")
    ui.until(page, "window.done === true")
    sent = page.evaluate("window.sent")
    wanted = {
        "name": "free",
        "model": "gamma-7b",
        "tags": ["own"],
        "slots": 12,
        "kind": "b",
        "count": 3,
        "on": False,
        "scopes": ["analytics"],
    }
    assert {name: sent[name] for name in wanted} == wanted


def test_files_are_dropped_anywhere_pasted_or_chosen_and_wrong_ones_refused(ui: Ui) -> None:
    """checklist 117"""
    page = ui.open("/", as_="app")
    ui.mount(page, FORM)
    page.get_by_label("Name").wait_for()
    page.evaluate(
        """() => {
            window.give = (name, type, how, size = 70) => {
                const data = new DataTransfer();
                data.items.add(new File([new Uint8Array(size)], name, { type }));
                const where = how === 'area' ? document.querySelector('.drop') : document.body;
                const way = { bubbles: true, cancelable: true };
                const drag = (kind) => where.dispatchEvent(new DragEvent(kind, { dataTransfer: data, ...way }));
                if (how === 'paste') where.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, ...way }));
                else { drag('dragenter'); drag('drop'); }
            };
        }"""
    )
    for name, how in (("on.gif", "area"), ("by.gif", "body"), ("paste.gif", "paste")):
        page.evaluate("([name, how]) => window.give(name, 'image/gif', how)", [name, how])
        page.locator(".filecard").get_by_text(name).wait_for()
        assert page.locator(".filecard").count() == 1
    page.evaluate("window.give('song.mp3', 'audio/mpeg', 'body')")
    page.get_by_text("song.mp3 is not of a kind that fits here").wait_for()
    page.evaluate("window.give('big.gif', 'image/gif', 'area', 200000)")
    page.get_by_text("at most 100 kB here").wait_for()
    page.get_by_label("Image").set_input_files({"name": "chosen.gif", "mimeType": "image/gif", "buffer": b"GIF89a"})
    page.locator(".filecard").get_by_text("chosen.gif").wait_for()
    page.get_by_role("button", name="Remove chosen.gif").click()
    assert page.locator(".filecard").count() == 0


def test_what_a_model_wrote_is_a_page_and_never_a_program(ui: Ui) -> None:
    page = ui.open("/", as_="app")
    hostile = (
        "# Title\\n\\nSome **bold** and `code` and a [link](https://example.com/x).\\n\\n"
        "<script>window.hurt = 1</scr"
        + "ipt><img src=x onerror='window.hurt=2'><a href='javascript:window.hurt=3'>worse</a>"
        "<div style='position:fixed;inset:0' id='main' class='side'>styled</div><form action='/x'><input name='q'></form>\\n\\n"
        "[bad](javascript:window.hurt=4)\\n\\n"
        "![away](https://example.com/spy.png)\\n\\n"
        "~~~python\\ndef f(x):\\n    return x  # yes\\n~~~\\n\\n| a | b |\\n|---|---|\\n| 1 | 2 |\\n"
    )
    ui.mount(
        page,
        f"const {{ Markdown }} = await kit('kit/markdown.js'); return html`<${{Markdown}} text=${{\"{hostile}\"}} />`;",
    )
    page.locator(".md h1", has_text="Title").wait_for()
    page.locator(".md .hljs-keyword", has_text="def").wait_for()
    assert page.evaluate("window.hurt") is None
    assert (
        page.locator(
            ".md script, .md img, .md form, .md input, .md [style], .md [onerror], .md #main, .md .side"
        ).count()
        == 0
    )
    assert page.get_by_role("link", name="away").get_attribute("rel") == "noopener noreferrer"
    assert page.locator(".md a[href^=javascript]").count() == 0
    page.get_by_text("<form action='/x'>").wait_for()  # shown, not obeyed
    page.get_by_role("button", name="Copy").wait_for()
    ui.shot(page, "kit-markdown")
    ui.axe(page)


HOSTILE = (
    "![a](/api/Authenticate?provider=logout)", "![b](/files/../api/Authenticate?provider=logout)",
    "![c](//away.example/c.png)", r"![d](/\\away.example/d.png)", "![e](https://away.example/e.png)",
    "![f](data:text/html,<script>window.hurt=1</script>)", "[g](JaVaScRiPt:window.hurt=2)",
    "[h](javascript&colon;window.hurt=3)", "<javascript:window.hurt=4>", "[i](vbscript:hurt)",
    "[j](data:text/html;base64,PHNjcmlwdD4=)", """[k](https://away.example '" onmouseover=window.hurt=5 x="')""",
    """![" onerror=window.hurt=6 "](/artifacts/" onerror=window.hurt=7)""",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=window.hurt=8&gt;'>",
    "<svg></p><style><a id='</style><img src=1 onerror=window.hurt=9>'>",
    "<noscript><p title='</noscript><img src=x onerror=window.hurt=10>'>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=window.hurt=11>",
    "```html\n<img src=x onerror=window.hurt=12>\n```", '```"><img src=x onerror=window.hurt=13>\nx\n```',
    "| <img src=x onerror=window.hurt=14> |\n|---|\n| <iframe srcdoc='<script>parent.hurt=15</script>'> |",
    "[m](https://away.example/m)",
)  # fmt: skip
REACHES = """() => [...document.querySelectorAll('.md *')]
  .flatMap((one) => [...one.attributes].map((each) => [one.tagName, each.name, each.value]))
  .filter(([tag, name, value]) => name.startsWith('on') || ['srcdoc', 'style', 'src'].includes(name)
    || (name === 'href' && !new URL(value, location.href).protocol.startsWith('http')))"""


def test_what_a_hostile_model_writes_runs_nothing_and_asks_nothing(ui: Ui) -> None:
    """A picture of `/api/…` would be a call in the person's name; one of another host would tell it what was said."""
    page = ui.open("/", as_="app")
    page.evaluate("texts => (window.texts = texts)", list(HOSTILE))
    ui.mount(
        page,
        """const { Markdown } = await kit('kit/markdown.js');
        return html`${window.texts.map((text) => html`<${Markdown} text=${text} />`)}`;""",
    )
    page.locator(".md .hljs-tag").first.wait_for()
    page.get_by_role("link", name="m", exact=True).hover()
    page.wait_for_timeout(100)
    assert page.evaluate("window.hurt") is None
    assert page.evaluate(REACHES) == []
    assert page.locator(".md :is(script, style, iframe, form, math, noscript, img, svg:not(.icon))").count() == 0
    assert page.evaluate("fetch('/ui/session').then((reply) => reply.json()).then((told) => told.signed_in)")


CHARTS = """
const { TimeChart, Columns, Ranks, Donut, Spark } = await kit('kit/chart.js');
const { Card, Stat } = await kit('kit/parts.js');
const times = Array.from({ length: 48 }, (_, i) => 1790000000 + i * 1800);
const wave = (a, b) => times.map((_, i) => Math.round(a + b * Math.sin(i / 5) + (i % 7) * 3));
const tiles = [['Requests', '12,480'], ['Tokens', '3.1M'], ['Cost', '$41.20'], ['Errors', '0.4 %']];
const lines = [{ name: 'done', values: wave(60, 30) }, { name: 'failed', values: wave(8, 4), color: 3 }];
const hill = ([name, a, b]) => ({ name, values: wave(a, b) });
const hills = [['chat', 60, 30], ['image', 20, 4], ['speech', 10, 8]].map(hill);
const days = [{ name: 'done', values: [30, 42, 38, 51, 47, 12, 9] },
  { name: 'failed', values: [2, 1, 4, 0, 3, 1, 0], color: 3 }];
const parts = [{ name: 'done', value: 912 }, { name: 'failed', value: 40, color: 3 },
  { name: 'cancelled', value: 23, color: 8 }];
const ranks = [{ name: 'llama3.3:70b', value: 412, note: '$3.10' },
  { name: 'gpt-oss:20b', value: 231 }, { name: 'qwen3', value: 90 }];
const week = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
return html`<div class="cards">${tiles.map(([name, value], i) => html`<${Stat} name=${name} value=${value}
    note=${html`<${Spark} values=${wave(40, 20 - i * 4)} label=${name} color=${i + 1} />`} />`)}</div>
  <div class="cards wide"><${Card} title="Requests"><${TimeChart} label="Requests" times=${times} series=${lines} /><//>
  <${Card} title="Stacked"><${TimeChart} label="Stacked" stacked times=${times} series=${hills} /><//>
  <${Card} title="By day"><${Columns} label="By day" names=${week} series=${days} /><//>
  <${Card} title="Outcomes"><${Donut} label="Outcomes" parts=${parts} /><//>
  <${Card} title="By model"><${Ranks} label="By model" rows=${ranks} /><//>
  <${Card} title="Empty"><${TimeChart} label="Empty" times=${[]} series=${[{ name: 'a', values: [] }]} /><//></div>`;
"""


def test_charts_are_drawn_in_both_themes_and_told_as_tables(ui: Ui) -> None:
    for dark in (False, True):
        page = ui.open("/", as_="app", dark=dark)
        ui.mount(page, CHARTS)
        page.locator(".uplot canvas").nth(1).wait_for()
        page.wait_for_timeout(150)
        inked = page.evaluate(
            """() => {
                const canvas = document.querySelector('.uplot canvas'), colours = new Set();
                const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
                for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 200) colours.add(data.slice(i, i + 3).join());
                return colours.size;
            }"""
        )
        assert inked > 3
        ui.shot(page, f"kit-charts-{'dark' if dark else 'light'}", full=True)
        ui.axe(page)
    page.get_by_role("button", name="Show as table").nth(2).click()
    assert page.get_by_role("row", name="Thu 51 0").count() == 1
    page.get_by_text("Nothing in this time").wait_for()


def test_dialogs_hold_the_focus_and_answers_are_asked_for(ui: Ui) -> None:
    page = ui.open("/", as_="app")
    ui.mount(
        page,
        """const { confirm, ask, toast, Menu } = await kit('kit/overlay.js');
        const { Button } = await kit('kit/parts.js');
        const drop = async () => { window.sure = await confirm({ title: 'Delete it?', action: 'Delete', type: 'it' }); };
        const rename = async () => { window.name2 = await ask({ title: 'Rename', label: 'Name', value: 'old' }); };
        const fail = async () => { throw new Error('No luck today.'); };
        const choose = (n) => () => (window.chosen = n);
        return html`<div class="row"><${Button} onClick=${drop}>Delete<//>
          <${Button} onClick=${rename}>Rename<//>
          <${Button} onClick=${fail}>Fail<//>
          <${Menu} label="More" items=${[{ label: 'First', onSelect: choose(1) }, '-',
            { label: 'Second', onSelect: choose(2) }]} />
          </div>`;""",
    )
    page.get_by_role("button", name="Delete").click()
    assert page.get_by_role("dialog").get_by_role("button", name="Delete").is_disabled()
    page.get_by_label("Type it to go on").fill("it")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    ui.until(page, "window.sure === true")
    ui.until(page, "document.activeElement.textContent === 'Delete'")
    page.get_by_role("button", name="Rename").click()
    page.get_by_role("textbox", name="Name").fill("new")
    page.keyboard.press("Enter")
    ui.until(page, "window.name2 === 'new'")
    page.get_by_role("button", name="Rename").click()
    page.keyboard.press("Escape")
    ui.until(page, "window.name2 === null")
    page.get_by_role("button", name="Fail").click()
    page.get_by_text("No luck today.").wait_for()
    page.get_by_role("button", name="More").click()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    ui.until(page, "window.chosen === 2")


def test_the_same_call_is_told_for_three_languages_without_the_key(ui: Ui) -> None:
    page = ui.open("/", as_="app")
    told = page.evaluate(
        """async () => {
            const base = document.querySelector('script[type=module]').src.replace('app.js', '');
            const { samples } = await import(base + 'kit/code.js');
            const image = 'data:image/png;base64,' + 'A'.repeat(1000);
            const body = { model: 'm', messages: [{ role: 'user', content: "it's \\\\ \\"q\\"" }],
              stream: null, seed: 0, image };
            const heard = { path: '/v1/audio/transcriptions', form: { model: 'm' }, files: { file: 'a b.wav' } };
            return [samples({ path: '/v1/chat/completions', body }, 'http://x'), samples(heard, 'http://x')];
        }"""
    )
    import ast

    for group in told:
        curl, python, script = (one[2] for one in group)
        ast.parse(python)
        assert "AI_SERVER_KEY" in curl
        assert "AI_SERVER_KEY" in python
        assert "AI_SERVER_KEY" in script
    curl, python, _ = (one[2] for one in told[0])
    assert "it'\\''s" in curl
    assert "stream" not in curl
    assert '"seed": 0' in curl
    assert len(curl) < 500
    assert "-F 'file=@a b.wav'" in told[1][0][2]
