"""A running call as data: what another process needs to go on with it.

Written as MessagePack maps by field names. Fields that are added have a default, and who does not know a field passes
over it, so that nodes of two versions understand each other in both directions; `VERSION` is raised only by what an
older node would misunderstand. Whatever a peer wrote is kept as the bytes that it was.

Times are seconds since the epoch.
"""

from typing import Final

import msgspec

from talkpath.base.address import Address, Flow, Hop, Target, Transport
from talkpath.base.errors import Malformed
from talkpath.base.octets import text
from talkpath.calls.model import Side
from talkpath.edge.calls.tape import Before
from talkpath.media.policy import Profile
from talkpath.media.record import VERSION as MEDIA_VERSION
from talkpath.media.record import MediaRecord
from talkpath.media.service import Service
from talkpath.sip.message import Message

VERSION: Final = 2
#: What an older node reads: a call that was answered.
_ANSWERED_VERSION: Final = 1


class HopRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """The way to a party: a flow where `local` says where it begins, else a place to connect to."""

    transport: Transport
    remote: Address
    local: Address | None = None
    connection: int = 0
    name: str = ""


def record_of_hop(hop: Hop) -> HopRecord:
    """A way as data."""
    if isinstance(hop, Flow):
        return HopRecord(hop.transport, hop.remote, hop.local, hop.connection)
    return HopRecord(hop.transport, hop.remote, name=hop.name)


def hop_of_record(record: HopRecord) -> Hop:
    """The way that it says."""
    if record.local is None:
        return Target(record.transport, record.remote, record.name)
    return Flow(record.transport, record.local, record.remote, record.connection)


class SeatRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """A channel that the call takes at a gateway; `is_open` while it is not known what became of it there."""

    gateway: str
    key: tuple[bytes, ...]
    is_open: bool = False


class PartyRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """`Party`; `first` is the leg of the dialog of the same branch that was there before it, `seat` the place of its
    gateway among those of the call."""

    leg: int
    hop: HopRecord
    behind_nat: bool = False
    name: bytes = b""
    caller_as: bytes = b""
    tag: bytes = b""
    contact: bytes = b""
    routes: tuple[bytes, ...] = ()
    cseq: int = 0
    cseq_shift: int = 0
    first: int | None = None
    is_confirmed: bool = False
    is_acknowledged: bool = False
    is_hanging_up: bool = False
    is_over: bool = False
    is_told_the_end: bool = False
    is_caller_told: bool = False
    user: bytes = b""
    identity: tuple[bytes, bytes] | None = None
    agent: bytes = b""
    profile: Profile | None = None
    refused: tuple[Profile, ...] = ()
    ice: bool = False
    own_keys: bool = False
    seat: int | None = None
    at: HopRecord | None = None
    node: str = ""


class BranchRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """`Branch` while its answer may come: `data` is its INVITE as it was sent, `id` what its Via is known by, `leg`
    whose answer it is; `is_heard` that a provisional one came."""

    leg: int
    id: bytes
    hop: HopRecord
    data: bytes
    uri: bytes
    cseq_shift: int = 0
    record_routes: int = 0
    is_place: bool = False
    is_renamed: bool = False
    is_passed_over: bool = False
    is_heard: bool = False
    cancel_reason: bytes | None = None
    answer_removed: tuple[bytes, ...] = ()
    answer_added: bytes = b""


class RingingRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """`Fork` of the INVITE that began a call, while nobody has answered it: the INVITE as it came, where, and who
    `proven` sent it. `has_others` says that more would be tried, `is_bound` that nobody but who rang can pass the
    answer on."""

    flow: HopRecord
    invite: bytes
    branches: tuple[BranchRecord, ...] = ()
    best_status: int = 0
    proven: bytes = b""
    is_cancelled: bool = False
    has_others: bool = False
    is_bound: bool = False


class CallRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """`RunningCall`, with `ringing` until it is answered. `name` tells it from others with its Call-ID; `winner` is a
    leg, `came_from` the name of a gateway, `toll` the account that pays for it and whether it goes abroad.
    `recorded_for` is by whose word its recording began, "" where none runs; `recorded_as` its name, `recording_told`
    whether the sides heard of it to the end, and `recording_paused_by` who paused it, if anybody did.
    `script` is what the operator's script remembers of it."""

    version: int
    call_id: bytes
    name: bytes
    caller: PartyRecord
    callees: tuple[PartyRecord, ...]
    next_leg: int
    winner: int | None = None
    offers: Profile = Profile.PLAIN
    invite_cseq: int = 0
    heard_at: float = 0.0
    session_s: int = 0
    hung_up_at: float | None = None
    hung_up_by: Side = Side.UNKNOWN
    is_to_be_recorded: bool = False
    was_recorded: bool = False
    came_from: str = ""
    seats: tuple[SeatRecord, ...] = ()
    service: Service | None = None
    toll: tuple[str, bool] | None = None
    media: MediaRecord | None = None
    recorded_for: str = ""
    recorded_as: str = ""
    recording_told: bool = False
    recording_paused_by: str | None = None
    ringing: RingingRecord | None = None
    script: bytes = b""

    @property
    def hosts(self) -> frozenset[str]:
        """Our addresses that it needs: of its ports, and of what its parties speak to."""
        flows = [one.hop.local.host for one in (self.caller, *self.callees) if one.hop.local is not None]
        ports = [] if self.media is None else [one.address[0] for one in self.media.ports]
        ways = () if self.ringing is None else (self.ringing.flow.local,)
        return frozenset((*flows, *ports, *[way.host for way in ways if way is not None]))

    @property
    def recorded(self) -> Before | None:
        """The recording that ran."""
        if not self.recorded_for:
            return None
        return Before(self.recorded_for, self.recorded_as, self.recording_told, self.recording_paused_by)

    @property
    def key(self) -> tuple[str, str]:
        """What it is known by among nodes."""
        return text(self.call_id), text(self.name)


def version_of(ringing: RingingRecord | None) -> int:
    """Who does not know of calls that ring would take one for answered."""
    return _ANSWERED_VERSION if ringing is None else VERSION


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(CallRecord)


def encoded(record: CallRecord) -> bytes:
    """The bytes of a record."""
    return _encoder.encode(record)


def decoded(data: bytes) -> CallRecord:
    """The record of its bytes. Raises Malformed(`call-record`) for bytes that are none, or of a version to come."""
    try:
        record = _decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise Malformed("call-record", f"the record of a call cannot be read ({error})") from error
    if record.version > VERSION or (record.media is not None and record.media.version > MEDIA_VERSION):
        raise Malformed("call-record", "the record of a call is of a version that this node does not know")
    if record.ringing is not None:
        _ = Message.parse(record.ringing.invite).top_via
    return record
