"""Recordings in rtpengine's layout: what stands beside a pcap of a call's RTP, and which side each packet is of.

    pcaps/<Call-ID>-<16 hex>.pcap
    metadata/rtpengine-meta-<same>.txt, or tmp/rtpengine-meta-<same>.tmp while it is recorded

The text holds the path of the pcap, a blank line, then one part after another: times, free metadata, and for each
description "SDP mode: offer|answer", "SDP before RTP packet: N", a blank line, and the SDP as it was sent. An offer
goes to the callee, so what comes to its ports is of the callee, and what comes to those of the answer is of the
caller. What goes from one of these ports is an announcement, heard by whoever faces it.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from talkpath.audio.names import Names
from talkpath.audio.sides import Sides, two_sides
from talkpath.base import limits
from talkpath.base.errors import Malformed
from talkpath.capture.records import RtpStream
from talkpath.sdp.codecs import Format
from talkpath.sdp.description import MediaSection, SessionDescription

_MARK = re.compile(
    rb"^(SDP mode|Recording paused at|Recording resumed at|[Rr]esumed at|call start time|call end time"
    rb"|Timestamp terminated ms[^:]*): ?(.*)$"
)
_SDP_LINE = re.compile(rb"^[a-z]=")
#: Names of the file, by the folder it lies in beside that of the pcaps.
_PLACES = (("metadata", "rtpengine-meta-{}.txt"), ("tmp", "rtpengine-meta-{}.tmp"), ("", "rtpengine-meta-{}.txt"))


class Described(NamedTuple):
    """A description that was sent on while the call was recorded."""

    is_offer: bool
    sdp: bytes


class Pause(NamedTuple):
    """Nothing was recorded from `start` to `end` (None: until the end), in seconds since the epoch."""

    start: float
    end: float | None


class Recorded(NamedTuple):
    """What the text beside a recording says."""

    pcap: str
    descriptions: tuple[Described, ...]
    pauses: tuple[Pause, ...]

    @classmethod
    def parse(cls, text: bytes) -> "Recorded":
        """Raises Malformed."""
        lines = text.splitlines()
        if (
            not lines
            or not lines[0].strip().endswith((b".pcap", b".pcapng"))
            or (len(lines) > 1 and lines[1].strip())
        ):
            raise Malformed("not-metadata", "its first line names no pcap; give the pcap, or the metadata beside it")
        descriptions: list[Described] = []
        pauses: list[Pause] = []
        mode: bytes | None = None
        sdp: list[bytes] = []
        for line in [*lines[2:], b"end"]:
            if sdp and not _SDP_LINE.match(line):
                descriptions.append(Described(mode == b"offer", b"\r\n".join([*sdp, b""])))
                sdp = []
            if _SDP_LINE.match(line):
                sdp.append(line)
            elif mark := _MARK.match(line):
                name, value = mark[1].lower(), mark[2].strip()
                mode = value if name == b"sdp mode" else mode
                _pause(pauses, name, value)
        return cls(lines[0].strip().decode(errors="surrogateescape"), tuple(descriptions), tuple(pauses))

    def sides(self, streams: Sequence[RtpStream], names: Names) -> Sides:
        """Who is heard on which side; by their flows alone where no description tells."""
        caller_at, described = self._ports()
        names = names._replace(described=described)
        heard = [stream for stream in streams if names.are_heard(stream)]
        if not any(stream.dst.port in caller_at for stream in heard):
            return two_sides(streams, names)
        # A port that no description names: who faces it speaks from where a known one does, or else is the callee.
        callers = {s.src.host for s in heard if caller_at.get(s.dst.port)}
        callees = {s.src.host for s in heard if caller_at.get(s.dst.port) is False}

        def is_caller(stream: RtpStream) -> bool:
            known = caller_at.get(stream.dst.port)
            if known is None and stream.src.port in caller_at:
                # An announcement of ours, which who faces that port heard in place of the other side.
                return not caller_at[stream.src.port]
            return (stream.src.host in callers - callees) if known is None else known

        left = [stream for stream in heard if is_caller(stream)]
        return Sides(left, [stream for stream in heard if stream not in left], names)

    def _ports(self) -> tuple[dict[int, bool], dict[int, dict[int, Format]]]:
        """By the ports that descriptions name: whether the caller sends there, and its formats.

        A side keeps ports over the call, so a later offer that names one of them goes to the same side.
        """
        caller_at: dict[int, bool] = {}
        formats: dict[int, dict[int, Format]] = {}
        for one in self.descriptions:
            sections = _sections(one.sdp)
            known = [caller_at[section.port] for section in sections if section.port in caller_at]
            is_caller = known[0] if known else not one.is_offer
            for section in sections:
                caller_at.setdefault(section.port, is_caller)
                codecs = {
                    codec.payload_type: Format(codec.name, codec.clock_hz, codec.channels) for codec in section.codecs
                }
                formats.setdefault(section.port, {}).update(codecs)
        return caller_at, formats


def _pause(pauses: list[Pause], name: bytes, value: bytes) -> None:
    """rtpengine writes seconds with a fraction, or milliseconds."""
    try:
        time = float(value.split()[0])
    except (ValueError, IndexError):
        return
    time = time / 1000 if time > 1e11 else time
    if name == b"recording paused at":
        pauses.append(Pause(time, None))
    elif name.endswith(b"resumed at") and pauses and pauses[-1].end is None:
        pauses[-1] = Pause(pauses[-1].start, time)


def _sections(sdp: bytes) -> list[MediaSection]:
    try:
        description = SessionDescription.parse(sdp)
    except Malformed:
        return []
    return [section for section in description.media if section.port and section.is_rtp]


def metadata_of(pcap: Path) -> Path | None:
    """The text that lies beside a recording, if it is one."""
    for folder, name in _PLACES:
        path = (
            pcap.parent.parent / folder / name.format(pcap.stem) if folder else pcap.parent / name.format(pcap.stem)
        )
        if path.is_file():
            return path
    return None


def read_metadata(path: Path) -> Recorded:
    """Raises OSError and Malformed."""
    with path.open("rb") as file:
        return Recorded.parse(file.read(limits.RECORDING_METADATA_BYTES))


def pcap_of(metadata: Path, recorded: Recorded) -> Path:
    """Where the recording is: where the text says, or in the folder beside it if both were moved."""
    named = Path(recorded.pcap)
    if named.is_file():
        return named
    beside = [metadata.parent.parent / "pcaps" / named.name, metadata.parent / named.name]
    return next((path for path in beside if path.is_file()), named)
