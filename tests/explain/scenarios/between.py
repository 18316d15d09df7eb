"""One call captured at two places, the clocks of which differ by an hour."""

from collections.abc import Callable

from ..generator.sip import plain_call
from ..generator.wire import Wire
from . import fires, quiet

AHEAD_S = 3600.25
WAY_S = 0.03
CALLER = bytes((10, 0, 1, 11))
RTP = 0x80


def sides(wire: Wire, lost: Callable[[int, bytes], bool], lost_here: Callable[[int, bytes], bool]) -> None:
    """What is near the caller, and 30 ms further: packets are lost on the way, or missing in the first capture."""
    plain_call(wire).talk(10).bye()
    wire.elsewhere = Wire()
    every = list(enumerate(sorted(wire.packets)))
    for number, (at, frame) in every:
        if not lost(number, frame):
            # From the caller it comes later, from the callee it was there before.
            way = WAY_S if frame[26:30] == CALLER else -WAY_S
            wire.elsewhere.packets.append((at + way + AHEAD_S, frame))
    wire.packets = [packet for number, packet in every if not lost_here(number, packet[1])]


def is_voice(frame: bytes) -> bool:
    return frame[26:30] == CALLER and frame[42] == RTP


def nothing(_: int, __: bytes) -> bool:
    return False


@fires("lost-between")
def voice_is_lost_between_two_places(wire: Wire) -> None:
    sides(wire, lambda number, frame: is_voice(frame) and number % 20 < 2, nothing)


@quiet("lost-between")
def both_places_have_it_all(wire: Wire) -> None:
    sides(wire, nothing, nothing)


@quiet("lost-between")
def both_captures_lose_packets(wire: Wire) -> None:
    sides(
        wire,
        lambda number, frame: is_voice(frame) and number % 97 < 2,
        lambda number, frame: is_voice(frame) and number % 89 < 2,
    )
