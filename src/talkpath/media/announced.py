"""What one section of a description announces about its sender: where it hears, what it speaks, whether it sends."""

from functools import lru_cache
from typing import NamedTuple

from talkpath.base import limits
from talkpath.base.address import Address
from talkpath.base.errors import Malformed
from talkpath.base.readable import readable
from talkpath.ice.candidate import Candidate, read_candidate
from talkpath.ice.events import Credentials
from talkpath.sdp import Connection, Direction, MediaSection, Outline, RtcpPort, SessionDescription
from talkpath.sdp.codecs import AUXILIARY, formats_of
from talkpath.secure.certificate import Fingerprint


class Formats:
    """The payload types of a section. Equal ones are one object, so comparing and remembering them costs nothing."""

    __slots__ = ("names", "payload_types", "voice")

    def __init__(self, payload_types: tuple[tuple[int, int, str], ...]) -> None:
        #: (payload type, clock in Hz, name) as the engine takes them
        self.payload_types = payload_types
        #: the codecs in words
        self.names = ", ".join(dict.fromkeys(name for _, _, name in payload_types if name))
        #: the first codec that carries media by itself, empty without one
        self.voice = next((name for _, _, name in payload_types if name and name.lower() not in AUXILIARY), "")


# RFC 6464: the header extension that says how loud a packet is, also where its payload is encrypted.
_LEVEL_URI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
# RFC 9143 section 15: the header extension that names the section of a packet.
MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid"


def mid_extension(lines: list[str]) -> int:
    """The identifier of the header extension that carries the MID, 0 without one."""
    return _extension(lines, MID_URI)


# SSRCs of one section that are read. Simulcast of three layers with repair names six.
SSRCS = 32


class WebAnnounced(NamedTuple):
    """What a section says about a transport that ends here: DTLS, ICE, or both."""

    dtls: bool
    credentials: Credentials | None
    candidates: tuple[str, ...]
    lite: bool
    trickles: bool
    ended: bool
    #: those that a certificate can be checked against
    fingerprints: tuple[Fingerprint, ...]
    setup: str
    tls_id: str
    #: the first mid of its BUNDLE group; None for a section in none
    bundle: str | None
    #: identifier of the header extension that carries the MID, 0 without one
    mid_extension: int
    ssrcs: tuple[int, ...]


def _web_announced(section: MediaSection) -> WebAnnounced:
    """Read ICE and DTLS of a section; what may stand at session level is looked up there."""
    dtls = section.is_dtls
    trickles = "trickle" in (section.inherited("ice-options") or "").split()
    fingerprints = section.attributes.all("fingerprint") or section.session.attributes.all("fingerprint")
    return WebAnnounced(
        dtls=dtls,
        credentials=_credentials(section),
        candidates=tuple(section.attributes.all("candidate")),
        lite="ice-lite" in section.session.attributes,
        trickles=trickles,
        ended=not trickles or "end-of-candidates" in section.attributes,
        fingerprints=tuple(_fingerprints(fingerprints)),
        setup=section.inherited("setup") or "actpass",
        tls_id=section.inherited("tls-id") or "",
        bundle=_bundle(section) if dtls else None,
        mid_extension=mid_extension(section.lines),
        ssrcs=tuple(ssrc for ssrc in section.ssrcs if ssrc < 1 << 32)[:SSRCS],
    )


def _credentials(section: MediaSection) -> Credentials | None:
    ufrag, password = section.inherited("ice-ufrag"), section.inherited("ice-pwd")
    if not ufrag or not password or max(len(ufrag), len(password)) > limits.ICE_CREDENTIAL:
        return None
    return Credentials(ufrag, password)


def _is_mismatched(section: MediaSection, host: str | None) -> bool:
    """Whether somebody on the way has put in another address and knows nothing of ICE (RFC 8839 section 3.2.5)."""
    if "ice-mismatch" in section.attributes:
        return True
    read = [read_candidate(line) for line in section.attributes.all("candidate")]
    named = [candidate.address for candidate in read if isinstance(candidate, Candidate)]
    return host is not None and len(named) == len(read) > 0 and Address(host, section.port) not in named


def _bundle(section: MediaSection) -> str | None:
    mid = section.mid
    if mid is None:
        return None
    bundles = (group.mids for group in section.session.groups if group.semantics == "BUNDLE")
    return next((mids[0] for mids in bundles if mid in mids), None)


def _extension(lines: list[str], uri: str) -> int:
    """The identifier of a header extension, 0 for one that is not announced, or that no packet can carry.

    RFC 8285 section 8: `a=extmap:4/recvonly uri attributes`.
    """
    found = next((line for line in lines if line.startswith("a=extmap:") and uri in line), "")
    number = found[9:].partition(" ")[0].partition("/")[0]
    return int(number) if number.isascii() and number.isdigit() and len(number) < 4 and int(number) < 256 else 0


def _fingerprints(values: list[str]) -> list[Fingerprint]:
    read = []
    for value in values:
        try:
            fingerprint = Fingerprint.parse(value)
        except Malformed:
            continue
        if fingerprint.is_known:
            read.append(fingerprint)
    return read


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
    formats: Formats
    #: identifier of the header extension that says how loud its packets are, 0 without one
    levels: int
    mid: str | None
    web: WebAnnounced | None

    @property
    def text(self) -> str:
        """Kind and codecs in words, such as `audio (opus, PCMA)`."""
        return f"{self.kind} ({self.formats.names or self.protocol})" if self.live else f"{self.kind} (none)"

    @property
    def is_under_ice(self) -> bool:
        """Whether it takes part in ICE that ends here."""
        return self.web is not None and self.web.credentials is not None

    @property
    def is_under_dtls(self) -> bool:
        """Whether it is keyed by DTLS that ends here."""
        return self.web is not None and self.web.dtls

    @property
    def is_ipv6(self) -> bool | None:
        """The family it wants its media in; None when it names no address."""
        if self.rtp is not None or self.web is None:
            return None if self.rtp is None else self.rtp.is_ipv6
        candidates = [read_candidate(line) for line in self.web.candidates]
        families = {one.address.is_ipv6 for one in candidates if isinstance(one, Candidate)}
        return families.pop() if len(families) == 1 else None


class Reading:
    """A description with the outline of each level: what it announces, and where it is to be rewritten."""

    __slots__ = ("announced", "description", "outline", "outlines", "shared", "terminates")

    def __init__(self, description: SessionDescription, *, terminates: bool = False) -> None:
        """`terminates` is whether ICE and DTLS of the writer end here."""
        self.terminates = terminates
        self.description = description
        self.outline = Outline(description.lines)
        self.outlines = [Outline(section.lines) for section in description.media]
        #: the connection of the session level
        self.shared = connection_at(description.lines, self.outline)
        self.announced = tuple(
            _announce(section, outline, self)
            for section, outline in zip(description.media, self.outlines, strict=True)
        )


# What `bundle-only` means by 0 (RFC 9143 section 6): it is not rejected, and has no address of its own.
_DISCARD = 9


def connection_at(lines: list[str], outline: Outline) -> Connection | None:
    """The first connection of a level."""
    return Connection.parse(lines[outline.connections[0]][2:]) if outline.connections else None


def _announce(section: MediaSection, outline: Outline, whole: Reading) -> Announced:
    """Read what is needed to carry this section's media."""
    connection = connection_at(section.lines, outline) or whole.shared
    direction = outline.direction or whole.outline.direction or Direction.SENDRECV
    protocol = section.protocol.upper()
    is_rtp = "RTP/" in protocol
    held = connection is not None and connection.is_zero
    host = None if connection is None or held else connection.ip
    web = _terminated(section, host) if whole.terminates and is_rtp else None
    dtls = web is not None and web.dtls
    port = section.port
    if dtls and port == 0 and not section.is_rejected:
        port = _DISCARD
    # Keys beside a plain profile (RFC 8643) mean that it may be encrypted, and so that it cannot be read.
    encrypted = not dtls and is_rtp and ("SAVP" in protocol or outline.keyed or whole.outline.keyed)
    # Under ICE the address in c= means nothing: candidates do.
    if web is not None and web.credentials is not None:
        held, host = False, None
    return Announced(
        kind=section.kind,
        protocol=section.protocol,
        port=port,
        live=port != 0 and (is_rtp or protocol == "UDPTL"),
        rtp=None if host is None else Address(host, section.port),
        rtcp=_rtcp_address(section.lines, outline, host) if is_rtp else None,
        mux=is_rtp and outline.mux is not None,
        sends=direction.sends,
        receives=direction.receives and not held,
        held_by_address=held,
        is_rtp=is_rtp,
        encrypted=encrypted,
        dtls=encrypted and section.is_dtls,
        formats=_formats(tuple(section.formats) if is_rtp else (), tuple(outline.rtpmaps), encrypted),
        levels=_extension(section.lines, _LEVEL_URI) if is_rtp else 0,
        mid=None if outline.mid is None else section.lines[outline.mid][6:].strip(),
        web=web,
    )


def _terminated(section: MediaSection, host: str | None) -> WebAnnounced | None:
    """DTLS with or without ICE; ICE alone where it can be used."""
    if section.is_dtls:
        return _web_announced(section)
    is_usable = _credentials(section) is not None and not _is_mismatched(section, host)
    return _web_announced(section) if is_usable else None


def _rtcp_address(lines: list[str], outline: Outline, host: str | None) -> Address | None:
    """Where RTCP goes when a=rtcp says so (RFC 3605); None means the port above that of RTP."""
    if host is None or outline.rtcp is None:
        return None
    try:
        rtcp = RtcpPort.parse(lines[outline.rtcp][7:])
    except Malformed:
        return None
    return Address(rtcp.ip or host, rtcp.port) if rtcp.port else None


@lru_cache(maxsize=1024)
def _formats(numbers: tuple[str, ...], rtpmaps: tuple[str, ...], encrypted: bool) -> Formats:
    """The payload of SRTP cannot be read, so its payload types have no name here. The packet engine takes text."""
    known = formats_of(numbers, rtpmaps)
    return Formats(tuple((n, f.clock_hz, "" if encrypted else readable(f.name)) for n, f in known if n < 128))
