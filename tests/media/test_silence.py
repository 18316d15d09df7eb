"""Hold in its forms, and what happens when nothing is heard any more."""

import pytest
from tests.media.in_memory import Call, sdp

from talkpath.media import Exchange, MediaPolicy

CALLEE = "192.0.2.21"


def answered(call: Call) -> None:
    call.offer(sdp("192.0.2.10", "audio 4000 RTP/AVP 8"))
    call.answer(sdp(CALLEE, "audio 5000 RTP/AVP 8"))
    call.chosen()


def reinvite(call: Call, offer: str, answer: str, cseq: int = 2, host: str = CALLEE):
    forwarded = call.say(1, 0, Exchange("INVITE", cseq), sdp(host, f"audio 5000 RTP/AVP 8\na={offer}"))
    call.say(0, 1, Exchange("INVITE", cseq, 200), sdp("192.0.2.10", f"audio 4000 RTP/AVP 8\na={answer}"))
    return forwarded


@pytest.mark.parametrize(("offer", "answer"), [("sendonly", "recvonly"), ("inactive", "inactive")])
def test_hold_by_direction_keeps_the_path_for_music(call: Call, offer: str, answer: str) -> None:
    answered(call)
    forwarded = reinvite(call, offer, answer)
    assert forwarded.audio.direction == offer
    assert call.port(1).target is call.port(0)
    assert call.port(0).target is call.port(1)
    assert call.port(0).timeout_s == 3600
    assert call.port(1).timeout_s == (60 if offer == "sendonly" else 3600)
    assert call.kinds()[-1] == "media.held"
    reinvite(call, "sendrecv", "sendrecv", 3)
    assert call.port(0).timeout_s == call.port(1).timeout_s == 60
    assert call.kinds()[-1] == "media.resumed"


def test_hold_by_zero_address_stays_one_and_stops_what_we_send(call: Call) -> None:
    answered(call)
    forwarded = reinvite(call, "sendrecv", "sendrecv", host="0.0.0.0")
    assert forwarded.audio.connection.host == "0.0.0.0"
    assert forwarded.audio.port == call.port(0).rtp
    assert call.port(0).target is None
    assert call.port(1).expected["rtp"] == (CALLEE, 5000)
    assert call.kinds()[-1] == "media.held"
    reinvite(call, "sendrecv", "sendrecv", 3)
    assert call.port(0).target is call.port(1)


def test_a_dead_phone_ends_the_call(call: Call) -> None:
    answered(call)
    call.hear(call.port(0))
    call.hear(call.port(1))
    call.now += 60
    call.hear(call.port(1))
    call.fall_silent(call.port(0))
    assert [(death.reason, death.side) for death in call.deaths] == [("media-timeout", "caller")]
    assert call.kinds()[-1] == "media.timeout"
    call.fall_silent(call.port(0))
    assert len(call.deaths) == 1


def test_a_side_that_never_spoke_does_not_end_the_call_alone(call: Call) -> None:
    answered(call)
    call.hear(call.port(1))
    call.now += 61
    call.hear(call.port(1))
    call.fall_silent(call.port(0))
    assert not call.deaths
    assert call.engine.told[-1] == ("watch", call.port(0).id)
    call.now += 61
    call.fall_silent(call.port(1))
    assert [death.side for death in call.deaths] == [""], "neither sends: nobody is blamed alone"
    assert call.kinds()[-1] == "media.timeout-both"


def test_silence_counts_from_the_resume(call: Call) -> None:
    answered(call)
    call.hear(call.port(0))
    reinvite(call, "inactive", "inactive")
    call.now += 1000
    reinvite(call, "sendrecv", "sendrecv", 3)
    call.now += 59
    call.fall_silent(call.port(0))
    assert not call.deaths


def test_a_call_on_hold_ends_much_later(call: Call) -> None:
    answered(call)
    call.hear(call.port(0))
    call.hear(call.port(1))
    reinvite(call, "inactive", "inactive")
    call.now += 3600
    call.fall_silent(call.port(0))
    assert call.deaths


def test_a_camera_turned_off_does_not_end_the_call(call: Call) -> None:
    video = "video 4002 RTP/AVP 31"
    call.offer(sdp("192.0.2.10", "audio 4000 RTP/AVP 8", video))
    call.answer(sdp(CALLEE, "audio 5000 RTP/AVP 8", video))
    call.chosen()
    call.hear(call.port(0, 0))
    call.hear(call.port(0, 1))
    call.now += 60
    call.hear(call.port(0, 0))
    call.fall_silent(call.port(0, 1))
    assert not call.deaths


def test_zero_seconds_never_end_a_call() -> None:
    call = Call(MediaPolicy(timeout_s=0, hold_timeout_s=0))
    answered(call)
    assert call.port(0).timeout_s is None


def test_events_of_released_ports_are_ignored(call: Call) -> None:
    answered(call)
    port = call.port(1)
    call.released(1)
    call.fall_silent(port)
    assert not call.deaths
