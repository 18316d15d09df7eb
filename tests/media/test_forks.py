"""Several branches ring and answer; the caller hears one of them."""

import pytest
from tests.media.browser import Browser, DtlsPhone, WebCall, converse, exchange
from tests.media.in_memory import V4, V6, Call, sdp

from talkpath.ice.events import ConsentLost
from talkpath.media import LegId, Origin
from talkpath.media.policy import Profile

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


def two_early_pages(web: WebCall) -> tuple[Browser, Browser]:
    """Two pages behind one branch answer early and shake hands, one after the other."""
    offered = web.offer(sdp("192.0.2.10", AUDIO)).audio
    first, second = Browser(offers=False), Browser(offers=False, host="198.51.100.10")
    for page in (first, second):
        page.learn(offered, web.now)
    web.answer(first.describe("8"), branch=1, status=183)
    converse(web, first, web.port(1))
    web.session.forked(LegId(2), of=LegId(1), cseq=1)
    web.answer(second.describe("8"), branch=2, status=183)
    web.port(2).keys = None
    converse(web, second, web.port(2))
    return first, second


def test_the_first_of_two_early_dialogs_still_has_its_keys_when_it_answers() -> None:
    """183 of one, 183 of another, 200 of the first: it has shaken hands, and will not do so again."""
    web = WebCall(web=[1, 2])
    first, second = two_early_pages(web)
    back = web.port(2)
    assert (back.sends_to, first.address in back.approved) == (second.address, False)
    web.answer(first.describe("8"), branch=1, status=200)
    web.chosen(1)
    assert web.port(1) is back
    assert first.keys is not None
    assert back.keys is not None
    assert back.keys[1] == (first.keys.theirs.key, first.keys.theirs.salt)
    assert (back.sends_to, second.address in back.approved) == (first.address, False)
    assert back.target is web.port(0)


def test_an_early_dialog_that_is_not_heard_keeps_its_consent() -> None:
    """Its checks are answered while another has the ports (RFC 7675), for longer than consent lasts."""
    web = WebCall(web=[1, 2])
    first, second = two_early_pages(web)
    back = web.port(2)
    for _ in range(45):
        web.now += 1
        for page in (first, second):
            page.agent.expire(web.now)
            exchange(web, page, back)
        web.session.expire(web.now)
    assert not any(isinstance(one, ConsentLost) for page in (first, second) for one in page.heard)
    assert "ice.consent-lost" not in web.kinds()
    web.answer(first.describe("8"), branch=1, status=200)
    web.chosen(1)
    assert back.sends_to == first.address


@pytest.mark.one_session
def test_what_an_early_dialog_kept_goes_with_it() -> None:
    web = WebCall(web=[1, 2])
    first, second = two_early_pages(web)
    back = web.port(2)
    back.datagrams.clear()
    web.released(1)
    assert {target for _, target in back.datagrams} == {first.address}, "it is told goodbye"
    assert back.sends_to == second.address
    assert second.keys is not None
    assert back.keys is not None
    assert back.keys[1] == (second.keys.theirs.key, second.keys.theirs.salt)


def test_early_phones_with_dtls_keep_their_keys_too() -> None:
    web = WebCall(web=[])
    web.origins[1] = web.origins[2] = Origin("192.0.2.21", False, (V4, V6), profile=Profile.DTLS)
    offered = web.offer(sdp("192.0.2.10", AUDIO)).audio
    phones = [DtlsPhone(offers=False, host="192.0.2.21", port=port) for port in (6000, 6002)]
    for number, phone in enumerate(phones, 1):
        if number == 2:
            web.session.forked(LegId(2), of=LegId(1), cseq=1)
        phone.learn(offered, web.now)
        web.answer(phone.describe("8"), branch=number, status=183)
        web.port(number).keys = None
        converse(web, phone, web.port(number))
        assert phone.keys is not None
    web.answer(phones[0].describe("8"), branch=1, status=200)
    web.chosen(1)
    back = web.port(1)
    assert back.keys is not None
    assert phones[0].keys is not None
    assert back.keys[1] == (phones[0].keys.theirs.key, phones[0].keys.theirs.salt)
    assert back.expected["rtp"] == ("192.0.2.21", 6000)


def two_phones_that_answer(setup: str) -> tuple[WebCall, list[DtlsPhone]]:
    """Two phones with DTLS behind one branch send 200, and the first of them shakes hands."""
    web = WebCall(web=[])
    web.origins[1] = web.origins[2] = Origin("192.0.2.21", False, (V4, V6), profile=Profile.DTLS)
    offered = web.offer(sdp("192.0.2.10", AUDIO)).audio
    phones = [DtlsPhone(offers=False, host="192.0.2.21", port=port, setup=setup) for port in (6000, 6002)]
    for number, phone in enumerate(phones, 1):
        if number == 2:
            web.session.forked(LegId(2), of=LegId(1), cseq=1)
        phone.learn(offered, web.now)
        web.answer(phone.describe("8"), branch=number)
        web.chosen(number)
        if number == 1:
            converse(web, phone, web.port(1))
    return web, phones


@pytest.mark.parametrize("setup", ["active", "passive"])
@pytest.mark.parametrize("kept", [1, 2])
def test_of_two_phones_with_dtls_that_answer_the_one_that_is_kept_is_heard(kept: int, setup: str) -> None:
    """Each has a certificate and a handshake of its own; the second has its own once the first has gone."""
    web, phones = two_phones_that_answer(setup)
    back = web.port(1)
    first = phones[0].keys
    assert first is not None
    assert back.keys is not None
    assert back.keys[1] == (first.theirs.key, first.theirs.salt)
    web.released(3 - kept)
    assert web.port(kept) is back
    phone = phones[kept - 1]
    if kept == 2:
        assert back.keys is None, "nothing passes under the keys of who has gone"
        converse(web, phone, back, seconds=1.5)
    assert phone.keys is not None
    assert back.keys is not None
    assert back.keys[1] == (phone.keys.theirs.key, phone.keys.theirs.salt)
    assert back.expected["rtp"] == tuple(phone.address)
    assert (back.target, web.port(0).target) == (web.port(0), back)


def test_a_page_that_is_not_heard_names_its_later_candidates_to_us() -> None:
    web = WebCall(web=[1, 2])
    two_early_pages(web)
    later = b"m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=candidate:1 1 udp 2122260223 198.51.100.77 50000 typ host\r\n"
    assert web.session.trickled(later, LegId(1), web.now)


@pytest.mark.parametrize("is_late", [False, True])
def test_what_another_dialog_sends_unheard_is_no_strangers(call: Call, is_late: bool) -> None:
    ring(call, 1)
    early(call, 1, 200 if is_late else 183)
    if is_late:
        call.chosen(1)
    also_answers(call, 2, 183)
    early(call, 1, 200)
    if not is_late:
        call.chosen(1)
    port = call.port(1)
    port.strangers = 217
    port.dropped = [("192.0.2.22", 5000, 200), ("192.0.2.22", 5001, 2), ("198.51.100.66", 4000, 15)]
    call.session.close(call.now)
    call.drain()
    (told,) = (one.values for one in call.moments if one.kind == "media.dropped")
    assert told["strangers"] == 15
    (source,) = (one.values for one in call.moments if one.kind == "media.dropped-from")
    assert source["sources"] == "198.51.100.66:4000 ×15"


def test_nor_what_it_sends_through_its_nat(call: Call) -> None:
    call.origins[2] = Origin("203.0.113.77", True, (V4, V6))
    ring(call, 1)
    early(call, 1, 200)
    call.chosen(1)
    call.session.forked(LegId(2), of=LegId(1), cseq=1)
    call.answer(sdp("10.1.1.1", "audio 5000 RTP/AVP 8"), branch=2, status=183)
    port = call.port(1)
    port.strangers, port.dropped = 20, [("203.0.113.77", 41234, 20)]
    call.session.close(call.now)
    call.drain()
    assert "media.dropped" not in call.kinds()


def test_what_a_page_sends_unheard_is_no_strangers() -> None:
    web = WebCall(web=[1, 2])
    first, second = two_early_pages(web)
    web.answer(first.describe("8"), branch=1, status=200)
    web.chosen(1)
    port = web.port(1)
    port.strangers, port.dropped = 20, [(*second.address, 20)]
    web.session.close(web.now)
    web.drain()
    assert "media.dropped" not in web.kinds()
