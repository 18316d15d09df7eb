"""A call's media as data: what is written, who may read it, and what goes on after it was handed over.

That a call lives on as it was is tried by most tests of this folder, each of which is lived a second time by sessions
that are made anew after every step (`conftest.HANDED_OVER`).
"""

import msgspec
import pytest
from tests.media.browser import Browser, WebCall, converse
from tests.media.in_memory import Call, sdp
from tests.media.test_pages_that_vanish import PHONE, live, restart, talking, wait

from talkpath.base import limits
from talkpath.base.address import Address
from talkpath.base.errors import Malformed
from talkpath.media import Climbed, MediaAddress, MediaMoment, MediaSession, Origin
from talkpath.media.policy import Profile
from talkpath.media.record import VERSION, MediaRecord, OriginRecord, Unsaid, decoded, encoded
from talkpath.media.words import UNSAID


def answered() -> Call:
    call = Call()
    call.offer(sdp("192.0.2.10", "audio 4000 RTP/AVP 8 0"))
    call.answer(sdp("192.0.2.21", "audio 5000 RTP/AVP 8"))
    call.chosen()
    return call


def saved(call: Call) -> MediaRecord:
    record = call.session.save()
    assert isinstance(record, MediaRecord)
    return record


def resumed(call: Call, record: MediaRecord) -> MediaSession:
    ports = [call.engine.ports[number] for number, _ in call.session.ports]
    return MediaSession.resumed(record, ports, call.engine, call.policy, call.security, call.now)


def test_what_a_later_version_adds_is_passed_over() -> None:
    whole = msgspec.msgpack.decode(encoded(saved(answered())))
    whole["later"] = [1, 2]
    whole["ports"][0]["later"] = {"more": None}
    assert decoded(msgspec.msgpack.encode(whole)) == saved(answered())


def test_what_would_be_misunderstood_is_not_read() -> None:
    later = msgspec.structs.replace(saved(answered()), version=VERSION + 1)
    with pytest.raises(Malformed, match=f"version {VERSION + 1}"):
        decoded(encoded(later))


def test_bytes_that_are_no_record_are_malformed() -> None:
    whole = encoded(saved(answered()))
    for broken in (whole[:-3], b"\xc1" + whole, b"\x90", b""):
        with pytest.raises(Malformed):
            decoded(broken)


def test_a_record_that_does_not_hold_together_is_malformed() -> None:
    call = answered()
    whole = saved(call)
    for broken in (
        msgspec.structs.replace(whole, texts=whole.texts[:1]),
        msgspec.structs.replace(whole, told=()),
        msgspec.structs.replace(whole, ports=whole.ports[:1]),
        msgspec.structs.replace(whole, ports=(msgspec.structs.replace(whole.ports[0], leg=7), whole.ports[1])),
        msgspec.structs.replace(whole, ports=(msgspec.structs.replace(whole.ports[0], target=7), whole.ports[1])),
    ):
        with pytest.raises(Malformed):
            resumed(call, broken)


def test_all_that_is_known_of_a_party_is_in_it() -> None:
    media = (MediaAddress("10.0.0.1", "192.0.2.1"), MediaAddress("::1", "::1"))
    party = Origin("192.0.2.9", True, media, True, False, Profile.SDES, True, frozenset({"opus", "pcma"}), True)
    assert Origin.resumed(party.save()) == party
    assert OriginRecord.__struct_fields__ == Origin._fields


def test_each_text_is_written_once() -> None:
    """A session that is refreshed by the same descriptions grows by nothing."""
    call = answered()
    before = saved(call)
    for cseq in (2, 3, 4):
        call.offer(sdp("192.0.2.10", "audio 4000 RTP/AVP 8 0"), cseq=cseq)
        call.answer(sdp("192.0.2.21", "audio 5000 RTP/AVP 8"), cseq=cseq)
    assert saved(call).texts == before.texts


def test_bytes_that_are_no_text_come_through() -> None:
    odd = "audio {port} RTP/AVP 97\na=rtpmap:97 ODD/8000\na=mid:MID\n{more}"

    def written(host: str, port: int, more: str = "") -> bytes:
        return sdp(host, odd.format(port=port, more=more)).replace(b"ODD", b"o\xffd").replace(b"MID", b"\xfe")

    call = Call()
    call.offer(written("192.0.2.10", 4000))
    call.answer(written("192.0.2.21", 5000))
    call.chosen()
    assert call.hand_over()
    again = call.offer(written("192.0.2.10", 4000, "a=sendonly"), cseq=2)
    assert b"o\xffd" in again.encode()


def test_a_handshake_that_is_under_way_cannot_be_said_and_can_before_and_after() -> None:
    call, page = WebCall(web=[0]), Browser(offers=True)
    call.offer(page.describe("8"))
    page.learn(call.answer(sdp("192.0.2.21", PHONE)).audio, call.now)
    call.chosen()
    saved(call)
    seen = set[str]()
    for _ in range(50):
        port = call.port(0)
        for data, _ in page.drain(call.now):
            call.session.receive(Climbed(port.id, call.now, page.address, data), call.now)
            record = call.session.save()
            seen.add(record.code if isinstance(record, Unsaid) else "")
        sent, port.datagrams = port.datagrams, []
        for data, _ in sent:
            page.take(data, Address("203.0.113.1", port.rtp), call.now)
        call.now += 0.02
        page.agent.expire(call.now)
        call.session.expire(call.now)
    assert page.keys is not None
    assert seen == {"", "handshake"}
    assert seen - {""} <= UNSAID.keys()
    saved(call)


def test_a_page_answers_the_checks_of_who_goes_on_and_is_answered() -> None:
    call, page = talking()
    assert call.hand_over()
    call.port(0).datagrams.clear()
    live(call, page, 90)
    assert "ice.consent-lost" not in call.kinds()
    assert call.deaths == []


def test_a_page_that_vanishes_after_the_other_went_on_ends_the_call_all_the_same() -> None:
    call, _ = talking()
    call.now += 20
    assert call.hand_over()
    began = call.now
    wait(call, 50)
    ((at, side),) = [(one.time, one.side) for one in call.deaths]
    assert side == "caller"
    assert 30 <= at - began <= 40, "who goes on has asked for nothing before"


def test_a_certificate_that_changes_after_it_was_handed_over_shakes_hands_anew() -> None:
    call, _ = talking()
    before = call.port(0).keys
    assert call.hand_over()
    again = Browser(offers=True, port=41000)
    call.offer(again.describe("8"), cseq=2)
    again.learn(call.answer(sdp("192.0.2.21", PHONE), cseq=2).audio, call.now)
    converse(call, again, call.port(0))
    assert again.keys is not None
    assert call.port(0).keys not in (None, before)


def test_the_grace_of_a_page_that_has_vanished_goes_on() -> None:
    call, _ = talking()
    began = call.now
    wait(call, 33)
    assert "ice.consent-lost" in call.kinds()
    assert call.hand_over()
    assert call.deaths == []
    wait(call, 10)
    ((at, side),) = [(one.time, one.side) for one in call.deaths]
    assert side == "caller"
    assert at - began <= 40
    assert call.hand_over()
    wait(call, 30)
    assert len(call.deaths) == 1, "it dies once"


def test_a_page_that_comes_back_within_its_grace_goes_on() -> None:
    call, page = talking()
    wait(call, 35)
    assert call.hand_over()
    again, answer = restart(call, page)
    assert call.hand_over()
    again.endpoint = page.endpoint
    again.learn(answer.audio, call.now)
    again.client = False
    live(call, again, 3)
    wait(call, 20)
    assert "ice.consent-regained" in call.kinds()
    assert call.deaths == []


def test_what_each_side_hears_is_known_to_who_goes_on() -> None:
    """An announcement that begins later is made for it."""
    talks, echo = answered(), Call()
    echo.session.answer_locally(sdp("192.0.2.10", "audio 4000 RTP/AVP 8"), "echo", echo.origin(0), echo.now)
    for call in (talks, echo):
        before = [anchor.hears for _, anchor in call.session.ports]
        assert None not in before
        assert call.hand_over()
        assert [anchor.hears for _, anchor in call.session.ports] == before


def test_a_stream_that_comes_and_goes_a_hundred_times_makes_no_larger_record_and_loses_no_packet() -> None:
    call = Call()
    audio, video = "audio 4000 RTP/AVP 8", "video {} RTP/AVP 96\na=rtpmap:96 VP8/90000"
    sizes = []
    for cseq in range(1, 201):
        port = 4002 if cseq % 2 else 0
        call.offer(sdp("192.0.2.10", audio, video.format(port)), cseq=cseq)
        call.answer(sdp("192.0.2.21", audio, video.format(port and 5002)), cseq=cseq)
        call.chosen()
        if port:
            for leg in (0, 1):
                call.hear(call.port(leg, 1), 10)
                call.port(leg, 1).strangers = 1
                call.port(leg, 1).dropped = [(f"198.51.100.{leg + 1}", 4000, 1)]
        sizes.append(len(saved(call).released))
    assert max(sizes) == limits.MEDIA_RELEASED
    call.session.close(call.now)
    call.drain()
    dropped = {moment.values["side"]: moment.values["strangers"] for moment in of(call, "media.dropped")}
    assert dropped == {"caller": 100, "callee": 100}
    assert {moment.values["sources"] for moment in of(call, "media.dropped-from")} == {
        "198.51.100.1:4000 ×100", "198.51.100.2:4000 ×100",
    }  # fmt: skip
    assert of(call, "media.ended")[0].values["packets"] == 2_000


def of(call: Call, kind: str) -> list[MediaMoment]:
    return [moment for moment in call.moments if moment.kind == kind]
