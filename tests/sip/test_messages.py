"""Reading SIP messages: what is framed, what is forgiven, and what is refused (RFC 3261 section 7, RFC 4475)."""

from collections.abc import Callable
from contextlib import suppress
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkpath._native import Frame, stream_message_length
from talkpath.base.errors import Malformed
from talkpath.sip.grammar import NameAddr, Via, parse_cseq, split_list, tag_of
from talkpath.sip.message import Message, fault_of
from talkpath.sip.uri import Uri

INVITE = (
    b"INVITE sip:bob@example.com SIP/2.0\r\n"
    b"v: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa, SIP/2.0/TCP p;branch=z9hG4bKb\r\n"
    b'f: "Alice, A." <sip:alice@example.com>;tag=1\r\nt: <sip:bob@example.com>\r\ni: abc@192.0.2.1\r\n'
    b"CSeq: 7 INVITE\r\nSubject: folded\r\n  over lines\r\nMax-Forwards: 70\r\nl: 4\r\n\r\nbody"
)


def test_compact_forms_folded_lines_and_lists_are_read() -> None:
    message = Message.parse(INVITE)
    assert (message.method, message.uri, message.call_id) == ("INVITE", "sip:bob@example.com", "abc@192.0.2.1")
    assert (message.from_tag, message.to_tag, message.cseq) == ("1", "", (7, "INVITE"))
    assert message.first("subject") == "folded over lines"
    assert [Via.parse(item).transport for item in message.listed("Via")] == ["UDP", "TCP"]
    assert message.body == b"body"
    assert fault_of(message) is None


def test_what_a_datagram_has_beyond_its_length_is_no_body() -> None:
    assert Message.parse(INVITE + b" and more").body == b"body"


def test_a_status_line_without_a_reason_is_a_response() -> None:
    message = Message.parse(b"SIP/2.0 200\r\nCSeq: 1 BYE\r\n\r\n")
    assert (message.status, message.reason, message.method) == (200, "", "BYE")


def test_bytes_that_are_no_utf8_are_written_back_as_they_came() -> None:
    raw = INVITE.replace(b"Alice", b"Al\xff\xfece")
    frame = Frame(raw)
    written = frame.rewrite(None, "", ((frame.index("From"), frame.first("From")),), "", None)
    assert b"Al\xff\xfece" in written


def test_a_rewrite_changes_what_is_asked_and_nothing_else() -> None:
    frame = Frame(INVITE)
    edits = ((frame.index("Via"), None), (frame.index("Max-Forwards"), "69"))
    written = frame.rewrite("INVITE sip:x SIP/2.0", "Via: new\r\n", edits, "X: y\r\n", b"other body")
    message = Message.parse(written)
    assert (message.uri, message.all("Via"), message.first("X")) == ("sip:x", ["new"], "y")
    assert (message.content_length, message.body) == (10, b"other body")
    assert message.first("Subject") == "folded over lines"


def test_edits_out_of_order_are_a_mistake_of_ours() -> None:
    with pytest.raises(IndexError):
        Frame(INVITE).rewrite(None, "", ((3, "a"), (1, "b")), "", None)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"hello\r\n\r\n", "start-line"),
        (b"INVITE sip:a SIP/9.9\r\n\r\n", "version"),
        (b"IN(VITE sip:a SIP/2.0\r\n\r\n", "method"),
        (b"SIP/2.0 99 Odd\r\n\r\n", "status-code"),
        (b"SIP/2.0 2000 Odd\r\n\r\n", "status-code"),
        (b"INVITE sip:a SIP/2.0\r\nno colon\r\n\r\n", "header-line"),
        (b"INVITE sip:a SIP/2.0\r\nA: b\r\n", "no-end-of-headers"),
        (b"INVITE sip:a SIP/2.0\r\n" + b"A: b\r\n" * 300 + b"\r\n", "too-many-headers"),
    ],
)
def test_what_is_no_message_is_refused_by_name(data: bytes, code: str) -> None:
    with pytest.raises(Malformed) as caught:
        Message.parse(data)
    assert caught.value.code == code


@given(st.binary(max_size=300))
def test_only_malformed_is_ever_raised(data: bytes) -> None:
    try:
        fault_of(Message.parse(b"INVITE sip:a SIP/2.0\r\nVia: " + data + b"\r\n\r\n"))
        Message.parse(data)
    except Malformed:
        pass


@pytest.mark.parametrize(
    ("data", "length"),
    [
        (b"A\r\nContent-Length: 3\r\n\r\nabcdef", 27),
        (b"A\r\nl:3\r\n\r\nab", None),
        (b"A\r\nContent-Length: 3\r\n", None),
    ],
)
def test_a_stream_tells_where_its_first_message_ends(data: bytes, length: int | None) -> None:
    assert stream_message_length(data, 65_535) == length


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"A\r\n\r\n", "no-content-length"),
        (b"A\r\nContent-Length: -1\r\n\r\n", "content-length"),
        (b"A\r\nContent-Length: 1\r\nl: 2\r\n\r\n", "content-length"),
        (b"A\r\nContent-Length: 70000\r\n\r\n", "too-large"),
        (b"x" * 70_000, "too-large"),
    ],
)
def test_a_stream_that_cannot_be_framed_is_refused_by_name(data: bytes, code: str) -> None:
    with pytest.raises(ValueError, match=code):
        stream_message_length(data, 65_535)


@pytest.mark.parametrize(
    ("text", "user", "host", "port"),
    [
        ("sip:alice@example.com", "alice", "example.com", None),
        ("sips:alice:secret@[2001:DB8::1]:5061;transport=tcp?a=b", "alice", "2001:db8::1", 5061),
        ("sip:%61lice;x=y@Example.COM:5070", "alice", "example.com", 5070),
        ("sip:example.com", "", "example.com", None),
        ("tel:+49-30;phone-context=x", "+49-30", "", None),
    ],
)
def test_uris_are_taken_apart(text: str, user: str, host: str, port: int | None) -> None:
    uri = Uri.parse(text)
    assert (uri.username, uri.host, uri.port) == (user, host, port)


@pytest.mark.parametrize("text", ["", "sip:", "sip:a@", "sip:a@b:99999", "sip:a b@c", "nothing", "sip:a@b>"])
def test_what_is_no_uri_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        Uri.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;rport",
        "SIP / 2.0 / TLS [2001:db8::1] ; branch = x",
        "SIP/2.0/WS a.invalid",
    ],
)
def test_vias_are_read_in_every_spelling(text: str) -> None:
    via = Via.parse(text)
    again = Via.parse(str(via))
    assert (again.transport, again.host, again.port, again.params) == (via.transport, via.host, via.port, via.params)


@pytest.mark.parametrize(
    "text", ["", "SIP/2.0/UDP", "SIP/3.0/UDP a", "SIP/2.0/UDP a:0", "SIP/2.0/UDP a:70000", "x y"]
)
def test_what_is_no_via_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        Via.parse(text)


def test_commas_in_quotes_and_brackets_do_not_split() -> None:
    assert split_list('"a, b" <sip:x,y@z>;q=1, <sip:c>') == ['"a, b" <sip:x,y@z>;q=1', "<sip:c>"]


@pytest.mark.parametrize(
    ("value", "tag"),
    [("<sip:a>;tag=x", "x"), ('"a;tag=no" <sip:a;tag=no>;x=1; tag = y', "y"), ("sip:a;tag=z", "z"), ("<sip:a>", "")],
)
def test_a_tag_is_found_behind_the_address_only(value: str, tag: str) -> None:
    assert tag_of(value) == tag


def test_a_name_address_is_written_as_it_is_meant() -> None:
    name = NameAddr.parse('"A \\"quoted\\" one" <sip:a@b>;tag=1')
    assert name.display_name == 'A "quoted" one'
    again = NameAddr.parse(str(name))
    assert (again.uri, again.params, again.display_name) == (name.uri, name.params, name.display_name)


@pytest.mark.parametrize("text", ["", "x INVITE", "2147483648 INVITE", "1"])
def test_sequence_numbers_have_bounds(text: str) -> None:
    with pytest.raises(Malformed):
        parse_cseq(text)


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (NameAddr.parse, "a" + " " * 30_000 + "b"),
        (NameAddr.parse, '"' + "\\a" * 15_000),
        (Via.parse, "SIP/2.0/UDP host" + " " * 30_000 + "x"),
        (split_list, "," + '"\\' * 15_000),
        (split_list, "," + "<" * 30_000),
        (Uri.parse, "sip:;" + ":" * 30_000),
        (tag_of, "; tag " * 5_000),
    ],
)
def test_a_long_field_is_read_in_one_pass(parse: Callable[[str], object], text: str) -> None:
    began = process_time()
    with suppress(Malformed):
        parse(text)
    assert process_time() - began < 1, "milliseconds are enough; what is tried in many ways takes many seconds"


def test_a_quote_that_is_never_closed_hides_the_rest_of_a_list() -> None:
    assert split_list('<sip:a@b>, "c <sip:d@e>, <sip:f@g>') == ["<sip:a@b>", '"c <sip:d@e>, <sip:f@g>']
    assert split_list("<sip:a@b, <sip:c@d>, e") == ["<sip:a@b, <sip:c@d>", "e"]
