"""Faults that a reader in a hurry passes by, each beside the healthy call that it looks like: signalling."""

from dataclasses import replace

from ..generator.media import Sender
from ..generator.sip import Agent, Call, Proxy, phones, plain_call, sdp
from ..generator.wire import At, Tcp, Wire
from . import fires, quiet
from .hangup import PUBLIC
from .network import register


def sent_again(wire: Wire, start: float, waits: tuple[float, ...] = (0.5, 1.5, 3.5, 7.5, 11.5)) -> None:
    """The last message again and again, unchanged."""
    frame = wire.packets[-1][1]
    wire.packets.extend((start + wait, frame) for wait in waits)


def repeated(call: Call, times: int = 9) -> Call:
    """The answer at the intervals of RFC 3261 13.3.1.4."""
    for number in range(times):
        call.wait(min(0.5 * 2**number, 4.0)).answer()
    return call


# --- hanging up


@fires("bye-refused")
def a_bye_refused_by_who_goes_on_talking(wire: Wire) -> None:
    call = plain_call(wire)
    call.talk(6).request("BYE").close("BYE", True, 500, "Server Internal Error")
    Sender(call.callee.media, call.caller.media, 0xB0000 + call._serial(), first_seq=400).play(wire, call.at, 12)
    call.wait(12)


@fires("bye-refused")
def a_bye_that_is_challenged_and_not_sent_again(wire: Wire) -> None:
    call = plain_call(wire)
    call.talk(6).request("BYE").close("BYE", True, 407, "Proxy Authentication Required")
    Sender(call.callee.media, call.caller.media, 0xB0000 + call._serial(), first_seq=400).play(wire, call.at, 12)
    call.wait(12)


@quiet("bye-refused")
def a_bye_that_is_challenged_and_sent_again(wire: Wire) -> None:
    call = plain_call(wire)
    call.talk(6).request("BYE").close("BYE", True, 407, "Proxy Authentication Required").bye(cseq=3)


@quiet("bye-refused")
def a_bye_for_a_dialog_that_was_over(wire: Wire) -> None:
    call = plain_call(wire)
    call.talk(6).request("BYE").close("BYE", True, 481, "Call/Transaction Does Not Exist").wait(5)


@fires("contact-unreachable")
def a_bye_that_nobody_answers(wire: Wire) -> None:
    call = plain_call(wire)
    call.talk(6).request("BYE")
    sent_again(wire, call.at)
    call.wait(20)


# --- acknowledgements


@fires("record-route-unreachable")
def acks_to_where_the_proxy_was(wire: Wire) -> None:
    proxy = Proxy("203.0.113.5", record_route="sip:203.0.113.9;lr")
    call = Call(wire, PUBLIC, Agent("1002", "203.0.113.40"), [proxy])
    call.invite().ring().answer()
    start = call.at
    for number in range(9):
        call.request("ACK", cseq=1, upto=1)
        at, frame = wire.packets.pop()
        wire.udp(at, PUBLIC.at, At("203.0.113.9", 5060), frame[42:])
        call.wait(min(0.5 * 2**number, 4.0)).answer()
    end, call.at = call.at, start
    call.talk(end - start).bye(from_caller=False)


@fires("record-route-unreachable")
def acks_to_a_name_that_means_another_host(wire: Wire) -> None:
    proxy = Proxy("203.0.113.5", record_route="sip:edge.example.com;lr")
    call = Call(wire, PUBLIC, Agent("1002", "203.0.113.40"), [proxy])
    call.invite().ring().answer()
    start = call.at
    for number in range(9):
        call.request("ACK", cseq=1, upto=1)
        at, frame = wire.packets.pop()
        wire.udp(at, PUBLIC.at, At("203.0.113.9", 5060), frame[42:])
        call.wait(min(0.5 * 2**number, 4.0)).answer()
    end, call.at = call.at, start
    call.talk(end - start).bye(from_caller=False)


@fires("record-route-unreachable")
def acks_to_a_port_at_which_the_proxy_never_was(wire: Wire) -> None:
    proxy = Proxy("203.0.113.5", record_route="sip:203.0.113.5:5080;lr")
    call = Call(wire, PUBLIC, Agent("1002", "203.0.113.40"), [proxy])
    call.invite().ring().answer()
    start = call.at
    for number in range(9):
        call.request("ACK", cseq=1, upto=1)
        at, frame = wire.packets.pop()
        wire.udp(at, PUBLIC.at, At("203.0.113.5", 5080), frame[42:])
        call.wait(min(0.5 * 2**number, 4.0)).answer()
    end, call.at = call.at, start
    call.talk(end - start).bye(from_caller=False)


@quiet("record-route-unreachable")
def acks_to_another_address_of_the_proxy(wire: Wire) -> None:
    """Two addresses of one box; the answer is not repeated."""
    proxy = Proxy("203.0.113.5", record_route="sip:203.0.113.9;lr")
    call = Call(wire, PUBLIC, Agent("1002", "203.0.113.40"), [proxy])
    call.invite().ring().answer().request("ACK", cseq=1)
    at, frame = wire.packets[-2]
    wire.packets.pop(-2)
    wire.udp(at, PUBLIC.at, At("203.0.113.9", 5060), frame[42:])
    call.talk(8).bye()


@fires("ack-missing")
def an_ack_that_asks_for_the_number_and_not_the_contact(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    call.invite().ring().answer()
    start = call.at
    for number in range(9):
        call.request("ACK", cseq=1, upto=1, uri="sip:1002@example.com")
        call.wait(min(0.5 * 2**number, 4.0)).answer()
    end, call.at = call.at, start
    call.talk(end - start).bye(from_caller=False)


@fires("ack-missing")
def a_callee_that_takes_no_bye_before_the_ack(wire: Wire) -> None:
    """As SIPp does: every ACK is dropped in front of it, and it repeats its answer to the BYE too."""
    call = Call(wire, *phones(), [])
    call.invite().ring().answer()
    start = call.at
    for number in range(9):
        call.wait(min(0.5 * 2**number, 4.0)).answer().ack()
    end, call.at = call.at, start + 20
    call.request("BYE")
    sent_again(wire, call.at, (0.5, 1.5, 3.5, 7.5))
    call.at = start
    call.talk(end - start, b={"mute": True})


@quiet("ack-missing")
def an_ack_for_the_number_that_is_taken_all_the_same(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    call.invite().ring().answer().request("ACK", cseq=1, uri="sip:1002@example.com").talk(6).bye()


# --- connections


NATTED = Agent("1002", "198.51.100.99", 40_123, "sip:1002@192.168.99.9:5060;transport=tcp", transport="TCP")


def dialled_in_vain(wire: Wire, at: float) -> None:
    """Nobody answers at the private address."""
    tcp = Tcp(wire, At("203.0.113.5", 45_000), At("192.168.99.9", 5060))
    for wait in (0.0, 1.0, 3.0):
        tcp._segment(at + wait, 0, 2)
        tcp._next[0] -= 1


@fires("connection-gone")
def a_reset_connection_and_a_private_contact_that_is_dialled(wire: Wire) -> None:
    """No request shows: it would go over the connection that does not come about."""
    call = Call(wire, Agent("1001", "203.0.113.40"), NATTED, [Proxy("203.0.113.5")])
    tcp = call.connect(1)
    call.invite().ring().answer().ack().talk(12)
    tcp.reset(call.at - 6, 0)
    dialled_in_vain(wire, call.at)
    call.wait(12)


@fires("connection-gone")
def a_phone_that_is_called_after_its_connection_was_reset(wire: Wire) -> None:
    edge = At("203.0.113.5", 5060)
    call = Call(wire, Agent("1001", "203.0.113.40"), NATTED, [Proxy("203.0.113.5")])
    tcp = Tcp(wire, NATTED.at, edge)
    tcp.open(call.at - 60)
    over_tcp(tcp, NATTED, edge, call.at - 59)
    tcp.reset(call.at - 20, 0)
    call.invite(upto=1).respond(100, "Trying", start_link=0, contact=False)
    dialled_in_vain(wire, call.at)
    call.wait(30).respond(480, "Temporarily Unavailable", start_link=0, contact=False)


@quiet("connection-gone")
def a_phone_that_comes_back_and_is_called(wire: Wire) -> None:
    edge = At("203.0.113.5", 5060)
    again = replace(NATTED, port=40_200)
    call = Call(wire, Agent("1001", "203.0.113.40"), again, [Proxy("203.0.113.5")])
    tcp = Tcp(wire, NATTED.at, edge)
    tcp.open(call.at - 60)
    over_tcp(tcp, NATTED, edge, call.at - 59)
    tcp.reset(call.at - 20, 0)
    call.connect(1)
    over_tcp(call.links[1], again, edge, call.at - 0.5)
    call.invite().ring().answer().ack().talk(6).bye()


def over_tcp(tcp: Tcp, phone: Agent, edge: At, at: float) -> None:
    """A REGISTER and its answer."""
    ask = (
        f"REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/TCP {phone.host};branch=z9hG4bK-r{int(at)}\r\n"
        f"From: <sip:{phone.user}@example.com>;tag=r\r\nTo: <sip:{phone.user}@example.com>\r\n"
        f"Call-ID: r{int(at)}@x\r\nCSeq: 1 REGISTER\r\nContact: <{phone.contact_uri}>\r\nExpires: 600\r\n"
        "Content-Length: 0\r\n\r\n"
    )
    sender = tcp.ends.index(phone.at)
    tcp.send(at, sender, ask.encode())
    answer = ask.replace("REGISTER sip:example.com SIP/2.0", "SIP/2.0 200 OK")
    tcp.send(at + 0.01, 1 - sender, answer.encode())


@fires("contact-unreachable")
def a_wss_phone_that_invents_a_host(wire: Wire) -> None:
    browser = Agent("web", "203.0.113.5", contact="sip:web@q1w2e3.invalid;transport=wss")
    call = Call(wire, browser, Agent("1002", "203.0.113.40"))
    call.invite()
    at, frame = wire.packets.pop()
    below = b"\r\nVia: SIP/2.0/WSS q1w2e3.invalid;branch=z9hG4bK-browser\r\nMax-Forwards"
    wire.udp(at, browser.at, call.callee.at, frame[42:].replace(b"\r\nMax-Forwards", below))
    call.ring().answer().ack().talk(6)
    call.request("BYE", False).close("BYE", False, 477, "Send failed")


@fires("tls-failed")
def sip_in_clear_where_tls_is_spoken(wire: Wire) -> None:
    phone = replace(phones()[0], transport="TCP")
    for number in range(3):
        tcp = Tcp(wire, At(phone.host, 41_000 + number), At("10.0.0.1", 5061))
        tcp.open(1_700_000_000 + 20 * number)
        ask = plain_register(phone, number)
        tcp.send(1_700_000_000.1 + 20 * number, 0, ask)
        tcp.close(1_700_000_000.2 + 20 * number, 1)


@quiet("tls-failed")
def sip_in_clear_on_the_port_of_tls_and_answered(wire: Wire) -> None:
    phone = replace(phones()[0], transport="TCP", port=41_000)
    edge = At("10.0.0.1", 5061)
    tcp = Tcp(wire, phone.at, edge)
    tcp.open(1_700_000_000)
    over_tcp(tcp, phone, edge, 1_700_000_001)
    tcp.close(1_700_000_005, 1)


def plain_register(phone: Agent, number: int) -> bytes:
    return (
        f"REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/TCP {phone.host};branch=z9hG4bK-p{number}\r\n"
        f"From: <sip:{phone.user}@example.com>;tag=r\r\nTo: <sip:{phone.user}@example.com>\r\n"
        f"Call-ID: p{number}@x\r\nCSeq: 1 REGISTER\r\nContact: <{phone.contact_uri}>\r\nContent-Length: 0\r\n\r\n"
    ).encode()


# --- session timers


def timer(refresher: str, seconds: int = 90) -> tuple[str, str]:
    return f"Session-Expires: {seconds};refresher={refresher}", "Supported: timer"


@fires("session-expired")
def both_sides_refresh_since_a_reinvite_turned_the_roles(wire: Wire) -> None:
    """The callee's re-INVITE says refresher=uac and means itself; the caller goes on refreshing too."""
    call = Call(wire, *phones(), [Proxy()], headers=timer("uac"))
    call.invite().ring().answer(extra=timer("uac")).ack().talk(20)
    call.request("INVITE", from_caller=False, cseq=5, body=sdp(call.callee.media), extra=timer("uac"))
    call.close("INVITE", False, cseq=5, extra=timer("uac"), body=sdp(call.caller.media))
    call.request("ACK", from_caller=False, cseq=5).talk(45, a={"first_seq": 1200}, b={"first_seq": 1200})
    for number in range(3):
        glare(call, number)
        call.talk(2, a={"first_seq": 3500 + 110 * number}, b={"first_seq": 3500 + 110 * number})
    call.bye(cseq=9)


def glare(call: Call, number: int) -> None:
    """Both ask at once, and each refuses the other's."""
    call.request("INVITE", True, cseq=2 + number, body=sdp(call.caller.media), extra=timer("uac"))
    mine = call._branch
    call.request("INVITE", False, cseq=6 + number, body=sdp(call.callee.media), extra=timer("uac"))
    call.close("INVITE", False, 491, "Request Pending", cseq=6 + number)
    call._branch = mine
    call.close("INVITE", True, 491, "Request Pending", cseq=2 + number)
    call._branch += 5


@quiet("session-expired")
def one_glare_that_is_sorted_out(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()], headers=timer("uac"))
    call.invite().ring().answer(extra=timer("uac")).ack().talk(20)
    glare(call, 0)
    call.wait(1).request("INVITE", True, cseq=4, body=sdp(call.caller.media), extra=timer("uac"))
    call.close("INVITE", True, cseq=4, extra=timer("uac"), body=sdp(call.callee.media))
    call.ack(cseq=4).talk(20, a={"first_seq": 1050}, b={"first_seq": 1050}).bye(cseq=5)


@fires("session-expired")
def a_refresh_that_nobody_answers(wire: Wire) -> None:
    """Of a session of 600 s, refreshed at the half as it should be."""
    call = Call(wire, *phones(), [Proxy()], headers=timer("uac", 600))
    call.invite().ring().answer(extra=timer("uac", 600)).ack().wait(300)
    call.request("UPDATE", cseq=2, extra=timer("uac", 600))
    sent_again(wire, call.at, (0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5))
    call.wait(32).bye(cseq=3)


@quiet("session-expired")
def a_refresh_that_is_answered_late(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()], headers=timer("uac", 600))
    call.invite().ring().answer(extra=timer("uac", 600)).ack().wait(300)
    call.request("UPDATE", cseq=2, extra=timer("uac", 600))
    sent_again(wire, call.at, (0.5, 1.5))
    call.wait(2).close("UPDATE", True, cseq=2).wait(30).bye(cseq=3)


# --- answers


@fires("response-overtaken")
def a_183_that_the_200_overtakes(wire: Wire) -> None:
    """The caller follows what came last: it sends to where the announcement was played."""
    call = Call(wire, *phones(), [Proxy()])
    early = At("10.0.8.8", 20_000)
    call.invite().respond(183, "Session Progress", sdp(early), down_to=1)
    late = call._branch
    call.wait(0.02).answer()
    call.wait(0.03).respond(183, "Session Progress", sdp(early), start_link=0, branch=late)
    call.ack().talk(10, a={"dst": early}).bye()


@quiet("response-overtaken")
def a_183_before_the_200(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    call.invite().respond(183, "Session Progress", sdp(call.callee.media)).wait(3).answer().ack().talk(6).bye()


@quiet("response-overtaken")
def ringing_of_another_phone_after_the_answer(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    call.invite().ring().answer()
    call.to_tag = "tt2"
    call.respond(180, "Ringing", start_link=0)
    call.to_tag = "tt1"
    call.ack().talk(6).bye()


@fires("codec-refused")
def answered_with_the_audio_refused(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    refused = sdp(call.callee.media).replace(f"m=audio {call.callee.media.port}", "m=audio 0")
    call.invite().ring().answer(refused).ack().wait(8).bye()


@quiet("codec-refused")
def one_of_two_audio_sections_is_taken(wire: Wire) -> None:
    """Offered with and without encryption, as some phones do; the encrypted one is refused."""
    call = Call(wire, *phones(), [Proxy()])
    second = "m=audio {} RTP/SAVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
    call.invite(sdp(call.caller.media) + second.format(10_002)).ring()
    call.answer(sdp(call.callee.media) + second.format(0)).ack().talk(6).bye()


@quiet("tls-failed")
def a_phone_that_registers_over_udp(wire: Wire) -> None:
    register(wire, phones()[0], 1_700_000_000)
