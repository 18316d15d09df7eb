"""A second pass over a capture: one stream's packets for the ear, or one call's frames as a file of its own."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, cast

from talkpath._native import CaptureReader, CaptureUnreadable, copy_packets
from talkpath.base.address import Address
from talkpath.capture import records
from talkpath.capture.reader import UnreadableCapture, cannot_open, open_capture
from talkpath.capture.records import RtpPacket, RtpStream

_BATCH_RECORDS = 4096
_BATCH_BYTES = 8 * 1024 * 1024


class StreamKey(NamedTuple):
    """What tells one RTP stream from another: its direction and SSRC."""

    src: Address
    dst: Address
    ssrc: int

    @classmethod
    def of(cls, stream: RtpStream) -> "StreamKey":
        return cls(stream.src, stream.dst, stream.ssrc)


def rtp_packets(paths: Sequence[str], streams: Iterable[StreamKey]) -> Iterator[RtpPacket]:
    """Every packet of these streams in the order of the file, payloads as captured (encrypted ones too).

    Frames count through all files, as in `Capture`. Raises as `Capture` does; standard input cannot be read twice.
    """
    reader = CaptureReader(records, picked=_picked(streams))
    for path in paths:
        open_capture(reader, path)
        while (batch := reader.read(_BATCH_RECORDS, _BATCH_BYTES)) is not None:
            yield from cast("list[RtpPacket]", [r for r in batch if isinstance(r, RtpPacket)])


def save_frames(path: str, out: str, frames: Iterable[int], streams: Iterable[StreamKey] = ()) -> int:
    """Writes the frames with these numbers (counted in this file) and all packets of these streams to a new one.

    Packets stay as they were; the result is pcap with nanoseconds, or pcapng where link types differ. Gives how many
    there were. Raises `UnreadableCapture`, and `Unavailable` for what cannot be read or written.
    """
    try:
        return copy_packets(path, out, list(frames), _picked(streams))
    except CaptureUnreadable as error:
        raise UnreadableCapture(path, str(error)) from None
    except OSError as error:
        raise cannot_open(path, error) from None


def _picked(streams: Iterable[StreamKey]) -> list[tuple[str, int, str, int, int]]:
    return [(s.src.host, s.src.port, s.dst.host, s.dst.port, s.ssrc) for s in streams]
