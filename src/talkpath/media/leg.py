"""One party of a call: who it is, and our ports that face it, one for each section of its descriptions."""

from sys import intern
from typing import Protocol

from talkpath.base.address import Address
from talkpath.base.limits import MEDIA_BRANCHES
from talkpath.base.octets import raw, text
from talkpath.media.announced import Announced, Formats, WebAnnounced
from talkpath.media.conversion import Conversion
from talkpath.media.dialect import Dialect
from talkpath.media.engine import Climbed, Engine, HostPort, Leases, Port, Totals
from talkpath.media.expected import Expected
from talkpath.media.gated import GatedTransport
from talkpath.media.policy import CALLER, LegId, MediaAddress, MediaPolicy, Origin, Profile
from talkpath.media.portkeys import PortKeys, Spoken
from talkpath.media.record import LegRecord, PortRecord
from talkpath.media.talk import Talk
from talkpath.media.told import Packing, Told, Unpacking
from talkpath.media.transport import IceTransport
from talkpath.sdp.values import is_loopback, is_private

# What ends a party's ICE or DTLS on one of our ports.
Transport = IceTransport | GatedTransport


class Loudness(Protocol):
    """What is asked of a second of the engine's meter."""

    @property
    def at(self) -> float: ...
    @property
    def payload_type(self) -> int: ...
    @property
    def packets(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    @property
    def level_dbov(self) -> float | None: ...


# One for all: each empty set would be one of its own.
_NOBODY: frozenset[HostPort] = frozenset()
# Opus without levels (RFC 6464) needs more bytes for speech than for silence, whatever else of it cannot be read.
_OPUS = "OPUS"
# Louder than the comfort noise of a phone.
_SOUND_DBOV = -55.0
# Bytes of an RTP packet of Opus with 20 ms of speech, header and extensions included: silence has some 20 to 40.
_SOUND_BYTES = 50.0


class Anchor:
    """One leased port pair that faces a leg. It repeats nothing to the engine that the engine was told already."""

    __slots__ = (
        "_conversion",
        "_engine",
        "_expected",
        "_identity",
        "_numbers",
        "_sounds",
        "_target",
        "_watched_s",
        "_watched_since",
        "address",
        "announced",
        "carrier",
        "crypto",
        "has_sounded",
        "heard",
        "heard_at",
        "hears",
        "index",
        "is_bundled",
        "is_vacant",
        "kind",
        "leg",
        "must_send",
        "others",
        "parked",
        "port",
        "remote",
        "silent_packets",
        "transport",
    )

    def __init__(self, engine: Engine, leg: "Leg", index: int, address: MediaAddress, port: Port) -> None:
        self._engine = engine
        self._conversion: Conversion | None = None
        self._expected: Expected | None = None
        self._identity: tuple[str, int, tuple[int, ...], bool] | None = None
        self._numbers: tuple[tuple[int, int], ...] = ()
        self._target: Anchor | None = None
        self._watched_s: float | None = None
        self._watched_since = 0.0
        self.leg = leg
        self.index = index
        self.address = address
        self.port = port
        self.kind = ""
        #: where the leg wants to be sent to, by its own words, and where its packets were found to come from
        self.announced: Address | None = None
        self.remote: Address | None = None
        self.heard = False
        self.heard_at = 0.0
        #: what the other side says to this one, as that announced itself
        self.hears: Talk | None = None
        #: codecs of its payload types, the profile for those that are encrypted end to end; whether there was sound
        self._sounds: dict[int, str] = {}
        self.has_sounded = False
        #: in which sound was looked for, and there was none
        self.silent_packets = 0
        self.must_send = False
        #: ICE or DTLS towards this leg, None where it speaks neither
        self.transport: Transport | None = None
        #: those towards others who answered the same offer, while this one is heard
        self.parked: dict[LegId, Transport] = {}
        #: where parties are, or were, that share the port: what they send unheard is no stranger's. Port 0 is for any
        self.others = _NOBODY
        #: the anchor whose transport this one shares (RFC 9143); it keeps its port as long as somebody does
        self.carrier: Anchor | None = None
        #: the leg agreed to bundle this section
        self.is_bundled = False
        #: its own section is gone, and only others still need its port
        self.is_vacant = False
        #: SDES towards this leg where its keys end here
        self.crypto: PortKeys | None = None

    def save(self, pack: Packing) -> PortRecord:
        """As data."""
        identity, target, carrier = self._identity, self._target, self.carrier
        return PortRecord(
            self.leg.id,
            self.index,
            (self.address.host, self.address.advertised),
            raw(self.kind),
            self.announced,
            self.remote,
            self.heard,
            self.heard_at,
            () if self.has_sounded else tuple([(number, raw(name)) for number, name in self._sounds.items()]),
            self.has_sounded,
            self.silent_packets,
            self.must_send,
            self._watched_s,
            self._watched_since,
            None if self._expected is None else self._expected.save(),
            None if identity is None else (raw(identity[0]), *identity[1:]),
            self._numbers,
            None if target is None else pack.port(target.port),
            None if self._conversion is None else self._conversion.save(),
            tuple(sorted(self.others)),
            None if carrier is None else pack.port(carrier.port),
            self.is_bundled,
            self.is_vacant,
            None if self.crypto is None else self.crypto.save(),
            None if self.transport is None or carrier is not None else self.transport.save(),
            tuple([(leg, transport.save()) for leg, transport in self.parked.items()]),
        )

    @classmethod
    def resumed(cls, record: PortRecord, engine: Engine, leg: "Leg", port: Port) -> "Anchor":
        """The same again on a port of which the engine knows all already; `meet` joins it to others."""
        made = cls(engine, leg, record.section, MediaAddress(*record.address), port)
        made.kind, made.announced, made.remote = text(record.kind), record.announced, record.remote
        made.heard, made.heard_at = record.heard, record.heard_at
        made._sounds = {number: text(name) for number, name in record.sounds}
        made.has_sounded, made.silent_packets = record.has_sounded, record.silent_packets
        made.must_send = record.must_send
        made._watched_s, made._watched_since = record.watched_s, record.watched_since
        made._expected = None if record.expected is None else Expected.resumed(record.expected)
        if record.identity is not None:
            mid, extension, sources, stamped = record.identity
            made._identity = text(mid), extension, sources, stamped
        made._numbers = record.numbers
        made._conversion = None if record.conversion is None else Conversion.resumed(record.conversion)
        made.others = frozenset(record.others)
        made.is_bundled, made.is_vacant = record.is_bundled, record.is_vacant
        return made

    def meet(self, target: "Anchor | None", carrier: "Anchor | None") -> None:
        """Of a port that goes on: where it sends, as the engine knows, and whose transport it shares."""
        self._target, self.carrier = target, carrier
        if carrier is not None:
            self.transport = carrier.transport

    @property
    def local(self) -> Address:
        """What the peer is told: the advertised address and the RTP port."""
        return Address(self.address.advertised, self.port.rtp)

    @property
    def has_dtls(self) -> bool:
        """Whether DTLS towards this leg ends here."""
        return self.transport is not None and self.transport.uses_dtls

    @property
    def has_ice(self) -> bool:
        """Whether ICE towards this leg ends here."""
        return self.transport is not None and self.transport.uses_ice

    @property
    def watched_s(self) -> float | None:
        """After how many silent seconds the engine tells, None when the port is not watched."""
        return self._watched_s

    def expect(self, talk: Talk) -> bool:
        """Hear this leg where it announced itself. False when it named an address we cannot reach from here."""
        own = talk.own
        self.kind = own.kind
        names = {number: intern(name.upper() or str(own.protocol)) for number, _, name in own.formats.payload_types}
        self._sounds = names if own.kind == "audio" else {}
        if self.transport is not None and self.transport.uses_ice:
            self._expect_checked(talk, self.transport.mux)
            return True
        if own.held_by_address and self._expected is not None:
            return True  # it gives no address now, and comes back to the one it has (RFC 3264 section 8.4)
        reachable = own.rtp is None or own.rtp.is_ipv6 == self.address.is_ipv6
        rtp = own.rtp if reachable else None
        rtcp = own.rtcp if own.rtcp is not None and own.rtcp.is_ipv6 == self.address.is_ipv6 else None
        latch = self.leg.latch_host(rtp)
        if latch is not None and (":" in latch) != self.address.is_ipv6:
            latch = None
        unread, climb = not own.is_rtp or own.dtls, self.has_dtls
        mux = self.transport.mux if self.transport is not None else talk.mux
        kin = self._kin_host() if latch is None and own.is_rtp else None
        opaque = self._is_opaque(own)
        expected = Expected(rtp, rtcp, mux, latch, talk.formats, own.levels, unread, climb, opaque, kin, False)
        self.announced = own.rtp
        if expected != self._expected:
            self._expected = expected
            self.remote = rtp
            self._engine.expect(
                self.port,
                rtp=rtp,
                rtcp=rtcp,
                mux=mux,
                latch=latch,
                formats=talk.formats,
                levels=own.levels,
                raw=unread,
                climb=climb,
                opaque=opaque,
                kin=kin,
            )
        return reachable

    def _is_opaque(self, own: Announced) -> bool:
        """Encrypted, under keys that do not end here: those of SDES may, since the other side has answered."""
        return own.encrypted and self.crypto is None

    def _kin_host(self) -> str | None:
        """Where the signalling of this leg comes from, for a peer that sends its media from there unannounced."""
        origin = self.leg.origin
        return origin.host if origin is not None and (":" in origin.host) == self.address.is_ipv6 else None

    def _expect_checked(self, talk: Talk, mux: bool) -> None:
        """Whom to hear is for ICE to say."""
        own = talk.own
        opaque = self._is_opaque(own)
        expected = Expected(None, None, mux, None, talk.formats, own.levels, False, False, opaque, None, True)
        if expected != self._expected:
            self._expected = expected
            self._engine.expect(
                self.port,
                rtp=None,
                mux=mux,
                formats=talk.formats,
                levels=own.levels,
                ice=True,
                opaque=opaque,
            )

    def meet_another(self) -> None:
        """The port is for another who answered the same offer: nothing of what the engine was told holds."""
        self._expected = None
        if self.remote is not None:
            self.others |= {self.remote}

    def share_with(self, leg: "Leg", own: Announced) -> None:
        """Another who answered the same offer announced itself so, and may send here unheard."""
        if own.rtp is not None and len(self.others) < MEDIA_BRANCHES:
            self.others |= {own.rtp, own.rtcp or Address(own.rtp.host, own.rtp.port + 1)}
            if (hidden := leg.latch_host(own.rtp)) is not None:
                self.others |= {(hidden, 0)}

    def of_parties(self) -> frozenset[HostPort]:
        """Where those are that the port is or was for: what they sent while nobody knew that, before their answer, or
        while another was heard, is no stranger's."""
        rtp, rtcp = (None, None) if self._expected is None else self._expected[:2]
        own = () if rtp is None else (rtp, rtcp or Address(rtp.host, rtp.port + 1))
        return frozenset((*self.others, *own))

    def climbed(self, event: Climbed, now: float) -> None:
        """A STUN or DTLS packet came: it goes to the transport of who sent it."""
        transport = self.transport
        if self.parked and not (transport is not None and transport.is_of_peer(event)):
            transport = next((one for one in self.parked.values() if one.is_of_peer(event)), transport)
        if transport is not None:
            transport.receive(event, now)

    def identify(self, mid: str, web: WebAnnounced, *, stamped: bool) -> None:
        """By what packets of this section are known on a transport that others share."""
        identity = (mid, web.mid_extension, web.ssrcs, stamped)
        if identity != self._identity:
            self._identity = identity
            self._engine.identify(self.port, mid, extension=web.mid_extension, ssrcs=web.ssrcs, stamp=stamped)

    @property
    def is_identified(self) -> bool:
        """Whether the engine was told so."""
        return self._identity is not None

    def renumber(self, pairs: tuple[tuple[int, int], ...]) -> None:
        """What the leg calls otherwise than its call (`Dialect.renumbered`)."""
        if pairs != self._numbers:
            self._numbers = pairs
            self._engine.renumber(self.port, pairs)

    def go_plain(self) -> None:
        """The peer speaks plain RTP on this port after all. On a transport that is shared it cannot."""
        if self.transport is not None and self.carrier is None:
            self.transport.give_up()
            self.transport = None

    def forget(self) -> None:
        """The port was given back: name no other anchor any more, so that neither keeps the other."""
        self._target = self.carrier = None

    def route(self, target: "Anchor | None") -> None:
        """Send what this leg says out of `target`; None hears it without passing it on."""
        if target is not self._target:
            self._target = target
            self._engine.route(self.port, None if target is None else target.port)

    def convert(self, conversion: Conversion | None) -> None:
        """Put what this leg says into another codec on its way; None lets it pass as it is."""
        if conversion == self._conversion:
            return
        self._conversion = conversion
        if conversion is None:
            self._engine.untranscode(self.port)
        else:
            conversion.tell(self._engine, self.port)

    def heed(self, talk: Talk | None, policy: MediaPolicy, now: float) -> None:
        """Be told when this leg falls silent: soon when it should send, late when it is on hold; None for never."""
        timeout_s = 0.0
        self.must_send = False
        if talk is not None and talk.own.live and talk.other.live and talk.own.is_rtp:
            self.must_send = talk.own.sends and talk.other.receives
            timeout_s = policy.timeout_s if self.must_send else policy.hold_timeout_s
        if (timeout_s or None) != self._watched_s:
            self._watched_s, self._watched_since = timeout_s or None, now
            self._engine.watch(self.port, self._watched_s)

    @property
    def totals(self) -> Totals:
        """What it saw so far."""
        return self._engine.totals(self.port)

    def sound_in(self, second: Loudness) -> str | None:
        """The codec in which this second of the meter is the first with sound in it, else None."""
        codec = self._sounds.get(second.payload_type)
        if self.has_sounded or codec is None or not second.packets:
            return None
        if second.level_dbov is not None:
            self.has_sounded = second.level_dbov > _SOUND_DBOV
        elif codec == _OPUS:
            self.has_sounded = second.bytes / second.packets > _SOUND_BYTES
        else:
            return None
        if not self.has_sounded:
            self.silent_packets += second.packets
        return codec if self.has_sounded else None

    def watch_again(self) -> None:
        """Arm a watch that has fired."""
        self._engine.watch(self.port, self._watched_s)

    def is_silent(self, now: float) -> bool:
        """Whether nothing was heard for as long as the port is watched for."""
        if self._watched_s is None:
            return False
        last = self._engine.totals(self.port).last_heard
        return now - max(last or 0.0, self._watched_since) >= self._watched_s


class Leg:
    """The caller or one branch."""

    __slots__ = ("anchors", "dialect", "ends_here", "id", "last", "origin", "speaks_ice", "spoken")

    def __init__(self, id: LegId) -> None:
        self.id = id
        self.origin: Origin | None = None
        self.anchors: list[Anchor | None] = []
        #: the description it wrote last
        self.last: Told | None = None
        #: it spoke DTLS, which ends here
        self.ends_here = False
        #: so did its ICE
        self.speaks_ice = False
        #: of a leg that is no browser: profile and SDES keys of each section of its last description
        self.spoken: tuple[Spoken, ...] = ()
        #: of a page: how it is told of the call
        self.dialect: Dialect | None = None

    def save(self, pack: Packing) -> LegRecord:
        """As data, without its ports."""
        return LegRecord(
            self.id,
            None if self.origin is None else self.origin.save(),
            len(self.anchors),
            None if self.last is None else pack.told(self.last),
            self.ends_here,
            self.speaks_ice,
            tuple([(raw(one.protocol), tuple([raw(line) for line in one.lines])) for one in self.spoken]),
            None if self.dialect is None else self.dialect.save(),
        )

    def resume(self, record: LegRecord, pack: Unpacking) -> None:
        """Be what was saved, without its ports."""
        self.origin = None if record.origin is None else Origin.resumed(record.origin)
        self.anchors = [None] * record.sections
        self.last = None if record.last is None else pack.told[record.last]
        self.ends_here, self.speaks_ice = record.ends_here, record.speaks_ice
        self.spoken = tuple(Spoken(text(protocol), tuple(map(text, lines))) for protocol, lines in record.spoken)
        self.dialect = None if record.dialect is None else Dialect.resumed(record.dialect)

    @property
    def said(self) -> bytes:
        """The text that it wrote last, so that an offer to many branches is told once."""
        return b"" if self.last is None else self.last.raw

    @property
    def sections(self) -> tuple[Announced, ...]:
        """What it announced last."""
        return () if self.last is None else self.last.sections

    def its_dialect(self) -> Dialect:
        """Its dialect, from now on if it had none."""
        if self.dialect is None:
            self.dialect = Dialect(len(self.sections))
        return self.dialect

    @property
    def transports(self) -> list[Transport | None]:
        """What ends its ICE or DTLS, one a section."""
        return [None if anchor is None else anchor.transport for anchor in self.anchors]

    @property
    def side(self) -> str:
        """The word the ledger uses for it."""
        return "caller" if self.id == CALLER else "callee"

    @property
    def is_web(self) -> bool:
        """Whether it is a browser or like one: ICE and DTLS on one port, BUNDLE, and everything else of WebRTC."""
        if self.origin is not None and self.origin.webrtc:
            return True
        transports = (one.transport for one in self.anchors if one is not None)
        return any(one is not None and one.uses_ice and one.uses_dtls and one.mux for one in transports)

    @property
    def wants_dtls(self) -> bool:
        """Whether it is to be spoken to in DTLS whatever it said, or as long as it said nothing."""
        origin = self.origin
        return origin is not None and (origin.webrtc or (self.last is None and origin.profile is Profile.DTLS))

    @property
    def wants_ice(self) -> bool:
        """Whether it is to be offered ICE."""
        origin = self.origin
        return self.speaks_ice or self.is_web or (origin is not None and origin.ice and self.last is None)

    def introduce(self, origin: Origin, now: float) -> None:
        """Where the party is now. Who moved behind our NAT, or out of it, is told our address there from now on."""
        self.origin = origin
        for anchor in self.anchors:
            if anchor is not None and anchor.address not in origin.media:
                same = (one for one in origin.media if one.host == anchor.address.host)
                anchor.address = next(same, anchor.address)
                if anchor.transport is not None:
                    anchor.transport.rename(anchor.address.advertised, now)

    @property
    def had_spoken(self) -> bool:
        """Whether any packet of it was ever heard on the ports it has now."""
        return any(anchor is not None and anchor.heard for anchor in self.anchors)

    @property
    def heard_at(self) -> float:
        """When a packet of it was heard last, 0 for never."""
        return max((one.totals.last_heard or 0.0 for one in self.anchors if one is not None), default=0.0)

    @property
    def gone_since(self) -> float | None:
        """When it lost its consent on every transport, none of which came back in time; None while there is hope."""
        transports = [one.transport for one in self.anchors if one is not None]
        lost = [one.lost_at for one in transports if one is not None and one.is_gone]
        times = [at for at in lost if at is not None]
        return min(times) if times and len(times) == len(transports) else None

    def is_silent(self, now: float) -> bool:
        """Whether none of its watched ports heard anything for as long as it is watched for."""
        watched = [anchor for anchor in self.anchors if anchor is not None and anchor.watched_s is not None]
        return bool(watched) and all(anchor.is_silent(now) for anchor in watched)

    def formats(self, index: int) -> Formats | None:
        """What it announced last for this section."""
        return self.sections[index].formats if index < len(self.sections) else None

    def anchor(self, index: int) -> Anchor | None:
        return self.anchors[index] if index < len(self.anchors) else None

    def lease(self, leases: Leases, policy: MediaPolicy, index: int, wanted: Announced | None) -> Anchor:
        """Our port for this section, leased when there is none yet. Raises `Unavailable` when no port is free."""
        while len(self.anchors) <= index:
            self.anchors.append(None)
        anchor = self.anchors[index]
        if anchor is None:
            address = self._local_address(None if wanted is None else wanted.is_ipv6)
            port = leases.open(address.host, policy.first_port, policy.last_port)
            anchor = self.anchors[index] = Anchor(leases.engine, self, index, address, port)
        return anchor

    def share(self, leases: Leases, index: int, carrier: Anchor) -> Anchor:
        """A section on the transport of another, in the place of a port of its own if it had one."""
        while len(self.anchors) <= index:
            self.anchors.append(None)
        anchor = Anchor(leases.engine, self, index, carrier.address, leases.share(carrier.port))
        anchor.carrier, anchor.transport, anchor.is_bundled = carrier, carrier.transport, carrier.is_bundled
        self.anchors[index] = anchor
        return anchor

    def _local_address(self, is_ipv6: bool | None) -> MediaAddress:
        """Our address of the family this leg speaks; one family for all its sections, the preferred if unknown."""
        for anchor in self.anchors:
            if anchor is not None:
                return anchor.address
        assert self.origin is not None, "a leg is introduced by its origin before ports are leased for it"
        media = self.origin.media
        return next((address for address in media if address.is_ipv6 == is_ipv6), media[0])

    def latch_host(self, rtp: Address | None) -> str | None:
        """The host whose packets may take the place of the announced address; None for exactly that address.

        A leg behind a NAT is looked for at the address its signalling comes from; so is one that announces a private
        address from a public one, which cannot be reached (an ALG may have hidden the NAT from its signalling), and
        one on this very host that names another of its addresses, as pjsip does; so is one that comes from a private
        address and announces a public one: it asked a STUN server, or a router before us hides who comes. A public
        media address other than the signalling's is a gateway of its own and is taken at its word.
        """
        origin = self.origin
        if origin is None or rtp is None:
            return None if origin is None else origin.host
        private = is_private(rtp.host)
        if (private and not is_private(origin.host)) or (is_loopback(origin.host) and not is_loopback(rtp.host)):
            return origin.host
        hidden = private or rtp.host == origin.host or is_private(origin.host)
        return origin.host if origin.behind_nat and hidden else None
