"""A WebRTC party is called without an offer: it gets ours, and its answer is the offer to the caller."""

import pytest
from tests.media.browser import NOW, OURS, Browser, converse
from tests.media.in_memory import Call, sdp

from talkpath.media import Exchange, LegId, MediaPolicy
from talkpath.sdp import SessionDescription

OK, ACK = Exchange("INVITE", 7, 200), Exchange("ACK", 7)
EVENTS = "a=rtpmap:96 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\na=rtpmap:102 telephone-event/48000"


class BareCall(Call):
    """The callee is a browser, and the INVITE brings nothing."""

    def __init__(self, *codecs: str) -> None:
        super().__init__(MediaPolicy(transcoding=codecs or MediaPolicy().transcoding), identity=OURS)
        self.now = NOW
        self.origins[1] = self.origin(1)._replace(webrtc=True)

    def propose(self, branch: int = 1) -> SessionDescription:
        offer = self.session.propose(to=LegId(branch), target=self.origin(branch), cseq=7, now=self.now)
        self.drain()
        assert offer is not None
        return SessionDescription.parse(offer)

    def tell(self, leg: int, exchange: Exchange, body: bytes) -> bytes:
        """A description of the caller or the callee; what goes on."""
        frm, to = LegId(leg), LegId(1 - leg)
        origin, target = self.origin(leg), self.origin(1 - leg)
        sent = self.session.carry(body, frm=frm, to=to, exchange=exchange, origin=origin, target=target, now=self.now)
        self.drain()
        return sent


class File:
    """What the engine is given for a recording."""

    packets = dropped = 0

    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def close(self) -> None: ...


def answering(numbers: str = "96 8 101") -> tuple[BareCall, Browser, bytes]:
    """The browser has answered our offer; the offer that the caller gets."""
    call, browser = BareCall(), Browser(offers=False)
    browser.learn(call.propose().audio, call.now)
    offered = call.tell(1, OK, browser.describe(numbers, EVENTS))
    call.chosen()
    return call, browser, offered


def test_it_is_offered_what_we_can_convert() -> None:
    call = BareCall("opus", "PCMA")
    offer = call.propose()
    codecs = [str(codec.format) for codec in offer.audio.codecs]
    assert codecs == ["opus/48000/2", "PCMA/8000", "telephone-event/8000", "telephone-event/48000"]
    assert offer.audio.protocol == "UDP/TLS/RTP/SAVPF"
    assert (offer.audio.setup, offer.audio.mid, offer.audio.rtcp_mux) == ("actpass", "0", True)
    assert offer.bundle == ("0",)
    assert offer.audio.candidates
    assert "media.proposed" in call.kinds()
    assert call.propose().encode() == offer.encode(), "sent again"
    assert len(call.engine.open_ports) == 1


def test_who_offers_itself_is_left_to_it() -> None:
    for call in (BareCall(), Call(identity=OURS), Call()):
        phone = call.origin(1)._replace(webrtc=False)
        assert call.session.propose(to=LegId(1), target=phone, cseq=7, now=call.now) is None
    call = Call(MediaPolicy(transcoding=()), identity=OURS)
    page = call.origin(1)._replace(webrtc=True)
    assert call.session.propose(to=LegId(1), target=page, cseq=7, now=call.now) is None


def test_its_answer_is_the_offer_to_the_caller_and_it_is_told_no_answer() -> None:
    call, browser, offered = answering()
    offer = SessionDescription.parse(offered)
    assert offer.audio.protocol == "RTP/AVP"
    assert [codec.payload_type for codec in offer.audio.codecs][:2] == [96, 8]
    assert b"fingerprint" not in offered
    answer = sdp("192.0.2.10", "audio 4000 RTP/AVP 8 101\na=rtpmap:101 telephone-event/8000")
    assert call.tell(0, ACK, answer) == b""
    assert call.tell(0, ACK, answer) == b"", "said again"
    converse(call, browser, call.port(1))
    assert browser.keys is not None
    assert call.port(1).keys is not None
    assert call.port(0).target is call.port(1)
    assert call.port(1).target is call.port(0)


def test_it_shakes_hands_before_the_caller_has_answered() -> None:
    call, browser, _ = answering()
    converse(call, browser, call.port(1))
    assert call.port(1).keys is not None


@pytest.mark.parametrize("voice", ["8", "0", "9", "96\na=rtpmap:96 opus/48000/2"])
def test_whatever_it_sends_reaches_the_caller_in_what_that_takes(voice: str) -> None:
    call, _, _ = answering("96 8 0 9 101")
    call.tell(0, ACK, sdp("192.0.2.10", f"audio 4000 RTP/AVP {voice}"))
    number = int(voice.partition("\n")[0])
    converts = call.port(1).converts
    assert converts is not None
    assert converts[1] == number
    ways = {one[0]: one[3] for one in converts[0]}  # type: ignore[attr-defined]
    assert ways.pop(number) is not None, "passes"
    assert ways.keys() >= {96, 8, 0, 9, 101} - {number}
    assert not any(ways.values()), "converted, keys to tones"


def test_an_early_answer_waits_for_the_last() -> None:
    call, browser = BareCall(), Browser(offers=False)
    browser.learn(call.propose().audio, call.now)
    assert call.tell(1, Exchange("INVITE", 7, 183), browser.describe("96", EVENTS)) == b""
    assert b"RTP/AVP 96" in call.tell(1, OK, browser.describe("96", EVENTS))
    assert call.tell(0, ACK, sdp("192.0.2.10", "audio 4000 RTP/AVP 8")) == b""


def test_later_offers_of_both_are_told_as_ever() -> None:
    call, browser, _ = answering()
    call.tell(0, ACK, sdp("192.0.2.10", "audio 4000 RTP/AVP 8"))
    converse(call, browser, call.port(1))
    again = call.tell(0, Exchange("INVITE", 8), sdp("192.0.2.10", "audio 4000 RTP/AVP 8\na=sendonly"))
    assert b"UDP/TLS/RTP/SAVPF" in again
    assert b"a=sendonly" in again
    assert b"RTP/AVP 8" in call.tell(1, Exchange("INVITE", 8, 200), browser.describe("8"))
    own = call.tell(1, Exchange("INVITE", 3), browser.describe("96 8", EVENTS))
    assert b"RTP/AVP" in own
    assert b"a=fingerprint" in call.tell(0, Exchange("INVITE", 3, 200), sdp("192.0.2.10", "audio 4000 RTP/AVP 8"))
    assert call.port(1).keys is not None


def test_a_call_that_is_given_up_leaves_nothing() -> None:
    call = BareCall()
    call.propose()
    call.released(1)
    assert not call.engine.open_ports


def test_a_recording_has_our_offer() -> None:
    """What a page sends is of the payload types that we offered it."""
    call, browser = BareCall(), Browser(offers=False)
    call.session.record(File())
    offer = call.propose()
    ours = ("offer", "callee", offer.encode())
    assert call.session.take_described() == [ours]
    browser.learn(offer.audio, call.now)
    to_caller = call.tell(1, OK, browser.describe("96 8 101", EVENTS))
    assert call.session.take_described() == [("offer", "caller", to_caller)]
    assert call.session.in_force() == [ours, ("offer", "caller", to_caller)]
