"""Faults that a reader in a hurry passes by, each beside the healthy call that it looks like: media."""

from ..generator import webrtc as w
from ..generator.media import Sender, digits, sender_report
from ..generator.sip import EVENT, PCMU, Call, Proxy, phones, plain_call, sdp, webrtc_sdp
from ..generator.wire import At, Wire
from . import fires, quiet
from .quality import HUSH
from .webrtc import BROWSER, SERVER, audio, browser_call, certificate_print, checks

# --- short calls


@fires("packet-loss")
def a_call_of_four_seconds_that_loses_a_sixth(wire: Wire) -> None:
    plain_call(wire).talk(4, a={"lost": lambda n: n % 6 == 2}).bye()


@fires("packet-loss")
def a_call_of_three_seconds_that_loses_one_in_twelve(wire: Wire) -> None:
    """Weak evidence: a note, which counts where many calls have it."""
    plain_call(wire).talk(3, a={"lost": lambda n: n % 12 == 5}).bye()


@quiet("packet-loss")
def a_call_of_three_seconds_that_loses_two_packets(wire: Wire) -> None:
    plain_call(wire).talk(3, a={"lost": lambda n: n in (40, 90)}).bye()


@fires("digital-silence")
def a_call_of_four_seconds_without_a_voice(wire: Wire) -> None:
    plain_call(wire).talk(4, a=HUSH).bye()


@quiet("digital-silence")
def a_listener_for_four_seconds(wire: Wire) -> None:
    plain_call(wire).talk(4, a={"sound": "room"}).bye()


@fires("digital-silence")
def nobody_is_heard_on_either_side(wire: Wire) -> None:
    plain_call(wire).talk(15, a=HUSH, b=HUSH).bye()


# --- where audio goes


def two_connections(media: At, session: str) -> str:
    """A description with an address for the session and another one for its audio (RFC 8866 5.7)."""
    lines = sdp(media).split("\r\n")
    at = next(number for number, line in enumerate(lines) if line.startswith("m="))
    lines.insert(at + 1, f"c=IN IP4 {media.host}")
    lines[3] = f"c=IN IP4 {session}"
    return "\r\n".join(lines)


@fires("media-astray")
def audio_to_the_address_of_the_session(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    call.invite().ring().answer(two_connections(call.callee.media, "10.0.9.9")).ack()
    call.talk(12, a={"dst": At("10.0.9.9", call.callee.media.port)}).bye()


@quiet("media-astray")
def audio_to_the_address_of_the_section(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    call.invite().ring().answer(two_connections(call.callee.media, "10.0.9.9")).ack().talk(12).bye()


@fires("media-astray")
def audio_to_an_address_that_nobody_named(wire: Wire) -> None:
    plain_call(wire).talk(12, a={"dst": At("10.0.7.7", 14_000)}).bye()


@fires("media-astray")
def audio_to_the_address_before_the_last_reinvite(wire: Wire) -> None:
    call = plain_call(wire).talk(6)
    before = call.callee.media
    call.callee.media_port = 12_000
    call.request("INVITE", False, cseq=5, body=sdp(call.callee.media))
    call.close("INVITE", False, cseq=5, body=sdp(call.caller.media)).request("ACK", False, cseq=5)
    call.talk(12, a={"first_seq": 400, "dst": before}, b={"first_seq": 400}).bye()


@quiet("media-astray")
def audio_goes_to_where_the_other_sides_comes_from(wire: Wire) -> None:
    """A phone behind NAT, and a server that answers to the source."""
    mapped = At("198.51.100.7", 41_234)
    plain_call(wire).talk(12, a={"src": mapped}, b={"dst": mapped}).bye()


@quiet("media-astray")
def a_copy_goes_to_a_recorder(wire: Wire) -> None:
    call = plain_call(wire)
    Sender(call.caller.media, At("10.0.7.7", 14_000), 0xC0DE).play(wire, call.at, 12)
    call.talk(12).bye()


# --- keys


@fires("dtmf-mismatch")
def keys_in_a_number_that_ones_own_answer_left_out(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    call.invite(sdp(call.caller.media, [PCMU, EVENT])).ring().answer(sdp(call.callee.media, [PCMU])).ack()
    digits(wire, call.callee.media, call.caller.media, 0xB0000 + call._serial(), call.at + 3)
    call.talk(8).bye()


@quiet("dtmf-mismatch")
def keys_in_the_number_of_both(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    call.invite(sdp(call.caller.media, [PCMU, EVENT])).ring().answer(sdp(call.callee.media, [PCMU, EVENT])).ack()
    digits(wire, call.callee.media, call.caller.media, 0xB0000 + call._serial(), call.at + 3)
    call.talk(8).bye()


# --- DTLS


def asked_again(wire: Wire, setup: str, answer: str) -> Call:
    """A browser's call that is heard, and then a re-INVITE with new credentials."""
    call = browser_call(wire)
    checks(wire, call.at)
    w.handshake(wire, call.at + 0.1, SERVER, BROWSER)
    audio(wire, call, 6)
    prints = certificate_print(0x30), certificate_print(0x31)
    offer = webrtc_sdp(BROWSER, "uB", "browserpassword0123456789", setup, prints[0])
    reply = webrtc_sdp(SERVER, "uS", "serverpassword0123456789ab", answer, prints[1])
    call.request("INVITE", cseq=2, body=offer).close("INVITE", True, cseq=2, body=reply)
    return call.ack(cseq=2)


@fires("dtls-unanswered")
def both_are_clients_after_a_reinvite(wire: Wire) -> None:
    call = asked_again(wire, "active", "active")
    for wait in (0.1, 1.1, 3.1, 7.1):
        wire.udp(call.at + wait, SERVER, BROWSER, w.client_hello())
        wire.udp(call.at + wait + 0.01, BROWSER, SERVER, w.client_hello())
    call.wait(15).bye(cseq=3)


@quiet("dtls-unanswered")
def a_new_handshake_after_a_reinvite(wire: Wire) -> None:
    call = asked_again(wire, "actpass", "active")
    wire.udp(call.at + 0.05, BROWSER, SERVER, w.client_hello())
    w.handshake(wire, call.at + 0.1, SERVER, BROWSER)
    audio(wire, call, 6).bye(cseq=3)


# --- audio that ends, or begins late


@quiet("media-late")
def a_capture_without_the_first_part_of_its_audio(wire: Wire) -> None:
    plain_call(wire).wait(22).talk(8, a={"first_seq": 1200}, b={"first_seq": 1200}).bye()


@quiet("media-cut")
def a_voice_mail_that_does_not_say_so(wire: Wire) -> None:
    """It says its piece while the caller listens, and then the caller speaks."""
    call = plain_call(wire)
    start = call.at
    call.talk(6, a={"sound": "room"}, b={"sound": "speech"})
    Sender(call.caller.media, call.callee.media, 0xA0000 + call._serial(), first_seq=400).play(wire, call.at, 14)
    call.at = start + 20
    call.bye()


@quiet("media-cut")
def a_phone_that_falls_silent_and_reports_so(wire: Wire) -> None:
    """Its sender reports go on, and count no more packets: nothing is lost on the way."""
    reports(wire, grows=False)


@fires("media-cut")
def a_phone_that_reports_what_does_not_arrive(wire: Wire) -> None:
    reports(wire, grows=True)


def reports(wire: Wire, grows: bool) -> None:
    call = plain_call(wire)
    start = call.at
    ssrc = 0xA0000 + call._serial()
    for number in range(4):
        sent = 400 + 250 * number if grows else 400
        at = At(call.caller.host, call.caller.media_port + 1), At(call.callee.host, call.callee.media_port + 1)
        sender_report(wire, start + 8.5 + 3 * number, *at, ssrc, sent)
    call.talk(20, a={"seconds": 8}).bye(from_caller=False)
