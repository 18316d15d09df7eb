"""What a description announces: the little that a call's story needs of it.

The object that can be edited is `talkpath.sdp`; `tests/calls` holds this against it.
"""

from talkpath._native import announced
from talkpath.base.address import Address

#: A `Medium` without its time and its side.
Section = tuple[str, Address, Address | None, str, tuple[tuple[int, str], ...], str, float | None]


def announced_in(description: bytes) -> list[Section]:
    """The m= sections with an address and a port. Lines that make no sense are passed over."""
    return [
        (
            kind,
            Address(host, port),
            None if rtcp is None else Address(host, rtcp),
            profile,
            codecs,
            direction,
            ptime_ms,
        )
        for kind, host, port, rtcp, profile, codecs, direction, ptime_ms in announced(description)
    ]
