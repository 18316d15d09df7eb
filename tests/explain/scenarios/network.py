"""What the network does to signalling: fragments, silence, rewriting, loops."""

from dataclasses import replace

from ..generator.sip import Agent, Call, Proxy, phones, plain_call, sdp
from ..generator.wire import EPOCH, At, Tcp, Wire
from . import fires, quiet

LONG = tuple(f"X-Padding-{number}: {'p' * 200}" for number in range(6))
PROXY = At("10.0.0.1", 5060)


def register(wire: Wire, phone: Agent, at: float, *, cseq: int = 1, expires: int = 300, **kw: object) -> None:
    """A REGISTER and its answer; `src` moves the phone, `status` refuses, `call_id` tells devices apart, `method`
    makes it another request for oneself."""
    method = kw.get("method", "REGISTER")
    src = kw.get("src", phone.at)
    call_id = kw.get("call_id", f"reg-{phone.user}@{phone.host}")
    status = int(str(kw.get("status", 200)))
    text = (
        "{start}\r\nVia: SIP/2.0/UDP " + f"{phone.at};rport;branch=z9hG4bK-r{phone.user}-{cseq}-{call_id}\r\n"
        f"From: <sip:{phone.user}@example.com>;tag=r1\r\nTo: <sip:{phone.user}@example.com>\r\n"
        f"Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\nContact: <{phone.contact_uri}>;expires={expires}\r\n"
        f"User-Agent: {phone.agent}\r\n" + "{more}Content-Length: 0\r\n\r\n"
    )
    more = str(kw.get("more", ""))
    request = text.format(start=f"{method} sip:example.com SIP/2.0", more=more)
    wire.udp(at, src, PROXY, request.encode())  # type: ignore[arg-type]
    if status:
        answer = text.format(start=f"SIP/2.0 {status} X", more=str(kw.get("answer", "")))
        wire.udp(at + 0.01, PROXY, src, answer.encode())  # type: ignore[arg-type]


@fires("fragments-lost")
def fragmented_invite_unanswered_while_registers_pass(wire: Wire) -> None:
    one, two = phones()
    for number in range(6):
        register(wire, two, EPOCH - 20 + number * 30, cseq=number + 1)
    call = Call(wire, one, two, [Proxy()], headers=LONG)
    call.invite().respond(100, "Trying", start_link=0, contact=False)
    again_invite(call, (0.5, 1.5, 3.5, 7.5, 15.5))
    call.wait(32).respond(408, "Request Timeout", start_link=0, contact=False)


def again_invite(call: Call, waits: tuple[float, ...]) -> None:
    """The last INVITE on the last link again, by Timer A."""
    last = [item for item in call.wire.packets if item[0] >= call.at - 0.0045]
    host = bytes(int(part) for part in call.path[-1].host.split("."))
    frames = [frame for at, frame in last if frame[30:34] == host]
    call.wire.packets.extend((call.at + wait + i * 1e-5, f) for wait in waits for i, f in enumerate(frames))


@fires("fragments-lost")
def only_the_second_fragment_arrives(wire: Wire) -> None:
    one, two = phones()
    register(wire, two, EPOCH - 20)
    call = Call(wire, one, two, [Proxy()], headers=LONG)
    for _ in range(4):
        call.invite(keep=(1,)).wait(2)


@quiet("fragments-lost")
def fragmented_invite_that_is_answered(wire: Wire) -> None:
    plain_call(wire, headers=LONG).talk(6).bye()


@fires("message-oversize")
def invite_in_two_fragments(wire: Wire) -> None:
    plain_call(wire, headers=LONG).talk(6).bye()


@quiet("message-oversize")
def large_invite_over_tcp(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()], headers=LONG)
    call.connect(0)
    call.connect(1)
    call.invite().ring().answer().ack().talk(6).bye()


@fires("gateway-down")
def next_hop_never_answers(wire: Wire) -> None:
    one, two = phones()
    call = Call(wire, one, two, [Proxy()])
    call.invite().respond(100, "Trying", start_link=0, contact=False)
    again_invite(call, (0.5, 1.5, 3.5, 7.5, 15.5))
    call.wait(32).respond(408, "Request Timeout", start_link=0, contact=False).ack_failure()


@fires("gateway-down")
def port_unreachable(wire: Wire) -> None:
    one, two = phones()
    call = Call(wire, one, two, [Proxy()])
    call.invite()
    wire.unreachable(call.at + 0.001, two.host, PROXY, two.at, b"INVITE sip:1002@example.com SIP/2.0\r\n")
    call.wait(0.1).respond(503, "Service Unavailable", start_link=0, contact=False)


@quiet("gateway-down")
def one_branch_of_a_fork_is_silent(wire: Wire) -> None:
    one, two = phones()
    dead = Call(wire, one, replace(two, host="10.0.2.99"), [Proxy()], call_id="fork@x")
    dead.invite()
    again_invite(dead, (0.5, 1.5, 3.5))
    alive = Call(wire, one, two, [Proxy()], call_id="fork@x", at=EPOCH + 0.01)
    alive._branch = 6
    first = len(wire.packets)
    alive.invite()
    del wire.packets[first]
    alive.invite_branch = alive._branch
    alive.respond(180, "Ringing", down_to=1).wait(2).answer(down_to=1)
    alive.invite_branch = 1
    alive.respond(200, "OK", sdp(two.media), start_link=0).ack().talk(6).bye()


@quiet("gateway-down")
def a_slow_gateway(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    call.invite().respond(100, "Trying", start_link=0, contact=False)
    again_invite(call, (0.5, 1.5, 3.5))
    call.wait(5).respond(183, "Session Progress").answer().ack().talk(6).bye()


def gateway_call(wire: Wire, number: int, gateway: str) -> Call:
    one, _ = phones(number)
    far = Agent(f"0170{number:06}", gateway, agent="Carrier SBC", media_port=20_000 + 2 * number)
    return Call(wire, one, far, [Proxy()], at=EPOCH + 40 * number)


@fires("failover-missing")
def second_gateway_was_not_tried(wire: Wire) -> None:
    for number in range(3):
        gateway_call(wire, number, "10.9.0.2").invite().ring().answer().ack().talk(6).bye()
    call = gateway_call(wire, 3, "10.9.0.1")
    call.invite().respond(503, "Service Unavailable").ack_failure()


@quiet("failover-missing")
def second_gateway_was_tried_and_answered(wire: Wire) -> None:
    for number in range(3):
        gateway_call(wire, number, "10.9.0.2").invite().ring().answer().ack().talk(6).bye()
    first = gateway_call(wire, 3, "10.9.0.1")
    first.call_id = "failover@x"
    first.invite().respond(503, "Service Unavailable", down_to=1)
    second = gateway_call(wire, 3, "10.9.0.2")
    second.call_id, second.at, second._branch = "failover@x", first.at, 4
    start = len(wire.packets)
    second.invite()
    del wire.packets[start]
    second.respond(180, "Ringing", down_to=1).wait(1).answer(down_to=1)
    second.invite_branch = 1
    second.respond(200, "OK", sdp(second.callee.media), start_link=0).ack().talk(6).bye()


@quiet("failover-missing")
def the_person_is_busy(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    call.invite().respond(180, "Ringing").wait(2).respond(486, "Busy Here").ack_failure()


@fires("response-undelivered")
def the_caller_hears_no_response(wire: Wire) -> None:
    one, two = phones()
    call = Call(wire, one, two, [Proxy()])
    call.invite()
    first = wire.packets[0][1]
    wire.packets.extend((EPOCH + wait, first) for wait in (0.5, 1.5, 3.5, 7.5, 15.5, 31.5))
    for status in (100, 180):
        call.respond(status, "Ringing")
    call.wait(40).respond(487, "Request Terminated")


@quiet("response-undelivered")
def one_repetition_crosses_the_response(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    call.invite()
    wire.packets.append((EPOCH + 0.5, wire.packets[0][1]))
    call.wait(0.48).ring().answer().ack().talk(6).bye()


@fires("sip-alg")
def body_rewritten_and_its_length_left(wire: Wire) -> None:
    one, two = replace(phones()[0], host="198.51.100.7"), phones()[1]
    call = Call(wire, one, two, [Proxy("203.0.113.5")])
    short = sdp(At("10.1.1.2", 10_000))
    call.invite()
    at, frame = wire.packets.pop(0)
    size = str(len(short)).encode()
    old = f"Content-Length: {len(sdp(one.media))}".encode()
    wire.packets.insert(0, (at, frame.replace(old, b"Content-Length: " + size)))
    call.ring().answer().ack().talk(6).bye()


@fires("sip-alg")
def the_same_request_with_two_contacts(wire: Wire) -> None:
    one, two = phones()
    call = Call(wire, one, two, [Proxy("203.0.113.5")])
    call.invite()
    at, frame = wire.packets[0]
    text = frame[42:].replace(b"<sip:1001@10.0.1.11:5060>", b"<sip:1001@198.51.100.7:31337>")
    wire.udp(at + 0.001, At("198.51.100.7", 31_337), At("203.0.113.5", 5060), text)
    call.ring().answer().ack().talk(6).bye()


@quiet("sip-alg")
def a_phone_that_found_its_public_address_by_stun(wire: Wire) -> None:
    one = Agent("1001", "198.51.100.7", contact="sip:1001@198.51.100.7:5060")
    call = Call(wire, one, phones()[1], [Proxy("203.0.113.5")], call_id="abc@192.168.1.20")
    call.invite().ring().answer().ack().talk(6).bye()


@fires("routing-loop")
def two_proxies_send_it_to_each_other(wire: Wire) -> None:
    one, _ = phones()
    hops = [Proxy("10.0.0.1"), Proxy("10.0.0.2")] * 4
    call = Call(wire, one, Agent("4711", "10.0.0.1"), hops)
    call.invite().respond(483, "Too Many Hops")


@quiet("routing-loop")
def two_contacts_of_a_fork_lead_to_one_phone(wire: Wire) -> None:
    """It answers one, and refuses the same on another way as merged (RFC 3261 section 8.2.2.2)."""
    call = Call(wire, *phones(), [Proxy()])
    call.invite().ring()
    ours, _, callers = call._vias(call.invite_branch, 1, forward=True).partition("\r\n")
    vias, uri = f"{ours}-2\r\n{callers}", f"sip:{call.number}@example.com"
    again = call.text(f"INVITE {uri} SIP/2.0", "INVITE", 1, vias, tagged=False, body=sdp(call.caller.media))
    call.emit(1, True, again)
    call.emit(1, False, call.text("SIP/2.0 482 Merged Request", "INVITE", 1, vias), at=call.at + 0.02)
    call.wait(3).respond(480, "Temporarily Unavailable").ack_failure()


@quiet("routing-loop")
def a_spiral_with_another_request_uri(wire: Wire) -> None:
    one, two = phones()
    call = Call(wire, one, two, [Proxy("10.0.0.1"), Proxy("10.0.0.2"), Proxy("10.0.0.3")])
    call.invite().ring().answer().ack().talk(6).bye()


@fires("registration-flapping")
def the_phone_registers_from_a_new_port_every_minute(wire: Wire) -> None:
    phone = phones()[0]
    for number in range(8):
        src = At("198.51.100.7", 20_000 + 13 * number)
        register(wire, phone, EPOCH + 60 * number, cseq=number + 1, src=src)


@fires("registration-flapping")
def the_registration_runs_out_before_it_is_renewed(wire: Wire) -> None:
    phone = phones()[0]
    for number in range(5):
        register(wire, phone, EPOCH + 120 * number, cseq=number + 1, expires=60)


@quiet("registration-flapping")
def a_register_every_thirty_seconds(wire: Wire) -> None:
    for number in range(12):
        register(wire, phones()[0], EPOCH + 30 * number, cseq=number + 1)


@quiet("registration-flapping")
def three_phones_of_one_user(wire: Wire) -> None:
    for number in range(9):
        phone = Agent("1001", f"10.0.1.{11 + number % 3}", agent=f"Phone {number % 3}")
        register(wire, phone, EPOCH + 100 * number, cseq=number + 1, call_id=f"d{number % 3}@x")


def tls_record(kind: int, body: bytes) -> bytes:
    return bytes([kind, 3, 3]) + len(body).to_bytes(2, "big") + body


def tls_hello(name: bytes = b"sip.example.com") -> bytes:
    suites = b"\xc0\x2f\xc0\x30"
    sni = len(name) + 3
    extension = (
        b"\0\0" + (sni + 2).to_bytes(2, "big") + sni.to_bytes(2, "big") + b"\0" + len(name).to_bytes(2, "big") + name
    )
    body = b"\x03\x03" + bytes(range(32)) + b"\0" + len(suites).to_bytes(2, "big") + suites + b"\1\0"
    body += len(extension).to_bytes(2, "big") + extension
    return tls_record(22, b"\1" + len(body).to_bytes(3, "big") + body)


def tls_server_hello() -> bytes:
    body = b"\x03\x03" + bytes(range(32, 64)) + b"\0" + b"\xc0\x2f" + b"\0"
    return tls_record(22, b"\2" + len(body).to_bytes(3, "big") + body)


@fires("tls-failed")
def the_phone_does_not_know_the_authority(wire: Wire) -> None:
    tcp = Tcp(wire, At("10.0.1.11", 40_000), At("10.0.0.1", 5061))
    tcp.open(EPOCH)
    tcp.send(EPOCH + 0.01, 0, tls_hello())
    tcp.send(EPOCH + 0.02, 1, tls_server_hello())
    tcp.send(EPOCH + 0.03, 0, tls_record(21, b"\x02\x30"))
    tcp.close(EPOCH + 0.04)


@quiet("tls-failed")
def a_phone_cannot_fetch_its_web_page(wire: Wire) -> None:
    plain_call(wire).talk(6).bye()
    for number, server in enumerate((At("198.51.100.80", 443), At("198.51.100.81", 8443))):
        tcp = Tcp(wire, At("10.0.1.11", 40_000 + number), server)
        tcp.open(EPOCH)
        tcp.send(EPOCH + 0.01, 0, tls_hello(b"updates.example.net"))
        tcp.send(EPOCH + 0.02, 1, tls_server_hello())
        tcp.send(EPOCH + 0.03, 0, tls_record(21, b"\x02\x30"))
        tcp.close(EPOCH + 0.04)


@quiet("tls-failed")
def a_connection_closed_in_peace(wire: Wire) -> None:
    tcp = Tcp(wire, At("10.0.1.11", 40_000), At("10.0.0.1", 5061))
    tcp.open(EPOCH)
    tcp.send(EPOCH + 0.01, 0, tls_hello())
    tcp.send(EPOCH + 0.02, 1, tls_server_hello())
    tcp.send(EPOCH + 0.03, 0, tls_record(21, b"\x01\x00"))
    tcp.close(EPOCH + 0.04)


@fires("capture-incomplete")
def signalling_without_media(wire: Wire) -> None:
    for number in range(5):
        one, two = phones(number)
        Call(wire, one, two, [Proxy()], at=EPOCH + number * 30).invite().ring().answer().ack().wait(20).bye()


@quiet("capture-incomplete")
def a_whole_capture(wire: Wire) -> None:
    plain_call(wire).talk(6).bye()


@fires("gateway-down")
def probes_that_nobody_answers(wire: Wire) -> None:
    far = At("10.9.0.1", 5060)
    for number in range(12):
        text = (
            f"OPTIONS sip:{far} SIP/2.0\r\nVia: SIP/2.0/UDP {PROXY};branch=z9hG4bK-o{number}\r\n"
            f"From: <sip:probe@{PROXY.host}>;tag=p\r\nTo: <sip:{far}>\r\nCall-ID: probe-{number}\r\n"
            "CSeq: {0} OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        ).format(number + 1)
        wire.udp(EPOCH + 10 * number, PROXY, far, text.encode())
        if number < 5:
            answer = text.replace(f"OPTIONS sip:{far} SIP/2.0", "SIP/2.0 200 OK")
            wire.udp(EPOCH + 10 * number + 0.01, far, PROXY, answer.encode())


@fires("response-undelivered")
def a_phone_that_registers_without_hearing_the_answer(wire: Wire) -> None:
    phone = phones()[0]
    register(wire, phone, EPOCH)
    first, answer = wire.packets[0][1], wire.packets[1][1]
    for wait in (0.5, 1.5, 3.5, 7.5):
        wire.packets += [(EPOCH + wait, first), (EPOCH + wait + 0.01, answer)]


@quiet("gateway-down")
def nobody_picks_up(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    call.invite().ring().wait(28).respond(480, "Temporarily Unavailable").ack_failure()


@quiet("response-undelivered")
def a_caller_who_gives_up(wire: Wire) -> None:
    call = Call(wire, *phones())
    call.invite().respond(180, "Ringing").wait(9)
    via = call._vias(call.invite_branch, 0, forward=True)
    call.emit(0, True, call.text("CANCEL sip:1002@example.com SIP/2.0", "CANCEL", 1, via, tagged=False))
    call.wait(0.01).respond(200, "OK", method="CANCEL", contact=False)
    call.respond(487, "Request Terminated").ack_failure()
