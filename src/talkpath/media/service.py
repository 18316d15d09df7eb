"""Numbers that we answer ourselves: `echo` sends back what it hears, `tone` plays 1004 Hz.

The answer is our own description; the packets are made by the engine.
"""

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from talkpath.base import octets
from talkpath.base.address import Address
from talkpath.media import bundle
from talkpath.media.announced import Announced, Reading
from talkpath.media.conversion import COST, converts
from talkpath.media.engine import Engine
from talkpath.media.leg import Anchor, Leg
from talkpath.media.policy import MediaPolicy, MediaRefused
from talkpath.media.proposal import propose
from talkpath.media.record import ServedRecord, ServiceRecord
from talkpath.media.talk import Talk
from talkpath.media.told import Packing, Unpacking
from talkpath.media.web import dress_all, reject_unproven
from talkpath.sdp import Codec, Connection, MediaSection, Origin, SessionDescription

# Gives our port towards the caller for a section of its description, leasing it when needed.
Leaser = Callable[[int, Sequence[Announced]], Anchor]
# Our port, the caller's section, and what it and we announce in it.
Served = tuple[Anchor | None, MediaSection, Announced, Announced]


class Service(StrEnum):
    """What we do with the media of a call we answer."""

    ECHO = "echo"
    TONE = "tone"


class Read(NamedTuple):
    """A description of the caller, and whether its ICE and DTLS ended here when it was read."""

    text: bytes
    terminates: bool


class _Voice(NamedTuple):
    """A section that is served: our port, what the caller announced and where, and the codec that it hears."""

    anchor: Anchor
    caller: Announced
    read: Read
    payload_type: int
    codec: str


class LocalService:
    """The answering side of one call. Its descriptions count their versions (RFC 3264 section 8)."""

    def __init__(self, engine: Engine, policy: MediaPolicy, service: Service, doubted: str = "") -> None:
        """`doubted` is the host of a caller who has proven nothing, whose datagrams may bear the address of somebody
        else: a tone goes there and nowhere else, and not before an ACK shows that he has read our answer."""
        self._engine = engine
        self._policy = policy
        self.service = service
        self._doubted = doubted
        self._is_acknowledged = False
        #: what is heard by section: our port, where the caller wants to hear it, and in what
        self._served: dict[int, _Voice] = {}
        #: the host to which a port sends instead of the one announced
        self._moved: dict[int, tuple[Address | None, str]] = {}
        self._origin: Origin | None = None
        self._offer = self._answer = b""
        self._playing: dict[int, tuple[bool, int]] = {}

    def save(self, pack: Packing, described: tuple[str, int] | None) -> ServiceRecord:
        """As data; `described` is what was sent last."""
        return ServiceRecord(
            str(self.service),
            pack.text(self._offer),
            pack.text(self._answer),
            self._doubted,
            self._is_acknowledged,
            None if self._origin is None else str(self._origin),
            tuple([self._saved(section, voice, pack) for section, voice in self._served.items()]),
            described,
        )

    def _saved(self, section: int, voice: _Voice, pack: Packing) -> ServedRecord:
        at, terminates = pack.text(voice.read.text), voice.read.terminates
        moved, playing = self._moved.get(section), self._playing.get(section)
        codec = octets.raw(voice.codec)
        return ServedRecord(section, at, terminates, voice.payload_type, codec, moved, playing)

    @classmethod
    def resumed(
        cls, record: ServiceRecord, pack: Unpacking, caller: Leg, engine: Engine, policy: MediaPolicy
    ) -> "LocalService":
        """The same again."""
        made = cls(engine, policy, Service(record.service), record.doubted)
        made._is_acknowledged = record.is_acknowledged
        made._offer, made._answer = pack.texts[record.offer], pack.texts[record.answer]
        made._origin = None if record.origin is None else Origin.parse(record.origin)
        for one in record.served:
            anchor = caller.anchor(one.section)
            if anchor is not None:
                read = Read(pack.texts[one.read], one.terminates)
                theirs = pack.sections(one.read, one.terminates)[one.section]
                own = pack.sections(record.answer, one.terminates)[one.section]
                anchor.hears = Talk(own, theirs, theirs.mux and own.mux)
                codec = octets.text(one.codec)
                made._served[one.section] = _Voice(anchor, theirs, read, one.payload_type, codec)
            if one.moved is not None:
                made._moved[one.section] = one.moved
            if one.playing is not None:
                made._playing[one.section] = one.playing
        return made

    def answer(self, raw: bytes, lease: Leaser, now: float, *, web: bool = False) -> bytes:
        """Our answer to this offer; the accepted sections are served from now on. Raises `MediaRefused`.

        `web` is whether the caller's ICE or DTLS end here.
        """
        if raw == self._offer:
            return self._answer
        offer = SessionDescription.parse(raw)
        announced = Reading(offer, terminates=web).announced
        if reject_unproven(offer, announced):
            announced = Reading(offer, terminates=web).announced
        first = next(iter(offer.of_kind("audio")), None)
        codecs = [
            self._codecs(section, own, is_first=section is first)
            for section, own in zip(offer.media, announced, strict=True)
        ]
        if not any(codecs):
            raise MediaRefused("service-codec", f"{self.service} can use nothing of this offer; offer PCMU or PCMA")
        anchors = [lease(index, announced) if chosen else None for index, chosen in enumerate(codecs)]
        answer = self._describe(offer, codecs, anchors, now)
        if web:
            self._secure(answer, anchors, announced, now)
        ours = Reading(answer, terminates=web).announced
        read = Read(offer.encode(), web)
        self._serve(zip(anchors, offer.media, announced, ours, strict=True), read, now)
        self._offer, self._answer = raw, answer.encode()
        return self._answer

    @staticmethod
    def _secure(
        answer: SessionDescription, anchors: list[Anchor | None], announced: Sequence[Announced], now: float
    ) -> None:
        """The caller's ICE and DTLS end here."""
        accepted = [(anchor, own) for anchor, own in zip(anchors, announced, strict=True) if anchor is not None]
        leg, host = next((anchor.leg, anchor.address.advertised) for anchor in anchors if anchor is not None)
        bundle.learn(accepted, now)
        bundle.identify(leg, announced, stamped=False)
        bundle.write_groups(answer, leg, announced)
        dress_all(answer, anchors, host, answering=True)

    def offer(self, lease: Leaser, now: float) -> bytes:
        """Our own offer, for an INVITE that brought none (RFC 3261 section 13.3.1.4)."""
        anchor = lease(0, ())
        origin = self._next_origin(Connection.of_host(anchor.address.advertised), now)
        offer = propose(anchor, origin, ("PCMU", "PCMA", "G722", "opus"))
        self._offer, self._answer = b"", offer.encode()
        return self._answer

    def answered(self, raw: bytes, lease: Leaser, now: float, *, web: bool = False) -> None:
        """The caller's answer to our offer; `web` as in `answer`. Raises `MediaRefused`."""
        answer = SessionDescription.parse(raw)
        announced = Reading(answer, terminates=web).announced
        reject_unproven(answer, announced)
        read = Read(raw, web)
        if not announced or not self._codecs(answer.media[0], announced[0]):
            raise MediaRefused("service-codec", f"{self.service} can use nothing of this answer; answer with PCMU")
        own = Reading(SessionDescription.parse(self._answer), terminates=web).announced
        bundle.learn([(lease(0, announced), announced[0])], now)
        self._serve([(lease(0, announced), answer.media[0], announced[0], own[0])], read, now)

    def acknowledged(self) -> list[str]:
        """The caller has our answer; gives where he wants to hear a tone and may not."""
        self._is_acknowledged, withheld = True, list[str]()
        for served in self._served.values():
            self._play(served)
            anchor, caller = served.anchor, served.caller
            if self.service is Service.TONE and caller.rtp is not None and not self._may_hear(anchor, caller):
                withheld.append(caller.rtp.host)
        return withheld

    def latched(self, anchor: Anchor) -> None:
        """From now on a port sends to where its packets come from (`anchor.remote`)."""
        served = self._served.get(anchor.index)
        if served is not None and anchor.remote is not None:
            self._moved[anchor.index] = (served.caller.rtp, anchor.remote.host)
            self._play(served)

    def _may_hear(self, anchor: Anchor, caller: Announced) -> bool:
        """Whether a tone may go where it would go. Under ICE and DTLS nothing does before the caller has answered."""
        if not self._doubted or caller.is_under_ice or caller.is_under_dtls:
            return True
        announced, host = self._moved.get(anchor.index, (None, ""))
        if caller.rtp is not None and announced != caller.rtp:
            host = caller.rtp.host
        return self._is_acknowledged and host == self._doubted

    def _codecs(self, section: MediaSection, announced: Announced, *, is_first: bool = True) -> list[Codec]:
        """What we take of a section, whether it is the `is_first` with audio: one codec and its telephone events;
        empty to reject the section."""
        if not announced.live or not announced.is_rtp or announced.encrypted:
            return []
        voice = [codec for codec in section.codecs.voice if codec.name]
        if self.service is Service.TONE:
            voice = [codec for codec in voice if is_first and converts(codec)]
            # Of what the caller can hear, what costs us least: a tone has no more in it.
            voice.sort(key=lambda codec: COST[codec.name.lower()])
        if not voice:
            return []
        events = [c for c in section.codecs if c.name == "telephone-event" and c.clock_hz == voice[0].clock_hz]
        return [voice[0], *events]

    def _next_origin(self, connection: Connection, now: float) -> Origin:
        """Each description of ours has the next version."""
        old = self._origin or Origin(
            "talkpath", str(int(now)), "0", connection.network, connection.family, connection.host
        )
        self._origin = old._replace(version=str(int(old.version) + 1))
        return self._origin

    def _describe(
        self, offer: SessionDescription, codecs: list[list[Codec]], anchors: list[Anchor | None], now: float
    ) -> SessionDescription:
        host = next(anchor.address.advertised for anchor in anchors if anchor is not None)
        connection = Connection.of_host(host)
        lines = ["v=0", f"o={self._next_origin(connection, now)}", "s=talkpath", f"c={connection}"]
        lines.append(f"t={offer.field('t') or '0 0'}")
        for section, chosen, anchor in zip(offer.media, codecs, anchors, strict=True):
            lines += _accepted(section, chosen, anchor) if anchor is not None else _rejected(section)
        return SessionDescription(lines)

    def _serve(self, sides: Iterable[Served], read: Read, now: float) -> None:
        """Hear the caller as it announced itself, and let the engine make the packets."""
        for anchor, section, caller, own in sides:
            if anchor is not None:
                talk = Talk(caller, own, caller.mux and own.mux)
                anchor.hears = Talk(own, caller, talk.mux)
                anchor.expect(talk)
                anchor.heed(talk, self._policy, now)
                codec = self._codecs(section, caller)[0]
                served = self._served[anchor.index] = _Voice(anchor, caller, read, codec.payload_type, codec.name)
                self._play(served)

    def _play(self, served: _Voice) -> None:
        """Start or stop what the engine makes; it is told only what changed."""
        anchor, caller = served.anchor, served.caller
        wanted = caller.receives and (caller.sends or self.service is Service.TONE)
        if self.service is Service.TONE and wanted and not self._may_hear(anchor, caller):
            wanted = False
        playing = (wanted, served.payload_type) if self.service is Service.TONE else (wanted, 0)
        if self._playing.get(anchor.index) == playing:
            return
        self._playing[anchor.index] = playing
        if self.service is Service.ECHO:
            if wanted:
                self._engine.reflect(anchor.port)
            else:
                self._engine.route(anchor.port, None)
        elif wanted:
            self._engine.tone(anchor.port, served.payload_type, served.codec.upper())
        else:
            self._engine.quiet(anchor.port)


def _accepted(section: MediaSection, chosen: list[Codec], anchor: Anchor) -> list[str]:
    numbers = " ".join(str(codec.payload_type) for codec in chosen)
    lines = [f"m={section.kind} {anchor.port.rtp} {section.protocol} {numbers}"]
    for codec in chosen:
        lines.append(f"a=rtpmap:{codec.payload_type} {codec.format}")
        if codec.fmtp is not None:
            lines.append(f"a=fmtp:{codec.payload_type} {codec.fmtp}")
        lines += [f"a=rtcp-fb:{codec.payload_type} {text}" for text in codec.feedback]
    if section.ptime_ms is not None:
        lines.append(f"a=ptime:{section.ptime_ms:g}")
    if section.rtcp_mux:
        lines.append("a=rtcp-mux")
    lines.append(f"a={section.direction.reversed}")
    return lines + _mid(section)


def _rejected(section: MediaSection) -> list[str]:
    return [f"m={section.kind} 0 {section.protocol} {' '.join(section.formats)}", *_mid(section)]


def _mid(section: MediaSection) -> list[str]:
    return [] if section.mid is None else [f"a=mid:{section.mid}"]
