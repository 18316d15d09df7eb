"""Whatever a phone writes, in whatever order: nothing escapes, no port leaks, nothing changes without need."""

import re
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.media.browser import WebCall
from tests.media.in_memory import Call

from talkpath.base.errors import Malformed, Unavailable
from talkpath.media import Exchange, LegId, MediaPolicy, MediaRefused
from talkpath.sdp import SessionDescription
from talkpath.sdp.outline import ICE_ATTRIBUTES

CORPUS = sorted((Path(__file__).parents[1] / "sdp" / "corpus").glob("*.sdp"))
CHANGED = ("m=", "c=", "a=rtcp:", "a=group:BUNDLE", *(f"a={name}" for name in ICE_ATTRIBUTES))


def untouched(data: bytes) -> Counter[str]:
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    return Counter(line.rstrip("\r") for line in lines if not line.startswith(CHANGED))


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_only_addresses_and_ice_change(call: Call, path: Path) -> None:
    data = path.read_bytes()
    before = SessionDescription.parse(data)
    after = call.offer(data)
    assert untouched(after.encode()) == untouched(_with_our_origin(data))
    assert [section.formats for section in after] == [section.formats for section in before]
    for old, new in zip(before, after, strict=True):
        if old.port and (old.is_rtp or old.protocol.lower() == "udptl"):
            ours = next(one for one in call.engine.open_ports if one.rtp == new.port)
            assert new.connection.is_zero == old.connection.is_zero
            assert new.connection.is_zero or new.connection.host == "203.0.113.1"
            assert not new.candidates
            assert ours.expected == {}
        else:
            assert new.port == old.port
            assert not old.port or new.connection == old.connection


def _with_our_origin(data: bytes) -> bytes:
    """o= takes our address: the other party's is nobody's business, and phones look for the family there."""

    def ours(match: re.Match[bytes]) -> bytes:
        fields = match[1].split()
        return b" ".join(fields[:-2]) + b" IP4 203.0.113.1" + match[2] if len(fields) > 5 else match[0]

    return re.sub(rb"(?m)^(o=[^\r\n]*)(\r?)$", ours, data)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_each_can_be_answered_with_itself(call: Call, path: Path) -> None:
    call.offer(path.read_bytes())
    call.answer(path.read_bytes())
    call.chosen()
    call.session.close(call.now)
    assert not call.engine.open_ports


BODIES = st.one_of(
    st.sampled_from([path.read_bytes() for path in CORPUS]),
    st.binary(max_size=200),
    st.lists(
        st.sampled_from(
            [
                b"m=audio 4000 RTP/AVP 0 8",
                b"m=audio 0 RTP/AVP 0",
                b"m=video 5000 RTP/AVPF 96",
                b"m=image 6000 udptl t38",
                b"m=message 7000 TCP/MSRP *",
                b"m=audio 4000 RTP/SAVP 0 999999",
                b"c=IN IP4 0.0.0.0",
                b"c=IN IP4 192.0.2.1",
                b"c=IN IP6 2001:db8::1",
                b"c=IN IP4 phone.example.com",
                b"c=IN IP6 ::ffff:192.0.2.1",
                b"c=IN IP6 fe80::1%eth0",
                b"a=sendonly",
                b"a=inactive",
                b"a=rtcp-mux",
                b"a=rtcp:0",
                b"a=rtcp:70000",
                b"a=rtcp:5 IN IP6 ::1",
                b"a=rtpmap:96 H264/4294967296",
                b"a=candidate:x",
                b"a=group:BUNDLE 0",
                b"\xff\xfe=",
                b"a=\xff",
                b"",
            ]
        ),
        max_size=12,
    ).map(lambda lines: b"\r\n".join([b"v=0", *lines])),
)
STEPS_BEFORE_BODY = (
    st.sampled_from(["carry", "carry", "carry", "rejected", "chosen", "released"]),
    st.integers(1, 3),
    st.booleans(),
    st.sampled_from(["INVITE", "UPDATE", "PRACK", "ACK"]),
    st.integers(1, 3),
    st.sampled_from([0, 0, 183, 200]),
)
STEPS = st.tuples(*STEPS_BEFORE_BODY, BODIES)


@settings(max_examples=settings.default.max_examples * 3 // 2, deadline=None)
@given(st.lists(STEPS, max_size=12))
def test_any_order_of_messages_leaves_every_port_accounted_for(steps) -> None:
    _take(Call(MediaPolicy(first_port=20000, last_port=20040)), steps)


WEB_LINES = [
    b"m=audio 9 UDP/TLS/RTP/SAVPF 111 8",
    b"m=video 9 UDP/TLS/RTP/SAVPF 96",
    b"m=video 0 UDP/TLS/RTP/SAVPF 96",
    b"m=audio 4000 UDP/TLS/RTP/SAVP 8",
    b"m=audio 4000 RTP/SAVP 8",
    b"m=audio 4000 RTP/AVP 8",
    b"m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    b"c=IN IP4 192.0.2.1",
    b"a=group:BUNDLE 0 1 2",
    b"a=group:BUNDLE 2 1",
    b"a=mid:0",
    b"a=mid:1",
    b"a=mid:2",
    b"a=bundle-only",
    b"a=rtcp-mux",
    b"a=fingerprint:sha-256 AA:BB",
    b"a=setup:actpass",
    b"a=setup:passive",
    b"a=setup:holdconn",
    b"a=ice-ufrag:abcd",
    b"a=ice-pwd:0123456789012345678901",
    b"a=ice-ufrag:a\xff\xfe",
    b"a=ice-pwd:\xb2123456789012345678901",
    b"a=ice-pwd:" + b"x" * 60_000,
    b"a=candidate:1 1 udp 1 192.0.2.1 9 typ host",
    b"a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
    b"a=extmap:4000/x urn:ietf:params:rtp-hdrext:sdes:mid",
    b"a=ssrc:99999999999 x",
    b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|1:4",
]
WEB_BODIES = st.lists(st.sampled_from(WEB_LINES), max_size=24).map(lambda lines: b"\r\n".join([b"v=0", *lines]))


@settings(max_examples=settings.default.max_examples * 3, deadline=None)
@given(st.lists(st.tuples(*STEPS_BEFORE_BODY, WEB_BODIES), max_size=10), st.sampled_from([[], [0], [1], [0, 1, 2]]))
def test_any_order_of_secured_messages_leaves_every_port_accounted_for(steps, web) -> None:
    _take(WebCall(web), steps)


def _take(call: Call, steps) -> None:
    for what, branch, from_caller, method, cseq, status, body in steps:
        frm, to = (0, branch) if from_caller else (branch, 0)
        exchange = Exchange(method, cseq, status)
        if what == "carry":
            with suppress(Malformed, Unavailable, MediaRefused):
                call.say(frm, to, exchange, body)
        elif what == "rejected":
            call.session.rejected(frm=LegId(frm), to=LegId(to), exchange=exchange, now=call.now)
        else:
            getattr(call, what)(branch)
        assert {number for number, _ in call.session.ports} == {port.id for port in call.engine.open_ports}
        for port in call.engine.open_ports:
            assert port.target is None or not port.target.closed
        call.hand_over()
    call.session.close(call.now)
    assert not call.engine.open_ports
