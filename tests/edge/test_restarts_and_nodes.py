"""What we wrote into a message is read by a later process, or by another node with our key: flows, marks of loops."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b

import pytest
from tests.edge.lab import HOME

from talkpath.base.address import Address, Flow, Transport
from talkpath.edge.forwarding.token import Tokens, mark
from talkpath.edge.places.loops import LoopMarks
from talkpath.sip.message import Message

KEY = b"t" * 32
PHONE = Flow(Transport.TCP, Address(HOME, 5060), Address("203.0.113.7", 40001), (0x7FFFFFFF << 32) + 77)


def request(*branches: str, uri: str = "sip:1002@192.0.2.9") -> Message:
    vias = "".join(f"Via: SIP/2.0/UDP 203.0.113.5;branch={branch}\r\n" for branch in branches)
    return Message.parse(
        f"INVITE {uri} SIP/2.0\r\n{vias}From: <sip:a@b>;tag=f\r\nTo: <sip:1002@b>\r\nCall-ID: c\r\n"
        "CSeq: 7 INVITE\r\nMax-Forwards: 70\r\n\r\n".encode()
    )


def test_a_loop_is_known_by_whoever_has_the_key() -> None:
    mark = LoopMarks(KEY).of(request("z9hG4bKa"), "sip:1002@192.0.2.9")
    # Not of this process: Python's own hashes differ from one to the next.
    assert mark == "46c83043"
    assert LoopMarks(KEY).is_looping(request("z9hG4bKother", f"z9hG4bKe9.{mark}", "z9hG4bKa"), PHONE)


def test_the_mark_of_another_key_is_no_loop() -> None:
    mark = LoopMarks(b"u" * 32).of(request("z9hG4bKa"), "sip:1002@192.0.2.9")
    assert not LoopMarks(KEY).is_looping(request(f"z9hG4bKe9.{mark}", "z9hG4bKa"), PHONE)


def test_a_request_that_was_sent_on_changed_is_no_loop() -> None:
    mark = LoopMarks(KEY).of(request("z9hG4bKa"), "sip:1002@192.0.2.9")
    assert not LoopMarks(KEY).is_looping(request(f"z9hG4bKe9.{mark}", "z9hG4bKa", uri="sip:1003@192.0.2.9"), PHONE)


def test_a_request_that_is_turned_to_us_again_is_a_loop_when_it_comes_the_same_way() -> None:
    uri, carrier = f"sip:+4930@{HOME}", PHONE._replace(transport=Transport.UDP)
    came = request("z9hG4bKa", uri=uri)
    marks = LoopMarks(KEY).sent(came, "sip:+4930@203.0.113.7", 0, carrier)
    again = request("z9hG4bKother", f"z9hG4bKe9.{marks}", "z9hG4bKa", uri=uri)
    assert LoopMarks(KEY).is_looping(again, carrier)
    # From somebody else it is on its way from one server of services to the next.
    elsewhere = carrier._replace(remote=Address("203.0.113.8", 40001))
    assert not LoopMarks(KEY).is_looping(again, elsewhere)
    assert not LoopMarks(KEY).is_looping(again, carrier._replace(remote=Address("203.0.113.7", 40002)))
    routed = Message.parse(again.raw.replace(b"Call-ID", b"Route: <sip:x;lr>\r\nCall-ID"))
    assert not LoopMarks(KEY).is_looping(routed, carrier)


def test_a_token_names_the_very_connection_with_its_process() -> None:
    token = Tokens(KEY).make(PHONE, PHONE._replace(connection=(5 << 32) + 77), "f", "c")
    route = Tokens(KEY).read(token, "c")
    assert route is not None
    assert route.caller == PHONE
    assert route.callee != PHONE


def test_a_token_is_what_earlier_versions_made() -> None:
    token = "KmjsLCfbhK0r4CETxJxBwAACAcsAcQd_____AAAATf8"
    assert Tokens(KEY).make(PHONE, None, "f", "c") == token
    again = Tokens(KEY).read(Tokens(KEY).make(PHONE, None, "f", "c"), "c")
    assert again is not None
    assert (again.caller, again.callee, again.caller_mark) == (PHONE, None, mark("f"))


@pytest.mark.parametrize(
    "text", ["", "x", "AAAA", "caf\u00e9", "\udcff", "K" * 5_000, "KmjsLCfbhK0r4CETxJxBwAACAcsAcQd_____AAAATf8="]
)
def test_what_is_no_token_of_ours_says_nothing(text: str) -> None:
    assert Tokens(KEY).read(text, "c") is None


def test_a_token_is_good_in_one_call() -> None:
    token = Tokens(KEY).make(PHONE, None, "f", "c\udcff")
    assert Tokens(KEY).read(token, "c\udcff") is not None
    assert Tokens(KEY).read(token, "c") is None


def test_a_token_of_an_earlier_make_is_none_of_ours() -> None:
    head, ports = bytes((0x21,)), (5060).to_bytes(2, "big") + (40001).to_bytes(2, "big")
    flow = head + ports + bytes((192, 0, 2, 1, 203, 0, 113, 7)) + (1_700_000_000_000).to_bytes(6, "big")
    plain = b"ab" + flow + b"\xff"
    old = urlsafe_b64encode(blake2b(plain + b"c", key=KEY, digest_size=8).digest() + plain).decode().rstrip("=")
    assert Tokens(KEY).read(old, "c") is None
    assert len(urlsafe_b64decode(old + "=" * (-len(old) % 4))) == 30
