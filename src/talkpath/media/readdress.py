"""Turning a description around: our addresses stand in for those of its writer; the rest stays as it was."""

from collections.abc import Sequence
from typing import NamedTuple

from talkpath.sdp import Connection, MediaSection, RtcpPort, SessionDescription

# An agent that does not speak ICE must not pass on somebody else's: the checks would go past it (RFC 8839 section 4).
# `alt` and `altc` (RFC 6947) are older ways to name more addresses.
ICE_ATTRIBUTES = (
    "candidate",
    "remote-candidates",
    "end-of-candidates",
    "ice-ufrag",
    "ice-pwd",
    "ice-options",
    "ice-lite",
    "ice-mismatch",
    "ice-pacing",
    "alt",
    "altc",
)
_ICE_LINES = tuple(f"a={name}" for name in ICE_ATTRIBUTES)


class Facing(NamedTuple):
    """Our ports for one section. `mux` says whether the answer accepts RTCP on the RTP port; None leaves it open."""

    rtp: int
    rtcp: int
    mux: bool | None


def readdress(description: SessionDescription, host: str, facing: Sequence[Facing | None]) -> None:
    """Write our `host` and ports into the sections that have some; the other sections keep what they say."""
    if not any(facing):
        return
    shared = description.own_connection
    for section, ports in zip(description.media, facing, strict=True):
        if ports is None:
            if section.port and shared is not None and section.own_connection is None:
                section.connect(shared)
            continue
        _connect(section, host, needed=shared is None)
        section.port = ports.rtp
        if section.port_count is not None:
            section.port_count = None  # one pair was leased: hierarchical coding (RFC 8866 5.14) is not relayed
        _write_rtcp(section, host, ports)
    _connect(description, host, needed=False)


def remove_ice(description: SessionDescription) -> int | None:
    """Take out ICE, and BUNDLE whose sections would share an address. Candidates removed, or None without ICE."""
    found = None
    for level in (description, *description.media):
        ice = [line for line in level.lines if line.startswith(_ICE_LINES)]
        if ice:
            found = (found or 0) + sum(line.startswith("a=candidate") for line in ice)
            level.attributes.drop(*ICE_ATTRIBUTES)
    if description.bundle:
        description.groups = [group for group in description.groups if group.semantics != "BUNDLE"]
    return found


def _connect(level: SessionDescription | MediaSection, host: str, *, needed: bool) -> None:
    """Our address into this level's c=, where it has one or needs one. A hold by zero address stays one."""
    own = level.own_connection
    if own is None and not needed:
        return
    if own is not None and own.is_zero:
        level.connect(Connection.of_host("::" if ":" in host else "0.0.0.0"))
    else:
        level.connect(Connection.of_host(host))


def _write_rtcp(section: MediaSection, host: str, ports: Facing) -> None:
    if ports.mux is not None and ports.mux != section.rtcp_mux:
        section.rtcp_mux = ports.mux
    rtcp = section.rtcp
    if rtcp is not None:
        port = ports.rtp if ports.mux else ports.rtcp
        section.rtcp = RtcpPort(port, None if rtcp.host is None else host)
