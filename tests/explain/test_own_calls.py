"""The edge's own calls, judged by the rules that judge captures."""

import math
import re

import pytest

from talkpath.base.address import Address, Transport
from talkpath.base.texts import Language
from talkpath.calls.model import Side
from talkpath.calls.trace import Trace
from talkpath.explain.judging.explanation import Explained
from talkpath.explain.judging.finding import Finding, Found, Severity, Symptom
from talkpath.explain.judging.own import explain_own
from talkpath.explain.judging.rule import Rule
from talkpath.explain.judging.rules import RULES
from talkpath.explain.reading.sites import Sites
from talkpath.explain.telling.terminal import draw_explained

from ..calls.talk import DESK, PHONE, Talk, flow, sdp
from .own import ANSWER, START, TO_CALLEE, OwnCall


def explained(trace: Trace, now: float = START + 3600.0) -> Explained:
    (one,) = explain_own([trace], Sites(), now).calls
    for finding in one.findings:
        for language in Language:
            said = [finding.title, finding.fix, *(because.said for because in finding.found.because)]
            assert all("{" not in each.say(language) for each in said)
    return one


def findings(trace: Trace, now: float = START + 3600.0) -> list[Finding]:
    return list(explained(trace, now).findings)


def codes(trace: Trace, now: float = START + 3600.0) -> list[str]:
    return [finding.code for finding in findings(trace, now)]


def test_nothing_is_found_on_a_call_in_which_both_are_heard() -> None:
    assert codes(OwnCall().answered().speaks(Side.CALLER).speaks(Side.CALLEE).hung_up()) == []


@pytest.mark.parametrize("inside", ["10.77.0.1", "fd77::1"])
def test_an_edge_with_an_address_inside_and_one_outside_hears_both(inside: str) -> None:
    call = OwnCall(to_caller=Address(inside, 30_000)).answered().speaks(Side.CALLER).speaks(Side.CALLEE)
    assert codes(call.hung_up()) == []


def test_a_callee_of_whom_no_packet_comes_is_not_heard() -> None:
    (found,) = findings(OwnCall().answered().speaks(Side.CALLER).hung_up())
    assert (found.code, found.found.direction) == ("one-way-rtp", "callee-to-caller")


# Words of other products, and of places where nobody need do anything about a call of ours.
FOREIGN = ("OpenSIPS", "Kamailio", "rtpengine", "dispatcher", "force_rport", "contact_alias", "at the firewall")
# They conclude from packets of DTLS and TLS, which only captures have.
OF_CAPTURES = {"dtls-race"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_what_is_found_on_our_own_calls_is_mended_here(rule: Rule) -> None:
    for language in Language:
        fix = Finding(rule, Found(()), is_own=True).fix.text
        said = fix.zh if language is Language.ZH else fix.en
        assert rule.code in OF_CAPTURES or not any(word in said for word in FOREIGN)
    assert set(re.findall(r"{\w+", f"{fix.en} {fix.zh}")) <= set(re.findall(r"{\w+", rule.fix.en))


def test_a_finding_on_an_own_call_names_our_keys() -> None:
    (found,) = findings(OwnCall().answered().speaks(Side.CALLER).hung_up())
    assert "`media.first_port`" in found.fix.say(Language.EN)


def talked() -> OwnCall:
    return OwnCall().answered().speaks(Side.CALLER).speaks(Side.CALLEE)


@pytest.mark.parametrize(("web", "severity"), [(True, Severity.ERROR), (False, Severity.WARNING)])
def test_a_hearer_that_reports_that_nothing_arrives_does_not_hear(web: bool, severity: Severity) -> None:
    """Browsers say nothing of a stream only when nothing of it came; some phones never say anything."""
    values = {"side": "callee", "media": "audio", "packets": 500, "web": web}
    (found,) = findings(talked().note("media.unheard", ANSWER + 12, **values).hung_up())
    assert (found.code, found.severity, found.found.direction) == ("one-way-rtp", severity, "caller-to-callee")


def test_a_hearer_that_reports_later_that_it_arrives_hears() -> None:
    call = talked().note("media.unheard", ANSWER + 12, side="callee", media="audio", packets=500, web=True)
    assert codes(call.note("media.confirmed", ANSWER + 15, side="callee", media="audio").hung_up()) == []


def test_who_sent_what_was_dropped_is_named_where_nobody_was_heard() -> None:
    counts = {"strangers": 215, "unauthentic": 0, "replayed": 0}
    call = OwnCall().answered().note("media.dropped", ANSWER + 19, side="callee", **counts)
    call.note("media.dropped-from", ANSWER + 19, side="callee", sources="198.51.100.7:4000 ×215")
    (found,) = findings(call.hung_up())
    assert found.code == "no-rtp"
    assert any("198.51.100.7:4000 ×215" in one.said.say(Language.EN) for one in found.found.because)


@pytest.mark.parametrize("speaks", [True, False])
def test_what_to_do_is_said_of_the_audio_that_was_dropped(speaks: bool) -> None:
    """Not to look for a firewall: it came, from elsewhere than announced."""
    counts = {"strangers": 900, "unauthentic": 0, "replayed": 0}
    call = OwnCall().answered().note("media.dropped", ANSWER + 19, side="callee", **counts)
    call.note("media.dropped-from", ANSWER + 19, side="callee", sources="198.51.100.7:4000 ×900")
    if speaks:
        call.speaks(Side.CALLER)
    (found,) = findings(call.hung_up())
    assert found.code == ("one-way-rtp" if speaks else "no-rtp")
    assert "Let the callee send from the address" in found.fix.say(Language.EN)


def test_a_call_without_a_packet_is_silent_both_ways_without_another_sign() -> None:
    assert codes(OwnCall().answered().hung_up()) == ["no-rtp"]


def test_media_that_goes_past_us_is_not_missed() -> None:
    assert codes(OwnCall().answered(is_anchored=False).hung_up()) == []


def test_packets_with_a_straight_line_in_them_are_silence() -> None:
    (found,) = findings(OwnCall().answered().speaks(Side.CALLER).speaks(Side.CALLEE, -math.inf).hung_up())
    assert (found.code, found.found.direction) == ("digital-silence", "callee-to-caller")


def test_a_direction_that_stops_in_mid_call_is_named() -> None:
    call = OwnCall().answered().speaks(Side.CALLER).speaks(Side.CALLEE, seconds=8)
    assert codes(call.hung_up()) == ["media-cut"]


def test_a_call_that_goes_on_is_judged_as_it_stands() -> None:
    call = OwnCall().answered().speaks(Side.CALLER, seconds=8).speaks(Side.CALLEE, seconds=8)
    assert codes(call.trace, now=ANSWER + 8.5) == []
    assert codes(OwnCall().answered().speaks(Side.CALLER, seconds=8).trace, now=ANSWER + 8.5) == ["one-way-rtp"]


def test_what_a_service_says_is_not_metered_and_not_missed() -> None:
    assert codes(OwnCall(has_callee=False).answered().speaks(Side.CALLER).hung_up()) == []


def test_a_caller_of_whom_a_service_hears_nothing_is_named() -> None:
    (found,) = findings(OwnCall(has_callee=False).answered().hung_up())
    assert (found.code, found.found.direction) == ("one-way-rtp", "caller-to-callee")


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("chain.no-check", "ice-unanswered"),
        ("chain.no-pair", "ice-unanswered"),
        ("chain.no-hello", "dtls-unanswered"),
        ("chain.no-keys", "dtls-unanswered"),
        ("chain.wrong-certificate", "dtls-refused"),
    ],
)
def test_the_link_that_broke_is_the_finding_and_silence_its_consequence(kind: str, code: str) -> None:
    call = OwnCall().answered().note("ice.candidate", side="callee", candidate="192.0.2.12:4002")
    (found,) = findings(call.note(kind, side="callee").hung_up())
    assert (found.code, found.symptom, len(found.found.because)) == (code, Symptom.NO_AUDIO, 2)
    assert "the callee" in found.title.say(Language.EN)


def test_a_handshake_that_was_refused_is_not_one_that_was_not_answered() -> None:
    call = OwnCall().answered().note("dtls.refused", side="callee", remote="192.0.2.12:4002", why="no shared cipher")
    assert codes(call.note("chain.no-keys", side="callee").hung_up()) == ["dtls-refused"]


def test_a_link_that_only_took_long_is_no_fault() -> None:
    call = OwnCall().answered().speaks(Side.CALLER).speaks(Side.CALLEE).note("chain.no-keys", side="callee")
    assert codes(call.note("srtp.keyed", ANSWER + 1, side="callee", how="DTLS", profile="x").hung_up()) == []


def test_packets_that_no_key_opens_are_a_key_mismatch_and_not_silence() -> None:
    call = OwnCall().answered().speaks(Side.CALLER)
    counts = {"strangers": 0, "unauthentic": 900, "replayed": 0}
    assert codes(call.note("media.dropped", ANSWER + 19, side="callee", **counts).hung_up()) == ["srtp-key-mismatch"]


def test_a_side_is_named_in_the_language_of_the_reader() -> None:
    (found,) = findings(OwnCall().answered().note("chain.no-check", side="callee").hung_up())
    assert "no check of the callee came" in found.found.because[0].said.say(Language.EN)
    assert "被叫" in found.found.because[0].said.say(Language.ZH)


def test_a_phone_whose_connection_died_does_not_ring() -> None:
    call = OwnCall().dialled().note("flow.not-rung", START, remote=str(DESK), transport="WSS")
    call.write(START + 0.1, flow(PHONE), call.talk.answer(480), sent=True)
    call.ledger.ended(START + 0.1, call.talk.call_id, Side.CALLEE, "refused")
    (found,) = findings(call.trace)
    assert (found.code, found.symptom) == ("connection-gone", Symptom.NO_RING)
    assert "WSS" in found.title.say(Language.EN)


def test_who_hangs_up_towards_a_browser_that_is_gone_is_let_go_so_it_is_a_warning() -> None:
    call = OwnCall(callee_flow=flow(DESK, transport=Transport.WSS, connection=4)).answered()
    call.speaks(Side.CALLER).speaks(Side.CALLEE).note("flow.gone", ANSWER + 20, remote=str(DESK), method="BYE")
    end = ANSWER + 20
    call.write(end, flow(PHONE), call.talk.request("BYE", cseq=2), sent=False)
    call.write(end + 0.02, flow(PHONE), call.talk.answer(430, method="BYE", cseq=2), sent=True)
    call.ledger.ended(end, call.talk.call_id, Side.CALLER, "bye")
    (found,) = findings(call.trace)
    assert (found.code, found.severity) == ("connection-gone", Severity.WARNING)


def test_a_finding_is_pinned_to_the_moment_or_message_that_shows_it() -> None:
    one = explained(OwnCall().answered().note("chain.no-check", ANSWER + 19, side="callee").hung_up())
    lines = [line.text for line in draw_explained(one, Language.EN)]
    at = next(number for number, text in enumerate(lines) if "chain broke at ICE" in text)
    assert "▲ ice-unanswered" in lines[at + 1]


def test_calls_of_an_edge_share_what_their_bad_ones_have_in_common() -> None:
    """Twenty calls, ten of them to a phone that sends nothing."""
    traces = []
    for number in range(20):
        call = OwnCall(talk=OwnCall().talk.on(call_id=f"{number}@x", callee="bad" if number % 2 else "good"))
        call.answered().speaks(Side.CALLER)
        traces.append((call if number % 2 else call.speaks(Side.CALLEE)).hung_up())
    (shared, *_) = explain_own(traces, Sites(), START + 3600).common
    assert (shared.code, shared.bad, shared.attributes) == ("one-way-rtp", 10, {"user": "bad"})


def test_a_registered_phone_that_gets_nothing_large_loses_fragments_and_is_not_down() -> None:
    call = OwnCall().dialled().note("route.user", START, user="1002")
    beyond = call.talk.via("z9hG4bK-b1", "z9hG4bK-a1").on(headers=("X-Long: " + "x" * 1500,))
    for at in (0.01, 0.51, 1.51, 3.51):
        call.write(START + at, call.callee_flow, beyond.invite(sdp(TO_CALLEE)), sent=True)
    call.write(START + 32, flow(PHONE), call.talk.answer(408), sent=True)
    call.ledger.ended(START + 32, call.talk.call_id, Side.CALLEE, "timeout")
    (first, *_) = findings(call.trace)
    assert (first.code, first.symptom) == ("fragments-lost", Symptom.NO_RING)
    assert "gateway-down" not in codes(call.trace)


def test_where_a_callee_sends_is_what_it_was_told_on_its_own_side() -> None:
    """The caller's private address never reached it: ours did."""
    call = OwnCall(announced=Address("10.0.0.9", 4000)).answered().speaks(Side.CALLER)
    (found,) = findings(call.hung_up())
    assert found.code == "one-way-rtp"
    assert all("private" not in because.said.say(Language.EN) for because in found.found.because)


def test_the_edge_does_not_advise_itself_to_find_phones() -> None:
    call = OwnCall().dialled().note("flow.not-rung", START, remote=str(DESK), transport="WSS")
    call.write(START + 0.1, flow(PHONE), call.talk.answer(480), sent=True)
    call.ledger.ended(START + 0.1, call.talk.call_id, Side.SERVER, "refused")
    (found,) = findings(call.trace)
    assert "let the server find" not in found.fix.say(Language.EN)
    # A page that came back may believe itself registered.
    assert "SIP.js" in found.fix.say(Language.EN)
    assert "SIP.js" in found.fix.say(Language.ZH)


def test_a_phone_that_answers_nothing_any_more_is_no_gateway() -> None:
    """As behind a NAT that forgot it: what is told is the phone's, and nobody is advised to try another gateway."""
    call = OwnCall().dialled().note("route.user", START, user="1002")
    beyond = call.talk.via("z9hG4bK-b1", "z9hG4bK-a1")
    for at in (0.01, 0.51, 1.51, 3.51):
        call.write(START + at, call.callee_flow, beyond.invite(sdp(TO_CALLEE)), sent=True)
    call.write(START + 32, flow(PHONE), call.talk.answer(408), sent=True)
    call.ledger.ended(START + 32, call.talk.call_id, Side.CALLEE, "timeout")
    (found,) = findings(call.trace)
    assert found.code == "gateway-down"
    assert "the phone is on" in found.fix.say(Language.EN)


def test_a_phone_that_is_not_rung_because_it_answers_nothing_is_told_as_that() -> None:
    call = OwnCall().dialled().note("flow.unanswering", START, remote=str(DESK), transport="UDP")
    call.write(START + 0.1, flow(PHONE), call.talk.answer(480), sent=True)
    call.ledger.ended(START + 0.1, call.talk.call_id, Side.SERVER, "refused")
    (found,) = findings(call.trace)
    assert (found.code, found.symptom) == ("connection-gone", Symptom.NO_RING)
    assert "rings again as soon as anything comes" in found.fix.say(Language.EN)


def test_an_account_that_called_more_than_it_may_is_told_of_with_its_limit() -> None:
    calls = [OwnCall(talk=Talk(call_id=f"over-{number}")).dialled() for number in range(5)]
    for number, call in enumerate(calls):
        call.note("toll.abroad-calls", START + 60 * number, user="1001", limit=60)
    (found,) = explain_own([call.trace for call in calls], Sites(), START + 600).findings
    assert (found.code, found.severity) == ("toll-fraud", Severity.WARNING)
    said = " ".join(one.said.say(Language.EN) for one in found.found.because)
    assert "as many calls abroad as it may within an hour (60)" in said
    assert "refused within 240 s: 5" in said
    assert "1001" in found.title.say(Language.EN)
    assert "toll.accounts" in found.fix.say(Language.ZH)


@pytest.mark.parametrize(("closes", "expected"), [("caller", []), ("callee", ["media-cut"])])
def test_a_page_that_is_closed_in_the_call_was_not_cut_off(closes: str, expected: list[str]) -> None:
    call = OwnCall(talk_s=40).answered().speaks(Side.CALLER, seconds=5).speaks(Side.CALLEE)
    assert codes(call.note("dtls.closed", ANSWER + 5.5, side=closes).hung_up()) == expected


def test_a_call_that_began_before_a_restart_is_no_hole_in_a_capture() -> None:
    call = OwnCall()
    call.write(START, flow(PHONE), call.talk.request("INVITE", cseq=2), sent=False)
    call.write(START + 0.1, flow(PHONE), call.talk.answer(200, cseq=2), sent=True)
    assert explain_own([call.trace], Sites(), START + 60).findings == ()


def left_without_a_word() -> OwnCall:
    """The callee's phone is switched off in mid-call; then the caller hangs up."""
    call = talked()
    beyond, end = call.talk.via("z9hG4bK-b2", "z9hG4bK-a1"), ANSWER + 20
    call.write(end, flow(PHONE), call.talk.request("BYE", cseq=2), sent=False)
    for at in (0.0, 0.5, 1.5, 3.5):
        call.write(end + at, call.callee_flow, beyond.request("BYE", cseq=2), sent=True)
    call.write(end + 32, flow(PHONE), call.talk.answer(408, method="BYE", cseq=2), sent=True)
    call.ledger.ended(end, call.talk.call_id, Side.CALLER, "bye")
    return call


def test_a_phone_that_left_without_a_word_has_no_contact_to_correct() -> None:
    (found,) = findings(left_without_a_word().trace)
    assert (found.code, found.severity) == ("contact-unreachable", Severity.WARNING)
    assert str(DESK) in found.title.say(Language.EN)
    assert "lost power or its network" in found.fix.say(Language.EN)
    assert not any("Contact" in one.said.say(Language.EN) for one in found.found.because)


def test_nobody_is_told_to_capture_again_what_was_no_capture() -> None:
    """We acknowledge a late 200 of a call that was given up, and its caller never does."""
    call = talked()
    call.write(ANSWER + 21, call.callee_flow, call.talk.via("z9hG4bK-b3").request("ACK", cseq=9), sent=True)
    assert "capture-incomplete" not in codes(call.hung_up())


def test_the_ack_to_a_refusal_names_whom_the_invite_names() -> None:
    """RFC 3261 17.1.1.3: it has nothing to do with the Contact of the refusal."""
    call = OwnCall().dialled()
    refusal = call.talk.on(headers=("Contact: <sip:198.51.100.77:5090>",)).answer(486)
    for at in (0.1, 0.6, 1.6, 3.6, 7.6):
        call.write(START + at, flow(PHONE), refusal, sent=True)
    call.write(START + 0.2, flow(PHONE), call.talk.request("ACK", cseq=1), sent=False)
    call.ledger.ended(START + 0.1, call.talk.call_id, Side.CALLEE, "refused")
    said = [one.said.say(Language.EN) for found in findings(call.trace) for one in found.found.because]
    assert said
    assert not any("Contact" in one for one in said)


def test_who_hangs_up_its_connection_before_our_answer_finds_no_gateway_down() -> None:
    """Nothing went back on its connection, and whom it called by it is this very edge."""
    call = OwnCall()
    call.write(START, flow(PHONE, transport=Transport.TCP, connection=1), call.talk.invite(), sent=False)
    call.ledger.ended(START + 0.1, call.talk.call_id, Side.SERVER, "refused")
    assert codes(call.trace) == []
