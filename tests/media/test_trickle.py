"""Candidates that come after their description, in INFO requests (RFC 8838, RFC 8840)."""

import pytest
from tests.media.browser import Browser, WebCall
from tests.media.in_memory import Call, sdp

from talkpath.base.limits import ICE_REMOTE_CANDIDATES
from talkpath.media import CALLER, LegId

PHONE = "audio 5000 RTP/AVP 8"
LATER = "1 1 udp 2122260223 198.51.100.77 50000 typ host"
MDNS = "2 1 udp 2122260223 6a2f8a6b-6b0d-4b5a-9c3a-7a5f4b1d3c2e.local 50001 typ host"


def a_call() -> tuple[WebCall, Browser, str]:
    call, browser = WebCall(web=[0]), Browser(offers=True)
    call.offer(browser.describe("8"))
    answer = call.answer(sdp("192.0.2.21", PHONE))
    call.chosen()
    assert answer.audio.attributes.all("ice-options") == ["trickle"], "as the offer had it"
    return call, browser, browser.agent.credentials.ufrag


def named(call: Call) -> list[object]:
    return [moment.values["candidate"] for moment in call.moments if moment.kind == "ice.candidate"]


def trickled(call: Call, text: str, leg: int = 0) -> bool:
    taken = call.session.trickled(text.replace("\n", "\r\n").encode(), LegId(leg), call.now)
    call.drain()
    return taken


@pytest.mark.parametrize(
    "form",
    [
        "a=ice-ufrag:{ufrag}\na=ice-pwd:x\nm=audio 9 UDP/TLS/RTP/SAVPF 0\na=mid:0\na=candidate:{line}\n",
        "m=audio 9 UDP/TLS/RTP/SAVPF 0\na=mid:0\na=ice-ufrag:{ufrag}\na=candidate:{line}\na=end-of-candidates\n",
        "m=audio 9 UDP/TLS/RTP/SAVPF 0\na=candidate:{line}\n",
        "a=candidate:{line}\n",
        "a=mid:0\na=candidate:{line}\n",
    ],
)
def test_a_later_candidate_is_taken_once(form: str) -> None:
    call, _, ufrag = a_call()
    before = len(named(call))
    for _ in range(2):
        assert trickled(call, form.format(ufrag=ufrag, line=LATER))
    assert named(call)[before:] == [LATER]


def test_candidates_of_another_generation_are_too_late() -> None:
    call, _, _ = a_call()
    before = len(named(call))
    assert trickled(call, f"a=ice-ufrag:old1\nm=audio 9 X 0\na=mid:0\na=candidate:{LATER}\n")
    assert len(named(call)) == before


def test_a_name_of_its_own_network_is_passed_over() -> None:
    call, _, _ = a_call()
    trickled(call, f"m=audio 9 X 0\na=mid:0\na=candidate:{MDNS}\n")
    ignored = [moment.values for moment in call.moments if moment.kind == "ice.candidate-ignored"]
    assert [one["why"] for one in ignored] == ["mdns"]


def test_of_a_phone_without_ice_nothing_ends_here() -> None:
    call, _, _ = a_call()
    assert not trickled(call, f"a=candidate:{LATER}\n", leg=1)
    assert not trickled(call, f"a=candidate:{LATER}\n", leg=9)


@pytest.mark.parametrize("rubbish", ["", "\xff\xfe", "m=", "a=candidate", "a=mid:7\na=candidate:x", "m=\n" * 500])
def test_rubbish_changes_nothing(rubbish: str) -> None:
    call, _, _ = a_call()
    assert trickled(call, rubbish)


def test_more_candidates_than_a_browser_has_are_not_kept() -> None:
    call, _, _ = a_call()
    for number in range(3 * ICE_REMOTE_CANDIDATES):
        line = f"{number} 1 udp 1 198.51.100.{number % 250} {40_000 + number} typ host"
        trickled(call, f"m=audio 9 X 0\na=mid:0\na=candidate:{line}\n")
    transport = next(anchor.transport for _, anchor in call.session.ports if anchor.leg.id == CALLER)
    assert len(transport._named) == ICE_REMOTE_CANDIDATES
