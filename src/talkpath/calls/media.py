"""The media side of a call: what the descriptions announced, and which stream belongs to which of them."""

import math
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from talkpath._native import heard
from talkpath.base.address import Address
from talkpath.calls.model import Leg, Stream
from talkpath.calls.trace import StreamKey, Trace, unpacked
from talkpath.capture.records import PayloadUse, RtpStream, Second
from talkpath.rtp.mos import mos

# From this level on somebody speaks, in dBov: speech of a quiet talker on G.711 averages -45 over a second, comfort
# noise and a silent room stay below -55.
SPEECH_DBOV = -45.0
# Below this there is nothing to hear: G.711's idle noise and digital silence.
SILENCE_DBOV = -60.0


# The jitter buffer of phones where none was simulated, and the one-way delay of an ordinary path with a codec frame.
_BUFFER_MS = 40.0
_PATH_MS = 40.0
_USUAL_PTIME_MS = 20.0


# What an own call notes of the reports of a side (`media/moments.py`).
CONFIRMED, UNHEARD = "media.confirmed", "media.unheard"


def streams_of(trace: Trace, legs: Sequence[Leg]) -> tuple[Stream, ...]:
    """The streams that were metered, each with the hop and the direction that its addresses tell."""
    keys = dict.fromkeys([*trace.seconds, *trace.streams])
    streams = [placed(_stream(trace, key, legs), legs) for key in keys]
    told = {
        (one.values.get("side"), one.values.get("media")): one.kind == CONFIRMED
        for one in trace.moments
        if one.kind in (CONFIRMED, UNHEARD)
    }
    if told:
        streams = [replace(stream, arrives=told.get(_hearing(stream))) for stream in streams]
    return apart(sorted(streams, key=lambda stream: stream.rtp.start), legs)


def _hearing(stream: Stream) -> tuple[str, str]:
    """Which side hears a stream, and what it is."""
    return {True: "callee", False: "caller", None: ""}[stream.from_caller], stream.rtp.media


def placed(rtp: RtpStream, legs: Sequence[Leg]) -> Stream:
    """A stream with its place: who announced where it goes receives it; failing that, who announced its source."""
    leg, from_caller = _place(rtp, legs)
    speech_s, silent_s = heard_s(rtp)
    return Stream(rtp, leg, from_caller, mos_of(rtp), speech_s, silent_s)


def mos_of(rtp: RtpStream) -> float | None:
    """What a listener would say of a voice stream; None for other media, foreign scales and samples too small, and
    for streams that pause (hold, silence suppression). Where only the sum of losses is known, they count as single.
    """
    if rtp.media != "audio" or rtp.paused or "CN" in [use.encoding.upper() for use in rtp.payload_types]:
        return None
    runs = rtp.effective_runs or (((1, rtp.lost),) if rtp.lost else ())
    return mos(rtp.encoding, rtp.expected, runs, _PATH_MS + (rtp.jitter_buffer_ms or _BUFFER_MS))


def _place(rtp: RtpStream, legs: Sequence[Leg]) -> tuple[int | None, bool | None]:
    for address, announced_by_sender in ((rtp.dst, False), (rtp.src, True)):
        found = [
            (abs(time - rtp.start), leg.index, from_caller is announced_by_sender)
            for leg in legs
            for time, from_caller in _announcements(leg, address)
        ]
        if found:
            if any(place[1:] != found[0][1:] for place in found):
                found = _fitting(rtp, legs, found, announced_by_sender)
            _, index, from_caller = min(found)
            return index, from_caller
    return None, None


def _fitting(
    rtp: RtpStream, legs: Sequence[Leg], found: list[tuple[float, int, bool]], announced_by_sender: bool
) -> list[tuple[float, int, bool]]:
    """Of several places the ones that the stream's other end fits best: a relay may have one port for both sides, and
    two phones of one host may name the same."""
    other = rtp.dst if announced_by_sender else rtp.src
    fits = [_fit(legs[index], other, from_caller is not announced_by_sender) for _, index, from_caller in found]
    return [place for place, fit in zip(found, fits, strict=True) if fit == max(fits)]


def _fit(leg: Leg, address: Address, of_caller: bool) -> int:
    """How well an address is known to be that of one side of a hop: named there, on its host, or not at all."""
    if any(from_caller is of_caller for _, from_caller in _announcements(leg, address)):
        return 2
    hosts = {medium.address.host for medium in leg.media if medium.from_caller is of_caller}
    return int(address.host in hosts or address.host == (leg.caller if of_caller else leg.callee).host)


def apart(streams: Sequence[Stream], legs: Sequence[Leg]) -> tuple[Stream, ...]:
    """The streams with those put right that were given to the side of their own counterpart.

    What flows back between two ends is the other side's. Where a stream was placed by its source alone (a relay in
    front of one host that no description names), its counterpart whose destination was announced knows better.
    """
    if len(streams) < 2:
        return tuple(streams)
    placed_well = {id(one) for one in streams if _is_announced(one.rtp.dst, legs)}
    return tuple(
        replace(one, from_caller=not one.from_caller)
        if id(one) not in placed_well
        and any(id(other) in placed_well and _are_both_ways(one, other) for other in streams)
        else one
        for one in streams
    )


def _is_announced(address: Address, legs: Sequence[Leg]) -> bool:
    return any(True for leg in legs for _ in _announcements(leg, address))


def _are_both_ways(one: Stream, other: Stream) -> bool:
    """Streams of one side that are the two ways between the same ends; ports may differ at one of them."""
    if one.from_caller is None or one.from_caller is not other.from_caller:
        return False
    there, back = one.rtp, other.rtp
    same = (there.src == back.dst, there.dst == back.src)
    return any(same) and (there.src.host, there.dst.host) == (back.dst.host, back.src.host) and _overlap(there, back)


def _overlap(one: RtpStream, other: RtpStream) -> bool:
    return one.start <= other.end and other.start <= one.end


def _announcements(leg: Leg, address: Address) -> Iterator[tuple[float, bool]]:
    """When a side said that it is at an address, as its own or as a candidate, and which side."""
    for medium in leg.media:
        if medium.address == address:
            yield medium.time, medium.from_caller
    for ways in leg.ways:
        if address in ways.candidates:
            yield ways.time, ways.from_caller


def heard_s(rtp: RtpStream) -> tuple[float | None, float | None]:
    """Seconds with speech and seconds with nothing to hear; None where no level is known."""
    seconds = heard(rtp.packed_seconds, rtp.start, rtp.end, rtp.ptime_ms, SPEECH_DBOV, SILENCE_DBOV)
    return (None, None) if seconds is None else seconds


def _stream(trace: Trace, key: StreamKey, legs: Sequence[Leg]) -> RtpStream:
    """The totals of a stream; while it runs, the sums of its seconds."""
    packed = bytes(trace.seconds.get(key, b""))
    total = trace.streams.get(key)
    if total is not None:
        return replace(total, packed_seconds=packed) if packed and not total.packed_seconds else total
    payload_type = trace.payload_types.get(key, 0)
    kind, encoding = _announced(key, payload_type, legs)
    return summed(key, packed, payload_type, encoding, kind)


def _announced(key: StreamKey, payload_type: int, legs: Sequence[Leg]) -> tuple[str, str]:
    """The kind of the stream and the name of its payload type, as the side that hears it has announced them: of the
    sections that share its address (RFC 9143) the one that knows the payload type."""
    media = [medium for leg in legs for medium in leg.media if medium.address == key[1]]
    for medium in media:
        if encoding := dict(medium.codecs).get(payload_type, ""):
            return medium.kind, encoding
    return (media[0].kind if media else "audio"), ""


def summed(
    key: StreamKey, packed: bytes, payload_type: int = 0, encoding: str = "", kind: str = "audio"
) -> RtpStream:
    """A stream of which only its seconds are known: their sums."""
    src, dst, ssrc = key
    seconds = list(unpacked(packed))
    packets = sum(second.packets for second in seconds)
    size = sum(second.payload_bytes for second in seconds)
    ptime_ms = _ptime_ms(seconds)
    start, end = _span(seconds, ptime_ms)
    heard = [second.level_dbov for second in seconds if not math.isnan(second.level_dbov)]
    return RtpStream(
        src=src,
        dst=dst,
        ssrc=ssrc,
        media=kind,
        first_frame=0,
        last_frame=0,
        start=start,
        end=end,
        packets=packets,
        payload_bytes=size,
        lost=sum(second.lost for second in seconds),
        late=0,
        reordered=0,
        duplicates=0,
        restarts=0,
        markers=0,
        paused=0,
        ptime_ms=ptime_ms,
        clock_hz=0,
        rate_hz=0.0,
        drift_ppm=0.0,
        jitter_ms=sum(second.jitter_ms * second.packets for second in seconds) / max(1, packets),
        jitter_max_ms=max(second.jitter_ms for second in seconds),
        gap_max_ms=max(second.gap_ms for second in seconds),
        jitter_buffer_ms=0,
        level_dbov=_mean_dbov(heard),
        flat=sum(second.flat for second in seconds),
        clipped=0,
        dscp=0,
        is_announced=True,
        is_encrypted=False,
        continues=False,
        payload_types=(PayloadUse(payload_type, encoding, 0, packets, 0, start, end),),
        gaps=(),
        digits=(),
        lost_runs=(),
        effective_runs=(),
        delay_bins=(),
        packed_seconds=packed,
    )


def _ptime_ms(seconds: list[Second]) -> float:
    """The packet time, from the seconds in the middle: the first and the last may not be whole. Where there is no
    middle, the usual one (RFC 3551 section 4.2), unless more packets came."""
    whole = sorted(second.packets for second in seconds[1:-1] if second.packets)
    if whole:
        return 1000.0 / whole[len(whole) // 2]
    return min(_USUAL_PTIME_MS, 1000.0 / max(1, *(second.packets for second in seconds)))


def _span(seconds: list[Second], ptime_ms: float) -> tuple[float, float]:
    """When the first packet came and the last one, as far as their count in the first and the last second tells."""
    first_s, last_s = (
        min(1.0, (second.packets + max(0, second.lost)) * ptime_ms / 1000) for second in (seconds[0], seconds[-1])
    )
    start = seconds[0].time + (1.0 - first_s if len(seconds) > 1 else 0.0)
    return start, seconds[-1].time + max(0.0, last_s - ptime_ms / 1000)


def _mean_dbov(levels: list[float]) -> float:
    """The mean of powers, as a level; NaN where none was heard."""
    if not levels:
        return math.nan
    return 10 * math.log10(sum(10 ** (level / 10) for level in levels) / len(levels))
