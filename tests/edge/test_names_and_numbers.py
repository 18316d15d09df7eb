"""Who is meant: users by every way to write them, numbers by every way to write those (RFC 3966, RFC 3261 19.1)."""

import pytest

from talkpath.edge.registrar.phones import contact_key
from talkpath.edge.settings import EdgeSettings
from talkpath.sip.uri import Uri

from .lab import HOME, PORT, REALM, Lab

NUMBER = "+493012345"


@pytest.mark.parametrize(
    "uri",
    [
        f"sip:{NUMBER}@{HOME}",
        f"sip:+49-30-12345@{HOME};user=phone",
        f"sip:+49.(30).12345@{HOME};user=PHONE",
        f"sip:%2B49%2D30-1234%35@{HOME};user=phone",
        f"sip:{NUMBER};isub=1@{HOME};user=phone",
        "tel:+49-30-12345",
        "TEL:+493012345;isub=1",
        "tel:+49(30)123.45",
    ],
)
def test_a_number_is_the_same_however_it_is_written(uri: str) -> None:
    lab = Lab(users=("1001", NUMBER))
    callee = lab.registered(NUMBER, "198.51.100.8")
    lab.phone("1001", "198.51.100.7").invite(uri)
    assert callee.methods() == ["INVITE"]


@pytest.mark.parametrize(
    ("uri", "status"),
    [
        ("tel:1002;phone-context=example.com", 0),
        ("tel:1002;phone-context=+49-30", 0),
        ("tel:1002;phone-context=example.org", 407),
        (f"sip:1002;phone-context=example.com@{HOME};user=phone", 0),
        (f"sip:1-0-0-2@{HOME}", 407),
        (f"sip:1003@{HOME};user=phone", 407),
    ],
)
def test_a_local_number_is_ours_where_its_context_is(uri: str, status: int) -> None:
    settings = EdgeSettings(
        own_hosts=frozenset({HOME}),
        listening=frozenset(PORT.items()),
        realm=REALM,
        domains=frozenset({"example.com"}),
    )
    lab = Lab(settings, users=("1001", "1002"))
    callee, caller = lab.registered("1002", "198.51.100.8"), lab.phone("stranger", "198.51.100.7")
    caller.invite(uri, proven=False)
    assert caller.statuses()[-1:] == [status or 100]
    assert bool(callee.inbox) == (status == 0)


@pytest.mark.parametrize("user", ["1002", "%31002", "%31%30%30%32"])
def test_an_escaped_user_is_the_same_user_when_called_and_when_claimed(user: str) -> None:
    lab = Lab()
    callee, caller = lab.registered("1002", "198.51.100.8"), lab.phone("1001", "198.51.100.7")
    caller.invite(f"sip:{user}@{HOME}")
    assert callee.methods() == ["INVITE"]
    impostor = lab.phone("x", "203.0.113.7")
    impostor.request("INVITE", f"sip:1003@{HOME}", user=user)
    assert impostor.statuses() == [407]


def test_an_account_may_have_separators_in_its_name() -> None:
    lab = Lab(users=("1001", "030-123"))
    callee = lab.registered("030-123", "198.51.100.8")
    lab.phone("1001", "198.51.100.7").invite(f"sip:030-123@{HOME};user=phone")
    assert callee.methods() == ["INVITE"]


def test_a_number_with_separators_registers_as_the_account_that_it_is() -> None:
    lab = Lab(users=(NUMBER,))
    phone = lab.phone(NUMBER, "198.51.100.8")
    to = f"<sip:+49-30-12345@{HOME};user=phone>"
    phone.request("REGISTER", f"sip:{HOME}", to=to, call_id="r")
    proof = phone.credentials(phone.last().all("WWW-Authenticate")[0], "REGISTER", f"sip:{HOME}")
    phone.request("REGISTER", f"sip:{HOME}", to=to, call_id="r", extra=f"Authorization: {proof}")
    assert phone.last().status == 200
    assert lab.bindings.saved[0].user == NUMBER


def test_uris_differ_in_case_of_the_user_and_not_in_escapes() -> None:
    assert contact_key("sip:%61lice@Example.COM") == contact_key("sip:alice@example.com")
    assert contact_key("sip:Alice@example.com") != contact_key("sip:alice@example.com")
    assert Uri.parse("sip:J%C3%B6rg@example.com").username == "Jörg"
    assert Uri.parse("sip:a%00b@example.com").username == "a%00b"
