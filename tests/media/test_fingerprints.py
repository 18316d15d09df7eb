"""Fingerprints (RFC 8122): what can not be checked is refused before it stays silent, what can be is taken."""

import hashlib

import pytest
from tests.media.browser import OURS, Browser, WebCall, converse
from tests.media.in_memory import Call, sdp

from talkpath.media import MediaRefused

PHONE = "audio 5000 RTP/AVP 8"
VIDEO = "video 9 UDP/TLS/RTP/SAVPF 96\na=rtpmap:96 VP8/90000"
HEX = ":".join(["AB"] * 32)

UNUSABLE = {
    "no hexadecimal": [f"sha-256 {HEX[:-2]}ZZ"],
    "too short for its hash": [f"sha-256 {HEX[:-3]}"],
    "too long for its hash": [f"sha-1 {HEX}"],
    "unknown hash": [f"sha3-256 {HEX}"],
    "a hash that is broken": ["md5 " + HEX[:47]],
    "no digest": ["sha-256"],
    "empty": [""],
    "missing": [],
    "none of several": [f"md2 {HEX[:47]}", "sha-512 00", "sha-256 nonsense"],
}


def named(body: bytes, values: list[str]) -> bytes:
    """The description with these fingerprints in every section that has one."""
    lines = []
    for line in body.decode().split("\r\n"):
        lines += [f"a=fingerprint:{value}" for value in values] if line.startswith("a=fingerprint:") else [line]
    return "\r\n".join(lines).encode()


@pytest.mark.parametrize("values", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_an_offer_that_could_never_be_proven_is_refused(values: list[str]) -> None:
    call, browser = WebCall(web=[0]), Browser(offers=True)
    with pytest.raises(MediaRefused, match="a=fingerprint"):
        call.offer(named(browser.describe("8"), values))
    assert not call.engine.open_ports


@pytest.mark.parametrize("values", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_an_answer_that_could_never_be_proven_is_refused(values: list[str]) -> None:
    call, browser = WebCall(web=[1]), Browser(offers=False)
    call.offer(sdp("192.0.2.10", PHONE))
    with pytest.raises(MediaRefused, match="a=fingerprint"):
        call.answer(named(browser.describe("8"), values))


@pytest.mark.parametrize("values", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_a_service_takes_no_offer_that_could_never_be_proven(values: list[str]) -> None:
    call, browser = Call(identity=OURS), Browser(offers=True)
    with pytest.raises(MediaRefused, match="a=fingerprint"):
        call.session.answer_locally(named(browser.describe("8"), values), "echo", call.origin(0), call.now)


def test_a_phone_with_dtls_and_no_ice_is_refused_likewise() -> None:
    call = Call(identity=OURS)
    with pytest.raises(MediaRefused, match="a=fingerprint"):
        call.offer(sdp("192.0.2.10", "audio 4000 UDP/TLS/RTP/SAVP 8\na=setup:actpass"))


def right(browser: Browser, algorithm: str) -> str:
    digest = hashlib.new(algorithm.replace("-", ""), browser.identity.certificate.der).digest()
    return f"{algorithm} {digest.hex(':').upper()}"


def wrong(algorithm: str) -> str:
    return f"{algorithm} {hashlib.new(algorithm.replace('-', '')).digest().hex(':').upper()}"


def answered(lines: str, *, session_level: bool = False) -> tuple[WebCall, Browser]:
    """A browser calls whose fingerprints are these; `{s256}` stands for its own with SHA-256, and so on."""
    call, browser = WebCall(web=[0]), Browser(offers=True)
    hashes = ("sha-1", "sha-224", "sha-256", "sha-384", "sha-512")
    said = lines.format(**{f"s{name[4:]}": right(browser, name) for name in hashes}).splitlines()
    offer = named(browser.describe("8"), [] if session_level else said)
    if session_level:
        lines_of_session = "".join(f"a=fingerprint:{value}\r\n" for value in said).encode()
        offer = offer.replace(b"t=0 0\r\n", b"t=0 0\r\n" + lines_of_session)
    call.offer(offer)
    answer = call.answer(sdp("192.0.2.21", PHONE))
    call.chosen()
    browser.learn(answer.media[0], call.now)
    converse(call, browser, call.port(0))
    return call, browser


@pytest.mark.parametrize("at_session", [False, True], ids=["in the section", "in the session"])
@pytest.mark.parametrize(
    "lines",
    [
        *("{s256}", "{s1}", "{s224}", "{s384}", "{s512}", "{s256}\n{s256}", "sha-256 nonsense\n{s1}"),
        *("sha-512 00\n{s256}", f"sha3-256 {HEX}\n{{s256}}"),
        *(f"{wrong('sha-256')}\n{{s256}}", f"{wrong('sha-1')}\n{{s256}}"),
    ],
)
def test_one_fingerprint_that_fits_is_enough(lines: str, at_session: bool) -> None:
    call, browser = answered(lines, session_level=at_session)
    assert browser.keys is not None
    assert call.port(0).keys is not None
    assert "dtls.fingerprint-right" in call.kinds()


@pytest.mark.parametrize("change", [str.lower, str.upper], ids=["lower", "upper"])
def test_case_means_nothing(change: type[str]) -> None:
    call, browser = WebCall(web=[0]), Browser(offers=True)
    call.offer(named(browser.describe("8"), [change(str(browser.identity.fingerprint))]))
    answer = call.answer(sdp("192.0.2.21", PHONE))
    browser.learn(answer.media[0], call.now)
    converse(call, browser, call.port(0))
    assert call.port(0).keys is not None


def test_only_the_section_without_proof_is_rejected() -> None:
    call, browser = WebCall(web=[0]), Browser(offers=True)
    body = browser.describe("8", bundled=(VIDEO,)).replace(b"a=group:BUNDLE 0 1\r\n", b"")
    head, _, video = body.partition(b"m=video")
    offered = call.offer(head + b"m=video" + named(video, [f"sha3-256 {HEX}"]))
    assert [section.port > 0 for section in offered.media] == [True, False]
    assert "dtls.unproven" in call.kinds()
    answer = call.answer(sdp("192.0.2.21", PHONE, "video 5002 RTP/AVP 96\na=rtpmap:96 VP8/90000"))
    call.chosen()
    assert [section.port > 0 for section in answer.media] == [True, False]
    browser.learn(answer.media[0], call.now)
    converse(call, browser, call.port(0))
    assert call.port(0).keys is not None


def test_the_first_section_of_a_bundle_proves_the_others() -> None:
    call, browser = WebCall(web=[0]), Browser(offers=True)
    body = browser.describe("8", bundled=(VIDEO,))
    head, _, video = body.partition(b"m=video")
    offered = call.offer(head + b"m=video" + named(video, []))
    assert all(section.port for section in offered.media)


def test_a_refused_offer_changes_nothing_of_a_call() -> None:
    call, browser = answered("{s256}")
    keys = call.port(0).keys
    with pytest.raises(MediaRefused):
        call.offer(named(browser.describe("8"), ["sha-256 00"]), cseq=2)
    call.rejected(cseq=2)
    assert call.port(0).keys == keys
    assert call.port(0).target is call.port(1)


def test_keys_of_an_answer_that_can_not_be_used_are_refused() -> None:
    call = Call(identity=OURS)
    call.origins[1] = call.origin(1)._replace(webrtc=False)
    browser = Browser(offers=True)
    call.offer(browser.describe("8"))
    with pytest.raises(MediaRefused, match="AES_CM_128_HMAC_SHA1_80"):
        call.answer(sdp("192.0.2.21", "audio 5000 RTP/SAVP 8\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:short"))
