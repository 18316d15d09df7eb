"""What the native part tells of common header values is what the grammar says of them."""

import pytest

from talkpath.base.errors import Malformed
from talkpath.sip.grammar import Via, first_via, tag_of
from talkpath.sip.message import Message

_VIAS = (
    "SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bK-1;rport",
    "SIP/2.0/WSS x7.invalid;branch=z9hG4bK2;received=2001:db8::1;rport=4711",
    "SIP/2.0/TCP Host.Example;Branch=z9hG4bK3;alias",
    "SIP/2.0/UDP [2001:db8::1]:5060;branch=z9hG4bK4",
    "SIP / 2.0 / UDP a ; branch=z9hG4bK5",
    "SIP/2.0/UDP a;branch=z9hG4bK6;branch=z9hG4bK7",
    "SIP/2.0/UDP a;branch=",
    "SIP/2.0/UDP a;branch=z9hG4bK8, SIP/2.0/UDP b;branch=z9hG4bK9",
    'SIP/2.0/UDP a;branch=z9hG4bK10 ,SIP/2.0/UDP b;x="c,d"',
)
_ADDRESSES = (
    "<sip:a@192.0.2.1>;tag=1-x",
    '"A > B" <sip:a@192.0.2.1>',
    "<sip:a@192.0.2.1>;x=1;tag=2",
    "sip:a@192.0.2.1;tag=3",
    "<sip:a@192.0.2.1> ; TAG = 4",
    "<sip:a@192.0.2.1>;tag=caf\u00e9",
)


def _message(via: str, address: str) -> Message:
    lines = ("OPTIONS sip:b@192.0.2.1 SIP/2.0", f"Via: {via}", f"From: {address}", f"To: {address}", "", "")
    return Message.parse("\r\n".join(lines).encode())


@pytest.mark.parametrize("via", _VIAS)
def test_a_via_is_read_natively_as_the_grammar_reads_it(via: str) -> None:
    told, said = _message(via, _ADDRESSES[0]).top_via, Via.parse(first_via(via))
    assert (told.transport, told.host, told.port, told.params) == (said.transport, said.host, said.port, said.params)


@pytest.mark.parametrize("address", _ADDRESSES)
def test_a_tag_is_read_natively_as_the_grammar_reads_it(address: str) -> None:
    message = _message(_VIAS[0], address)
    assert (message.from_tag, message.to_tag) == (tag_of(address), tag_of(address))


@pytest.mark.parametrize("via", ["SIP/2.0/UDP a;branch=z9hG4bK1,", "SIP/2.0/UDP a,,SIP/2.0/UDP b", ",SIP/2.0/UDP a"])
def test_a_list_of_vias_with_nothing_between_its_commas_is_malformed(via: str) -> None:
    with pytest.raises(Malformed):
        _ = _message(via, _ADDRESSES[0]).top_via


def test_the_items_of_several_fields_are_one_list() -> None:
    lines = (
        "OPTIONS sip:b@192.0.2.1 SIP/2.0",
        'm: "A, B" <sip:a@b>, <sip:c,d@e>',
        "Contact:",
        "Contact: <sip:f",
        " >,",
    )
    message = Message.parse("\r\n".join((*lines, "", "")).encode())
    assert message.listed("Contact") == ['"A, B" <sip:a@b>', "<sip:c,d@e>", "<sip:f >"]
    assert message.frame.behind_first(0) == "<sip:c,d@e>"
    assert message.frame.behind_first(2) is None
