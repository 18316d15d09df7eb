"""Descriptions for who reads them by the letter of RFC 8866, as browsers do.

Phones write lines in any order or leave one out, keep the parameters of formats that they took off, add lines of
their own, and end with an empty line or without an end; other phones do not mind. A browser throws away the whole
description for one of these. `strict` writes one that it takes: the lines in the order of section 9, those that must
be there, and none that cannot be read. What they mean stays as it is.
"""

import re
from collections.abc import Iterable

from talkpath.sdp.codecs import STATIC_FORMATS
from talkpath.sdp.description import MediaSection, SessionDescription

_SESSION = "vosiuepcbtrzka"
_MEDIA = "micbka"
_STREAM_ID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
# What nobody says the name of is taken by nobody.
_UNKNOWN = "unknown/90000"
# Of these there is one.
_ONCE = frozenset("vosc")

_BLANKS = re.compile(r"[\t ]+")
_ORIGIN = re.compile(r"o=\S+ \d{1,19} \d{1,19} IN IP[46] \S+", re.ASCII)
_BANDWIDTH = re.compile(r"b=[A-Za-z][\w-]*:\d{1,9}", re.ASCII)
# Attributes of which browsers read the value, and those of a format among them.
_READ = (
    r"rtpmap:\d{1,3} [^ /\n]+/\d[^\n]*",
    r"fmtp:\d{1,3} [^\n]+",
    r"rtcp-fb:(?:\*|\d{1,3}) [^\n]+",
    r"ssrc:\d{1,10} [^\n]+",
    r"msid:[^ \n]+(?: [^ \n]+)?",
    r"extmap:\d{1,3}(?:/\w+)? [^\n]+",
    r"(?!(?:rtpmap|fmtp|rtcp-fb|ssrc|msid|extmap):)[^: \n][^\n]*",
)
_ATTRIBUTE = re.compile(f"a=(?:{'|'.join(_READ)})", re.ASCII)
_FORMAT = re.compile(r"\na=(?:rtpmap|fmtp|rtcp-fb):(\d+)", re.ASCII)
_NAMED = re.compile(r"\na=rtpmap:(\d+)", re.ASCII)
# A level that needs nothing, read in one go: most do.
_REST = f"(?:c=[^\\n]+\\n)?(?:{_BANDWIDTH.pattern}\\n)*%s(?:{_ATTRIBUTE.pattern}\\n)*"
_FINE_HEAD = re.compile(f"v=[^\\n]*\\n{_ORIGIN.pattern}\\ns=[^\\n]+\\n" + _REST % "(?:t=[^\\n]+\\n)", re.ASCII)
_FINE_SECTION = re.compile(r"m=[a-z]+ \d+ [^ \n]+(?: [^ \n]+)+\n" + _REST % "", re.ASCII)


def strict(description: SessionDescription) -> tuple[bytes, list[str]]:
    """The description as it is to be sent, and the lines that were left out."""
    left: list[str] = []
    lines = description.lines
    if not _is_fine(lines, _FINE_HEAD):
        lines = _ordered(lines, _SESSION, None, left)
        _complete(lines)
    made = [*lines]
    for section in description.media:
        formats, lines = frozenset(section.formats), section.lines
        if not (_is_fine(lines, _FINE_SECTION) and formats.issuperset(_FORMAT.findall("\n".join(lines)))):
            lines = [_media_line(section), *_ordered(lines[1:], _MEDIA, formats, left)]
        if section.kind == "video" and section.port:
            lines = _for_a_picture(section, lines, left)
        made += lines
    return ("\r\n".join(made) + "\r\n").encode("utf-8", "surrogateescape"), left


def _is_fine(lines: list[str], pattern: re.Pattern[str]) -> bool:
    text = "\n".join(lines) + "\n"
    has_odd_blanks = "  " in text or "\t" in text or " \n" in text or "\r" in text
    return not has_odd_blanks and text.isascii() and pattern.fullmatch(text) is not None


def _ordered(lines: Iterable[str], order: str, formats: frozenset[str] | None, left: list[str]) -> list[str]:
    """The lines of one level that can be read, in their order."""
    kept: list[tuple[int, str]] = []
    once: set[str] = set()
    for raw in lines:
        line = raw.rstrip()
        if "\t" in line or "  " in line:
            line = _BLANKS.sub(" ", line)
        rank = order.find(line[0]) if line[1:2] == "=" else -1
        if rank >= 0 and line[0] not in once and _is_readable(line, formats):
            kept.append((rank, line))
            if line[0] in _ONCE:
                once.add(line[0])
        elif line:
            left.append(line)
    # Most are in order, which costs a comparison a line.
    kept.sort(key=_rank)
    return [line for _, line in kept]


def _rank(line: tuple[int, str]) -> int:
    return line[0]


def _is_readable(line: str, formats: frozenset[str] | None) -> bool:
    if not line.isascii():
        return False  # Firefox throws at other letters, in whatever line
    if line.startswith("b="):
        return _BANDWIDTH.fullmatch(line) is not None
    if not line.startswith("a="):
        return True
    number = _FORMAT.match("\n" + line)
    if number is not None and (formats is None or number[1] not in formats):
        return False
    return _ATTRIBUTE.fullmatch(line) is not None


def _complete(lines: list[str]) -> None:
    """Put in what must be there, and mend `o=` and `s=`, which phones leave empty."""
    if not lines or lines[0][:2] != "v=":
        lines.insert(0, "v=0")
    for at, kind, mended in ((1, "o=", "o=- 1 1 IN IP4 0.0.0.0"), (2, "s=", "s=-")):
        if lines[at : at + 1] == [] or lines[at][:2] != kind:
            lines.insert(at, mended)
        elif len(lines[at]) == 2 or (kind == "o=" and _ORIGIN.fullmatch(lines[at]) is None):
            lines[at] = mended
    if not any(line[:2] == "t=" for line in lines):
        lines.insert(sum(line[0] in "vosiuepcb" for line in lines), "t=0 0")


def _for_a_picture(section: MediaSection, lines: list[str], left: list[str]) -> list[str]:
    """The lines of a video. Chromium knows no static formats there, and wants to know how the streams of a simulcast
    are told apart (RFC 8853 section 5.5)."""
    if not any(line.startswith("a=extmap:") and _STREAM_ID in line for line in lines):
        left += [line for line in lines if line.startswith("a=simulcast:")]
        lines = [line for line in lines if not line.startswith("a=simulcast:")]
    named = frozenset(_NAMED.findall("\n".join(lines)))
    nameless = [one for one in section.formats if one not in named and one.isascii() and one.isdigit()]
    return lines + [f"a=rtpmap:{one} {STATIC_FORMATS.get(int(one[:3]), _UNKNOWN)}" for one in nameless]


def _media_line(section: MediaSection) -> str:
    """Without a count of ports, which nobody uses and Chromium does not know."""
    return " ".join((f"m={section.kind}", str(section.port), section.protocol, *(section.formats or ["0"])))
