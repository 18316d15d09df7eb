"""Codecs of a media section: payload type, name, clock, parameters and feedback, edited in the lines themselves.

Formats are the same when name, clock and channels are (RFC 3264 section 6.1). Parameters (`a=fmtp`) never decide
whether a codec is there.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from talkpath.base.errors import Misuse
from talkpath.sdp.attributes import attribute_line, end_of_section

if TYPE_CHECKING:
    from talkpath.sdp.description import MediaSection


class Format(NamedTuple):
    """What a payload type stands for. `clock_hz` is the RTP clock, which for G.722 is not the sampling rate."""

    name: str
    clock_hz: int
    channels: int = 1

    @property
    def key(self) -> tuple[str, int, int]:
        """Equal for formats that are the same: encoding names ignore case (RFC 4855 section 3)."""
        return self.name.lower(), self.clock_hz, self.channels

    @classmethod
    def parse(cls, text: str) -> "Format | None":
        """The format of an `a=rtpmap` value after the payload type, or None when it is none."""
        return _format(text)

    def __str__(self) -> str:
        text = f"{self.name}/{self.clock_hz}"
        return text if self.channels == 1 else f"{text}/{self.channels}"


@lru_cache(maxsize=1024)
def _format(text: str) -> Format | None:
    name, _, rest = text.partition("/")
    clock, _, channels = rest.partition("/")
    clock, channels = clock.strip(), channels.strip() or "1"
    if not (name.strip() and is_decimal(clock) and is_decimal(channels)):
        return None
    return Format(name.strip(), int(clock), int(channels))


# RFC 3551 section 6, tables 4 and 5; those never assigned, and reserved, are absent.
STATIC_FORMATS = {
    0: Format("PCMU", 8000),
    3: Format("GSM", 8000),
    4: Format("G723", 8000),
    5: Format("DVI4", 8000),
    6: Format("DVI4", 16000),
    7: Format("LPC", 8000),
    8: Format("PCMA", 8000),
    9: Format("G722", 8000),
    10: Format("L16", 44100, 2),
    11: Format("L16", 44100),
    12: Format("QCELP", 8000),
    13: Format("CN", 8000),
    14: Format("MPA", 90000),
    15: Format("G728", 8000),
    16: Format("DVI4", 11025),
    17: Format("DVI4", 22050),
    18: Format("G729", 8000),
    25: Format("CelB", 90000),
    26: Format("JPEG", 90000),
    28: Format("nv", 90000),
    31: Format("H261", 90000),
    32: Format("MPV", 90000),
    33: Format("MP2T", 90000),
    34: Format("H263", 90000),
}
DYNAMIC_PAYLOAD_TYPES = range(96, 128)  # RFC 3551 section 3
# Formats that ride beside a codec and carry no voice or picture of their own.
AUXILIARY = frozenset({"telephone-event", "cn", "tone", "rtx", "red", "ulpfec", "flexfec-03", "flexfec"})


class Codec:
    """One payload type of a media section. Setting `fmtp` or `feedback` changes the section's lines at once."""

    __slots__ = ("_media", "format", "payload_type")

    def __init__(self, media: "MediaSection", payload_type: int, format: Format) -> None:
        self._media = media
        self.payload_type = payload_type
        self.format = format

    @property
    def name(self) -> str:
        return self.format.name

    @property
    def clock_hz(self) -> int:
        """The RTP clock."""
        return self.format.clock_hz

    @property
    def channels(self) -> int:
        return self.format.channels

    @property
    def is_auxiliary(self) -> bool:
        """Telephone events, comfort noise, retransmission and error correction: no media on their own."""
        return self.name.lower() in AUXILIARY

    @property
    def fmtp(self) -> str | None:
        """The parameters as written (`a=fmtp`), None when there are none."""
        return next(iter(self._values("fmtp")), None)

    @fmtp.setter
    def fmtp(self, text: str | None) -> None:
        self._write("fmtp", [] if text is None else [text])

    @property
    def feedback(self) -> list[str]:
        """The RTCP feedback messages of this payload type (`a=rtcp-fb`, RFC 4585), without those for `*`."""
        return self._values("rtcp-fb")

    @feedback.setter
    def feedback(self, texts: Iterable[str]) -> None:
        self._write("rtcp-fb", list(texts))

    def matches(self, wanted: str) -> bool:
        """Whether this is what `opus`, `opus/48000` or `opus/48000/2` names, in any case."""
        name, clock_hz, channels = self.format.key
        wanted = wanted.lower()
        return wanted == name or wanted in (f"{name}/{clock_hz}", f"{name}/{clock_hz}/{channels}")

    def _values(self, attribute: str) -> list[str]:
        prefix = f"a={attribute}:{self.payload_type} "
        return [line[len(prefix) :].strip() for line in self._media.lines if line.startswith(prefix)]

    def _write(self, attribute: str, texts: list[str]) -> None:
        """Replace this payload type's lines of that attribute, in place, or after its last line of any."""
        prefix, lines = f"a={attribute}:{self.payload_type} ", self._media.lines
        fresh = [attribute_line(attribute, f"{self.payload_type} {text}") for text in texts]
        at = next((i for i, line in enumerate(lines) if line.startswith(prefix)), None)
        if at is None:
            own = [i + 1 for i, line in enumerate(lines) if payload_type_of(line) == str(self.payload_type)]
            at = own[-1] if own else end_of_section(lines)
        before = [line for line in lines[:at] if not line.startswith(prefix)]
        after = [line for line in lines[at:] if not line.startswith(prefix)]
        lines[:] = before + fresh + after

    def __repr__(self) -> str:
        return f"Codec({self.payload_type} {self.format})"


class Codecs:
    """The codecs of one media section in the order of preference. Empty for media that is not RTP.

    Every edit returns the collection, so edits chain: `codecs.prefer("opus", "PCMA").drop("speex")`.
    """

    __slots__ = ("_media",)

    def __init__(self, media: "MediaSection") -> None:
        self._media = media

    def __iter__(self) -> Iterator[Codec]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def __getitem__(self, wanted: int | str) -> Codec:
        """The codec at this place (a number) or of this name. KeyError and IndexError as in Python's own."""
        if isinstance(wanted, int):
            return self._read()[wanted]
        for codec in self._read():
            if codec.matches(wanted):
                return codec
        raise KeyError(wanted)

    def __contains__(self, wanted: str) -> bool:
        return any(codec.matches(wanted) for codec in self._read())

    def of(self, payload_type: int) -> Codec | None:
        """The codec of this payload type."""
        return next((codec for codec in self._read() if codec.payload_type == payload_type), None)

    @property
    def voice(self) -> list[Codec]:
        """The codecs that carry media by themselves (no telephone events, comfort noise, retransmission)."""
        return [codec for codec in self._read() if not codec.is_auxiliary]

    def prefer(self, *names: str) -> "Codecs":
        """Put these first, in this order; the others keep theirs."""

        def rank(codec: Codec) -> int:
            return next((i for i, name in enumerate(names) if codec.matches(name)), len(names))

        return self._order(sorted(self._read(), key=rank))

    def drop(self, *names: str) -> "Codecs":
        """Remove these, with all their lines and what only served them (RFC 4588 retransmission).

        When no codec remains the section is rejected (port 0), as RFC 3264 section 6 has it.
        """
        codecs = self._read()
        kept = [codec for codec in codecs if not any(map(codec.matches, names))]
        return self if len(kept) == len(codecs) else self._keep(kept)

    def keep(self, *names: str) -> "Codecs":
        """Remove all but these. Telephone events and comfort noise stay unless they are dropped by name."""
        kept = [c for c in self._read() if c.is_auxiliary or any(map(c.matches, names))]
        return self._keep(kept if any(not codec.is_auxiliary for codec in kept) else [])

    def add(self, text: str, payload_type: int | None = None, fmtp: str | None = None) -> Codec:
        """Append a codec written as in a=rtpmap (`opus/48000/2`), by default with a free payload type."""
        format = Format.parse(text)
        if format is None:
            raise Misuse("sdp-codec", f"{text!r} is no codec; write name/clock or name/clock/channels")
        number = self._free_payload_type(format) if payload_type is None else payload_type
        self._media.formats = [*self._media.formats, str(number)]
        self._media.attributes.add("rtpmap", f"{number} {format}")
        codec = Codec(self._media, number, format)
        if fmtp is not None:
            codec.fmtp = fmtp
        return codec

    def _read(self) -> list[Codec]:
        media = self._media
        if not media.is_rtp:
            return []
        rtpmaps = [line[9:] for line in media.lines if line.startswith("a=rtpmap:")]
        return [Codec(media, number, format) for number, format in formats_of(media.formats, rtpmaps)]

    def _order(self, codecs: list[Codec]) -> "Codecs":
        if self._media.is_rtp:
            others = [text for text in self._media.formats if not is_decimal(text)]
            self._media.formats = [*(str(codec.payload_type) for codec in codecs), *others]
        return self

    def _keep(self, kept: list[Codec]) -> "Codecs":
        if not self._media.is_rtp:
            return self
        numbers = {codec.payload_type for codec in kept}
        kept = [codec for codec in kept if self._serves(codec, numbers)]
        if not any(codec.name.lower() not in ("rtx", "red", "ulpfec") for codec in kept):
            self._media.port = 0
            return self
        numbers = {codec.payload_type for codec in kept}
        gone = {str(codec.payload_type) for codec in self._read()} - {str(number) for number in numbers}
        if gone:
            self._order(kept)
            self._media.lines[:] = [line for line in self._media.lines if payload_type_of(line) not in gone]
        return self

    @staticmethod
    def _serves(codec: Codec, numbers: set[int]) -> bool:
        """Retransmission and redundancy are worth keeping only while the payload types they name are there."""
        name, fmtp = codec.name.lower(), codec.fmtp or ""
        if name == "rtx" and fmtp.startswith("apt="):
            return fmtp[4:].split(";")[0].strip() in map(str, numbers)
        if name == "red" and "/" in fmtp:
            return all(part.strip() in map(str, numbers) for part in fmtp.split("/"))
        return True

    def _free_payload_type(self, format: Format) -> int:
        taken = set(self._media.formats)
        for number, known in STATIC_FORMATS.items():
            if known.key == format.key and str(number) not in taken:
                return number
        for number in DYNAMIC_PAYLOAD_TYPES:
            if str(number) not in taken:
                return number
        raise Misuse("sdp-payload-types", "all dynamic payload types of the section are taken; drop a codec first")

    def __repr__(self) -> str:
        return f"Codecs({', '.join(map(repr, self._read()))})"


def formats_of(numbers: Iterable[str], rtpmaps: Iterable[str]) -> list[tuple[int, Format]]:
    """Payload types as written in m=, each with what its a=rtpmap value says, else RFC 3551, else nothing known."""
    named: dict[str, str] = {}
    for rtpmap in rtpmaps:
        number, _, text = rtpmap.strip().partition(" ")
        named.setdefault(number, text.strip())
    formats = []
    for number in numbers:
        if is_decimal(number):
            payload_type = int(number)
            known = Format.parse(named.get(number, "")) or STATIC_FORMATS.get(payload_type)
            formats.append((payload_type, known or Format("", 0, 0)))
    return formats


def payload_type_of(line: str) -> str | None:
    """The payload type that an rtpmap, fmtp or rtcp-fb line is about, as text."""
    if line.startswith(("a=rtpmap:", "a=fmtp:", "a=rtcp-fb:")):
        return line.partition(":")[2].partition(" ")[0].strip()
    return None


def is_decimal(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 9
