"""Descriptions between browsers and phones: what only a browser understands comes off, what it needs goes on."""

from collections.abc import Iterable, Sequence

from talkpath.media.announced import Announced
from talkpath.media.leg import Anchor, Transport
from talkpath.media.policy import MediaRefused, Profile
from talkpath.sdp import Connection, Direction, MediaSection, SessionDescription

# About the transport that ends here (RFC 8842, RFC 8843, RFC 5761, RFC 3605); ICE is gone already.
_TRANSPORT = ("fingerprint", "setup", "connection", "tls-id", "dtls-id", "identity", "bundle-only", "rtcp", "cryptex")
_MUX = ("rtcp-mux", "rtcp-mux-only", "rtcp-rsize")
# What browsers say of streams and header extensions, which phones have never heard of and which makes an INVITE
# too large for UDP.
_STREAMS = ("extmap", "extmap-allow-mixed", "msid", "msid-semantic", "ssrc", "ssrc-group", "rid", "simulcast")
_NAMES = ("mid", "group")
# Repair and congestion control between browsers.
_REPAIR = ("rtx", "red", "ulpfec", "flexfec-03")
_CONGESTION = ("goog-remb", "transport-cc", "ccfb")


def undress(description: SessionDescription, host: str, web: list[bool], *, for_web: bool) -> None:
    """Take off what belongs to the writer's own transport; for a phone also what only browsers understand.

    `web` says which sections are of WebRTC; `host` is ours.
    """
    gone = _TRANSPORT if for_web else (*_TRANSPORT, *_MUX, *_STREAMS, *_NAMES)
    description.attributes.drop(*gone)
    _name_address(description, host)
    for section, is_web in zip(description.media, web, strict=True):
        if is_web:
            section.attributes.drop(*gone)
            _name_address(section, host)
            if not for_web:
                section.protocol = Profile.PLAIN
                _simplify(section)
        if not (for_web or section.port):
            _empty(section)
        if not section.port and description.own_connection is None and section.own_connection is None:
            section.connect(Connection.of_host(host))


def dress_all(
    description: SessionDescription, anchors: Iterable[Anchor | None], host: str, *, answering: bool
) -> None:
    """Put on every live section what ICE and DTLS need.

    Of a bundle the first section speaks for all (RFC 9143 section 7.1.3). Browsers repeat credentials, fingerprint
    and role in the others all the same, and some peers (aiortc) refuse a section without; candidates stand once.
    """
    written: set[Transport] = set()
    for section, anchor in zip(description.media, anchors, strict=False):
        if section.port and anchor is not None and (transport := anchor.transport) is not None:
            _dress(section, transport, host, answering=answering)
            transport.write(section, answering=answering, again=transport in written)
            written.add(transport)


def reject_data(description: SessionDescription) -> list[str]:
    """Data channels (RFC 8841) end at the party's own DTLS, which ends here: reject them, and say which."""
    refused = []
    for section in description.media:
        if section.port and "SCTP" in section.protocol.upper():
            refused.append(f"{section.kind} {section.protocol}")
            section.reject()
    return refused


def reject_unproven(description: SessionDescription, announced: Sequence[Announced]) -> list[str]:
    """DTLS whose certificate nothing vouches for would stay silent for ever: reject it, and say which sections.

    A fingerprint counts when its hash is known and its digest has the hash's length. The first section of a bundle
    speaks for the others (RFC 9143 section 7.1.3). Raises `MediaRefused` where nothing is left.
    """
    proven = {one.web.bundle for one in announced if one.live and one.web is not None and one.web.fingerprints}
    refused = []
    for section, one in zip(description.media, announced, strict=True):
        web = one.web
        if web is None or not (one.live and web.dtls) or web.fingerprints:
            continue
        if web.bundle is None or web.bundle not in proven:
            section.attributes.drop("bundle-only")
            section.reject()
            refused.append(section.kind)
    if refused and not any(section.port or not section.is_rejected for section in description.media):
        raise MediaRefused("dtls-unproven", "no a=fingerprint of it can be checked; name one of sha-256 (RFC 8122)")
    return refused


def _dress(section: MediaSection, transport: Transport, host: str, *, answering: bool) -> None:
    """Profile, and whether RTP and RTCP have one port. An answer has both of its offer already."""
    if transport.uses_ice:
        if section.is_held_by_address:
            section.direction = Direction.of(sends=section.direction.sends, receives=False)
            section.connection = Connection.of_host(host)
        section.attributes.drop("rtcp")
    if transport.uses_dtls:
        section.attributes.drop("crypto")
        if not answering:
            section.protocol = transport.protocol
    section.rtcp_mux = transport.announces_mux and (section.rtcp_mux or not answering)


def _name_address(level: SessionDescription | MediaSection, host: str) -> None:
    """Browsers write 0.0.0.0 while they gather candidates, which to a phone would mean hold."""
    own = level.own_connection
    if own is not None and own.is_zero:
        level.connect(Connection.of_host(host))


def _empty(section: MediaSection) -> None:
    """Of a rejected section nothing counts but its place and kind (RFC 3264 section 8.2); a browser's video would
    fill two datagrams."""
    section.formats = section.formats[:1]
    section.lines[:] = [line for line in section.lines if line.startswith(("m=", "c="))]


def _simplify(section: MediaSection) -> None:
    section.codecs.drop(*_REPAIR)
    kept = section.kind == "video"
    section.lines[:] = [
        line
        for line in section.lines
        if not line.startswith("a=rtcp-fb:") or (kept and not line.rstrip().endswith(_CONGESTION))
    ]
