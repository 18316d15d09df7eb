"""Who a phone is told that it speaks with: the word of those who are trusted, and what was proven (RFC 3325)."""

from ipaddress import ip_network

import pytest

from talkpath.edge.settings import EdgeSettings
from talkpath.sip.message import Message

from .lab import HOME, OFFER, PORT, REALM, Lab, Phone

TRUNK, OTHER_TRUNK, ELSEWHERE = "203.0.113.9", "203.0.113.10", "198.51.100.99"
SAID = [
    'P-Asserted-Identity: "The Bank" <sip:bank@example.com>, <tel:+4930123>',
    "P-Asserted-Identity: <tel:+4930123>",
    'Remote-Party-ID: "The Bank" <sip:bank@example.com>;party=calling;screen=yes;privacy=off',
    "p-asserted-identity\t: <sip:bank@example.com>",
    "P-Asserted-Service: urn:urn-7:3gpp-service.ims.icsi.mmtel",
    "P-Preferred-Identity: <sip:bank@example.com>",
]
STRANGE = (
    f"INVITE sip:1002@{HOME} SIP/2.0\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKs\nMax-Forwards: 70\n"
    f"From: <sip:s@elsewhere.example>;tag=s\nTo: <sip:1002@{HOME}>\nCall-ID: s\nCSeq: 1 INVITE"
)
FIELDS = ("P-Asserted-Identity", "Remote-Party-ID", "P-Asserted-Service", "P-Preferred-Identity")


@pytest.fixture
def lab() -> Lab:
    settings = EdgeSettings(
        own_hosts=frozenset({HOME}),
        listening=frozenset(PORT.items()),
        realm=REALM,
        trusted=(ip_network("203.0.113.0/24"),),
    )
    return Lab(settings)


def _said(message: Message) -> list[str]:
    return [value for name in FIELDS for value in message.all(name)]


def _invited(phone: Phone) -> Message:
    return next(message for message in phone.inbox if message.method == "INVITE")


@pytest.mark.parametrize("line", SAID)
def test_what_a_stranger_says_of_itself_reaches_no_phone(lab: Lab, line: str) -> None:
    callee, stranger = lab.registered("1002", "198.51.100.8"), lab.phone("x", "198.51.100.7")
    stranger.send(f"{STRANGE}\n{line}")
    assert _said(_invited(callee)) == []


@pytest.mark.parametrize("line", SAID)
def test_what_was_proven_stands_in_the_place_of_what_a_phone_says_of_itself(lab: Lab, line: str) -> None:
    callee, caller = lab.registered("1002", "198.51.100.8"), lab.phone("1001", "198.51.100.7")
    caller.invite(f"sip:1002@{HOME}", body=OFFER, extra=line)
    assert _said(_invited(callee)) == [f"<sip:1001@{HOME}>"]


@pytest.mark.parametrize("line", SAID[:4])
def test_what_a_trusted_neighbour_says_reaches_the_phone(lab: Lab, line: str) -> None:
    callee, trunk = lab.registered("1002", "198.51.100.8"), lab.phone("x", TRUNK)
    trunk.request("INVITE", f"sip:1002@{HOME}", extra=line)
    assert _said(_invited(callee)) == [line.partition(":")[2].strip()]


@pytest.mark.parametrize(
    ("privacy", "target", "is_told"),
    [
        ("id", f"1002@{HOME}", False),
        ("header;ID ; critical", f"1002@{HOME}", False),
        ("none", f"1002@{HOME}", True),
        ("user", f"1002@{HOME}", True),
        ("id", f"1@{OTHER_TRUNK}", True),
        ("id", f"1@{ELSEWHERE}", False),
    ],
)
def test_who_wants_it_kept_is_named_to_the_trusted_alone(lab: Lab, privacy: str, target: str, is_told: bool) -> None:
    ends = [lab.registered("1002", "198.51.100.8"), lab.phone("t", OTHER_TRUNK), lab.phone("e", ELSEWHERE)]
    trunk = lab.phone("x", TRUNK)
    trunk.request("INVITE", f"sip:{target}", extra=f"Privacy: {privacy}\n{SAID[1]}")
    (invite,) = [message for end in ends for message in end.inbox if message.method == "INVITE"]
    assert bool(_said(invite)) is is_told
    assert invite.first("Privacy") == privacy


def test_the_old_field_has_a_wish_of_its_own(lab: Lab) -> None:
    callee, trunk = lab.registered("1002", "198.51.100.8"), lab.phone("x", TRUNK)
    trunk.request("INVITE", f"sip:1002@{HOME}", extra="Remote-Party-ID: <sip:a@b>;party=calling; privacy = full")
    assert _said(_invited(callee)) == []


@pytest.mark.parametrize(
    ("name", "privacy", "target", "is_told"),
    [
        ("1001", "Privacy: id", f"1002@{HOME}", False),
        ("anonymous", "", f"1002@{HOME}", False),
        ("1001", "Privacy: id", f"1@{OTHER_TRUNK}", True),
        ("anonymous", "", f"1@{OTHER_TRUNK}", True),
        ("1001", "", f"1@{ELSEWHERE}", False),
    ],
)
def test_a_user_of_ours_is_named_where_it_may_be(
    lab: Lab, name: str, privacy: str, target: str, is_told: bool
) -> None:
    ends = [lab.registered("1002", "198.51.100.8"), lab.phone("t", OTHER_TRUNK), lab.phone("e", ELSEWHERE)]
    caller, uri = lab.phone("1001", "198.51.100.7"), f"sip:{target}"
    caller.request("INVITE", f"sip:1003@{HOME}", call_id="c")
    proof = caller.credentials(caller.last().all("Proxy-Authenticate")[0], "INVITE", uri)
    extra = f"Proxy-Authorization: {proof}" + (f"\n{privacy}" if privacy else "")
    caller.request("INVITE", uri, call_id="d", user=name, extra=extra)
    (invite,) = [message for end in ends for message in end.inbox if message.method == "INVITE"]
    assert _said(invite) == ([f"<sip:1001@{HOME}>"] if is_told else [])


def test_a_phone_does_not_say_who_it_is_in_answers_or_later_requests(lab: Lab) -> None:
    callee, caller = lab.registered("1002", "198.51.100.8"), lab.phone("1001", "198.51.100.7")
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    callee.answer(_invited(callee), 200, "OK", body=OFFER, extra=SAID[0] + "\n" + SAID[2])
    assert caller.last().status == 200
    assert _said(caller.last()) == []
    callee.in_dialog("INFO", callee.inbox[0], extra=SAID[0])
    assert caller.last().method == "INFO"
    assert _said(caller.last()) == []


def test_a_signed_identity_passes_whole(lab: Lab) -> None:
    callee, stranger = lab.registered("1002", "198.51.100.8"), lab.phone("x", "198.51.100.7")
    signed = "ab.cd." + "E" * 900 + ";info=<https://cert.example/a,b.pem>;alg=ES256;ppt=shaken"
    stranger.send(f"{STRANGE}\nIdentity: {signed}\ny: {signed}\nDate: Thu, 01 Jan 2026 00:00:00 GMT")
    assert _invited(callee).all("Identity") == [signed, signed]
    assert _invited(callee).first("Date") == "Thu, 01 Jan 2026 00:00:00 GMT"


def test_nobody_chooses_the_domain_that_we_vouch_for(lab: Lab) -> None:
    callee, caller = lab.registered("1002", "198.51.100.8"), lab.phone("1001", "198.51.100.7")
    uri = f"sip:1002@{HOME}"
    caller.request("INVITE", uri, call_id="c")
    proof = caller.credentials(caller.last().all("Proxy-Authenticate")[0], "INVITE", uri)
    caller.send(
        f"INVITE {uri} SIP/2.0\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKs\nMax-Forwards: 70\n"
        f"From: <sip:1001@bank.example>;tag=s\nTo: <{uri}>\nCall-ID: s\nCSeq: 1 INVITE\nProxy-Authorization: {proof}"
    )
    assert _said(_invited(callee)) == [f"<sip:1001@{HOME}>"]
