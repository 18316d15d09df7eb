"""Those who are broken or mean harm get an error or silence; the calls that run meanwhile never notice."""

import contextlib

import pytest

from harness import strangers
from harness.agent import connect, hang_up
from harness.edge import usage
from harness.rtp import Stranger, media_address
from harness.sound import assert_alike, voice
from harness.talk import assert_both_hear, begin, end, listen

pytestmark = pytest.mark.live


def test_garbage_on_every_listener_does_not_touch_a_running_call(edge, phones, agents) -> None:
    first, second = phones.baresip("udp"), phones.baresip("tcp")
    begin(first, second)
    before = usage(edge.process.pid)
    strangers.throw_datagrams(edge.host, edge.doors.udp)
    for transport in ("tcp", "tls", "ws", "wss"):
        if edge.doors.of(transport):
            strangers.throw_streams(edge.host, edge.doors.of(transport), tls=transport in ("tls", "wss"))
            strangers.throw_streams(edge.host, edge.doors.of(transport))
    listen(first, second)
    end(first, second)
    assert_both_hear(first, second)
    assert agents.agent("tls").register().status == 200
    after = usage(edge.process.pid)
    assert after.resident_mib - before.resident_mib < 64
    assert not edge.complaints()


def test_three_hundred_connections_that_say_nothing(edge, agents) -> None:
    with contextlib.ExitStack() as open_ones:
        for stream in strangers.half_open(edge.doors, edge.host, 300):
            open_ones.callback(stream.close)
        alice, bob = agents.agent("tcp"), agents.agent("tls")
        call, incoming = connect(alice, bob, agents.talker().offer(), agents.talker().offer())
        hang_up(call.dialog, incoming.dialog)


def test_a_message_larger_than_any_phone_sends_ends_only_its_connection(edge, agents) -> None:
    with strangers.connection(edge.host, edge.doors.tcp) as stream:
        with contextlib.suppress(OSError):
            for _ in range(64):
                stream.sendall(b"OPTIONS sip:x SIP/2.0\r\nX: " + b"y" * 65536 + b"\r\n")
        with contextlib.suppress(OSError):
            while stream.recv(65536):
                pass
    assert agents.agent("tcp").register().status == 200


@pytest.mark.parametrize(
    ("spoil", "statuses"),
    [
        (lambda text: text.replace(b"Max-Forwards: 70", b"Max-Forwards: 0"), (483, 200)),
        (lambda text: text.replace(b"SIP/2.0\r\n", b"SIP/7.0\r\n", 1), (505, 400)),
        (lambda text: text.replace(b"CSeq: 1 OPTIONS", b"CSeq: 1 INVITE"), (400,)),
        (lambda text: text.replace(b"Content-Length: 0", b"Content-Length: 999"), (400,)),
        (lambda text: text.replace(b"CSeq", b"Require: telepathy\r\nCSeq"), (420,)),
        (lambda text: text.replace(b"Call-ID", b"X-Call-ID"), (400,)),
    ],
    ids=["no hops left", "version", "other method in CSeq", "body too short", "unknown extension", "no Call-ID"],
)
def test_a_broken_request_is_told_what_is_wrong(edge, agents, spoil, statuses) -> None:
    if edge.is_reference:
        pytest.skip("Kamailio has its own opinions")
    phone = agents.silent()
    request = phone.request("OPTIONS", f"sip:{phone.identity.authority}")
    phone.endpoint.send(spoil(request.text(phone.endpoint.via)))
    assert phone.endpoint.wait(lambda item: item.status >= 200).status in statuses


@pytest.mark.parametrize("when", ["before the first packet", "in the first seconds", "later"])
@pytest.mark.parametrize("source", ["another port", "another address"])
def test_rtp_of_a_stranger_is_neither_heard_nor_answered(edge, agents, when, source) -> None:
    """rtpengine lets a stranger take over a plain call in its first three seconds, and passes what comes later."""
    if edge.is_reference:
        pytest.skip("the reference fails this")
    alice, bob = agents.agent(), agents.agent("tcp")
    talkers = agents.talker(), agents.talker()
    call, incoming = connect(alice, bob, talkers[0].offer(), talkers[1].offer())
    towards_alice, towards_bob = media_address(call.answer.body), media_address(incoming.invite.body)
    host = edge.host if source == "another port" else "127.0.0.1"
    with Stranger(host, voice(99, 6)) as stranger:
        if when == "before the first packet":
            stranger.inject(towards_alice, 50)
        talkers[0].start(call.answer.body)
        talkers[1].start(incoming.invite.body)
        talkers[0].wait_received(10 if when == "in the first seconds" else 170)
        stranger.inject(towards_alice, 100)
        stranger.inject(towards_bob, 100)
        talkers[0].wait_received(250)
        hang_up(call.dialog, incoming.dialog)
        assert stranger.received == 0
    for talker, other in (talkers, talkers[::-1]):
        assert {packet.payload[:8] for packet in talker.received}.isdisjoint(stranger.payloads)
        assert_alike(other.voice, talker.heard())


def test_rtp_to_ports_of_no_call_is_silence(edge, agents) -> None:
    with Stranger(edge.host, voice(98, 1)) as stranger:
        for port in range(16384, 16484):
            stranger.inject((edge.host, port), 1)
        assert stranger.received == 0
    assert agents.agent().register().status == 200
