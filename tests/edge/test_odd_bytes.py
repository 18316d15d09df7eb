"""Bytes that no grammar foresees, in every field: they cost their own call at most, and who reads of it gets text."""

import json
import re
from ipaddress import ip_network

import pytest

from talkpath.app.console.lines import print_lines
from talkpath.base.address import Transport
from talkpath.base.readable import json_bytes
from talkpath.base.texts import Language
from talkpath.calls.build import call_of, summarised, summary_of
from talkpath.calls.drawing import draw_call, draw_messages
from talkpath.calls.facts import facts_of_summary, story_of
from talkpath.calls.trace import Trace, seen_live
from talkpath.edge.settings import EdgeSettings
from talkpath.explain.judging.explanation import Explainer, Explanation
from talkpath.explain.judging.own import explain_own
from talkpath.explain.reading.sites import Sites
from talkpath.explain.telling.as_json import encoded
from talkpath.explain.telling.page import write_page
from talkpath.explain.telling.terminal import draw_explained, draw_report
from talkpath.sip.message import Message
from talkpath.store.blob import packed, unpacked

from .lab import HOME, OFFER, PORT, REALM, Lab, Phone

ODD = {
    "high bytes": bytes(range(0x80, 0x100)),
    "cut short": b"\xc3",
    "overlong, a surrogate": b"\xc0\xaf\xed\xb2\x80",
    "NUL": b"\x00",
    "escape sequences": b"\x1b[2J\x1b]0;x\x07\x7f",
    "controls, marks, line ends of other worlds": "\x85\x9b31m\u202e\u2066\u2028\ufeff".encode(),
    "Latin-1": b"Jos\xe9",
    "digits of other scripts": "²٣".encode(),
    "a carriage return": b"\rX: y",
    "a folded line": b"\r\n \xff",
}

# `^` marks each place where a peer may write something.
DESCRIPTION = b"""\
v=0
o=^ 1^ 1 IN IP4 198.51.100.7
s=^
i=^
c=IN IP4 198.51.100.7^
t=0 0
a=tool:^
a=group:BUNDLE ^
a=ice-ufrag:abcd^
a=ice-pwd:abcdefghijklmnopqrstuvwx^
m=audio 4000 RTP/AVP 0 97^
b=AS:^
a=rtpmap:0 PCMU/8000
a=rtpmap:97 o^pus/48000/2^
a=fmtp:97 x=^
a=fmtp:0 ^
a=ptime:20^
a=mid:^
a=ssrc:1 cname:^
a=label:^
a=extmap:1 ^
a=rtcp-fb:97 ^
a=candidate:^ 1 udp 1 198.51.100.7 4000 typ host
a=candidate:1 1 udp 1^ ^.local 4000 typ host^
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:^
a=fingerprint:sha-256 ^
a=setup:^
a=rtcp:4001^
a=^
"""
INVITE = b"""\
INVITE sip:1002^@192.0.2.1;x=^ SIP/2.0
Via: SIP/2.0/UDP 198.51.100.7^:5060^;branch=z9hG4bKodd^;x=^;rport
Max-Forwards: 70^
From: "Ann ^" <sip:1001^@192.0.2.1;x=^>;tag=a^b;x="^"
To: "Bob ^" <sip:1002@192.0.2.1^>;x=^
Call-ID: ^odd@x
CSeq: 1^ INVITE^
Contact: "^" <sip:1^001@198.51.100.7:5060;ob=^>;+sip.instance="^";expires=^
User-Agent: phone ^
Subject: ^
Allow: INVITE, ^
Supported: timer, ^
Record-Route: <sip:p^roxy@203.0.113.9;lr;x=^>
P-Asserted-Identity: "^" <sip:1^001@192.0.2.1>
Diversion: <sip:1^@192.0.2.1>;reason="^"
Reason: Q.850;cause=16^;text="^"
Session-Expires: 90^;x=^
X-Odd^: ^
Proxy-Authorization: Digest username="^", realm="^", nonce="^", uri="^", response="^", cnonce="^", nc=^, qop=^
Content-Type: application/sdp;x=^
"""
ANSWER = """\
SIP/2.0 200 OK^
{mirrored}Contact: "^" <sip:1^002@198.51.100.8;x=^>;x=^
Server: phone ^
Reason: SIP;text="^"
Content-Type: application/sdp;x=^
"""
SETTINGS = EdgeSettings(
    own_hosts=frozenset({HOME, "localhost"}),
    listening=frozenset(PORT.items()),
    realm=REALM,
    trusted=(ip_network("198.51.100.7/32"),),
)


def _spoilt(text: bytes, odd: bytes, only: int | None = None) -> bytes:
    """The text with odd bytes in the place of its marks, or of one of them."""
    number = iter(range(1000))
    text = text.replace(b"\n", b"\r\n")
    return re.sub(rb"\^", lambda _: odd if only in (None, next(number)) else b"", text)


def _whole(head: bytes, body: bytes) -> bytes:
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _answered(callee: Phone, odd: bytes) -> None:
    """The called phone answers as oddly."""
    for invite in [message for message in callee.inbox if message.is_request and message.method == "INVITE"]:
        lines = [f"Via: {via}" for via in invite.all("Via")]
        lines += [f"Record-Route: {route}" for route in invite.all("Record-Route")]
        lines += [f"From: {invite.first('From')}", f"To: {invite.first('To')};tag=t", f"Call-ID: {invite.call_id}"]
        lines += [f"CSeq: {invite.first('CSeq')}"]
        mirrored = "".join(f"{line}\n" for line in lines).replace("^", "")
        head = ANSWER.format(mirrored=mirrored).encode("utf-8", "surrogateescape")
        callee.lab.deliver(callee.flow, _whole(_spoilt(head, odd), _spoilt(DESCRIPTION, odd)))
    callee.inbox.clear()


def _talked(lab: Lab, call_id: str) -> None:
    """An honest call goes through from ring to end."""
    caller, callee = lab.phone("1001", "198.51.100.20"), lab.registered("1003", "198.51.100.21")
    caller.invite(f"sip:1003@{HOME}", call_id=call_id, body=OFFER)
    invite = next(message for message in callee.inbox if message.method == "INVITE")
    callee.answer(invite, 200, "OK", body=OFFER)
    caller.in_dialog("BYE", caller.last())


def _calls_of(odd: bytes) -> list[Trace]:
    """A call for every place, and an honest one."""
    lab = Lab(SETTINGS)
    callee, stranger = lab.registered("1002", "198.51.100.8"), lab.phone("1001", "198.51.100.7")
    for only in [None, *range(INVITE.count(b"^"))]:
        head = _spoilt(INVITE, odd, only).replace(b"odd", b"odd%d" % (only or 1000))
        lab.deliver(stranger.flow, _whole(head, _spoilt(DESCRIPTION, odd, only)))
        _answered(callee, odd)
    _talked(lab, "honest")
    return list(lab.ledger.running())


def _captured(traces: list[Trace]) -> Explanation:
    """The same calls as a capture would have them."""
    explainer = Explainer(Sites())
    explainer.receive([seen_live(*row) for trace in traces for row in trace.live])
    return explainer.finish()


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_whoever_reads_of_a_call_gets_text_whatever_bytes_stand_in_it(
    odd: bytes, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    traces = _calls_of(odd)
    assert len(traces) > 30
    for trace in [*traces, *unpacked(packed(traces))]:
        call = call_of(trace)
        for row in (summary_of(trace), summarised(call)):
            json.loads(json_bytes(facts_of_summary(row)).decode())
            repr(row).encode()
        json.loads(json_bytes(story_of(call, Language.ZH, with_messages=True)).decode())
        print_lines([*draw_call(call, Language.EN), *draw_messages(call)])
    for explanation in (explain_own(traces, Sites(), 2_000_000.0), _captured(traces)):
        json.loads(b"".join(encoded(explanation)).decode())
        "".join(write_page(explanation, Language.EN)).encode()
        print_lines(draw_report(explanation, Language.EN))
        print_lines(line for one in explanation.calls for line in draw_explained(one, Language.ZH))
    shown = capsysbinary.readouterr().out.decode()
    assert all(character == "\n" or character.isprintable() for character in shown)
    assert "honest" in {summary_of(trace).call_id for trace in traces}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
@pytest.mark.parametrize("method", ["REGISTER", "OPTIONS", "SUBSCRIBE", "MESSAGE", "BYE", "ACK", "CANCEL", "UPDATE"])
def test_no_request_of_odd_bytes_is_a_fault_of_ours(method: str, odd: bytes) -> None:
    lab = Lab(SETTINGS)
    callee, stranger = lab.registered("1002", "198.51.100.8"), lab.phone("1001", "198.51.100.7")
    text = INVITE.replace(b"INVITE", method.encode())
    for only in [None, *range(text.count(b"^"))]:
        lab.deliver(stranger.flow, _whole(_spoilt(text, odd, only), b""))
        for message in list(callee.inbox):
            Message.parse(message.raw)
    assert [binding for binding in lab.bindings.saved if binding.flow.transport is Transport.UDP]
