"""The torture messages, changed at random: they are answered, passed on or dropped, and nothing raises."""

from ipaddress import ip_network
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from talkpath.base.address import Transport
from talkpath.base.readable import json_bytes
from talkpath.base.texts import Language
from talkpath.calls.build import call_of, summary_of
from talkpath.calls.facts import facts_of_summary, story_of
from talkpath.edge.settings import EdgeSettings
from talkpath.sip.message import Message
from talkpath.store.blob import packed, unpacked

from ..edge.lab import HOME, OFFER, PORT, REALM, Lab

HERE = Path(__file__).parent
MESSAGES = [path.read_bytes() for path in sorted(HERE.glob("rfc4475/*.dat"))]
MESSAGES += [path.read_bytes().replace(b"\n", b"\r\n") for path in sorted(HERE.glob("rfc5118/*.dat"))]
# What parsers stumble over.
PIECES = [
    b"", b"\r\n", b"\n", b"\r", b"\r\n ", b"\t", b"\x00", b"\xff", b"\xc3", b'"', b"<", b">", b";", b";;", b",", b":",
    b"@", b"?", b"%", b"%00", b"%ff", b"=", b"[", b"]", b"[::1]", b"0", b"-1", b"99999999999999999999", b"\xc2\xb2",
    b"sip:", b"sips:", b"tel:", b"SIP/2.0", b"\x1b[2J", b" " * 200, b"(" * 200, b"a" * 2000,
    b"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK\r\n", b"Route: <sip:192.0.2.1;lr>\r\n", b"Content-Length: 5\r\n",
    b"Contact: *\r\n", b"Expires: 0\r\n", b"Require: x\r\n", b"INVITE sip:1002@192.0.2.1 SIP/2.0\r\n", b"\r\n\r\n",
    OFFER,
]  # fmt: skip
CHANGE = st.tuples(st.integers(0, 4000), st.integers(0, 40), st.sampled_from(PIECES) | st.binary(max_size=8))
SETTINGS = EdgeSettings(
    own_hosts=frozenset({HOME}),
    listening=frozenset(PORT.items()),
    realm=REALM,
    trusted=(ip_network("198.51.100.0/24"),),
)


def _changed(message: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    for place, gone, piece in changes:
        at = place % (len(message) + 1)
        message = message[:at] + piece + message[at + gone :]
    return message


@given(
    st.sampled_from(MESSAGES),
    st.lists(CHANGE, max_size=6),
    st.sampled_from(list(Transport)),
    st.booleans(),
    st.booleans(),
)
def test_no_message_is_a_fault_of_ours(
    message: bytes, changes: list[tuple[int, int, bytes]], transport: Transport, is_home: bool, is_trusted: bool
) -> None:
    lab = Lab(SETTINGS, users=("1002", "user", "vivekg", "j.user"))
    callee = lab.registered("1002", "192.0.2.66")
    sender = lab.phone("x", "198.51.100.7" if is_trusted else "203.0.113.7", transport=transport)
    data = _changed(message, changes)
    if is_home:
        data = data.replace(b"example.com", HOME.encode()).replace(b"sip:user", b"sip:1002")
    for _ in range(2):
        lab.deliver(sender.flow, data)
    for invite in [one for one in callee.inbox if one.is_request and one.method == "INVITE"]:
        callee.answer(Message.parse(invite.raw), 200, "OK", body=OFFER)
    lab.wait(40)
    for send in lab.lost:
        Message.parse(send.data)
    for trace in lab.ledger.running():
        json_bytes(facts_of_summary(summary_of(trace)))
        json_bytes(story_of(call_of(trace), Language.EN, with_messages=True))
        unpacked(packed([trace]))
