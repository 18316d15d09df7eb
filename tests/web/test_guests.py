"""Who may be a guest, for how long, and how many at a time."""

from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from talkpath.base import limits
from talkpath.sip.digest import Algorithm, ha1
from talkpath.web.guests import Guest, GuestRules, Guests, NotAdmitted, Why

HOME = "192.0.2.7"
NOW = 1_000_000.0
HOUR = 3600


class House:
    """Guests with the world around them: numbers that are drawn in order, users, registrations."""

    def __init__(self, most: int = 100, networks: tuple[str, ...] = ("192.0.2.0/24", "2001:db8::/32")) -> None:
        self.rules = GuestRules(tuple(ip_network(one) for one in networks), most, HOUR, "realm")
        self.users: set[str] = set()
        self.registered: set[str] = set()
        self._numbers: Iterator[int] = iter(range(100_000, 999_999))
        self.open()

    def open(self, key: bytes = b"k" * 32) -> None:
        """(Again) with an empty memory."""
        self.guests = Guests(
            self.rules,
            key,
            lambda first, last: next(self._numbers),
            lambda user: user in self.users,
            lambda user, now: user in self.registered,
        )

    def admit(self, host: str = HOME, shown: str = "", now: float = NOW) -> Guest:
        return self.guests.admit(host, shown, now)

    def refusal(self, host: str = HOME, shown: str = "", now: float = NOW) -> Why:
        with pytest.raises(NotAdmitted) as refused:
            self.admit(host, shown, now)
        return refused.value.why


def test_a_guest_can_prove_the_password_it_was_given() -> None:
    house = House()
    guest = house.admit()
    password = guest.password.reveal()
    for algorithm in Algorithm:
        assert house.guests.ha1(guest.number, algorithm) == ha1(algorithm, guest.number, "realm", password)
    assert house.guests.ha1("999999", Algorithm.MD5) is None
    assert password not in repr(guest)


def test_visitors_of_other_networks_and_of_a_closed_house_are_refused() -> None:
    assert House().refusal("198.51.100.1") is Why.NETWORK
    assert House(most=0).refusal() is Why.OFF


def test_a_guest_who_comes_back_keeps_the_number_also_after_a_restart() -> None:
    house = House()
    guest = house.admit()
    assert house.admit(shown=str(guest)) == guest
    house.open()
    assert house.admit(shown=str(guest)) == guest


def test_half_of_a_life_later_a_guest_gets_a_new_one() -> None:
    house = House()
    guest = house.admit()
    house.registered.add(guest.number)
    again = house.admit(shown=str(guest), now=NOW + HOUR * 0.6)
    assert (again.number, again.ends_at) == (guest.number, NOW + HOUR * 1.6)


@pytest.mark.parametrize(
    "forged",
    ["", ".", "..", "100000", "100000.1003600.", "100000.1003600.00", "100000.9999999.{password}", "1.1.é", "²2.1.1"],
)
def test_what_we_did_not_make_is_nobodys_number(forged: str) -> None:
    house = House()
    guest = house.admit()
    made = house.admit(shown=forged.format(password=guest.password.reveal()))
    assert made.number != guest.number


def test_a_guest_of_another_key_or_time_is_somebody_new() -> None:
    house = House()
    guest = house.admit()
    assert house.admit(shown=str(guest), now=NOW + HOUR + 1).number != guest.number
    house.open(key=b"x" * 32)
    assert house.admit(shown=str(guest)).number != guest.number


def test_who_closed_the_page_leaves_room_and_who_is_registered_stays_to_the_end() -> None:
    house = House(most=2)
    gone, here = house.admit(), house.admit()
    house.registered.add(here.number)
    assert house.refusal() is Why.FULL
    house.guests.sweep(NOW + 61)
    assert not house.guests.exists(gone.number)
    assert house.guests.exists(here.number)
    house.admit(now=NOW + 61)
    house.guests.sweep(NOW + HOUR + 1)
    assert not house.guests.exists(here.number)


def test_one_address_or_ipv6_subscriber_does_not_take_every_place() -> None:
    house = House()
    for host in range(limits.GUESTS_PER_ADDRESS):
        house.admit(f"2001:db8::{host:x}")
    assert house.refusal("2001:db8::ffff:1") is Why.FULL
    house.admit("2001:db8:0:1::1")


def test_a_guest_never_has_a_users_number_and_makes_way_for_a_new_user() -> None:
    house = House()
    house.users.add("100000")
    guest = house.admit()
    assert guest.number == "100001"
    house.users.add(guest.number)
    house.guests.sweep(NOW)
    assert not house.guests.exists(guest.number)
    assert house.admit(shown=str(guest)).number == "100002"
