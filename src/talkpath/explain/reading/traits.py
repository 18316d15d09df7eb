"""First looks at a call: cheap signs, each of which sets the rules going that look closer.

A healthy call shows none of them but that it was answered, and costs next to nothing.
"""

from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache

from talkpath.base.errors import Malformed
from talkpath.calls.model import Call
from talkpath.capture.records import RtcpSeen, RtpStream, TcpEvent, TcpKind
from talkpath.sdp.values import ip_text, is_private
from talkpath.sip.message import Message

# Margins that are wider than any rule's own threshold.
LATE_S = 1.4
CUT_S = 3.5
DRIFT_PPM = 250
PTIME_MS = 4.0
QUIET_DBOV = -45.0


class Trait(StrEnum):
    """What a call shows at first sight."""

    ANSWERED = "answered"
    FAILED = "failed"
    UNANSWERED = "unanswered"
    REPEATED = "repeated"
    REFUSED = "refused"
    CHALLENGED = "challenged"
    LARGE = "large"
    REWRITTEN = "rewritten"
    MUTE = "mute"
    GAPPY = "gappy"
    ASTRAY = "astray"
    DOUBLED = "doubled"
    ELSEWHERE = "elsewhere"
    LOSSY = "lossy"
    QUIET = "quiet"
    DRIFTING = "drifting"
    PACED = "paced"
    KEYED = "keyed"
    STRANGE = "strange"
    SEALED = "sealed"
    TIMED = "timed"
    OVERTAKEN = "overtaken"
    PORTLESS = "portless"
    UNPLUGGED = "unplugged"
    MOVED = "moved"
    OWN = "own"


def media_traits(call: Call, end: float) -> Iterator[Trait]:
    """The signs in an answered call's streams and descriptions."""
    answered_at = call.answered_at or call.start
    if not call.streams:
        yield Trait.MUTE
    elif not _covered(call, answered_at, end):
        yield Trait.GAPPY
    if {stream.rtp.dst for stream in call.streams} - {stream.rtp.src for stream in call.streams}:
        yield Trait.ASTRAY
    if any("SAVP" in medium.profile for leg in call.legs for medium in leg.media):
        yield Trait.SEALED
    if any(isinstance(record, RtcpSeen) for record in call.records):
        yield Trait.LOSSY
    for stream in call.streams:
        yield from _stream_traits(stream.rtp)
    yield from _of_media(call)


_SIGNS = {
    "repeated": Trait.REPEATED,
    "other-length": Trait.REWRITTEN,
    "large": Trait.LARGE,
    "unanswered": Trait.UNANSWERED,
    "challenged": Trait.CHALLENGED,
    "refused": Trait.REFUSED,
    "timed": Trait.TIMED,
    "overtaken": Trait.OVERTAKEN,
    "portless": Trait.PORTLESS,
}
_ENDS = frozenset({TcpKind.RESET, TcpKind.FINISHED, TcpKind.UNDELIVERED, TcpKind.REFUSED, TcpKind.UNANSWERED})


def sip_traits(call: Call) -> Iterator[Trait]:
    """The signs in the signalling of every hop, and what became of its connections."""
    if any(isinstance(record, TcpEvent) and record.kind in _ENDS for record in call.records):
        yield Trait.UNPLUGGED
    known: set[int] = set()
    for leg in call.legs:
        for sign in leg.hop.signs():
            yield _SIGNS[sign]
        for request, source in leg.hop.requests():
            if request in known or is_public(source.host):
                yield Trait.REWRITTEN
            known.add(request)


def _covered(call: Call, answered_at: float, end: float) -> bool:
    """As many streams in each direction, each of them over the whole talk and without a hole."""
    towards_callee = sum(1 for stream in call.streams if stream.from_caller)
    if 2 * towards_callee != len(call.streams):
        return False
    for stream in call.streams:
        rtp = stream.rtp
        if stream.from_caller is None or rtp.gaps or rtp.continues:
            return False
        if rtp.start > answered_at + LATE_S or rtp.end < end - CUT_S:
            return False
    return True


def _stream_traits(rtp: RtpStream) -> Iterator[Trait]:
    if rtp.duplicates:
        yield Trait.DOUBLED
    if rtp.lost or rtp.late:
        yield Trait.LOSSY
    if rtp.flat * 20 >= rtp.packets or rtp.level_dbov < QUIET_DBOV:
        yield Trait.QUIET
    if abs(rtp.drift_ppm) > DRIFT_PPM:
        yield Trait.DRIFTING
    if rtp.digits or len(rtp.payload_types) > 1:
        yield Trait.KEYED
    if rtp.is_encrypted or _is_odd_size(rtp):
        yield Trait.SEALED


def _is_odd_size(rtp: RtpStream) -> bool:
    """G.711 whose packets are not as long as the sound in them."""
    return rtp.encoding in ("PCMU", "PCMA") and rtp.payload_bytes != round(rtp.packets * rtp.ptime_ms * 8)


def _of_media(call: Call) -> Iterator[Trait]:
    """Packets of another length than somebody asked for, payload types that who hears them did not name, and sides
    that named another address later."""
    told = [leg.media for leg in call.legs]
    if any(len(media) > 2 and len({(one.from_caller, one.address) for one in media}) > 2 for media in told):
        yield Trait.MOVED
    media = [medium for one in told for medium in one]
    named = {(medium.from_caller, number) for medium in media for number, _ in medium.codecs}
    if any((not one.from_caller, use.number) not in named for one in call.streams for use in one.rtp.payload_types):
        yield Trait.STRANGE
    asked = {medium.ptime_ms for medium in media if medium.ptime_ms}
    if asked and any(abs(stream.rtp.ptime_ms - wanted) > PTIME_MS for stream in call.streams for wanted in asked):
        yield Trait.PACED


# Most hosts of most captures (RFC 1918, loopback): looking them up in every registry takes fifty times as long.
_PLAINLY_PRIVATE = ("10.", "192.168.", "127.")


@lru_cache(maxsize=65_536)
def is_public(host: str) -> bool:
    """An address that means the same everywhere; names are none."""
    return not host.startswith(_PLAINLY_PRIVATE) and ip_text(host) is not None and not is_private(host)


def cseq_number(sip: Message) -> int:
    """The CSeq number, -1 when unreadable."""
    try:
        return sip.cseq.number
    except Malformed:
        return -1


def branch_of(sip: Message) -> str:
    """The branch of the top Via, read without parsing the rest of it; "" where it has none."""
    top = (sip.first("Via") or "").partition(",")[0]
    return top.partition(";branch=")[2].partition(";")[0].strip()
