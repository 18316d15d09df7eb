"""One way to a callee: the party, what was negotiated between it and the caller, and what we proposed to it."""

from collections.abc import Iterable

from talkpath.media.leg import Leg
from talkpath.media.negotiation import Negotiation, Role, Turn
from talkpath.media.policy import LegId, Origin
from talkpath.media.ports import Ports
from talkpath.media.proposal import propose
from talkpath.sdp import Connection
from talkpath.sdp import Origin as SdpOrigin


class Branch:
    """See the module."""

    __slots__ = ("_proposed_in", "leg", "negotiation", "proposed")

    def __init__(self, leg: LegId) -> None:
        self.leg = Leg(leg)
        self.negotiation = Negotiation()
        #: our own offer, empty where it was sent none; and the CSeq of the INVITE that carried it
        self.proposed = b""
        self._proposed_in = 0

    def propose(self, ports: Ports, target: Origin, codecs: Iterable[str], cseq: int, now: float) -> None:
        """Make our own offer, which goes to the party with this INVITE. Raises `Unavailable`."""
        self.leg.origin = target
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
