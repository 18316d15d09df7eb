"""What looked like a fault to a reader in a hurry, each beside the fault that it looks like."""

from ..generator.media import Sender, scrambled
from ..generator.sip import EVENT, PCMU, Agent, Call, Proxy, phones, plain_call, sdp
from ..generator.webrtc import check, client_hello, server_flight
from ..generator.wire import EPOCH, At, Wire, ipv4
from . import fires, quiet
from .network import LONG, again_invite, register


@quiet("one-way-rtp")
def a_relay_that_no_description_names(wire: Wire) -> None:
    """The media server in front of the callee shows in no description, and the caller names the callee's host too."""
    call = Call(wire, *phones(), [Proxy()])
    box = At("10.0.9.9", 4376)
    call.callee.host = call.caller.host
    call.callee.port = 5062
    call.callee.media_port = 10_400
    call.invite().ring().answer().ack()
    Sender(box, call.callee.media, 0x51).play(wire, call.at, 10)
    Sender(call.caller.media, box, 0x52).play(wire, call.at, 10)
    call.wait(10).bye()


@quiet("one-way-rtp")
def a_relay_with_one_port_for_both_sides(wire: Wire) -> None:
    one, two = phones()
    call = Call(wire, one, two, [Proxy()])
    port = At("10.0.0.1", 30_000)
    call.invite(rewrite={1: sdp(port)}).ring().answer(sdp(two.media), rewrite={0: sdp(port)}).ack()
    for src, dst, ssrc in ((one.media, port, 1), (port, two.media, 1), (two.media, port, 2), (port, one.media, 2)):
        Sender(src, dst, ssrc).play(wire, call.at, 10)
    call.wait(10).bye()


@fires("one-way-rtp")
def a_relay_with_one_port_that_loses_one_side(wire: Wire) -> None:
    one, two = phones()
    call = Call(wire, one, two, [Proxy()])
    port = At("10.0.0.1", 30_000)
    call.invite(rewrite={1: sdp(port)}).ring().answer(sdp(two.media), rewrite={0: sdp(port)}).ack()
    for src, dst, ssrc in ((one.media, port, 1), (port, two.media, 1), (two.media, port, 2)):
        Sender(src, dst, ssrc).play(wire, call.at, 10)
    call.wait(10).bye()


# --- fragments


@quiet("fragments-lost")
def tails_of_something_else_than_sip(wire: Wire) -> None:
    """Short last pieces between two hosts that speak SIP, of sizes that differ: video, or a file."""
    one, _ = phones()
    register(wire, one, EPOCH - 20)
    for number in range(4):
        piece = bytes(52 + 31 * number)
        packet = ipv4("10.0.0.1", one.host, 17, piece, 700 + number, 185)
        wire.raw(EPOCH + number, "10.0.0.1", one.host, packet)
    register(wire, one, EPOCH + 40, cseq=2)


@quiet("fragments-lost")
def a_fragmented_request_that_the_proxy_passes_on(wire: Wire) -> None:
    """No 100 of the first proxy is in the capture, though it sends the request on at once."""
    call = Call(wire, *phones(), [Proxy(), Proxy("10.0.0.2")], headers=LONG)
    call.invite().respond(180, "Ringing", down_to=1).wait(3)
    call.answer(down_to=1).talk(6)


@quiet("fragments-lost")
def a_stale_fork_beside_one_that_gets_the_same_fragments(wire: Wire) -> None:
    """The phone's old port is silent, its new one answers the same INVITE in as many fragments."""
    one, two = phones()
    register(wire, two, EPOCH - 20)
    stale = Call(wire, one, Agent("1002", two.host, 45_678), [Proxy()], headers=LONG, call_id="forked@x")
    stale.invite()
    again_invite(stale, (0.5, 1.5, 3.5))
    fork = Call(wire, one, two, [Proxy()], headers=LONG, call_id="forked@x", at=EPOCH)
    fork.invite().ring().answer().ack().talk(6).bye()


@quiet("fragments-lost")
def a_large_message_within_one_host(wire: Wire) -> None:
    wire.mtu = 65_535
    one, two = Agent("1001", "10.0.0.1", 5070), Agent("1002", "10.0.0.1", 5080)
    register(wire, two, EPOCH - 20)
    call = Call(wire, one, two, [Proxy()], headers=LONG)
    call.invite().respond(100, "Trying", start_link=0, contact=False)
    call.wait(5).request("CANCEL", upto=1)


# --- unevenness and clocks


def held(first: int, packets: int):
    """Packets from `first` on wait for the last of them: one gap, then all at once."""
    return lambda n: (first + packets - n) * 0.02 if first <= n < first + packets else 0.0


@quiet("jitter")
def one_gap_of_half_a_second(wire: Wire) -> None:
    plain_call(wire).talk(12, a={"delay": held(200, 25)}).bye()


@quiet("jitter")
def nine_short_gaps_that_a_buffer_learns(wire: Wire) -> None:
    plain_call(wire).talk(20, a={"delay": lambda n: held(n // 100 * 100 + 20, 9)(n)}).bye()


@fires("jitter")
def gaps_that_no_buffer_covers(wire: Wire) -> None:
    plain_call(wire).talk(20, a={"delay": lambda n: held(n // 100 * 100 + 20, 30)(n)}).bye()


@fires("clock-drift")
def timestamps_of_another_rate(wire: Wire) -> None:
    """Described with 16 kHz, stamped with 8."""
    call = Call(wire, *phones(), [Proxy()])
    codecs = [(96, "L16/16000"), EVENT]
    change = {"payload_type": 96, "payload": bytes(range(1, 161)) * 2, "ticks_per_ms": 8}
    call.invite(sdp(call.caller.media, codecs)).ring().answer(sdp(call.callee.media, codecs)).ack()
    call.talk(12, a=change, b={**change, "ticks_per_ms": 16}).bye()


@quiet("clock-drift")
def a_sender_whose_timestamps_stand_still_in_pauses(wire: Wire) -> None:
    plain_call(wire).talk(24, a={"delay": lambda n: n * 0.03}, b={"seconds": 24}).bye()


@quiet("ptime-mismatch")
def silence_suppressed_in_amr_wideband(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    codecs = [(97, "AMR-WB/16000"), EVENT]
    extra = ["ptime:20", "maxptime:40"]
    call.invite(sdp(call.caller.media, codecs, extra=extra)).ring()
    call.answer(sdp(call.callee.media, codecs, extra=extra)).ack()
    talking = {"payload_type": 97, "payload": b"\xf0\x14" + b"\x5a" * 58, "ticks_per_ms": 16}
    silent = {**talking, "payload": b"\xf0\x4c" + b"\x11" * 5, "ptime_ms": 160}
    start = call.at
    call.talk(20, a=talking, b={**talking, "seconds": 1})
    Sender(call.callee.media, call.caller.media, 0xB0000 + call._serial(), first_seq=150, **silent).play(  # type: ignore[arg-type]
        wire, start + 1, 19
    )
    call.bye()


# --- signalling


@quiet("routing-loop")
def a_probe_that_counts_hops(wire: Wire) -> None:
    call = Call(wire, *phones(), [])
    call.invite()
    at, frame = wire.packets.pop()
    wire.packets.append((at, frame.replace(b"Max-Forwards: 70", b"Max-Forwards: 0 ")))
    call.respond(483, "Too Many Hops", contact=False).ack_failure()


@quiet("contact-transport-mismatch")
def a_bye_over_tcp_after_an_answer_without_ack(wire: Wire) -> None:
    """Both phones hang up at once, one of them over TCP, and both know it."""
    one, two = phones()
    call = Call(wire, one, two, [])
    call.invite().ring().answer().ack().talk(6)
    call.connect(0)
    call.request("BYE", from_caller=False).close("BYE", False)


@fires("ack-missing")
def an_answer_without_ack_and_then_a_bye_over_tcp(wire: Wire) -> None:
    """Eleven answers, no ACK: who never heard of the answer has no dialog in which it could answer a BYE."""
    one, two = phones()
    call = Call(wire, one, two, [])
    call.invite().ring().answer()
    start = call.at
    for number in range(10):
        call.wait(min(0.5 * 2**number, 4.0)).answer()
    end, call.at = call.at, start
    call.talk(end - start).connect(0)
    call.request("BYE", from_caller=False, cseq=7).wait(40)
    register(wire, one, call.at)


@quiet("registration-flapping")
def two_users_who_write_no_user_into_to(wire: Wire) -> None:
    """A domain registers; its phones take turns."""
    for number in range(12):
        phone = Agent(f"100{number % 6}", f"10.0.1.{11 + number % 6}")
        ask = (
            f"REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP {phone.at};branch=z9hG4bK-n{number}\r\n"
            f"From: <sip:example.com>;tag=a{number}\r\nTo: <sip:example.com>\r\nCall-ID: d{number % 6}@x\r\n"
            f"CSeq: {number + 1} REGISTER\r\nContact: <sip:{phone.user}@{phone.at}>\r\nExpires: 60\r\n"
            "User-Agent: Trunk 1.0\r\nContent-Length: 0\r\n\r\n"
        )
        answer = ask.replace("REGISTER sip:example.com SIP/2.0", "SIP/2.0 200 OK").replace(
            "\r\nExpires", "\r\nExpires"
        )
        wire.udp(EPOCH + 20 * number, phone.at, At("10.0.0.1", 5060), ask.encode())
        wire.udp(EPOCH + 20 * number + 0.01, At("10.0.0.1", 5060), phone.at, answer.encode())


@quiet("codec-refused")
def a_body_that_is_not_read(wire: Wire) -> None:
    """The codecs are right; what stands beside them is refused, and Accept says so."""
    call = Call(wire, *phones(), [Proxy()])
    call.invite()
    wire.packets = [(at, frame.replace(b"application/sdp", b"multipart/mixed")) for at, frame in wire.packets]
    call.respond(415, "Unsupported Media Type", extra=["Accept: application/sdp"], contact=False).ack_failure()


@fires("codec-refused")
def a_description_that_names_no_codec_of_theirs(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    call.invite(sdp(call.caller.media, [(18, "G729/8000")]))
    accept = ["Accept: application/sdp"]
    call.respond(415, "Unsupported Media Type", extra=accept, contact=False).ack_failure()


@quiet("gateway-down")
def a_scanner_to_which_nobody_answers(wire: Wire) -> None:
    for number in range(4):
        guest = Agent("100", "45.95.1.2", agent="friendly-scanner")
        call = Call(wire, guest, Agent(f"90044{number}", "203.0.113.5"), [], at=EPOCH + 40 * number)
        call.invite()
        again_invite(call, (0.5, 1.5, 3.5, 7.5))


@quiet("sip-alg")
def a_switch_with_a_private_contact_behind_proxy_and_relay(wire: Wire) -> None:
    """Kamailio and rtpengine on one public address; the switch behind them writes its private Contact."""
    one = Agent("1001", "10.20.0.5", contact="sip:1001@10.20.0.5:5060")
    call = Call(wire, one, Agent("1002", "203.0.113.40"), [Proxy("198.51.100.5")])
    relay = At("198.51.100.5", 30_000)
    call.invite(rewrite={1: sdp(relay)}).ring().answer(rewrite={0: sdp(relay)}).ack()
    inner = bytes((10, 20, 0, 5))
    wire.packets = [(at, frame) for at, frame in wire.packets if inner not in (frame[26:30], frame[30:34])]


# --- what was not read, and what was not agreed


@fires("capture-unread")
def a_tunnel_that_is_encrypted(wire: Wire) -> None:
    plain_call(wire).talk(4).bye()
    for number in range(100):
        wire.raw(
            EPOCH + 0.02 * number, "10.0.0.1", "10.0.0.2", ipv4("10.0.0.1", "10.0.0.2", 50, scrambled(number, 120))
        )


@quiet("capture-unread")
def routers_among_themselves(wire: Wire) -> None:
    plain_call(wire).talk(4).bye()
    for number in range(100):
        wire.raw(EPOCH + 0.2 * number, "10.0.0.1", "224.0.0.5", ipv4("10.0.0.1", "224.0.0.5", 89, bytes(40)))


@fires("codec-mismatch")
def a_codec_that_nobody_agreed_to(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    call.invite().ring().answer(sdp(call.callee.media, [PCMU, EVENT])).ack()
    call.talk(8, a={"payload_type": 18, "payload": bytes(range(20))}).bye()


@quiet("codec-mismatch")
def the_same_codec_under_ones_own_number(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    change = {"payload": b"\x78" * 60, "ticks_per_ms": 48}
    call.invite(sdp(call.caller.media, [(96, "opus/48000/2")])).ring()
    call.answer(sdp(call.callee.media, [(111, "opus/48000/2")])).ack()
    call.talk(8, a={**change, "payload_type": 96}, b={**change, "payload_type": 96}).bye()


# --- faults that were not seen


@fires("gateway-down")
def registers_that_nobody_answers(wire: Wire) -> None:
    phone = phones()[0]
    for number in range(4):
        register(wire, phone, EPOCH + 30 * number, cseq=number + 1, status=0)
    plain_call(wire).talk(4).bye()


@quiet("gateway-down")
def a_register_that_was_lost_once(wire: Wire) -> None:
    phone = phones()[0]
    register(wire, phone, EPOCH, status=0)
    register(wire, phone, EPOCH + 30, cseq=2)
    register(wire, phone, EPOCH + 60, cseq=3, status=0)
    plain_call(wire).talk(4).bye()


def unannounced(wire: Wire, **change: object) -> None:
    """Two ways of audio, and no word of SIP about them."""
    one, two = At("10.0.5.1", 20_000), At("10.0.5.2", 30_000)
    Sender(one, two, 0x71, **change).play(wire, EPOCH, 20)  # type: ignore[arg-type]
    Sender(two, one, 0x72).play(wire, EPOCH, 20)


@fires("packet-loss")
def media_without_signalling_that_loses(wire: Wire) -> None:
    unannounced(wire, lost=lambda n: n % 15 == 3)


@quiet("packet-loss")
def media_without_signalling_that_is_whole(wire: Wire) -> None:
    unannounced(wire)


@fires("jitter")
def media_without_signalling_that_comes_unevenly(wire: Wire) -> None:
    unannounced(wire, delay=lambda n: held(n // 100 * 100 + 20, 30)(n))


@fires("digital-silence")
def media_without_signalling_that_is_silent_one_way(wire: Wire) -> None:
    unannounced(wire, sound="silence")


@quiet("digital-silence")
def media_without_signalling_that_falls_silent_for_a_while(wire: Wire) -> None:
    unannounced(wire)
    Sender(At("10.0.5.1", 20_000), At("10.0.5.2", 30_000), 0x71, sound="silence", first_seq=1100).play(
        wire, EPOCH + 20, 8
    )


def handshake(wire: Wire, *, is_answered: bool, hellos: int = 4) -> None:
    """ClientHellos of a browser whose signalling is not in the capture."""
    one, two = At("10.0.5.1", 20_000), At("10.0.5.2", 30_000)
    check(wire, EPOCH, one, two, 1, local="ab", remote="cd", password="p" * 22)
    for number in range(hellos):
        wire.udp(EPOCH + 2**number, one, two, client_hello(sequence=number))
    if is_answered:
        wire.udp(EPOCH + 9, two, one, server_flight())


@fires("dtls-unanswered")
def a_handshake_without_signalling_that_nobody_answers(wire: Wire) -> None:
    handshake(wire, is_answered=False)


@quiet("dtls-unanswered")
def a_handshake_without_signalling_that_is_answered(wire: Wire) -> None:
    handshake(wire, is_answered=True)


@quiet("dtls-unanswered")
def a_handshake_without_signalling_that_was_repeated_once(wire: Wire) -> None:
    handshake(wire, is_answered=False, hellos=2)


# --- what is told of it


@fires("media-cut")
def a_short_hole_and_a_long_one(wire: Wire) -> None:
    plain_call(wire).talk(30, a={"lost": lambda n: 200 <= n < 330 or 600 <= n < 840}).bye()


@fires("packet-loss")
def most_of_it_is_in_holes(wire: Wire) -> None:
    plain_call(wire).talk(30, a={"lost": lambda n: n % 100 < 64 or n % 50 == 49}).bye()
