"""What bad calls share: planted causes in mixed fleets, and fleets without any."""

import random
from collections.abc import Callable

import pytest

from talkpath.explain.judging.common import Shared, Subject, fisher, shared

SITES, MODELS, GATEWAYS = "abcdefgh", ("T46U", "VVX410", "GXP2160", "snom760"), ("gw1", "gw2", "gw3")
Fault = Callable[[dict[str, str], dict[str, str], random.Random], set[str]]


def fleet(size: int, fault: Fault, seed: int) -> list[Subject]:
    """Random calls between phones of eight sites and numbers behind three gateways."""
    dice = random.Random(seed)
    subjects = []
    for index in range(size):
        caller, callee = phone(dice), phone(dice) if dice.random() < 0.5 else {"gateway": dice.choice(GATEWAYS)}
        subjects.append(Subject(f"c{index}", caller, callee, frozenset(fault(caller, callee, dice))))
    return subjects


def phone(dice: random.Random) -> dict[str, str]:
    site, user = dice.choice(SITES), f"{dice.randrange(300)}"
    model = dice.choice(MODELS)
    return {
        "site": site,
        "subnet": f"10.{ord(site)}.0.0/24",
        "model": model,
        "firmware": model + dice.choice("12"),
        "user": user,
    }


def names(found: list[Shared]) -> list[tuple[str, dict[str, str]]]:
    return [(cause.code, dict(cause.attributes)) for cause in found]


def two_causes(caller: dict[str, str], callee: dict[str, str], dice: random.Random) -> set[str]:
    faults = {"packet-loss"} if "b" in (caller["site"], callee.get("site")) and dice.random() < 0.9 else set()
    if "VVX4102" in (caller["firmware"], callee.get("firmware")) and dice.random() < 0.8:
        faults.add("digital-silence")
    return faults | ({dice.choice(("jitter", "packet-loss"))} if dice.random() < 0.03 else set())


@pytest.mark.parametrize("seed", range(8))
def test_two_planted_causes_come_first_and_alone(seed: int) -> None:
    found = shared(fleet(400, two_causes, seed), ["site", "model", "firmware", "subnet"])
    assert sorted(names(found)) == [("digital-silence", {"firmware": "VVX4102"}), ("packet-loss", {"site": "b"})]


@pytest.mark.parametrize("seed", range(12))
def test_faults_at_random_are_not_explained(seed: int) -> None:
    def noise(_caller: dict[str, str], _callee: dict[str, str], dice: random.Random) -> set[str]:
        return {code for code in ("packet-loss", "jitter", "near-silence") if dice.random() < 0.08}

    assert shared(fleet(500, noise, seed), ["site", "model"]) == []


def test_two_causes_of_the_same_fault_are_both_found() -> None:
    def fault(caller: dict[str, str], callee: dict[str, str], dice: random.Random) -> set[str]:
        hit = caller["site"] == "b" or callee.get("gateway") == "gw2"
        return {"packet-loss"} if hit and dice.random() < 0.9 else set()

    found = shared(fleet(500, fault, 3), ["site"])
    assert {tuple(cause.attributes.values()) for cause in found} == {("b",), ("gw2",)}
    assert {cause.side for cause in found} >= {"caller"}


def test_a_fault_that_needs_two_attributes_names_both() -> None:
    def fault(caller: dict[str, str], _callee: dict[str, str], _dice: random.Random) -> set[str]:
        return {"no-rtp"} if (caller["site"], caller["model"]) == ("c", "T46U") else set()

    (cause,) = shared(fleet(800, fault, 5), ["site", "model"])
    assert dict(cause.attributes) == {"site": "c", "model": "T46U"}
    assert cause.side == "caller"


def test_equal_descriptions_give_the_preferred_one_and_name_the_others() -> None:
    found = shared(fleet(400, two_causes, 1), ["subnet", "site"])
    loss = next(cause for cause in found if cause.code == "packet-loss")
    assert dict(loss.attributes) == {"subnet": "10.98.0.0/24"}
    assert {"site": "b"} in [dict(other) for other in loss.same_as]


def test_counter_examples_are_counted_and_listed() -> None:
    subjects = fleet(400, two_causes, 2)
    loss = next(cause for cause in shared(subjects, ["site"]) if cause.code == "packet-loss")
    members = [s for s in subjects if "b" in (s.caller["site"], s.callee.get("site"))]
    healthy = [s.id for s in members if "packet-loss" not in s.faults]
    assert (loss.group, loss.bad) == (len(members), len(members) - len(healthy))
    assert list(loss.exceptions) == healthy
    assert loss.group + loss.total_elsewhere == len(subjects)


def test_a_fault_in_every_call_is_nobodys_attribute() -> None:
    assert shared(fleet(100, lambda *_: {"jitter"}, 1)) == []


@pytest.mark.parametrize(
    ("table", "expected"),
    [((3, 4, 1, 4), 0.2428571), ((8, 10, 1, 10), 460 / 167960), ((0, 5, 0, 5), 1.0), ((5, 5, 0, 5), 1 / 252)],
)
def test_fisher_matches_published_tables(table: tuple[int, int, int, int], expected: float) -> None:
    assert fisher(*table) == pytest.approx(expected, rel=1e-4)


def test_a_codec_that_only_answered_calls_have_explains_nothing() -> None:
    dice = random.Random(9)
    subjects = []
    for index in range(300):
        answered = dice.random() < 0.6
        faults = {"digital-silence"} if answered and dice.random() < 0.3 else set()
        attributes = {"user": str(index % 90)} | ({"codec": "PCMU"} if answered else {})
        subjects.append(Subject(f"c{index}", attributes, {}, frozenset(faults), answered))
    assert shared(subjects, audible=["digital-silence"]) == []


def test_a_pair_is_of_one_phone() -> None:
    def fault(caller: dict[str, str], callee: dict[str, str], _dice: random.Random) -> set[str]:
        phones = (caller, callee)
        return {"no-rtp"} if any((p.get("site"), p.get("model")) == ("c", "T46U") for p in phones) else set()

    (cause,) = shared(fleet(1500, fault, 5), ["site", "model"])
    assert (dict(cause.attributes), cause.side) == ({"site": "c", "model": "T46U"}, "")
    assert cause.bad == cause.group


def test_two_codes_of_one_group_are_one_entry() -> None:
    def fault(_caller: dict[str, str], callee: dict[str, str], _dice: random.Random) -> set[str]:
        return {"failover-missing", "gateway-down"} if callee.get("gateway") == "gw2" else set()

    (cause,) = shared(fleet(400, fault, 5), order=["gateway-down", "failover-missing"])
    assert (cause.code, cause.also) == ("gateway-down", ("failover-missing",))
