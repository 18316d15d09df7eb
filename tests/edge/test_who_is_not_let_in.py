"""Of who is refused the edge tells what a capture would show: who, from where, why, how often; and no flood of
strangers pushes out the phones of the house."""

import pytest
from tests.edge.lab import HOME, Lab, Phone

from talkpath.base import limits
from talkpath.base.address import Transport
from talkpath.calls.guarded import Refused, Why
from talkpath.edge.settings import GuardSettings


@pytest.fixture
def lab() -> Lab:
    return Lab(guard=GuardSettings())


def told(lab: Lab) -> list[tuple[str, str, str, int]]:
    return [(one.user, one.source, one.why, one.times) for one in lab.guard.refused()]


def ask(phone: Phone, user: str = "", extra: str = "") -> None:
    """REGISTER without credentials that anybody here would look at."""
    user = user or phone.user
    phone.request("REGISTER", f"sip:{HOME}", to=f"<sip:{user}@{HOME}>", user=user, extra=extra)


def test_a_wrong_password_and_a_user_that_there_is_not_are_told_apart(lab: Lab) -> None:
    assert lab.phone("1001", "198.51.100.7").register(password="guess").status == 403
    assert lab.phone("4711", "198.51.100.8").register().status == 403
    assert told(lab) == [
        ("1001", "198.51.100.7", Why.WRONG_PASSWORD, 1),
        ("4711", "198.51.100.8", Why.UNKNOWN_USER, 1),
    ]


def test_the_way_it_came_and_what_it_calls_itself_are_told(lab: Lab) -> None:
    phone = lab.phone("1001", "198.51.100.7", 40_000, Transport.TCP)
    phone.register(password="guess", extra="User-Agent: Desk 1.0")
    (one,) = lab.guard.refused()
    assert (one.method, one.transport, one.port, one.agent) == ("REGISTER", "TCP", 40_000, "Desk 1.0")
    assert one.is_account


def test_nothing_of_a_password_is_kept(lab: Lab) -> None:
    lab.phone("1001", "198.51.100.7").register(password="secret of the house")
    assert "secret" not in repr(lab.guard.refused())
    assert "nonce" not in repr(lab.guard.refused())


def test_a_phone_that_is_asked_once_and_answers_has_not_failed(lab: Lab) -> None:
    for port in range(5060, 5065):
        assert lab.phone("1001", "198.51.100.7", port).register().status == 200
    assert told(lab) == []
    assert len(lab.guard.failures) == 0


def test_a_phone_that_never_answers_the_challenge_is_told_from_the_third_time_on(lab: Lab) -> None:
    phone = lab.phone("1001", "198.51.100.7")
    ask(phone)
    ask(phone)
    assert told(lab) == []
    ask(phone)
    ask(phone)
    assert told(lab) == [("1001", "198.51.100.7", Why.NO_CREDENTIALS, 4)]


def test_credentials_of_another_realm_are_no_credentials(lab: Lab) -> None:
    phone = lab.phone("1001", "198.51.100.7")
    proof = 'Authorization: Digest username="1001", realm="asterisk", nonce="x", uri="sip:x", response="0"'
    for _ in range(3):
        ask(phone, extra=proof)
    assert told(lab) == [("1001", "198.51.100.7", Why.OTHER_REALM, 3)]


def test_credentials_of_another_user_are_told_as_such(lab: Lab) -> None:
    phone = lab.phone("1001", "198.51.100.7")
    uri, to = f"sip:{HOME}", f"<sip:1002@{HOME}>"
    phone.request("REGISTER", uri, to=to, call_id="r")
    proof = phone.credentials(phone.last().all("WWW-Authenticate")[0], "REGISTER", uri)
    phone.request("REGISTER", uri, to=to, call_id="r", extra=f"Authorization: {proof}")
    assert told(lab) == [("1002", "198.51.100.7", Why.OTHER_USER, 1)]


def test_one_phone_too_many_is_told(lab: Lab) -> None:
    for number in range(12):
        lab.phone("1001", f"198.51.100.{number}").register()
    assert {one.why for one in lab.guard.refused()} == {Why.TOO_MANY_CONTACTS}


def test_too_short_a_time_counts_only_where_nothing_better_follows(lab: Lab) -> None:
    phone = lab.phone("1001", "198.51.100.7")
    for _ in range(2):
        assert phone.register(expires=5).status == 423
    assert phone.register(expires=600).status == 200
    assert told(lab) == []


def test_who_gets_in_after_all_is_told_as_mended(lab: Lab) -> None:
    phone = lab.phone("1001", "198.51.100.7")
    phone.register(password="guess")
    lab.now += 5
    assert phone.register().status == 200
    (one,) = lab.guard.refused()
    assert (one.times, one.mended) == (1, lab.now)
    phone.register(password="guess again")
    (one,) = lab.guard.refused()
    assert (one.times, one.mended, one.first) == (1, 0.0, lab.now)


def test_what_was_wrong_at_first_stays_the_reason_when_no_more_is_looked_at(lab: Lab) -> None:
    phone = lab.phone("1001", "198.51.100.7")
    for _ in range(9):
        phone.register(password="guess")
    (one,) = lab.guard.refused()
    assert (one.why, one.times, one.untried) == (Why.WRONG_PASSWORD, 9, 3)


def flood(lab: Lab, places: int, names: int) -> None:
    for place in range(places):
        stranger = lab.phone("x", f"203.0.{place // 250}.{place % 250 + 1}")
        for number in range(names):
            for _ in range(3):
                ask(stranger, user=f"{place}x{number}")
        lab.phones.remove(stranger)


def test_a_flood_of_names_from_one_place_pushes_out_its_own_names_only() -> None:
    lab = Lab(guard=GuardSettings(is_on=False))
    lab.phone("4711", "198.51.100.8").register()
    flood(lab, 1, 3 * limits.FAILING_IN_A_PLACE)
    failed = lab.guard.refused()
    assert failed[0].user == "4711"
    assert len(failed) == 1 + limits.FAILING_IN_A_PLACE


def test_a_flood_from_everywhere_pushes_out_no_account_and_no_phone_of_the_house(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "FAILING_PLACES", 20)
    lab = Lab(guard=GuardSettings(is_on=False))
    lab.registered("1002", "198.51.100.7")
    lab.phone("4711", "198.51.100.7", 5070).register()
    lab.phone("1001", "198.51.100.99").register(password="guess")
    flood(lab, 60, 2)
    failed = lab.guard.refused()
    assert [one.user for one in failed[:2]] == ["4711", "1001"]
    assert len(failed) == 2 + 20 * 2


def test_each_reason_is_counted(lab: Lab) -> None:
    phone = lab.phone("1001", "198.51.100.7")
    for _ in range(3):
        phone.register(password="guess")
    lab.phone("4711", "198.51.100.8").register()
    counts = lab.guard.failures.counts
    assert counts["REGISTER", Why.WRONG_PASSWORD] == 3
    assert counts["REGISTER", Why.UNKNOWN_USER] == 1
    assert sum(counts.values()) == 4


def test_rows_are_plain_for_whoever_asks(lab: Lab) -> None:
    lab.phone("4711", "198.51.100.8").register()
    assert isinstance(lab.guard.refused()[0], Refused)
