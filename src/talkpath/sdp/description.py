"""A session description and its media sections (RFC 8866).

The lines are the truth: parsing splits them and looks at `m=` and `c=`; everything else is read from the lines when
asked for and written into them when changed. So what nobody touched is written back byte for byte, unknown and odd
lines included, and an edit shows at once. Text is UTF-8; other bytes survive as surrogate escapes.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, pairwise
from typing import TypeVar

from talkpath.base.errors import Malformed, Misuse
from talkpath.base.limits import SDP_BYTES, SDP_LINES, SDP_MEDIA_SECTIONS
from talkpath.sdp.attributes import Attributes, clean, end_of_section
from talkpath.sdp.codecs import Codecs, is_decimal
from talkpath.sdp.values import (
    Candidate,
    Connection,
    Crypto,
    Direction,
    Fingerprint,
    Group,
    Origin,
    RtcpPort,
    number,
    port_number,
)

Value = TypeVar("Value")


class Section:
    """What session and media level share: lines, and the attributes that may stand on either."""

    __slots__ = ("lines",)

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines

    @property
    def attributes(self) -> Attributes:
        """The `a=` lines of this very level."""
        return Attributes(self.lines)

    def field(self, kind: str) -> str | None:
        """The text of the first line of that kind (`s`, `b`, `t`, ...) on this very level."""
        prefix = kind + "="
        return next((line[2:].rstrip() for line in self.lines if line.startswith(prefix)), None)

    @property
    def own_connection(self) -> Connection | None:
        """The first `c=` of this very level."""
        text = self.field("c")
        return None if text is None else Connection.parse(text)

    def connect(self, connection: Connection) -> None:
        """Write this address into every `c=` of this level, or into a new one where RFC 8866 section 5 wants it."""
        fresh, lines, found = f"c={connection}", self.lines, False
        for i, line in enumerate(lines):
            if line.startswith("c="):
                lines[i], found = clean(fresh), True
        if not found:
            at = 1 + max((i for i, line in enumerate(lines) if line[:1] in "vosiuepm" and line), default=-1)
            lines.insert(at, clean(fresh))

    @property
    def own_direction(self) -> Direction | None:
        """The direction attribute of this very level."""
        for line in self.lines:
            if (name := line[2:].rstrip()) in _DIRECTIONS and line.startswith("a="):
                return Direction(name)
        return None

    @property
    def bandwidth_kbps(self) -> int | None:
        """The limit of this very level in kilobits per second: b=AS, else b=TIAS rounded up (RFC 8866 section 5.8,
        RFC 3890). None without one, or for one that can not be read."""
        for line in self.lines:
            kind, _, value = line[2:].partition(":")
            if line.startswith("b=") and kind in ("AS", "TIAS") and is_decimal(value := value.strip()):
                return int(value) if kind == "AS" else -(-int(value) // 1000)
        return None

    @bandwidth_kbps.setter
    def bandwidth_kbps(self, kbps: int | None) -> None:
        if kbps is not None and kbps < 0:
            raise Misuse("sdp-bandwidth", f"{kbps} is no limit; give kilobits per second, or None for no limit")
        self.lines[:] = [line for line in self.lines if not line.startswith(("b=AS:", "b=TIAS:"))]
        if kbps is not None:
            at = 1 + max((i for i, line in enumerate(self.lines) if line[:1] in "vosiuepcmb" and line), default=-1)
            self.lines.insert(at, clean(f"b=AS:{kbps}"))

    def _set_direction(self, text: str) -> None:
        if text not in _DIRECTIONS:
            raise Misuse("sdp-direction", f"{text!r} is no direction; there are {', '.join(Direction)}")
        direction = Direction(text)
        for i, line in enumerate(self.lines):
            if line[2:].rstrip() in _DIRECTIONS and line.startswith("a="):
                self.lines[i] = f"a={direction}"
                return
        self.attributes.add(direction)

    @property
    def ice_ufrag(self) -> str | None:
        return self.attributes.first("ice-ufrag")

    @property
    def ice_pwd(self) -> str | None:
        return self.attributes.first("ice-pwd")

    @property
    def setup(self) -> str | None:
        """The role in the DTLS handshake (RFC 8842 section 5.2): actpass, active, passive or holdconn."""
        return self.attributes.first("setup")

    @setup.setter
    def setup(self, role: str) -> None:
        self.attributes.set("setup", role)

    @property
    def fingerprints(self) -> list[Fingerprint]:
        return _parsed(Fingerprint.parse, self.attributes.all("fingerprint"))

    @fingerprints.setter
    def fingerprints(self, fingerprints: Iterable[Fingerprint]) -> None:
        self.attributes.set_all("fingerprint", [str(one) for one in fingerprints])


class SessionLevel(Section):
    """The session level alone, as its media sections see it."""

    __slots__ = ()

    @property
    def groups(self) -> list[Group]:
        return _parsed(Group.parse, self.attributes.all("group"))

    @groups.setter
    def groups(self, groups: Iterable[Group]) -> None:
        self.attributes.set_all("group", [str(group) for group in groups])


class MediaSection(Section):
    """One `m=` section. Attributes that may stand at session level are looked up there when absent here."""

    __slots__ = ("_formats", "_kind", "_port", "_port_count", "_protocol", "session")

    def __init__(self, lines: list[str], session: SessionLevel) -> None:
        super().__init__(lines)
        self.session = session
        fields = lines[0][2:].split()
        if len(fields) < 3:
            raise Malformed("sdp-media", "an m= line needs media, port, protocol and formats", "m=")
        port, slash, count = fields[1].partition("/")
        self._kind, self._protocol, self._formats = fields[0], fields[2], fields[3:]
        self._port = port_number(port, "m=")
        self._port_count = number(count, "m=") if slash else None

    @property
    def kind(self) -> str:
        """audio, video, image, application, message, text, ..."""
        return self._kind

    @property
    def port(self) -> int:
        """The RTP port; 0 means rejected or disabled (RFC 3264 section 6)."""
        return self._port

    @port.setter
    def port(self, port: int) -> None:
        self._port = port
        self._write()

    @property
    def port_count(self) -> int | None:
        """The number after the port's slash: consecutive ports of hierarchical coding. None when not written."""
        return self._port_count

    @port_count.setter
    def port_count(self, count: int | None) -> None:
        self._port_count = count
        self._write()

    @property
    def protocol(self) -> str:
        """RTP/AVP, RTP/SAVPF, UDP/TLS/RTP/SAVPF, udptl, TCP/MSRP, ..."""
        return self._protocol

    @protocol.setter
    def protocol(self, protocol: str) -> None:
        self._protocol = protocol
        self._write()

    @property
    def formats(self) -> list[str]:
        """The formats as written: payload types for RTP, `t38`, `*` and others elsewhere."""
        return list(self._formats)

    @formats.setter
    def formats(self, formats: Iterable[str]) -> None:
        self._formats = list(formats)
        self._write()

    @property
    def is_rtp(self) -> bool:
        return "RTP/" in self._protocol.upper()

    @property
    def is_secure(self) -> bool:
        """Whether the profile is one of SRTP (SAVP, SAVPF, with SDES or DTLS)."""
        return "SAVP" in self._protocol.upper()

    @property
    def is_dtls(self) -> bool:
        """Keyed by DTLS: by its profile, or by a fingerprint and no other keys, under the SAVPF that early browsers
        wrote or, where DTLS is optional (RFC 8643), under the profile of plain RTP."""
        if self._protocol.upper().startswith("UDP/TLS/"):
            return True
        return self.is_rtp and self.inherited("fingerprint") is not None and "crypto" not in self.attributes

    @property
    def is_rejected(self) -> bool:
        """Port 0, unless the section is `bundle-only`, where 0 is how an offer writes it (RFC 9143 section 6)."""
        return self._port == 0 and "bundle-only" not in self.attributes

    @property
    def codecs(self) -> Codecs:
        return Codecs(self)

    @property
    def connection(self) -> Connection | None:
        """Where the media goes: this section's `c=`, else the session's."""
        return self.own_connection or self.session.own_connection

    @connection.setter
    def connection(self, connection: Connection) -> None:
        self.connect(connection)

    @property
    def direction(self) -> Direction:
        return self.own_direction or self.session.own_direction or Direction.SENDRECV

    @direction.setter
    def direction(self, direction: Direction | str) -> None:
        self._set_direction(direction)

    @property
    def is_held_by_address(self) -> bool:
        """Hold as RFC 2543 did it: a connection address of zero."""
        connection = self.connection
        return connection is not None and connection.is_zero

    @property
    def rtcp(self) -> RtcpPort | None:
        return next(iter(_parsed(RtcpPort.parse, self.attributes.all("rtcp"))), None)

    @rtcp.setter
    def rtcp(self, rtcp: RtcpPort | None) -> None:
        if rtcp is None:
            self.attributes.drop("rtcp")
        else:
            self.attributes.set("rtcp", str(rtcp))

    @property
    def rtcp_mux(self) -> bool:
        return "rtcp-mux" in self.attributes

    @rtcp_mux.setter
    def rtcp_mux(self, muxed: bool) -> None:
        if muxed:
            self.attributes.set("rtcp-mux")
        else:
            self.attributes.drop("rtcp-mux", "rtcp-mux-only")

    @property
    def ptime_ms(self) -> float | None:
        """Milliseconds of audio in a packet (`a=ptime`), None when absent or no number (RFC 8866 section 6.4)."""
        text = (self.attributes.first("ptime") or "").strip()
        return float(text) if _PTIME.fullmatch(text) and float(text) > 0 else None

    @ptime_ms.setter
    def ptime_ms(self, ptime_ms: float | None) -> None:
        if ptime_ms is None:
            self.attributes.drop("ptime")
        else:
            self.attributes.set("ptime", f"{ptime_ms:g}")

    @property
    def candidates(self) -> list[Candidate]:
        """The ICE candidates that can be read; others stay in the lines."""
        return _parsed(Candidate.parse, self.attributes.all("candidate"))

    @candidates.setter
    def candidates(self, candidates: Iterable[Candidate]) -> None:
        self.attributes.set_all("candidate", [str(one) for one in candidates])

    @property
    def crypto(self) -> list[Crypto]:
        return _parsed(Crypto.parse, self.attributes.all("crypto"))

    @crypto.setter
    def crypto(self, crypto: Iterable[Crypto]) -> None:
        self.attributes.set_all("crypto", [str(one) for one in crypto])

    @property
    def mid(self) -> str | None:
        """The section's name in groups (RFC 5888)."""
        return self.attributes.first("mid")

    @mid.setter
    def mid(self, mid: str | None) -> None:
        if mid is None:
            self.attributes.drop("mid")
        else:
            self.attributes.set("mid", mid)

    @property
    def msid(self) -> str | None:
        return self.attributes.first("msid")

    @property
    def ssrcs(self) -> list[int]:
        """The SSRCs that `a=ssrc` announces (RFC 5576), each once, in order."""
        heads = (value.partition(" ")[0] for value in self.attributes.all("ssrc"))
        return list(
            dict.fromkeys(int(head) for head in heads if head.isascii() and head.isdigit() and len(head) <= 10)
        )

    def reject(self) -> None:
        """Disable the section: port 0 (RFC 3264 section 6); its lines stay, as the RFC allows."""
        self.port = 0

    def inherited(self, name: str) -> str | None:
        """The attribute of this section, else of the session: for ice-ufrag, fingerprint, setup and their like."""
        own = self.attributes.first(name)
        return self.session.attributes.first(name) if own is None else own

    def _write(self) -> None:
        count = "" if self._port_count is None else f"/{self._port_count}"
        fields = (self._kind, f"{self._port}{count}", self._protocol, *self._formats)
        self.lines[0] = clean("m=" + " ".join(fields))

    def __repr__(self) -> str:
        return f"MediaSection({self.lines[0][2:]!r})"


class SessionDescription(SessionLevel):
    """A whole description: session level, then `media` sections in their order.

    Sections know the `level`, which has the lines of the description, and not the description itself: so what a call
    had is gone when the call is, without the collector of cycles.
    """

    __slots__ = ("_ended", "_line_end", "level", "media")

    def __init__(self, lines: list[str], line_end: str = "\r\n", ended: bool = True) -> None:
        """Take `lines` without their ends. Raises `Malformed`. For bytes use `parse`."""
        starts = _check(lines)
        super().__init__(lines[: starts[0]] if starts else lines)
        self.level = SessionLevel(self.lines)
        self.media = [MediaSection(lines[a:b], self.level) for a, b in pairwise([*starts, len(lines)])]
        self._line_end = line_end
        self._ended = ended

    @classmethod
    def parse(cls, data: bytes) -> "SessionDescription":
        """Read a description; lines may end with CR LF or LF and the last end may be missing. Raises `Malformed`."""
        if len(data) > SDP_BYTES:
            raise Malformed("sdp-too-long", f"a description of {len(data)} bytes is over {SDP_BYTES}", "body")
        text = data.decode("utf-8", "surrogateescape")
        breaks = text.count("\n")
        # Where line ends are mixed, LF is the end and a line's own CR stays in it as trailing space.
        line_end = "\r\n" if breaks and text.count("\r\n") == breaks else "\n"
        lines = text.split(line_end)
        ended = not lines[-1]
        if ended:
            lines.pop()
        return cls(lines, line_end if breaks else "\r\n", ended)

    def encode(self) -> bytes:
        """The description as bytes; equal to what was parsed when nothing was changed."""
        return self.joined(chain(self.lines, *(section.lines for section in self.media)))

    def joined(self, lines: Iterable[str]) -> bytes:
        """These lines as bytes, with the line ends of this description."""
        text = self._line_end.join(lines)
        if self._ended:
            text += self._line_end
        return text.encode("utf-8", "surrogateescape")

    def of_kind(self, kind: str) -> list[MediaSection]:
        """Every section of this kind, rejected ones included."""
        return [section for section in self.media if section.kind == kind]

    @property
    def audio(self) -> MediaSection:
        """The first audio section, one that is not rejected if there is any. Raises `Misuse` without audio."""
        return self._first("audio")

    @property
    def video(self) -> MediaSection:
        """The first video section, chosen as in `audio`."""
        return self._first("video")

    def _first(self, kind: str) -> MediaSection:
        sections = self.of_kind(kind)
        if not sections:
            raise Misuse("sdp-no-media", f"this description has no {kind}; ask `of_kind({kind!r})` first")
        return next((section for section in sections if not section.is_rejected), sections[0])

    @property
    def origin(self) -> Origin | None:
        """The `o=` line, None when it is missing or odd."""
        text = self.field("o")
        try:
            return None if text is None else Origin.parse(text)
        except Malformed:
            return None

    @origin.setter
    def origin(self, origin: Origin) -> None:
        fresh = clean(f"o={origin}")
        for i, line in enumerate(self.lines):
            if line.startswith("o="):
                self.lines[i] = fresh
                return
        self.lines.insert(1, fresh)

    @property
    def name(self) -> str | None:
        """The session name (`s=`)."""
        return self.field("s")

    @property
    def connection(self) -> Connection | None:
        return self.own_connection

    @connection.setter
    def connection(self, connection: Connection) -> None:
        self.connect(connection)

    @property
    def direction(self) -> Direction | None:
        """The direction at session level, None when only the sections say it."""
        return self.own_direction

    @direction.setter
    def direction(self, direction: Direction | str) -> None:
        self._set_direction(direction)

    @property
    def bundle(self) -> tuple[str, ...]:
        """The mids that share one transport (RFC 9143), empty without BUNDLE."""
        return next((group.mids for group in self.groups if group.semantics == "BUNDLE"), ())

    def add_media(self, line: str) -> MediaSection:
        """Append a section from its m= value, such as `audio 4000 RTP/AVP 0 8`. Raises `Malformed`."""
        for level in (self, *self.media):
            del level.lines[end_of_section(level.lines) :]
        section = MediaSection([clean("m=" + line)], self.level)
        self.media.append(section)
        return section

    def __iter__(self) -> Iterator[MediaSection]:
        return iter(self.media)

    def __str__(self) -> str:
        return self.encode().decode("utf-8", "replace")

    def __repr__(self) -> str:
        return f"SessionDescription({self.media!r})"


# What is `inf` or `nan` to Python is no packet time.
_PTIME = re.compile(r"\d{1,6}(?:\.\d{1,6})?", re.ASCII)
_DIRECTIONS = frozenset(str(direction) for direction in Direction)


def _check(lines: list[str]) -> list[int]:
    """Where the m= lines are; raises `Malformed` for what no reader could make sense of."""
    if not lines or not lines[0].startswith("v="):
        raise Malformed("sdp-version", "a description begins with v=", "line 1")
    if len(lines) > SDP_LINES:
        raise Malformed("sdp-too-many-lines", f"{len(lines)} lines are over {SDP_LINES}", "body")
    kinds = [line[:2] for line in lines]
    if any(kind[1:] != "=" for kind in set(kinds)):
        _check_kinds(lines)
    if "c=" in kinds:
        for kind, line in zip(kinds, lines, strict=True):
            if kind == "c=":
                Connection.parse(line[2:])
    starts = [at for at, kind in enumerate(kinds) if kind == "m="]
    if len(starts) > SDP_MEDIA_SECTIONS:
        raise Malformed("sdp-too-many-media", f"{len(starts)} m= are over {SDP_MEDIA_SECTIONS}", "body")
    return starts


def _check_kinds(lines: list[str]) -> None:
    for at, line in enumerate(lines):
        if line[1:2] != "=" and line.strip():
            raise Malformed("sdp-line", f"{line[:20]!r} is not a type, `=` and a value", f"line {at + 1}")


def _parsed(parse: Callable[[str], Value], texts: list[str]) -> list[Value]:
    """What can be read of `texts`; what cannot stays in the lines, untouched."""
    values = []
    for text in texts:
        try:
            values.append(parse(text))
        except Malformed:
            continue
    return values
