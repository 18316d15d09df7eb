"""Several branches ring and answer; the caller hears one of them."""

import pytest
from tests.media.browser import Browser, WebCall, converse
from tests.media.in_memory import Call, sdp

from talkpath.media import LegId

AUDIO = "audio 4000 RTP/AVP 8 0"


def ring(call: Call, *branches: int) -> None:
    for branch in branches:
        call.offer(sdp("192.0.2.10", AUDIO), branch=branch)


def early(call: Call, branch: int, status: int = 183) -> int:
    answer = call.answer(sdp(f"192.0.2.{20 + branch}", "audio 5000 RTP/AVP 8"), branch=branch, status=status)
    return answer.audio.port


def test_every_branch_has_its_own_port_and_the_caller_one(call: Call) -> None:
    ring(call, 1, 2, 3)
    assert len({call.port(leg).rtp for leg in (0, 1, 2, 3)}) == 4
    assert len(call.engine.open_ports) == 4
    assert call.kinds().count("media.offered") == 1
    assert early(call, 1) == early(call, 2) == call.port(0).rtp


def test_the_caller_hears_the_branch_that_answered_last_until_one_is_chosen(call: Call) -> None:
    ring(call, 1, 2)
    early(call, 1)
    assert (call.port(1).target, call.port(0).target) == (call.port(0), call.port(1))
    early(call, 2)
    assert (call.port(1).target, call.port(0).target) == (None, call.port(2))
    early(call, 1, 200)
    call.chosen(1)
    assert (call.port(2).target, call.port(0).target) == (None, call.port(1))
    call.released(2)
    assert len(call.engine.open_ports) == 2


def test_a_late_branch_cannot_take_a_call_that_is_answered(call: Call) -> None:
    ring(call, 1, 2)
    early(call, 1, 200)
    call.chosen(1)
    early(call, 2, 200)
    assert call.port(0).target is call.port(1)
    assert call.port(2).target is None


def test_when_the_heard_branch_fails_another_is_heard(call: Call) -> None:
    ring(call, 1, 2)
    early(call, 1)
    early(call, 2)
    call.released(2)
    assert call.port(0).target is call.port(1)
    assert call.port(1).target is call.port(0)
    call.released(1)
    assert call.port(0).target is None


def test_early_media_is_not_watched(call: Call) -> None:
    ring(call, 1)
    early(call, 1)
    assert call.port(0).timeout_s is None
    call.chosen(1)
    assert call.port(0).timeout_s == 60


def test_serial_tries_reuse_the_callers_port(call: Call) -> None:
    ring(call, 1)
    port = early(call, 1)
    call.released(1)
    ring(call, 2)
    assert early(call, 2, 200) == port
    call.chosen(2)
    assert call.port(2).target is call.port(0)


def also_answers(call: Call, leg: int, status: int = 200) -> int:
    """Somebody else answers branch 1 under a tag of its own."""
    call.session.forked(LegId(leg), of=LegId(1), cseq=1)
    return early(call, leg, status)


def test_dialogs_of_one_branch_share_its_ports_and_the_heard_one_has_them(call: Call) -> None:
    ring(call, 1)
    early(call, 1)
    back, front = call.port(1), call.port(0)
    assert also_answers(call, 2, 183) == front.rtp
    assert call.port(2) is back
    assert back.expected["rtp"] == ("192.0.2.22", 5000)
    early(call, 1, 200)
    call.chosen(1)
    assert call.port(1) is back
    assert back.expected["rtp"] == ("192.0.2.21", 5000)
    assert (back.target, front.target) == (front, back)
    call.released(2)
    assert (back.closed, back.target, front.target) == (False, front, back)


def test_a_dialog_that_negotiates_anew_has_ports_of_its_own(call: Call) -> None:
    ring(call, 1)
    early(call, 1, 200)
    call.chosen(1)
    also_answers(call, 2)
    call.chosen(2)
    offered = call.offer(sdp("192.0.2.10", AUDIO), branch=2, cseq=2)
    assert offered.audio.port == call.port(2).rtp != call.port(1).rtp
    call.answer(sdp("192.0.2.22", "audio 5002 RTP/AVP 8"), branch=2, cseq=2)
    assert (call.port(2).target, call.port(1).target) == (call.port(0), None)
    assert call.port(1).timeout_s is None
    call.released(2)
    assert (call.port(1).target, call.port(0).target) == (call.port(0), call.port(1))
    assert call.port(1).timeout_s == 60


def test_the_last_dialog_gets_the_ports_of_the_one_that_ended(call: Call) -> None:
    ring(call, 1)
    early(call, 1, 200)
    call.chosen(1)
    also_answers(call, 2)
    call.chosen(2)
    back = call.port(1)
    call.released(1)
    assert call.port(2) is back
    assert back.expected["rtp"] == ("192.0.2.22", 5000)
    assert (back.target, call.port(0).target) == (call.port(0), back)
    call.released(2)
    assert [port.expected["rtp"] for port in call.engine.open_ports] == [("192.0.2.10", 4000)]


@pytest.mark.parametrize("is_early", [True, False])
def test_another_who_answers_under_ice_and_dtls_is_met_on_the_port_that_was_offered(is_early: bool) -> None:
    """It checks with the credentials that our one offer named, and shows a certificate of its own."""
    web = WebCall(web=[1, 2])
    offered = web.offer(sdp("192.0.2.10", AUDIO)).audio
    first, second = Browser(offers=False), Browser(offers=False, host="198.51.100.10")
    for page in (first, second):
        page.learn(offered, web.now)
    status = 183 if is_early else 200
    web.answer(first.describe("8"), branch=1, status=status)
    if not is_early:
        web.chosen(1)
    back = web.port(1)
    converse(web, first, back)
    assert back.sends_to == first.address
    web.session.forked(LegId(2), of=LegId(1), cseq=1)
    web.answer(second.describe("8"), branch=2, status=status)
    if not is_early:
        web.chosen(2)
        assert back.sends_to == first.address
        web.released(1)
    assert web.port(2) is back
    back.keys = None
    converse(web, second, back)
    assert back.sends_to == second.address
    assert first.address not in back.approved
    assert second.keys is not None
    assert back.keys is not None
    assert back.keys[1] == (second.keys.theirs.key, second.keys.theirs.salt)
