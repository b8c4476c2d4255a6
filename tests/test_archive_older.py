"""What an older version has left, or somebody's hand: derived tables are whole at once, and made later."""

from pathlib import Path

import msgspec
import pytest
from archive_kit import NOVEMBER, NOW, OCTOBER, add, agree, mixed, row

from storage import merging, parts
from storage.archive import Archive
from storage.parts import Gap, Part
from storage.sql import Sql
from storage.tables import DERIVED

DERIVED_NAMES = [table.name for table in DERIVED]
GOLDEN = Path(__file__).parent / "golden" / "archive" / "requests-2026-11.parquet"
"""What the archiver wrote before there were further tables."""


def drop_tables(root: Path) -> None:
    for name in DERIVED_NAMES:
        for path in root.glob(f"{name}/*/*.parquet"):
            path.unlink()


def test_what_an_older_version_left_is_whole_at_once_and_made_later(archive: Archive) -> None:
    for job in range(1, 5):
        add(archive, mixed(job, OCTOBER), mixed(job + 10))
    while archive.merge(NOW):
        pass
    asked = [f"SELECT * FROM {name} ORDER BY ALL" for name in DERIVED_NAMES]
    whole = [result.rows for result in Sql(archive.root).queries(asked)]
    drop_tables(archive.root)
    assert [result.rows for result in Sql(archive.root).queries(asked)] == whole
    add(archive, mixed(20))
    assert archive.complete() > 0
    while archive.complete():
        pass
    agree(archive.root)
    hidden = [path.rename(path.with_suffix(".hidden")) for path in archive.root.glob("requests/*/*.parquet")]
    assert hidden  # now there is nothing to make them of: what follows is in the files
    found = Sql(archive.root).query(f"SELECT count(*) FROM {DERIVED_NAMES[0]} WHERE job <> 20")
    assert found.rows == [(len(whole[0]),)]


def test_a_closed_archive_has_nothing_to_make_for_whoever_goes_on_until_nothing_is_missing(archive: Archive) -> None:
    add(archive, mixed(1))
    drop_tables(archive.root)
    archive.close()
    assert archive.complete() == 0


def test_a_gap_is_never_merged_over(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "MANY", 4)
    for job in range(1, 12):
        add(archive, mixed(job))
    for path in sorted(archive.root.glob("attempts/*/*.parquet"))[2:5]:
        path.unlink()
    while archive.merge(NOW):
        pass
    found = Sql(archive.root).query("SELECT job, n FROM attempts ORDER BY 1, 2").rows
    while archive.complete() or archive.merge(NOW):
        pass
    agree(archive.root)
    assert Sql(archive.root).query("SELECT job, n FROM attempts ORDER BY 1, 2").rows == found
    assert {job for job, _ in found} >= {3, 5}


def test_a_damaged_requests_file_stops_neither_completion_nor_the_archiver(archive: Archive) -> None:
    add(archive, mixed(8), mixed(9, OCTOBER))
    drop_tables(archive.root)
    (broken,) = archive.root.glob("requests/month=2026-10/*.parquet")
    broken.write_bytes(broken.read_bytes()[:-20])
    for _ in range(20):
        if archive.complete() == 0:
            break
    assert archive.complete() == 0
    assert [part.month for part in archive.damaged] == ["2026-10"]
    assert {path.parent.name for path in archive.root.glob("attempts/*/*.parquet")} == {"month=2026-11"}
    add(archive, mixed(11))


def part(table: str, first: int, last: int) -> Part:
    return parts.new_part(table, "2026-11", "20261118T110000000Z", first, last)


@pytest.mark.parametrize(
    ("requests", "there", "wanted"),
    [
        ([(1, 9)], [], [(1, 9)]),
        ([(1, 9)], [(1, 9)], []),
        ([(1, 9)], [(1, 3), (7, 9)], [(4, 6)]),
        ([(1, 9)], [(4, 6)], [(1, 3), (7, 9)]),
        ([(1, 3), (7, 9)], [(1, 9)], []),
        ([(1, 3), (4, 6), (7, 9)], [(2, 8)], [(1, 1), (9, 9)]),
        ([(5, 6)], [(1, 2), (9, 9)], [(5, 6)]),
        ([(1, 2), (5, 6)], [(2, 5)], [(1, 1), (6, 6)]),
        ([], [(1, 2)], []),
    ],
)
def test_gaps_are_what_no_file_covers(
    requests: list[tuple[int, int]], there: list[tuple[int, int]], wanted: list[tuple[int, int]]
) -> None:
    found = parts.gaps([part("requests", *one) for one in requests] + [part("jobs", *one) for one in there], ["jobs"])
    assert [(gap.first, gap.last) for gap in found] == wanted


def test_a_file_put_there_by_hand_gets_its_tables_under_its_name() -> None:
    foreign = Part("requests", "2026-11", "", 0, 0, "mine.parquet", 5)
    assert parts.gaps([foreign], ["jobs"]) == [Gap("jobs", foreign, 0, 0)]
    assert Gap("jobs", foreign, 0, 0).result == msgspec.structs.replace(foreign, table="jobs")
    assert parts.gaps([foreign, msgspec.structs.replace(foreign, table="jobs")], ["jobs"]) == []


def test_a_file_of_last_month_opens_as_it_is(archive: Archive) -> None:
    home = archive.root / "requests" / "month=2026-11"
    home.mkdir(parents=True)
    (home / "20261118T110000000Z-000000000001-000000000003.parquet").write_bytes(GOLDEN.read_bytes())
    engine = Sql(archive.root)
    assert engine.query("SELECT job, target, run FROM requests ORDER BY job").rows == [
        (1, None, 0),
        (2, None, 0),
        (3, None, 1),
    ]
    asked = "SELECT job, n, outcome, error, status, served FROM attempts ORDER BY job, n"
    tries = [
        (1, 1, "done", None, None, None),
        (2, 1, "failed", "timeout", None, None),
        (2, 2, "done", None, None, None),
    ]
    asked_too = "SELECT job, host, webhook_id FROM callbacks"
    for _ in ("made on the fly", "made by the archiver"):
        assert engine.query(asked).rows == [*tries, (3, 1, "done", None, None, None)]
        assert engine.query(asked_too).rows == [(3, None, "msg_2")]
        assert engine.query("SELECT job FROM jobs ORDER BY 1").rows == [(2,), (3,)]
        while archive.complete():
            pass
    add(archive, row(9))
    while archive.merge(NOVEMBER + 40 * 86400):
        pass
    assert engine.query(asked).rows == [*tries, (3, 1, "done", None, None, None)]
    agree(archive.root)
