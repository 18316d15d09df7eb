"""Whom the engine was told to hear on a port: kept so that it is told nothing twice, and as data."""

from functools import lru_cache
from typing import NamedTuple

from talkpath.base.address import Address
from talkpath.base.octets import raw, text
from talkpath.media.record import ExpectedRecord, FormatRecord

_Formats = tuple[tuple[int, int, str], ...]


class Expected(NamedTuple):
    """The arguments of `Engine.expect`."""

    rtp: Address | None
    rtcp: Address | None
    mux: bool
    latch: str | None
    formats: _Formats
    levels: int
    raw: bool
    climb: bool
    opaque: bool
    kin: str | None
    ice: bool

    def save(self) -> ExpectedRecord:
        """As data."""
        rtp, rtcp, mux, latch, formats, levels, unread, climb, opaque, kin, ice = self
        return ExpectedRecord(rtp, rtcp, mux, latch, _raw_formats(formats), levels, unread, climb, opaque, kin, ice)

    @classmethod
    def resumed(cls, record: ExpectedRecord) -> "Expected":
        """The same again."""
        return cls(
            record.rtp,
            record.rtcp,
            record.mux,
            record.latch,
            _text_formats(record.formats),
            record.levels,
            record.raw,
            record.climb,
            record.opaque,
            record.kin,
            record.ice,
        )


@lru_cache(maxsize=1024)
def _raw_formats(formats: _Formats) -> tuple[FormatRecord, ...]:
    return tuple((number, clock, raw(name)) for number, clock, name in formats)


@lru_cache(maxsize=1024)
def _text_formats(formats: tuple[FormatRecord, ...]) -> _Formats:
    return tuple((number, clock, text(name)) for number, clock, name in formats)
