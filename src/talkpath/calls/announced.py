"""What a description announces, in one pass over its lines: the little that a call's story needs of it.

A capture holds four descriptions a call, and the object that can be edited (`talkpath.sdp`) would be most of the time
that a healthy call costs. Lines that make no sense are passed over; `tests/calls` holds this against the object.
"""

from collections.abc import Sequence
from functools import lru_cache

from talkpath.base.address import Address
from talkpath.base.limits import SDP_LINES
from talkpath.sdp.codecs import formats_of
from talkpath.sdp.values import ip_text

#: A `Medium` without its time and its side.
Section = tuple[str, Address, Address | None, str, tuple[tuple[int, str], ...], str, float | None]

_DIRECTIONS = frozenset({"sendrecv", "sendonly", "recvonly", "inactive"})


@lru_cache(maxsize=16_384)
def announced_in(body: bytes) -> tuple[Section, ...]:
    """The m= sections with an address and a port. Proxies pass bodies on and phones repeat them: remembered."""
    lines = body.decode("utf-8", "replace").splitlines()[:SDP_LINES]
    starts = [at for at, line in enumerate(lines) if line.startswith("m=")]
    if not starts or not lines[0].startswith("v="):
        return ()
    host, direction = _shared(lines[: starts[0]])
    ends = [*starts[1:], len(lines)]
    found = (_section(lines[start:end], host, direction) for start, end in zip(starts, ends, strict=True))
    return tuple(section for section in found if section is not None)


def _shared(lines: Sequence[str]) -> tuple[str, str]:
    """Address and direction of the session, which hold where a section has none of its own."""
    host, direction = "", "sendrecv"
    for line in lines:
        if line.startswith("c="):
            host = _host(line)
        elif line.startswith("a=") and line[2:].rstrip() in _DIRECTIONS:
            direction = line[2:].rstrip()
    return host, direction


def _host(line: str) -> str:
    """The address of a c= line without its TTL."""
    words = line.split()
    return words[2].partition("/")[0] if len(words) > 2 else ""


def _section(lines: Sequence[str], host: str, direction: str) -> Section | None:
    words = lines[0][2:].split()
    port = words[1].partition("/")[0] if len(words) > 2 else ""
    if not (port.isascii() and port.isdigit()):
        return None
    rtpmaps: list[str] = []
    own_host, rtcp, ptime, is_bundled = "", int(port) + 1, None, False
    for line in lines[1:]:
        if line.startswith("a=rtpmap:"):
            rtpmaps.append(line[9:])
        elif line.startswith("c="):
            own_host = own_host or _host(line)
        elif line.startswith("a="):
            name, _, value = line[2:].rstrip().partition(":")
            if name in _DIRECTIONS:
                direction = name
            elif name == "ptime":
                ptime = ptime if ptime is not None else _milliseconds(value)
            elif name == "rtcp-mux":
                rtcp = int(port)
            elif name == "rtcp" and rtcp == int(port) + 1:
                rtcp = _port(value, rtcp)
            elif name == "bundle-only":
                is_bundled = True
    ip = ip_text(own_host or host)
    if ip is None or (int(port) == 0 and not is_bundled):
        return None
    is_rtp = "RTP/" in words[2].upper()
    codecs = tuple((number, form.name) for number, form in formats_of(words[3:], rtpmaps)) if is_rtp else ()
    control = Address(ip, rtcp) if is_rtp else None
    return words[0], Address(ip, int(port)), control, words[2], codecs, direction, ptime


def _milliseconds(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _port(text: str, otherwise: int) -> int:
    first = text.partition(" ")[0]
    return int(first) if first.isascii() and first.isdigit() and len(first) < 6 else otherwise
