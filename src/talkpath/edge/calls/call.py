"""A running call as the edge keeps it: its two parties, their flows, and its media.

The proxy routes in-dialog requests by the tokens in their routes and needs none of this; it is kept to anchor media,
to find a party again whose connection was replaced, and to end a dead call on both sides.
"""

from collections.abc import Sequence
from enum import Enum, auto
from typing import Protocol

from talkpath.base.address import Address, Flow, Hop, Target
from talkpath.calls.model import Side
from talkpath.edge.calls.tape import Announcement, Running
from talkpath.edge.forking.tastes import PhoneKey
from talkpath.edge.gateways.settings import GatewaySettings
from talkpath.edge.gateways.through import Through
from talkpath.edge.places.locality import Locality
from talkpath.edge.registrar.contact import reached_at
from talkpath.media.policy import LegId, Profile
from talkpath.media.session import MediaSession
from talkpath.sip.message import Message

# One for all: each empty set would be one of its own.
_NOTHING: frozenset[Profile] = frozenset()


class Phase(Enum):
    """How far a call has come."""

    CALLING = auto()
    ANSWERED = auto()
    OVER = auto()


class Party:
    """One end of a call: the caller, or one dialog with who answers.

    A branch is one dialog as a rule. Behind a gateway or a proxy several may answer what was sent once; each tag is a
    dialog of its own, with its own target, route, media and end (RFC 3261 sections 12.1, 13.2.2.4 and 15).
    """

    __slots__ = (
        "agent",
        "at",
        "behind_nat",
        "caller_as",
        "contact",
        "cseq",
        "cseq_shift",
        "first",
        "flow",
        "has_ended_early",
        "ice",
        "identity",
        "is_acknowledged",
        "is_caller_told",
        "is_confirmed",
        "is_hanging_up",
        "is_over",
        "is_told_the_end",
        "leg",
        "misses",
        "name",
        "node",
        "own_keys",
        "profile",
        "refused",
        "routes",
        "tag",
        "through",
        "user",
    )

    def __init__(self, leg: LegId, flow: Hop, behind_nat: bool) -> None:
        self.leg = leg
        self.flow = flow
        #: Where the phone itself is, when another node stands between, and the name of that node.
        self.at: Hop | None = None
        self.node = ""
        self.behind_nat = behind_nat
        #: From or To value of this party, with its tag.
        self.name = ""
        #: What a callee was told that the caller is called, with its tag; "" for what the caller itself says.
        self.caller_as = ""
        self.tag = ""
        #: Its Contact URI and the route from us to it (RFC 3261 section 12.1).
        self.contact = ""
        self.routes: Sequence[str] = ()
        #: The last CSeq number it used in this dialog, 0 for none.
        self.cseq = 0
        #: What requests to it have more in CSeq than the other side wrote (docs/decisions/profiles-and-bundles.md).
        self.cseq_shift = 0
        #: The dialog of the same branch that was there before it, None for the first.
        self.first: Party | None = None
        #: Its 2xx went to the caller; the ACK passed; a BYE is under way; it ended.
        self.is_confirmed = self.is_acknowledged = self.is_hanging_up = self.is_over = False
        #: It was said that this early dialog is over (RFC 6228).
        self.has_ended_early = False
        #: How often in a row it did not answer whether it knows the call.
        self.misses = 0
        #: We sent it, or the caller of this dialog, a BYE of our own.
        self.is_told_the_end = self.is_caller_told = False
        #: The registration it was reached by or calls from: user and identity of the binding, and its User-Agent.
        self.user = ""
        self.identity: tuple[str, str] | None = None
        self.agent = ""
        #: What it is offered while it has not spoken (None: judged by the other side), and what it refused.
        self.profile: Profile | None = None
        self.refused = _NOTHING
        #: Whether it refused the keys of the other side, or the codecs under them, and gets ours.
        self.own_keys = False
        #: Whether it said when it registered that it speaks ICE.
        self.ice = False
        #: The gateway that it is behind.
        self.through: Through | None = None

    @property
    def place(self) -> Hop:
        """Where it is for its media: at the far end of its own flow, whoever passes its signalling on. Which address
        of another node it meets there says nothing of ours."""
        at = self.at
        return self.flow if at is None else Target(at.transport, at.remote)

    @property
    def phone(self) -> PhoneKey | None:
        """By what the tastes of a registered phone are kept."""
        return None if self.identity is None else (self.user, self.identity)

    def is_called_as(self, other: "Party") -> None:
        """What was called is what `other` was called as: the same phone or gateway, with the same offer."""
        self.user, self.identity, self.agent, self.ice = other.user, other.identity, other.agent, other.ice
        self.profile, self.refused, self.own_keys = other.profile, other.refused, other.own_keys
        self.through, self.at, self.node = other.through, other.at, other.node

    def spoke_to(self, node: str, flow: Flow, behind_nat: bool, way: Hop) -> None:
        """A message of it came to another node, on `flow` there, and `way` leads to that node."""
        self.node, self.at, self.behind_nat, self.flow = node, flow, behind_nat, way

    def learn(self, message: Message, name: str, routes: Sequence[str]) -> None:
        """Take up what a dialog-forming message says of this party."""
        self.name = message.first(name) or ""
        self.tag = message.from_tag if name == "From" else message.to_tag
        self.routes = routes
        self.refresh(message)

    def speaks_from(self, flow: Flow, behind_nat: bool) -> None:
        """A message of it came on `flow`: it is reached there, or at its Contact where nothing stands between."""
        self.behind_nat, self.node, self.at = behind_nat, "", None
        self.flow = flow if self.routes else reached_at(flow, self.contact, behind_nat)

    def refresh(self, message: Message) -> None:
        """A target refresh: INVITE, UPDATE and their 2xx move the Contact (RFC 3261 section 12.2)."""
        if message.frame.index("Contact") >= 0:
            self.contact = message.uri_of("Contact")


class Unanswered(Protocol):
    """The INVITE that began a call, while nobody has answered it."""

    def abandon(self, now: float, reason: str, why: str) -> None:
        """Stop the ringing: with a Reason for the phones, and why in words."""


class RunningCall:
    """One call: a caller, the branches that ring, and who answered: `winner` is whom the caller hears."""

    __slots__ = (
        "announcement",
        "call_id",
        "callees",
        "caller",
        "came_from",
        "given_up_as",
        "heard_at",
        "hung_up_at",
        "hung_up_by",
        "invite_cseq",
        "is_cancelled",
        "is_to_be_recorded",
        "key",
        "look_at",
        "media",
        "next_leg",
        "offers",
        "phase",
        "recording",
        "seats",
        "session_s",
        "unanswered",
        "was_recorded",
        "winner",
    )

    def __init__(self, call_id: str, caller: Party, now: float) -> None:
        self.call_id = call_id
        self.caller = caller
        self.callees: dict[LegId, Party] = {}
        self.media: MediaSession | None = None
        self.next_leg = 1
        #: The profile that the caller brings; plain RTP where it brings none of a phone's.
        self.offers = Profile.PLAIN
        self.phase = Phase.CALLING
        self.winner: Party | None = None
        #: A script wants it recorded.
        self.is_to_be_recorded = False
        #: What a script wants said of it, None for what the settings say.
        self.announcement: Announcement | None = None
        #: The recording that runs; whether one ever did, so that what was stopped by hand does not begin by itself.
        self.recording: Running | None = None
        self.was_recorded = False
        #: The gateway that brought it.
        self.came_from: GatewaySettings | None = None
        #: What it is known by while it runs (`Core.begin`).
        self.key = (call_id, caller.tag)
        #: The gateways that it was sent to, or came from.
        self.seats: list[Through] = []
        #: Its INVITE, as long as that can be given up.
        self.unanswered: Unanswered | None = None
        self.invite_cseq = caller.cseq
        self.is_cancelled = False
        #: How it ends, in a word, where we gave it up: its caller did not come back in time.
        self.given_up_as = ""
        #: The last word of its parties, when we look whether it still lives, and its session timer, 0 for none.
        self.heard_at = self.look_at = now
        self.session_s = 0
        #: When the BYE came that ends it, and whose: then they stopped talking, whenever it is answered.
        self.hung_up_at: float | None = None
        self.hung_up_by = Side.UNKNOWN

    def add_callee(self, flow: Hop, behind_nat: bool) -> Party:
        """A new branch."""
        party = Party(LegId(self.next_leg), flow, behind_nat)
        self.callees[party.leg] = party
        self.next_leg += 1
        return party

    def add_dialog(self, first: Party) -> Party:
        """Somebody else answers on the branch of `first`."""
        party = self.add_callee(first.flow, first.behind_nat)
        party.first = first
        party.is_called_as(first)
        party.cseq_shift, party.caller_as = first.cseq_shift, first.caller_as
        return party

    def dialogs_of(self, first: Party) -> list[Party]:
        """All who answered on a branch."""
        return [party for party in self.callees.values() if party is first or party.first is first]

    def lasting(self) -> list[Party]:
        """The dialogs that were answered and whose end nobody wants."""
        parties = self.callees.values()
        return [one for one in parties if one.is_confirmed and not (one.is_over or one.is_hanging_up)]

    @property
    def is_lasting(self) -> bool:
        """Whether there is such a dialog."""
        return any(one.is_confirmed and not (one.is_over or one.is_hanging_up) for one in self.callees.values())

    def sides(self, request: Message) -> tuple[Party, Party] | None:
        """(who sent an in-dialog request, who is to get it), or None when the tags are not of this call."""
        if request.from_tag == self.caller.tag:
            callee = self._callee(request.to_tag)
            return (self.caller, callee) if callee else None
        if request.to_tag == self.caller.tag:
            callee = self._callee(request.from_tag)
            return (callee, self.caller) if callee else None
        return None

    def _callee(self, tag: str) -> Party | None:
        return next((party for party in self.callees.values() if party.tag == tag and tag), None)


def own_request(
    method: str,
    number: int,
    call_id: str,
    to: Party,
    names: Sequence[str],
    via: str,
    lead: str,
    fields: str,
    body: bytes,
) -> bytes:
    """A request to one party in the other's name (RFC 3261 sections 13.2.2.4, 15.1.1), with our Via line. `names` are
    From and To, `number` is its CSeq as the receiver knows it; `lead` is the Route value that leads to the node which
    holds its flow."""
    routes = "".join(f"Route: {route}\r\n" for route in ((lead, *to.routes) if lead else to.routes))
    return (
        f"{method} {to.contact} SIP/2.0\r\n{via}{routes}Max-Forwards: 70\r\n"
        f"From: {names[0]}\r\nTo: {names[1]}\r\nCall-ID: {call_id}\r\n"
        f"CSeq: {number} {method}\r\n{fields}Content-Length: {len(body)}\r\n\r\n"
    ).encode("utf-8", "surrogateescape") + body


def facing(locality: Locality, hop: Flow) -> Address:
    """What we call ourselves towards the peer of a flow."""
    return locality.named(hop)
