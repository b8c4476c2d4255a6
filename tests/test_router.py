"""The pure parts of the bus: routing, retry, slots, ids, subjects. Tables tell a rule, properties say where it holds."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus import retry, subjects
from bus.ids import EPOCH, Ids, created_at, make_id
from bus.router import QueueView, Route, Wanted, expected_wait, route
from bus.slots import share
from bus.wire import format_headers, parse_headers
from schemas.events import Attempt
from schemas.problem import Code, Fault, Problem

NOW = 1000.0
M = frozenset({("chat", "m")})
WANTED = Wanted("chat", "m")


def queue(name: str, **more: object) -> QueueView:
    return QueueView(**({"name": name, "models": M, "slots": 4} | more))  # type: ignore[arg-type]


def chosen(*queues: QueueView, **more: object) -> str:
    return route(Wanted("chat", "m", **more), list(queues), NOW).queue  # type: ignore[arg-type]


# ---- router -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("why", "queues", "best"),
    [
        ("the free one", [queue("a", in_flight=4, seconds=2.0), queue("b")], "b"),
        ("priority, while both are free", [queue("a", priority=5), queue("b", priority=1)], "b"),
        ("the free one, though its priority is worse", [queue("a", in_flight=9), queue("b", priority=9)], "b"),
        ("the cheaper one", [queue("a", cost=2.0), queue("b", cost=1.0)], "b"),
        ("the emptier one", [queue("a", in_flight=3), queue("b", in_flight=1)], "b"),
        ("by name, when nothing tells them apart", [queue("b"), queue("a")], "a"),
        ("the faster one", [queue("a", in_flight=8, seconds=9.0), queue("b", in_flight=8, seconds=1.0)], "b"),
        ("the one that doesn't cool", [queue("a", cooling_until=NOW + 1), queue("b", in_flight=50)], "b"),
        ("the one that has cooled", [queue("a", cooling_until=NOW), queue("b", priority=1)], "a"),
        (
            "noise below 50 ms doesn't beat priority",
            [queue("a", slots=100, in_flight=100), queue("b", priority=1)],
            "a",
        ),
    ],
)
def test_the_router_takes(why: str, queues: list[QueueView], best: str) -> None:
    assert chosen(*queues) == best, why


def test_a_request_that_names_no_model_is_told_that_nobody_can_do_it_and_not_that_a_model_is_missing() -> None:
    with pytest.raises(Problem, match="Nobody here can do 'text_to_image'") as caught:
        route(Wanted("text_to_image", "default"), [queue("a")], NOW)
    assert (caught.value.code, caught.value.fault.param) == (Code.NO_PROVIDER, None)


def test_the_stand_in_for_no_model_is_no_model_that_anybody_is_told_of() -> None:
    painter = queue("a", models=frozenset({("text_to_image", "default"), ("text_to_image", "sd")}))
    with pytest.raises(Problem, match=r"Known models: sd\.$") as caught:
        route(Wanted("text_to_image", "nope"), [painter], NOW)
    assert caught.value.code is Code.MODEL_NOT_FOUND


def test_all_cooling_means_wait_for_the_first_to_return() -> None:
    found = route(WANTED, [queue("a", cooling_until=NOW + 5), queue("b", cooling_until=NOW + 2, reason="429")], NOW)
    assert (found.queue, found.wait_until) == ("b", NOW + 2)
    assert "429" in found.trail[1].verdict


def test_an_unknown_model_is_named_with_those_that_are_known() -> None:
    with pytest.raises(Problem) as caught:
        route(Wanted("chat", "x"), [queue("a")], NOW)
    assert caught.value.code is Code.MODEL_NOT_FOUND
    assert "Known models: m" in str(caught.value)
    with pytest.raises(Problem) as caught:
        route(Wanted("image", "m"), [queue("a")], NOW)
    assert caught.value.code is Code.MODEL_NOT_FOUND


@pytest.mark.parametrize(
    ("wanted", "view", "reason"),
    [
        (WANTED, queue("a", slots=0), "no agent online"),
        (WANTED, queue("a", slots=0, reason="refused"), "refused"),
        (WANTED, queue("a", enabled=False), "disabled"),
        (Wanted("chat", "m", ("a",)), queue("a"), "failed this job before"),
        (Wanted("chat", "m", providers=("b",)), queue("a", providers=("c",)), "not the provider asked for"),
    ],
)
def test_a_known_model_nobody_can_serve_says_why(wanted: Wanted, view: QueueView, reason: str) -> None:
    with pytest.raises(Problem) as caught:
        route(wanted, [view], NOW)
    assert caught.value.code is Code.NO_PROVIDER
    assert reason in str(caught.value)


def test_a_provider_asked_for_is_found_by_its_own_name_or_its_pool() -> None:
    pool = queue("gpu", providers=("box1", "box2"), priority=9)
    assert chosen(queue("a"), pool, providers=("box2",)) == "gpu"
    assert chosen(queue("a"), pool, providers=("gpu",)) == "gpu"


views = st.builds(
    QueueView,
    name=st.sampled_from("abcdefgh"),
    models=st.sampled_from([M, frozenset(), frozenset({("chat", "m"), ("chat", "n")})]),
    providers=st.lists(st.sampled_from("pq"), max_size=2).map(tuple),
    slots=st.integers(0, 8),
    in_flight=st.integers(0, 20),
    waiting=st.integers(0, 20),
    seconds=st.floats(0.001, 100),
    priority=st.integers(0, 9),
    cost=st.floats(0, 10),
    cooling_until=st.sampled_from([0.0, NOW - 1, NOW + 1, NOW + 30]),
    enabled=st.booleans(),
)
fleets = st.lists(views, max_size=8, unique_by=lambda view: view.name)
wants = st.builds(
    Wanted,
    op=st.just("chat"),
    model=st.just("m"),
    excluded=st.lists(st.sampled_from("abcdefgh"), max_size=4).map(tuple),
    providers=st.sampled_from([(), (), ("p",), ("a",)]),
)


def attempt(wanted: Wanted, fleet: list[QueueView]) -> Route | None:
    try:
        return route(wanted, fleet, NOW)
    except Problem:
        return None


@given(wants, fleets)
def test_what_is_chosen_may_and_can_serve(wanted: Wanted, fleet: list[QueueView]) -> None:
    found = attempt(wanted, fleet)
    fit = [
        q for q in fleet if ("chat", "m") in q.models and q.enabled and q.slots > 0 and q.name not in wanted.excluded
    ]
    fit = [q for q in fit if not wanted.providers or wanted.providers[0] in (q.name, *q.providers)]
    assert (found is None) == (not fit), "a queue that can is found, and none that can't"
    if found is None:
        return
    view = next(q for q in fit if q.name == found.queue)
    assert (view.cooling_until > NOW) == bool(found.wait_until)
    if found.wait_until:
        assert all(q.cooling_until >= found.wait_until for q in fit)
    else:
        ready = [q for q in fit if q.cooling_until <= NOW]
        assert expected_wait(view) <= min(map(expected_wait, ready)) + 0.06


@given(wants, fleets, st.randoms())
def test_the_order_of_the_queues_does_not_matter(wanted: Wanted, fleet: list[QueueView], random: object) -> None:
    mixed = fleet[:]
    random.shuffle(mixed)  # type: ignore[attr-defined]
    one, two = attempt(wanted, fleet), attempt(wanted, mixed)
    assert (one and (one.queue, one.wait_until)) == (two and (two.queue, two.wait_until))


@given(fleets)
def test_every_candidate_is_in_the_trail_once(fleet: list[QueueView]) -> None:
    found = attempt(WANTED, fleet)
    if found is not None:
        assert sorted(step.queue for step in found.trail) == sorted(q.name for q in fleet if ("chat", "m") in q.models)


@given(views)
def test_a_free_slot_is_no_wait(view: QueueView) -> None:
    free = view.in_flight + view.waiting < view.slots
    assert (expected_wait(view) == 0.0) == free


# ---- retry --------------------------------------------------------------------------------------------------------


def tried(*codes: Code | None) -> tuple[Attempt, ...]:
    return tuple(Attempt(n + 1, "q", "p", "a", 0.0, 0.1, code and str(code)) for n, code in enumerate(codes))


def verdict(code: Code, tries: int = 1, durable: bool = False, op: str = "chat", **fault: object) -> retry.Again | None:
    return retry.verdict(op, Fault(code, "", **fault), tried(*[code] * tries), durable)  # type: ignore[arg-type]


@pytest.mark.parametrize("code", sorted(set(Code) - retry.ELSEWHERE))
@pytest.mark.parametrize("durable", [True, False])
def test_what_is_wrong_with_the_request_is_final(code: Code, durable: bool) -> None:
    assert verdict(code, durable=durable) is None


@pytest.mark.parametrize("code", sorted(retry.ELSEWHERE))
def test_what_is_wrong_with_the_provider_is_tried_elsewhere(code: Code) -> None:
    live, durable = verdict(code), verdict(code, durable=True)
    assert live is not None
    assert live.elsewhere
    assert durable is not None
    assert durable.after is not None


def test_a_model_the_provider_forgot_is_asked_for_elsewhere_only() -> None:
    assert verdict(Code.PROVIDER_REFUSED, provider_status=404) == retry.Again(True, None)
    assert verdict(Code.PROVIDER_REFUSED, provider_status=404, durable=True) == retry.Again(True, None)
    assert verdict(Code.PROVIDER_REFUSED, provider_status=400) is None


def test_a_live_429_is_waited_for_only_as_long_as_a_caller_would() -> None:
    assert verdict(Code.PROVIDER_RATE_LIMITED, retry_after=20.0) == retry.Again(True, 20.0)
    assert verdict(Code.PROVIDER_RATE_LIMITED, retry_after=31.0) == retry.Again(True, None)
    assert verdict(Code.PROVIDER_RATE_LIMITED) == retry.Again(True, 1.0)


@given(st.lists(st.sampled_from([None, *sorted(Code)]), min_size=1, max_size=300), st.booleans(), st.booleans())
def test_retries_end_and_never_wait_less_than_asked(codes: list[Code | None], durable: bool, limited: bool) -> None:
    code = Code.PROVIDER_RATE_LIMITED if limited else Code.PROVIDER_ERROR
    trail = tried(*codes, code)
    again = retry.verdict("chat", Fault(code, "", retry_after=7.0), trail, durable)
    counted = sum(one.code != Code.PROVIDER_RATE_LIMITED for one in trail)
    if counted >= (retry.DURABLE_ATTEMPTS if durable else retry.LIVE_ATTEMPTS) or len(trail) > 200:
        assert again is None
    else:
        assert again is not None
        assert again.after is None or again.after >= 7.0


def test_callbacks_follow_the_schedule_of_standard_webhooks_and_end() -> None:
    waits = []
    for tries in range(1, 20):
        again = verdict(Code.PROVIDER_ERROR, tries, durable=True, op="callback")
        if again is None:
            break
        waits.append(again.after)
    assert tuple(waits) == retry.CALLBACKS
    assert 2 * 86400 < sum(retry.CALLBACKS) < 4 * 86400
    assert verdict(Code.PROVIDER_REFUSED, op="callback", provider_status=410) is None
    late = verdict(Code.PROVIDER_RATE_LIMITED, op="callback", retry_after=100.0)
    assert late is not None
    assert late.after == 100.0


@pytest.mark.parametrize(
    ("code", "failures", "retry_after", "seconds"),
    [
        (Code.PROVIDER_RATE_LIMITED, 1, 12.5, 12.5),
        (Code.PROVIDER_RATE_LIMITED, 1, None, 1.0),
        (Code.PROVIDER_RATE_LIMITED, 50, None, 30.0),
        (Code.PROVIDER_UNREACHABLE, 1, None, 0.5),
        (Code.PROVIDER_UNREACHABLE, 50, None, 15.0),
        (Code.PROVIDER_ERROR, 1, None, 0.0),
        (Code.PROVIDER_ERROR, 3, None, 1.0),
        (Code.PROVIDER_ERROR, 1, 9.0, 9.0),
        (Code.PROVIDER_ERROR, 50, None, 30.0),
        (Code.INVALID_REQUEST, 9, None, 0.0),
        (Code.CANCELLED, 9, None, 0.0),
    ],
)
def test_a_provider_cools(code: Code, failures: int, retry_after: float | None, seconds: float) -> None:
    assert retry.cooldown(Fault(code, "", retry_after=retry_after), failures) == seconds


@given(st.sampled_from(sorted(Code)), st.integers(0, 10_000), st.none() | st.floats(0.1, 1e6))
def test_a_cooldown_is_never_negative_and_never_endless(code: Code, failures: int, after: float | None) -> None:
    assert 0 <= retry.cooldown(Fault(code, "", retry_after=after), failures) <= max(30.0, after or 0.0)


# ---- slots --------------------------------------------------------------------------------------------------------


@given(st.integers(1, 200), st.sets(st.text("abcdef", min_size=1, max_size=4), min_size=1, max_size=9), st.randoms())
def test_agents_that_come_one_by_one_share_all_slots_and_never_more(
    total: int, names: set[str], random: object
) -> None:
    held: dict[str, int] = {}
    for name in sorted(names):
        held[name] = 0
        for _ in range(2 * len(names)):
            turn = random.choice(sorted(held))  # type: ignore[attr-defined]
            held[turn] = share(total, turn, {peer: slots for peer, slots in held.items() if peer != turn})
            assert sum(held.values()) <= total
    for _ in range(2):
        for turn in sorted(held):
            held[turn] = share(total, turn, {peer: slots for peer, slots in held.items() if peer != turn})
    assert sum(held.values()) == total
    assert max(held.values()) - min(held.values()) <= 1


def test_a_newcomer_waits_until_the_others_have_let_go() -> None:
    assert share(8, "new", {"old": 8}) == 0
    assert share(8, "old", {"new": 0}) == 4
    assert share(8, "new", {"old": 4}) == 4


# ---- ids ----------------------------------------------------------------------------------------------------------


@given(st.integers(EPOCH, EPOCH + 2**31 - 1), st.integers(0, 255), st.integers(0, 2**14 - 1))
def test_an_id_fits_a_javascript_number_and_tells_its_time(second: int, node: int, count: int) -> None:
    number = make_id(second, node, count)
    assert 0 <= number < 2**53
    assert created_at(number) == second


def test_ids_of_one_process_rise_even_in_a_flood_and_when_the_clock_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = Ids(None)  # type: ignore[arg-type]
    ids.node = 7
    clock = [float(EPOCH + 1000)]
    monkeypatch.setattr("bus.ids.time.time", lambda: clock[0])
    made = [ids.new() for _ in range(40_000)]
    clock[0] -= 500
    made += [ids.new() for _ in range(1000)]
    clock[0] += 5000
    made += [ids.new() for _ in range(1000)]
    assert made == sorted(set(made))


def test_ids_of_two_nodes_never_meet() -> None:
    now = int(time.time())
    one = {make_id(now, 1, count) for count in range(2**14)}
    two = {make_id(now, 2, count) for count in range(2**14)}
    assert not one & two


# ---- names --------------------------------------------------------------------------------------------------------


@given(st.text())
def test_a_token_is_one_word_of_a_subject_or_refused(text: str) -> None:
    try:
        word = subjects.token(text)
    except ValueError:
        return
    assert word == text
    assert 1 <= len(word) <= 64
    assert not set(word) & set(". *>\t\r\n")
    assert word.isascii()


@given(
    st.dictionaries(st.from_regex(r"[A-Za-z-]{1,20}", fullmatch=True), st.from_regex(r"[!-~]{0,40}", fullmatch=True))
)
def test_headers_travel_unharmed(headers: dict[str, str]) -> None:
    assert parse_headers(format_headers(headers)) == headers
