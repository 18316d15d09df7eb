"""A phone that refuses a profile is asked again in another (docs/decisions/profiles-and-bundles.md)."""

import os

import pytest
from tests.edge.lab import HOME, OFFER, Lab, Phone
from tests.media.browser import OURS

from talkpath.base import limits
from talkpath.base.address import Address, Target, Transport
from talkpath.edge.forking.tastes import Tastes
from talkpath.media.keying import Security
from talkpath.media.policy import Profile
from talkpath.sip.message import Message

ANSWER = OFFER.replace(b"198.51.100.7", b"198.51.100.8")

SDES_OFFER = OFFER.replace(b"RTP/AVP", b"RTP/SAVP") + (
    b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n"
)


def test_a_phone_that_refuses_the_profile_is_asked_for_another(lab: Lab, caller: Phone, callee: Phone) -> None:
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    callee.answer(callee.take(), 488, "Not Acceptable Here")
    again = next(message for message in callee.inbox if message.method == "INVITE")
    callee.inbox.clear()
    callee.answer(again, 200, "OK", body=ANSWER)
    assert caller.statuses() == [100, 200]
    assert "media.asked-again" in lab.kinds("c1")


def asked_for(lab: Lab) -> list[Profile | None]:
    """What the phones of the only call were offered, in turn."""
    (running,) = lab.edge.core.calls.values()
    return [party.profile for party in running.callees.values()]


class Strict:
    """A phone as RFC 3261 8.2.2.2 has it: over UDP it remembers what it refused, and takes the same From tag, Call-ID
    and CSeq on another branch for a loop."""

    def __init__(self, phone: Phone, wanted: str) -> None:
        self.phone = phone
        self.wanted = wanted
        self.offered: list[Profile | None] = []
        self._seen: set[tuple[str, str, int]] = set()

    def hear(self) -> Message | None:
        """Answer every INVITE that came; gives the one that it takes."""
        while invites := [message for message in self.phone.inbox if message.method == "INVITE"]:
            self.phone.inbox.clear()
            (invite,) = invites
            key = (invite.from_tag, invite.call_id, invite.cseq.number)
            self.offered.append(Profile.of(invite.sdp))
            if key in self._seen:
                self.phone.answer(invite, 482, "Loop Detected")
            elif self.offered[-1] != self.wanted:
                self._seen.add(key)
                self.phone.answer(invite, 488, "Not Acceptable Here")
            else:
                return invite
        return None


@pytest.mark.parametrize("wanted", [Profile.DTLS, Profile.SDES, Profile.SDES_FEEDBACK])
def test_a_strict_phone_rings_at_once_whatever_it_wants(
    lab: Lab, caller: Phone, callee: Phone, wanted: Profile
) -> None:
    lab.security = Security(lab.engine, OURS, os.urandom)
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    strict, began = Strict(callee, wanted), lab.now
    invite = strict.hear()
    assert invite is not None
    assert lab.now == began
    callee.answer(invite, 180, "Ringing")
    assert caller.statuses() == [100, 180]
    assert caller.last().cseq.number == caller.cseq


@pytest.mark.parametrize("status", [415, 606])
def test_whatever_words_a_phone_has_for_a_profile_that_it_does_not_take(
    lab: Lab, caller: Phone, callee: Phone, status: int
) -> None:
    """RFC 3261 21.6.4 says of 606 what 21.4.26 says of 488. Who refuses all of them is not asked for ever, and its
    606 ends the call."""
    lab.security = Security(lab.engine, OURS, os.urandom)
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    callee.answer(callee.take(), status, "Not like this")
    again = callee.last()
    assert Profile.of(again.sdp) is Profile.DTLS
    callee.answer(again, 200, body=ANSWER)
    assert caller.statuses() == [100, 200]
    caller.inbox.clear()
    caller.invite(f"sip:1002@{HOME}", body=OFFER, call_id="c2")
    for asked in (Profile.DTLS, Profile.PLAIN, Profile.SDES, Profile.SDES_FEEDBACK):
        assert Profile.of(callee.last().sdp) is asked
        callee.answer(callee.last(), status, "Not like this")
    assert caller.statuses() == [100, status]


def test_who_is_asked_again_over_a_stream_that_opens_slowly_has_not_declined(
    lab: Lab, caller: Phone, callee: Phone
) -> None:
    lab.security = Security(lab.engine, OURS, os.urandom)
    lab.unanswering.add(Target(Transport.TCP, Address("198.51.100.8", 5060)))
    caller.invite(f"sip:1002@{HOME}", body=OFFER + b"a=x:" + 500 * b"x" + b"\r\n")
    callee.answer(callee.take(), 606, "Not Acceptable")
    assert (len(lab.unopened), callee.methods()) == (1, ["ACK"])
    lab.unopened.pop()(False)
    lab.pump()
    callee.answer(callee.last(), 180, "Ringing")
    assert caller.statuses() == [100, 180]


def test_a_phone_that_takes_no_descriptions_is_not_asked_for_another(lab: Lab, caller: Phone, callee: Phone) -> None:
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    callee.answer(callee.take(), 415, "Unsupported Media Type", extra="Accept: text/plain")
    assert callee.methods() == ["ACK"]
    assert caller.statuses() == [100, 415]


@pytest.mark.parametrize("says", [b"", ANSWER])
def test_a_phone_that_wants_no_feedback_is_asked_without_it_next(
    lab: Lab, caller: Phone, callee: Phone, says: bytes
) -> None:
    """Between two that speak AVPF it stays. Who refuses it is not taken for one that wants SRTP."""
    caller.invite(f"sip:1002@{HOME}", body=OFFER.replace(b"RTP/AVP", b"RTP/AVPF"))
    first = callee.take()
    assert b" RTP/AVPF " in first.sdp
    callee.answer(first, 488, "Not Acceptable Here", body=says)
    again = callee.last()
    assert b" RTP/AVP " in again.sdp
    callee.answer(again, 200, body=ANSWER)
    assert caller.statuses() == [100, 200]
    assert b" RTP/AVPF " in caller.last().sdp
    trace = lab.ledger.trace("c1")
    assert trace is not None
    (asked,) = (moment for moment in trace.moments if moment.kind == "media.asked-again")
    assert (asked.values["refused"], asked.values["profile"]) == ("RTP/AVPF", "RTP/AVP")
    assert asked_for(lab) == [None, Profile.PLAIN]


def test_the_dialog_of_a_second_asking_counts_on_from_there(lab: Lab, caller: Phone, callee: Phone) -> None:
    """Each side counts as it began, in requests and answers, in RAck, and in the id of a REFER's events."""
    ringing, invite = rung_at_the_second_asking(caller, callee)
    first, asked = caller.cseq, invite.cseq.number
    assert asked == first + 1
    callee.inbox.clear()
    caller.in_dialog("PRACK", ringing, extra=f"RAck: 7 {first} INVITE")
    prack = callee.take()
    assert (prack.cseq.number, prack.first("RAck")) == (asked + 1, f"7 {asked} INVITE")
    callee.answer(prack, 200)
    assert caller.last().cseq == (first + 1, "PRACK")
    callee.answer(invite, 200, body=ANSWER)
    ok = caller.last()
    assert ok.cseq == (first, "INVITE")
    caller.in_dialog("ACK", ok, cseq=first)
    assert callee.last().cseq == (asked, "ACK")
    caller.in_dialog("REFER", ok, cseq=first + 2)
    assert callee.last().cseq == (asked + 2, "REFER")
    callee.in_dialog("NOTIFY", invite, extra=f"Event: refer;id={asked + 2}", cseq=40)
    assert (caller.last().first("Event"), caller.last().cseq.number) == (f"refer;id={first + 2}", 40)
    caller.answer(caller.last(), 200)
    assert callee.last().cseq.number == 40


def rung_at_the_second_asking(caller: Phone, callee: Phone) -> tuple[Message, Message]:
    """The 180 as the caller got it, and the INVITE that rang."""
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    callee.answer(callee.take(), 488, "Not Acceptable Here")
    invite = callee.last()
    callee.answer(invite, 180, "Ringing", extra="Require: 100rel\nRSeq: 7")
    return caller.last(), invite


def test_a_dialog_of_a_second_asking_outlives_a_restart(lab: Lab, caller: Phone, callee: Phone) -> None:
    """What follows brings a token of ours, which says from where the callee counts."""
    _, invite = rung_at_the_second_asking(caller, callee)
    callee.answer(invite, 200, body=ANSWER)
    ok = caller.last()
    caller.in_dialog("ACK", ok, cseq=ok.cseq.number)
    lab.edge.core.calls.clear()
    callee.inbox.clear()
    caller.in_dialog("INFO", ok)
    assert callee.last().cseq == (caller.cseq + 1, "INFO")
    callee.answer(callee.last(), 200)
    assert caller.last().cseq == (caller.cseq, "INFO")
    callee.in_dialog("BYE", invite, cseq=9)
    assert caller.last().cseq == (9, "BYE")


def test_who_hangs_up_a_dead_call_counts_as_its_parties_do(lab: Lab, caller: Phone, callee: Phone) -> None:
    _, invite = rung_at_the_second_asking(caller, callee)
    callee.answer(invite, 200, body=ANSWER)
    ok = caller.last()
    caller.in_dialog("ACK", ok, cseq=ok.cseq.number)
    callee.inbox.clear()
    caller.inbox.clear()
    lab.edge.stop_calls(lab.now)
    lab.pump()
    assert callee.last().cseq == (invite.cseq.number + 1, "BYE")
    assert caller.last().method == "BYE"


def test_a_second_asking_is_cancelled_by_its_own_number(lab: Lab, caller: Phone, callee: Phone) -> None:
    branch = caller.invite(f"sip:1002@{HOME}", body=OFFER)
    callee.answer(callee.take(), 488, "Not Acceptable Here")
    again = callee.last()
    callee.answer(again, 180, "Ringing")
    caller.request("CANCEL", f"sip:1002@{HOME}", call_id="c1", branch=branch, cseq=caller.cseq)
    assert callee.last().cseq == (again.cseq.number, "CANCEL")
    callee.answer(again, 487, "Request Terminated")
    assert caller.last().status == 487


def test_a_refusal_that_describes_what_it_wants_is_believed(lab: Lab, caller: Phone, callee: Phone) -> None:
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    callee.answer(callee.take(), 488, body=OFFER.replace(b"RTP/AVP", b"UDP/TLS/RTP/SAVPF"))
    assert asked_for(lab) == [None, Profile.DTLS]


def test_a_loop_is_told_at_once(lab: Lab, caller: Phone, callee: Phone) -> None:
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    callee.answer(callee.take(), 482, "Loop Detected")
    assert caller.statuses() == [100, 482]


def test_a_phone_that_offers_srtp_is_called_with_srtp(lab: Lab, caller: Phone, callee: Phone) -> None:
    """What it offers it takes; a phone that must have SRTP would refuse plain RTP first."""
    callee.invite(f"sip:1001@{HOME}", body=SDES_OFFER)
    caller.answer(caller.take(), 486, "Busy Here")
    callee.inbox.clear()
    caller.invite(f"sip:1002@{HOME}", call_id="c2", body=OFFER)
    assert asked_for(lab) == [Profile.SDES]


def test_a_phone_that_refuses_every_profile_has_the_last_word(lab: Lab, caller: Phone, callee: Phone) -> None:
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    asked = 0
    while invites := [message for message in callee.inbox if message.method == "INVITE"]:
        callee.inbox.clear()
        callee.answer(invites[0], 488, "Not Acceptable Here")
        asked += 1
    assert asked == 4
    assert caller.statuses() == [100, 488]


def test_a_phone_without_the_codecs_is_not_asked_again(lab: Lab, caller: Phone, callee: Phone) -> None:
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    callee.answer(callee.take(), 488, extra='Warning: 305 phone "incompatible media format"')
    assert callee.methods() == ["ACK"]
    assert caller.statuses() == [100, 488]


G729 = OFFER.replace(b"RTP/AVP 0 8", b"RTP/AVP 18").replace(
    b"a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n", b"a=rtpmap:18 G729/8000\r\n"
)


def offers_of(phone: Phone) -> list[Profile | None]:
    """What it was offered by the INVITEs that wait, which it has then heard."""
    offers = [Profile.of(message.sdp) for message in phone.inbox if message.method == "INVITE"]
    phone.inbox.clear()
    return offers


def refuse_all(phone: Phone, body: bytes = b"") -> list[Profile | None]:
    """A phone that says 488 to everything; what it was offered."""
    offered: list[Profile | None] = []
    while invites := [message for message in phone.inbox if message.method == "INVITE"]:
        phone.inbox.clear()
        offered.append(Profile.of(invites[0].sdp))
        phone.answer(invites[0], 488, "Not Acceptable Here", body=body)
    phone.inbox.clear()
    return offered


def call_from(caller: Phone, call_id: str, body: bytes) -> None:
    caller.inbox.clear()
    caller.invite(f"sip:1002@{HOME}", call_id=call_id, body=body)


def take_plain_rtp(caller: Phone, callee: Phone) -> None:
    """A call in which the callee takes plain RTP, which is known of it from then on."""
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    callee.answer(callee.last(), 200, body=ANSWER)
    callee.inbox.clear()


def test_what_the_caller_offers_comes_first(lab: Lab, caller: Phone, callee: Phone) -> None:
    lab.security = Security(lab.engine, OURS, os.urandom)
    caller.invite(f"sip:1002@{HOME}", body=SDES_OFFER)
    assert refuse_all(callee)[:2] == [Profile.SDES, Profile.PLAIN]


def test_what_a_phone_refused_is_not_asked_first_again(lab: Lab, caller: Phone, callee: Phone) -> None:
    lab.security = Security(lab.engine, OURS, os.urandom)
    caller.invite(f"sip:1002@{HOME}", body=SDES_OFFER)
    callee.answer(callee.take(), 488)
    callee.answer(callee.last(), 200, body=ANSWER)
    callee.inbox.clear()
    call_from(caller, "c2", SDES_OFFER)
    assert offers_of(callee) == [Profile.PLAIN]


def test_a_phone_that_took_plain_rtp_may_have_what_its_caller_encrypts(
    lab: Lab, caller: Phone, callee: Phone
) -> None:
    lab.security = Security(lab.engine, OURS, os.urandom)
    take_plain_rtp(caller, callee)
    call_from(caller, "c2", SDES_OFFER)
    assert offers_of(callee) == [Profile.SDES]


def test_what_one_phone_took_another_of_its_make_is_offered(lab: Lab, caller: Phone) -> None:
    lab.security = Security(lab.engine, OURS, os.urandom)
    known, new = lab.phone("1002", "198.51.100.8"), lab.phone("1003", "198.51.100.9")
    for phone in (known, new):
        phone.register(extra="User-Agent: Desk 4.2")
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    known.answer(known.take(), 488)
    assert offers_of(known) == [Profile.DTLS]
    caller.invite(f"sip:1003@{HOME}", call_id="c2", body=OFFER)
    assert offers_of(new) == [Profile.PLAIN]
    known.invite(f"sip:1001@{HOME}", call_id="c3", body=SDES_OFFER)
    caller.inbox.clear()
    caller.invite(f"sip:1003@{HOME}", call_id="c4", body=OFFER)
    assert offers_of(new) == [Profile.SDES]


def test_a_phone_that_refused_everything_is_asked_as_at_first(lab: Lab, caller: Phone, callee: Phone) -> None:
    lab.security = Security(lab.engine, OURS, os.urandom)
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    assert len(refuse_all(callee)) == 4
    call_from(caller, "c2", OFFER)
    assert offers_of(callee) == [Profile.PLAIN]


def test_a_phone_known_by_its_own_offer_to_speak_no_such_codec_is_asked_once(
    lab: Lab, caller: Phone, callee: Phone
) -> None:
    callee.invite(f"sip:1001@{HOME}", call_id="c0", body=OFFER)
    callee.inbox.clear()
    call_from(caller, "c1", G729)
    assert refuse_all(callee) == [Profile.PLAIN]
    assert caller.statuses() == [100, 488]
    assert "media.not-asked-again" in lab.kinds("c1")


def test_a_phone_known_to_take_plain_rtp_is_asked_once_for_a_codec_that_few_have(
    lab: Lab, caller: Phone, callee: Phone
) -> None:
    take_plain_rtp(caller, callee)
    call_from(caller, "c2", G729)
    assert refuse_all(callee) == [Profile.PLAIN]


def test_a_phone_that_is_set_to_srtp_only_is_asked_again_though_it_took_plain_rtp(
    lab: Lab, caller: Phone, callee: Phone
) -> None:
    lab.security = Security(lab.engine, OURS, os.urandom)
    take_plain_rtp(caller, callee)
    call_from(caller, "c2", OFFER)
    assert Strict(callee, Profile.SDES).hear() is not None


def test_a_refusal_that_describes_other_codecs_ends_the_asking(lab: Lab, caller: Phone, callee: Phone) -> None:
    caller.invite(f"sip:1002@{HOME}", body=G729)
    assert refuse_all(callee, body=ANSWER) == [Profile.PLAIN]


def test_a_warning_of_the_profile_is_no_word_about_codecs(lab: Lab, caller: Phone, callee: Phone) -> None:
    lab.security = Security(lab.engine, OURS, os.urandom)
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    callee.answer(callee.take(), 488, extra='Warning: 302 phone "incompatible transport protocol"')
    assert offers_of(callee) == [Profile.DTLS]


def test_tastes_forget_the_oldest_phone_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PROFILES", 2)
    tastes, phones = Tastes(), [("u", ("", name)) for name in ("a", "b", "c")]
    for phone in phones:
        tastes.took(phone, "", Profile.SDES)
    assert [tastes.of(phone).takes for phone in phones] == [None, Profile.SDES, Profile.SDES]


def test_a_phone_that_takes_srtp_and_names_no_key_rings_again_with_what_it_speaks(
    lab: Lab, caller: Phone, callee: Phone
) -> None:
    """As baresip 1.0 with DTLS answers SDES; the next call begins with DTLS."""
    lab.security = Security(lab.engine, OURS, os.urandom)
    caller.invite(f"sip:1002@{HOME}", body=SDES_OFFER)
    unkeyed = ANSWER.replace(b"RTP/AVP", b"RTP/SAVP") + b"a=setup:active\r\na=fingerprint:SHA-256 " + b"AA:" * 31
    callee.answer(callee.take(), 200, body=unkeyed + b"AA\r\n")
    assert callee.methods() == ["ACK", "BYE", "INVITE"]
    assert caller.statuses() == [100]
    again = callee.last()
    assert (Profile.of(again.sdp), again.cseq.number) == (Profile.DTLS, caller.cseq + 1)
    callee.inbox.clear()
    call_from(caller, "c2", SDES_OFFER)
    assert offers_of(callee) == [Profile.DTLS]


def test_keys_from_end_to_end_are_asked_for_under_both_profiles(lab: Lab, caller: Phone, callee: Phone) -> None:
    """Some phones take them under the profile with feedback only; the caller hears of its own (RFC 3264 6)."""
    lab.security = Security(lab.engine, OURS, os.urandom)
    caller.invite(f"sip:1002@{HOME}", body=SDES_OFFER)
    invite = Strict(callee, Profile.SDES_FEEDBACK).hear()
    assert invite is not None
    answer = SDES_OFFER.replace(b"198.51.100.7", b"198.51.100.8").replace(b"RTP/SAVP", b"RTP/SAVPF")
    callee.answer(invite, 200, body=answer)
    assert b"RTP/SAVP " in caller.last().sdp


@pytest.mark.parametrize("says", ["", 'Warning: 305 192.0.2.1 "Incompatible media format"\n'])
def test_who_takes_neither_keys_nor_codecs_of_the_caller_is_asked_with_ours(
    lab: Lab, caller: Phone, callee: Phone, says: str
) -> None:
    """Keys from end to end leave no room for codecs of ours; they end here once that is what it takes."""
    lab.security = Security(lab.engine, OURS, os.urandom)
    caller.invite(f"sip:1002@{HOME}", body=SDES_OFFER)
    asked = callee.take()
    while b"a=rtpmap:9 G722/8000" not in asked.sdp or Profile.of(asked.sdp) is not Profile.SDES:
        callee.answer(asked, 488, "Not Acceptable Here", extra=says.strip())
        (asked,) = (one for one in callee.inbox if one.method == "INVITE")
        callee.inbox.clear()
    assert lab.kinds("c1").count("media.asked-with-keys") == 1
    assert b"WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz" not in asked.sdp
    answer = b"m=audio 4004 RTP/SAVP 9\r\na=rtpmap:9 G722/8000\r\n"
    key = next(line for line in asked.sdp.split(b"\r\n") if b"AES_CM_128_HMAC_SHA1_80" in line)
    callee.answer(asked, 200, body=ANSWER[: ANSWER.index(b"m=")] + answer + key + b"\r\n")
    told = caller.last()
    assert (told.status, Profile.of(told.sdp)) == (200, Profile.SDES)
    assert b"PCM" in told.sdp
    assert b"a=crypto:1 AES_CM_128_HMAC_SHA1_80" in told.sdp


def test_who_takes_no_keys_of_ours_either_has_refused(lab: Lab, caller: Phone, callee: Phone) -> None:
    lab.security = Security(lab.engine, OURS, os.urandom)
    caller.invite(f"sip:1002@{HOME}", body=SDES_OFFER)
    for _ in range(len(Profile) + 1):
        callee.answer(callee.last(), 488, "Not Acceptable Here")
    assert caller.statuses() == [100, 488]
