"""Session descriptions that parties write: of phones, and of browsers."""

from collections.abc import Sequence

from talkpath.base.address import Address
from talkpath.sdp import MediaSection, SessionDescription

#: Payload types and clocks of codecs by name (RFC 3551, and what phones and browsers use of the dynamic ones).
_KNOWN = {
    "PCMU": (0, "PCMU/8000"),
    "GSM": (3, "GSM/8000"),
    "PCMA": (8, "PCMA/8000"),
    "G722": (9, "G722/8000"),
    "G729": (18, "G729/8000"),
    "SPEEX": (97, "speex/16000"),
    "ILBC": (98, "iLBC/8000"),
    "AMR": (99, "AMR/8000"),
    "AMR-WB": (100, "AMR-WB/16000"),
    "TELEPHONE-EVENT": (101, "telephone-event/8000"),
    "OPUS": (111, "opus/48000/2"),
    "H264": (102, "H264/90000"),
    "VP8": (96, "VP8/90000"),
}


def described(
    at: Address, codecs: Sequence[str], *, direction: str = "sendrecv", video: Sequence[str] = (), version: int = 1
) -> bytes:
    """The offer of a phone; video stands two ports above audio."""
    sections = _section("audio", at.port, codecs, direction)
    if video:
        sections += _section("video", at.port + 2, video, direction)
    return _encoded([*_head(at, version), *sections])


def answered(
    offer: bytes, at: Address, codecs: Sequence[str], *, video: Sequence[str] = (), version: int = 1
) -> bytes | None:
    """The answer of a phone: what both can, in the order of the offer, the other media refused. None where nothing
    is left (488)."""
    theirs = SessionDescription.parse(offer)
    lines = _head(at, version)
    is_any = False
    for number, section in enumerate(theirs.media):
        can = codecs if section.kind == "audio" else video if section.kind == "video" else ()
        formats = _common(section, can)
        if section.is_rejected or not formats or section.is_secure:
            lines.append(f"m={section.kind} 0 {section.protocol} {' '.join(section.formats[:1]) or '0'}")
            continue
        is_any = True
        numbers = " ".join(str(number) for number, _ in formats)
        lines.append(f"m={section.kind} {at.port + 2 * number} {section.protocol} {numbers}")
        lines += [f"a=rtpmap:{number} {name}" for number, name in formats]
        lines.append(f"a={_MIRRORED[str(section.direction)]}")
    return _encoded(lines) if is_any else None


_MIRRORED = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}


def _common(section: MediaSection, can: Sequence[str]) -> list[tuple[int, str]]:
    """Payload types and names of the offer's codecs that are among ours; events alone are nothing."""
    mine = [_format(name, 0)[1] for name in can]
    found = [one for one in section.codecs if any(one.matches(name) for name in mine)]
    if all(one.is_auxiliary for one in found):
        return []
    return [(one.payload_type, str(one.format)) for one in found]


def _head(at: Address, version: int) -> list[str]:
    family = "IP6" if at.is_ipv6 else "IP4"
    return ["v=0", f"o=- {at.port} {version} IN {family} {at.host}", "s=-", f"c=IN {family} {at.host}", "t=0 0"]


def _section(
    kind: str, port: int, codecs: Sequence[str], direction: str, protocol: str = "RTP/AVP", more: Sequence[str] = ()
) -> list[str]:
    formats = [_format(name, place) for place, name in enumerate(codecs)]
    return [
        f"m={kind} {port} {protocol} {' '.join(str(number) for number, _ in formats)}",
        *more,
        *(f"a=rtpmap:{number} {name}" for number, name in formats),
        f"a={direction}",
    ]


def _format(name: str, place: int) -> tuple[int, str]:
    return _KNOWN.get(name.upper()) or (112 + place, name if "/" in name else f"{name}/8000")


def _encoded(lines: list[str]) -> bytes:
    return ("\r\n".join(lines) + "\r\n").encode()


# --- browsers


def web_described(
    codecs: Sequence[str], proof: Sequence[str], direction: str, video: Sequence[str], version: int
) -> bytes:
    """The offer of a browser: everything in one bundle, `proof` the lines of ICE and DTLS."""
    kinds = [("audio", codecs), *([("video", video)] if video else [])]
    lines = _web_head(version, [str(mid) for mid in range(len(kinds))])
    for mid, (kind, names) in enumerate(kinds):
        lines += _section(kind, 9, names, direction, "UDP/TLS/RTP/SAVPF", ["c=IN IP4 0.0.0.0"])
        lines += [f"a=mid:{mid}", *proof]
    return _encoded(lines)


def web_answered(
    offer: bytes, codecs: Sequence[str], proof: Sequence[str], video: Sequence[str], version: int
) -> bytes | None:
    """The answer of a browser; None where nothing is left."""
    theirs = SessionDescription.parse(offer)
    sections: list[str] = []
    mids: list[str] = []
    for place, section in enumerate(theirs.media):
        mid = section.mid or str(place)
        formats = _common(section, codecs if section.kind == "audio" else video)
        if section.is_rejected or not formats or not section.is_dtls:
            sections.append(f"m={section.kind} 0 {section.protocol} {' '.join(section.formats[:1]) or '0'}")
            continue
        mids.append(mid)
        sections.append(f"m={section.kind} 9 {section.protocol} {' '.join(str(number) for number, _ in formats)}")
        sections += ["c=IN IP4 0.0.0.0", *(f"a=rtpmap:{number} {name}" for number, name in formats)]
        sections += [f"a={_MIRRORED[str(section.direction)]}", f"a=mid:{mid}", *proof]
    return _encoded([*_web_head(version, mids), *sections]) if mids else None


def _web_head(version: int, mids: Sequence[str]) -> list[str]:
    return ["v=0", f"o=- 1 {version} IN IP4 127.0.0.1", "s=-", "t=0 0", f"a=group:BUNDLE {' '.join(mids)}"]
