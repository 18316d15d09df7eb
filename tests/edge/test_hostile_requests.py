"""What is wrong with a request is told to whoever can be told, and never costs a running call (RFC 3261 16.3)."""

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.edge.lab import HOME, OFFER, Lab, Phone

from talkpath.base.address import Transport
from talkpath.sip.uri import _parsed

GOOD = [
    f"OPTIONS sip:{HOME} SIP/2.0",
    "Via: SIP/2.0/UDP 203.0.113.5:5060;branch=z9hG4bKx",
    "Max-Forwards: 70",
    "From: <sip:a@203.0.113.5>;tag=a",
    f"To: <sip:{HOME}>",
    "Call-ID: o1",
    "CSeq: 1 OPTIONS",
    "Content-Length: 0",
]


@pytest.fixture
def peer(lab: Lab) -> Phone:
    return lab.phone("a", "203.0.113.5")


def deliver(lab: Lab, peer: Phone, lines: list[str], body: bytes = b"") -> None:
    lab.deliver(peer.flow, ("\r\n".join(lines) + "\r\n\r\n").encode() + body)


def replaced(old: str, new: str) -> list[str]:
    return [new if line.startswith(old) else line for line in GOOD if new or not line.startswith(old)]


def test_a_probe_is_answered_with_what_we_can_do(lab: Lab, peer: Phone) -> None:
    deliver(lab, peer, GOOD)
    assert peer.last().status == 200
    assert "INVITE" in (peer.last().first("Allow") or "")


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (replaced("CSeq", ""), 400),
        (replaced("CSeq", "CSeq: 1 INVITE"), 400),
        (replaced("CSeq", "CSeq: 4294967296 OPTIONS"), 400),
        (replaced("From", ""), 400),
        (replaced("From", "From: <<>>"), 400),
        (replaced("Call-ID", ""), 400),
        ([*GOOD, "CSeq: 2 OPTIONS"], 400),
        (replaced("Content-Length", "Content-Length: 9"), 400),
        (replaced("Content-Length", "Content-Length: many"), 400),
        ([*GOOD, "no colon here"], 400),
        (replaced("OPTIONS", f"OPTIONS sip:{HOME} SIP/7.0"), 505),
        (replaced("OPTIONS", f"INVITE sip:1001@{HOME} SIP/2.0"), 400),
        (replaced("OPTIONS", "OPTIONS http://example.com/ SIP/2.0"), 416),
        ([*replaced("OPTIONS", f"OPTIONS sip:1001@{HOME} SIP/2.0"), "Proxy-Require: magic"], 420),
        (replaced("Max-Forwards", "Max-Forwards: 0"), 200),
        ([*GOOD, "Require: telepathy"], 420),
        ([*GOOD, "Route: <nonsense"], 400),
    ],
)
def test_what_is_wrong_is_told(lab: Lab, peer: Phone, lines: list[str], status: int) -> None:
    deliver(lab, peer, lines)
    assert peer.statuses() == [status]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"\0\0\0\0\0",
        b"hello",
        b"SIP/2.0 200 OK\r\n\r\n",
        b"INVITE\r\n\r\n",
        b"\xff" * 2000,
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_what_nobody_can_be_told_of_is_dropped_and_counted(lab: Lab, peer: Phone, data: bytes) -> None:
    lab.deliver(peer.flow, data)
    assert peer.inbox == []
    assert sum(lab.edge.core.counters.values()) >= 1


def test_hops_run_out_for_a_user(lab: Lab, peer: Phone) -> None:
    lab.phone("1001", "198.51.100.7").register()
    peer.request("INVITE", f"sip:1001@{HOME}", max_forwards="0")
    assert peer.last().status == 483


def test_a_request_that_comes_back_to_us_is_a_loop(lab: Lab) -> None:
    mirror = lab.phone("1001", "198.51.100.7")
    mirror.contact = f"sip:1001@{HOME}"
    mirror.register()
    caller = lab.phone("v", "203.0.113.5")
    caller.invite(f"sip:1001@{HOME}")
    lab.deliver(mirror.flow, mirror.take().raw)
    assert mirror.statuses()[-1] == 482


def test_a_request_that_somebody_turns_to_us_again_is_a_loop_when_it_comes_the_same_way(lab: Lab) -> None:
    mirror = lab.phone("1001", "198.51.100.7")
    mirror.register()
    caller = lab.phone("v", "203.0.113.5")
    caller.invite(f"sip:1001@{HOME}")
    for turn in ("first", "second"):
        came = next(one for one in mirror.inbox if one.is_request)
        mirror.inbox.clear()
        lab.deliver(mirror.flow, came.raw.replace(came.uri.encode(), f"sip:1001@{HOME}".encode(), 1))
        assert (482 in mirror.statuses()) == (turn == "second")


def test_responses_that_belong_to_nothing_are_counted_and_dropped(lab: Lab, peer: Phone) -> None:
    deliver(lab, peer, ["SIP/2.0 200 OK", *GOOD[1:]])
    assert lab.edge.core.transactions.counters["stray_responses"] == 1
    assert peer.inbox == []


@given(st.binary(max_size=400))
def test_no_bytes_raise(data: bytes) -> None:
    lab = Lab()
    peer = lab.phone("a", "203.0.113.5", 41000, Transport.TCP)
    lab.deliver(peer.flow, data)


@given(st.integers(0, 7), st.binary(max_size=60))
def test_no_broken_line_raises(which: int, junk: bytes) -> None:
    lab = Lab()
    peer = lab.phone("a", "203.0.113.5")
    lines = [line.encode() for line in GOOD]
    lines[which] = lines[which][: len(junk)] + junk
    lab.deliver(peer.flow, b"\r\n".join(lines) + b"\r\n\r\n")


def test_too_many_fields_are_told_with_everything_an_answer_needs(lab: Lab, peer: Phone) -> None:
    deliver(lab, peer, [GOOD[0], *["X-Filler: x"] * 900, *GOOD[1:]])
    answer = peer.last()
    assert (answer.status, answer.call_id, answer.cseq) == (400, "o1", (1, "OPTIONS"))
    assert answer.first("From") == "<sip:a@203.0.113.5>;tag=a"


def test_a_broken_request_that_lacks_what_an_answer_needs_is_dropped(lab: Lab, peer: Phone) -> None:
    deliver(lab, peer, [line for line in [*GOOD, "no colon"] if not line.startswith("Call-ID")])
    assert peer.inbox == []


def test_one_offer_does_not_take_every_media_port(lab: Lab, peer: Phone) -> None:
    lab.phone("1001", "198.51.100.7").register()
    peer.invite(f"sip:1001@{HOME}", body=OFFER + b"m=audio 4002 RTP/AVP 0\r\n" * 30)
    assert peer.last().status == 488
    assert lab.engine.open_ports == []


def test_long_texts_are_not_remembered(lab: Lab, peer: Phone) -> None:
    before = _parsed.cache_info().currsize
    peer.request("OPTIONS", f"sip:{HOME}", user="u" * 5_000)
    assert peer.last().status == 200
    assert _parsed.cache_info().currsize <= before + 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("OPTIONS", "OPTIONS" + " " * 30_000 + "x"),
        ("OPTIONS", "OPTIONS a" + " " * 30_000 + "x SIP/2.0"),
        ("Via", "Via: SIP/2.0/UDP host" + " " * 30_000 + "x"),
        ("From", "From: a" + " " * 30_000 + "b"),
        ("To", "To: <sip:;" + ":" * 30_000 + ">"),
    ],
)
def test_a_datagram_of_nothing_but_spaces_does_not_hold_the_edge(lab: Lab, peer: Phone, old: str, new: str) -> None:
    began = process_time()
    deliver(lab, peer, replaced(old, new))
    assert process_time() - began < 1, "milliseconds are enough; what is tried in many ways takes many seconds"


@pytest.mark.parametrize("name", ["From", "To"])
@pytest.mark.parametrize("value", [",", " , ,", "<>", "< >", '"x:y" <>;tag=a'])
def test_an_address_that_is_none_is_told(lab: Lab, peer: Phone, name: str, value: str) -> None:
    deliver(lab, peer, replaced(name, f"{name}: {value}"))
    assert peer.statuses() == [400]


@pytest.mark.parametrize("contact", ["nonsense", ",", "<>", "*", "99", "\x00"])
def test_a_call_whose_contact_can_not_be_read_is_refused_and_leaves_nothing(
    lab: Lab, peer: Phone, callee: Phone, contact: str
) -> None:
    """Nobody could send a BYE there. Its transaction ends like any other: a flood of them fills no memory."""
    lines = [
        f"INVITE sip:1002@{HOME} SIP/2.0",
        "Via: SIP/2.0/UDP 203.0.113.5:5060;branch=z9hG4bKc",
        "From: <sip:a@203.0.113.5>;tag=a",
        f"To: <sip:1002@{HOME}>",
        "Call-ID: contact",
        "CSeq: 1 INVITE",
        f"Contact: {contact}",
        "Content-Length: 0",
    ]
    deliver(lab, peer, lines)
    assert peer.statuses() == [100, 400]
    assert callee.inbox == []
    lab.wait(60)
    assert (lab.edge.core.transactions.servers, lab.edge.core.calls) == ({}, {})


@pytest.mark.parametrize("contact", ["", "Contact: <>", "Contact: nonsense", "Contact: ,"])
def test_who_answers_without_a_contact_is_acknowledged_and_told_the_end(
    lab: Lab, caller: Phone, callee: Phone, contact: str
) -> None:
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    invite = callee.take()
    lines = ["SIP/2.0 200 OK", *(f"Via: {one}" for one in invite.all("Via"))]
    lines += [f"Record-Route: {one}" for one in invite.all("Record-Route")]
    lines += [f"From: {invite.first('From')}", f"To: {invite.first('To')};tag=x", "Call-ID: c1"]
    callee.send("\n".join([*lines, f"CSeq: {invite.first('CSeq')}", *([contact] if contact else [])]), OFFER)
    assert caller.last().status == 200
    lab.edge.stop_calls(lab.now)
    lab.pump()
    assert [(one.method, one.uri) for one in callee.inbox] == [("ACK", callee.contact), ("BYE", callee.contact)]


@pytest.mark.parametrize("method", ["INVITE", "BYE"])
def test_the_other_side_of_a_call_gets_no_credentials_that_are_for_us(lab: Lab, method: str) -> None:
    """It asks for them with a challenge that it had of us, and would call in the name of the phone that answers."""
    victim, thief = lab.registered("1001", "198.51.100.7"), lab.phone("thief", "203.0.113.66")
    thief.invite(f"sip:1001@{HOME}", body=OFFER)
    invite = victim.take()
    victim.answer(invite, 200, body=OFFER)
    ok = thief.last()
    thief.ack(ok, victim.contact)
    thief.request("OPTIONS", f"sip:1001@{HOME}", call_id="of its own")
    challenge = thief.last().all("Proxy-Authenticate")[0]
    victim.in_dialog(method, invite, body=OFFER if method == "INVITE" else b"")
    thief.answer(thief.last(), 401, extra=f"WWW-Authenticate: {challenge}")
    proof = victim.credentials(victim.last().all("WWW-Authenticate")[0], method, thief.contact)
    other = 'Authorization: Digest username="x", realm="elsewhere", nonce="n", uri="u", response="r"'
    victim.in_dialog(
        method, invite, body=OFFER if method == "INVITE" else b"", extra=f"Authorization: {proof}\n{other}"
    )
    stolen = thief.last()
    assert stolen.method == method
    assert [value.partition("realm=")[2][:11] for value in stolen.all("Authorization")] == ['"elsewhere"']
    assert "auth.kept-back" in lab.kinds("c1")
