"""Which host names lead to us, besides the configured ones (RFC 3261 section 16.4: "indicates this proxy").

A phone may be told its outbound proxy, or its domain, by any name that somebody put into DNS or a hosts file. A name
is looked up once; the request that brought it waits. Strangers bring names too, so that lookups under way and names
remembered are few, and names that proved to be ours are never pushed out by others.
"""

from collections.abc import Callable

from talkpath.base import limits
from talkpath.base.address import Located, Target
from talkpath.edge.forwarding.arrival import Arrival
from talkpath.edge.places.locality import Locality, is_ip
from talkpath.sip.transaction import ServerTransaction
from talkpath.sip.uri import Uri

Resolve = Callable[[Uri, Callable[[Located, float], None]], None]
Name = tuple[str, int | None]

# How long an answer is believed. One that says "ours" is believed longer while it is asked for again.
_BELIEVED_S = 300.0
# A name that is not ours may become so as soon as somebody mends the DNS.
_DOUBTED_S = 30.0
# What Debian's hosts file says of the name of the host itself.
_DEBIANS_OWN = "127.0.1.1"


class Names:
    """Answers "may this name be us?", and finds out."""

    def __init__(self, locality: Locality, resolve: Resolve) -> None:
        self._locality = locality
        self._resolve = resolve
        self._asked: dict[Name, list[Callable[[float], None]]] = {}
        #: of these, who brought them first
        self._asked_by: dict[Name, str] = {}
        self._ours: dict[Name, tuple[float, Uri]] = {}
        self._others: dict[Name, float] = {}

    def must_ask(self, uri: Uri, now: float) -> bool:
        """Whether only a lookup can tell if the host, which is none of ours as far as is known, is us."""
        if not uri.is_sip or not uri.host or is_ip(uri.host):
            return False
        return self._others.get((uri.host, uri.port), 0.0) < now

    def expire(self, now: float) -> None:
        """Look again at what proved to be ours."""
        for name, (until, uri) in list(self._ours.items()):
            if until <= now and name not in self._asked and len(self._asked) < limits.NAMES_ASKED:
                self._ask(uri, name, [])

    def ask(self, uri: Uri, place: str, done: Callable[[float], None]) -> bool:
        """Call `done(now)` when the host is known, now or later. False: too much is being asked already, by all or by
        who is at this place."""
        name = (uri.host, uri.port)
        if name not in self._asked:
            of_place = sum(one == place for one in self._asked_by.values())
            if len(self._asked) >= limits.NAMES_ASKED or of_place >= limits.NAMES_ASKED_BY_ONE:
                return False
            self._asked_by[name] = place
            self._ask(uri, name, [done])
            return True
        if len(self._asked[name]) >= limits.NAME_WAITERS:
            return False
        self._asked[name].append(done)
        return True

    def _ask(self, uri: Uri, name: Name, waiting: list[Callable[[float], None]]) -> None:
        self._asked[name] = waiting
        self._resolve(uri, lambda found, then: self._answered(uri, name, found.targets, then))

    def _answered(self, uri: Uri, name: Name, targets: list[Target], now: float) -> None:
        if any(self._leads_here(uri, target) for target in targets):
            self._others.pop(name, None)
            if name in self._ours or len(self._ours) < limits.NAMES:
                self._ours[name] = (now + _BELIEVED_S, uri)
                self._locality.learn(*name)
        elif targets or name not in self._ours:
            # No answer at all is no news of a name that was ours: the server of names may be away.
            self._ours.pop(name, None)
            self._locality.unlearn(*name)
            if len(self._others) >= limits.NAMES:
                self._others.clear()
            self._others[name] = now + _DOUBTED_S
        self._asked_by.pop(name, None)
        for done in self._asked.pop(name, []):
            done(now)

    def _leads_here(self, uri: Uri, target: Target) -> bool:
        """A name without a port that has an address and no service stands for whatever port the phone was told."""
        host, port = target.remote
        if not self._locality.is_ours(host) and host != _DEBIANS_OWN:
            return False
        is_bare = uri.port is None and port == target.transport.default_port
        return is_bare or self._locality.listens_at(port)


def why_nowhere(found: Located) -> str:
    """Why a name leads nowhere, as a reason."""
    return "no usable address" if found.is_answered else "no server of names answers"


class Waiting:
    """The owner of a server transaction whose request waits for a name."""

    __slots__ = ("arrival",)

    def __init__(self, arrival: Arrival) -> None:
        self.arrival = arrival

    def on_no_ack(self, transaction: ServerTransaction, now: float) -> None:
        """Its refusal was never acknowledged; nothing hangs on that."""

    def on_over(self, transaction: ServerTransaction, now: float) -> None:
        """Nothing was begun that would have to end."""
