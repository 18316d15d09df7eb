"""What happens to the audio within a call: before the answer, on hold, after the phone moved."""

import pytest

from harness.agent import connect, hang_up
from harness.sound import RATE_HZ, assert_alike, tone_share

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("healthy")]


def test_early_media_is_heard_before_the_answer(agents) -> None:
    """An announcement with a 183; the 200 that follows changes nothing."""
    alice, bob = agents.agent("tcp"), agents.agent("udp")
    caller, announcer = agents.talker(), agents.talker()
    call = alice.dial(bob.identity.user, caller.offer())
    incoming = bob.incoming()
    incoming.progress(announcer.offer())
    early = call.provisional(183)
    announcer.start(incoming.invite.body)
    caller.start(early.body)
    caller.wait_received(100)
    incoming.accept(announcer.offer())
    assert call.established()
    incoming.wait_ack()
    caller.wait_received(200)
    hang_up(call.dialog, incoming.dialog)
    assert_alike(announcer.voice, caller.heard())


@pytest.mark.parametrize(("asked", "answered"), [("sendonly", "recvonly"), ("inactive", "inactive")])
def test_hold_is_told_to_the_other_side_and_taken_back(agents, asked, answered) -> None:
    alice, bob = agents.agent(), agents.agent("tls")
    here, there = agents.talker(), agents.talker()
    call, incoming = connect(alice, bob, here.offer(), there.offer())
    here.start(call.answer.body)
    there.start(incoming.invite.body)
    here.wait_received(50)
    told, replied = call.dialog.renegotiate(incoming.dialog, here.offer(asked, 2), there.offer(answered, 2))
    assert f"a={asked}".encode() in told.body
    assert f"a={answered}".encode() in replied.body
    call.dialog.renegotiate(incoming.dialog, here.offer(version=3), there.offer(version=3))
    before = len(here.received)
    here.wait_received(before + 100)
    there.wait_received(100)
    hang_up(incoming.dialog, call.dialog)
    assert_alike(there.voice, here.heard())
    assert_alike(here.voice, there.heard())


def test_a_phone_that_moves_its_media_is_followed(agents) -> None:
    """A re-INVITE with another port, as after a change of network: the audio goes there and nowhere else."""
    alice, bob = agents.agent(), agents.agent("tcp")
    old, new, other = agents.talker(), agents.talker(), agents.talker()
    call, incoming = connect(alice, bob, old.offer(), other.offer())
    old.start(call.answer.body)
    other.start(incoming.invite.body)
    old.wait_received(50)
    _, replied = call.dialog.renegotiate(incoming.dialog, new.offer(version=2), other.offer(version=1))
    old.fall_silent()
    new.start(replied.body)
    new.wait_received(100)
    heard_at_old = len(old.received)
    new.wait_received(150)
    assert len(old.received) == heard_at_old
    other.wait_received(100, ssrc=new.ssrc)
    hang_up(call.dialog, incoming.dialog)
    assert_alike(other.voice, new.heard())
    assert_alike(new.voice, other.heard(new.ssrc))


def test_an_offer_in_the_answer_and_the_answer_in_the_ack(agents) -> None:
    """RFC 3261 13.2.1: an INVITE without a body, as some exchanges and gateways send it."""
    alice, bob = agents.agent(), agents.agent("tcp")
    here, there = agents.talker(), agents.talker()
    call = alice.dial(bob.identity.user, b"")
    incoming = bob.incoming()
    incoming.accept(there.offer())
    answer = call.final(answer_in_ack=here.offer())
    ack = incoming.wait_ack()
    here.start(answer.body)
    there.start(ack.body)
    here.wait_received(100)
    there.wait_received(100)
    hang_up(call.dialog, incoming.dialog)
    assert_alike(there.voice, here.heard())
    assert_alike(here.voice, there.heard())


def test_what_the_edge_does_not_know_passes_untouched(agents) -> None:
    """Case 8: an unknown fmtp of the offer that the answer lacks removes no codec."""
    alice, bob = agents.agent(), agents.agent()
    here, there = agents.talker(), agents.talker()
    offer = (
        here.offer()
        .replace(b"RTP/AVP 8", b"RTP/AVP 0 101")
        .replace(
            b"a=rtpmap:8 PCMA/8000", b"a=rtpmap:0 PCMU/8000\r\na=fmtp:0 abc=no\r\na=rtpmap:101 telephone-event/8000"
        )
    )
    answer = offer.replace(b"a=fmtp:0 abc=no\r\n", b"").replace(str(here.port).encode(), str(there.port).encode())
    call, incoming = connect(alice, bob, offer, answer)
    assert b"a=fmtp:0 abc=no" in incoming.invite.body
    media = next(line for line in call.answer.body.splitlines() if line.startswith(b"m=audio"))
    assert media.split()[3:] == [b"0", b"101"]
    hang_up(call.dialog, incoming.dialog)


def test_linphone_hears_every_new_source_of_a_caller(agents, phones) -> None:
    """A page that is loaded again comes back from another port, as another SSRC that counts from the beginning."""
    alice, phone = agents.agent(), phones.linphone("tcp")
    first = agents.talker(hertz=400)
    call = alice.dial(phone.identity.user, first.offer())
    phone.accept()
    first.start(call.established())
    call.acknowledge()
    phone.wait_heard(2)
    before, tones = first, (620, 980, 1300)
    for version, hertz in enumerate(tones, 2):
        before.fall_silent()
        talker = agents.talker(hertz=hertz)
        talker.start(call.dialog.offer_to_phone(talker.offer(version=version)))
        phone.wait_heard(3)
        before = talker
    alice.endpoint.send(call.dialog.request("BYE"))
    phone.closed()
    recording = phone.heard()
    seconds = [recording[at : at + RATE_HZ] for at in range(0, len(recording) - RATE_HZ, RATE_HZ)]
    for hertz in tones:
        assert max(tone_share(second, hertz) for second in seconds) > 0.9, hertz
