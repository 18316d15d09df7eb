"""One direction of a section whose sides share no codec: what is heard there, and what the other side gets for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypedDict

from talkpath.base.octets import raw, text
from talkpath.base.readable import readable
from talkpath.media.announced import mid_extension
from talkpath.media.engine import Engine, Port
from talkpath.media.record import ConversionRecord
from talkpath.sdp import Codec, MediaSection
from talkpath.sdp.offer_answer import fmtp_parameters

# The codecs that the engine converts, in lower case: the width of their audio in Hz as we compute it, and what a
# packet costs, relative to each other.
WIDTH_HZ = {"opus": 8000, "g722": 7000, "pcma": 3400, "pcmu": 3400}
COST = {"opus": 3, "g722": 2, "pcma": 1, "pcmu": 1}

# Milliseconds of audio in a packet.
_USUAL_MS = 20
_OPUS_MS = (60, 40, 20, 10)


@dataclass(frozen=True, slots=True)
class Heard:
    """A payload type that may come, and what it is sent as where the other side understands it too. Else it is
    converted: events to the tones of their keys, redundancy (RFC 2198) to what it holds."""

    payload_type: int
    clock_hz: int
    name: str
    sent: tuple[int, int] | None


class Marks(NamedTuple):
    """By what the hearer knows that our packets belong to its section (RFC 9143 section 9.2).

    `ssrc` is the source that its description was given, the speaker's own, which the converted stream then has too
    (RFC 3550 section 7.2); None where it was given none. `extension` is the identifier of the header extension that
    carries its `mid`, 0 where it did not agree to that.
    """

    ssrc: int | None
    extension: int
    mid: str


def marks(told: MediaSection, own: MediaSection) -> Marks:
    """From the section that the hearer was told and its own, which is the other half of the exchange."""
    extension = mid_extension(own.lines) if mid_extension(told.lines) else 0
    ssrc = next((ssrc for ssrc in told.ssrcs if ssrc < 1 << 32), None)
    return Marks(ssrc, extension, readable(told.mid or ""))


@dataclass(frozen=True, slots=True)
class Conversion:
    """What the engine is to do. `wishes` are what the hearer asks of Opus in its fmtp (RFC 7587 section 6.1)."""

    heard: tuple[Heard, ...]
    payload_type: int
    codec: str
    packet_ms: int
    wishes: Mapping[str, int]
    marks: Marks

    @property
    def formats(self) -> tuple[tuple[int, int, str], ...]:
        """The payload types that may come, as the engine takes them."""
        return tuple((one.payload_type, one.clock_hz, one.name) for one in self.heard)

    def save(self) -> ConversionRecord:
        """As data."""
        heard = [(one.payload_type, one.clock_hz, raw(one.name), one.sent) for one in self.heard]
        marks = self.marks.ssrc, self.marks.extension, raw(self.marks.mid)
        wishes = dict(self.wishes)
        return ConversionRecord(tuple(heard), self.payload_type, raw(self.codec), self.packet_ms, wishes, marks)

    @classmethod
    def resumed(cls, record: ConversionRecord) -> "Conversion":
        """The same again."""
        heard = tuple(Heard(number, clock, text(name), sent) for number, clock, name, sent in record.heard)
        ssrc, extension, mid = record.marks
        wishes, marks = record.wishes, Marks(ssrc, extension, text(mid))
        return cls(heard, record.payload_type, text(record.codec), record.packet_ms, wishes, marks)

    @property
    def makes_tones(self) -> bool:
        """Whether keys become tones, because the hearer takes no events."""
        return any(one.sent is None and one.name.lower() == "telephone-event" for one in self.heard)

    def tell(self, engine: Engine, port: Port) -> None:
        """Convert what this port hears from now on."""
        heard = [(one.payload_type, one.clock_hz, one.name, one.sent) for one in self.heard]
        asked = asked_of(self.wishes, self.marks)
        engine.transcode(port, heard, self.payload_type, self.codec, packet_ms=self.packet_ms, **asked)


class Asked(TypedDict):
    """What the engine is asked for in a stream of ours."""

    bitrate: int
    fec: bool
    dtx: bool
    constant: bool
    playback_rate: int
    ssrc: int | None
    extension: int
    mid: str


def asked_of(wishes: Mapping[str, int], marks: Marks) -> Asked:
    """What a hearer wishes of Opus (RFC 7587 section 6.1), and by what it knows the stream."""
    return {
        "bitrate": wishes.get("maxaveragebitrate", 0),
        "fec": bool(wishes.get("useinbandfec")),
        "dtx": bool(wishes.get("usedtx")),
        "constant": bool(wishes.get("cbr")),
        "playback_rate": wishes.get("maxplaybackrate", 0),
        "ssrc": marks.ssrc,
        "extension": marks.extension,
        "mid": marks.mid,
    }


def converts(codec: Codec) -> bool:
    """Whether the engine can decode and encode it."""
    return codec.name.lower() in WIDTH_HZ


def conversion(
    speaker: Sequence[Codec], hearer: MediaSection, codecs: Sequence[Codec], spoken: Codec, told: MediaSection
) -> Conversion:
    """From what the speaker may send to what the hearer takes.

    `speaker` are the codecs it may send, `codecs` those that the hearer takes in its own section, of which `spoken`
    is what the others are converted to; `told` is the section that it was given.
    """
    return Conversion(
        heard=tuple(one for one in (_heard(codec, codecs, spoken) for codec in speaker) if one is not None),
        payload_type=spoken.payload_type,
        codec=spoken.name,
        packet_ms=_packet_ms(hearer, spoken),
        wishes=_wishes(spoken),
        marks=marks(told, hearer),
    )


def _heard(codec: Codec, taken: Sequence[Codec], spoken: Codec) -> Heard | None:
    name = codec.name.lower()
    if name == "red":
        return Heard(codec.payload_type, codec.clock_hz, codec.name, None)
    if name == "telephone-event":
        # Events are told on the clock of the audio beside them, if the hearer has them so (RFC 4733 section 2.5.1.2).
        events = [one for one in taken if one.name.lower() == name]
        same = next((one for one in events if one.clock_hz == spoken.clock_hz), None) or next(iter(events), None)
    else:
        same = next((one for one in taken if one.format.key == codec.format.key), None)
    if same is None and not converts(codec) and name not in ("cn", "telephone-event"):
        return None
    sent = None if same is None else (same.payload_type, same.clock_hz)
    return Heard(codec.payload_type, codec.clock_hz, codec.name, sent)


def _packet_ms(section: MediaSection, codec: Codec) -> int:
    """What the hearer wants, as far as the codec has it."""
    wanted = section.ptime_ms or _USUAL_MS
    longest = _number(section.attributes.first("maxptime") or "") or wanted
    wanted = min(wanted, longest)
    if codec.name.lower() == "opus":
        return next((ms for ms in _OPUS_MS if ms <= wanted), _OPUS_MS[-1])
    return int(min(max(wanted // 10 * 10, 10), 60))


def _wishes(codec: Codec) -> dict[str, int]:
    if codec.name.lower() != "opus":
        return {}
    return {name: _number(value) for name, value in fmtp_parameters(codec).items()}


def _number(value: str) -> int:
    """Zero for what is none: a wish that cannot be read is not made."""
    value = value.strip()
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 9 else 0
