"""Offers and answers wherever SIP carries them, their repetition, refusal and collision."""

import pytest
from tests.media.in_memory import Call, sdp

from talkpath.base.errors import Unavailable
from talkpath.base.limits import MEDIA_BRANCHES
from talkpath.media import Exchange, LegId, MediaPolicy

AUDIO = "audio 4000 RTP/AVP 8 0"
ANSWER = "audio 5000 RTP/AVP 8"


def answered(call: Call) -> None:
    call.offer(sdp("192.0.2.10", AUDIO))
    call.answer(sdp("192.0.2.21", ANSWER))
    call.chosen()


def test_an_offer_in_the_200_is_answered_in_the_ack(call: Call) -> None:
    offer = call.answer(sdp("192.0.2.21", "audio 5000 RTP/AVP 8 0"))
    call.chosen()
    assert offer.audio.port == call.port(0).rtp
    assert call.port(0).target is None
    answer = call.say(0, 1, Exchange("ACK", 1), sdp("192.0.2.10", "audio 4000 RTP/AVP 8"))
    assert answer.audio.port == call.port(1).rtp
    assert call.port(0).expected["rtp"] == ("192.0.2.10", 4000)
    assert call.port(0).target is call.port(1)
    assert call.port(1).timeout_s == 60


def test_an_offer_in_a_reliable_183_is_answered_in_the_prack(call: Call) -> None:
    offer = sdp("192.0.2.21", "audio 5000 RTP/AVP 8 0")
    call.say(1, 0, Exchange("INVITE", 1, 183, True), offer)
    answer = sdp("192.0.2.10", "audio 4000 RTP/AVP 8")
    first = call.say(0, 1, Exchange("PRACK", 2), answer)
    assert call.port(1).target is call.port(0)
    told = len(call.engine.told)
    again = call.say(0, 1, Exchange("PRACK", 2), answer)
    final = call.say(1, 0, Exchange("INVITE", 1, 200), offer)
    assert again.encode() == first.encode()
    assert final.audio.port == call.port(0).rtp
    assert len(call.engine.told) == told


def test_a_prack_may_bring_an_offer_of_its_own(call: Call) -> None:
    call.offer(sdp("192.0.2.10", AUDIO))
    call.say(1, 0, Exchange("INVITE", 1, 183, True), sdp("192.0.2.21", ANSWER))
    call.say(0, 1, Exchange("PRACK", 2), sdp("192.0.2.10", "audio 4002 RTP/AVP 0"))
    assert call.port(0).expected["rtp"] == ("192.0.2.10", 4000)
    call.say(1, 0, Exchange("PRACK", 2, 200), sdp("192.0.2.21", "audio 5002 RTP/AVP 0"))
    assert call.port(0).expected["rtp"] == ("192.0.2.10", 4002)


def test_a_repeated_answer_tells_the_engine_nothing_new(call: Call) -> None:
    call.offer(sdp("192.0.2.10", AUDIO))
    early = call.answer(sdp("192.0.2.21", ANSWER), status=183)
    told = len(call.engine.told)
    final = call.answer(sdp("192.0.2.21", ANSWER))
    assert final.encode() == early.encode()
    assert len(call.engine.told) == told


def test_a_200_that_differs_from_its_183_moves_the_media(call: Call) -> None:
    call.offer(sdp("192.0.2.10", AUDIO))
    call.answer(sdp("192.0.2.99", "audio 7000 RTP/AVP 8"), status=183)
    call.answer(sdp("192.0.2.21", ANSWER))
    assert call.port(1).expected["rtp"] == ("192.0.2.21", 5000)


def test_an_update_in_the_early_dialog_outlives_the_old_answer_in_the_200(call: Call) -> None:
    call.offer(sdp("192.0.2.10", AUDIO))
    call.answer(sdp("192.0.2.21", ANSWER), status=183)
    call.offer(sdp("192.0.2.10", "audio 4010 RTP/AVP 0"), cseq=2, method="UPDATE")
    call.answer(sdp("192.0.2.21", "audio 5010 RTP/AVP 0"), cseq=2, method="UPDATE")
    late = call.answer(sdp("192.0.2.21", "audio 5000 RTP/AVP 8\na=ptime:30"))
    assert late.audio.port == call.port(0).rtp
    assert call.port(1).expected["rtp"] == ("192.0.2.21", 5010)


def test_an_invite_again_with_credentials_replaces_its_offer(call: Call) -> None:
    first = call.offer(sdp("192.0.2.10", AUDIO))
    second = call.offer(sdp("192.0.2.10", "audio 4500 RTP/AVP 8"), cseq=2)
    assert first.audio.port == second.audio.port
    call.answer(sdp("192.0.2.21", ANSWER), cseq=2)
    assert call.port(0).expected["rtp"] == ("192.0.2.10", 4500)


@pytest.mark.parametrize("by", [0, 1])
def test_either_side_moves_its_media_with_a_reinvite(call: Call, by: int) -> None:
    answered(call)
    hosts = ("192.0.2.10", "192.0.2.21")
    call.say(by, 1 - by, Exchange("INVITE", 7), sdp(hosts[by], "audio 6000 RTP/AVP 8"))
    call.say(1 - by, by, Exchange("INVITE", 7, 200), sdp(hosts[1 - by], "audio 6100 RTP/AVP 8"))
    assert call.port(by).expected["rtp"] == (hosts[by], 6000)
    assert call.port(1 - by).expected["rtp"] == (hosts[1 - by], 6100)


def test_a_refused_reinvite_changes_nothing(call: Call) -> None:
    answered(call)
    call.say(0, 1, Exchange("INVITE", 2), sdp("192.0.2.10", "audio 6000 RTP/AVP 9", "video 6002 RTP/AVP 31"))
    assert len(call.engine.open_ports) == 4
    call.session.rejected(frm=LegId(1), to=LegId(0), exchange=Exchange("INVITE", 2, 488), now=call.now)
    assert len(call.engine.open_ports) == 2
    assert call.port(0).expected["rtp"] == ("192.0.2.10", 4000)
    call.drain()
    assert call.kinds()[-1] == "media.rolled-back"


def test_a_reinvite_answered_early_and_then_refused_is_taken_back(call: Call) -> None:
    answered(call)
    call.say(0, 1, Exchange("INVITE", 2), sdp("192.0.2.10", "audio 6000 RTP/AVP 0"))
    call.say(1, 0, Exchange("INVITE", 2, 183), sdp("192.0.2.21", "audio 6100 RTP/AVP 0"))
    assert call.port(0).expected["rtp"] == ("192.0.2.10", 6000)
    call.session.rejected(frm=LegId(1), to=LegId(0), exchange=Exchange("INVITE", 2), now=call.now)
    assert call.port(0).expected["rtp"] == ("192.0.2.10", 4000)
    assert call.port(1).expected["rtp"] == ("192.0.2.21", 5000)


def test_crossing_reinvites_are_both_carried_and_both_refused(call: Call) -> None:
    answered(call)
    call.say(0, 1, Exchange("INVITE", 5), sdp("192.0.2.10", "audio 6000 RTP/AVP 8"))
    crossing = call.say(1, 0, Exchange("INVITE", 5), sdp("192.0.2.21", "audio 6100 RTP/AVP 8"))
    assert crossing.audio.port == call.port(0).rtp
    call.session.rejected(frm=LegId(1), to=LegId(0), exchange=Exchange("INVITE", 5, 491), now=call.now)
    call.session.rejected(frm=LegId(0), to=LegId(1), exchange=Exchange("INVITE", 5, 491), now=call.now)
    assert call.port(0).expected["rtp"] == ("192.0.2.10", 4000)
    call.say(1, 0, Exchange("INVITE", 6), sdp("192.0.2.21", "audio 6100 RTP/AVP 8"))
    call.say(0, 1, Exchange("INVITE", 6, 200), sdp("192.0.2.10", "audio 4000 RTP/AVP 8"))
    assert call.port(1).expected["rtp"] == ("192.0.2.21", 6100)


def test_offers_that_nobody_answers_do_not_pile_up(call: Call) -> None:
    for cseq in range(200):
        call.offer(sdp("192.0.2.10", f"audio {4000 + cseq} RTP/AVP 8"), cseq=cseq)
    assert len(call.engine.open_ports) == 2
    call.answer(sdp("192.0.2.21", ANSWER), cseq=199)
    assert call.port(0).expected["rtp"] == ("192.0.2.10", 4199)


def test_running_out_of_ports_leaves_the_call_as_it_was() -> None:
    call = Call(MediaPolicy(first_port=20000, last_port=20005))
    answered(call)
    for _ in range(2):
        with pytest.raises(Unavailable):
            call.offer(sdp("192.0.2.10", AUDIO, "video 4002 RTP/AVP 31"), cseq=2)
        assert len(call.engine.open_ports) == 2
    call.answer(sdp("192.0.2.21", "audio 5004 RTP/AVP 8"), cseq=9, method="UPDATE", status=0)
    call.offer(sdp("192.0.2.10", "audio 4000 RTP/AVP 8"), cseq=9, method="UPDATE")
    assert call.port(0).target is call.port(1)


def test_one_call_cannot_have_branches_without_end(call: Call) -> None:
    for branch in range(1, MEDIA_BRANCHES + 1):
        call.offer(sdp("192.0.2.10", AUDIO), branch=branch)
    with pytest.raises(Unavailable):
        call.offer(sdp("192.0.2.10", AUDIO), branch=MEDIA_BRANCHES + 1)


def test_an_answer_with_too_few_sections_is_mended(call: Call) -> None:
    call.offer(sdp("192.0.2.10", AUDIO, "video 4002 RTP/AVP 31 34"))
    answer = call.answer(sdp("192.0.2.21", ANSWER))
    assert [section.port == 0 for section in answer.media] == [False, True]
    assert answer.media[1].formats == ["31", "34"]


def test_an_answer_cannot_accept_what_the_offer_rejected(call: Call) -> None:
    call.offer(sdp("192.0.2.10", AUDIO, "video 0 RTP/AVP 31"))
    answer = call.answer(sdp("192.0.2.21", ANSWER, "video 5002 RTP/AVP 31", "audio 5004 RTP/AVP 0"))
    assert [section.port == 0 for section in answer.media] == [False, True]
    assert len(call.engine.open_ports) == 2
