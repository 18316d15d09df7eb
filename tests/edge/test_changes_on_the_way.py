"""What one target gets otherwise than it came, and that neither side of the dialog notices (RFC 3261 section 12)."""

from collections.abc import Callable

import pytest
from tests.edge.lab import HOME, OFFER, Lab, Phone
from tests.edge.test_questions import Script, script

from talkpath.edge.forwarding.changes import Changes
from talkpath.edge.routing.inquiry import Usual
from talkpath.sdp import SessionDescription

__all__ = ["script"]

URI = f"sip:1002@{HOME}"
SHOWN = '"Front desk" <sip:+4930555@carrier.example>'


@pytest.fixture
def changed(script: Script) -> Callable[[Changes], None]:
    """Everything that is routed goes on with these changes."""

    def change(changes: Changes) -> None:
        script.verdict = Usual(changes)

    return change


def test_the_caller_goes_by_another_name_and_the_dialog_holds(
    lab: Lab, caller: Phone, callee: Phone, changed: Callable[[Changes], None]
) -> None:
    changed(Changes(sender=SHOWN))
    caller.invite(URI, body=OFFER)
    invite = callee.take()
    assert invite.first("From") == f"{SHOWN};tag=tag1001"
    callee.answer(invite, 180)
    callee.answer(invite, 200, body=OFFER)
    ok = caller.last()
    own = f"<sip:1001@{HOME}>;tag=tag1001"
    assert ok.first("From") == own
    caller.ack(ok, callee.contact)
    assert callee.take().first("From") == f"{SHOWN};tag=tag1001"
    # A re-INVITE of the caller, and its answer.
    caller.in_dialog("INFO", ok)
    info = callee.take()
    assert info.first("From") == f"{SHOWN};tag=tag1001"
    callee.answer(info, 200)
    assert caller.last().first("From") == own
    # The callee names whom it was told of; the caller hears its own name.
    callee.in_dialog("BYE", invite)
    bye = caller.last()
    assert (bye.method, bye.first("To")) == ("BYE", own)
    caller.answer(bye, 200)
    assert callee.last().first("To") == f"{SHOWN};tag=tag1001"
    assert not lab.edge.core.calls


def test_our_own_bye_names_the_caller_as_the_callee_knows_it(
    lab: Lab, caller: Phone, callee: Phone, changed: Callable[[Changes], None]
) -> None:
    changed(Changes(sender=SHOWN))
    caller.invite(URI, body=OFFER)
    invite = callee.take()
    callee.answer(invite, 200, body=OFFER)
    caller.ack(caller.last(), callee.contact)
    callee.inbox.clear()
    lab.edge.stop_calls(lab.now)
    lab.pump()
    assert callee.last().first("From") == f"{SHOWN};tag=tag1001"
    assert caller.last().first("To") == f"<sip:1001@{HOME}>;tag=tag1001"


def test_fields_go_and_come_in_both_directions(
    caller: Phone, callee: Phone, changed: Callable[[Changes], None]
) -> None:
    changed(
        Changes(
            removed=("Subject", "X-Secret"),
            added="X-Account: 7\r\n",
            answer_removed=("Server",),
            answer_added="X-Route: a\r\n",
        )
    )
    caller.invite(URI, extra="Subject: lunch\nX-Secret: yes")
    invite = callee.take()
    assert (invite.first("Subject"), invite.first("X-Secret"), invite.first("X-Account")) == (None, None, "7")
    callee.answer(invite, 486, extra="Server: phone/1")
    assert (caller.last().first("Server"), caller.last().first("X-Route")) == (None, "a")


def test_the_target_is_offered_no_codec_that_was_dropped_and_ours_neither(
    caller: Phone, callee: Phone, changed: Callable[[Changes], None]
) -> None:
    def only_opus(description: bytes) -> bytes:
        session = SessionDescription.parse(description)
        session.audio.codecs.keep("opus")
        return session.encode()

    changed(Changes(codecs=only_opus))
    caller.invite(URI, body=OFFER)
    invite = callee.take()
    assert [codec.name for codec in SessionDescription.parse(invite.body).audio.codecs] == ["opus"]
    answer = OFFER.replace(b"RTP/AVP 0 8", b"RTP/AVP 96").replace(b"rtpmap:0 PCMU/8000", b"rtpmap:96 opus/48000/2")
    callee.answer(invite, 200, body=answer.replace(b"a=rtpmap:8 PCMA/8000\r\n", b""))
    answered = SessionDescription.parse(caller.last().body).audio
    assert [codec.name for codec in answered.codecs.voice] == ["PCMU"]


def test_a_section_that_is_rejected_for_the_target_is_answered_so(
    caller: Phone, callee: Phone, changed: Callable[[Changes], None]
) -> None:
    def no_video(description: bytes) -> bytes:
        session = SessionDescription.parse(description)
        session.video.reject()
        return session.encode()

    changed(Changes(offer=no_video))
    caller.invite(URI, body=OFFER + b"m=video 4002 RTP/AVP 31\r\n")
    invite = callee.take()
    assert b"m=video 0 " in invite.body
    callee.answer(invite, 200, body=OFFER + b"m=video 0 RTP/AVP 31\r\n")
    assert b"m=video 0 " in caller.last().body
