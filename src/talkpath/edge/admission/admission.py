"""Who may do what: proof of identity for registrations and calls."""

from contextlib import suppress
from ipaddress import IPv6Address

from talkpath.base.errors import Malformed
from talkpath.calls.guarded import Why
from talkpath.edge.admission.authentication import Proof, Verdict
from talkpath.edge.admission.failures import wanted_realm
from talkpath.edge.admission.guard import PROOF_S
from talkpath.edge.admission.tries import place_of
from talkpath.edge.core import Core
from talkpath.edge.forwarding.arrival import Arrival
from talkpath.edge.routing.heading import Refusal
from talkpath.edge.settings import CallerProof
from talkpath.sip.message import Message
from talkpath.sip.transaction import ServerTransaction
from talkpath.sip.uri import Uri

# What strangers may ask of users: to talk. What else they ask (OPTIONS, SUBSCRIBE ...) would only tell who is there.
_FOR_STRANGERS = frozenset(("INVITE", "MESSAGE"))


class Admission:
    """Judges requests, and challenges or refuses those that may not pass."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def is_trusted(self, arrival: Arrival) -> bool:
        """Whether the source is one that the operator trusts."""
        return self._core.is_trusted(arrival.flow.remote.host)

    def admit_registration(self, arrival: Arrival, server: ServerTransaction, now: float) -> str | None:
        """The user whose bindings a REGISTER may change, or None: it has been answered."""
        try:
            uri = arrival.message.address("To").parsed_uri()
        except Malformed:
            self._core.reply(arrival, server, 400, now, reason="Bad To")
            return None
        if uri.scheme not in ("sip", "sips", "tel"):
            # RFC 3261 section 10.3 step 5: no address of ours
            self._core.reply(arrival, server, 404, now)
            return None
        user = self._core.user_of(uri)
        if self.is_trusted(arrival):
            return user
        proof = self._check(arrival, "Authorization", now)
        if proof.verdict is not Verdict.PROVEN:
            self._refuse(arrival, server, proof, "WWW-Authenticate", 401, now)
            return None
        if proof.user != user:
            self.tell_failed(arrival, user, Why.OTHER_USER, now)
            self._core.reply(arrival, server, 403, now, reason="Not your address")
            return None
        arrival.proven = user
        return user

    def admit_request(self, arrival: Arrival, server: ServerTransaction, now: float) -> tuple[bool, str]:
        """(whether an initial request may pass, the proven user or ""). When not, it has been answered."""
        request = arrival.message
        needed = self.must_prove(arrival)
        has_credentials = request.frame.index("Proxy-Authorization") >= 0
        if not needed and not has_credentials:
            return True, ""
        proof = self._check(arrival, "Proxy-Authorization", now)
        if proof.verdict is Verdict.PROVEN:
            if self.claimed_user(request) != proof.user and self._claims_an_account(arrival):
                self._core.reply(arrival, server, 403, now, reason="Not your address")
                return False, ""
            return True, proof.user
        if not needed and proof.verdict is Verdict.MISSING:
            return True, ""
        if proof.verdict is Verdict.MISSING:
            self._note_borrowed(arrival, now)
        self._refuse(arrival, server, proof, "Proxy-Authenticate", 407, now)
        return False, ""

    def _check(self, arrival: Arrival, field: str, now: float) -> Proof:
        """Judge credentials, unless there were too many wrong ones; who is right is known from then on."""
        core, flow = self._core, arrival.flow
        proof = core.authentication.check(
            arrival.message, field, place_of(flow), lambda user: core.guard.may_try(user, flow, now), now
        )
        if proof.verdict is Verdict.PROVEN:
            core.guard.proved(proof.user, flow, now + PROOF_S, now)
        return proof

    def is_doubtful(self, arrival: Arrival, user: str, now: float) -> bool:
        """Whether the sender has proven nothing, and asked for too many who are not there to be told who is."""
        return not self.may_know(arrival, user) and self._core.guard.is_doubtful(arrival.flow, now)

    def bar_transfer(self, user: str, request: Message) -> None:
        """A phone that obeys a REFER dials with its own rights, which a guest must not borrow. Raises Refusal."""
        if request.method == "REFER" and self._core.world.accounts.is_guest(user):
            raise Refusal(403, "Guests may not transfer")

    def must_prove(self, arrival: Arrival) -> bool:
        """Whether the sender has to say who it is before anything is done for it."""
        policy = self._core.settings.caller_proof
        if policy is CallerProof.NEVER or self._core.is_peer(arrival):
            return False
        return not self._is_for_strangers(arrival) or self._claims_to_be_ours(arrival)

    def _is_for_strangers(self, arrival: Arrival) -> bool:
        """Whether the request is one that anybody may send."""
        policy = self._core.settings.caller_proof
        return policy is not CallerProof.ALWAYS and arrival.message.method in _FOR_STRANGERS

    def _claims_to_be_ours(self, arrival: Arrival) -> bool:
        """Whether From names a user in a domain of ours, be there such a user or not: who is asked for proof must not
        learn from it which names are users. Where no domain is configured, a user of ours may bear any."""
        uri = _from_uri(arrival.message)
        return uri is not None and (self._is_home(uri, arrival) or self._names_an_account(uri, arrival))

    def _claims_an_account(self, arrival: Arrival) -> bool:
        """Whether From names one of our users: nobody may bear the name of another."""
        uri = _from_uri(arrival.message)
        if uri is None or not (self._is_home(uri, arrival) or self._may_be_home(uri, arrival)):
            return False
        return self._core.world.accounts.exists(self._core.user_of(uri))

    def _is_home(self, uri: Uri, arrival: Arrival) -> bool:
        """Whether the name is surely one of ours: in a domain of ours, or at an address at which we listen."""
        core = self._core
        if not uri.is_sip:
            return False
        host = _plain_host(uri.host)
        return host in core.settings.domains or core.locality.is_here(host, uri.port, arrival.flow)

    def _may_be_home(self, uri: Uri, arrival: Arrival) -> bool:
        """Whether nothing tells whose name it is: any host name may be ours where no domain is configured; at another
        port of this host may be another server, or nobody; and a number alone is of no domain."""
        core = self._core
        if not core.settings.domains:
            return True
        if not uri.is_sip:
            return uri.scheme == "tel" and core.locality.serves(uri, arrival.flow)
        return core.locality.is_here(_plain_host(uri.host), None, arrival.flow)

    def _names_an_account(self, uri: Uri, arrival: Arrival) -> bool:
        return self._may_be_home(uri, arrival) and self._core.world.accounts.exists(self._core.user_of(uri))

    def _note_borrowed(self, arrival: Arrival, now: float) -> None:
        """Who is challenged for the name alone learns that it is a user's."""
        uri = _from_uri(arrival.message)
        if uri is not None and self._is_for_strangers(arrival) and not self._is_home(uri, arrival):
            self._core.guard.borrowed(self._core.user_of(uri), arrival.flow, now)

    def may_know(self, arrival: Arrival, user: str) -> bool:
        """Whether the sender may be told who is a user here: one of them, a gateway, a source that is trusted, or
        anybody where nobody must prove anything."""
        core = self._core
        return bool(user) or core.is_peer(arrival) or core.settings.caller_proof is CallerProof.NEVER

    def may_leave(self, arrival: Arrival) -> bool:
        """Whether the sender may be led out of the house: who has proven to be a user, a gateway, a source that is
        trusted. Raises Refusal for a guest."""
        if self._core.world.accounts.is_guest(arrival.proven):
            raise Refusal(403, "Guests may call users here only")
        return bool(arrival.proven) or self._core.is_peer(arrival)

    def challenge_stranger(self, arrival: Arrival, server: ServerTransaction, wanted: str, now: float) -> None:
        """Only users of ours may go where this request wants to go, or hear that nobody is there."""
        self._core.guard.missed(wanted, arrival.flow, now)
        self.challenge(arrival, server, now)

    def challenge(self, arrival: Arrival, server: ServerTransaction, now: float) -> None:
        """The sender must say who it is."""
        self._refuse(arrival, server, Proof(Verdict.MISSING), "Proxy-Authenticate", 407, now)

    def tell_failed(self, arrival: Arrival, user: str, why: Why, now: float) -> None:
        """A user was not let in, for whoever asks why."""
        is_account = self._core.world.accounts.is_known(user)
        self._core.guard.failed(arrival.message, user, arrival.flow, why, is_account, now)

    def claimed_user(self, request: Message) -> str:
        """The user that From names, "" when it names none that can be read."""
        uri = _from_uri(request)
        return "" if uri is None else self._core.user_of(uri)

    def _refuse(
        self, arrival: Arrival, server: ServerTransaction, proof: Proof, field: str, status: int, now: float
    ) -> None:
        core, request = self._core, arrival.message
        if proof.verdict is Verdict.WRONG:
            # A fresh challenge would make phones try the same password again.
            core.counters["auth_wrong" if proof.is_tried else "auth_untried"] += 1
            why = "wrong password or unknown user" if proof.is_tried else "too many wrong passwords"
            core.note(request.call_id, "auth.refused", now, user=proof.user, why=why)
            is_account = core.world.accounts.is_known(proof.user)
            core.guard.wrong(request, proof.user, arrival.flow, proof.is_tried, now, is_account=is_account)
            core.reply(arrival, server, 403, now, reason="Wrong user name or password")
            return
        if proof.verdict is Verdict.MALFORMED:
            core.counters["auth_malformed"] += 1
            core.note(request.call_id, "auth.refused", now, user=proof.user, why=f"credentials without {proof.lacks}")
            self.tell_failed(arrival, proof.user, Why.BAD_CREDENTIALS, now)
            core.reply(arrival, server, 400, now, reason=f"Credentials lack {proof.lacks}")
            return
        stale = proof.verdict is Verdict.STALE
        if stale:
            core.note(request.call_id, "auth.stale", now, user=proof.user)
        elif request.method == "INVITE":
            # Nothing else begins a call that could have a moment.
            claimed = proof.user or self.claimed_user(request)
            core.note(request.call_id, "auth.challenged", now, user=claimed, realm=core.settings.realm)
        if not stale and core.guard.turned_away(request, arrival.flow, now):
            asked = "Authorization" if status == 401 else "Proxy-Authorization"
            why = wanted_realm(request, asked, core.settings.realm)
            self.tell_failed(arrival, self.claimed_user(request), why, now)
        fields = core.authentication.challenges(field, stale, request, place_of(arrival.flow), now)
        core.reply(arrival, server, status, now, fields=fields)


def _plain_host(host: str) -> str:
    """A host in the spelling in which it is known here."""
    if ":" in host:
        with suppress(ValueError):
            mapped = IPv6Address(host).ipv4_mapped
            return host if mapped is None else str(mapped)
    return host.rstrip(".")


def _from_uri(request: Message) -> Uri | None:
    """The URI of From, None when it cannot be read."""
    try:
        return request.address("From").parsed_uri()
    except Malformed:
        return None
