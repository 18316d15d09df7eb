"""Strangers learn neither who is a user here nor what runs here: by no status, by no word."""

import re

import pytest
from tests.edge.lab import HOME, Lab, Phone

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
