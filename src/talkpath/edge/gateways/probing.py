"""Whether a gateway is there: OPTIONS now and then, and where its name leads (RFC 3263).

Most final answers show a gateway that is there: 403, 404 and 405 come from machines that answer no OPTIONS of
strangers. 408, 502, 503 and 504 come from one that says that what stands behind it is not.
"""

from typing import Final

from talkpath.base.address import Located
from talkpath.base.timers import Timer
from talkpath.base.unsent import Unsent
from talkpath.edge.core import Core
from talkpath.edge.gateways.agenda import Agenda
from talkpath.edge.gateways.gateway import Gateway
from talkpath.edge.gateways.own import Letter, Pace, named, reachable, send
from talkpath.edge.gateways.sources import Sources
from talkpath.edge.places.locality import is_ip
from talkpath.sip.message import Message
from talkpath.sip.transaction import ClientTransaction
from talkpath.sip.uri import Uri, sip_uri

# Where nothing is probed, names are looked up so often to know who calls in; addresses are not.
_LOOK_UP_S: Final = 60.0
# A probe that will decide follows the one before so soon.
_DOUBT_S: Final = 1.0
# The golden ratio less one: spreads whoever was added at once over the interval.
_SPREAD: Final = 0.6180339887


class Probing:
    """Probes of one gateway, from `begin` to `stop`. The owner of its transactions."""

    def __init__(
        self, core: Core, agenda: Agenda, pace: Pace, sources: Sources, gateway: Gateway, number: int
    ) -> None:
        self._core = core
        self._agenda = agenda
        self._pace = pace
        self._sources = sources
        self._gateway = gateway
        self._number = number
        self._call_id = core.fresh()
        self._cseq = 0
        self._at = 0
        self._asked_at = 0.0
        self._is_over = False
        #: Whether a look-up or a probe is under way.
        self._is_busy = False
        self._is_resolved = True
        #: An address leads to itself, for ever.
        self._is_address = is_ip(gateway.settings.address)
        self._next: Timer | None = None
        self._patience: Timer | None = None
        self._transaction: ClientTransaction | None = None

    def begin(self, now: float) -> None:
        """Look now, and from now on."""
        self._gateway.doubt = self.doubt
        self._plan(now)

    def stop(self, now: float) -> None:
        """Ask nothing any more."""
        self._is_over = True
        self._forget(now)
        if self._next is not None:
            self._next.cancel()

    def doubt(self, now: float) -> None:
        """A call met nobody there: look at once."""
        if self._gateway.settings.probe.interval_s > 0 and not self._is_busy and not self._is_over:
            self._plan(now)

    def _plan(self, when: float) -> None:
        if self._next is not None:
            self._next.cancel()
        self._next = self._agenda.at(when, self._look_up)

    def _plan_next(self, now: float) -> None:
        probe = self._gateway.settings.probe
        wait = probe.interval_s or _LOOK_UP_S
        if self._cseq == 1:
            wait *= 0.5 + self._number * _SPREAD % 1
        if self._gateway.is_doubtful:
            wait = min(wait, _DOUBT_S)
        self._is_busy = False
        if probe.interval_s > 0 or not self._is_known:
            self._plan(now + wait)

    # --- where it is

    @property
    def _is_known(self) -> bool:
        """Whether nothing can be learnt any more of where it is."""
        return self._is_address and bool(self._gateway.targets)

    def _look_up(self, now: float) -> None:
        self._is_busy = True
        slot = self._pace.slot(now)
        if slot > now:
            # Many are due, for the process stood still or many were added: a burst would help nobody.
            self._next = self._agenda.at(slot, self._resolve)
        else:
            self._resolve(now)

    def _resolve(self, now: float) -> None:
        self._next = None
        if self._is_known:
            self._go_on(now)
        else:
            self._core.world.resolve(self._gateway.uri, self._found)

    def _found(self, found: Located, now: float) -> None:
        if self._is_over:
            return
        gateway, targets = self._gateway, found.targets
        if targets and targets != gateway.targets:
            # A resolver that is away takes nothing from what is known.
            gateway.targets = targets
            self._sources.learn(gateway, targets)
        self._say_resolved(bool(targets), now)
        self._go_on(now)

    def _go_on(self, now: float) -> None:
        """What follows when it was looked up."""
        if self._gateway.settings.probe.interval_s <= 0:
            self._plan_next(now)
        elif not self._gateway.targets:
            self._missed("unresolved", now)
        else:
            self._ask(now)

    def _say_resolved(self, is_resolved: bool, now: float) -> None:
        if is_resolved is not self._is_resolved:
            self._is_resolved = is_resolved
            self._gateway.tell("resolved" if is_resolved else "unresolved", self._gateway.settings.address, now)

    # --- asking

    def _ask(self, now: float) -> None:
        core, settings = self._core, self._gateway.settings
        found = reachable(core, self._gateway.targets, self._at)
        if found is None:
            self._missed("no-listener", now)
            return
        target, here = found
        uri, user = self._gateway.uri, settings.username or core.settings.server
        own = sip_uri(here, target.transport, user)
        self._cseq += 1
        self._asked_at = now
        more = f"Contact: <{own}>\r\nAccept: application/sdp\r\n"
        us = named(Uri("sip", user, here.host))
        letter = Letter("OPTIONS", str(uri), us, named(uri), self._call_id, self._cseq, more)
        self._patience = self._agenda.at(now + settings.probe.timeout_s, self._waited)
        self._transaction = send(core, letter, target, here, self, now)

    def _waited(self, now: float) -> None:
        self._missed("no-answer", now)

    def _missed(self, why: str, now: float) -> None:
        self._forget(now)
        self._at += 1
        self._gateway.missed(why, now)
        self._plan_next(now)

    def _forget(self, now: float) -> None:
        transaction, self._transaction = self._transaction, None
        if transaction is not None and not transaction.is_over:
            transaction.abandon(now)
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    # --- what the transaction reports

    def on_response(self, transaction: ClientTransaction, response: Message, now: float) -> None:
        if response.status < 200 or transaction is not self._transaction:
            return
        if response.status in self._gateway.settings.probe.dead_statuses:
            self._missed(f"status {response.status}", now)
            return
        self._forget(now)
        self._gateway.probed(now - self._asked_at, now)
        self._plan_next(now)

    def on_timeout(self, transaction: ClientTransaction, now: float) -> None:
        if transaction is self._transaction:
            self._missed("no-answer", now)

    def on_unsendable(self, transaction: ClientTransaction, why: Unsent, now: float) -> None:
        if transaction is self._transaction:
            self._missed(why, now)
