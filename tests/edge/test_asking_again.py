"""A phone that refuses a profile is asked again in another (docs/decisions/profiles-and-bundles.md)."""

from tests.edge.lab import HOME, OFFER, Lab, Phone

from talkpath.media.policy import Profile

SDES_OFFER = OFFER.replace(b"RTP/AVP", b"RTP/SAVP") + (
    b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n"
)


def test_a_phone_that_refuses_the_profile_is_asked_for_another(lab: Lab, caller: Phone, callee: Phone) -> None:
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    callee.answer(callee.take(), 488, "Not Acceptable Here")
    again = next(message for message in callee.inbox if message.method == "INVITE")
    callee.inbox.clear()
    callee.answer(again, 200, "OK", body=OFFER.replace(b"198.51.100.7", b"198.51.100.8"))
    assert caller.statuses() == [100, 200]
    assert "media.asked-again" in lab.kinds("c1")


def asked_for(lab: Lab) -> list[Profile | None]:
    """What the phones of the only call were offered, in turn."""
    (running,) = lab.edge.core.calls.values()
    return [party.profile for party in running.callees.values()]


def refuse_and_take_the_next_for_a_loop(caller: Phone, callee: Phone) -> str:
    """As a strict phone on UDP: the second INVITE has the From tag, Call-ID and CSeq of the first (8.2.2.2). Gives
    the caller's branch."""
    branch = caller.invite(f"sip:1002@{HOME}", body=OFFER)
    callee.answer(callee.take(), 488, "Not Acceptable Here")
    again = callee.last()
    callee.inbox.clear()
    callee.answer(again, 482, "Loop Detected")
    return branch


def test_a_phone_that_takes_the_second_asking_for_a_loop_is_asked_when_it_has_forgotten(
    lab: Lab, caller: Phone, callee: Phone
) -> None:
    refuse_and_take_the_next_for_a_loop(caller, callee)
    assert callee.methods() == ["ACK"]
    assert caller.statuses() == [100]
    lab.wait(5.0)
    assert callee.methods() == ["ACK"]
    lab.wait(1.0)
    again = callee.last()
    assert again.method == "INVITE"
    callee.answer(again, 200, "OK", body=OFFER.replace(b"198.51.100.7", b"198.51.100.8"))
    assert caller.statuses() == [100, 200]
    assert "media.asked-too-soon" in lab.kinds("c1")


def test_a_refusal_that_describes_what_it_wants_is_believed(lab: Lab, caller: Phone, callee: Phone) -> None:
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    callee.answer(callee.take(), 488, body=OFFER.replace(b"RTP/AVP", b"UDP/TLS/RTP/SAVPF"))
    assert asked_for(lab) == [None, Profile.DTLS]


def test_a_phone_that_calls_everything_a_loop_has_its_refusal_passed_on(
    lab: Lab, caller: Phone, callee: Phone
) -> None:
    refuse_and_take_the_next_for_a_loop(caller, callee)
    lab.wait(6.0)
    callee.answer(callee.last(), 482, "Loop Detected")
    assert caller.statuses() == [100, 488]
    lab.wait(40.0)
    assert lab.edge.core.calls == {}


def test_a_caller_who_gives_up_while_a_phone_forgets_is_not_made_to_wait(
    lab: Lab, caller: Phone, callee: Phone
) -> None:
    branch = refuse_and_take_the_next_for_a_loop(caller, callee)
    caller.request("CANCEL", f"sip:1002@{HOME}", call_id="c1", branch=branch, cseq=caller.cseq)
    assert caller.statuses() == [100, 200, 487]
    callee.inbox.clear()
    lab.wait(40.0)
    assert callee.inbox == []
    assert lab.engine.open_ports == []


def test_a_phone_that_answers_while_another_forgets_ends_the_waiting(lab: Lab, caller: Phone, callee: Phone) -> None:
    mobile = lab.phone("1002", "198.51.100.9")
    mobile.register()
    refuse_and_take_the_next_for_a_loop(caller, callee)
    mobile.answer(mobile.take(), 200, body=OFFER.replace(b"198.51.100.7", b"198.51.100.9"))
    assert caller.statuses() == [100, 200]
    callee.inbox.clear()
    lab.wait(10.0)
    assert callee.inbox == []


def test_a_loop_that_was_no_second_asking_is_told_at_once(lab: Lab, caller: Phone, callee: Phone) -> None:
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    callee.answer(callee.take(), 482, "Loop Detected")
    assert caller.statuses() == [100, 482]


def test_a_phone_that_offers_srtp_is_called_with_srtp(lab: Lab, caller: Phone, callee: Phone) -> None:
    """What it offers it takes; a phone that must have SRTP would refuse plain RTP first."""
    callee.invite(f"sip:1001@{HOME}", body=SDES_OFFER)
    caller.answer(caller.take(), 486, "Busy Here")
    callee.inbox.clear()
    caller.invite(f"sip:1002@{HOME}", call_id="c2", body=OFFER)
    assert asked_for(lab) == [Profile.SDES]


def test_a_phone_that_refuses_every_profile_has_the_last_word(lab: Lab, caller: Phone, callee: Phone) -> None:
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    asked = 0
    while invites := [message for message in callee.inbox if message.method == "INVITE"]:
        callee.inbox.clear()
        callee.answer(invites[0], 488, "Not Acceptable Here")
        asked += 1
    assert asked == 4
    assert caller.statuses() == [100, 488]


def test_a_phone_without_the_codecs_is_not_asked_again(lab: Lab, caller: Phone, callee: Phone) -> None:
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    callee.answer(callee.take(), 488, extra='Warning: 305 phone "incompatible media format"')
    assert callee.methods() == ["ACK"]
    assert caller.statuses() == [100, 488]
