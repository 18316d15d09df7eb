"""What captures from the field are full of, and what is no fault: software that is sloppy, and media that takes its
own way."""

from dataclasses import replace

from ..generator.media import Sender
from ..generator.sip import EVENT, PCMU, Agent, Call, Proxy, phones, plain_call, sdp
from ..generator.wire import EPOCH, At, Wire
from . import fires, quiet
from .network import register
from .quality import healthy


def straight(call: Call, method: str, cseq: int, status: int = 0) -> None:
    """A request of the caller past every proxy to the callee, and its response (RFC 3261 16.6 step 4 is a MAY)."""
    call._branch += 1
    via = f"Via: SIP/2.0/UDP {call.caller.at};branch=z9hG4bK-straight-{call._branch}"
    ask = call.text(f"{method} {call.callee.contact_uri} SIP/2.0", method, cseq, via)
    call.wire.udp(call.at, call.caller.at, call.callee.at, ask.encode())
    if status:
        reply = call.text(f"SIP/2.0 {status} OK", method, cseq, via)
        call.wire.udp(call.at + 0.01, call.callee.at, call.caller.at, reply.encode())
    call.wait(0.02)


@quiet("contact-unreachable")
def a_proxy_that_does_not_stay_in_the_dialog(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy(record_route=None)])
    call.invite().ring().answer()
    straight(call, "ACK", 1)
    call.talk(6)
    straight(call, "BYE", 2, 200)
    call.wait(30)
    register(wire, call.caller, call.at)


@quiet("contact-unreachable")
def a_bye_into_a_call_that_was_refused(wire: Wire) -> None:
    call = Call(wire, *phones(), [])
    call.invite().respond(180, "Ringing").respond(403, "Forbidden").request("BYE")
    call.wait(40)
    register(wire, call.caller, call.at)


@quiet("contact-unreachable")
def both_hang_up_at_once(wire: Wire) -> None:
    call = plain_call(wire, proxies=[]).talk(6)
    call.request("BYE", from_caller=False, cseq=7).wait(0.05)
    call.bye().wait(40)
    register(wire, call.caller, call.at)


@quiet("response-undelivered")
def registers_that_name_no_transaction(wire: Wire) -> None:
    phone = phones()[0]
    for number in range(4):
        at = EPOCH + 3 * number
        wire.udp(at, phone.at, At("10.0.0.1", 5060), b"REGISTER sip:1001@example.com SIP/2.0\r\nExpires: 60\r\n\r\n")
        wire.udp(at + 0.01, At("10.0.0.1", 5060), phone.at, b"SIP/2.0 200 OK\r\n\r\n")


@quiet("registration-flapping")
def a_softphone_that_is_started_again(wire: Wire) -> None:
    for number in range(4):
        at = At("10.0.1.11", 40_000 + number)
        phone = Agent("1001", at.host, at.port, contact=f"sip:1001@{at};rinstance=a{number}f", agent="X-Lite")
        register(wire, phone, EPOCH + 70 * number, call_id=f"start{number}@x", src=at)


@quiet("registration-flapping")
def contacts_that_differ_in_a_parameter(wire: Wire) -> None:
    for number in range(8):
        phone = replace(phones()[0], contact=f"sip:1001@10.0.1.11:5060;rinstance=a{number}f")
        register(wire, phone, EPOCH + 60 * number, cseq=number + 1)


@quiet("no-rtp")
def two_calls_in_a_row_on_the_same_ports(wire: Wire) -> None:
    one = plain_call(wire).talk(8).bye()
    two = Call(wire, *phones(), [Proxy()], at=one.at + 0.1).invite().ring().answer().ack()
    two.talk(1)


@quiet("no-rtp")
def two_phones_talk_past_the_server_where_the_capture_was_taken(wire: Wire) -> None:
    one, two = phones()
    server = Agent("500", "10.0.0.1")
    for phone, start in ((one, 60), (two, 30)):
        Call(wire, phone, server, [], at=EPOCH - start).invite().ring().answer().ack().talk(6).bye()
    Call(wire, one, two, [Proxy()]).invite().ring().answer().ack().wait(12).bye()


@fires("no-rtp")
def nothing_flows_through_the_server_where_the_capture_was_taken(wire: Wire) -> None:
    one, two = phones()
    server = Agent("500", "10.0.0.1")
    for phone, start in ((one, 60), (two, 30)):
        Call(wire, phone, server, [], at=EPOCH - start).invite().ring().answer().ack().talk(6).bye()
    Call(wire, Agent("1003", "10.0.1.33"), server, []).invite().ring().answer().ack().wait(12).bye()


@fires("no-rtp")
def media_of_this_office_passes_here_and_this_call_has_none(wire: Wire) -> None:
    healthy(wire)
    healthy(wire, 2)
    plain_call(wire).wait(12).bye()


@quiet("jitter")
def the_way_becomes_longer_once(wire: Wire) -> None:
    plain_call(wire).talk(30, a={"delay": lambda n: 0.3 if n > 400 else 0.0}).bye()


@fires("clock-drift")
def a_machine_without_time_to_send(wire: Wire) -> None:
    plain_call(wire).talk(7, a={"skew_ppm": 350_000, "seconds": 5.2}).bye()


@quiet("scanner")
def a_phone_book_whose_people_are_not_here(wire: Wire) -> None:
    phone = phones()[0]
    for number in range(14):
        text = (
            f"SUBSCRIBE sip:{2000 + number}@example.com SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {phone.at};branch=z9hG4bKs{number}\r\n"
            f"From: <sip:1001@example.com>;tag=s\r\nTo: <sip:{2000 + number}@example.com>\r\nCall-ID: s{number}\r\n"
            "CSeq: 1 SUBSCRIBE\r\nEvent: presence\r\nContent-Length: 0\r\n\r\n"
        )
        wire.udp(EPOCH + number, phone.at, At("10.0.0.1", 5060), text.encode())
        _, _, fields = text.partition("\r\n")
        wire.udp(EPOCH + number + 0.01, At("10.0.0.1", 5060), phone.at, f"SIP/2.0 404 Not Found\r\n{fields}".encode())


@quiet("dtmf-mismatch")
def both_phones_are_one_host(wire: Wire) -> None:
    """A gateway that calls itself through its proxy; the description of the caller comes with the ACK."""
    one, two = Agent("2503", "10.0.1.11"), Agent("2504", "10.0.1.11", media_port=10_002)
    call = Call(wire, one, two, [Proxy()])
    call.invite("").ring().answer(sdp(two.media, [PCMU, EVENT]))
    call.request("ACK", cseq=1, body=sdp(one.media, [PCMU, EVENT]))
    for src, dst, ssrc in ((one.media, two.media, 0xA1), (two.media, one.media, 0xB1)):
        Sender(src, dst, ssrc).play(wire, call.at, 8)
    call.wait(8).bye()


@fires("codec-refused")
def a_plain_phone_refuses_what_is_for_browsers(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    offer = sdp(call.caller.media, [PCMU, EVENT], profile="UDP/TLS/RTP/SAVPF")
    call.invite(offer).respond(488, "Not Acceptable Here").ack_failure()


@fires("codec-refused")
def nothing_is_offered(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    nowhere = sdp(At("0.0.0.0", 0), [PCMU], direction="inactive")
    call.invite(nowhere).respond(488, "Not Acceptable Here").ack_failure()
