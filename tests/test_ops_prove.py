"""A proof that cannot fail proves nothing: each kind of broken promise must be seen by the judge."""

from typing import Any

import pytest

from ops.prove.chaos import APART, FREEZE, HOLDS_JOBS, SHORTEST, TARGETS, plan
from ops.prove.crowd import Promise
from ops.prove.tables import Told, faults
from ops.prove.verdict import Evidence, Line, judge, read_ledger


def view(marker: str, call: int = 1, status: str = "done") -> dict[str, Any]:
    said = {"choices": [{"message": {"content": f"call={call} for={marker}"}}]}
    return {"status": status, "finished": 1.0, **({"result": said} if status == "done" else {})}


def evidence(**changed: Any) -> Evidence:
    """Two promises, kept."""
    kept: dict[str, Any] = {
        "promises": {1: Promise(1, "mark-a", False, 1), 2: Promise(2, "mark-b", False, 1)},
        "first": {1: view("mark-a"), 2: view("mark-b", 2)},
        "last": {1: view("mark-a"), 2: view("mark-b", 2)},
        "rows": [{"job": 1, "outcome": "done"}, {"job": 2, "outcome": "done"}],
        "ledger": [Line("mark-a", "first", 0, 1, "done"), Line("mark-b", "first", 0, 1, "done")],
        "rewritten": set(),
    }
    return Evidence(**(kept | changed))


def test_kept_promises_leave_nothing_to_say() -> None:
    verdict = judge(evidence())
    assert (verdict.lost, verdict.doubled, verdict.mixed_up, verdict.unrecorded, verdict.strangers) == (
        [],
        [],
        [],
        [],
        [],
    )
    assert (verdict.recorded, verdict.reexecuted, verdict.states["done"]) == (2, 0, 2)


@pytest.mark.parametrize("end", [None, view("mark-b", 2, "queued"), view("mark-b", 2, "running")])
def test_a_job_that_is_unknown_or_never_ends_is_lost(end: dict[str, Any] | None) -> None:
    assert judge(evidence(last={1: view("mark-a"), 2: end})).lost == [2]


def test_a_result_that_changes_after_the_end_is_doubled() -> None:
    assert judge(evidence(last={1: view("mark-a", 7), 2: view("mark-b", 2)})).doubled == [1]


def test_a_record_stored_again_after_its_end_is_doubled() -> None:
    assert judge(evidence(rewritten={2})).doubled == [2]


def test_an_archive_that_tells_another_end_is_doubled() -> None:
    rows = [{"job": 1, "outcome": "failed"}, {"job": 2, "outcome": "done"}]
    assert judge(evidence(rows=rows)).doubled == [1]


def test_the_result_of_another_job_is_seen() -> None:
    assert judge(evidence(last={1: view("mark-b"), 2: view("mark-b", 2)}, first={})).mixed_up == [1]


def test_missing_double_and_foreign_rows_are_seen() -> None:
    rows = [{"job": 1, "outcome": "done"}, {"job": 1, "outcome": "done"}, {"job": 9, "outcome": "done"}]
    verdict = judge(evidence(rows=rows))
    assert (verdict.unrecorded, verdict.recorded_twice, verdict.strangers) == ([2], [1], [9])


def test_a_second_call_at_the_provider_is_told_and_allowed() -> None:
    verdict = judge(
        evidence(ledger=read_ledger("mark-a\tfirst\t1\t0\t1\tgone\nmark-a\tsecond\t2\t1\t2\tdone\nhalf a li"))
    )
    assert (verdict.reexecuted, verdict.doubled) == (1, [])


def told(**changed: Any) -> Told:
    """The tables after two promises, the first with a callback, that were kept at the second try and at once."""
    tries = [(1, 1, "failed", 0.0, 0.1), (1, 2, "done", 1.0, 2.0), (2, 1, "done", 1.0, 2.0)]
    kept: dict[str, Any] = {
        "requests": [
            {"job": job, "run": 0, "outcome": "done", "provider": "first", "attempts": 3 - job} for job in (1, 2)
        ],
        "attempts": [
            {
                "job": job, "run": 0, "n": n, "provider": "first", "outcome": outcome, "last": outcome == "done",
                "started": started, "ended": ended,
            }
            for job, n, outcome, started, ended in tries
        ],
        "jobs": [{"job": job, "run": 0, "state": "done"} for job in (1, 2)],
        "callbacks": [
            {"parent": 1, "job": 7, "run": 0, "n": n, "outcome": outcome, "last": n == 2, "webhook_id": "msg_1"}
            for n, outcome in ((1, "failed"), (2, "done"))
        ],
    }  # fmt: skip
    return Told(**(kept | changed))


def seen(tables: Told, **changed: Any) -> list[str]:
    given: dict[str, Any] = {
        "promises": {1: Promise(1, "mark-a", True, 1), 2: Promise(2, "mark-b", False, 1)},
        "ledger": [Line("mark-a", "first", 1.1, 1.9, "done"), Line("mark-b", "first", 1.1, 1.9, "done")],
        "taken": {"msg_1": 1},
    }
    return [what for what, where in faults(tables, **(given | changed)).items() if where]


def planted(table: str, at: int, **changed: Any) -> Told:
    """The tables with one row changed."""
    rows = [{**row, **changed} if n == at else row for n, row in enumerate(getattr(told(), table))]
    return told(**{table: rows})


def test_tables_that_tell_what_was_leave_nothing_to_say() -> None:
    assert seen(told()) == []


@pytest.mark.parametrize(
    ("tables", "what"),
    [
        (told(attempts=[*told().attempts, told().attempts[0]]), "attempts told twice"),
        (planted("attempts", 2, job=9), "attempts of nobody's request"),
        (planted("attempts", 2, provider="second"), "attempts done without a call"),
        (planted("attempts", 2, started=5.0, ended=6.0), "attempts done without a call"),
        (told(attempts=told().attempts[:2]), "successes without their attempt"),
        (planted("attempts", 0, outcome="done"), "successes without their attempt"),
        (planted("requests", 0, attempts=1), "more attempts than counted"),
        (told(jobs=[*told().jobs, told().jobs[1]]), "jobs told twice"),
        (told(jobs=told().jobs[1:]), "jobs that end otherwise than their request"),
        (planted("jobs", 0, state="failed"), "jobs that end otherwise than their request"),
        (told(callbacks=[*told().callbacks, told().callbacks[0]]), "tries of a callback told twice"),
        (planted("callbacks", 0, parent=2), "callbacks that nobody wanted"),
        (planted("callbacks", 1, webhook_id="msg_2"), "callbacks told as delivered that nobody took"),
        (told(callbacks=told().callbacks[:1]), "callbacks taken and not told as delivered"),
    ],
)
def test_a_row_that_can_t_be_is_seen_in_every_table(tables: Told, what: str) -> None:
    assert what in seen(tables)


def test_a_success_without_a_call_at_the_provider_is_seen() -> None:
    assert seen(
        told(), ledger=[Line("mark-a", "first", 1.1, 1.9, "done"), Line("mark-b", "first", 1.1, 1.9, "gone")]
    ) == ["attempts done without a call"]


@pytest.mark.parametrize("seed", range(50))
def test_every_storm_strikes_everyone_and_freezes_somebody(seed: int) -> None:
    blows = plan(seed, SHORTEST)
    assert {blow.target for blow in blows if blow.kind == "kill"} == set(TARGETS)
    assert any(blow.kind == "freeze" and blow.at + FREEZE <= SHORTEST for blow in blows)
    assert blows == plan(seed, SHORTEST)


@pytest.mark.parametrize("seed", range(50))
def test_jobs_come_in_before_the_first_freeze(seed: int) -> None:
    blows = plan(seed, SHORTEST)
    first = next(blow for blow in blows if blow.kind == "freeze")
    away = [blow.at for blow in blows if blow.target in ("gateway", "supervisor", "nats")]
    assert not any(first.at - HOLDS_JOBS < at < first.at for at in away)


def test_a_storm_too_short_to_strike_everyone_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 30 seconds"):
        plan(1, SHORTEST - 1)


def test_nats_is_not_killed_so_often_that_giving_up_would_be_right() -> None:
    for seed in range(50):
        times = [blow.at for blow in plan(seed, 120) if blow.target == "nats"]
        assert all(sum(at <= other < at + 60 for other in times) <= 60 / APART for at in times)
