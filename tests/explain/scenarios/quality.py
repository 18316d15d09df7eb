"""What is heard, and what is not."""

from ..generator.media import Sender, receiver_report, sender_report
from ..generator.sip import EVENT, Call, Proxy, phones, plain_call, sdp
from ..generator.wire import EPOCH, At, Wire
from . import fires, quiet

HUSH = {"sound": "silence"}


def healthy(wire: Wire, number: int = 1) -> None:
    """Another call of the same phones' office, so that the capture shows that media passes here."""
    one, two = phones()
    Call(wire, one, two, [Proxy()], at=EPOCH - 60 * number).invite().ring().answer().ack().talk(6).bye()


@fires("no-rtp")
def answered_and_nothing_flows(wire: Wire) -> None:
    healthy(wire)
    plain_call(wire).wait(12).bye()


@quiet("no-rtp")
def on_hold_from_the_first_second(wire: Wire) -> None:
    healthy(wire)
    call = Call(wire, *phones(), [Proxy()])
    call.invite(sdp(call.caller.media, direction="inactive")).ring()
    call.answer(sdp(call.callee.media, direction="inactive")).ack().wait(12).bye()


@quiet("no-rtp")
def a_fax_over_t38(wire: Wire) -> None:
    healthy(wire)
    call = Call(wire, *phones(), [Proxy()])
    fax = "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=image 10000 udptl t38\r\n"
    call.invite(fax.format("10.0.1.11")).ring().answer(fax.format("10.0.2.11")).ack().wait(12).bye()


@fires("one-way-rtp")
def the_callee_is_not_heard(wire: Wire) -> None:
    plain_call(wire).talk(12, b={"mute": True}).bye()


@fires("one-way-rtp")
def the_relay_does_not_pass_one_direction_on(wire: Wire) -> None:
    relayed(wire, drop_towards_caller=True)


def relayed(wire: Wire, drop_towards_caller: bool = False, loss: int = 0) -> None:
    """A call through a media relay on 10.0.0.1: four streams."""
    one, two = phones()
    call = Call(wire, one, two, [Proxy()])
    left, right = At("10.0.0.1", 30_000), At("10.0.0.1", 30_002)
    call.invite(rewrite={1: sdp(right)}).ring()
    call.answer(sdp(two.media), rewrite={0: sdp(left)}).ack()
    at = call.at
    losing = (lambda n: n % loss == 1) if loss else (lambda _: False)
    Sender(one.media, left, 1, lost=losing).play(wire, at, 10)
    Sender(right, two.media, 1, lost=losing).play(wire, at + 0.001, 10)
    Sender(two.media, right, 2).play(wire, at, 10)
    if not drop_towards_caller:
        Sender(left, one.media, 2).play(wire, at + 0.001, 10)
    call.wait(10).bye()


def routed(wire: Wire, dropped: bytes = b"") -> None:
    """Captured on all interfaces of a router: what it passes on is there twice."""
    plain_call(wire).talk(8).bye()
    wire.packets += [(at + 2e-5, frame) for at, frame in wire.packets if not dropped or frame[26:30] != dropped]


@fires("one-way-rtp")
def a_router_drops_one_direction(wire: Wire) -> None:
    routed(wire, dropped=bytes((10, 0, 1, 11)))


@quiet("one-way-rtp")
def a_router_passes_both_directions(wire: Wire) -> None:
    routed(wire)


@quiet("one-way-rtp")
def a_relayed_call_both_ways(wire: Wire) -> None:
    relayed(wire)


@quiet("one-way-rtp")
def an_announcement_that_is_sendonly(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    call.invite(sdp(call.caller.media, direction="recvonly")).ring()
    call.answer(sdp(call.callee.media, direction="sendonly")).ack().talk(10, a={"mute": True}).bye()


@quiet("one-way-rtp")
def the_capture_sees_one_direction_of_everything(wire: Wire) -> None:
    plain_call(wire).talk(10, b={"mute": True}).bye()
    caller = bytes((10, 0, 1, 11))
    wire.packets = [(at, frame) for at, frame in wire.packets if frame[26:30] == caller]


@quiet("one-way-rtp")
def the_receiver_reports_that_it_hears(wire: Wire) -> None:
    call = plain_call(wire)
    start = call.at
    call.talk(12, b={"mute": True})
    for number in range(3):
        at = start + 3 + 3 * number
        receiver_report(wire, at, At("10.0.1.11", 10_001), At("10.0.2.11", 10_001), 0xA1, 0xB77, 0.0, 0, 20)
    call.bye()


@quiet("one-way-rtp")
def media_from_another_port_behind_nat(wire: Wire) -> None:
    plain_call(wire).talk(10, a={"src": At("198.51.100.7", 41_234)}).bye()


@fires("digital-silence")
def the_plug_is_in_the_wrong_socket(wire: Wire) -> None:
    plain_call(wire).talk(15, a=HUSH).bye()


@quiet("digital-silence")
def muted_for_the_last_ten_seconds(wire: Wire) -> None:
    call = plain_call(wire)
    call.talk(12).talk(10, a={"first_seq": 700, "sound": "silence"}, b={"first_seq": 700}).bye()


@quiet("digital-silence")
def comfort_noise_while_listening(wire: Wire) -> None:
    call = plain_call(wire)
    start = call.at
    call.talk(12, a={"seconds": 3})
    for number in range(8):
        sid = {"payload_type": 13, "payload": b"\x40", "first_seq": 250 + number}
        Sender(call.caller.media, call.callee.media, 0xA0000 + call._serial(), **sid).play(  # type: ignore[arg-type]
            wire, start + 3 + number, 0.02
        )
    call.bye()


@fires("near-silence")
def the_microphone_is_covered(wire: Wire) -> None:
    plain_call(wire).talk(15, b={"sound": "near"}).bye()


@quiet("near-silence")
def a_listener_in_a_quiet_room(wire: Wire) -> None:
    plain_call(wire).talk(15, b={"sound": "room"}).bye()


@quiet("near-silence")
def two_listeners_in_quiet_rooms(wire: Wire) -> None:
    plain_call(wire).talk(15, a={"sound": "room"}, b={"sound": "room"}).bye()


@fires("near-silence")
def both_microphones_are_covered(wire: Wire) -> None:
    plain_call(wire).talk(15, a={"sound": "near"}, b={"sound": "near"}).bye()


@fires("media-late")
def first_words_lost(wire: Wire) -> None:
    plain_call(wire).talk(12, b={"after": 4.0}).bye()


@quiet("media-late")
def early_media_before_the_answer(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    call.invite().respond(183, "Session Progress", sdp(call.callee.media)).talk(4, a={"mute": True})
    call.answer().ack().talk(10, b={"first_seq": 300}).bye()


@fires("media-cut")
def the_caller_disappears_in_the_middle(wire: Wire) -> None:
    plain_call(wire).talk(20, a={"seconds": 8}).bye(from_caller=False)


@fires("media-cut")
def five_seconds_are_missing(wire: Wire) -> None:
    plain_call(wire).talk(20, a={"lost": lambda n: 300 <= n < 550}).bye()


@quiet("media-cut")
def moved_by_a_reinvite(wire: Wire) -> None:
    call = plain_call(wire)
    call.talk(6)
    call.caller.media_port = 12_000
    call.request("INVITE", cseq=2, body=sdp(call.caller.media))
    call.respond(200, "OK", sdp(call.callee.media), cseq=2, branch=call._branch).ack(cseq=2)
    call.talk(8, a={"ssrc": 0x77, "first_seq": 9}, b={"first_seq": 400}).bye(cseq=3)


@quiet("media-cut")
def the_capture_ends_before_the_call(wire: Wire) -> None:
    plain_call(wire).talk(15)


@fires("packet-loss")
def five_percent_lost(wire: Wire) -> None:
    plain_call(wire).talk(20, a={"lost": lambda n: n % 20 == 7}).bye()


@fires("packet-loss")
def loss_before_the_relay_is_one_finding(wire: Wire) -> None:
    relayed(wire, loss=15)


@fires("packet-loss")
def lost_after_the_capture(wire: Wire) -> None:
    call = plain_call(wire)
    start = call.at
    call.talk(20)
    ssrc = 0xA0000 + call._serial()
    for number in range(3):
        at = start + 5 + 5 * number
        lost = 25 * (number + 1)
        receiver_report(wire, at, At("10.0.2.11", 10_001), At("10.0.1.11", 10_001), 0xB1, ssrc, 0.1, lost, 20)
    call.bye()


@quiet("packet-loss")
def the_capture_lost_them_and_the_receiver_did_not(wire: Wire) -> None:
    call = plain_call(wire)
    start = call.at
    call.talk(20, a={"lost": lambda n: n % 20 == 7})
    ssrc = 0xA0000 + call._serial()
    for number in range(3):
        at = start + 5 + 5 * number
        receiver_report(wire, at, At("10.0.2.11", 10_001), At("10.0.1.11", 10_001), 0xB1, ssrc, 0.0, 0, 20)
    sender_report(wire, start + 6, At("10.0.1.11", 10_001), At("10.0.2.11", 10_001), ssrc, 300)
    call.bye()


@quiet("packet-loss")
def reordered_but_complete(wire: Wire) -> None:
    plain_call(wire).talk(20, a={"delay": lambda n: 0.025 if n % 10 == 3 else 0.0}).bye()


@quiet("packet-loss")
def a_new_source_in_the_middle(wire: Wire) -> None:
    call = plain_call(wire)
    call.talk(8).talk(8, a={"ssrc": 0x1234, "first_seq": 40_000}, b={"first_seq": 500}).bye()


@fires("jitter")
def packets_held_up_in_a_queue(wire: Wire) -> None:
    plain_call(wire).talk(20, a={"delay": lambda n: 0.16 * ((n % 23) / 23) ** 3 * (n % 2)}).bye()


@quiet("jitter")
def a_little_unevenness(wire: Wire) -> None:
    plain_call(wire).talk(20, a={"delay": lambda n: 0.004 * (n % 5)}).bye()


@fires("clock-drift")
def a_clock_half_a_percent_fast(wire: Wire) -> None:
    plain_call(wire).talk(40, a={"skew_ppm": -5000}).bye()


@quiet("clock-drift")
def an_ordinary_crystal(wire: Wire) -> None:
    plain_call(wire).talk(40, a={"skew_ppm": 60}).bye()


@fires("ptime-mismatch")
def sixty_milliseconds_where_twenty_were_asked(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    extra = ["ptime:20", "maxptime:40"]
    call.invite(sdp(call.caller.media, extra=extra)).ring().answer(sdp(call.callee.media, extra=extra))
    call.ack().talk(12, b={"ptime_ms": 60}).bye()


@quiet("ptime-mismatch")
def twenty_asked_and_sent(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    call.invite(sdp(call.caller.media, extra=["ptime:20"])).ring().answer().ack().talk(12).bye()


@quiet("packet-loss")
def a_call_in_opus(wire: Wire) -> None:
    call = Call(wire, *phones(), [Proxy()])
    opus = [(111, "opus/48000/2"), EVENT]
    change = {"payload_type": 111, "payload": b"\x78" * 60, "ticks_per_ms": 48}
    call.invite(sdp(call.caller.media, opus)).ring().answer(sdp(call.callee.media, opus)).ack()
    call.talk(12, a=change, b=change).bye()


@quiet("codec-lost")
def codec_changed_by_reinvite(wire: Wire) -> None:
    call = plain_call(wire)
    call.talk(6)
    call.request("INVITE", cseq=2, body=sdp(call.caller.media, [(8, "PCMA/8000"), EVENT]))
    call.respond(200, "OK", sdp(call.callee.media, [(8, "PCMA/8000"), EVENT]), cseq=2, branch=call._branch)
    change = {"payload_type": 8, "first_seq": 400}
    call.ack(cseq=2).talk(8, a=change, b=change).bye(cseq=3)


@quiet("no-rtp")
def phones_that_use_ports_and_ssrc_again_in_the_next_call(wire: Wire) -> None:
    for number in range(3):
        call = Call(wire, *phones(), [Proxy()], at=EPOCH + 20 * number, call_id=f"again-{number}")
        call.invite().ring().answer().ack().talk(6, a={"ssrc": 0x111}, b={"ssrc": 0x222}).bye()
