"""Strangers learn neither who is a user here nor what runs here: by no status, by no word."""

import re

import pytest
from tests.edge.lab import HOME, OFFER, PORT, REALM, Lab, Phone

from talkpath.edge.settings import EdgeSettings

# 1001 is registered, 1003 is not, and nobody is called 9999.
USERS = ["1001", "1003", "9999"]


@pytest.fixture
def stranger(lab: Lab, caller: Phone) -> Phone:
    return lab.phone("visitor", "203.0.113.9")


def told(phone: Phone) -> str:
    """The last answer without what differs from one to the next: the name asked for, tags, branches, nonces."""
    text = phone.last().raw.decode()
    return re.sub(r"(branch=|tag=|nonce=\"|Call-ID: |CSeq: |sip:)[\w.-]+", r"\1", text)


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "OPTIONS", "SUBSCRIBE", "REFER", "NOTIFY", "REGISTER"])
def test_who_bears_the_name_of_a_user_is_answered_as_who_bears_any_other(stranger: Phone, method: str) -> None:
    """What scanners send: From and To name the user that they look for."""
    answers = set()
    for user in USERS:
        uri = f"sip:{HOME}" if method == "REGISTER" else f"sip:{user}@{HOME}"
        stranger.request(method, uri, to=f"<sip:{user}@{HOME}>", user=user, domain=HOME)
        answers.add(told(stranger))
    assert len(answers) == 1
    assert stranger.last().status == (401 if method == "REGISTER" else 407)


@pytest.mark.parametrize("domain", ["example.org", "203.0.113.9", "203.0.113.9:5080"])
@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_who_is_away_is_not_told_apart_from_who_does_not_exist(stranger: Phone, method: str, domain: str) -> None:
    for user in ("1003", "9999"):
        stranger.request(method, f"sip:{user}@{HOME}", domain=domain)
    assert {status for status in stranger.statuses() if status != 100} == {407}


def test_a_phone_is_not_asked_what_it_can_do_by_strangers(stranger: Phone, callee: Phone) -> None:
    stranger.request("OPTIONS", f"sip:1002@{HOME}")
    assert stranger.last().status == 407
    assert callee.inbox == []


def test_users_are_told_who_is_not_there(caller: Phone) -> None:
    statuses = []
    for user in ("1003", "9999"):
        caller.invite(f"sip:{user}@{HOME}", call_id=user)
        statuses.append(caller.last().status)
    assert statuses == [480, 404]


@pytest.mark.parametrize("user", ["1001", "9999"])
def test_a_wrong_password_and_an_unknown_user_get_the_same_words(lab: Lab, user: str) -> None:
    phone = lab.phone(user, "203.0.113.9")
    answer = phone.register(password="guess")
    assert (answer.status, answer.reason) == (403, "Wrong user name or password")


def test_an_unknown_user_costs_the_look_ups_of_a_wrong_password(lab: Lab) -> None:
    asked: list[str] = []
    known = lab.accounts.ha1
    lab.accounts.ha1 = lambda user, algorithm: (asked.append(user), known(user, algorithm))[1]  # type: ignore[method-assign]
    lab.phone("1001", "203.0.113.9").register(password="guess")
    lab.phone("9999", "203.0.113.10").register(password="guess")
    assert [user in lab.accounts.users for user in asked] == [True, False, False]


def test_no_answer_names_the_software(lab: Lab, stranger: Phone, caller: Phone) -> None:
    stranger.request("OPTIONS", f"sip:{HOME}")
    caller.invite(f"sip:echo@{HOME}")
    for phone in (stranger, caller):
        assert not any(one.first(field) for one in phone.inbox for field in ("Server", "User-Agent"))


def test_the_name_that_a_stranger_bears_tells_of_three_users_and_no_more(lab: Lab) -> None:
    """Where no domain is configured any host name may be ours, so who bears a user's name must prove it: to be asked
    tells that there is such a user. Who borrows name after name is asked whatever he bears."""
    lab.accounts.users.update(str(number) for number in range(2000, 2100))
    stranger = lab.phone("visitor", "203.0.113.9")
    told = []
    for number in range(1990, 2030):
        stranger.inbox.clear()
        stranger.request("INVITE", f"sip:echo@{HOME}", user=str(number), domain="example.org", body=OFFER)
        told.append((number, stranger.last().status))
    assert [number for number, status in told if status == 200] == list(range(1990, 2000))
    assert told[13:] == [(number, 407) for number in range(2003, 2030)]
    for user in ("1003", "9999"):
        stranger.request("INVITE", f"sip:echo@{HOME}", user=user, domain="example.org", body=OFFER)
        assert stranger.last().status == 407
    lab.wait(3 * 3_600)
    stranger.request("INVITE", f"sip:echo@{HOME}", user="9999", domain="example.org", body=OFFER)
    assert stranger.last().status == 200


def test_an_office_whose_phones_bear_a_name_that_leads_here_is_no_stranger(lab: Lab) -> None:
    lab.phone("1001", "203.0.113.9", 5070).register()
    for port, user in enumerate(("1001", "1002", "1003"), 5080):
        phone = lab.phone(user, "203.0.113.9", port)
        phone.request("INVITE", f"sip:echo@{HOME}", domain="sip.example.org", body=OFFER)
        assert phone.last().status == 407
    visitor = lab.phone("visitor", "203.0.113.9", 5090)
    visitor.request("INVITE", f"sip:echo@{HOME}", body=OFFER)
    assert visitor.last().status == 200


@pytest.mark.parametrize("user", ["1001", "9999"])
@pytest.mark.parametrize(
    "sender",
    [
        "<sip:^@example.com>",
        "<sip:^@EXAMPLE.com.:5071>",
        f"<sip:^@{HOME}>",
        "<sip:^@[::ffff:192.0.2.1]>",
    ],
)
def test_a_name_of_ours_must_be_proven_however_it_is_written(sender: str, user: str) -> None:
    assert asked_for_proof(sender.replace("^", user))


@pytest.mark.parametrize(
    "sender",
    [
        f"<sip:^@{HOME}:9>",
        "<sips:^@localhost:1>",
        "<tel:^>",
        "<tel:^;phone-context=example.com>",
        "tel:^",
    ],
)
def test_a_name_that_may_be_ours_must_be_proven_where_it_is_a_users(sender: str) -> None:
    """At another port of this host may be another server, with users of its own; but nobody calls as one of ours."""
    assert asked_for_proof(sender.replace("^", "1001"))
    assert not asked_for_proof(sender.replace("^", "9999"))


def asked_for_proof(sender: str) -> bool:
    """Whether a stranger with this From must prove who it is before it may call."""
    stranger, _ = called_by(sender)
    return stranger.statuses() == [407]


def called_by(sender: str) -> tuple[Phone, Phone]:
    """A stranger that calls with this From, and whom."""
    own = frozenset({HOME, "localhost"})
    listening = frozenset(PORT.items())
    lab = Lab(EdgeSettings(own_hosts=own, listening=listening, realm=REALM, domains=frozenset({"example.com"})))
    callee = lab.registered("1002", "198.51.100.8")
    stranger = lab.phone("visitor", "203.0.113.9")
    lines = f"""INVITE sip:1002@{HOME} SIP/2.0
        Via: SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bKs
        From: {sender};tag=a
        To: <sip:1002@{HOME}>
        Call-ID: s1
        CSeq: 1 INVITE
        Contact: <sip:a@203.0.113.9>"""
    stranger.send(lines)
    return stranger, callee


@pytest.mark.parametrize("sender", ["<sip:1001@example.org>", "<tel:+4930123456>", "<tel:1001;phone-context=a.org>"])
def test_names_of_others_are_theirs(sender: str) -> None:
    _, callee = called_by(sender)
    assert callee.methods() == ["INVITE"]
