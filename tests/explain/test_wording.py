"""What a finding says of a fault, where the fault is right and a hasty reader would tell it wrong."""

from pathlib import Path

from talkpath.base.texts import Language
from talkpath.explain.judging.finding import Finding, Severity

from .generator.sip import Agent, Call, Proxy, phones, plain_call, sdp
from .generator.wire import EPOCH, At, Wire
from .scenarios import Scenario, doubtful
from .scenarios.network import register
from .test_rules import explained, findings


def found(build: object, folder: Path) -> dict[str, Finding]:
    told = findings(explained(Scenario("", "", False, build), folder))  # type: ignore[arg-type]
    return {finding.code: finding for finding in told}


def said(finding: Finding) -> str:
    return "\n".join([finding.title.say(Language.EN), *(one.said.say(Language.EN) for one in finding.found.because)])


def test_the_longest_hole_names_a_cut(tmp_path: Path) -> None:
    text = said(found(doubtful.a_short_hole_and_a_long_one, tmp_path)["media-cut"])
    assert "(5 s)" in text
    assert text.index("For 4.8 s") < text.index("For 2.6 s")


def test_no_second_loses_more_than_it_has(tmp_path: Path) -> None:
    text = said(found(doubtful.most_of_it_is_in_holes, tmp_path)["packet-loss"])
    assert "63.4 % of the packets are lost" in text
    assert "The worst second lost 50 packets." in text


def test_one_gap_is_told_with_its_time(tmp_path: Path) -> None:
    jitter = found(doubtful.one_gap_of_half_a_second, tmp_path)["jitter"]
    assert jitter.severity is Severity.WARNING
    assert "(520 ms)" in said(jitter)


def test_a_wrong_rate_is_no_clock_that_is_off(tmp_path: Path) -> None:
    drift = found(doubtful.timestamps_of_another_rate, tmp_path)["clock-drift"]
    assert drift.severity is Severity.ERROR
    assert "count at 8000 Hz, not at 16000 Hz" in said(drift)
    assert "ppm" not in said(drift)


def test_a_sender_in_bursts_is_no_clock_that_is_off(tmp_path: Path) -> None:
    drift = found(doubtful.a_sender_whose_timestamps_stand_still_in_pauses, tmp_path)["clock-drift"]
    assert drift.severity is Severity.WARNING
    assert "ppm" not in said(drift)


def test_what_a_proxy_writes_is_no_alg(tmp_path: Path) -> None:
    assert "sip-alg" not in found(doubtful.a_switch_with_a_private_contact_behind_proxy_and_relay, tmp_path)


def public_and_private(wire: Wire) -> None:
    """A phone behind a helper: Contact and c= are rewritten, Call-ID and o= are not."""
    one = Agent("1001", "198.51.100.5", contact="sip:1001@198.51.100.5:5060")
    call = Call(wire, one, Agent("1002", "203.0.113.40"), [], call_id="q@192.168.1.5")
    call.invite(sdp(one.media).replace("o=- 1 1 IN IP4 198.51.100.5", "o=- 1 1 IN IP4 192.168.1.5"))
    call.ring().answer().ack().talk(6).bye()


def test_a_phone_that_is_public_here_and_private_there_is(tmp_path: Path) -> None:
    assert "sip-alg" in found(public_and_private, tmp_path)


def replaced(wire: Wire) -> None:
    """A visible machine sends it on with its own Via under the old branch, and its own Contact."""
    one, two = phones()
    call = Call(wire, one, two, [])
    call.invite()
    _, frame = wire.packets.pop()
    box = At("10.0.0.11", 5060)
    wire.udp(call.at, one.at, box, frame[42:])
    wire.udp(call.at + 0.001, box, two.at, frame[42:].replace(one.host.encode(), box.host.encode()))
    call.ring().answer().ack().talk(6).bye()


def test_a_machine_that_writes_its_own_via_is_no_alg(tmp_path: Path) -> None:
    assert "sip-alg" not in found(replaced, tmp_path)


def refused_at_once(wire: Wire) -> None:
    call = plain_call(wire, proxies=[Proxy()]).talk(6)
    call.request("BYE", upto=1)
    call.at -= 0.001
    call.close("BYE", True, 404, "Not here", first=1)
    register(wire, call.caller, call.at + 40)


def test_who_refuses_at_once_was_not_silent(tmp_path: Path) -> None:
    text = said(found(refused_at_once, tmp_path)["contact-unreachable"])
    assert "404 Not here and did not look for" in text
    assert "does not answer any more" not in text


def one_nonce(wire: Wire) -> None:
    given = 'WWW-Authenticate: Digest realm="a", nonce="n1"\r\n'
    sent = 'Authorization: Digest username="1001", realm="a", nonce="n1", uri="sip:a", response="1"\r\n'
    for number in range(3):
        at = EPOCH + number
        register(wire, phones()[0], at, cseq=number + 1, status=401, more=sent, answer=given)


def test_one_nonce_for_all_attempts_is_not_stale(tmp_path: Path) -> None:
    text = said(found(one_nonce, tmp_path)["auth-loop"])
    assert "nonce" not in text
