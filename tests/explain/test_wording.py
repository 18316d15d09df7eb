"""What a finding says of a fault, where the fault is right and a hasty reader would tell it wrong."""

from pathlib import Path

from talkpath.base.texts import Language
from talkpath.explain.judging.finding import Finding, Severity

from .generator.sip import Agent, Call, Proxy, phones, plain_call, sdp
from .generator.wire import EPOCH, At, Wire
from .scenarios import Scenario, doubtful, hangup, strangers, unheard, unseen
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


def test_an_ack_that_asks_for_another_is_told_with_both_addresses(tmp_path: Path) -> None:
    text = said(found(unseen.an_ack_that_asks_for_the_number_and_not_the_contact, tmp_path)["ack-missing"])
    assert "sip:1002@example.com, and not the Contact of the 200 (sip:1002@10.0.2.11:5060)" in text


def test_an_invented_name_is_told_beside_the_wrong_transport(tmp_path: Path) -> None:
    text = said(found(hangup.a_browser_on_wss_whose_contact_says_ws, tmp_path)["contact-transport-mismatch"])
    assert "reached by WSS" in text
    assert "q1w2e3.invalid" in text
    assert "does not exist either" in text


def forked_and_answered(wire: Wire) -> None:
    """Captured behind the proxy, which takes one fork back when the other answers, and never acknowledges it."""
    one, two = phones()
    first = Call(wire, one, Agent("1002", "10.0.2.99"), [Proxy()], call_id="two@forks", to_tag="other")
    first.invite().respond(180, "Ringing", down_to=1)
    call = Call(wire, one, two, [Proxy()], call_id="two@forks", at=EPOCH)
    call._branch = 7
    call.invite().ring().answer(down_to=1)
    cancel = first.text("CANCEL sip:1002@example.com SIP/2.0", "CANCEL", 1, first._vias(1, 1, True), tagged=False)
    wire.udp(call.at + 0.01, first.path[1], first.path[2], cancel.encode())
    for number in range(8):
        call.wait(min(0.5 * 2**number, 4.0)).answer(down_to=1)
    caller = bytes((10, 0, 1, 11))
    wire.packets = [(at, frame) for at, frame in wire.packets if caller not in (frame[26:30], frame[30:34])]


def test_a_fork_that_is_taken_back_is_no_caller_who_gives_up(tmp_path: Path) -> None:
    text = said(found(forked_and_answered, tmp_path)["response-undelivered"])
    assert "gave up with CANCEL" not in text


def test_roles_that_were_turned_are_told_with_the_request_that_did_it(tmp_path: Path) -> None:
    text = said(found(unseen.both_sides_refresh_since_a_reinvite_turned_the_roles, tmp_path)["session-expired"])
    assert "The INVITE of the callee says refresher=uac, which means the callee; before, the caller refreshed" in text
    assert "3 times" in text


def test_reports_of_the_sender_prove_a_cut(tmp_path: Path) -> None:
    cut = found(unheard.a_phone_that_reports_what_does_not_arrive, tmp_path)["media-cut"]
    assert cut.found.confidence == 0.95
    quiet = found(unheard.a_phone_that_falls_silent_and_reports_so, tmp_path)["media-cut"]
    assert quiet.severity is Severity.WARNING
    assert "stopped of its own will" in said(quiet)


def test_a_phone_does_not_pass_on_what_it_hears(tmp_path: Path) -> None:
    text = said(found(strangers.one_packet_and_no_more, tmp_path)["one-way-rtp"])
    assert "Of the caller only 1 came to 10.0.2.11 in 8 s" in text
    assert "does not pass it on" not in text
    assert "no packet came" not in text


def test_a_fork_that_is_silent_says_nothing_of_fragments(tmp_path: Path) -> None:
    assert "fragments-lost" not in found(strangers.a_fork_that_is_silent_beside_one_that_answers, tmp_path)


def test_a_hole_is_not_told_as_loss_too(tmp_path: Path) -> None:
    told = found(strangers.one_hole_and_a_few_packets, tmp_path)
    assert "media-cut" in told
    text = said(told["packet-loss"])
    assert "12 of 1000 packets" in text
    assert "in 1 gaps, the longest of 12 packets" in text
    assert "The worst second lost 12 packets." in text


def test_a_forbidden_registration_is_told_as_it_was(tmp_path: Path) -> None:
    told = found(strangers.a_registration_that_is_forbidden_after_its_challenge, tmp_path)["auth-loop"]
    assert told.title.say(Language.EN).startswith("REGISTER is refused with 403")
    assert told.found.confidence == 0.8
