"""Calls that cannot be hung up, or that drop."""

from dataclasses import replace

from ..generator.sip import Agent, Call, Proxy, phones, plain_call, sdp
from ..generator.wire import EPOCH, At, Wire
from . import fires, quiet

PUBLIC = Agent("1001", "198.51.100.7")


@fires("contact-transport-mismatch")
def contact_says_udp_and_the_phone_is_on_tcp(wire: Wire) -> None:
    one, two = phones()
    two = replace(two, transport="TCP", contact="sip:1002@10.0.2.11:5060")
    call = Call(wire, one, two, [Proxy()])
    call.connect(1)
    call.invite().ring().answer().ack().talk(6)
    del call.links[1]
    call.request("BYE", True)
    again = wire.packets[-1][1]
    wire.packets.extend((call.at + wait, again) for wait in (0.5, 1.5, 3.5))
    call.wait(32).close("BYE", True, 408, "Request Timeout", first=1)


@quiet("contact-transport-mismatch")
def contact_says_udp_and_the_proxy_uses_the_flow_all_the_same(wire: Wire) -> None:
    one, two = phones()
    two = replace(two, transport="TCP", contact="sip:1002@10.0.2.11:5060")
    call = Call(wire, one, two, [Proxy()])
    call.connect(1)
    call.invite().ring().answer().ack().talk(6).bye()


@fires("connection-gone")
def websocket_closed_before_the_other_side_hangs_up(wire: Wire) -> None:
    one, two = phones()
    two = replace(two, transport="WS", contact="sip:1002@f3k2.invalid;transport=ws")
    call = Call(wire, one, two, [Proxy()])
    tcp = call.connect(1, websocket=True)
    call.invite().ring().answer().ack().talk(8)
    tcp.reset(call.at - 3, 0)
    call.request("BYE", True, upto=1).close("BYE", True, 477, "Send failed", first=1)


@fires("connection-gone")
def tcp_phone_refuses_a_new_connection(wire: Wire) -> None:
    from ..generator.wire import Tcp

    one, two = phones()
    two = replace(two, transport="TCP")
    call = Call(wire, one, two, [Proxy()])
    tcp = call.connect(1)
    call.invite().ring().answer().ack().talk(8)
    tcp.close(call.at - 4)
    call.request("BYE", True, upto=1)
    Tcp(wire, At("10.0.0.1", 45_000), two.at).refused(call.at)
    call.wait(0.1).close("BYE", True, 477, "Send failed", first=1)


@fires("connection-gone")
def the_phone_that_is_called_has_no_connection_any_more(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    call.invite(upto=1).respond(100, "Trying", start_link=0, contact=False)
    call.respond(477, "Unfortunately error on sending to next hop occurred (477/TM)", start_link=0)


@fires("gateway-down")
def a_gateway_takes_no_connection_and_the_call_is_refused(wire: Wire) -> None:
    from ..generator.wire import Tcp

    call = Call(wire, *phones(), [Proxy()])
    call.invite(upto=1).wait(0.1)
    Tcp(wire, At("10.0.0.1", 45_000), At("203.0.113.9", 5060)).refused(call.at)
    call.wait(0.1).respond(477, "Send failed", start_link=0)


@quiet("connection-gone")
def websocket_closed_after_the_call(wire: Wire) -> None:
    one, two = phones()
    two = replace(two, transport="WS", contact="sip:1002@f3k2.invalid;transport=ws")
    call = Call(wire, one, two, [Proxy()])
    tcp = call.connect(1, websocket=True)
    call.invite().ring().answer().ack().talk(8).bye()
    tcp.close(call.at + 1)


@fires("record-route-unreachable")
def inside_address_in_the_record_route_towards_the_outside(wire: Wire) -> None:
    one = PUBLIC
    two = Agent("1002", "203.0.113.40")
    call = Call(wire, one, two, [Proxy("203.0.113.5", record_route="sip:192.168.7.5:5060;lr")])
    call.invite().ring().answer()
    answered = call.at
    for number in range(6):
        call.wait(0.5 * 2 ** min(number, 3)).answer()
    call.at = answered
    call.talk(17)
    bye = call.text(
        f"BYE {one.contact_uri} SIP/2.0",
        "BYE",
        2,
        f"Via: SIP/2.0/UDP {two.at};branch=z9hG4bK-lost",
        from_caller=False,
        extra=["Route: <sip:192.168.7.5:5060;lr>"],
    )
    for wait in (0, 0.5, 1.5, 3.5, 7.5):
        wire.udp(call.at + wait, two.at, At("192.168.7.5", 5060), bye.encode())


@quiet("record-route-unreachable")
def two_record_routes_one_for_each_side(wire: Wire) -> None:
    one, two = PUBLIC, Agent("1002", "10.0.2.11")
    outer, inner = Proxy("203.0.113.5"), Proxy("10.0.0.1")
    Call(wire, one, two, [outer, inner]).invite().ring().answer().ack().talk(6).bye()


@fires("contact-unreachable")
def private_contact_behind_nat(wire: Wire) -> None:
    one = replace(PUBLIC, contact="sip:1001@192.168.1.50:5060")
    two = Agent("1002", "203.0.113.40")
    call = Call(wire, one, two, [Proxy("203.0.113.5")])
    call.invite().ring().answer().ack().talk(6)
    call.request("BYE", False, upto=1)
    bye = call.text(
        "BYE sip:1001@192.168.1.50:5060 SIP/2.0",
        "BYE",
        2,
        "Via: SIP/2.0/UDP 203.0.113.5:5060;branch=z9hG4bK-p\r\n"
        f"Via: SIP/2.0/UDP {two.at};branch=z9hG4bK-{call.call_id[:12]}-{call._branch}-{two.at}",
        from_caller=False,
    )
    for wait in (0, 0.5, 1.5, 3.5, 7.5):
        wire.udp(call.at + wait, At("203.0.113.5", 5060), At("192.168.1.50", 5060), bye.encode())
    call.wait(32).close("BYE", False, 408, "Request Timeout", first=1)


@quiet("contact-unreachable")
def private_contact_and_a_proxy_that_answers_to_the_source(wire: Wire) -> None:
    one = replace(PUBLIC, contact="sip:1001@192.168.1.50:5060")
    call = Call(wire, one, Agent("1002", "203.0.113.40"), [Proxy("203.0.113.5")])
    call.invite().ring().answer().ack().talk(6).bye(from_caller=False)


@fires("ack-missing")
def answer_repeated_until_the_callee_gives_up(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    call.invite().ring().answer()
    answered = call.at
    call.request("ACK", cseq=1, upto=1)
    for number in range(9):
        call.wait(min(0.5 * 2**number, 4.0)).answer()
    end = call.at
    call.at = answered
    call.talk(end - answered)
    call.bye(from_caller=False)


@quiet("ack-missing")
def one_answer_repeated_because_the_ack_was_slow(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    call.invite().ring().answer().wait(0.5).answer().ack().talk(6).bye()


@quiet("ack-missing")
def every_packet_captured_twice(wire: Wire) -> None:
    call = plain_call(wire)
    call.talk(6).bye()
    wire.packets.extend([(at + 0.00002, frame) for at, frame in list(wire.packets)])


TIMER = ("Session-Expires: 90;refresher=uac", "Supported: timer")


@fires("session-expired")
def nobody_refreshes_the_session(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()], headers=TIMER)
    call.invite().ring().answer(extra=TIMER).ack().talk(90)
    call.bye(from_caller=False)


@fires("session-expired")
def a_longer_session_is_wanted_and_the_caller_gives_up(wire: Wire) -> None:
    call = Call(wire, *phones(), headers=("Session-Expires: 60", "Supported: timer"))
    call.invite().respond(422, "Session Interval Too Small", extra=["Min-SE: 1800"], contact=False).ack_failure()


@quiet("session-expired")
def a_longer_session_is_wanted_and_the_caller_agrees(wire: Wire) -> None:
    call = Call(wire, *phones(), headers=("Session-Expires: 60", "Supported: timer"))
    call.invite().respond(422, "Session Interval Too Small", extra=["Min-SE: 1800"], contact=False).ack_failure()
    call.headers = ("Session-Expires: 1800", "Min-SE: 1800", "Supported: timer")
    call.invite(cseq=2).respond(180, "Ringing", cseq=2).wait(1)
    call.respond(200, "OK", sdp(call.callee.media), cseq=2).ack(cseq=2).talk(6).bye(cseq=3)


@quiet("session-expired")
def session_refreshed_by_update(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()], headers=TIMER)
    call.invite().ring().answer(extra=TIMER).ack().talk(45)
    call.request("UPDATE", cseq=2, extra=TIMER).close("UPDATE", True, cseq=2)
    call.talk(40, a={"first_seq": 2350}, b={"first_seq": 2350}).bye(cseq=3)


@quiet("ack-missing")
def answered_and_the_capture_ends(wire: Wire) -> None:
    Call(wire, *phones(), [Proxy()], at=EPOCH).invite().ring().answer()


@quiet("no-rtp")
def hold_for_a_while(wire: Wire) -> None:
    call = plain_call(wire)
    call.talk(5)
    hold = sdp(call.caller.media, direction="sendonly")
    call.request("INVITE", cseq=2, body=hold)
    call.respond(200, "OK", sdp(call.callee.media, direction="recvonly"), cseq=2, branch=call._branch)
    call.ack(cseq=2).wait(10)
    call.request("INVITE", cseq=3, body=sdp(call.caller.media))
    call.respond(200, "OK", sdp(call.callee.media), cseq=3, branch=call._branch).ack(cseq=3)
    call.talk(5, a={"first_seq": 350}, b={"first_seq": 3000}).bye(cseq=4)


@fires("contact-transport-mismatch")
def a_browser_on_wss_whose_contact_says_ws(wire: Wire) -> None:
    """Only the side towards the phone is in the clear; the browser's own hop shows as its Via."""
    proxy, phone = At("203.0.113.5", 5060), Agent("1002", "203.0.113.40")
    browser = Agent("web", proxy.host, contact="sip:web@q1w2e3.invalid;transport=ws")
    call = Call(wire, browser, phone)
    call.invite()
    at, frame = wire.packets.pop()
    below = b"\r\nVia: SIP/2.0/WSS q1w2e3.invalid;branch=z9hG4bK-browser\r\nMax-Forwards"
    wire.udp(at, proxy, phone.at, frame[42:].replace(b"\r\nMax-Forwards", below))
    call.ring().answer().ack().talk(6)
    call.request("BYE", False).close("BYE", False, 477, "Send failed")


@fires("contact-unreachable")
def a_server_sends_its_bye_to_the_private_contact(wire: Wire) -> None:
    one = replace(PUBLIC, contact="sip:1001@192.168.1.50:5060")
    call = Call(wire, one, Agent("600", "203.0.113.5", agent="Asterisk PBX 20.5.0"))
    call.invite().ring().answer().ack().talk(6)
    bye = call.text(
        "BYE sip:1001@192.168.1.50:5060 SIP/2.0",
        "BYE",
        2,
        "Via: SIP/2.0/UDP 203.0.113.5:5060;branch=z9hG4bK-b",
        False,
    )
    for wait in (0, 0.5, 1.5, 3.5, 7.5, 11.5):
        wire.udp(call.at + wait, call.callee.at, At("192.168.1.50", 5060), bye.encode())


@fires("contact-unreachable")
def the_phone_is_switched_off_in_the_middle(wire: Wire) -> None:
    call = plain_call(wire, proxies=[])
    call.talk(6).request("BYE", True)
    again = wire.packets[-1][1]
    wire.packets.extend((call.at + wait, again) for wait in (0.5, 1.5, 3.5, 7.5, 11.5))


@fires("ack-missing")
def no_ack_reaches_a_single_server(wire: Wire) -> None:
    call = Call(wire, *phones())
    call.invite().ring().answer()
    answered = call.at
    for number in range(9):
        call.wait(min(0.5 * 2**number, 4.0)).answer()
    end = call.at
    call.at = answered
    call.talk(end - answered).bye(from_caller=False)


@fires("record-route-unreachable")
def the_ack_never_appears_because_the_route_is_private(wire: Wire) -> None:
    proxy = Proxy("203.0.113.5", record_route="sip:10.20.30.40;lr")
    call = Call(wire, PUBLIC, Agent("1002", "203.0.113.40"), [proxy])
    call.invite().ring().answer()
    answered = call.at
    for number in range(9):
        call.wait(min(0.5 * 2**number, 4.0)).answer()
    end = call.at
    call.at = answered
    call.talk(end - answered).bye(from_caller=False)


@quiet("contact-unreachable")
def a_phone_refuses_an_info_by_itself(wire: Wire) -> None:
    two = replace(phones()[1], contact="sip:1002@192.168.5.5:5060")
    call = Call(wire, phones()[0], two, [Proxy()])
    call.invite().ring().answer().ack().talk(4)
    call.request("INFO", extra=["Content-Type: application/media_control+xml"])
    call.close("INFO", True, 500, "Server Internal Error").talk(4, a={"first_seq": 300}, b={"first_seq": 300})
    call.bye(cseq=3)


@quiet("ack-missing")
def challenged_and_then_answered(wire: Wire) -> None:
    call = Call(wire, *phones())
    call.invite().respond(407, "Proxy Authentication Required", contact=False).ack_failure()
    call.invite(cseq=2, extra=['Proxy-Authorization: Digest username="1001", realm="a", nonce="1", response="1"'])
    call.respond(180, "Ringing", cseq=2).wait(1).answer(cseq=2).ack(cseq=2).talk(6).bye(cseq=3)


@fires("contact-unreachable")
def the_proxy_cannot_send_to_the_phone_any_more(wire: Wire) -> None:
    call = plain_call(wire).talk(6)
    call.request("BYE", upto=1).close("BYE", True, 477, "Send failed", first=1)


@fires("contact-unreachable")
def a_bye_is_lost_between_two_proxies(wire: Wire) -> None:
    call = plain_call(wire, proxies=[Proxy(), Proxy("10.0.0.2")]).talk(6)
    call.request("BYE", upto=1)
    again = wire.packets[-1][1]
    wire.packets.extend((call.at + wait, again) for wait in (0.5, 1.5, 3.5, 7.5))
    call.wait(32).close("BYE", True, 408, "Request Timeout", first=1)


@fires("contact-unreachable")
def a_proxy_between_two_networks_and_a_private_contact(wire: Wire) -> None:
    """Two Record-Routes of one box (RFC 5658): both Routes are taken away there, and the Contact counts."""
    one, two = PUBLIC, Agent("1002", "198.51.100.99", contact="sip:1002@192.168.99.9:5060")
    call = Call(wire, one, two, [Proxy("203.0.113.5", record_route="sip:203.0.113.5;r2=on;lr")])
    call.invite().ring().answer().ack().talk(6)
    routes = ["Route: <sip:192.168.99.1;r2=on;lr>"]
    call.request("BYE", upto=1, extra=routes).close("BYE", True, 477, "Send failed", first=1)


def _repeat(call: Call, times: int = 6, **kw: int) -> Call:
    """The answer again and again, at the intervals of RFC 3261 13.3.1.4."""
    for number in range(times):
        call.wait(min(0.5 * 2**number, 4.0)).answer(**kw)
    return call


@fires("response-undelivered")
def answer_swallowed_by_a_proxy(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy(), Proxy("10.0.0.2")])
    call.invite().ring().answer(down_to=1)
    _repeat(call, down_to=1).respond(408, "Request Timeout", start_link=0, contact=False)
    call.emit(
        0, True, call.text("ACK sip:1002@example.com SIP/2.0", "ACK", 1, call._vias(call.invite_branch, 0, True))
    )


@fires("response-undelivered")
def refusal_swallowed_by_a_proxy(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    call.invite().ring()
    for wait in (0, 0.5, 1.0, 2.0, 4.0, 4.0):
        call.wait(wait).respond(486, "Busy Here", down_to=1, contact=False)


@fires("response-undelivered")
def caller_cancels_because_no_answer_reaches_it(wire: Wire) -> None:
    call = Call(wire, *phones())
    call.invite().ring().answer()
    _repeat(call, 5)
    via = call._vias(call.invite_branch, 0, forward=True)
    for wait in (0, 0.5, 1.0, 2.0):
        call.wait(wait).emit(
            0, True, call.text("CANCEL sip:1002@example.com SIP/2.0", "CANCEL", 1, via, tagged=False)
        )


@quiet("response-undelivered")
def refusal_of_one_branch_waits_in_the_proxy_for_the_others(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    call.invite().ring().respond(486, "Busy Here", down_to=1, contact=False)
    vias = call._vias(call.invite_branch, 1, forward=True).split("\r\n")[0]
    call.emit(1, True, call.text("ACK sip:1002@example.com SIP/2.0", "ACK", 1, vias))
    call.wait(6).respond(486, "Busy Here", start_link=0, contact=False)
    call.emit(
        0, True, call.text("ACK sip:1002@example.com SIP/2.0", "ACK", 1, call._vias(call.invite_branch, 0, True))
    )


@fires("ack-missing")
def ack_is_seen_everywhere_and_the_answer_goes_on(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    call.invite().ring().answer().ack()
    answered = call.at
    for number in range(8):
        call.wait(min(0.5 * 2**number, 4.0)).answer().ack()
    end, call.at = call.at, answered
    call.talk(end - answered, b={"mute": True})
    call.bye(from_caller=False)


@fires("ack-missing")
def answer_without_an_ack_beyond_two_proxies_that_were_not_captured(wire: Wire) -> None:
    upstream = [
        "Record-Route: <sip:10.9.3.1;r2=on;lr>",
        "Record-Route: <sip:10.9.1.1;r2=on;lr>",
        "Via: SIP/2.0/UDP 10.9.1.2:5060;branch=z9hG4bK-far",
    ]
    one, two = replace(phones()[0], host="10.9.3.1", media_port=30_000), phones()[1]
    call = Call(wire, one, two, [Proxy()])
    told = [f"Record-Route: <{Proxy().route}>", *upstream[:2], f"Contact: <{two.contact_uri}>"]
    call.invite(extra=upstream).ring().answer(extra=told, contact=False)
    answered = call.at
    for number in range(8):
        call.wait(min(0.5 * 2**number, 4.0)).answer(extra=told, contact=False)
    end, call.at = call.at, answered
    call.talk(end - answered, b={"mute": True})


@quiet("ack-missing")
def ack_that_came_five_seconds_late(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    call.invite().ring().answer()
    for wait in (0.5, 1.0, 2.0):
        call.wait(wait).answer()
    call.wait(1.5).ack()
    call.at -= 5
    call.talk(11).bye()


@fires("ack-missing")
def reliable_ringing_whose_prack_is_lost(wire: Wire) -> None:
    reliable = ["Require: 100rel", "RSeq: 7"]
    call = Call(wire, *phones(), [Proxy()])
    call.invite(extra=["Supported: 100rel"]).respond(183, "Session Progress", extra=reliable)
    for number in range(7):
        call.request("PRACK", upto=1, extra=["RAck: 7 1 INVITE"])
        call.wait(0.5 * 2**number).respond(183, "Session Progress", extra=reliable)


@quiet("ack-missing")
def reliable_ringing_with_its_prack(wire: Wire) -> None:
    reliable = ["Require: 100rel", "RSeq: 7"]
    call = Call(wire, *phones(), [Proxy()])
    call.invite(extra=["Supported: 100rel"]).respond(183, "Session Progress", extra=reliable)
    call.wait(0.6).respond(183, "Session Progress", extra=reliable)
    call.request("PRACK", extra=["RAck: 7 1 INVITE"]).close("PRACK", True)
    call.wait(2).answer().ack().talk(6).bye(cseq=3)
