"""Our registration at a carrier that wants one (RFC 3261 section 10.2): made, refreshed, and its state seen.

    trying      no answer yet, or the last one failed; asked again, at first after seconds, later after minutes
    registered  until its time is nearly up, then asked again
    refused     the carrier does not take our credentials, or us: asked again after ten minutes, lest it bans us
    leaving     it was registered and is to be no longer (section 10.2.2), until the carrier has answered that

Who refuses us is told once, and so is who does not answer.
"""

from collections.abc import Callable
from typing import Final

from talkpath.base.address import Located, Target
from talkpath.base.timers import Timer
from talkpath.base.unsent import Unsent
from talkpath.edge.core import Core
from talkpath.edge.gateways.agenda import Agenda
from talkpath.edge.gateways.credentials import Credentials
from talkpath.edge.gateways.gateway import Gateway
from talkpath.edge.gateways.numbering import uri_of
from talkpath.edge.gateways.own import Letter, Pace, named, reachable, send
from talkpath.sip.grammar import whole_number
from talkpath.sip.message import Message
from talkpath.sip.transaction import ClientTransaction
from talkpath.sip.uri import parse_params, sip_uri

# A registration is refreshed so long before it ends, or at half of it where that is short.
_EARLY_S: Final = 60.0
_SHORTEST_S: Final = 10.0
_LONGEST_S: Final = 604_800
# Pauses after failures: they double, from the first to the last.
_FIRST_PAUSE_S: Final = 5.0
_LAST_PAUSE_S: Final = 300.0
_REFUSED_PAUSE_S: Final = 600.0
# What says that asking the same again helps nobody.
_REFUSALS = frozenset((401, 403, 404, 407, 485, 604))
# Questions of one registration: two challenges, one time too short, and one of each again for nonces that are old.
_MOST_ASKED: Final = 6


class Registering:
    """The registration at one gateway, from `begin` to `stop`. The owner of its transactions."""

    def __init__(self, core: Core, agenda: Agenda, pace: Pace, gateway: Gateway, credentials: Credentials) -> None:
        self._core = core
        self._agenda = agenda
        self._pace = pace
        self._gateway = gateway
        self._credentials = credentials
        self._call_id = core.fresh()
        self._cseq = 0
        self._at = 0
        self._asked = 0
        self._failures = 0
        self._wanted_s = gateway.settings.register_s
        self._targets: list[Target] = []
        self._is_over = False
        #: Whether the carrier has yet to answer that we leave, and who wants to know when it has.
        self.is_leaving = False
        self._left: Callable[[], None] = _nobody
        self._next: Timer | None = None
        self._transaction: ClientTransaction | None = None
        domain = gateway.settings.domain or gateway.settings.address
        self._uri = str(uri_of(gateway.settings, host=domain))
        #: What is registered: who registers the same is the same for the carrier.
        account = uri_of(gateway.settings, gateway.settings.username, domain)
        self.account, self._name = str(account), named(account)

    def begin(self, now: float) -> None:
        """Register, and stay registered."""
        self._gateway.registration = "trying"
        self._plan(now)

    def stop(self, now: float, left: Callable[[], None]) -> None:
        """Ask for nothing any more, and be registered no longer: `left` is called when the carrier has answered that,
        or does not. Who is registered nowhere has left already."""
        self.is_leaving = self._gateway.registration == "registered"
        self._gateway.registration = ""
        self._is_over = True
        self._let_go(now)
        if not self.is_leaving:
            return
        self._left, self._wanted_s, self._asked = left, 0, 0
        self._credentials.accepted()
        slot = self._pace.slot(now)
        if slot > now:
            self._next = self._agenda.at(slot, self._leave)
        else:
            self._leave(now)

    def give_up(self, now: float) -> None:
        """Whether the carrier knows that we left does not matter any more."""
        self._let_go(now)
        self._has_left()

    def _let_go(self, now: float) -> None:
        if self._next is not None:
            self._next.cancel()
        if self._transaction is not None and not self._transaction.is_over:
            self._transaction.abandon(now)

    def _leave(self, now: float) -> None:
        self._next = None
        self._ask(self._credentials.lines("REGISTER", self._uri), now)

    def _has_left(self) -> None:
        if self.is_leaving:
            self.is_leaving = False
            self._left()

    def _plan(self, when: float) -> None:
        self._next = self._agenda.at(when, self._start)

    def _start(self, now: float) -> None:
        slot = self._pace.slot(now)
        if slot > now:
            self._next = self._agenda.at(slot, self._resolve)
        else:
            self._resolve(now)

    def _resolve(self, now: float) -> None:
        self._next = None
        self._asked = 0
        self._core.world.resolve(self._gateway.uri, self._found)

    def _found(self, found: Located, now: float) -> None:
        if self._is_over:
            return
        self._targets = found.targets
        if not found.targets:
            self._failed("unresolved", now)
        else:
            self._credentials.accepted()
            self._ask(self._credentials.lines("REGISTER", self._uri), now)

    def _ask(self, proof: str, now: float) -> None:
        core, settings = self._core, self._gateway.settings
        found = reachable(core, self._targets, self._at)
        if found is None:
            self._failed("no-listener", now)
            return
        target, here = found
        self._cseq += 1
        self._asked += 1
        contact = sip_uri(here, target.transport, settings.username)
        more = f"Contact: <{contact}>\r\nExpires: {self._wanted_s}\r\n{proof}"
        letter = Letter("REGISTER", self._uri, self._name, self._name, self._call_id, self._cseq, more)
        self._transaction = send(core, letter, target, here, self, now)

    # --- what the transaction reports

    def on_response(self, transaction: ClientTransaction, response: Message, now: float) -> None:
        status = response.status
        if status < 200:
            return
        if self._is_over:
            self._leaves(response, now)
        elif status < 300:
            self._registered(response, now)
        elif status in (401, 407) and self._asked < _MOST_ASKED:
            self._challenged(response, now)
        elif status == 423 and self._asked < _MOST_ASKED and self._takes_longer(response):
            self._credentials.accepted()
            self._ask(self._credentials.lines("REGISTER", self._uri), now)
        elif status in _REFUSALS:
            self._refused(f"status {status}", now)
        else:
            self._failed(f"status {status}", now, whole_number(response.first("Retry-After") or "") or 0)

    def on_timeout(self, transaction: ClientTransaction, now: float) -> None:
        self._failed("no-answer", now)

    def on_unsendable(self, transaction: ClientTransaction, why: Unsent, now: float) -> None:
        self._failed(why, now)

    # --- what follows

    def _leaves(self, answer: Message, now: float) -> None:
        """A carrier answers that we leave: it may want a fresh proof for that, too."""
        proof = ""
        if self.is_leaving and answer.status in (401, 407) and self._asked < _MOST_ASKED:
            proof = self._credentials.answer(answer, "REGISTER", self._uri)
        if proof:
            self._ask(proof, now)
        else:
            self._has_left()

    def _challenged(self, challenge: Message, now: float) -> None:
        proof = self._credentials.answer(challenge, "REGISTER", self._uri)
        if proof:
            self._ask(proof, now)
        else:
            self._refused(f"credentials-{self._credentials.why}", now)

    def _takes_longer(self, refusal: Message) -> bool:
        """Whether the carrier names a longer time than we asked for (RFC 3261 section 10.2.8)."""
        least = whole_number(refusal.first("Min-Expires") or "") or 0
        if not self._wanted_s < least <= _LONGEST_S:
            return False
        self._wanted_s = least
        return True

    def _registered(self, answer: Message, now: float) -> None:
        gateway = self._gateway
        given_s = max(_SHORTEST_S, float(min(self._given_s(answer), _LONGEST_S)))
        self._credentials.accepted()
        self._failures = 0
        gateway.registered_until = now + given_s
        if gateway.registration != "registered":
            gateway.registration, gateway.registration_why = "registered", ""
            gateway.tell("registered", "", now)
        self._plan(now + max(given_s / 2, given_s - _EARLY_S))

    def _given_s(self, answer: Message) -> int:
        """How long the carrier keeps our Contact; other registrations of the account may stand beside it."""
        wanted = f"sip:{self._gateway.settings.username}@"
        for contact in answer.listed("Contact"):
            uri, _, params = contact.partition(">")
            if wanted in uri and self._is_ours(uri):
                given = whole_number(parse_params(params).get("expires") or "")
                if given is not None:
                    return given
        given = whole_number(answer.first("Expires") or "")
        return self._wanted_s if given is None else given

    def _is_ours(self, contact: str) -> bool:
        found = reachable(self._core, self._targets, self._at)
        return found is not None and f"@{found[1]}" in contact

    def _refused(self, why: str, now: float) -> None:
        self._say("refused", why, now)
        self._plan(now + _REFUSED_PAUSE_S)

    def _failed(self, why: str, now: float, retry_after_s: int = 0) -> None:
        if self._is_over:
            self._has_left()
            return
        self._at += 1
        pause_s: float = min(_LAST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(self._failures, 10))
        self._failures += 1
        gateway = self._gateway
        if gateway.registration != "registered" or now >= gateway.registered_until:
            self._say("trying", why, now)
        self._plan(now + max(pause_s, float(min(retry_after_s, _REFUSED_PAUSE_S))))

    def _say(self, state: str, why: str, now: float) -> None:
        gateway = self._gateway
        if (gateway.registration, gateway.registration_why) != (state, why):
            gateway.registration, gateway.registration_why = state, why
            gateway.tell("registration-refused" if state == "refused" else "registration-failed", why, now)


def _nobody() -> None:
    """Nobody wants to know."""
