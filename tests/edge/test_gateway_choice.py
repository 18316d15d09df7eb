"""Which gateways a call tries, in which order, and why the others are passed over."""

import time
from collections import Counter
from dataclasses import replace

import pytest
from tests.edge.carrier import gateway, house, named
from tests.edge.lab import Lab

from talkpath.edge.gateways.choice import Choice
from talkpath.edge.gateways.gateway import How, State
from talkpath.edge.gateways.settings import (
    BreakerSettings,
    Choosing,
    GatewaySettings,
    GroupSettings,
    ProbeSettings,
)

QUIET = ProbeSettings(interval_s=0)


def quiet(name: str, priority: int = 1, weight: int = 1, **values: object) -> GatewaySettings:
    """A gateway that is never probed."""
    return replace(
        gateway(name, f"{name}.example"),
        priority=priority,
        weight=weight,
        probe=QUIET,
        **values,  # type: ignore[arg-type]
    )


def group(choosing: Choosing, *gateways: GatewaySettings) -> Lab:
    return house(*gateways, groups=(GroupSettings("carriers", choosing),))


def choose(lab: Lab, caller: str = "1001", *, is_dry: bool = False) -> Choice:
    found = lab.edge.gateways.choose("carriers", caller, is_dry=is_dry)
    assert found is not None
    return found


def order(lab: Lab, caller: str = "1001", *, is_dry: bool = False) -> list[str]:
    """The names in the order in which a call would try them."""
    choice = choose(lab, caller, is_dry=is_dry)
    found = []
    while (picked := choice.next()) is not None:
        found.append(picked.gateway.settings.name)
    return found


def first(lab: Lab, caller: str = "1001") -> str:
    picked = choose(lab, caller).next()
    assert picked is not None
    return picked.gateway.settings.name


def carry(lab: Lab, name: str, number: int, *, failed: int = 0) -> None:
    """Calls that a gateway carried, and then some that failed there."""
    one = named(lab, name)
    for call in range(number + failed):
        key = (f"{name}{call}-{lab.now}", "tag")
        one.begun(key, lab.now)
        if call < number:
            one.answered(key, lab.now)
            one.over(key, lab.now)
        else:
            one.failed(key, How.STATUS, "status 500", lab.now)


def test_a_lower_priority_is_tried_first_and_each_gateway_once() -> None:
    lab = group(Choosing.WEIGHT, quiet("c", 3), quiet("a", 1), quiet("b", 2))
    choice = choose(lab)
    picked = [choice.next() for _ in range(4)]
    assert [one.gateway.settings.name for one in picked if one] == ["a", "b", "c"]
    assert [one.why for one in picked if one] == ["by-priority", "next-gateway", "next-gateway"]
    assert picked[3] is None


def test_weights_give_each_its_share_whatever_the_number() -> None:
    lab = group(Choosing.WEIGHT, quiet("a", weight=1), quiet("b", weight=3))
    counted = Counter(first(lab) for _ in range(400))
    assert counted["b"] == pytest.approx(300, abs=4)
    assert sorted(order(lab)) == ["a", "b"]


def test_one_after_another_begins_behind_the_last() -> None:
    lab = group(Choosing.ROUND_ROBIN, quiet("a"), quiet("b"), quiet("c"))
    assert [order(lab) for _ in range(4)] == [
        ["a", "b", "c"],
        ["b", "c", "a"],
        ["c", "a", "b"],
        ["a", "b", "c"],
    ]


def test_the_fewest_calls_for_its_weight() -> None:
    lab = group(Choosing.LEAST_CHANNELS, quiet("a", weight=2), quiet("b", weight=1))
    for number in range(9):
        lab.now += 1
        named(lab, first(lab)).begun((f"c{number}", "t"), lab.now)
    assert (named(lab, "a").channels, named(lab, "b").channels) == (6, 3)
    for number in range(9):
        named(lab, "a").over((f"c{number}", "t"), lab.now)
    assert first(lab) == "a"


def test_a_caller_meets_the_same_gateway_and_only_those_of_a_dead_one_move() -> None:
    lab = group(Choosing.CALLER, *(quiet(f"g{n}") for n in range(5)))
    callers = [f"+4930{n}" for n in range(500)]
    before = {caller: first(lab, caller) for caller in callers}
    assert all(share > 50 for share in Counter(before.values()).values())
    named(lab, "g2").disable(True, lab.now)
    after = {caller: first(lab, caller) for caller in callers}
    assert {before[caller] for caller in callers if before[caller] != after[caller]} == {"g2"}
    assert sorted(order(lab)) == ["g0", "g1", "g3", "g4"]


def test_the_largest_share_of_calls_carried_comes_first_until_that_is_long_ago() -> None:
    lab = group(Choosing.SUCCESS, quiet("a", breaker=BreakerSettings(100)), quiet("b"))
    assert Counter(first(lab) for _ in range(1))["a"] == 1
    carry(lab, "a", 10, failed=10)
    carry(lab, "b", 10)
    assert {first(lab) for _ in range(5)} == {"b"}
    lab.wait(400)
    lab.edge.expire(lab.now)
    assert first(lab) == "a"


def test_equally_good_ones_take_turns() -> None:
    lab = group(Choosing.SUCCESS, quiet("a"), quiet("b"))
    seen = []
    for _ in range(4):
        lab.now += 1
        seen.append(first(lab))
        carry(lab, seen[-1], 1)
    assert seen == ["a", "b", "a", "b"]


@pytest.mark.parametrize("choosing", Choosing)
def test_a_dry_choice_is_the_one_of_the_next_call(choosing: Choosing) -> None:
    lab = group(choosing, *(quiet(f"g{n}", weight=n + 1) for n in range(7)))
    for _ in range(10):
        asked = order(lab, is_dry=True)
        assert order(lab, is_dry=True) == asked
        assert order(lab) == asked


@pytest.mark.parametrize("choosing", Choosing)
def test_every_choice_tries_all_and_passes_over_who_is_not_there(choosing: Choosing) -> None:
    lab = group(choosing, *(quiet(f"g{n}") for n in range(20)))
    named(lab, "g3").disable(True, lab.now)
    for _ in range(5):
        choice = choose(lab)
        found = []
        while (picked := choice.next()) is not None:
            found.append(picked.gateway.settings.name)
        assert sorted(found) == sorted(f"g{n}" for n in range(20) if n != 3)
        assert [(one.name, one.why) for one in choice.take_passed_over()] == [("g3", "disabled")]


def test_a_full_gateway_gets_no_call_until_one_ends() -> None:
    lab = group(Choosing.WEIGHT, quiet("a", 1, channels=2), quiet("b", 2))
    named(lab, "a").begun(("c1", "t"), lab.now)
    named(lab, "a").came(("c2", "t"), lab.now)
    choice = choose(lab)
    picked = choice.next()
    assert picked is not None
    assert picked.gateway.settings.name == "b"
    assert [(one.name, one.why) for one in choice.take_passed_over()] == [("a", "full")]
    named(lab, "a").over(("c1", "t"), lab.now)
    assert first(lab) == "a"


def test_calls_a_second_are_counted_in_time() -> None:
    lab = group(Choosing.WEIGHT, quiet("a", 1, calls_per_s=2.0), quiet("b", 2))
    for number in range(2):
        assert first(lab) == "a"
        named(lab, "a").begun((f"c{number}", "t"), lab.now)
    assert order(lab) == ["b"]
    lab.wait(0.4)
    assert first(lab) == "b"
    lab.wait(0.2)
    assert first(lab) == "a"


def test_three_failures_in_a_row_open_the_circuit_and_one_call_tries_it_again() -> None:
    lab = group(Choosing.WEIGHT, quiet("a", 1), quiet("b", 2))
    carry(lab, "a", 0, failed=3)
    assert named(lab, "a").state is State.BROKEN
    assert named(lab, "a").why == "status 500"
    assert first(lab) == "b"
    lab.wait(5.1)
    assert named(lab, "a").state is State.TRIAL
    assert first(lab) == "a"
    named(lab, "a").begun(("trial", "t"), lab.now)
    assert order(lab) == ["b", "a"]
    named(lab, "a").heard(("trial", "t"), lab.now)
    assert first(lab) == "a"
    assert named(lab, "a").state is State.NEW


def test_a_trial_that_fails_waits_twice_as_long() -> None:
    lab = group(Choosing.WEIGHT, quiet("a", 1), quiet("b", 2))
    carry(lab, "a", 0, failed=3)
    lab.wait(5.1)
    carry(lab, "a", 0, failed=1)
    lab.wait(9)
    assert first(lab) == "b"
    lab.wait(1.1)
    assert first(lab) == "a"


def test_a_trial_that_the_caller_gives_up_leaves_room_for_the_next() -> None:
    lab = group(Choosing.WEIGHT, quiet("a", 1), quiet("b", 2))
    carry(lab, "a", 0, failed=3)
    lab.wait(5.1)
    named(lab, "a").begun(("trial", "t"), lab.now)
    named(lab, "a").over(("trial", "t"), lab.now)
    assert first(lab) == "a"


def test_failures_with_successes_between_them_open_nothing() -> None:
    lab = group(Choosing.WEIGHT, quiet("a"))
    for _ in range(5):
        carry(lab, "a", 1, failed=2)
    assert named(lab, "a").state is State.NEW


def test_a_gateway_that_asks_for_a_pause_gets_one_and_no_longer_than_two_minutes() -> None:
    lab = group(Choosing.WEIGHT, quiet("a", 1), quiet("b", 2))
    named(lab, "a").begun(("c", "t"), lab.now)
    named(lab, "a").failed(("c", "t"), How.STATUS, "status 503", lab.now, retry_after_s=86_400)
    assert named(lab, "a").state is State.PAUSED
    lab.wait(119)
    assert first(lab) == "b"
    lab.wait(2)
    assert first(lab) == "a"


def test_where_all_seem_to_be_gone_the_last_that_left_are_tried() -> None:
    lab = group(Choosing.WEIGHT, quiet("a"), quiet("b"), quiet("c"), quiet("d"))
    for name in ("a", "b", "c"):
        lab.now += 1
        carry(lab, name, 0, failed=3)
    named(lab, "d").disable(True, lab.now)
    choice = choose(lab)
    picked = [choice.next() for _ in range(3)]
    assert [(one.gateway.settings.name, one.why) for one in picked if one] == [
        ("c", "last-resort"),
        ("b", "last-resort"),
    ]


def test_of_many_that_are_missing_a_call_hears_some_names_and_a_number() -> None:
    lab = group(Choosing.WEIGHT, *(quiet(f"g{n}") for n in range(100)))
    for number in range(50):
        named(lab, f"g{number}").disable(True, lab.now)
    choice = choose(lab)
    assert choice.next() is not None
    passed = choice.take_passed_over()
    assert len(passed) == 9
    assert (passed[8].name, passed[8].others) == ("", 42)


def test_what_calls_came_to_is_counted_over_five_minutes() -> None:
    lab = group(Choosing.WEIGHT, quiet("a"))
    one = named(lab, "a")
    carry(lab, "a", 2, failed=1)
    one.begun(("busy", "t"), lab.now)
    one.refused(("busy", "t"), lab.now)
    assert one.window.total.asr == 0.5
    assert one.window.total.ner == 0.75
    assert (one.attempts, one.answers, one.failures, one.channels) == (4, 2, 1, 0)
    one.window.move(lab.now + 301)
    assert one.window.total.calls == 0
    assert one.window.total.asr is None


def test_a_word_said_twice_counts_once() -> None:
    lab = group(Choosing.WEIGHT, quiet("a"))
    one = named(lab, "a")
    one.begun(("c", "t"), lab.now)
    one.failed(("c", "t"), How.NO_ANSWER, "no-answer", lab.now)
    one.failed(("c", "t"), How.NO_ANSWER, "no-answer", lab.now)
    one.answered(("c", "t"), lab.now)
    one.over(("c", "t"), lab.now)
    assert (one.failures, one.answers, one.channels, one.window.total.calls) == (1, 0, 0, 1)


def test_no_such_group_and_an_empty_one_give_no_choice() -> None:
    lab = group(Choosing.WEIGHT, quiet("a"))
    assert lab.edge.gateways.choose("nobody", "1001") is None
    lab.edge.gateways.remove("a", lab.now)
    assert lab.edge.gateways.choose("carriers", "1001") is None


def test_gateways_come_and_go_while_it_runs() -> None:
    lab = group(Choosing.WEIGHT, quiet("a", 1))
    lab.edge.gateways.add(quiet("b", 0), lab.now)
    assert order(lab) == ["b", "a"]
    lab.edge.gateways.add(quiet("b", 2), lab.now)
    assert order(lab) == ["a", "b"]


@pytest.mark.parametrize("choosing", Choosing)
def test_a_call_among_thousands_costs_what_it_costs_among_ten(choosing: Choosing) -> None:
    def seconds(number: int) -> float:
        lab = group(choosing, *(quiet(f"g{n}") for n in range(number)))
        for away in range(0, number, 2):
            named(lab, f"g{away}").disable(True, lab.now)
        first(lab)
        best = 1.0
        for _ in range(5):
            begun = time.thread_time()
            for call in range(50):
                name = first(lab, str(call))
                named(lab, name).begun((str(call), "t"), lab.now)
                named(lab, name).over((str(call), "t"), lab.now)
            best = min(best, time.thread_time() - begun)
        return best

    # The logarithm of a thousand times as many is four times as large; a sort of them would cost thousands.
    assert seconds(10_000) < 12 * seconds(10)


def test_who_broke_by_this_call_is_not_its_last_resort() -> None:
    lab = group(Choosing.WEIGHT, quiet("a"), quiet("b", 2), quiet("c", 3))
    carry(lab, "a", 0, failed=3)
    lab.now += 1
    choice = choose(lab)
    tried = []
    while (picked := choice.next()) is not None:
        tried.append((picked.gateway.settings.name, picked.why))
        carry(lab, picked.gateway.settings.name, 0, failed=3)
        lab.now += 1
    assert tried == [("b", "by-priority"), ("c", "next-gateway"), ("a", "last-resort")]


def test_who_is_on_trial_is_the_first_resort_of_a_call_that_has_nobody_else() -> None:
    lab = group(Choosing.WEIGHT, quiet("a"), quiet("b"))
    carry(lab, "a", 0, failed=3)
    carry(lab, "b", 0, failed=3)
    lab.wait(6)
    named(lab, "a").begun(("on", "trial"), lab.now)
    carry(lab, "b", 0, failed=1)
    assert [state.state for state in (named(lab, "a"), named(lab, "b"))] == [State.TRIAL, State.BROKEN]
    choice = choose(lab)
    tried = [picked.gateway.settings.name for picked in (choice.next(), choice.next()) if picked is not None]
    assert tried == ["a", "b"]


def test_who_came_back_while_others_were_tried_takes_the_call() -> None:
    lab = group(Choosing.WEIGHT, quiet("a", 1), quiet("b", 2))
    carry(lab, "a", 0, failed=3)
    choice = choose(lab)
    first_tried = choice.next()
    lab.wait(6)
    named(lab, "a").begun(("trial", "t"), lab.now)
    named(lab, "a").heard(("trial", "t"), lab.now)
    second_tried = choice.next()
    assert first_tried is not None
    assert second_tried is not None
    assert (first_tried.gateway.settings.name, second_tried.gateway.settings.name) == ("b", "a")
