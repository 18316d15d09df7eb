"""Offer and answer between the caller and one branch (RFC 3264), wherever SIP carries them (RFC 6337 section 2.2).

    offer in            answer in
    INVITE              2xx, or a reliable 1xx; an unreliable 1xx may show it early
    2xx to INVITE       ACK
    reliable 1xx        PRACK
    PRACK, UPDATE       2xx to it

So the first description of a transaction is its offer and the first one the other way is its answer; whatever comes
after is a repetition. Each transaction waits for its own answer, so crossing offers (glare) do not disturb each
other: the phones refuse one with 491 and the refusal forgets it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import NamedTuple, TypeVar

from talkpath.base.limits import MEDIA_EXCHANGES
from talkpath.media.conversion import Conversion
from talkpath.media.record import AgreementRecord, NegotiationRecord
from talkpath.media.told import Packing, Told, Unpacking

Item = TypeVar("Item")


class Exchange(NamedTuple):
    """The SIP message that carries a description. `status` is 0 for a request; `reliable` is for 1xx (RFC 3262)."""

    method: str
    cseq: int
    status: int = 0
    reliable: bool = False


class Transaction(NamedTuple):
    """Which request an exchange belongs to; CSeq numbers count for each side by itself."""

    by_caller: bool
    method: str
    cseq: int


@dataclass(slots=True)
class Agreement:
    """An offer and its answer. `before` is what a refusal falls back to, until the transaction is final."""

    transaction: Transaction
    offer: Told
    answer: Told
    before: "Agreement | None"

    def told_by(self, caller: bool) -> Told:
        """The description of the caller, or of the branch."""
        return self.offer if self.offer.by_caller == caller else self.answer

    @property
    def is_held(self) -> bool:
        """Whether one of the two wants to hear nothing."""
        return self.offer.holds or self.answer.holds

    def conversions(self, index: int) -> tuple[Conversion | None, Conversion | None]:
        """What becomes of what the caller says in this section, and of what the branch says."""
        bridge = self.answer.bridges.get(index)
        if bridge is None:
            return None, None
        return (bridge.offerer, bridge.answerer) if self.offer.by_caller else (bridge.answerer, bridge.offerer)


class Role(Enum):
    """What a description is in its exchange."""

    OFFER = auto()
    ANSWER = auto()
    # It answers an offer that was answered before, and later offers were agreed meanwhile.
    LATE = auto()


class Turn(NamedTuple):
    """A description's place: its role, the transaction of its offer and its own, that offer, what it may repeat.

    `final` is False for what a provisional response carries: a refusal may still follow (RFC 3261 14.1).
    """

    role: Role
    transaction: Transaction
    own: Transaction
    offer: Told | None
    earlier: Told | None
    final: bool


class Negotiation:
    """The state between the caller and one branch: offers that wait, what was agreed, and how to go back."""

    __slots__ = ("_done", "_waiting", "agreed")

    def __init__(self) -> None:
        self._waiting: dict[Transaction, Told] = {}
        self._done: dict[Transaction, Agreement] = {}
        self.agreed: Agreement | None = None

    def save(self, pack: Packing) -> NegotiationRecord:
        """As data."""
        agreements = _Agreements(pack)
        done = tuple([(transaction, agreements.place(one)) for transaction, one in self._done.items()])
        waiting = tuple([(transaction, pack.told(one)) for transaction, one in self._waiting.items()])
        agreed = None if self.agreed is None else agreements.place(self.agreed)
        return NegotiationRecord(tuple(agreements.records), done, waiting, agreed)

    @classmethod
    def resumed(cls, record: NegotiationRecord, pack: Unpacking) -> "Negotiation":
        """The same again."""
        made, agreements = cls(), list[Agreement]()
        for one in record.agreements:
            before = None if one.before is None else agreements[one.before]
            offer, answer = pack.told[one.offer], pack.told[one.answer]
            agreements.append(Agreement(Transaction(*one.transaction), offer, answer, before))
        made._done = {Transaction(*transaction): agreements[at] for transaction, at in record.done}
        made._waiting = {Transaction(*transaction): pack.told[at] for transaction, at in record.waiting}
        made.agreed = None if record.agreed is None else agreements[record.agreed]
        return made

    def forked(self, transaction: Transaction) -> "Negotiation":
        """That of somebody else who answers the same offer: it waits there, and nothing is agreed."""
        made, done = Negotiation(), self._done.get(transaction)
        offer = self._waiting.get(transaction) or (None if done is None else done.offer)
        if offer is not None and offer.by_caller:
            made._waiting[transaction] = offer
        return made

    def turn(self, by_caller: bool, exchange: Exchange) -> Turn:
        """Where a description from this side, carried by this message, belongs."""
        own = transaction = _transaction(by_caller, exchange)
        final = not 100 <= exchange.status < 200
        if exchange.method == "PRACK" and not exchange.status:
            transaction = self._offered_by(not by_caller) or transaction
        offer = self._waiting.get(transaction)
        if offer is not None:
            if offer.by_caller == by_caller:
                return Turn(Role.OFFER, transaction, own, None, offer, final)
            return Turn(Role.ANSWER, transaction, own, offer, None, final)
        done = self._done.get(transaction)
        if done is None:
            return Turn(Role.OFFER, transaction, own, None, None, final)
        if done.offer.by_caller == by_caller:
            return Turn(Role.LATE, transaction, own, None, done.offer, final)
        role = Role.ANSWER if done is self.agreed else Role.LATE
        return Turn(role, done.transaction, own, done.offer, done.answer, final)

    def repeats(self, turn: Turn, raw: bytes) -> Told | None:
        """What was made of the same description before, when this is a repetition of it."""
        if turn.earlier is None or turn.earlier.raw != raw:
            return None
        if turn.final and self.agreed is not None and self.agreed.transaction == turn.transaction:
            self.agreed.before = None
        return turn.earlier

    def offered(self, turn: Turn, told: Told) -> None:
        """An offer was sent on; it waits for its answer."""
        self._waiting[turn.transaction] = told
        _trim(self._waiting)

    def answered(self, turn: Turn, offer: Told, answer: Told) -> Agreement:
        """The answer was sent on: from now on it is what both agreed."""
        self._waiting.pop(turn.transaction, None)
        before = self.agreed
        if before is not None and before.transaction == turn.transaction:
            before = before.before
        elif before is not None:
            before.before = None
        self.agreed = Agreement(turn.transaction, offer, answer, None if turn.final else before)
        self._done[turn.transaction] = self._done[turn.own] = self.agreed
        _trim(self._done)
        return self.agreed

    def slimmed(self, before: bytes, after: bytes) -> Told | None:
        """The offer that waits as `before` was sent as `after`; None where there is none."""
        for transaction, told in self._waiting.items():
            if told.sent == before:
                made = self._waiting[transaction] = replace(told, sent=after)
                return made
        return None

    def rejected(self, by_caller: bool, exchange: Exchange) -> bool:
        """The request was refused by this side: forget its offer. True when an early answer had been in force."""
        transaction = Transaction(not by_caller, exchange.method, exchange.cseq)
        self._waiting.pop(transaction, None)
        done = self._done.pop(transaction, None)
        if done is None or done is not self.agreed or done.before is None:
            return False
        self.agreed = done.before
        return True

    @property
    def waiting(self) -> Sequence[Told]:
        """The offers that have no answer yet, oldest first."""
        return list(self._waiting.values())

    def _offered_by(self, caller: bool) -> Transaction | None:
        """The transaction in which this side made an offer that a PRACK can answer: in a response of its own."""
        for transaction, told in self._waiting.items():
            if told.by_caller == caller and transaction.by_caller != caller:
                return transaction
        return None


class _Agreements:
    """Those of one negotiation as records, each once, and after the one that it falls back to."""

    def __init__(self, pack: Packing) -> None:
        self._pack = pack
        self._places: dict[int, int] = {}
        self.records: list[AgreementRecord] = []

    def place(self, agreement: Agreement) -> int:
        """Where it stands."""
        known = self._places.get(id(agreement))
        if known is None:
            before = None if agreement.before is None else self.place(agreement.before)
            offer, answer = self._pack.told(agreement.offer), self._pack.told(agreement.answer)
            known = self._places[id(agreement)] = len(self.records)
            self.records.append(AgreementRecord(agreement.transaction, offer, answer, before))
        return known


def _transaction(by_caller: bool, exchange: Exchange) -> Transaction:
    method = "INVITE" if exchange.method == "ACK" else exchange.method
    return Transaction(by_caller != bool(exchange.status), method, exchange.cseq)


def _trim(exchanges: dict[Transaction, Item]) -> None:
    while len(exchanges) > MEDIA_EXCHANGES:
        del exchanges[next(iter(exchanges))]
