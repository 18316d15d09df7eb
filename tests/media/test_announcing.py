"""What is announced to the sides of a call, in which codec, and when it has been heard."""

from dataclasses import dataclass

from tests.media.in_memory import Call, sdp

from talkpath.media import Exchange, MediaPolicy
from talkpath.media.memory import MemoryPort

PHONE = "audio 4000 RTP/AVP 8 0 101\na=rtpmap:101 telephone-event/8000"
BOTH = ("caller", "callee")


@dataclass
class Clip:
    seconds: float = 3.2


def said(call: Call) -> list[tuple[str, dict[str, object]]]:
    kinds = ("media.announced", "media.announcement-cut", "media.not-announced")
    call.drain()
    return [(one.kind, dict(one.values)) for one in call.moments if one.kind in kinds]


def talking(call: Call, caller: str = PHONE, callee: str = PHONE) -> tuple[MemoryPort, MemoryPort]:
    call.offer(sdp("192.0.2.10", caller))
    call.answer(sdp("192.0.2.20", callee))
    call.chosen()
    return call.port(0), call.port(1)


def play_out(call: Call, *ports: MemoryPort) -> None:
    for port in ports:
        call.session.receive(call.engine.play_out(port, call.now), call.now)


def test_both_hear_it_in_what_they_take_and_it_is_told_when_both_have(call: Call) -> None:
    caller, callee = talking(call, "audio 4000 RTP/AVP 8 101\na=rtpmap:101 telephone-event/8000")
    call.session.announce(Clip(), BOTH, call.now)
    assert [port.speaks for port in (caller, callee)] == [((8, "PCMA"),), ((8, "PCMA"), (0, "PCMU"))]
    play_out(call, caller)
    assert said(call) == []
    play_out(call, callee)
    assert said(call) == [("media.announced", {"sides": "sides", "seconds": 3.2})]


def test_one_side_alone_hears_it(call: Call) -> None:
    caller, callee = talking(call)
    call.session.announce(Clip(), ("callee",), call.now)
    assert (caller.clip, callee.clip) == (None, Clip())
    play_out(call, callee)
    assert said(call) == [("media.announced", {"sides": "callee", "seconds": 3.2})]


def test_a_side_whose_codec_cannot_be_spoken_hears_nothing_and_that_is_told(call: Call) -> None:
    talking(call, "audio 4000 RTP/AVP 18", "audio 4000 RTP/AVP 18")
    call.session.announce(Clip(), BOTH, call.now)
    why = {"why": "codec", "codecs": "G729"}
    assert said(call) == [("media.not-announced", {"side": side, **why}) for side in BOTH]


def test_what_is_encrypted_from_end_to_end_is_left_alone(call: Call) -> None:
    key = "\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40
    talking(call, "audio 4000 RTP/SAVP 8" + key, "audio 4000 RTP/SAVP 8" + key)
    call.session.announce(Clip(), ("caller",), call.now)
    assert [(kind, values["why"]) for kind, values in said(call)] == [("media.not-announced", "encrypted")]


def test_who_is_converted_for_hears_it_in_what_is_made_for_him() -> None:
    call = Call(MediaPolicy())
    call.offer(sdp("192.0.2.10", "audio 4000 RTP/AVP 9"))
    call.answer(sdp("192.0.2.20", "audio 4000 RTP/AVP 8"))
    call.chosen()
    call.session.announce(Clip(), BOTH, call.now)
    assert [call.port(side).speaks[0] for side in (0, 1)] == [(9, "G722"), (8, "PCMA")]


def test_who_holds_hears_the_rest_when_it_is_back(call: Call) -> None:
    caller, callee = talking(call)
    call.session.announce(Clip(), BOTH, call.now)
    call.offer(sdp("192.0.2.10", PHONE + "\na=sendonly"), cseq=2)
    call.answer(sdp("192.0.2.20", PHONE + "\na=recvonly"), cseq=2)
    assert (caller.speaks, callee.speaks) == ((), ((8, "PCMA"), (0, "PCMU")))
    play_out(call, callee)
    assert said(call) == []
    call.offer(sdp("192.0.2.10", "audio 4000 RTP/AVP 0"), cseq=3)
    call.answer(sdp("192.0.2.20", "audio 4000 RTP/AVP 0"), cseq=3)
    assert (caller.clip, caller.speaks) == (Clip(), ((0, "PCMU"),))
    play_out(call, caller)
    assert [kind for kind, _ in said(call)] == ["media.announced"]


def test_it_waits_for_the_answer_in_an_ack(call: Call) -> None:
    offer = Exchange("INVITE", 1, 200)
    call.say(1, 0, offer, sdp("192.0.2.20", PHONE))
    call.chosen()
    call.session.announce(Clip(), BOTH, call.now)
    call.say(0, 1, Exchange("ACK", 1), sdp("192.0.2.10", PHONE))
    assert [call.port(side).clip for side in (0, 1)] == [Clip(), Clip()]


def test_a_call_that_ends_meanwhile_says_who_missed_it(call: Call) -> None:
    caller, _ = talking(call)
    call.session.announce(Clip(), BOTH, call.now)
    play_out(call, caller)
    call.session.close(call.now)
    assert said(call) == [("media.announcement-cut", {"sides": "callee"})]


def test_a_refused_change_of_codec_changes_nothing(call: Call) -> None:
    caller, _ = talking(call)
    call.session.announce(Clip(), BOTH, call.now)
    before = len(call.engine.told)
    call.offer(sdp("192.0.2.10", "audio 4000 RTP/AVP 0"), cseq=2)
    call.rejected(cseq=2)
    assert ("announce", caller.id) not in call.engine.told[before:]


def test_a_beep_is_no_moment_and_gives_way_to_an_announcement(call: Call) -> None:
    caller, callee = talking(call)
    call.session.announce(Clip(), BOTH, call.now)
    call.session.announce(Clip(0.2), BOTH, call.now, is_noted=False)
    assert caller.clip == Clip()
    play_out(call, caller, callee)
    call.session.announce(Clip(0.2), BOTH, call.now, is_noted=False)
    assert caller.clip == Clip(0.2)
    play_out(call, caller, callee)
    assert len(said(call)) == 1


def test_a_service_announces_too(call: Call) -> None:
    call.session.answer_locally(sdp("192.0.2.10", PHONE), "echo", call.origin(0), call.now)
    call.session.announce(Clip(), BOTH, call.now)
    assert call.port(0).clip == Clip()
    play_out(call, call.port(0))
    assert [kind for kind, _ in said(call)] == ["media.announced"]
