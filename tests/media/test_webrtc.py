"""A browser calls a phone, a phone calls a browser, and browsers call each other."""

import pytest
from tests.media.browser import Browser, WebCall, converse
from tests.media.in_memory import V4, V6, sdp

from talkpath.base.address import Address
from talkpath.ice import events as ice
from talkpath.media import Climbed, Exchange, LegId, MediaAddress
from talkpath.sdp import SessionDescription
from talkpath.secure import events as dtls
from talkpath.secure.endpoint import DtlsEndpoint

PHONE = "audio 5000 RTP/AVP 111 8\na=rtpmap:111 opus/48000/2\na=ptime:20"


def browser_calls_phone(setup: str = "actpass") -> tuple[WebCall, Browser]:
    call = WebCall(web=[0])
    browser = Browser(offers=True, setup=setup)
    call.offer(browser.describe())
    answer = call.answer(sdp("192.0.2.21", PHONE))
    call.chosen()
    browser.learn(answer.media[0], call.now)
    return call, browser


def agree(call: WebCall, browser: Browser, leg: int) -> None:
    """The keys of both ends fit."""
    converse(call, browser, call.port(leg))
    keys = call.port(leg).keys
    assert browser.keys is not None, call.kinds()
    assert keys is not None
    suite, ours, theirs = keys
    assert suite == browser.keys.suite.sdes_name
    assert ours == (browser.keys.theirs.key, browser.keys.theirs.salt)
    assert theirs == (browser.keys.ours.key, browser.keys.ours.salt)
    assert call.port(leg).sends_to == browser.address


def test_the_phone_is_offered_what_a_phone_understands() -> None:
    call = WebCall(web=[0])
    offer = call.offer(Browser(offers=True).describe("111 63 8 126", "a=rtpmap:63 red/48000/2\na=fmtp:63 111/111"))
    port = call.port(1).rtp
    assert offer.encode().decode().splitlines() == [
        "v=0",
        "o=- 1 2 IN IP4 203.0.113.1",
        "s=-",
        "t=0 0",
        f"m=audio {port} RTP/AVP 111 8 126",
        "c=IN IP4 203.0.113.1",
        "a=sendrecv",
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 minptime=10;useinbandfec=1",
        "a=rtpmap:8 PCMA/8000",
    ]
    assert call.port(1).ufrags == []


def test_the_browser_is_answered_with_ice_and_dtls() -> None:
    call, browser = browser_calls_phone()
    answer = call.last
    audio = answer.audio
    assert audio.protocol == "UDP/TLS/RTP/SAVPF"
    assert audio.mid == "0"
    assert audio.rtcp_mux
    assert audio.setup == "passive"
    assert "ice-lite" in answer.attributes
    assert (audio.candidates[0].host, audio.candidates[0].port) == ("203.0.113.1", call.port(0).rtp)
    assert audio.connection.host == "203.0.113.1"
    assert audio.ptime_ms == 20
    assert call.port(0).expected["ice"] is True
    assert call.port(0).ufrags == [audio.ice_ufrag]
    assert call.port(0).keys is None
    assert call.port(1).expected["ice"] is False
    assert browser.agent.is_controlling


@pytest.mark.parametrize("setup", ["actpass", "active", "passive"])
def test_a_browser_calls_a_phone(setup: str) -> None:
    call, browser = browser_calls_phone(setup)
    agree(call, browser, 0)
    assert call.port(0).target is call.port(1)
    assert call.port(1).target is call.port(0)
    assert call.port(1).expected["rtp"] == ("192.0.2.21", 5000)
    assert (111, 48000, "opus") in call.port(0).expected["formats"]
    for kind in ("ice.candidate", "ice.checked", "ice.selected", "dtls.fingerprint-right", "srtp.keyed"):
        assert kind in call.kinds()


@pytest.mark.parametrize("setup", ["active", "passive"])
def test_a_phone_calls_a_browser(setup: str) -> None:
    call = WebCall(web=[1])
    browser = Browser(offers=False, setup=setup)
    offer = call.offer(sdp("192.0.2.10", PHONE.replace("5000", "4000")))
    assert offer.audio.protocol == "UDP/TLS/RTP/SAVPF"
    assert offer.audio.setup == "actpass"
    assert offer.audio.mid == "0"
    browser.learn(offer.audio, call.now)
    answer = call.answer(browser.describe())
    call.chosen()
    assert answer.audio.protocol == "RTP/AVP"
    assert answer.audio.mid is None
    assert not answer.audio.rtcp_mux
    assert b"fingerprint" not in answer.encode()
    agree(call, browser, 1)


def test_browsers_call_each_other() -> None:
    call = WebCall(web=[0, 1])
    alice, bob = Browser(offers=True), Browser(offers=False, host="198.51.100.77")
    offer = call.offer(alice.describe())
    assert offer.audio.ice_ufrag != alice.agent.credentials.ufrag
    assert b"extmap:1" in offer.encode()
    assert len(offer.audio.attributes.all("fingerprint")) == 1
    bob.learn(offer.audio, call.now)
    answer = call.answer(bob.describe())
    call.chosen()
    alice.learn(answer.audio, call.now)
    agree(call, alice, 0)
    agree(call, bob, 1)
    assert call.port(0).target is call.port(1)


def test_congestion_feedback_is_agreed_between_browsers_and_not_with_a_phone() -> None:
    """RFC 8888 names streams and sequence numbers, which are the same on both sides of us."""
    call = WebCall(web=[0, 1])
    alice, bob = Browser(offers=True), Browser(offers=False, host="198.51.100.77")
    asked = "a=rtcp-fb:* ack ccfb"
    assert asked in call.offer(alice.describe(extra=asked)).audio.lines
    assert asked in call.answer(bob.describe(extra=asked)).audio.lines
    video = f"video 9 UDP/TLS/RTP/SAVPF 96\na=rtpmap:96 VP8/90000\na=rtcp-fb:96 nack pli\n{asked}"
    told = WebCall(web=[0]).offer(Browser(offers=True).describe(bundled=(video,)))
    assert [line for line in told.video.lines if line.startswith("a=rtcp-fb")] == ["a=rtcp-fb:96 nack pli"]


def test_a_browser_restarts_ice_without_dtls() -> None:
    call, browser = browser_calls_phone()
    agree(call, browser, 0)
    before, keys = call.last.audio.ice_ufrag, call.port(0).keys
    again = Browser(offers=True, port=41000)
    again.identity = browser.identity
    call.say(0, 1, Exchange("INVITE", 2), again.describe())
    answer = call.say(1, 0, Exchange("INVITE", 2, 200), sdp("192.0.2.21", PHONE))
    assert answer.audio.ice_ufrag != before
    assert call.port(0).ufrags == [before, answer.audio.ice_ufrag]
    again.endpoint = browser.endpoint
    again.learn(answer.audio, call.now)
    again.client = False
    converse(call, again, call.port(0))
    assert call.port(0).sends_to == again.address
    assert call.port(0).keys is keys


def test_a_page_that_moved_restarts_ice_with_our_address_where_it_is_now() -> None:
    """Into our LAN: our sockets stay, and are known by their real address there."""
    call, browser = browser_calls_phone()
    agree(call, browser, 0)
    port, keys = call.port(0), call.port(0).keys
    assert call.last.audio.attributes.first("candidate").split()[4] == V4.advertised
    near = call.origin(0)._replace(media=(MediaAddress(V4.host, V4.host), V6))
    call.origins[0] = near
    again = Browser(offers=True, port=41000)
    again.identity = browser.identity
    call.say(0, 1, Exchange("INVITE", 2), again.describe())
    answer = call.say(1, 0, Exchange("INVITE", 2, 200), sdp("192.0.2.21", PHONE))
    assert [one.split()[4] for one in answer.audio.attributes.all("candidate")] == [V4.host]
    again.endpoint = browser.endpoint
    again.learn(answer.audio, call.now)
    again.client = False
    converse(call, again, port, host=V4.host)
    assert port.sends_to == again.address
    assert port.keys is keys


def test_a_changed_fingerprint_makes_a_new_association() -> None:
    call, browser = browser_calls_phone()
    agree(call, browser, 0)
    keys = call.port(0).keys
    reloaded = Browser(offers=True, port=41000)
    call.say(0, 1, Exchange("INVITE", 2), reloaded.describe())
    answer = call.say(1, 0, Exchange("INVITE", 2, 200), sdp("192.0.2.21", PHONE))
    assert call.port(0).keys is None
    reloaded.learn(answer.audio, call.now)
    agree(call, reloaded, 0)
    assert call.port(0).keys != keys


@pytest.mark.parametrize(("before", "after"), [("passive", "passive"), ("actpass", "passive"), ("passive", "active")])
def test_a_new_association_begins_where_ice_stands(before: str, after: str) -> None:
    """Another certificate over the same pair, in whichever roles: who is the client begins (RFC 8842 section 5.1)."""
    call, browser = browser_calls_phone(before)
    agree(call, browser, 0)
    keys = call.port(0).keys
    again = Browser(offers=True, setup=after)
    again.agent = browser.agent
    offer_again(call, again)
    agree(call, again, 0)
    assert call.port(0).keys != keys


@pytest.mark.parametrize(("before", "after"), [("actpass", "passive"), ("passive", "active")])
def test_roles_that_change_make_a_new_association(before: str, after: str) -> None:
    call, browser = browser_calls_phone(before)
    agree(call, browser, 0)
    keys = call.port(0).keys
    again = Browser(offers=True, setup=after)
    again.agent, again.identity = browser.agent, browser.identity
    again.endpoint = DtlsEndpoint(again.identity)
    answer = offer_again(call, again)
    assert answer.audio.setup == {"active": "passive", "passive": "active"}[after]
    agree(call, again, 0)
    assert call.port(0).keys != keys


def test_a_peer_that_is_found_before_it_says_its_role_is_greeted_when_it_does() -> None:
    """Its checks overtake the answer in which it says that it waits for our hello."""
    call, browser = WebCall(web=[1]), Browser(offers=False, setup="passive")
    offer = call.offer(sdp("192.0.2.20", "audio 4000 RTP/AVP 8"))
    browser.learn(offer.audio, call.now)
    converse(call, browser, call.port(1), 1.0)
    assert call.port(1).keys is None
    call.answer(browser.describe("8"))
    call.chosen()
    agree(call, browser, 1)


def offer_again(call: WebCall, browser: Browser) -> SessionDescription:
    """A re-INVITE over the pair that is there; a browser that is the client begins at once."""
    call.say(0, 1, Exchange("INVITE", 2), browser.describe())
    answer = call.say(1, 0, Exchange("INVITE", 2, 200), sdp("192.0.2.21", PHONE))
    browser.learn(answer.audio, call.now)
    if browser.client:
        browser.endpoint.receive(dtls.Begun((1, Address("203.0.113.1", call.port(0).rtp))), call.now)
    return answer


def test_strangers_hellos_and_checks_change_nothing() -> None:
    call, browser = browser_calls_phone()
    port, stranger = call.port(0), Address("198.51.100.66", 6666)
    foreign = Browser(offers=True, host=stranger.host, port=stranger.port)
    foreign.client = True
    wrong = ice.Credentials(call.last.audio.ice_ufrag, "a-password-somebody-guessed")
    candidates = tuple(call.last.audio.attributes.all("candidate"))
    foreign.agent.receive(ice.RemoteDescribed(wrong, candidates, True), call.now)
    for data, _ in foreign.drain(call.now):
        call.session.receive(Climbed(port.id, call.now, stranger, data), call.now)
    assert stranger not in port.approved
    agree(call, browser, 0)
    assert port.approved == {browser.address}


def test_a_phone_on_hold_is_told_to_the_browser_by_direction() -> None:
    call, browser = browser_calls_phone()
    agree(call, browser, 0)
    held = call.say(
        1, 0, Exchange("INVITE", 9), sdp("0.0.0.0", "audio 5000 RTP/AVP 111 8\na=rtpmap:111 opus/48000/2")
    )
    assert held.audio.direction == "sendonly"
    assert held.audio.connection.host == "203.0.113.1"
    answer = call.say(0, 1, Exchange("INVITE", 9, 200), browser.describe(extra="a=recvonly"))
    assert answer.audio.protocol == "RTP/AVP"
    assert call.port(0).target is None
    assert call.port(0).keys is not None


@pytest.mark.one_session
def test_the_end_of_a_call_says_goodbye_and_frees_everything() -> None:
    call, browser = browser_calls_phone()
    agree(call, browser, 0)
    port = call.port(0)
    port.datagrams = []
    call.session.close(call.now)
    assert [address for _, address in port.datagrams] == [browser.address]
    assert not call.engine.open_ports
    assert call.session.deadline() is None


def test_a_fork_to_browsers_and_a_phone() -> None:
    call = WebCall(web=[2])
    offer = sdp("192.0.2.10", PHONE.replace("5000", "4000"))
    assert call.offer(offer, branch=1).audio.protocol == "RTP/AVP"
    assert call.offer(offer, branch=2).audio.protocol == "UDP/TLS/RTP/SAVPF"
    call.answer(sdp("192.0.2.21", PHONE), branch=1)
    call.chosen(1)
    call.session.released(LegId(2), call.now)
    assert len(call.engine.open_ports) == 2


def test_a_browser_hears_the_echo() -> None:
    call, browser = WebCall(web=[0]), Browser(offers=True)
    body = call.session.answer_locally(browser.describe(), "echo", call.origin(0), call.now)
    answer = SessionDescription.parse(body)
    assert answer.audio.protocol == "UDP/TLS/RTP/SAVPF"
    assert answer.audio.formats == ["111"]
    assert answer.audio.mid == "0"
    browser.learn(answer.audio, call.now)
    agree(call, browser, 0)
    assert call.port(0).plays == "echo"
    assert call.port(0).expected["ice"] is True


def test_a_phone_on_a_websocket_that_answers_plainly_is_plain() -> None:
    call = WebCall(web=[1])
    offer = call.offer(sdp("192.0.2.10", PHONE.replace("5000", "4000")))
    assert offer.audio.is_dtls
    answer = call.answer(sdp("192.0.2.21", PHONE))
    call.chosen()
    assert answer.audio.protocol == "RTP/AVP"
    assert call.port(1).expected["rtp"] == ("192.0.2.21", 5000)
    assert call.port(1).expected["ice"] is False
    again = call.offer(sdp("192.0.2.10", PHONE.replace("5000", "4000") + "\na=sendonly"), cseq=2)
    assert again.audio.protocol == "RTP/AVP"


def test_a_phone_on_a_websocket_that_offers_plainly_is_plain() -> None:
    call = WebCall(web=[0])
    offer = call.offer(sdp("192.0.2.10", PHONE))
    answer = call.answer(sdp("192.0.2.21", PHONE))
    assert offer.audio.protocol == answer.audio.protocol == "RTP/AVP"
    assert call.port(0).expected["rtp"] == ("192.0.2.10", 5000)
