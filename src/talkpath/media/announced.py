"""What one section of a description announces about its sender: where it hears, what it speaks, whether it sends."""

from typing import NamedTuple

from talkpath.base.address import Address
from talkpath.sdp import MediaSection
from talkpath.sdp.codecs import AUXILIARY


class Announced(NamedTuple):
    """One section, read once. `live` is False for a section that is rejected or that does not pass through us."""

    kind: str
    protocol: str
    port: int
    live: bool
    rtp: Address | None
    rtcp: Address | None
    mux: bool
    sends: bool
    receives: bool
    held_by_address: bool
    is_rtp: bool
    encrypted: bool
    dtls: bool
    formats: tuple[tuple[int, int, str], ...]

    @property
    def codec(self) -> str:
        """The name of the first codec that carries media by itself, empty without one."""
        return next((name for _, _, name in self.formats if name and name.lower() not in AUXILIARY), "")

    @property
    def text(self) -> str:
        """Kind and codecs in words, such as `audio (opus, PCMA)`."""
        names = ", ".join(dict.fromkeys(name for _, _, name in self.formats if name)) or self.protocol
        return f"{self.kind} ({names})" if self.live else f"{self.kind} (none)"

    @property
    def is_ipv6(self) -> bool | None:
        """The family it wants its media in; None when it names no address."""
        return None if self.rtp is None else self.rtp.is_ipv6


def announce(section: MediaSection) -> Announced:
    """Read what is needed to carry this section's media."""
    connection, direction, is_rtp = section.connection, section.direction, section.is_rtp
    held = connection is not None and connection.is_zero
    host = None if connection is None or held else connection.ip
    return Announced(
        kind=section.kind,
        protocol=section.protocol,
        port=section.port,
        live=section.port != 0 and (is_rtp or section.protocol.lower() == "udptl"),
        rtp=None if host is None else Address(host, section.port),
        rtcp=_rtcp_address(section, host),
        mux=is_rtp and section.rtcp_mux,
        sends=direction.sends,
        receives=direction.receives and not held,
        held_by_address=held,
        is_rtp=is_rtp,
        encrypted=section.is_secure,
        dtls=section.is_dtls,
        formats=_formats(section),
    )


def _rtcp_address(section: MediaSection, host: str | None) -> Address | None:
    """Where RTCP goes when a=rtcp says so (RFC 3605); None means the port above that of RTP."""
    if host is None or not section.is_rtp:
        return None
    rtcp = section.rtcp
    return None if rtcp is None or not rtcp.port else Address(rtcp.ip or host, rtcp.port)


def _formats(section: MediaSection) -> tuple[tuple[int, int, str], ...]:
    """(payload type, clock in Hz, name) of each codec. The payload of SRTP cannot be read, so it has no name."""
    encrypted = section.is_secure
    return tuple(
        (codec.payload_type, codec.clock_hz, "" if encrypted else codec.name)
        for codec in section.codecs
        if codec.payload_type < 128
    )
