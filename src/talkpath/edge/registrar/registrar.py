"""The registrar (RFC 3261 section 10.3, RFC 5626 instances, RFC 3327 Path): who can be reached where.

Bindings live in memory; each change is told to a `BindingStore`, which keeps it past a restart.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from typing import Protocol

from talkpath.base import limits
from talkpath.base.address import Flow, Hop
from talkpath.base.errors import Malformed
from talkpath.edge.registrar.binding import Binding
from talkpath.edge.registrar.contact import is_same_host, reached_at
from talkpath.edge.registrar.expiry import Expiry
from talkpath.edge.registrar.phones import contact_key, identity_of
from talkpath.edge.registrar.room import Crowds, giving_way
from talkpath.edge.registrar.room import Flows as KnownFlows
from talkpath.edge.registrar.ways import Ways
from talkpath.edge.settings import RegistrarSettings
from talkpath.sip.grammar import NameAddr
from talkpath.sip.message import Message
from talkpath.sip.uri import Uri, format_params

# Users looked at in one go: a few milliseconds if all of them are gone.
_EXPIRED_AT_ONCE = 200

#: The bindings of one user, by the identity of the phone.
Known = dict[tuple[str, str], Binding]


class BindingStore(Protocol):
    """Keeps bindings past a restart; must not make the caller wait."""

    def save_binding(self, binding: Binding) -> None:
        """Keep a new or renewed binding, in place of one with the same user and identity."""

    def refresh_binding(self, binding: Binding) -> None:
        """The same for one of which only the times are new; a moment later is soon enough."""

    def drop_binding(self, binding: Binding) -> None:
        """Forget it."""

    def forget_binding(self, binding: Binding) -> None:
        """The same for one that ran out, or that another node holds now: nobody else needs to be told."""


class Flows(KnownFlows, Protocol):
    """Keeps the ways to phones open."""

    def hold(self, binding: Binding, now: float) -> None:
        """A binding that is new."""

    def heard(self, flow: Flow) -> None:
        """A phone registered on this flow."""

    def replaced(self, older: Binding, newer: Binding, now: float) -> None:
        """A phone registered again, maybe from elsewhere."""

    def release(self, binding: Binding) -> None:
        """A binding is gone."""


class Refused(Exception):
    """A REGISTER that is answered with `status`."""

    def __init__(self, status: int, reason: str = "", fields: str = "") -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason
        self.fields = fields


class Registrar:
    """All bindings, by user and by the identity of the phone."""

    def __init__(self, settings: RegistrarSettings, store: BindingStore, flows: Flows) -> None:
        self._settings = settings
        self._store = store
        self._flows = flows
        self._users: dict[str, Known] = {}
        self._contacts: dict[str, Binding] = {}
        self._expiry = Expiry()
        self.crowds = Crowds()
        #: hears of each that another node holds
        self.learnt: Callable[[Binding, float], None] = _nothing
        #: how many of them other nodes hold
        self.elsewhere = 0
        #: addresses that came from other nodes, and the users that were not looked at since
        self._inherited: frozenset[str] = frozenset()
        self._to_inherit: deque[str] = deque()
        self.ways = Ways()

    def adopt(self, settings: RegistrarSettings) -> None:
        """Go by these settings from now on. Registrations that there are run as long as they were told to."""
        self._settings = settings

    def load(self, bindings: Iterable[Binding], now: float) -> None:
        """Take up what the store kept."""
        for binding in bindings:
            if binding.expires_at > now:
                self._put(binding, now)

    def bindings(self, user: str, now: float) -> list[Binding]:
        """The live bindings of a user, the most wanted and then the most recent first."""
        if self._to_inherit:
            self._inherit(user, now)
        known = self._users.get(user)
        if not known:
            return []
        live = [binding for binding in known.values() if binding.expires_at > now]
        if len(live) > 1:
            live.sort(key=lambda binding: (-binding.q, -binding.registered_at))
        return live

    def users(self) -> list[str]:
        """Whoever is reached anywhere, in no order."""
        return list(self._users)

    def held(self) -> Iterator[Binding]:
        """Those whose flows this node holds."""
        return (one for known in self._users.values() for one in known.values() if not one.node)

    def find(self, user: str, identity: tuple[str, str]) -> Binding | None:
        """The present binding of that phone."""
        return self._users.get(user, {}).get(identity)

    def of_contact(self, uri: str, now: float) -> Binding | None:
        """The live binding with that Contact: who transfers a call may name the very phone (RFC 5589 section 7.3)."""
        binding = self._contacts.get(contact_key(uri))
        if binding is not None and self._to_inherit:
            self._inherit(binding.user, now)
            binding = self._contacts.get(contact_key(uri))
        return binding if binding is not None and binding.expires_at > now else None

    def of_flow(self, user: str, flow: Hop, contact: str = "") -> Binding | None:
        """The binding of `user` that is reached on this very flow; of several (one NAT, one port) by its contact."""
        on_flow = [binding for binding in self._users.get(user, {}).values() if binding.flow == flow]
        same = [binding for binding in on_flow if contact and contact_key(binding.contact) == contact_key(contact)]
        return next(iter(same or on_flow), None)

    def left_behind(
        self, user: str, request: Message, now: float, is_open: Callable[[Binding], bool]
    ) -> Binding | None:
        """The live binding of the phone that sent this request, where its connection is gone.

        It is known by its instance or Contact; where a request brings none, a page is by the name that it made up for
        its Via and Contact (RFC 7118 section 5).
        """
        lost = [one for one in self.bindings(user, now) if one.flow.transport.is_reliable and not is_open(one)]
        if not lost:
            return None
        try:
            contact = NameAddr.parse((request.listed("Contact") or [""])[0])
        except Malformed:
            host = request.top_via.host
            same = [one for one in lost if host.endswith(".invalid") and _host_of(one.contact) == host]
            return same[0] if len(same) == 1 else None
        instance, key = (contact.params.get("+sip.instance") or "").strip('"'), contact_key(contact.uri)
        by_instance = (one for one in lost if instance and one.identity[0] == instance)
        return next(by_instance, None) or next((one for one in lost if contact_key(one.contact) == key), None)

    def move(self, binding: Binding, flow: Flow, behind_nat: bool, now: float) -> Binding:
        """Its phone is reached on another flow, for as long as it had registered. A Contact elsewhere stays what no
        call goes to by itself: it may be anybody's gateway, and its user part a number that costs."""
        is_elsewhere = not is_same_host(_host_of(binding.contact), flow.remote.host)
        moved = replace(binding, flow=flow, behind_nat=behind_nat or is_elsewhere, node="")
        self._put(moved, now)
        self._flows.heard(flow)
        self._store.save_binding(moved)
        return moved

    def __len__(self) -> int:
        # A copy: the page of the counters asks from a thread of its own, while users come and go.
        return sum(len(bindings) for bindings in list(self._users.values()))

    def expire(self, now: float) -> bool:
        """Forget what has expired, of so many users at a time; whether there may be more."""
        for user in self._expiry.take(now, _EXPIRED_AT_ONCE):
            for binding in list(self._users[user].values()):
                if binding.expires_at <= now:
                    self._drop(binding, is_told=False)
                else:
                    self._expiry.put(user, binding.expires_at)
        return self._expiry.is_unfinished

    def forget(self, user: str) -> None:
        """The user is one no more: nobody is reached by that name."""
        for binding in list(self._users.get(user, {}).values()):
            self._drop(binding)

    def learn(self, binding: Binding, now: float) -> None:
        """Another node says where a phone is reached: it registered there, or this node forgot it."""
        if binding.expires_at <= now:
            self.lose(binding.user, binding.identity)
            return
        older = self.find(binding.user, binding.identity)
        self._put(binding, now)
        if not binding.node:
            self._store.refresh_binding(binding)
        elif older is not None and not older.node:
            self._store.forget_binding(older)
        if binding.node:
            self.learnt(binding, now)

    def inherit(self, hosts: Collection[str]) -> None:
        """Addresses of another node are ours now: phones that registered there without a connection are reached from
        here as they were from there. `inherit_more` takes them up; who is asked for is taken up first."""
        if hosts:
            self._inherited |= frozenset(hosts)
            self._to_inherit = deque(self._users)

    def inherit_more(self, here: Collection[str], now: float) -> None:
        """Look at some more users, and take up their phones, in portions, for the calls of the other node wait too;
        `here` are the addresses that we still have."""
        if not self._to_inherit:
            return
        self._inherited &= frozenset(here)
        if not self._inherited:
            self._to_inherit.clear()
        taken = 0
        for _ in range(min(len(self._to_inherit), limits.LOOKED_AT_ONCE)):
            taken += self._inherit(self._to_inherit.popleft(), now)
            if taken >= limits.INHERITED_AT_ONCE:
                break
        if not self._to_inherit:
            self._inherited = frozenset()

    def _inherit(self, user: str, now: float) -> int:
        """Take up the phones of a user that came with an address; how many they were."""
        came = [
            one
            for one in self._users.get(user, {}).values()
            if one.node and one.flow.local.host in self._inherited and not one.flow.transport.is_reliable
        ]
        for one in came:
            self.learn(replace(one, node=""), now)
        return len(came)

    def lose(self, user: str, identity: tuple[str, str]) -> None:
        """Another node says that the phone is reached no more."""
        known = self.find(user, identity)
        if known is not None:
            self._drop(known, is_told=False)

    def register(
        self,
        request: Message,
        user: str,
        flow: Flow,
        behind_nat: bool,
        now: float,
        is_open: Callable[[Binding], bool],
    ) -> list[Binding]:
        """Apply one authenticated REGISTER, all of it or nothing; gives the bindings of the user. Raises Refused.

        `behind_nat`: its Via showed one; a Contact with another host than the source shows one as well. `is_open`
        says of a binding whether its connection still stands.
        """
        contacts = request.listed("Contact")
        if contacts == ["*"]:
            self._remove_all(request, user)
            return []
        wanted = [self._wanted(request, item, user, flow, behind_nat, now) for item in contacts if item]
        known = self._users.get(user, {})
        for binding in wanted:
            binding.is_renewed = binding.identity in known
        self._check_order(wanted, known)
        self._make_room(wanted, known, now, is_open)
        for binding in wanted:
            if binding.expires_at > now:
                self._keep(binding, known.get(binding.identity))
            else:
                self._forget(user, binding)
        return self.bindings(user, now)

    def _keep(self, binding: Binding, known: Binding | None) -> None:
        if known is None:
            self._supersede(binding)
        self._put(binding, binding.registered_at)
        self._flows.heard(binding.flow)
        if known is not None and known.leads_where(binding):
            self._store.refresh_binding(binding)
        else:
            self._store.save_binding(binding)

    def _supersede(self, binding: Binding) -> None:
        """A phone that names another instance than before, or one from now on, is the same at its Contact (RFC 3261
        section 10.3 step 7): rung twice, it would refuse the second INVITE as one that came round (482)."""
        key = contact_key(binding.contact)
        for other in list(self._users.get(binding.user, {}).values()):
            if other.flow == binding.flow and contact_key(other.contact) == key:
                self._drop(other)

    def _remove_all(self, request: Message, user: str) -> None:
        """Contact: * with Expires: 0 (RFC 3261 section 10.3 step 6)."""
        if (request.first("Expires") or "").strip() != "0":
            raise Refused(400, "Contact * needs Expires 0")
        self.forget(user)

    def _wanted(self, request: Message, item: str, user: str, flow: Flow, behind_nat: bool, now: float) -> Binding:
        if item == "*":
            raise Refused(400, "Contact * stands alone")
        try:
            contact = NameAddr.parse(item)
            uri = contact.parsed_uri()
        except Malformed:
            raise Refused(400, "Bad Contact") from None
        if not uri.is_sip:
            raise Refused(400, "Contact is no SIP URI")
        instance = (contact.params.get("+sip.instance") or "").strip('"')
        reg_id = _reg_id(contact.params.get("reg-id"), instance)
        path = tuple(request.listed("Path"))
        behind_nat = behind_nat or not is_same_host(uri.host, flow.remote.host)
        return Binding(
            user=user,
            identity=identity_of(instance, reg_id, contact.uri),
            contact=contact.uri,
            reg_id=reg_id,
            flow=flow if reg_id or path else reached_at(flow, contact.uri, behind_nat),
            call_id=request.call_id,
            cseq=request.cseq_number,
            expires_at=now + self._lifetime(request, contact),
            registered_at=now,
            q=_quality(contact.params.get("q")),
            user_agent=request.first("User-Agent") or "",
            path=path,
            params=_kept(contact.params, reg_id),
            behind_nat=behind_nat,
            ice="+sip.ice" in contact.params or "ice" in request.listed("Supported"),
        )

    def _lifetime(self, request: Message, contact: NameAddr) -> int:
        """RFC 3261 section 10.3 step 7. An unreadable number counts as none."""
        settings = self._settings
        text = (contact.params.get("expires") or request.first("Expires") or "").strip()
        if not (text.isascii() and text.isdigit()):
            return settings.default_expires_s
        asked = min(int(text[:10]), settings.max_expires_s)
        if 0 < asked < settings.min_expires_s:
            raise Refused(423, fields=f"Min-Expires: {settings.min_expires_s}\r\n")
        return asked

    @staticmethod
    def _check_order(wanted: list[Binding], known: Known) -> None:
        """A REGISTER that was overtaken by a later one of the same phone changes nothing (10.3 step 7)."""
        for binding in wanted:
            older = known.get(binding.identity)
            if older is not None and older.call_id == binding.call_id and binding.cseq < older.cseq:
                raise Refused(500, "Out of order")

    def _make_room(self, wanted: list[Binding], known: Known, now: float, is_open: Callable[[Binding], bool]) -> None:
        """Who only refreshes what there is may always do so; for who is new, contacts that lead nowhere make room."""
        live = {one.identity for one in known.values() if one.expires_at > now}
        added = [one for one in wanted if one.expires_at > now and one.identity not in live]
        excess = len(live) + len({one.identity for one in added}) - self._settings.max_contacts
        if not added or excess <= 0:
            return
        idle = live - {one.identity for one in wanted}
        leaving = giving_way([one for one in known.values() if one.identity in idle], added, self._flows, is_open)
        if len(leaving) < excess:
            self.crowds.add(added[0], refused=1)
            raise Refused(403, "Too many contacts")
        self.crowds.add(added[0], made_room=excess)
        for binding in leaving[:excess]:
            self._drop(binding)

    def _forget(self, user: str, binding: Binding) -> None:
        known = self.find(user, binding.identity)
        if known is None:
            key = contact_key(binding.contact)
            known = next((one for one in self._users.get(user, {}).values() if contact_key(one.contact) == key), None)
        if known is not None:
            self._drop(known)

    def _put(self, binding: Binding, now: float) -> None:
        known = self._users.setdefault(binding.user, {})
        older = known.get(binding.identity)
        self.ways.replaced(older, binding)
        if older is not None and older.contact != binding.contact:
            self._forget_contact(older)
        if binding.node or (older is not None and older.node):
            self._change_hands(older, binding, now)
        elif older is None:
            self._flows.hold(binding, now)
        else:
            self._flows.replaced(older, binding, now)
        known[binding.identity] = self._contacts[_contact_of(binding)] = binding
        self._expiry.put(binding.user, binding.expires_at)

    def _change_hands(self, older: Binding | None, newer: Binding, now: float) -> None:
        """Flows are kept open by the node that holds them."""
        self.elsewhere += bool(newer.node) - bool(older is not None and older.node)
        if not newer.node:
            self._flows.hold(newer, now)
        elif older is not None and not older.node:
            self._flows.release(older)

    def _drop(self, binding: Binding, *, is_told: bool = True) -> None:
        """Forget it; other nodes are told unless they know."""
        known = self._users.get(binding.user, {})
        self._forget_contact(known.get(binding.identity))
        dropped = known.pop(binding.identity, None)
        if dropped is not None:
            self.ways.replaced(dropped, None)
            if dropped.node:
                self.elsewhere -= 1
            else:
                self._flows.release(dropped)
            if is_told:
                self._store.drop_binding(dropped)
            else:
                self._store.forget_binding(dropped)
        if not known:
            self._users.pop(binding.user, None)
            self._expiry.drop(binding.user)

    def _forget_contact(self, binding: Binding | None) -> None:
        if binding is not None and self._contacts.get(_contact_of(binding)) is binding:
            del self._contacts[_contact_of(binding)]


def _nothing(binding: Binding, now: float) -> None:
    """Nobody wants to hear."""


def _reg_id(text: str | None, instance: str) -> str:
    """The number of a flow of a phone: from 1 on, and of a phone that says which it is (RFC 5626 sections 4.1, 6)."""
    is_number = text is not None and text.isascii() and text.isdigit() and 0 < int(text[:11]) < 2**31
    return text if text is not None and is_number and instance else ""


def _kept(params: dict[str, str | None], reg_id: str) -> str:
    """What the answer says again of a Contact, beside its expiry."""
    return format_params({name: value for name, value in params.items() if _is_kept(name, reg_id)})


def _is_kept(name: str, reg_id: str) -> bool:
    return name.startswith("+sip") or (name == "reg-id" and bool(reg_id))


def _contact_of(binding: Binding) -> str:
    """The key of its Contact, which is also the identity of a phone that names no instance."""
    instance, key = binding.identity
    return contact_key(binding.contact) if instance else key


def _host_of(contact: str) -> str:
    try:
        return Uri.parse(contact).host
    except Malformed:
        return ""


def _quality(text: str | None) -> float:
    try:
        return min(1.0, max(0.0, float(text))) if text else 1.0
    except ValueError:
        return 1.0
