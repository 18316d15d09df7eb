"""The numbers every installation has: `echo` plays back what it hears, `tone` plays 1004 Hz."""

import pytest

from harness.agent import Call
from harness.sound import assert_alike, compare, read, tone_share, trimmed

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("healthy")]

TRANSPORTS = ("udp", "tcp", "tls")


@pytest.fixture(autouse=True)
def _has_numbers(edge):
    if edge.is_reference:
        pytest.skip("the reference answers no number itself")


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("kind", ["baresip", "linphone"])
def test_a_phone_hears_its_own_voice_at_echo(phones, kind, transport) -> None:
    phone = getattr(phones, kind)(transport)
    phone.dial("echo")
    phone.established()
    phone.wait_heard(2.5)
    phone.hang_up()
    phone.closed()
    likeness = compare(read(phone.voice), phone.heard())
    assert likeness.is_good, likeness


@pytest.mark.parametrize("codec", ["PCMA/8000/1", "PCMU/8000/1", "G722/16000/1", "opus/48000/2"])
def test_a_phone_hears_1004_hertz_at_tone(phones, codec) -> None:
    phone = phones.baresip("udp", codec=codec)
    phone.dial("tone")
    phone.established()
    phone.wait_heard(2)
    phone.hang_up()
    phone.closed()
    heard = trimmed(phone.heard())
    assert len(heard) > 8000
    assert tone_share(heard, 1004) > 0.95


def test_linphone_hears_1004_hertz_at_tone(phones) -> None:
    phone = phones.linphone("tls", codecs=("PCMU/8000",))
    phone.dial("tone")
    phone.established()
    phone.wait_heard(2)
    phone.hang_up()
    phone.closed()
    assert tone_share(trimmed(phone.heard()), 1004) > 0.9


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls", "ws", "wss"])
def test_echo_returns_every_packet_in_order(agents, transport) -> None:
    """Our own talker: nothing is lost, doubled or changed on the way."""
    alice, talker = agents.agent(transport), agents.talker()
    call = alice.dial("echo", talker.offer())
    talker.start(call.established())
    talker.wait_received(100)
    sequences = [packet.sequence for packet in talker.received]
    assert call.bye().status == 200
    assert sequences == sorted(set(sequences))
    assert_alike(talker.voice, talker.heard())


def test_a_caller_without_account_reaches_echo_but_may_not_pretend_to_be_a_user(edge, agents) -> None:
    talker = agents.talker()
    stranger = agents.silent()
    request = stranger.request("INVITE", "echo")
    request.sender = "sip:visitor@elsewhere.example"
    request.body = talker.offer()
    request.extra = [stranger.endpoint.contact("visitor"), "Content-Type: application/sdp"]
    stranger.endpoint.send(request)
    call = Call(stranger, request)
    assert call.final().status == 200
    pretender = agents.silent().request("INVITE", "echo")
    pretender.sender = edge.identity().aor
    pretender.body, pretender.extra = request.body, request.extra
    assert stranger.endpoint.ask(pretender).status in (401, 407)
    assert call.bye().status == 200
