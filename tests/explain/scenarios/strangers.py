"""Kinds of captures that strangers published and that were once told wrong, or not at all, each built anew."""

import struct
from math import floor

from ..generator.media import Sender
from ..generator.sip import EVENT, Agent, Call, Proxy, phones, plain_call, sdp
from ..generator.wire import EPOCH, At, Wire
from . import fires, quiet
from .network import LONG, again_invite
from .security import attempt

AMR_WIDEBAND = [(97, "AMR-WB/16000"), EVENT]


@quiet("packet-loss")
def keys_that_were_picked_out_of_a_stream(wire: Wire) -> None:
    """A gateway's log of the keys alone: the sound between them is not there, its sequence numbers are missing."""
    src, dst = At("10.0.1.11", 19_438), At("10.0.2.11", 24_272)
    for key in range(16):
        for number in range(8):
            body = struct.pack("!BBH", key % 10, (0x80 if number > 4 else 0) | 10, 160 * (number + 1))
            head = struct.pack("!BBHII", 0x80, 101, 27_137 + 16 * key + number, 432_586_443 + 2560 * key, 0x37ED)
            wire.udp(EPOCH + 0.32 * key + 0.02 * number, src, dst, head + body)


def with_a_slow_timer(number: int) -> float:
    """Packets leave at the next tick of ten milliseconds, and the clock that counts these is 4000 ppm slow."""
    return (floor(number * 0.02 * 1.004 / 0.01 + 0.5) * 0.01) - number * 0.02


@fires("clock-drift")
def a_timer_that_runs_slow_without_signalling(wire: Wire) -> None:
    """What comes late comes so by the drift: it is no jitter."""
    stray = Sender(At("10.0.1.11", 64_230), At("10.0.2.11", 15_000), 0x1D49, payload_type=8, delay=with_a_slow_timer)
    stray.play(wire, EPOCH, 90)


@quiet("clock-drift")
def bursts_without_signalling(wire: Wire) -> None:
    """Nobody says that it is speech: a file that is sent faster than it sounds is none's clock."""
    stray = Sender(At("10.0.1.11", 64_230), At("10.0.2.11", 15_000), 0x1D49, delay=lambda number: -0.004 * number)
    stray.play(wire, EPOCH, 20)


@fires("ack-missing")
def no_ack_where_the_contact_is_served_by_both_transports(wire: Wire) -> None:
    """The Contact means UDP, the call is on TCP, and the BYE that goes by UDP is answered: the ACK was never sent."""
    one = Agent("1001", "10.0.1.11", transport="TCP")
    call = Call(wire, one, Agent("1002", "10.0.2.11"))
    tcp = call.connect(0)
    call.invite().ring().answer()
    for wait in (0.5, 1, 2, 4, 4, 4, 4, 4, 4, 4):
        call.wait(wait).answer()
    del tcp
    call.links.clear()
    call.wait(1).request("BYE").close("BYE", True, 481, "Call/Transaction Does Not Exist")


@fires("one-way-rtp")
def one_packet_and_no_more(wire: Wire) -> None:
    """A back-to-back agent leads the audio past itself, and of the caller a single packet arrives."""
    one, two = phones()
    call = Call(wire, one, two, [Proxy()])
    port = At("10.0.0.1", 18_010)
    call.invite(rewrite={1: sdp(port)}).ring().answer(sdp(two.media), rewrite={0: sdp(port)}).ack()
    Sender(two.media, one.media, 0x6AB2).play(wire, call.at, 8)
    Sender(one.media, two.media, 0x4483).play(wire, call.at, 0.02)
    call.wait(8).bye()


@quiet("ptime-mismatch")
def little_talk_and_much_described_silence(wire: Wire) -> None:
    """AMR says once in 160 ms that it is silent, and here no second is full of talk."""
    call = Call(wire, *phones(), [Proxy()])
    extra = ["ptime:20", "maxptime:40"]
    call.invite(sdp(call.caller.media, AMR_WIDEBAND, extra=extra)).ring()
    call.answer(sdp(call.callee.media, AMR_WIDEBAND, extra=extra)).ack()
    talking = {"payload_type": 97, "payload": b"\xf0\x14" + b"\x5a" * 58, "ticks_per_ms": 16}
    silent = {**talking, "payload": b"\xf0\x4c" + b"\x11" * 5, "ptime_ms": 160}
    call.talk(12, a=talking, b=silent).bye()


def a_fork_that_is_silent_beside_one_that_answers(wire: Wire) -> None:
    """Two phones get the same INVITE in as many fragments; nothing is known of the one that says nothing."""
    one, two = phones()
    stale = Call(wire, one, Agent("1002", "10.0.9.9"), [Proxy()], headers=LONG, call_id="forked@x")
    stale.invite()
    again_invite(stale, (0.5, 1.5, 3.5))
    fork = Call(wire, one, two, [Proxy()], headers=LONG, call_id="forked@x", at=EPOCH)
    fork.invite().ring().answer().ack().talk(6).bye()


@fires("auth-loop")
def a_registration_that_is_forbidden_after_its_challenge(wire: Wire) -> None:
    """How Asterisk and FreeSWITCH say that the password is wrong."""
    attempt(wire, 0, 401)
    attempt(wire, 1, 403)


@quiet("auth-loop")
def a_registration_without_credentials_that_is_forbidden(wire: Wire) -> None:
    """Not from there, or not at all: no password was asked for."""
    attempt(wire, 0, 403)


def one_hole_and_a_few_packets(wire: Wire) -> None:
    plain_call(wire).talk(20, a={"lost": lambda n: 200 <= n < 430 or n in range(600, 612)}).bye()
