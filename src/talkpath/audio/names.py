"""What the payload types of a stream are: by descriptions, by RFC 3551, or by what the operator says."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from talkpath.audio.codecs import REDUNDANT, SILENT, is_sound
from talkpath.base.errors import Misuse
from talkpath.calls.model import Call
from talkpath.capture.records import RtpStream
from talkpath.sdp.codecs import Format

# Clocks that RTP has, to which a measured one is compared: how far from what was announced it must be, and how near
# to one of these, to be believed; and for how long it must have been measured.
_CLOCKS_HZ = (8000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_FAR, _NEAR, _MEASURED_S = 0.2, 0.02, 3.0
#: L16 of two channels (RFC 3551 table 4).
_STEREO = 10
#: Instead of a port.
ANYWHERE = 0


class Named(NamedTuple):
    """A payload type of a stream that holds sound."""

    payload_type: int
    format: Format


class Names(NamedTuple):
    """What payload types are: `given` by the operator; `described` for the ports to which packets go (`ANYWHERE` for
    what is named in the call and not bound to a port).
    """

    given: Mapping[int, Format] = {}
    described: Mapping[int, Mapping[int, Format]] = {}

    @classmethod
    def parse(cls, texts: Iterable[str]) -> "Names":
        """From "96=opus/48000/2", as in an rtpmap. Raises Misuse."""
        return cls(dict(map(_given, texts)))

    def with_those_of(self, call: Call) -> "Names":
        media = [medium for leg in call.legs for medium in leg.media]
        codecs = {number: Format(name, 0, 1) for medium in media for number, name in medium.codecs}
        return self._replace(described={ANYWHERE: codecs})

    def of(self, stream: RtpStream) -> list[Named]:
        """The payload types of a stream that hold sound which is decoded here."""
        found = {use.number: self._format(stream, use.number) for use in stream.payload_types}
        for one in list(found.values()):
            if one.name.upper() == REDUNDANT:
                inside = {**self._described(ANYWHERE), **self._described(self._port(stream)), **self.given}
                inside = {number: inner._replace(clock_hz=one.clock_hz) for number, inner in inside.items()}
                found = inside | found
        is_heard = {number: is_sound(one.name) or one.name.upper() == REDUNDANT for number, one in found.items()}
        return [Named(number, one) for number, one in found.items() if is_heard[number]]

    def are_heard(self, stream: RtpStream) -> bool:
        """Whether there is something that can be decoded: sound in the clear, in an encoding that is known here."""
        return stream.media in ("audio", "") and not stream.is_encrypted and bool(self.of(stream))

    def unknown_in(self, stream: RtpStream) -> list[int]:
        """Payload types that nothing names."""
        return [
            use.number
            for use in stream.payload_types
            if not self._format(stream, use.number).name and stream.media in ("audio", "")
        ]

    def strange_in(self, stream: RtpStream) -> list[str]:
        """Encodings that are named and not decoded here."""
        names = [self._format(stream, use.number).name for use in stream.payload_types]
        return [name for name in names if name and not is_sound(name) and name.upper() not in SILENT | {REDUNDANT}]

    def _format(self, stream: RtpStream, payload_type: int) -> Format:
        use = next(use for use in stream.payload_types if use.number == payload_type)
        at_port, anywhere = (self._described(port).get(payload_type) for port in (self._port(stream), ANYWHERE))
        named = self.given.get(payload_type) or at_port
        if named is None:
            named = anywhere if anywhere and not use.encoding else Format(use.encoding, use.clock_hz, 1)
        return _as_it_runs(stream, payload_type, named)

    def _port(self, stream: RtpStream) -> int:
        """That of the relay, whose description names its payload types: what it announces goes from there."""
        is_announced = stream.dst.port not in self.described and stream.src.port in self.described
        return stream.src.port if is_announced else stream.dst.port

    def _described(self, port: int) -> Mapping[int, Format]:
        return self.described.get(port, {})


def _as_it_runs(stream: RtpStream, payload_type: int, named: Format) -> Format:
    """The clock and the channels that its packets show, where they are not what was named."""
    voices = [one for one in stream.payload_types if one.encoding.upper() not in SILENT]
    clock_hz = named.clock_hz or stream.clock_hz
    if len(voices) == 1 and stream.end - stream.start > _MEASURED_S:
        clock_hz = _measured(clock_hz, stream.rate_hz)
    channels = named.channels
    if named.name.upper() == "L16":
        channels = _channels(stream, payload_type, clock_hz, named.channels)
    return named._replace(clock_hz=clock_hz, channels=channels)


def _measured(announced_hz: int, rate_hz: float) -> int:
    """The clock: the announced one, unless the timestamps are those of another."""
    if not rate_hz or (announced_hz and abs(rate_hz / announced_hz - 1) < _FAR):
        return announced_hz
    nearest = min(_CLOCKS_HZ, key=lambda clock: abs(clock - rate_hz))
    return nearest if abs(rate_hz / nearest - 1) < _NEAR else announced_hz


def _channels(stream: RtpStream, payload_type: int, clock_hz: int, named: int) -> int:
    """Of L16, by the bytes of a packet and its time; as it is named where the capture does not know how long a packet
    lasts, since nothing in it says what its clock is."""
    if payload_type == _STEREO or not stream.packets or not stream.ptime_ms:
        return 2 if payload_type == _STEREO else named
    samples = stream.payload_bytes / stream.packets / 2
    return max(1, round(samples / max(1.0, stream.ptime_ms / 1000 * clock_hz)))


def _given(text: str) -> tuple[int, Format]:
    number, _, name = text.partition("=")
    known = Format.parse(name)
    if known is None or not (number.isascii() and number.isdigit()):
        raise Misuse(
            "bad-codec", f"{text!r} names no codec; write a payload type and an rtpmap, as in 96=opus/48000/2"
        )
    if int(number) > 127 or not 1000 <= known.clock_hz <= 192_000:
        raise Misuse("bad-codec", f"{text!r}: payload types end at 127, and clocks go from 1000 to 192000 Hz")
    if not is_sound(known.name):
        raise Misuse(
            "bad-codec",
            f"{known.name} is not decoded here; known are PCMU, PCMA, G722, opus, L16, G729, G723, GSM, AMR, AMR-WB, "
            "iLBC and speex",
        )
    return int(number), known
