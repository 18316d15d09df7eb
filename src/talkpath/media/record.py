"""A call's media as data: what another process needs to go on with it, beside what the engine says of its ports.

Written as MessagePack maps by field names, with small values that never get another item as arrays. A field that
comes later has a default, and who does not know a field passes over it; `VERSION` is raised only by what an older
reader would misunderstand. Whatever a peer wrote is kept as the bytes that it was, each text once; what was read from
a description is read again. Times are seconds since the epoch.

A record has secrets in it (keys, passwords): whoever keeps or sends it seals it.
"""

from typing import Final

import msgspec

from talkpath.base.address import Address
from talkpath.base.errors import Malformed
from talkpath.ice.record import AgentRecord

VERSION: Final = 1

#: payload type, clock in Hz, name
FormatRecord = tuple[int, int, bytes]
#: whether the caller began it, its method and CSeq
TransactionRecord = tuple[bool, str, int]


class OriginRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """`Origin`; `media` are our addresses, each with what is advertised for it."""

    host: str
    behind_nat: bool
    media: tuple[tuple[str, str], ...]
    webrtc: bool = False
    secure: bool = True
    profile: str | None = None
    ice: bool = False
    speaks: tuple[str, ...] = ()
    own_keys: bool = False


class ConversionRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """`Conversion`. `heard` are payload type, clock, name, and what it is sent as; `marks` are source, identifier of
    the header extension, and mid."""

    heard: tuple[tuple[int, int, bytes, tuple[int, int] | None], ...]
    payload_type: int
    codec: bytes
    packet_ms: int
    wishes: dict[str, int]
    marks: tuple[int | None, int, bytes]


class BridgeRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """`Bridge` of one section, by its place."""

    section: int
    offerer: ConversionRecord
    answerer: ConversionRecord
    changes_voice: bool


class ToldRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """`Told`; its texts are named by their place in `MediaRecord.texts`."""

    by_caller: bool
    raw: int
    sent: int
    read: int
    own: int
    asked: int
    terminates: bool = False
    bridges: tuple[BridgeRecord, ...] = ()
    is_settled: bool = False
    holds_kept: tuple[int, ...] = ()


class AgreementRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """`Agreement`: places in `MediaRecord.told`, and in the agreements of its negotiation."""

    transaction: TransactionRecord
    offer: int
    answer: int
    before: int | None = None


class NegotiationRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """`Negotiation`: what each transaction came to, and the offers that wait, both oldest first."""

    agreements: tuple[AgreementRecord, ...] = ()
    done: tuple[tuple[TransactionRecord, int], ...] = ()
    waiting: tuple[tuple[TransactionRecord, int], ...] = ()
    agreed: int | None = None


class DialectRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """`Dialect`; `numbers` are the page's payload types by the call's, of each section that has some."""

    places: tuple[int, ...]
    count: int
    mids: dict[int, bytes] = {}
    values: dict[int, bytes] = {}
    numbers: dict[int, tuple[tuple[int, int], ...]] = {}


class LegRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """`Leg`. `last` is the place in `MediaRecord.told` of what it said last, `sections` how many it has had; `spoken`
    are profile and keys of each section."""

    id: int
    origin: OriginRecord | None = None
    sections: int = 0
    last: int | None = None
    ends_here: bool = False
    speaks_ice: bool = False
    spoken: tuple[tuple[bytes, tuple[bytes, ...]], ...] = ()
    dialect: DialectRecord | None = None


class BranchRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """`Branch`. `proposed` is the place of the text of our own offer, and the CSeq of its INVITE."""

    leg: LegRecord
    negotiation: NegotiationRecord
    proposed: tuple[int, int] | None = None


class FamilyRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """`Family`, by the legs of its members."""

    holder: int
    members: tuple[int, ...]
    transaction: TransactionRecord


class HearingRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """`Hearing`, by legs."""

    branches: tuple[BranchRecord, ...] = ()
    families: tuple[FamilyRecord, ...] = ()
    heard: int | None = None
    chosen: int | None = None
    confirmed: tuple[int, ...] = ()


class StandingRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """`Standing`. Addresses are with whether they are of the RTCP port, and so are keys: suite, ours, theirs, MKI."""

    is_parked: bool = False
    approved: tuple[tuple[Address, bool], ...] = ()
    sends_to: tuple[tuple[bool, Address], ...] = ()
    is_shut: bool = False
    keys: tuple[tuple[bool, str, tuple[bytes, bytes], tuple[bytes, bytes], bytes], ...] = ()
    names: tuple[tuple[str, str], ...] = ()


class KeyingRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """`Keying` with no handshake under way. `theirs` are the fingerprints and tls-id of the peer; `begun` is where we
    began a handshake as client, `association` where the peer of the one that stands was."""

    theirs: tuple[tuple[tuple[bytes, bytes], ...], bytes] | None = None
    active: bool | None = None
    remote: Address | None = None
    begun: Address | None = None
    association: Address | None = None
    has_begun: bool = False
    is_foreign: bool = False
    is_keyed: bool = False


class IceRecord(msgspec.Struct, frozen=True, omit_defaults=True, tag="ice"):
    """`IceTransport`; what is of one component is by its number."""

    standing: StandingRecord
    offered: tuple[bool, bool, bool, str]
    local: dict[int, Address]
    agent: AgentRecord
    keyings: dict[int, KeyingRecord]
    protocol: bytes
    mux: bool
    is_agreed: bool = False
    names: tuple[tuple[str, str], ...] = ()
    theirs: tuple[bytes, bytes] | None = None
    named: tuple[bytes, ...] = ()
    trickles: bool = False
    pairs: dict[int, Address] = {}
    has_checked: bool = False
    is_lost: bool = False
    lost_at: float | None = None
    gone_at: float | None = None
    is_gone: bool = False
    sent: int = 0
    answered: int = 0


class GatedRecord(msgspec.Struct, frozen=True, omit_defaults=True, tag="gated"):
    """`GatedTransport`."""

    standing: StandingRecord
    local: Address
    rtp: KeyingRecord
    rtcp: KeyingRecord
    protocol: bytes
    mux: bool = False
    named: Address | None = None


TransportRecord = IceRecord | GatedRecord


class KeysRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """`PortKeys`: values of `a=crypto`."""

    offered: tuple[str, ...] = ()
    chosen_of: tuple[str, ...] = ()
    ours: str | None = None


class ExpectedRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the engine was told last of whom to hear (`Engine.expect`)."""

    rtp: Address | None = None
    rtcp: Address | None = None
    mux: bool = False
    latch: str | None = None
    formats: tuple[FormatRecord, ...] = ()
    levels: int = 0
    raw: bool = False
    climb: bool = False
    opaque: bool = False
    kin: str | None = None
    ice: bool = False


class PortRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """`Anchor`. `target` and `carrier` are places among the ports; `identity` is mid, extension, sources and whether
    they are stamped; `sounds` are codecs by payload type, where no sound was heard yet."""

    leg: int
    section: int
    address: tuple[str, str]
    kind: bytes = b""
    announced: Address | None = None
    remote: Address | None = None
    heard: bool = False
    heard_at: float = 0.0
    sounds: tuple[tuple[int, bytes], ...] = ()
    has_sounded: bool = False
    silent_packets: int = 0
    must_send: bool = False
    watched_s: float | None = None
    watched_since: float = 0.0
    expected: ExpectedRecord | None = None
    identity: tuple[bytes, int, tuple[int, ...], bool] | None = None
    numbers: tuple[tuple[int, int], ...] = ()
    target: int | None = None
    conversion: ConversionRecord | None = None
    others: tuple[tuple[str, int], ...] = ()
    carrier: int | None = None
    is_bundled: bool = False
    is_vacant: bool = False
    crypto: KeysRecord | None = None
    transport: TransportRecord | None = None
    parked: tuple[tuple[int, TransportRecord], ...] = ()


class TotalsRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """What passed through a port that was given back (`Totals`)."""

    heard_packets: int = 0
    heard_bytes: int = 0
    heard_rtcp: int = 0
    sent_packets: int = 0
    sent_bytes: int = 0
    sent_rtcp: int = 0
    lost: int = 0
    strangers: int = 0
    unauthentic: int = 0
    replayed: int = 0
    last_heard: float | None = None
    forgiven: int = 0
    dropped: tuple[tuple[str, int, int], ...] = ()


class ReleasedRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """`PortTotals`."""

    leg: int
    section: int
    kind: bytes
    local: str
    totals: TotalsRecord
    others: tuple[tuple[str, int], ...] = ()


class LinksRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """`LinkWatch`: what was told, by link and side."""

    answered_at: float | None = None
    looks_at: float | None = None
    told: tuple[tuple[str, str], ...] = ()


class ServedRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """A section that a service serves. `read` is the place of the text in which the caller announced it; `moved` is
    where it was announced when it was found elsewhere, and at which host; `playing` is what the engine was told to
    make."""

    section: int
    read: int
    terminates: bool
    payload_type: int
    codec: bytes
    moved: tuple[Address | None, str] | None = None
    playing: tuple[bool, int] | None = None


class ServiceRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """`Serving`, texts named by their place: the offer that was answered, our description without keys, and what was
    sent of it, which is an offer or an answer. `origin` is its o= as written."""

    service: str
    offer: int
    answer: int
    doubted: str = ""
    is_acknowledged: bool = False
    origin: str | None = None
    served: tuple[ServedRecord, ...] = ()
    described: tuple[str, int] | None = None


class MediaRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """`MediaSession`. Its ports are in the order in which the session names them, and in which the engine has to be
    asked for them and gives them."""

    version: int
    texts: tuple[bytes, ...]
    told: tuple[ToldRecord, ...]
    caller: LegRecord
    hearing: HearingRecord
    ports: tuple[PortRecord, ...]
    links: LinksRecord = LinksRecord()
    released: tuple[ReleasedRecord, ...] = ()
    service: ServiceRecord | None = None
    has_died: bool = False

    def said_by(self, leg: int) -> bytes | None:
        """The last description of a leg as it came, None where it gave none."""
        legs = [self.caller, *(branch.leg for branch in self.hearing.branches)]
        last = next((one.last for one in legs if one.id == leg), None)
        return None if last is None else self.texts[self.told[last].raw]


class Unsaid(msgspec.Struct, frozen=True):
    """A call that cannot be said as data at this moment: the code of the reason, and whose side it is of."""

    code: str
    side: str


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(MediaRecord)


def encoded(record: MediaRecord) -> bytes:
    """The bytes of a record."""
    return _encoder.encode(record)


def decoded(data: bytes) -> MediaRecord:
    """The record of its bytes. Raises Malformed(`media-record`) for what is none, or of a version to come."""
    try:
        record = _decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise Malformed("media-record", f"the record of a call's media cannot be read ({error})") from error
    if record.version > VERSION:
        raise Malformed(
            "media-record", f"the record of a call's media is of version {record.version}, and this is {VERSION}"
        )
    return record
