"""Strategies, chains of models, trails, the circuit breaker and the pace: pure parts, told as tables."""

import json
import random
from bisect import bisect_left

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.breaker import LONGEST, Breaker
from bus.pace import Pace
from bus.router import QueueView, Refused, Route, Setting, Wanted, plan, route, routed, wanted_of
from bus.turns import LIVE_TURNS, Timing, Turns
from schemas.job import Job
from schemas.problem import Code, Fault
from schemas.rules import (
    TRAIL_BYTES,
    ModelRule,
    Step,
    Strategy,
    rule_faults,
    rule_key,
    rules_of,
    steps_told,
    trail_header,
)

NOW = 1000.0
ALL = frozenset({("chat", "m"), ("chat", "n")})


def queue(name: str, **more: object) -> QueueView:
    return QueueView(**({"name": name, "models": ALL, "slots": 4} | more))  # type: ignore[arg-type]


def by(strategy: Strategy, *queues: QueueView, stream: bool = False, **more: object) -> str:
    rule = ModelRule(model="m", strategy=strategy, **more)  # type: ignore[arg-type]
    return route(Wanted("chat", "m", stream=stream), list(queues), NOW, Setting({"m": rule}, 0.5)).queue


# ---- strategies -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strategy", "queues", "best"),
    [
        (Strategy.BALANCED, [queue("a", in_flight=4), queue("b", priority=9)], "b"),
        (Strategy.PRIORITY, [queue("a", in_flight=40), queue("b", priority=1)], "a"),
        (Strategy.PRIORITY, [queue("a", in_flight=40), queue("b")], "b"),
        (Strategy.CHEAPEST, [queue("a", cost=2.0), queue("b", cost=1.0, in_flight=40, priority=9)], "b"),
        (Strategy.FASTEST, [queue("a", latency=1.0), queue("b", latency=0.2, priority=9, cost=9.0)], "b"),
        (Strategy.FASTEST, [queue("a", latency=1.0), queue("b")], "b"),
        (Strategy.FASTEST, [queue("a", latency=0.2, in_flight=9, seconds=5.0), queue("b", latency=1.0)], "b"),
        (Strategy.BALANCED, [queue("a", paced=5.0), queue("b", priority=9)], "b"),
        (Strategy.BALANCED, [queue("a", slots=1, in_flight=1, probing=True), queue("b", priority=9)], "b"),
    ],
)
def test_a_strategy_takes(strategy: Strategy, queues: list[QueueView], best: str) -> None:
    assert by(strategy, *queues) == best


def test_fastest_means_the_first_token_for_a_stream() -> None:
    slow_start, slow_end = queue("a", first=2.0, latency=3.0), queue("b", first=0.1, latency=9.0)
    assert by(Strategy.FASTEST, slow_start, slow_end, stream=True) == "b"
    assert by(Strategy.FASTEST, slow_start, slow_end) == "a"


def test_cheapest_goes_by_list_prices_where_no_cost_is_set() -> None:
    rule = ModelRule(model="m", strategy=Strategy.CHEAPEST)
    setting = Setting({"m": rule}, prices={"a": 0.02, "b": 0.01})
    assert route(Wanted("chat", "m"), [queue("a"), queue("b")], NOW, setting).queue == "b"


def test_weights_are_kept_in_the_long_run_and_the_absent_leave_their_share() -> None:
    rule = ModelRule(model="m", strategy=Strategy.WEIGHTED, weights={"a": 3, "b": 1})
    queues, dice = [queue("a"), queue("b"), queue("c")], random.Random(7)
    drawn = [route(Wanted("chat", "m"), queues, NOW, Setting({"m": rule}, dice.random())).queue for _ in range(4000)]
    assert 0.72 < drawn.count("a") / 4000 < 0.78
    assert drawn.count("c") == 0
    assert by(Strategy.WEIGHTED, queue("b"), queue("c"), weights={"a": 3, "b": 1}) == "b"
    assert by(Strategy.WEIGHTED, queue("c"), weights={"a": 3, "b": 1}) == "c"


def test_named_providers_come_in_the_order_they_were_named() -> None:
    queues = [queue("a"), queue("b", providers=("p",)), queue("c")]
    assert route(Wanted("chat", "m", providers=("c", "p")), queues, NOW).queue == "c"
    busy = [queue("a"), queue("b", providers=("p",)), queue("c", in_flight=9)]
    assert route(Wanted("chat", "m", providers=("c", "p")), busy, NOW).queue == "b"


@given(
    st.sampled_from(list(Strategy)),
    st.floats(0, 0.999999),
    st.lists(
        st.builds(
            QueueView, name=st.sampled_from("abcdef"), models=st.just(ALL), slots=st.integers(0, 3),
            in_flight=st.integers(0, 9), cooling_until=st.sampled_from([0.0, NOW + 5]), enabled=st.booleans(),
            priority=st.integers(0, 9), cost=st.floats(0, 3), latency=st.floats(0, 3), paced=st.floats(0, 3),
        ),
        unique_by=lambda view: view.name,
    ),
)  # fmt: skip
def test_no_strategy_takes_who_cannot_serve(strategy: Strategy, dice: float, queues: list[QueueView]) -> None:
    rule = ModelRule(model="m", strategy=strategy, weights={"a": 1.0, "b": 2.0})
    try:
        found = route(Wanted("chat", "m"), queues, NOW, Setting({"m": rule}, dice))
    except Refused:
        assert not any(view.enabled and view.slots for view in queues)
        return
    view = next(view for view in queues if view.name == found.queue)
    assert view.enabled
    assert view.slots > 0
    assert (view.cooling_until > NOW) == bool(found.wait_until)
    assert sorted(step.queue for step in found.trail) == sorted(view.name for view in queues)


# ---- chains ---------------------------------------------------------------------------------------------------------


def only(model: str, name: str, **more: object) -> QueueView:
    return queue(name, models=frozenset({("chat", model)}), **more)


def chain(*models: str, excluded: tuple[str, ...] = ()) -> Wanted:
    return Wanted("chat", models[0], excluded, chain=models[1:])


@pytest.mark.parametrize(
    ("why", "wanted", "queues", "queue_", "model", "left"),
    [
        ("the first that is there", chain("a", "b"), [only("a", "qa"), only("b", "qb")], "qa", "a", ("b",)),
        ("not the unknown", chain("x", "b"), [only("b", "qb")], "qb", "b", ()),
        ("not the offline", chain("a", "b"), [only("a", "qa", slots=0), only("b", "qb")], "qb", "b", ("a",)),
        (
            "not the cooling",
            chain("a", "b"),
            [only("a", "qa", cooling_until=NOW + 9), only("b", "qb")],
            "qb",
            "b",
            ("a",),
        ),
        ("what failed is not asked again", chain("a", "b", excluded=("qa",)), [only("a", "qa"), only("b", "qb")],
         "qb", "b", ()),
        ("the same queue for the next model", chain("m", "n", excluded=("q",)), [queue("q")], "q", "n", ()),
    ],
)  # fmt: skip
def test_a_chain_takes(
    why: str, wanted: Wanted, queues: list[QueueView], queue_: str, model: str, left: tuple[str, ...]
) -> None:
    found = plan(wanted, queues, NOW)
    assert (found.queue, found.model, found.chain, found.wait_until) == (queue_, model, left, 0.0), why


def test_when_all_models_cool_the_first_to_return_is_waited_for() -> None:
    queues = [only("a", "qa", cooling_until=NOW + 9), only("b", "qb", cooling_until=NOW + 3)]
    found = plan(chain("a", "b"), queues, NOW)
    assert (found.model, found.wait_until, found.chain) == ("b", NOW + 3, ("a",))


def test_when_nobody_serves_any_model_the_first_ones_reason_is_told_and_all_are_in_the_trail() -> None:
    with pytest.raises(Refused) as refused:
        plan(chain("a", "x"), [only("a", "qa", slots=0, reason="its key was refused")], NOW)
    assert refused.value.code is Code.NO_PROVIDER
    assert [(step.model, step.queue) for step in refused.value.trail] == [("a", "qa"), ("x", "")]


def job(model: str, **more: object) -> Job:
    values: dict[str, object] = {
        "id": 1, "tenant": "t", "key": "k", "op": "chat", "model": model, "body": b"{}", "created": 0.0,
        "deadline": 0.0,
    }  # fmt: skip
    return Job(**(values | more))  # type: ignore[arg-type]


def test_a_list_of_models_and_the_rules_fallbacks_make_the_chain() -> None:
    rules = {"b": ModelRule(model="b", fallbacks=("c", "a", "d"))}
    wanted = wanted_of(job(" a, b,,a "), rules)
    assert (wanted.model, wanted.chain) == ("a", ("b", "c", "d"))
    assert wanted_of(job("plain"), rules).chain == ()


def test_the_job_says_what_was_asked_and_what_serves_it() -> None:
    went = routed(job("a,b"), Route("qb", (Step("qb", "chosen", "b"),), model="b", chain=()))
    assert (went.model, went.asked, went.chain, went.steps) == ("b", "a,b", (), ())
    told = routed(job("m", explain=True), Route("q", (Step("q", "chosen", "m"),), model="m"))
    assert (told.asked, told.steps) == ("", (Step("q", "chosen", "m", 1),))


# ---- rules and trails -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["m", "openai/gpt-4.1:latest", "ü" * 40, "x" * 300, "-", "a b"])
def test_every_model_has_a_key_that_the_bus_takes(model: str) -> None:
    from bus.subjects import token

    assert token(rule_key(model)) == rule_key(model)


@pytest.mark.parametrize(
    "rule",
    [
        ModelRule(model=""),
        ModelRule(model="a,b"),
        ModelRule(model="a", fallbacks=("a",)),
        ModelRule(model="a", strategy=Strategy.WEIGHTED),
        ModelRule(model="a", weights={"x": -1.0}),
    ],
)
def test_a_rule_that_means_nothing_is_refused(rule: ModelRule) -> None:
    assert list(rule_faults(rule))


def test_rules_stand_in_the_settings_by_model() -> None:
    assert rules_of({"a/b": {"strategy": "fastest", "fallbacks": ["c"]}}) == {
        "a/b": ModelRule(model="a/b", strategy=Strategy.FASTEST, fallbacks=("c",))
    }
    for wrong in ({"a": {"strategyy": 1}}, {"a": {"strategy": "best"}}, {"a": 1}, 3):
        with pytest.raises(ValueError, match="models"):
            rules_of(wrong)


@given(st.lists(st.builds(Step, queue=st.text(max_size=64), verdict=st.text(max_size=2000)), max_size=200))
def test_a_trail_fits_into_a_header_whatever_stands_in_it(steps: list[Step]) -> None:
    header = trail_header(steps)
    assert len(header) <= max(TRAIL_BYTES, 8000)
    told = json.loads(header)
    assert header.isascii()
    assert b"\n" not in header
    assert sum(one.get("left_out", 1) for one in told) == len(steps)
    assert len(steps_told(steps)) == len(steps)


# ---- the breaker ----------------------------------------------------------------------------------------------------

DOWN = Fault(Code.PROVIDER_UNREACHABLE, "refused")
BROKEN = Fault(Code.PROVIDER_ERROR, "500")


def test_after_a_failure_one_job_goes_first_and_its_success_closes_the_circuit() -> None:
    breaker = Breaker()
    assert breaker.failed(DOWN, 0.0, 10.0) == 0.5
    assert breaker.room(8, 10.1) == 0
    assert (breaker.room(8, 10.6), breaker.probing(10.6)) == (1, True)
    breaker.began(1, 10.6)
    assert breaker.room(7, 10.7) == 0
    assert breaker.succeeded(10.6)
    breaker.ended(1)
    assert (breaker.room(8, 10.8), breaker.until, breaker.wary) == (8, 0.0, False)


def test_a_failed_probe_doubles_the_pause_up_to_thirty_seconds() -> None:
    breaker, now, pauses = Breaker(), 100.0, []
    breaker.failed(DOWN, now - 1, now)
    for number in range(9):
        now = breaker.until + 0.1
        assert breaker.room(8, now) == 1
        breaker.began(number, now)
        pauses.append(breaker.failed(DOWN, now, now + 0.01))
        breaker.ended(number)
    assert pauses == sorted(pauses)
    assert pauses[:4] == [1.0, 2.0, 4.0, 8.0]
    assert pauses[-1] == LONGEST


def test_calls_that_break_together_count_as_one_failure() -> None:
    breaker = Breaker()
    for _ in range(30):
        breaker.failed(DOWN, 9.0, 10.0)
    assert breaker.until == 10.5


def test_a_late_success_does_not_cut_a_retry_after_short() -> None:
    breaker = Breaker()
    breaker.failed(Fault(Code.PROVIDER_RATE_LIMITED, "slow down", retry_after=20), 9.0, 10.0)
    assert not breaker.succeeded(9.5)
    assert breaker.until == 30.0
    assert breaker.room(8, 30.1) == 8, "after a 429 all may come again"


def test_a_probe_that_was_cancelled_leaves_its_place_to_the_next() -> None:
    breaker = Breaker()
    breaker.failed(DOWN, 0.0, 10.0)
    breaker.began(1, 11.0)
    breaker.ended(1)
    assert breaker.room(8, 11.1) == 1


def test_a_refused_request_shows_that_the_provider_is_back() -> None:
    breaker = Breaker()
    breaker.failed(DOWN, 0.0, 10.0)
    breaker.began(1, 11.0)
    breaker.failed(Fault(Code.PROVIDER_REFUSED, "bad request"), 11.0, 11.2)
    breaker.ended(1)
    assert breaker.room(8, 11.3) == 8


# ---- pace and turns -------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.sampled_from([20, 60, 100, 600, 3000]), st.lists(st.floats(0.001, 3), min_size=30, max_size=200))
def test_no_sixty_seconds_see_more_requests_than_allowed(limit: int, gaps: list[float]) -> None:
    pace, now, begun = Pace(limit, 0), 1.0, []
    for gap in gaps:
        now += gap
        for _ in range(min(pace.room(now), 5000)):
            pace.took(0)
            begun.append(now)
    for place, start in enumerate(begun):
        assert bisect_left(begun, start + 60) - place <= limit


def test_a_pace_is_reached_and_shared_by_slots() -> None:
    def through(pace: Pace) -> int:
        count = 0
        for tick in range(6000):
            now = 1.0 + tick / 100
            for _ in range(pace.room(now)):
                pace.took(0)
                count += 1
        return count

    whole, half = Pace(600, 0), Pace(600, 0)
    half.share(0.5)
    assert 590 <= through(whole) <= 600
    assert 290 <= through(half) <= 300


def test_tokens_are_counted_when_they_are_known() -> None:
    pace = Pace(0, 6000)
    assert pace.room(1.0) > 0
    pace.took(100)
    pace.spent(1500)
    assert pace.room(1.1) == 0
    assert 5 < pace.wait(1.1) < 20
    assert pace.room(30.0) > 0


def test_live_calls_and_queued_jobs_take_turns() -> None:
    turns, order = Turns(), ""
    turns.refused_live = turns.refused_work = True
    for now in range(50):
        if turns.live(1, float(now)) > 0:
            turns.began_live()
            turns.refused_work = turns.refused_live = True
            order += "L"
        elif turns.work(1, float(now)) > 0:
            turns.began_work()
            turns.refused_live = turns.refused_work = True
            order += "W"
    assert order[:10] == "LLLLWLLLLW"
    assert LIVE_TURNS == 4


def test_a_slot_is_not_kept_for_somebody_who_does_not_come() -> None:
    turns = Turns()
    turns.refused_work = True
    for _ in range(LIVE_TURNS):
        turns.began_live()
    assert turns.live(1, 10.0) == 0
    assert turns.live(1, 10.4) == 0
    assert turns.live(1, 10.6) == 1


def test_a_measurement_fades_while_nobody_measures() -> None:
    timing = Timing()
    timing.measured(4.0, 1.0, 100.0)
    assert (timing.whole(120.0), timing.first(120.0)) == (4.0, 1.0)
    assert timing.whole(190.0) == 1.0
    assert timing.first(1000.0) == 0.0
