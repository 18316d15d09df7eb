"""Calls through gateways: what a gateway gets of a call, what it hears of how that went, and its challenges, which
are answered here (RFC 3261 section 22.3).
"""

from collections.abc import Callable
from functools import partial

from talkpath.base.address import Flow
from talkpath.base.errors import Malformed
from talkpath.base.unsent import UNSENT
from talkpath.edge.calls.call import RunningCall
from talkpath.edge.core import Core
from talkpath.edge.forking.asking import once_more
from talkpath.edge.forking.branch import Branch
from talkpath.edge.forking.fork import Fork
from talkpath.edge.forwarding.sending import Sending
from talkpath.edge.gateways.choice import Choice, Picked
from talkpath.edge.gateways.gateway import Gateway, How
from talkpath.edge.gateways.numbering import uri_of, written
from talkpath.edge.gateways.settings import GatewaySettings
from talkpath.edge.gateways.table import Gateways
from talkpath.edge.gateways.through import NOBODY_TAKES_IT, Through
from talkpath.edge.routing.heading import Heading, Refusal
from talkpath.edge.routing.plan import FAILOVER, Group, ToGateways, ToPlace
from talkpath.sip.grammar import parse_auth
from talkpath.sip.message import Message
from talkpath.sip.uri import Uri

_LEADING_ON = FAILOVER | {401, 407}
#: Answers that speak of the gateway and not of whom it was to call.
FAILED = FAILOVER - {480}


class Trunks:
    """See the module's docstring."""

    def __init__(self, core: Core, gateways: Gateways, sending: Sending) -> None:
        self._core = core
        self._gateways = gateways
        self._sending = sending

    # --- the way to a gateway

    def choice(self, request: Message, group: str, *, is_dry: bool = False) -> Choice | None:
        """Who of a group there is for this caller, None for nobody; a dry one changes nothing for the calls after."""
        caller = _caller_of(request) if self._gateways.chooses_by_caller(group) else ""
        return self._gateways.choose(group, caller, is_dry=is_dry)

    def choose(self, fork: Fork, way: ToGateways, now: float) -> Choice:
        """Who of a group there is for this caller. Raises Refusal where there is nobody."""
        choice = self.choice(fork.request, way.group)
        if choice is None:
            self._core.note(fork.request.call_id, "gateway.none-there", now, group=way.group)
            raise Refusal(503, "No gateway in the group")
        return choice

    def next(self, fork: Fork, choice: Choice, now: float) -> Picked | None:
        """The next gateway; who was passed over for it, and why, is noted."""
        call_id = fork.request.call_id
        picked = picked_aloud(choice, partial(self._core.note, call_id), now)
        if picked is None:
            self._core.note(call_id, "gateway.none-left", now, group=choice.group.name)
        return picked

    def group_of(self, fork: Fork, choice: Choice, picked: Picked, way: ToGateways, like: Group) -> Group:
        """The group that tries one gateway. Raises Refusal."""
        settings = picked.gateway.settings
        number = dialled(way, fork.request)
        uri = uri_at(settings, number)
        heading = Heading(str(uri), [])
        heading.place = picked.gateway.uri
        # Tolls are of what was dialled, however the gateway wants it written.
        heading.billed = uri if uri.user == number else uri_of(settings, number)
        call = fork.call
        if call is not None:
            key = (call.call_id, call.caller.tag, self._core.fresh())
            heading.through = Through(picked.gateway, key, self._gateways.credentials(picked.gateway))
        leads_on = _LEADING_ON if like.leads_on is None else like.leads_on
        no_word_s = choice.group.no_answer_s if like.no_word_s is None else like.no_word_s
        return Group([ToPlace(heading)], like.wait_s, no_word_s, leads_on, like.follows)

    # --- calls that come from one

    def source(self, flow: Flow) -> Gateway | None:
        """The gateway that a request comes from, if it may call in."""
        gateway = self._gateways.of_source(flow) if len(self._gateways) else None
        return gateway if gateway is not None and gateway.settings.calls_in else None

    def came(self, call: RunningCall, gateway: Gateway, now: float) -> None:
        """A call begins that a gateway brought."""
        through = Through(gateway, (call.call_id, call.caller.tag, "in"), self._gateways.credentials(gateway))
        through.is_begun = through.is_told = True
        call.seats.append(through)
        call.came_from = gateway.settings
        gateway.came(through.key, now)

    # --- how it went

    def begun(self, call: RunningCall, through: Through, now: float) -> None:
        """The call is sent to a gateway."""
        if not through.is_begun:
            through.is_begun = True
            call.seats.append(through)
            through.gateway.begun(through.key, now)

    def answered(self, branch: Branch, through: Through, response: Message, now: float) -> None:
        """A response of a gateway. `prove` says what follows from a challenge."""
        gateway, key, status = through.gateway, through.key, response.status
        if status < 200:
            gateway.heard(key, now)
        elif branch.cancel_reason is not None or branch.is_passed_over:
            through.is_told = True
            gateway.over(key, now)
        elif status < 300 and not response.to_tag:
            # No dialog can be made of it (`answers.py`), however often it comes.
            if not through.is_told:
                self._failed(through, How.UNUSABLE, now)
        elif status < 300:
            through.is_told = True
            through.credentials.accepted()
            gateway.answered(key, now)
        elif status in FAILED:
            if branch.next_hop is None or status not in branch.next_hop_after:
                self._failed(through, How.STATUS, now, status, _retry_after_s(response))
        elif status not in (401, 407):
            through.is_told = True
            gateway.refused(key, now)

    def silent(self, branch: Branch, through: Through, why: str, now: float) -> None:
        """A gateway said nothing, or was not reached, and no other address of it is left."""
        if branch.next_hop is not None or through.is_told:
            return
        if branch.cancel_reason is not None and not branch.is_passed_over:
            through.gateway.over(through.key, now)
        elif why in UNSENT:
            self._failed(through, How.UNREACHABLE, now, why=why)
        else:
            self._failed(through, How.NO_ANSWER, now)

    def nowhere(self, call: RunningCall | None, through: Through, why: str, now: float) -> None:
        """Its name leads nowhere, or back to us."""
        if call is not None:
            self.begun(call, through, now)
        self._failed(through, How.UNRESOLVED, now, why=why)

    def _failed(
        self, through: Through, how: How, now: float, status: int = 0, retry_after_s: float = 0.0, why: str = ""
    ) -> None:
        through.is_told = True
        why = why or (f"{how} {status}" if status else str(how))
        self._note_failure(through.key[0], through, why, now)
        through.gateway.failed(through.key, how, why, now, retry_after_s=retry_after_s)

    def _note_failure(self, call_id: str, through: Through, why: str, now: float) -> None:
        self._core.note(call_id, "gateway.failed", now, gateway=through.gateway.settings.name, why=why)

    # --- its challenges

    def prove(self, fork: Fork, branch: Branch, challenge: Message, now: float) -> None:
        """A gateway wants credentials for a request: it gets it again with them, if there are any that help."""
        through, party, call = branch.heading.through, branch.party, fork.call
        if party is not None and fork.request.to_tag:
            through = party.through
        if through is None or party is None or call is None or branch.cancel_reason is not None:
            return
        call_id, credentials = fork.request.call_id, through.credentials
        if not credentials.learn(challenge):
            if not fork.request.to_tag:
                self._failed(through, How.CREDENTIALS, now, why=f"credentials-{credentials.why}")
                # It is us whom it wants them of; the caller has none for it.
                fork.forget(branch)
                fork.could_not(500, NOBODY_TAKES_IT)
            return
        name = through.gateway.settings.name
        self._core.note(call_id, "gateway.challenged", now, gateway=name, realm=_realm(challenge))
        if fork.request.to_tag:
            again = party
            again.cseq_shift += 1
            branch.heading.cseq_shift += 1
        else:
            again = once_more(call, branch, party)
        try:
            self._sending.send(fork, branch.hop, branch.heading, again, now, branch.path)
        except Refusal:
            return
        fork.forget(branch)


def _realm(challenge: Message) -> str:
    values = [*challenge.all("WWW-Authenticate"), *challenge.all("Proxy-Authenticate")]
    return parse_auth(values[0])[1].get("realm", "") if values else ""


def _caller_of(request: Message) -> str:
    try:
        return request.address("From").parsed_uri().number
    except Malformed:
        return ""


def dialled(way: ToGateways, request: Message) -> str:
    """The number that a gateway is asked for: the one named, else that of the Request-URI. Raises Refusal."""
    return way.number or Heading(request.uri, []).target.number


def uri_at(settings: GatewaySettings, number: str) -> Uri:
    """The Request-URI by which a gateway is asked for a number."""
    return uri_of(settings, written(number, settings.numbers), settings.domain)


def picked_aloud(choice: Choice, note: Callable[..., None], now: float) -> Picked | None:
    """The next gateway of a choice; `note(kind, now, **values)` hears of it, and of those passed over, and why."""
    picked, group = choice.next(), choice.group.name
    for one in choice.take_passed_over():
        if one.name:
            note("gateway.passed-over", now, gateway=one.name, why=one.why)
        else:
            note("gateway.more-passed-over", now, count=one.others, group=group)
    if picked is not None:
        note("gateway.chosen", now, gateway=picked.gateway.settings.name, group=group, why=picked.why)
    return picked


def _retry_after_s(response: Message) -> float:
    text = (response.first("Retry-After") or "").partition(";")[0].partition("(")[0].strip()
    return float(text) if response.status == 503 and text.isascii() and text.isdigit() and len(text) < 7 else 0.0
