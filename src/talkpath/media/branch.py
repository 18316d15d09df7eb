"""One way to a callee: the party, what was negotiated between it and the caller, and what we proposed to it."""

from collections.abc import Iterable, Mapping

from talkpath.media.leg import Leg, Transport
from talkpath.media.negotiation import Negotiation, Role, Transaction, Turn
from talkpath.media.policy import LegId, Origin
from talkpath.media.ports import Ports
from talkpath.media.proposal import propose
from talkpath.media.record import BranchRecord, FamilyRecord
from talkpath.media.told import Packing, Unpacking
from talkpath.sdp import Connection
from talkpath.sdp import Origin as SdpOrigin


class Family:
    """The dialogs that answered one offer. It named our ports once, so they share them; who is heard holds them."""

    __slots__ = ("holder", "members", "transaction")

    def __init__(self, first: "Branch", transaction: Transaction) -> None:
        self.holder = first
        self.members = [first]
        self.transaction = transaction

    def save(self) -> FamilyRecord:
        """As data."""
        members = tuple([one.leg.id for one in self.members])
        return FamilyRecord(self.holder.leg.id, members, self.transaction)

    @classmethod
    def resumed(cls, record: FamilyRecord, branches: Mapping[LegId, "Branch"]) -> "Family":
        """The same again, known to its members."""
        made = cls(branches[LegId(record.holder)], Transaction(*record.transaction))
        made.members = [branches[LegId(leg)] for leg in record.members]
        for member in made.members:
            member.family = made
        return made


class Branch:
    """See the module."""

    __slots__ = ("_proposed_in", "family", "leg", "negotiation", "proposed")

    def __init__(self, leg: LegId) -> None:
        self.leg = Leg(leg)
        self.negotiation = Negotiation()
        #: our own offer, empty where it was sent none; and the CSeq of the INVITE that carried it
        self.proposed = b""
        self._proposed_in = 0
        #: None for who answers alone, or has got ports of its own
        self.family: Family | None = None

    def save(self, pack: Packing) -> BranchRecord:
        """As data, without its family."""
        proposed = (pack.text(self.proposed), self._proposed_in) if self.proposed else None
        return BranchRecord(self.leg.save(pack), self.negotiation.save(pack), proposed)

    @classmethod
    def resumed(cls, record: BranchRecord, pack: Unpacking) -> "Branch":
        """The same again, without its family."""
        made = cls(LegId(record.leg.id))
        made.leg.resume(record.leg, pack)
        made.negotiation = Negotiation.resumed(record.negotiation, pack)
        if record.proposed is not None:
            at, made._proposed_in = record.proposed
            made.proposed = pack.texts[at]
        return made

    def fork(self, leg: LegId, cseq: int) -> "Branch":
        """Somebody else answers the INVITE of this CSeq that was sent here."""
        transaction = Transaction(True, "INVITE", cseq)
        made = Branch(leg)
        made.negotiation = self.negotiation.forked(transaction)
        made.proposed, made._proposed_in, made.leg.origin = self.proposed, self._proposed_in, self.leg.origin
        made.leg.dialect = None if self.leg.dialect is None else self.leg.dialect.copy()
        if made.negotiation.waiting or made.proposed:
            self.family = made.family = self.family or Family(self, transaction)
            self.family.members.append(made)
        return made

    @property
    def is_portless(self) -> bool:
        """Whether another dialog holds the ports that this one was offered."""
        return self.family is not None and self.family.holder is not self

    @property
    def transports(self) -> list[Transport | None]:
        """What ends its ICE or DTLS, one a section, also while another dialog holds the ports."""
        if self.family is None or not self.is_portless:
            return self.leg.transports
        held = self.family.holder.leg.anchors
        return [None if one is None else (one.carrier or one).parked.get(self.leg.id) for one in held]

    def take_ports(self) -> LegId:
        """Hold the ports of the family; gives who held them."""
        assert self.family is not None
        holder, self.family.holder = self.family.holder, self
        self.leg.anchors, holder.leg.anchors = holder.leg.anchors, []
        for anchor in self.leg.anchors:
            if anchor is not None:
                anchor.leg = self.leg
        return holder.leg.id

    def leave(self) -> None:
        """Have no part in the family's ports any more. Who is left alone needs no family."""
        if self.family is not None:
            self.family.members.remove(self)
            if len(self.family.members) == 1:
                self.family.members[0].family = None
            self.family = None

    def propose(self, ports: Ports, target: Origin, codecs: Iterable[str], cseq: int, now: float) -> None:
        """Make our own offer, which goes to the party with this INVITE. Raises `Unavailable`."""
        self.leg.introduce(target, now)
        anchor = ports.lease(self.leg, 0, None, True, None, now)
        at = Connection.of_host(anchor.address.advertised)
        author = SdpOrigin("talkpath", str(int(now)), "1", at.network, at.family, at.host)
        self.proposed, self._proposed_in = propose(anchor, author, codecs).encode(), cseq

    def answers_proposal(self, turn: Turn) -> bool:
        """Whether what is an offer to the caller is the party's answer to ours."""
        transaction = turn.transaction
        is_of_invite = (transaction.by_caller, transaction.method) == (True, "INVITE")
        return (
            turn.role is Role.OFFER and is_of_invite and bool(self.proposed) and transaction.cseq == self._proposed_in
        )
