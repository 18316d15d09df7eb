"""SIP and SDP as text, as far as a phone of this world needs them."""

import re
from dataclasses import dataclass, field

from ..generator.wire import At


@dataclass
class Sip:
    """A message: its first line, its fields in their order, its body."""

    start: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    body: str = ""

    @classmethod
    def parse(cls, data: bytes) -> "Sip":
        head, _, body = data.decode().partition("\r\n\r\n")
        start, *lines = head.split("\r\n")
        return cls(start, [(one.partition(": ")[0], one.partition(": ")[2]) for one in lines], body)

    def bytes(self) -> bytes:
        fields = [*((name, value) for name, value in self.fields if name != "Content-Length")]
        lines = [self.start, *(f"{name}: {value}" for name, value in fields), f"Content-Length: {len(self.body)}"]
        return "\r\n".join([*lines, "", self.body]).encode()

    def of(self, name: str) -> list[str]:
        return [value for known, value in self.fields if known == name]

    def first(self, name: str) -> str:
        return next(iter(self.of(name)), "")

    def without(self, *names: str) -> "Sip":
        return Sip(self.start, [one for one in self.fields if one[0] not in names], self.body)

    @property
    def is_request(self) -> bool:
        return not self.start.startswith("SIP/2.0")

    @property
    def status(self) -> int:
        return 0 if self.is_request else int(self.start.split()[1])

    @property
    def method(self) -> str:
        return self.first("CSeq").split()[1]

    @property
    def number(self) -> int:
        return int(self.first("CSeq").split()[0])

    @property
    def uri(self) -> str:
        return self.start.split()[1]

    @property
    def branch(self) -> str:
        return self.first("Via").partition("branch=")[2].partition(";")[0]


def uri_in(value: str) -> str:
    return value.partition("<")[2].partition(">")[0] or value


def place(uri: str) -> At:
    """Where a URI leads."""
    found = re.match(r"sip:(?:[^@]*@)?(\d+\.\d+\.\d+\.\d+)(?::(\d+))?", uri)
    return At(found[1], int(found[2] or 5060)) if found else At("192.0.2.255", 5060)


def user_in(uri: str) -> str:
    return uri.partition("sip:")[2].partition("@")[0]


def tag_in(value: str) -> str:
    return value.partition("tag=")[2].partition(";")[0]


NAMES = {0: "PCMU/8000", 8: "PCMA/8000", 9: "G722/8000", 13: "CN/8000", 18: "G729/8000", 101: "telephone-event/8000"}


def description(
    media: At, types: list[int], direction: str = "sendrecv", session: str = "", more: tuple[str, ...] = ()
) -> str:
    """What a phone offers or answers; `session` is an address for the session beside that of the audio."""
    lines = ["v=0", f"o=phone {media.port} {len(types)} IN IP4 {media.host}", "s=call"]
    lines += [f"c=IN IP4 {session or media.host}", "t=0 0"]
    profile = "RTP/SAVP" if any(one.startswith("a=crypto") for one in more) else "RTP/AVP"
    lines.append(f"m=audio {media.port} {profile} {' '.join(map(str, types))}")
    lines += [f"c=IN IP4 {media.host}"] if session else []
    lines += [f"a=rtpmap:{one} {NAMES[one]}" for one in types]
    return "\r\n".join([*lines, *more, f"a={direction}", ""])


def with_video(body: str, port: int) -> str:
    return f"{body}m=video {port} RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\n"


def video_port_of(body: str) -> int:
    found = re.search(r"m=video (\d+)", body)
    return int(found[1]) if found else 0


def fax(media: At) -> str:
    """What a gateway offers and answers when it hears a fax (T.38 annex D)."""
    lines = ["v=0", f"o=phone {media.port} 38 IN IP4 {media.host}", "s=call", f"c=IN IP4 {media.host}", "t=0 0"]
    lines += [f"m=image {media.port} udptl t38", "a=T38FaxVersion:0", "a=T38MaxBitRate:14400"]
    return "\r\n".join([*lines, "a=T38FaxUdpEC:t38UDPRedundancy", ""])


def is_fax(body: str) -> bool:
    return "m=image" in body


def media_of(body: str, session: bool = False) -> At:
    """Where a description wants its audio; `session` reads the first c= line whatever else there is."""
    connections = re.findall(r"c=IN IP4 (\S+)", body)
    port = re.search(r"m=audio (\d+)", body)
    return At(connections[0 if session else -1], int(port[1]) if port else 0)


def types_of(body: str) -> list[int]:
    found = re.search(r"m=audio \d+ \S+ ([\d ]+)", body)
    return [int(one) for one in found[1].split()] if found else []


def direction_of(body: str) -> str:
    found = re.search(r"a=(sendrecv|sendonly|recvonly|inactive)", body)
    return found[1] if found else "sendrecv"
