"""Who is heard, and who has asked for too much.

The counting is native (`native/src/guard`), so that what is too much is dropped before anything reads it. Here is
what only who understands a request can tell it: that somebody proved who he is, that a password was wrong, that a
call was answered, that a tool calls itself one. And here is the story of each ban, for logs, findings and operators.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from itertools import count

from talkpath._native import Sources
from talkpath.base import limits
from talkpath.base.address import Flow, Hop
from talkpath.base.errors import Malformed
from talkpath.calls.guarded import Ban, Refused, Why
from talkpath.edge.admission.failures import Failures
from talkpath.edge.admission.toll import Toll
from talkpath.edge.admission.tries import Tries, place_of, place_of_host
from talkpath.edge.settings import GuardSettings
from talkpath.sip.message import Message
from talkpath.sip.scanners import tool_of

Network = IPv4Network | IPv6Network

#: Kinds of what is counted, by the number that the native part knows them by.
KINDS = ("INVITE", "OPTIONS", "REGISTER", "other", "in-dialog", "password", "bytes")
_BY_METHOD = {"INVITE": 0, "OPTIONS": 1, "REGISTER": 2}
_OTHER, _WRONG = 3, 5
# A request of a tool for scanning counts as so many more.
_TOOL_WEIGHT = 19
# What makes a stranger doubtful, who is told no more who is there: five users who are not, twenty who ring and do
# not take his call, or three whose names he bears. Each that takes one makes up for two; in an hour all of it is
# forgotten.
_DOUBTFUL, _DOUBT_MOST = 20.0, 60.0
_OF_NOBODY, _OF_A_RING, _OF_AN_ANSWER, _OF_A_NAME = 4.0, 1.0, -2.0, 7.0
_TRUST_A_SECOND = _DOUBTFUL / 3_600
# Calls of strangers, all together, that may ring a user and be taken by nobody: as many at once as one source may
# send, and one more each second. Beyond, strangers hear what they hear of users who are not there. One that is taken
# makes up for two.
_RINGS_AT_ONCE, _RINGS_A_SECOND = 50.0, 1.0
# A proof by credentials without a registration is good for this long.
PROOF_S = 600.0
_SWEEP_S = 1.0
# Who was not heard for so long begins anew: no doubt lasts longer.
_STORY_S = 3_600.0
# Bytes of answers a second, and at once, beyond those that came: a challenge or two, repeated.
_BYTES_A_SECOND, _BYTES_AT_ONCE = 1_000.0, 16_000.0


@dataclass(slots=True)
class Suspect:
    """What one source asked for in vain."""

    first: float
    last: float
    methods: Counter[str] = field(default_factory=Counter)
    users: list[str] = field(default_factory=list)
    tool: str = ""
    wrong: int = 0
    #: what speaks for that it looks for users, when that was counted, and those that it found or missed lately
    doubt: float = 0.0
    doubted_at: float = 0.0
    called: OrderedDict[str, None] = field(default_factory=OrderedDict)


class Guard:
    """See the module's docstring. A machine: time comes in, stories go out (`take_told`)."""

    def __init__(self, settings: GuardSettings, trusted: Iterable[Network], seed: bytes, now: float) -> None:
        self._settings = settings
        self.sources = Sources(
            _rates(settings),
            _of_strangers(settings),
            ban_first_s=settings.ban_s,
            ban_most_s=settings.ban_most_s,
            strikes=3,
            refusal=settings.refusal,
            seed=seed,
            now=now,
        )
        self._trusted: frozenset[Network] = frozenset()
        #: where gateways are
        self._peers: set[Network] = set()
        self._exempt: frozenset[Network] = frozenset()
        self._follow(settings, trusted)
        self.tries = Tries()
        self.toll = Toll(settings.toll)
        self.counters: Counter[str] = Counter()
        self._suspects: OrderedDict[str, Suspect] = OrderedDict()
        self._bans: OrderedDict[str, Ban] = OrderedDict()
        self.failures = Failures()
        #: users whom strangers rang in vain, and when that will be forgotten
        self._beset: OrderedDict[str, float] = OrderedDict()
        self._told: list[Ban] = []
        self._numbers = count(1)
        self._sweep_at = now

    def adopt(self, settings: GuardSettings, trusted: Iterable[Network]) -> None:
        """Go by these settings from now on: bans go on, and so do the stories of who is suspected. Whether there is a
        guard at all stays as it was."""
        self._settings = settings
        self.sources.adopt(
            _rates(settings),
            _of_strangers(settings),
            ban_first_s=settings.ban_s,
            ban_most_s=settings.ban_most_s,
            refusal=settings.refusal,
        )
        self.toll.adopt(settings.toll)
        self._follow(settings, trusted)

    def _follow(self, settings: GuardSettings, trusted: Iterable[Network]) -> None:
        """Whom the operator trusts, and who is never banned as a whole."""
        before, self._trusted = self._trusted, frozenset(trusted)
        for network in self._trusted - before:
            self.sources.trust(*_range(network))
        for network in before - self._trusted - self._peers:
            self.sources.distrust(*_range(network))
        exempt, self._exempt = self._exempt, frozenset((*map(ip_network, settings.own_hosts), *settings.web_proxies))
        for network in self._exempt - exempt:
            self.sources.exempt(*_range(network))
        for network in exempt - self._exempt:
            self.sources.unexempt(*_range(network))

    # --- what the edge tells

    def proved(self, user: str, flow: Flow, until: float, now: float) -> None:
        """Somebody proved who he is: by a registration, by credentials, or long ago by what the store kept."""
        self.known_until(flow, until, now)
        self.tries.right(user, flow)
        if not self.failures.is_empty:
            self.failures.came(user, flow, now)

    def known_until(self, flow: Flow, until: float, now: float) -> None:
        """Who proved himself there just now stays known for so long."""
        self.sources.prove(*_peer(flow), until, now)

    def may_try(self, user: str, flow: Flow, now: float) -> bool:
        """Whether credentials from there are looked at."""
        if not self._settings.is_on or self.tries.is_idle:
            return True
        return self.tries.may(user, flow, self._is_office(flow, now), now)

    def wrong(
        self, request: Message, user: str, flow: Flow, is_tried: bool, now: float, *, is_account: bool = True
    ) -> None:
        """Credentials were wrong, or not looked at because there were too many before."""
        why = Why.TOO_MANY_TRIES if not is_tried else Why.WRONG_PASSWORD if is_account else Why.UNKNOWN_USER
        self.failed(request, user, flow, why, is_account, now, is_tried=is_tried)
        if not self._settings.is_on:
            return
        if is_tried:
            self.tries.wrong(user, flow, self._is_office(flow, now), now)
        suspect = self._suspect(flow, now)
        suspect.wrong += 1
        self._note(suspect, request, user)
        self._weigh(flow, _WRONG, _TOOL_WEIGHT if suspect.tool else 1, now)

    def turned_away(self, request: Message, flow: Flow, now: float) -> bool:
        """A request without credentials was refused or challenged; whether that is worth to be told of, unless the
        sender proves himself."""
        is_known = self.sources.is_known(*_peer(flow), now)
        if is_known:
            # A phone of ours that asks on and on without credentials is broken, and nobody is served by a ban.
            return self.tries.is_pestering(flow, now)
        if not self._settings.is_on:
            return True
        suspect = self._suspect(flow, now)
        self._note(suspect, request, user_of(request))
        if suspect.tool:
            self._weigh(flow, _BY_METHOD.get(request.method, _OTHER), _TOOL_WEIGHT, now)
        return True

    def missed(self, user: str, flow: Flow, now: float) -> None:
        """A stranger asked for somebody who is not there, or for what is not his."""
        self._doubt(user, flow, _OF_NOBODY, now)

    def rung(self, user: str, flow: Flow, now: float, *, is_call: bool) -> None:
        """A stranger asked for somebody who is there."""
        self._doubt(user, flow, _OF_A_RING, now)
        if self._settings.is_on and not self._is_office(flow, now):
            self._beset_by(_besieged(user, is_call), _OF_A_RING, now)

    def is_beset(self, user: str, flow: Flow, now: float, *, is_call: bool) -> bool:
        """Whether so many strangers ring a user, or write to him, that one more would only keep his phones from
        others: a flood from a hundred sources does it a hundred times as often as each may. Who comes from where
        phones of ours are is let through."""
        if (self._beset.get(_besieged(user, is_call), now) - now) * _RINGS_A_SECOND < _RINGS_AT_ONCE:
            return False
        return not self._is_office(flow, now)

    def _beset_by(self, user: str, weight: float, now: float) -> None:
        self._beset[user] = max(self._beset.get(user, now), now) + weight / _RINGS_A_SECOND
        self._beset.move_to_end(user)
        if len(self._beset) > limits.SUSPECTS:
            self._beset.popitem(last=False)

    def borrowed(self, user: str, flow: Flow, now: float) -> None:
        """A stranger was asked for proof because he bears the name of a user."""
        self._doubt(f"from {user}", flow, _OF_A_NAME, now)

    def _doubt(self, user: str, flow: Flow, weight: float, now: float) -> None:
        if not self._settings.is_on or self._is_office(flow, now):
            return
        suspect, user = self._suspect(flow, now), user[:64]
        if user in suspect.called:
            # Who asks again for the same learns nothing.
            return
        suspect.called[user] = None
        if len(suspect.called) > limits.SUSPECT_USERS * 4:
            suspect.called.popitem(last=False)
        self._add_doubt(suspect, weight, now)

    @staticmethod
    def _add_doubt(suspect: Suspect, weight: float, now: float) -> None:
        doubt = max(0.0, suspect.doubt - (now - suspect.doubted_at) * _TRUST_A_SECOND)
        suspect.doubt, suspect.doubted_at = min(max(0.0, doubt + weight), _DOUBT_MOST), now

    def is_doubtful(self, flow: Flow, now: float) -> bool:
        """Whether a stranger asked for so many users in vain that he is looking for those who are there."""
        known = self._suspects.get(place_of(flow))
        if known is None or not known.doubt or self._is_office(flow, now):
            return False
        self._add_doubt(known, 0.0, now)
        return known.doubt >= _DOUBTFUL

    def asked(self, hop: Hop, now: float) -> None:
        """Somebody whom we know calls out of the house: who is there is heard, whatever else comes from there."""
        self.sources.asked(*_peer(hop), now)

    def trust(self, network: Network, is_trusted: bool) -> None:
        """Whoever is there is a gateway of ours, or no more: what it sends is its business, and never too much. What
        the operator trusts anyway stays trusted."""
        if is_trusted:
            self._peers.add(network)
        else:
            self._peers.discard(network)
        if network in self._trusted:
            return
        if is_trusted:
            self.sources.trust(*_range(network))
        else:
            self.sources.distrust(*_range(network))

    def answered(self, user: str, flow: Flow, now: float) -> None:
        """A user took a call from there."""
        if user in self._beset:
            self._beset_by(_besieged(user, True), _OF_AN_ANSWER, now)
        self.sources.credit(*_peer(flow), now)
        known = self._suspects.get(place_of(flow))
        if known is not None:
            self._add_doubt(known, _OF_AN_ANSWER, now)

    def look(self, flow: Flow, data: bytes, now: float) -> bool:
        """Whether a message of a connection is heard; datagrams were looked at when they were read."""
        return not self._settings.is_on or self.sources.look(*_peer(flow), data, now)

    def _is_office(self, flow: Flow, now: float) -> bool:
        return self.sources.is_known_source(flow.remote.host, flow.transport.is_reliable, now)

    def _weigh(self, flow: Flow, kind: int, units: int, now: float) -> None:
        if self.sources.weigh(*_peer(flow), kind, units, now):
            self._take_events(now)

    def _suspect(self, flow: Flow, now: float) -> Suspect:
        place = place_of(flow)
        known = self._suspects.get(place)
        if known is None:
            known = self._suspects[place] = Suspect(now, now)
            if len(self._suspects) > limits.SUSPECTS:
                self._suspects.popitem(last=False)
        else:
            self._suspects.move_to_end(place)
        known.last = now
        return known

    @staticmethod
    def _note(suspect: Suspect, request: Message, user: str) -> None:
        method = (
            request.method if request.method in _BY_METHOD or len(suspect.methods) < limits.SUSPECT_USERS else "?"
        )
        suspect.methods[method] += 1
        if user and len(suspect.users) < limits.SUSPECT_USERS and user not in suspect.users:
            suspect.users.append(user[:64])
        suspect.tool = suspect.tool or tool_of(request)[:64]

    def failed(
        self,
        request: Message,
        user: str,
        flow: Flow,
        why: Why,
        is_account: bool,
        now: float,
        *,
        is_tried: bool = True,
    ) -> None:
        """A user was not let in, for whoever asks why."""
        is_ours = self._is_office(flow, now)
        self.failures.add(request, user, flow, why, now, is_ours=is_ours, is_account=is_account, is_tried=is_tried)

    # --- the machine

    def deadline(self) -> float:
        """When `expire` wants to be called next."""
        return self._sweep_at

    def expire(self, now: float) -> None:
        """Hear of native bans, and forget what is over."""
        self._sweep_at = now + _SWEEP_S
        self._take_events(now)
        self.sources.sweep(now)
        self.tries.forget(now)
        for source in [one.source for one in self._bans.values() if one.until is not None and one.until <= now]:
            del self._bans[source]
        # The one longest unheard comes first.
        while self._suspects and next(iter(self._suspects.values())).last <= now - _STORY_S:
            self._suspects.popitem(last=False)

    def counts(self) -> dict[str, int]:
        """What was dropped, withheld and banned, by name."""
        return {**dict(self.sources.counts()), **self.counters, **self.toll.counters}

    def take_told(self) -> list[Ban]:
        """The bans that began since this was last asked."""
        told, self._told = self._told, []
        return told

    def _take_events(self, now: float) -> None:
        for host, port, prefix, is_stream, kind, seconds, _ in self.sources.events():
            suspect = self._suspects.get(place_of_host(host)) or Suspect(now, now)
            is_network = prefix not in (32, 64)
            source = _named(host, port, prefix)
            is_loop = kind == _WRONG and not suspect.tool and len(suspect.users) <= 1
            ban = Ban(
                next(self._numbers),
                source,
                now,
                now + seconds,
                code="auth-loop" if is_loop else "scanner",
                kind="network" if is_network else KINDS[kind],
                over="connections" if is_stream else "UDP",
                methods=dict(suspect.methods),
                users=tuple(suspect.users),
                tool=suspect.tool,
                wrong=suspect.wrong,
                seconds=now - suspect.first,
            )
            self._keep(ban)
            self._told.append(ban)
            self.counters[f"bans_{ban.code}"] += 1

    def _keep(self, ban: Ban) -> None:
        self._bans[ban.source] = ban
        self._bans.move_to_end(ban.source)
        if len(self._bans) > limits.GUARD_STORIES:
            automatic = next((one.source for one in self._bans.values() if one.until is not None), None)
            if automatic is not None:
                del self._bans[automatic]

    # --- the operator

    def bans(self, now: float) -> list[Ban]:
        """Those in force, the oldest first."""
        return [ban for ban in self._bans.values() if ban.until is None or ban.until > now]

    def refused(self) -> list[Refused]:
        """Who was not let in lately, the least recent first."""
        return self.failures.told()

    def ban(self, network: str, until: float | None, note: str, now: float, node: str = "") -> Ban:
        """The operator wants not to hear a network or address. Raises ValueError for what is none."""
        where = ip_network(network, strict=False)
        text = _text_of(where)
        self.sources.shut(str(where.network_address), where.prefixlen, float("inf") if until is None else until)
        ban = Ban(next(self._numbers), text, now, until, note=note, node=node)
        self._keep(ban)
        return ban

    def lift(self, source: str, now: float) -> bool:
        """End the bans of an address, address:port or network, whoever made them; whether there was one."""
        was = self._bans.pop(source, None) is not None
        host, _, port = source.rpartition(":") if source.count(":") == 1 or "]:" in source else (source, "", "")
        host = host.strip("[]")
        if port.isdigit():
            return self.sources.lift(host, now, int(port)) or was
        where = ip_network(host, strict=False)
        text = _text_of(where)
        was = self._bans.pop(text, None) is not None or was
        was = self.sources.open(str(where.network_address), where.prefixlen) or was
        was = self.sources.lift(str(where.network_address), now) or was
        for other in [one for one in self._bans if one.startswith((f"{text}:", f"[{text}]:"))]:
            was = self.lift(other, now) or was
        return was


def _peer(hop: Hop) -> tuple[str, int, bool]:
    """A flow, or what becomes one, as the native part knows it."""
    return hop.remote.host, hop.remote.port, hop.transport.is_reliable


def _besieged(user: str, is_call: bool) -> str:
    """Calls and messages of strangers are counted apart: no name has a line end in it."""
    return user if is_call else f"{user}\n"


def _text_of(network: Network) -> str:
    is_one = network.prefixlen == network.max_prefixlen
    return str(network.network_address) if is_one else str(network)


def _named(host: str, port: int, prefix: int) -> str:
    if port:
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return host if prefix == 32 else _text_of(ip_network(f"{host}/{prefix}", strict=False))


def user_of(request: Message) -> str:
    """Whom a request is after, for the story."""
    try:
        return request.address("To").parsed_uri().username
    except Malformed:
        return ""


def _range(network: Network) -> tuple[str, int]:
    """A network as the native part knows it."""
    return str(network.network_address), network.prefixlen


def _of_strangers(settings: GuardSettings) -> tuple[float, float]:
    """(a second, at once) for all of them together."""
    return settings.strangers_per_s, 2 * settings.strangers_per_s


def _rates(settings: GuardSettings) -> tuple[tuple[float, float], ...]:
    """(a second, at once) for each of `KINDS`."""
    a_second = (settings.invites_per_s, settings.options_per_s, settings.registers_per_s, settings.others_per_s)
    in_dialog = 20 * settings.invites_per_s
    return (
        *((rate, 10 * rate) for rate in a_second),
        (in_dialog, 20 * in_dialog),
        (settings.wrong_passwords_per_min / 60, 20.0),
        (_BYTES_A_SECOND, _BYTES_AT_ONCE),
    )
