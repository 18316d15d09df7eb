"""Whom the caller hears: the branches of a call, and the dialogs that share what one of them was offered.

Until somebody has answered it is who spoke last; then it is who answered first. Of several who answered another takes
that place when it ends, or is put on hold while another is not. Everybody else is heard by nobody.
"""

from collections.abc import Iterator

from talkpath.base.errors import Unavailable
from talkpath.base.limits import MEDIA_BRANCHES
from talkpath.media import bundle, moments
from talkpath.media.branch import Branch, Family
from talkpath.media.crypto import CryptoDesk
from talkpath.media.leg import Anchor, Leg
from talkpath.media.negotiation import Agreement, Turn
from talkpath.media.policy import CALLER, LegId, MediaPolicy
from talkpath.media.ports import Ports
from talkpath.media.record import HearingRecord
from talkpath.media.talk import Talk
from talkpath.media.telling import Noting
from talkpath.media.told import Packing, Unpacking


class Hearing:
    """See the module."""

    __slots__ = (
        "_branches",
        "_caller",
        "_chosen",
        "_confirmed",
        "_crypto",
        "_heard",
        "_note",
        "_policy",
        "_ports",
    )

    def __init__(
        self, caller: Leg, ports: Ports, policy: MediaPolicy, crypto: CryptoDesk | None, note: Noting
    ) -> None:
        self._caller = caller
        self._ports = ports
        self._policy = policy
        self._crypto = crypto
        self._note = note
        self._branches: dict[LegId, Branch] = {}
        self._heard: LegId | None = None
        self._chosen: LegId | None = None
        #: who answered, in order; the chosen one among them
        self._confirmed: list[LegId] = []

    def save(self, pack: Packing) -> HearingRecord:
        """As data."""
        families = {id(one.family): one.family for one in self._branches.values() if one.family is not None}
        return HearingRecord(
            tuple([branch.save(pack) for branch in self._branches.values()]),
            tuple([family.save() for family in families.values()]),
            self._heard,
            self._chosen,
            tuple(self._confirmed),
        )

    def resume(self, record: HearingRecord, pack: Unpacking) -> None:
        """Be what was saved."""
        made = [Branch.resumed(one, pack) for one in record.branches]
        self._branches = {branch.leg.id: branch for branch in made}
        for family in record.families:
            Family.resumed(family, self._branches)
        self._heard = None if record.heard is None else LegId(record.heard)
        self._chosen = None if record.chosen is None else LegId(record.chosen)
        self._confirmed = [LegId(leg) for leg in record.confirmed]

    @property
    def legs(self) -> dict[int, Leg]:
        """All legs of the call by their numbers."""
        return {int(leg.id): leg for leg in (self._caller, *(branch.leg for branch in self._branches.values()))}

    def __iter__(self) -> Iterator[Branch]:
        return iter(self._branches.values())

    def find(self, leg: LegId) -> Branch | None:
        """The branch of this leg, when it has media."""
        return self._branches.get(leg)

    def fork(self, leg: LegId, of: LegId, cseq: int) -> None:
        """Somebody else answers the INVITE of this CSeq that went to the branch `of`."""
        first = self._branches.get(of)
        if first is not None and len(self._branches) < MEDIA_BRANCHES:
            self._branches[leg] = first.fork(leg, cseq)

    @property
    def is_answered(self) -> bool:
        """Whether somebody is chosen."""
        return self._chosen is not None

    def serve(self) -> None:
        """The caller is answered by ourselves."""
        self._chosen = CALLER

    def branch(self, leg: LegId) -> Branch:
        """The branch of this leg, made when it is new. Raises `Unavailable` when there are too many."""
        branch = self._branches.get(leg)
        if branch is None:
            if len(self._branches) >= MEDIA_BRANCHES:
                raise Unavailable("media-branches", "the call has too many branches; let one of them end first")
            branch = self._branches[leg] = Branch(leg)
        return branch

    def answered(self, leg: LegId, now: float) -> None:
        """This branch's 2xx went to the caller."""
        if leg not in self._confirmed:
            self._confirmed.append(leg)
        if self._chosen is None:
            self._choose(leg, now)

    def _choose(self, leg: LegId, now: float) -> None:
        self._chosen = leg
        branch = self._branches.get(leg)
        if branch is not None and branch.negotiation.agreed is not None:
            self.connect(branch, now)
            self.release_unused(branch, now)

    def released(self, leg: LegId, now: float) -> None:
        """This branch failed, was cancelled, or its dialog ended: its ports go back, or to who shares them."""
        branch = self._branches.pop(leg, None)
        if branch is None:
            return
        self._leave(branch, now)
        for anchor in branch.leg.anchors:
            if anchor is not None:
                self._ports.close(anchor, now)
        branch.leg.anchors.clear()
        if leg in self._confirmed:
            self._confirmed.remove(leg)
        if self._heard == leg:
            self._heard = None
        if self._chosen == leg and self._confirmed:
            self._choose(self._confirmed[-1], now)
        elif self._heard is None:
            self._hear_another(leg, now)

    def unheard(self, leg: LegId, now: float) -> None:
        """This branch has nothing to say any more, and keeps its ports: another may answer on them."""
        if self._heard == leg and self._chosen is None:
            self._part_from(self._branches[leg], now)
            for anchor in self._caller.anchors:
                if anchor is not None:
                    anchor.route(None)
            self._heard = None
            self._hear_another(leg, now)

    def _hear_another(self, than: LegId, now: float) -> None:
        """The caller hears who answered before."""
        others = (one for one in reversed(self._branches.values()) if one.negotiation.agreed and one.leg.id != than)
        other = next(others, None)
        if other is not None:
            self.connect(other, now)

    def _part_from(self, branch: Branch, now: float) -> None:
        """What this branch says goes nowhere."""
        for anchor in branch.leg.anchors:
            if anchor is not None:
                anchor.route(None)
                anchor.heed(None, self._policy, now)

    def agreed(self, branch: Branch, before: Agreement | None, agreement: Agreement, now: float) -> None:
        """An offer was answered: until one branch is chosen, the caller hears the one that answered last."""
        if self._chosen is None or self._chosen == branch.leg.id:
            self.connect(branch, now)
        if branch.family is not None:
            self._tell_apart(branch, agreement)
        if before is not None and len(self._confirmed) > 1 and branch.leg.id in self._confirmed:
            self._hear_who_talks(branch, agreement, now)

    @staticmethod
    def _tell_apart(branch: Branch, agreement: Agreement) -> None:
        """Who shares its ports sends there also while another is heard, and is no stranger."""
        assert branch.family is not None
        own = agreement.told_by(False).sections
        for anchor, section in zip(branch.family.holder.leg.anchors, own, strict=False):
            if anchor is not None and section.live:
                anchor.share_with(branch.leg, section)

    def _hear_who_talks(self, branch: Branch, agreement: Agreement, now: float) -> None:
        """Several dialogs go on, and the caller can hear one: who was put on hold makes room for who was not."""
        if not agreement.is_held:
            if self._chosen != branch.leg.id:
                self._choose(branch.leg.id, now)
        elif self._chosen == branch.leg.id:
            for leg in reversed(self._confirmed):
                agreed = self._branches[leg].negotiation.agreed if leg in self._branches else None
                if agreed is not None and not agreed.is_held:
                    self._choose(leg, now)
                    return

    def house(self, branch: Branch, turn: Turn, now: float) -> None:
        """See that a dialog which shares its ports has some for a description. Who answers what all were offered
        takes them where it is heard, and needs none where it is not; who negotiates anew gets its own."""
        if branch.family is None or not branch.is_portless:
            return
        if turn.transaction != branch.family.transaction:
            self._part(branch, now)
        elif self._chosen in (None, branch.leg.id):
            self._take_ports(branch, now)

    def _take_ports(self, branch: Branch, now: float) -> None:
        """Give the ports that a family shares to this dialog, and what it said of keys to them."""
        before = branch.take_ports()
        self._ports.hand_over(branch.leg, before)
        agreed = branch.negotiation.agreed
        if agreed is None:
            return
        own = agreed.told_by(False).sections
        bundle.learn([(branch.leg.anchor(index), one) for index, one in enumerate(own) if one.live], now)
        if self._crypto is not None:
            self._crypto.take_up(branch.leg, now)

    def _leave(self, branch: Branch, now: float) -> None:
        """A dialog ends: the ports it shares go to another, first to who is chosen."""
        family = branch.family
        if family is not None and family.holder is branch:
            others = [one for one in family.members if one is not branch]
            heir = next((one for one in others if one.leg.id == self._chosen), others[-1])
            self._take_ports(heir, now)
        self._part(branch, now)

    def _part(self, branch: Branch, now: float) -> None:
        """This dialog needs nothing any more of what it shares."""
        if branch.family is not None:
            self._ports.dismiss(branch.family.holder.leg.anchors, branch.leg.id, now)
            branch.leave()

    def connect(self, branch: Branch, now: float) -> None:
        """Make this branch and the caller hear each other as agreed; other branches are heard by nobody."""
        agreement = branch.negotiation.agreed
        assert agreement is not None
        if branch.is_portless:
            self._take_ports(branch, now)
        if self._heard not in (None, branch.leg.id):
            self._note(now, moments.CONNECTED, leg=branch.leg.id)
            previous = self._branches.get(self._heard)
            if previous is not None:
                self._part_from(previous, now)
        self._heard = branch.leg.id
        for anchor, opposite, talk in self._talks(branch, agreement):
            self._hear(anchor, opposite, talk, now)

    def recall(self) -> None:
        """Whom each port of a call that goes on is there for, as agreed."""
        branch = None if self._heard is None else self._branches.get(self._heard)
        if branch is not None and branch.negotiation.agreed is not None:
            for _, opposite, talk in self._talks(branch, branch.negotiation.agreed):
                if talk.own.live and talk.other.live:  # others have a port that an offer waits for, if any
                    opposite.hears = talk

    def _talks(self, branch: Branch, agreement: Agreement) -> Iterator[tuple[Anchor, Anchor, Talk]]:
        """Who is heard on which port, and out of which that goes."""
        ours = zip(agreement.told_by(True).sections, agreement.told_by(False).sections, strict=False)
        for index, (caller, callee) in enumerate(ours):
            front, back = self._caller.anchor(index), branch.leg.anchor(index)
            if front is not None and back is not None:
                muxed = agreement.offer.sections[index].mux
                ways, is_kept = agreement.conversions(index), index in agreement.offer.holds_kept
                yield front, back, Talk(caller, callee, caller.mux and muxed, ways[0], is_kept)
                yield back, front, Talk(callee, caller, callee.mux and muxed, ways[1], is_kept)

    def _hear(self, anchor: Anchor, opposite: Anchor, talk: Talk, now: float) -> None:
        """Hear the leg of `anchor` as it announced itself, and relay it out of the `opposite` port."""
        own = talk.own
        if anchor.leg.dialect is not None:
            anchor.renumber(anchor.leg.dialect.renumbered(anchor.index))
        if own.live and talk.other.live and not anchor.expect(talk):
            side, local = anchor.leg.side, str(anchor.local)
            self._note(now, moments.FAMILY_MISMATCH, side=side, announced=str(own.rtp), local=local)
        anchor.convert(talk.way)
        opposite.hears = talk
        anchor.route(opposite if talk.passes else None)
        anchor.heed(talk if self._chosen is not None else None, self._policy, now)

    def release_unused(self, branch: Branch, now: float) -> None:
        """Give back the ports of sections that are rejected, and that no waiting offer wants."""
        agreed = branch.negotiation.agreed
        if agreed is None or self._chosen != branch.leg.id:
            return
        wanted = [told.sections for told in branch.negotiation.waiting]
        for other in (branch, *(self._branches[leg] for leg in self._confirmed if leg in self._branches)):
            if other.negotiation.agreed is not None:
                wanted.append(other.negotiation.agreed.answer.sections)
        for leg in (self._caller, branch.leg):
            for index, anchor in enumerate(leg.anchors):
                live = any(index < len(sections) and sections[index].live for sections in wanted)
                if anchor is not None and not live:
                    self._ports.close(anchor, now)

    def close(self) -> None:
        """The call is over. A leg and its anchors name each other, and dialogs their family: what is over must go by
        counting, not wait for the collector."""
        self._caller.anchors.clear()
        for branch in self._branches.values():
            branch.leg.anchors.clear()
            branch.family = None
        self._branches.clear()

    @property
    def ends(self) -> list[Leg]:
        """The legs that make the call: the caller's, and that of who answered."""
        branch = self._branches.get(self._chosen) if self._chosen is not None else None
        return [self._caller] if branch is None else [self._caller, branch.leg]
