"""Turning a description around: our addresses stand in for those of its writer; the rest stays as it was."""

from collections.abc import Sequence
from typing import NamedTuple

from talkpath.base.errors import Malformed
from talkpath.media.announced import Reading, connection_at
from talkpath.sdp import Connection, MediaSection, Outline, RtcpPort, SessionDescription
from talkpath.sdp.outline import ICE_ATTRIBUTES


class Facing(NamedTuple):
    """Our ports for one section. `mux` says whether the answer accepts RTCP on the RTP port; None leaves it open."""

    rtp: int
    rtcp: int
    mux: bool | None


def readdress(reading: Reading, host: str, facing: Sequence[Facing | None]) -> None:
    """Write our `host` and ports into the sections that have some; the other sections keep what they say.

    ICE goes: an agent that does not speak it must not pass on that of another.
    """
    _remove_ice(reading)
    if any(facing):
        for section, outline, ports in zip(reading.description.media, reading.outlines, facing, strict=True):
            if ports is not None:
                _readdress_section(section, outline, host, ports, needs_address=reading.shared is None)
            elif section.port and reading.shared is not None and not outline.connections:
                section.connection = reading.shared
        _connect(reading.description.lines, reading.outline, host)


def name_origin(description: SessionDescription, host: str) -> None:
    """Put our `host` into o=, where the other party's address is nobody's business; the name, id and version of the
    session stay. Phones look for the family of a session there too (RFC 8866 section 5.2)."""
    origin = description.origin
    if origin is not None and host and origin.host != host:
        description.origin = origin._replace(family=Connection.of_host(host).family, host=host)


def _remove_ice(reading: Reading) -> None:
    """Take out ICE, and BUNDLE whose sections would share an address."""
    description, outlines = reading.description, reading.outlines
    if reading.outline.grouped and description.bundle:
        description.groups = [one for one in description.groups if one.semantics != "BUNDLE"]
        reading.outline = Outline(description.lines)
    if reading.outline.ice:
        description.attributes.drop(*ICE_ATTRIBUTES)
        reading.outline = Outline(description.lines)
    for at, section in enumerate(description.media):
        if outlines[at].ice:
            section.attributes.drop(*ICE_ATTRIBUTES)
            outlines[at] = Outline(section.lines)


def _readdress_section(
    section: MediaSection, outline: Outline, host: str, ports: Facing, *, needs_address: bool
) -> None:
    section.port = ports.rtp
    if section.port_count is not None:
        section.port_count = None  # one pair was leased: hierarchical coding (RFC 8866 5.14) is not relayed
    _connect(section.lines, outline, host)
    if outline.rtcp is not None:
        _write_rtcp(section.lines, outline.rtcp, host, ports)
    if needs_address and not outline.connections:
        section.connection = Connection.of_host(host)
    if ports.mux is not None and ports.mux != (outline.mux is not None):
        section.rtcp_mux = ports.mux


def _connect(lines: list[str], outline: Outline, host: str) -> None:
    """Our address into every c= of this level. A hold by zero address stays one."""
    if outline.connections:
        own = connection_at(lines, outline)
        if own is not None and own.is_zero:
            host = "::" if ":" in host else "0.0.0.0"
        for at in outline.connections:
            lines[at] = f"c=IN {'IP6' if ':' in host else 'IP4'} {host}"


def _write_rtcp(lines: list[str], at: int, host: str, ports: Facing) -> None:
    try:
        named = RtcpPort.parse(lines[at][7:]).host
    except Malformed:
        return
    port = ports.rtp if ports.mux else ports.rtcp
    lines[at] = f"a=rtcp:{RtcpPort(port, None if named is None else host)}"
