"""A call that rings as data, and how another process goes on with it.

Whoever is rung answers to our Via, so an answer finds the process that has our address then, and by the branch in it
what it is an answer to; it goes back by the Via of the caller, whose INVITE stands in the record. What is known here
of a phone that rings is what its answer and its CANCEL need. What else would have been tried (another group, the next
gateway, the word of a script) dies with its process: who rings by then may still take the call, and when nobody does
it is over.

A phone whose connection died with the process cannot be heard any more, and what another node rings neither: these
count as not reached. An answer that a script wants changed cannot go on without it. Nobody is asked again with
another offer, for what was to be changed in the first is not known.
"""

from functools import partial

from talkpath.base.address import Flow
from talkpath.base.octets import raw, text
from talkpath.base.unsent import Unsent
from talkpath.calls.trace import NODE_DIED
from talkpath.edge.calls.call import Party, RunningCall
from talkpath.edge.core import Core
from talkpath.edge.forking.answers import Answers
from talkpath.edge.forking.branch import Branch
from talkpath.edge.forking.fork import Fork
from talkpath.edge.forwarding.arrival import Arrival
from talkpath.edge.forwarding.changes import Changes
from talkpath.edge.forwarding.responses import response_to
from talkpath.edge.gateways.gateway import Gateway
from talkpath.edge.nodes.record import BranchRecord, HopRecord, RingingRecord, hop_of_record, record_of_hop
from talkpath.edge.routing.heading import Heading
from talkpath.media.policy import LegId
from talkpath.sip.message import Message
from talkpath.sip.transaction import State, server_key

# What who rings is told (RFC 3326), and who waits for that.
_CANNOT_GO_ON = 'Q.850;cause=41;text="The call of a server that died cannot go on at another"'
_SERVER_DIED = "The server that rang died"


class Ringing:
    """See the module's docstring."""

    def __init__(self, core: Core, answers: Answers) -> None:
        self._core = core
        self._answers = answers

    @staticmethod
    def fork_of(call: RunningCall) -> Fork | None:
        """The INVITE of a call that nobody has answered yet."""
        fork = call.unanswered
        return fork if isinstance(fork, Fork) and not fork.is_settled else None

    @staticmethod
    def said(fork: Fork) -> RingingRecord:
        """What rings."""
        branches = [branch for branch in fork.branches if _is_open(branch)]
        arrival, flow = fork.arrival, fork.arrival.flow
        return RingingRecord(
            flow=record_of_hop(flow),
            invite=fork.request.raw,
            branches=tuple([_said(branch) for branch in branches]),
            best_status=fork.best_status,
            proven=raw(arrival.proven),
            is_cancelled=fork.call is not None and fork.call.is_cancelled,
            has_others=fork.has_others,
            is_bound=any(_is_bound(one) for one in branches),
        )

    # --- at the other process

    def is_here(self, record: RingingRecord) -> bool:
        """Whether its caller sent the INVITE again before this, and it began anew."""
        return server_key(Message.parse(record.invite)) in self._core.transactions.servers

    def take_up(self, call: RunningCall, record: RingingRecord, came_from: Gateway | None, now: float) -> Fork:
        """The INVITE waits for its answer here."""
        core, arrival = self._core, Arrival(Message.parse(record.invite), _flow(record.flow))
        arrival.proven, arrival.gateway = text(record.proven), came_from
        server = core.transactions.request(arrival.message, arrival.flow, arrival.reply_to, now)
        assert server is not None
        server.recall(100, response_to(arrival.message, arrival.via, 100))
        fork = Fork(self._answers, core.transactions, arrival, server, call, core.settings.ring_timeout_s)
        call.unanswered, call.is_cancelled = fork, record.is_cancelled
        core.beginning.add(call)
        self._answers.await_caller(call, now)
        return fork

    def go_on(self, fork: Fork, record: RingingRecord, now: float, *, is_lost: bool) -> None:
        """What rang goes on ringing, as far as its answer can come; not where its media `is_lost`."""
        assert fork.call is not None
        core, call = self._core, fork.call
        branches = [self._resumed(fork, call, one, now) for one in record.branches]
        fork.go_on([one for one in branches if one is not None], record.best_status, now)
        if is_lost or record.is_bound or not fork.branches:
            self.break_off(fork, now)
            return
        if record.has_others:
            fork.then(None, now, partial(self._none_follow, call))
        for branch in list(fork.branches):
            hop, transaction = branch.hop, branch.transaction
            if branch.party is not None and branch.party.node:
                fork.lose(branch, Unsent.LOST, now)
            elif isinstance(hop, Flow) and not core.world.reach.is_open(hop) and transaction is not None:
                transaction.flow_closed(now)
        fork.finish(now)

    def _none_follow(self, call: RunningCall, now: float) -> bool:
        self._core.note(call.call_id, "node.others-lost", now)
        return False

    @staticmethod
    def break_off(fork: Fork, now: float) -> None:
        """It cannot go on: both sides hear so."""
        if fork.call is not None:
            fork.call.given_up_as = NODE_DIED
        fork.break_off(500, _SERVER_DIED, _CANNOT_GO_ON, now)

    def _resumed(self, fork: Fork, call: RunningCall, record: BranchRecord, now: float) -> Branch | None:
        party = call.callees.get(LegId(record.leg))
        if party is None:
            return None
        hop, branch_id = hop_of_record(record.hop), text(record.id)
        branch = Branch(fork, hop, party, _heading(record, party))
        branch.cseq_shift, branch.record_routes = record.cseq_shift, record.record_routes
        branch.is_place, branch.is_renamed = record.is_place, record.is_renamed
        branch.is_passed_over = record.is_passed_over
        branch.cancel_reason = None if record.cancel_reason is None else text(record.cancel_reason)
        layer, call_id = self._core.transactions, call.call_id
        if record.is_heard:
            branch.transaction = layer.go_on(branch_id, "INVITE", call_id, record.data, hop, branch)
        else:
            # Whether it arrived is not known; a phone that has it answers the same again.
            branch.transaction = layer.start(branch_id, "INVITE", call_id, record.data, hop, branch, now)
        return branch


def _is_open(branch: Branch) -> bool:
    """Whether an answer may come."""
    return not branch.status and branch.transaction is not None and not branch.transaction.is_over


def _is_bound(branch: Branch) -> bool:
    """Whether a script wants its answer changed."""
    changes = branch.heading.changes
    return changes is not None and changes.answer is not None


def _said(branch: Branch) -> BranchRecord:
    assert branch.transaction is not None
    assert branch.party is not None
    changes, transaction = branch.heading.changes, branch.transaction
    return BranchRecord(
        leg=branch.party.leg,
        id=raw(transaction.branch),
        hop=record_of_hop(transaction.hop),
        data=transaction.data,
        uri=raw(branch.heading.uri),
        cseq_shift=branch.cseq_shift,
        record_routes=branch.record_routes,
        is_place=branch.is_place,
        is_renamed=branch.is_renamed,
        is_passed_over=branch.is_passed_over,
        is_heard=transaction.state is State.PROCEEDING,
        cancel_reason=None if branch.cancel_reason is None else raw(branch.cancel_reason),
        answer_removed=() if changes is None else tuple(map(raw, changes.answer_removed)),
        answer_added=b"" if changes is None else raw(changes.answer_added),
    )


def _heading(record: BranchRecord, party: Party) -> Heading:
    heading = Heading(text(record.uri), [])
    heading.through = party.through if record.is_place else None
    if record.answer_removed or record.answer_added:
        removed, added = tuple(map(text, record.answer_removed)), text(record.answer_added)
        heading.changes = Changes(answer_removed=removed, answer_added=added)
    return heading


def _flow(record: HopRecord) -> Flow:
    hop = hop_of_record(record)
    assert isinstance(hop, Flow)
    return hop
