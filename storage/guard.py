"""What SQL may be asked: one statement that reads our tables, and calls what is on the list of `storage.functions`.

Two parsers look at it, and both must agree: sqlglot, which knows what a statement means in many dialects, and DuckDB's own,
whose tree (`json_serialize_sql`) is what will be run. What a newcomer would get wrong: a name in FROM that is no table of
ours and no CTE in sight is looked up by DuckDB among its catalog's views, and then among files: so names are resolved here
exactly as DuckDB does it, scope by scope. A CTE does not see itself, unless it is recursive, nor those after it.
"""

import difflib
import json
import logging
import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import msgspec

from schemas.problem import Code, Problem
from storage import functions

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Con
    from sqlglot.expressions import Expr

LONGEST = 100_000
"""Characters of a statement."""
DEEPEST = 200
"""Levels of its tree: both parsers, and we, go down by recursion."""

_EXPLAIN = re.compile(r"\s*EXPLAIN(\s+ANALYZE)?\b(?!\s*\()", re.IGNORECASE)
_NAME = re.compile(r"[^\W\d]\w*\Z")
_CATALOG = ("duckdb_", "pragma_", "sqlite_", "pg_", "information_schema")
_NODES = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
_SOURCES = {"EMPTY", "EXPRESSION_LIST", "JOIN", "PIVOT", "SUBQUERY"}
_EXPRESSIONS = {
    "BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "LAMBDA", "OPERATOR",
    "POSITIONAL_REFERENCE", "STAR", "SUBQUERY", "TYPE",
}  # fmt: skip
ONE = "Only one reading statement is allowed: SELECT, WITH, FROM, VALUES, DESCRIBE, SUMMARIZE, SHOW TABLES, EXPLAIN."


class Asked(msgspec.Struct, frozen=True):
    """A statement that may be run. `explain`: EXPLAIN or EXPLAIN ANALYZE, which stood before it; else empty."""

    text: str
    explain: str = ""
    tables: frozenset[str] = frozenset()
    """Those of ours that it names."""


def check(con: "Con", sql: str, tables: Collection[str], trusted: bool = False) -> Asked:
    """The one statement in `sql`. `trusted`: our own code wrote it, so DuckDB's tree is looked at alone.

    Raises `Problem(INVALID_REQUEST)` with a sentence that says what is not allowed, or where it can't be read.
    """
    if len(sql) > LONGEST:
        raise no(f"The statement is too long: at most {LONGEST:,} characters.")
    if "\0" in sql:
        raise no("The statement has a character in it that no SQL has (NUL).")
    try:
        text, explain = _single(con, sql)
        if not trusted:
            _by_meaning(text, tables)
        return Asked(text, explain, _by_tree(con, text, tables))
    except RecursionError:
        raise no("The statement is nested too deeply.") from None


def no(sentence: str) -> Problem:
    return Problem(Code.INVALID_REQUEST, sentence, param="sql")


def _single(con: "Con", sql: str) -> tuple[str, str]:
    """The statement's text without what ends it, and the EXPLAIN before it. DuckDB's own errors pass through."""
    try:
        found = con.extract_statements(sql)
        kinds = [statement.type.name for statement in found]
    except ValueError:
        raise no(ONE) from None  # a kind of statement that DuckDB's Python side has no name for
    if kinds == ["EXPLAIN"] and (explain := _EXPLAIN.match(found[0].query)):
        return _single(con, found[0].query[explain.end() :])[0], " ".join(explain[0].split())
    if kinds == ["MULTI"] and re.match(r"\s*PIVOT\b", sql, re.IGNORECASE):
        raise no("A PIVOT must name its columns here: PIVOT … ON column IN ('a', 'b') USING …")
    if kinds != ["SELECT"]:
        raise no(ONE)
    return _without_end(found[0].query), ""


def _without_end(text: str) -> str:
    """Without the semicolons and comments after it."""
    import duckdb

    whole, end = text.encode(), len(text.encode())
    for at, kind in reversed(duckdb.tokenize(text)):
        if kind is not duckdb.token_type.comment and whole[at:end].strip() != b";":
            break
        end = at
    return whole[:end].decode().strip()


# ---- the first wall: sqlglot ----------------------------------------------------------------------------------------


def _by_meaning(text: str, tables: Collection[str]) -> None:
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns of what it reads as a mere command; we refuse that
    if match := re.match(r"\s*SHOW\s+(\w+)\s*\Z", text, re.IGNORECASE):  # sqlglot knows SHOW TABLES alone
        if match[1].lower() not in {"tables", *tables}:
            raise no(_no_table(match[1], tables))
        return
    try:
        found = [one for one in sqlglot.parse(text, read="duckdb") if one is not None]
    except SqlglotError as error:
        raise no(f"The statement can't be read: {_first_line(error)}") from None
    roots = (exp.Query, exp.Values, exp.Pivot, exp.Describe, exp.Summarize, exp.Show)
    if len(found) != 1 or not isinstance(found[0], roots):
        raise no(ONE)
    names = {str(cte.alias).lower() for cte in found[0].find_all(exp.CTE)} | {name.lower() for name in tables}
    for node in found[0].walk():
        _look(node, names)


def _look(node: "Expr", names: Collection[str]) -> None:
    """One node of sqlglot's tree. Raises unless it reads, and reads a table of ours or a function on the list."""
    from sqlglot import exp

    if isinstance(node, (exp.DDL, exp.DML, exp.Command, exp.Into, exp.Drop, exp.Alter, exp.Copy, exp.Set, exp.Pragma)):
        if not isinstance(node, (exp.Query, exp.Values)):
            raise no(f"{type(node).__name__.upper()} is not allowed: a statement may only read.")
    elif isinstance(node, (exp.Attach, exp.Detach, exp.Use, exp.Install, exp.Transaction, exp.Commit, exp.Rollback)):
        raise no(f"{type(node).__name__.upper()} is not allowed: a statement may only read.")
    elif isinstance(node, exp.Table):
        _look_at_table(node, names)
    elif isinstance(node, exp.Anonymous) and not isinstance(node.parent, exp.Table):
        _callable(str(node.this))
    elif isinstance(node, exp.CTE):
        _nameable(str(node.alias))
    elif isinstance(node, exp.Summarize) and isinstance(node.this, exp.Literal):
        raise no(_no_table(str(node.this.this), names))
    elif isinstance(node, exp.Show) and node.name.upper() != "TABLES":
        raise no("Of SHOW, only SHOW TABLES is allowed, and the name of a table.")


def _look_at_table(node: Any, names: Collection[str]) -> None:
    from sqlglot import exp

    if isinstance(node.this, exp.Func):
        name = (node.this.name if isinstance(node.this, exp.Anonymous) else node.this.sql_name()).lower()
        if name not in functions.TABLES | {"explode", "explode_outer", "generatedatearray", "generate_date_array"}:
            raise no(f"The table function `{name}` is not allowed: it could read more than the archive.")
    elif node.catalog or node.db.lower() not in ("", "main") or node.name.lower() not in names:
        raise no(_no_table(".".join(part for part in (node.catalog, node.db, node.name) if part), names))


def _first_line(error: Exception) -> str:
    return re.sub(r"\x1b\[[0-9;]*m| but got <.*>", "", str(error)).splitlines()[0].strip()


# ---- the second wall: DuckDB's tree ---------------------------------------------------------------------------------


def _by_tree(con: "Con", text: str, tables: Collection[str]) -> frozenset[str]:
    """The tables that are named."""
    answer = con.execute("SELECT json_serialize_sql($sql::VARCHAR)", {"sql": text}).fetchone()
    tree: dict[str, Any] = json.loads(answer[0]) if answer else {"error": True}
    statements: list[Any] = tree.get("statements", [])
    if tree.get("error") or len(statements) != 1:
        raise no(ONE)
    ours = frozenset(name.lower() for name in tables)
    _walk(statements[0], ours, 0)
    return ours & _named(statements[0])


def _named(value: Any) -> set[str]:
    """What stands in FROM anywhere, our tables among it."""
    if isinstance(value, list):
        return set().union(*map(_named, value))
    if not isinstance(value, dict):
        return set()
    found = set().union(*map(_named, value.values()))
    if value.get("type") in ("BASE_TABLE", "SHOW_REF"):
        found.add(str(value.get("table_name", "")).strip('"').lower())
    return found


def _walk(value: Any, names: frozenset[str], depth: int) -> None:
    """Look at what is there, then at what is in it. `names`: what may stand in FROM here."""
    if depth > DEEPEST * 4:
        raise no("The statement is nested too deeply.")
    if isinstance(value, list):
        for one in value:
            _walk(one, names, depth + 1)
    elif isinstance(value, dict):
        _judge(value, names)
        if "cte_map" in value:
            names = _with(value["cte_map"], names, depth)
        itself = {str(value["cte_name"]).lower()} if value.get("type") == "RECURSIVE_CTE_NODE" else set()
        for key, one in value.items():
            if key != "cte_map":
                _walk(one, names | itself if key == "right" else names, depth + 1)


def _with(found: dict[str, Any], names: frozenset[str], depth: int) -> frozenset[str]:
    """What the CTEs of a node add to the names in sight, each looked at with those before it."""
    for entry in found["map"]:
        name = str(entry["key"])
        _nameable(name)
        _walk(entry["value"], names, depth + 1)
        names |= {name.lower()}
    return names


def _judge(node: dict[str, Any], names: frozenset[str]) -> None:
    """One node of DuckDB's tree. Raises unless it is of a kind we know."""
    kind, family = node.get("type"), node.get("class")
    if family is not None:
        if family in ("FUNCTION", "WINDOW"):
            _judge_function(node)
        elif family not in _EXPRESSIONS:
            raise no(f"This is not allowed in a statement here: {str(family).lower()}.")
    elif isinstance(kind, str) and kind.endswith("_NODE"):
        if kind not in _NODES:
            raise no(ONE)
    elif isinstance(kind, str) and "sample" in node and "alias" in node:
        _judge_source(node, kind, names)


def _judge_source(node: dict[str, Any], kind: str, names: frozenset[str]) -> None:
    if kind == "TABLE_FUNCTION":
        name = str(node["function"].get("function_name", "")).lower()
        if name not in functions.TABLES:
            raise no(f"The table function `{name}` is not allowed: it could read more than the archive.")
    elif kind == "BASE_TABLE":
        path = [str(part) for part in node["qualified_name"]["path"]]
        inside = len(path) == 1 or (len(path) == 2 and path[0].lower() == "main")
        if not inside or path[-1].lower() not in names or node.get("at_clause"):
            raise no(_no_table(".".join(path), names))
    elif kind == "SHOW_REF":
        name, shown = str(node.get("table_name", "")).strip('"').lower(), node.get("show_type")
        if node.get("query") is None and not (
            (shown == "SHOW_SPECIAL" and name == "tables") or (shown == "SHOW" and name in names)
        ):
            raise no("Of SHOW, only SHOW TABLES is allowed, and the name of a table.")
    elif kind not in _SOURCES:
        raise no(f"This is not allowed in FROM here: {kind.lower().replace('_', ' ')}.")


def _judge_function(node: dict[str, Any]) -> None:
    name = str(node.get("function_name", ""))  # `column.upper()` has the column as its schema
    if name[:1].isalpha() or name[:1] == "_":
        _callable(name)


# ---- what both ask --------------------------------------------------------------------------------------------------


def _callable(name: str) -> None:
    if name.lower() not in (known := functions.SCALARS | functions.TABLES):
        near = difflib.get_close_matches(name.lower(), sorted(known), 1, 0.75)
        hint = f"; did you mean `{near[0]}`?" if near else "."
        raise no(f"The function `{name}` is not known here, or not allowed{hint}")


def _nameable(name: str) -> None:
    """Whether a CTE may be called so. One named as a file or a view of the catalog would hide who is meant."""
    if not _NAME.match(name) or name.lower().startswith(_CATALOG):
        raise no(f"A WITH can't be named `{name}`.")


def _no_table(name: str, names: Collection[str]) -> str:
    near = difflib.get_close_matches(name.lower(), sorted(names), 1)
    return f"There is no table `{name}`" + (f"; did you mean `{near[0]}`?" if near else ". `SHOW TABLES` lists them.")
