"""White space where it may stand, parameters without a value, credentials that lack something."""

import pytest

from talkpath._native import stream_message_length
from talkpath.sip.digest import ha1, response
from talkpath.sip.grammar import parse_auth
from talkpath.sip.message import Message, fault_of

from .lab import HOME, Lab

TABS = (
    "INVITE sip:1002@192.0.2.1 SIP/2.0\r\n"
    "Via\t:\tSIP\t/\t2.0\t/\tUDP\t198.51.100.7\t:\t5060\t;\tbranch\t=\tz9hG4bKtab\t;\trport\r\n"
    "Max-Forwards\t:\t70\t\r\n"
    'From\t:\t"A\tB"\t<sip:stranger@elsewhere.example>\t;\ttag\t=\tf\r\n'
    "To:\t<sip:1002@192.0.2.1>\t\r\n"
    "Call-ID:\ttab@x\r\n"
    "CSeq:\t1\tINVITE\r\n"
    "Contact:\t<sip:a@198.51.100.7>\t;\tx\t=\t1\t,\t<sip:b@198.51.100.7>\r\n"
    "Route:\t<sip:192.0.2.1;lr>\t\r\n"
    "Content-Length\t:\r\n\t0\r\n\r\n"
)


@pytest.mark.parametrize("space", ["\t", " \t ", "\r\n\t", "\r\n "])
def test_white_space_of_every_kind_is_white_space(space: str) -> None:
    name_end = "\t:" if "\n" not in space else ":"
    text = TABS.replace("\r\n\t0", "\t0").replace("\t:\t", f"{name_end}\t").replace("\t", space)
    message = Message.parse(text.encode())
    assert fault_of(message) is None
    lab = Lab()
    callee, sender = lab.registered("1002", "198.51.100.8"), lab.phone("x", "198.51.100.7")
    lab.deliver(sender.flow, text.encode())
    assert callee.methods() == ["INVITE"]
    onward = callee.last()
    answer = (
        f"SIP/2.0 486 Busy\r\nVia:\t{onward.all('Via')[0]}\r\nVia:\t{onward.all('Via')[1]}\r\n"
        f"From: {onward.first('From')}\r\nTo: {onward.first('To')};tag=t\r\nCall-ID: tab@x\r\n"
        "CSeq:\t1\tINVITE\r\n\r\n"
    )
    lab.deliver(callee.flow, answer.encode())
    assert sender.statuses() == [100, 486]


def test_a_folded_length_on_a_stream_is_one_and_a_folded_line_names_no_field() -> None:
    head = b"OPTIONS sip:x SIP/2.0\r\n"
    folded = head + b"Content-Length:\r\n\t 3\r\n\r\nabc"
    assert stream_message_length(folded + b"more", 1000) == len(folded)
    named = head + b"Subject: a\r\n l: 900\r\nl: 0\r\n\r\n"
    assert stream_message_length(named + b"more", 1000) == len(named)


def test_credentials_may_be_apart_by_tabs_and_name_their_realm_with_spaces() -> None:
    scheme, params = parse_auth('Digest\tusername\t=\t"a",\trealm = "r"')
    assert (scheme, params) == ("digest", {"username": "a", "realm": "r"})


def test_credentials_for_us_stay_here_however_they_are_written() -> None:
    lab = Lab()
    callee, caller = lab.registered("1002", "198.51.100.8"), lab.phone("1001", "198.51.100.7")
    uri = f"sip:1002@{HOME}"
    caller.request("INVITE", uri, call_id="c")
    proof = caller.credentials(caller.last().all("Proxy-Authenticate")[0], "INVITE", uri)
    spaced = proof.replace('realm="talkpath"', 'realm = "talkpath"')
    caller.request("INVITE", uri, call_id="c", extra=f"Proxy-Authorization: {spaced}")
    assert callee.last().method == "INVITE"
    assert callee.last().first("Proxy-Authorization") is None


@pytest.mark.parametrize("without", [", nc=00000001", ', cnonce="c"'])
@pytest.mark.parametrize("method", ["REGISTER", "INVITE"])
def test_credentials_that_lack_what_their_qop_needs_are_no_wrong_password(method: str, without: str) -> None:
    lab = Lab()
    phone, uri = lab.phone("1001", "198.51.100.7"), f"sip:{HOME if method == 'REGISTER' else '1002@' + HOME}"
    to, field = ("<sip:1001@192.0.2.1>", "WWW-Authenticate") if method == "REGISTER" else ("", "Proxy-Authenticate")
    phone.request(method, uri, to=to)
    proof = phone.credentials(phone.last().all(field)[0], method, uri)
    assert without in proof
    name = field.replace("WWW-", "").replace("Authenticate", "Authorization")
    phone.request(method, uri, to=to, extra=f"{name}: {proof.replace(without, '')}")
    assert phone.last().status == 400
    assert "nc or cnonce" in phone.last().reason
    assert lab.edge.core.counters["auth_wrong"] == 0


@pytest.mark.parametrize("lacks", ["username", "uri", "response"])
def test_credentials_without_what_all_must_say_are_no_wrong_password(lacks: str) -> None:
    lab = Lab()
    phone, uri = lab.phone("1001", "198.51.100.7"), f"sip:{HOME}"
    phone.request("REGISTER", uri, to=f"<sip:1001@{HOME}>")
    proof = phone.credentials(phone.last().all("WWW-Authenticate")[0], "REGISTER", uri)
    phone.request("REGISTER", uri, to=f"<sip:1001@{HOME}>", extra=f"Authorization: {proof.replace(lacks, 'x-other')}")
    assert (phone.last().status, phone.last().reason) == (400, f"Credentials lack {lacks}")
    assert lab.edge.core.counters["auth_wrong"] == 0


@pytest.mark.parametrize("count", ["", "zz", "00000001"])
def test_a_count_without_a_qop_counts_nothing(count: str) -> None:
    """RFC 2069 knows no nc: what stands there is none, and costs nothing."""
    lab = Lab()
    phone, uri = lab.phone("1001", "198.51.100.7"), f"sip:{HOME}"
    phone.request("REGISTER", uri, to=f"<sip:1001@{HOME}>")
    _, challenge = parse_auth(phone.last().all("WWW-Authenticate")[0])
    secret = ha1("MD5", "1001", challenge["realm"], "1001")
    proof = response("MD5", secret, "REGISTER", {"uri": uri, "nonce": challenge["nonce"]})
    given = f'username="1001", realm="{challenge["realm"]}", nonce="{challenge["nonce"]}", uri="{uri}"'
    fields = f'Authorization: Digest {given}, response="{proof}", nc={count}'
    phone.request("REGISTER", uri, to=f"<sip:1001@{HOME}>", extra=fields)
    assert phone.last().status == 200


def test_a_parameter_without_a_value_stays_one() -> None:
    lab = Lab()
    phone = lab.phone("1001", "198.51.100.7")
    phone.contact_params = ';+sip.ice;+sip.instance="<urn:uuid:1>";reg-id=1'
    (contact,) = phone.register().all("Contact")
    assert contact.endswith(';+sip.ice;+sip.instance="<urn:uuid:1>";reg-id=1')


def test_no_field_of_an_acknowledgement_is_made_up() -> None:
    lab = Lab()
    callee, caller = lab.registered("1002", "198.51.100.8"), lab.phone("1001", "198.51.100.7")
    caller.invite(f"sip:1002@{HOME}")
    invite = callee.take()
    lines = [f"Via: {value}" for value in invite.all("Via")]
    lines += [f"From: {invite.first('From')}", f"Call-ID: {invite.call_id}", f"CSeq: {invite.first('CSeq')}"]
    callee.send("\n".join(["SIP/2.0 486 Busy", *lines]))
    ack = next(message for message in callee.inbox if message.method == "ACK")
    assert ack.first("To") == invite.first("To")


@pytest.mark.parametrize(
    ("via", "echoed"),
    [
        ("SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKx;;rport", "SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKx"),
        ("SIP/2.0/UDP 198.51.100.7;;,;,,", "SIP/2.0/UDP 198.51.100.7"),
        ("SIP/2.0/UDP 198.51.100.7:99999;branch=z9hG4bKx", "SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKx"),
        ("SIP/2.0/UDP", None),
        ("nonsense\x1b", None),
    ],
)
def test_a_broken_via_is_answered_and_not_echoed(via: str, echoed: str | None) -> None:
    lab = Lab()
    phone = lab.phone("1001", "198.51.100.7")
    phone.send(
        f"OPTIONS sip:{HOME} SIP/2.0\nVia: {via}\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKy\nMax-Forwards: 70\n"
        f"From: <sip:x@y>;tag=f\nTo: <sip:x@y>\nCall-ID: v\nCSeq: 1 OPTIONS"
    )
    assert phone.statuses() == [400]
    assert phone.last().all("Via") == [*([echoed] if echoed else []), "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKy"]
