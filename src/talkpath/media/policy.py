"""What media needs to be told: the operator's policy, and who stands on each side of a description."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import ClassVar, NamedTuple, NewType

from talkpath.base.errors import TalkpathError
from talkpath.media.record import OriginRecord
from talkpath.sdp.codecs import AUXILIARY, STATIC_FORMATS

# One party of a call as media sees it: 0 is the caller, every forked branch has its own number from 1.
LegId = NewType("LegId", int)
CALLER = LegId(0)


# How long a party may take to come back whose connection died, or who confirms no longer that it is there, before its
# call goes on without it or ends. Pages reconnect after two seconds and restart ICE within a few.
GRACE_S = 8.0


class MediaAddress(NamedTuple):
    """An address of ours for media: where ports are opened, and what is written into descriptions."""

    host: str
    advertised: str

    @property
    def is_ipv6(self) -> bool:
        return ":" in self.host


# The profile of WebRTC (RFC 8834 section 4.2).
WEB_PROTOCOL = "UDP/TLS/RTP/SAVPF"


class Profile(StrEnum):
    """What a phone can be offered, by the name that it bears in SDP; in the order in which it is asked for them."""

    PLAIN = "RTP/AVP"
    #: Before SDES, which some phones with DTLS accept and then do not speak.
    DTLS = "UDP/TLS/RTP/SAVP"
    SDES = "RTP/SAVP"
    #: Some phones want the profile with feedback, and no other (RFC 5124).
    SDES_FEEDBACK = "RTP/SAVPF"

    @property
    def is_sdes(self) -> bool:
        return self in (Profile.SDES, Profile.SDES_FEEDBACK)

    @classmethod
    def of(cls, description: bytes) -> Profile | None:
        """The one of the first section that is RTP, of a description or of the message that carries one; None when
        there is none."""
        name = protocol_of(description)
        return _PROFILES.get(name) or _PROFILES.get(name.removesuffix("F"))


def protocol_of(description: bytes) -> str:
    """As the first section that is RTP names its protocol, feedback included; "" where there is none."""
    # A search for the bytes that begin a section passes over what stands before it ten times as fast.
    at = 0 if description.startswith(b"m=") else description.find(b"\nm=")
    found = _RTP_SECTION.search(description, at) if at >= 0 else None
    return found[1].decode("ascii") if found is not None else ""


_PROFILES = {str(one): one for one in Profile}
_RTP_SECTION = re.compile(rb"^m=[^ \r\n]+ +[0-9/]+ +((?:UDP/TLS/)?RTP/S?AVPF?)[ \r\n]", re.MULTILINE)

# Browsers name a dozen and a half, with their video.
_VOICES = 64
_AUDIO_FORMATS = re.compile(rb"^m=audio +[0-9/]+ +[^ \r\n]+ ([0-9 ]+)", re.MULTILINE)
_RTPMAP_NAME = re.compile(rb"^a=rtpmap:[0-9]+ +([^/ \r\n]{1,32})/", re.MULTILINE)
_STATIC_NAMES = {b"%d" % number: one.name.lower() for number, one in STATIC_FORMATS.items()}


def voices(description: bytes) -> frozenset[str]:
    """The audio codecs that a description names, in lower case, without what only goes beside a voice. Those of
    video sections are among them: they are compared with sides that speak other names anyway."""
    names = [name.decode("ascii", "replace").lower() for name in _RTPMAP_NAME.findall(description)]
    for formats in _AUDIO_FORMATS.findall(description):
        names += [_STATIC_NAMES[number] for number in formats.split() if number in _STATIC_NAMES]
    return _interned(frozenset(names[:_VOICES]))


@lru_cache(maxsize=1024)
def _interned(names: frozenset[str]) -> frozenset[str]:
    """One object for all who speak the same: many phones do."""
    return names - AUXILIARY


class Origin(NamedTuple):
    """The party on one side of a description, as its signalling shows it.

    `host` is the IP address its signalling comes from (or goes to, for a party that has not spoken yet).
    `behind_nat` is True when its own Via or Contact names another address than that. `media` are our addresses it
    can reach, the preferred first, at most one of each family. `webrtc` is True for a party that takes part over a
    WebSocket: it is offered ICE and DTLS, and when it offers them they end here. `secure` is True when the signalling
    is encrypted, so that keys in descriptions are secrets. `profile` is what the party is to be offered while it has
    not spoken, None to judge by the other side. `ice` is True for a party that says when it registers that it speaks
    ICE (RFC 5768): some of those hear nothing without it. `own_keys` is True for one that takes none of the other
    side's SDES: that ends here, as it does for who speaks plain RTP. `speaks` are codecs that a party over a
    WebSocket named in other calls, in lower case.
    """

    host: str
    behind_nat: bool
    media: tuple[MediaAddress, ...]
    webrtc: bool = False
    secure: bool = True
    profile: Profile | None = None
    ice: bool = False
    speaks: frozenset[str] = frozenset()
    own_keys: bool = False

    def save(self) -> OriginRecord:
        """As data."""
        return OriginRecord(
            self.host,
            self.behind_nat,
            tuple([(one.host, one.advertised) for one in self.media]),
            self.webrtc,
            self.secure,
            None if self.profile is None else str(self.profile),
            self.ice,
            tuple(sorted(self.speaks)),
            self.own_keys,
        )

    @classmethod
    def resumed(cls, record: OriginRecord) -> Origin:
        """The same again."""
        profile = None if record.profile is None else Profile(record.profile)
        media = tuple(MediaAddress(host, advertised) for host, advertised in record.media)
        return cls(
            record.host,
            record.behind_nat,
            media,
            record.webrtc,
            record.secure,
            profile,
            record.ice,
            frozenset(record.speaks),
            record.own_keys,
        )


@dataclass(frozen=True, slots=True)
class MediaPolicy:
    """The operator's choices: port range, and seconds without media after which a call is ended (0 never ends).

    `transcoding` names the codecs that may be added to an offer and converted; none turns it off.
    """

    first_port: int = 16_384
    last_port: int = 32_767
    timeout_s: float = 60.0
    hold_timeout_s: float = 3_600.0
    transcoding: tuple[str, ...] = ("opus", "G722", "PCMA", "PCMU")


class MediaRefused(TalkpathError):
    """The description is sound, but nothing in it can be used here. The answer to it is 488."""

    status: ClassVar[int] = 488
