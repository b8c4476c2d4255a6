"""The SQL console and the Data browser: what is asked is answered, kept and drawn; what may not be asked is told in words."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from ui_kit import Ui
from ui_log_kit import CANARY, opened_with_log


@pytest.fixture(scope="module")
def ui_of_this_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    with opened_with_log(tmp_path_factory.mktemp("ui")) as (ui, _):
        yield ui


def ask(ui: Ui, sql: str) -> list[list[Any]]:
    status, _, answer = ui.do(ui.house.office.house.get("/admin/sql", ui.keys["admin"], "POST", json={"sql": sql}))
    assert status == 200, answer
    found: list[list[Any]] = answer["rows"]
    return found


def write(page: Any, sql: str) -> Any:
    editor = page.get_by_role("textbox", name="SQL")
    editor.fill(sql)
    return editor


def cells(page: Any, label: str = "Result") -> list[list[str]]:
    """The rows in sight."""
    grid = page.get_by_role("grid", name=label)
    grid.locator(".gr").first.wait_for()
    found: list[list[str]] = grid.locator(".gr").evaluate_all(
        "(all) => all.map((row) => [...row.children].map((one) => one.textContent))"
    )
    return found


def test_a_statement_is_answered_as_the_api_does(ui: Ui) -> None:
    sql = "SELECT model, count(*) AS n FROM requests GROUP BY 1 ORDER BY n DESC, 1"
    page = ui.open("/sql", as_="admin")
    write(page, sql).press("Control+Enter")
    assert cells(page) == [[str(one) for one in row] for row in ask(ui, sql)]
    assert page.evaluate("window.struck === undefined")
    page.get_by_role("tab", name="Chart").click()
    page.get_by_role("list", name="n by model").wait_for()
    ui.shot(page, "sql-chart")
    for name, kind in (("CSV, all rows", "csv"), ("JSON, these rows", "json"), ("Parquet, all rows", "parquet")):
        page.get_by_role("button", name="Download", exact=True).click()
        with page.expect_download() as saved:
            page.get_by_role("menuitem", name=name).click()
        data = saved.value.path().read_bytes()
        assert saved.value.suggested_filename == f"query.{kind}"
        if kind == "csv":
            assert next(csv.reader(io.StringIO(data.decode()))) == ["model", "n"]
        elif kind == "json":
            assert json.loads(data)[0]["model"]
        else:
            assert data[:4] == b"PAR1"
    page.reload()
    assert page.get_by_role("textbox", name="SQL").input_value() == sql  # nothing is lost
    ui.axe(page)


@pytest.mark.long
def test_ctrl_enter_runs_the_statement_at_the_caret_or_what_is_chosen(ui: Ui) -> None:
    page = ui.open("/sql", as_="admin")
    editor = write(page, "SELECT 'a;b' AS first;\n-- a word; of ours\nSELECT 'two' AS second")
    editor.press("Control+Home")
    editor.press("Control+Enter")
    assert cells(page) == [["a;b"]]
    editor.press("Control+End")
    editor.press("Control+Enter")
    page.get_by_role("columnheader", name="second").wait_for()
    assert cells(page) == [["two"]]
    write(page, "SELECT 1 AS one, 2 AS two")
    editor.evaluate("(box) => box.setSelectionRange(0, 15)")
    editor.press("Control+Enter")
    page.get_by_role("columnheader", name="one").wait_for()
    assert cells(page) == [["1"]]


WRONG = (
    ("DROP TABLE requests", "Only one reading statement is allowed", ""),
    ("SELECT * FROM read_csv('/etc/passwd')", "The table function `read_csv` is not allowed", "read_csv"),
    ("SELECT model,\n  modle\nFROM requests", 'Referenced column "modle" not found', "modle"),
    ("SELECT * FROM reqests", "There is no table `reqests`; did you mean `requests`?", "reqests"),
)


@pytest.mark.long
def test_what_is_wrong_is_told_in_the_servers_words_and_marked(ui: Ui) -> None:
    ui.expects(400, "/admin/sql")
    page = ui.open("/sql", as_="admin")
    for sql, said, marked in WRONG:
        editor = write(page, sql)
        editor.press("Control+Enter")
        page.get_by_role("alert").filter(has_text=said).wait_for()
        assert "".join(page.locator(".editor .wrong").all_text_contents()) == marked
        if marked:
            page.get_by_role("button", name="Show where").click()
            assert editor.evaluate("(box) => box.value.slice(box.selectionStart, box.selectionEnd)") == marked
    ui.shot(page, "sql-wrong")
    ui.axe(page)


@pytest.mark.long
def test_escape_cancels_a_long_run(ui: Ui) -> None:
    ui.expects(499, "/admin/sql")
    page = ui.open("/sql", as_="admin")
    editor = write(page, "SELECT count(*) FROM range(1000000) a, range(1000000) b")
    editor.press("Control+Enter")
    page.get_by_role("button", name="Cancel").wait_for()
    editor.press("Escape")
    page.get_by_role("button", name="Run", exact=True).wait_for()
    page.get_by_role("status").filter(has_text="ancelled").first.wait_for()


@pytest.mark.long
def test_names_are_completed(ui: Ui) -> None:
    page = ui.open("/sql", as_="admin")
    page.get_by_role("button", name="tokens_in bigint").wait_for()
    editor = write(page, "")
    editor.type("SELECT toke")
    page.get_by_role("option", name="tokens_in").wait_for()
    editor.press("Enter")
    editor.type(" FROM requ")
    page.get_by_role("option", name="requests").first.wait_for()
    ui.shot(page, "sql-complete")
    editor.press("Tab")
    assert editor.input_value() == "SELECT tokens_in FROM requests"
    editor.type(" r WHERE r.mod")
    page.get_by_role("option", name="model").wait_for()
    editor.press("Escape")
    assert page.locator(".complete").count() == 0


@pytest.mark.long
def test_a_saved_query_survives_and_is_shared(ui: Ui) -> None:
    page = ui.open("/sql", as_="admin")
    write(page, "SELECT 42 AS answer")
    page.keyboard.press("Control+s")
    page.get_by_label("Name").fill(f"The answer {CANARY}")
    page.keyboard.press("Enter")
    page.get_by_text("is saved").first.wait_for()
    assert "query=" in page.url
    page.get_by_role("tab", name="Saved").click()
    page.get_by_role("button", name="More for The answer").click()
    page.get_by_role("menuitem", name="Share with all keys").click()
    page.get_by_text("shared", exact=True).wait_for()
    other = ui.open("/sql", as_="analytics")
    other.get_by_role("tab", name="Saved").click()
    other.get_by_text("The answer").first.click()
    other.get_by_text("A shared query").wait_for()
    assert other.get_by_role("textbox", name="SQL").input_value() == "SELECT 42 AS answer"
    again = ui.open(page.url.split("/ui", 1)[1], as_="admin")
    ui.until(again, "document.querySelector('textarea')?.value === 'SELECT 42 AS answer'")
    assert again.evaluate("window.struck === undefined")
    again.get_by_role("tab", name="Saved").click()
    again.get_by_role("button", name="More for The answer").click()
    again.get_by_role("menuitem", name="Delete").click()
    again.get_by_role("button", name="Delete the query").click()
    again.get_by_text("Nothing saved yet").wait_for()
    page.get_by_role("tab", name="History").click()


@pytest.mark.long
def test_every_example_runs(ui: Ui) -> None:
    page = ui.open("/sql", as_="admin")
    module = "document.querySelector('script[type=module]').src.replace('app.js', 'pages/sql/examples.js')"
    examples = page.evaluate(f"async () => (await import({module})).EXAMPLES")
    assert len(examples) > 8
    for _, sql in examples:
        ask(ui, sql)


@pytest.mark.long
def test_every_table_can_be_browsed(ui: Ui) -> None:
    """checklist 109"""
    page = ui.open("/data", as_="admin")
    names = [row[0] for row in ask(ui, "SHOW TABLES")]
    for name in names:
        page.get_by_role("navigation", name="Tables").get_by_role("link", name=name).first.click()
        page.get_by_role("grid", name=f"Rows of {name}").wait_for()
        (count,) = ask(ui, f"SELECT count(*) FROM {name}")[0]
        page.locator(".grid .foot").filter(has_text="200+ rows" if count > 200 else f"{count} row").wait_for()
    assert page.evaluate("window.struck === undefined")


@pytest.mark.long
def test_rows_are_filtered_ordered_and_counted_by_month(ui: Ui) -> None:
    """checklist 109"""
    page = ui.open("/data/requests", as_="admin")
    page.get_by_role("combobox", name="Column").select_option("model")
    page.get_by_role("combobox", name="How").select_option("=")
    page.get_by_role("textbox", name="Value").fill("o'x")
    page.keyboard.press("Enter")
    page.get_by_role("columnheader", name="job").get_by_role("button").click()
    ui.until(page, "document.querySelector('.gr')?.children[0].textContent.length < 4")
    wanted = ask(ui, "SELECT job FROM requests WHERE model = 'o''x' ORDER BY job LIMIT 10")
    assert [row[0] for row in cells(page, "Rows of requests")][:10] == [str(one[0]) for one in wanted]
    ui.shot(page, "data-requests")
    ui.axe(page)
    page.locator(".gr").first.click()
    page.get_by_role("dialog", name="A row of requests").get_by_text("o'x").first.wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Months").click()
    table = page.get_by_role("region", name="Rows by month")
    table.wait_for()
    months = ask(ui, "SELECT month, count(*) FROM requests WHERE model = 'o''x' GROUP BY 1 ORDER BY 1 DESC")
    assert table.locator("tbody tr").evaluate_all(
        "(all) => all.map((row) => [...row.cells].map((one) => one.textContent))"
    ) == [[month, str(n)] for month, n in months]
    page.get_by_role("tab", name="Columns").click()
    page.get_by_text("Id of the job; with").wait_for()


@pytest.mark.long
def test_an_analytics_key_browses_its_own_rows(ui: Ui) -> None:
    """checklist 109"""
    page = ui.open("/data/requests", as_="analytics")
    page.locator(".grid .foot").filter(has_text="2 rows").wait_for()
    assert any(CANARY[:20] in cell for row in cells(page, "Rows of requests") for cell in row)
    assert page.evaluate("window.struck === undefined")
