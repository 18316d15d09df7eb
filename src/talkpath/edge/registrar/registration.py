"""REGISTER: from the request to the answer (RFC 3261 section 10.3)."""

from talkpath.base.errors import Malformed
from talkpath.calls.guarded import Why
from talkpath.edge.admission.admission import Admission
from talkpath.edge.calls.ending import Ending
from talkpath.edge.core import Core
from talkpath.edge.forwarding.arrival import Arrival
from talkpath.edge.registrar.binding import Binding
from talkpath.edge.registrar.registrar import Refused
from talkpath.sip.message import Message
from talkpath.sip.transaction import ServerTransaction


class Registration:
    """Answers REGISTER requests for our users."""

    def __init__(self, core: Core, admission: Admission, ending: Ending) -> None:
        self._core = core
        self._admission = admission
        self._ending = ending

    def answer(self, arrival: Arrival, server: ServerTransaction, now: float) -> None:
        """Authenticate, apply, and tell the phone its bindings."""
        user = self._admission.admit_registration(arrival, server, now)
        if user is None:
            return
        registrar, request = self._core.registrar, arrival.message
        try:
            is_open = self._core.is_reachable
            bindings = registrar.register(request, user, arrival.reply_to, arrival.behind_nat, now, is_open)
        except Refused as refused:
            self._admission.tell_failed(arrival, user, _why(refused), now)
            self._core.reply(arrival, server, refused.status, now, reason=refused.reason, fields=refused.fields)
            return
        except Malformed as fault:
            self._admission.tell_failed(arrival, user, Why.MALFORMED, now)
            self._core.reply(arrival, server, 400, now, reason=fault.reason)
            return
        self._core.counters["registrations"] += 1
        if bindings:
            self._known(user, arrival, max(one.expires_at for one in bindings), now)
        self._core.reply(arrival, server, 200, now, fields=_fields(request, bindings, now))
        for binding in bindings:
            if binding.flow == arrival.reply_to:
                self._ending.tell_returned(binding, now)

    def _known(self, user: str, arrival: Arrival, until: float, now: float) -> None:
        guard = self._core.guard
        if arrival.proven:
            # His credentials have told the guard who he is.
            guard.known_until(arrival.flow, until, now)
        else:
            guard.proved(user, arrival.flow, until, now)


def _why(refused: Refused) -> Why:
    match refused.status:
        case 403:
            return Why.TOO_MANY_CONTACTS
        case 423:
            return Why.TOO_BRIEF
    return Why.MALFORMED


def _is_outbound(request: Message, bindings: list[Binding]) -> bool:
    """Whether this very REGISTER made a flow of RFC 5626 (section 6), of a phone that knows what that is."""
    flows = [one for one in bindings if one.reg_id]
    if not flows or "outbound" not in request.listed("Supported"):
        return False
    return any(one.call_id == request.call_id and one.cseq == request.cseq_number for one in flows)


def _fields(request: Message, bindings: list[Binding], now: float) -> str:
    lines = [
        f"Contact: <{one.contact}>;expires={max(0, round(one.expires_at - now))}{one.params}\r\n" for one in bindings
    ]
    lines += [f"Path: {path}\r\n" for path in request.listed("Path")]
    if _is_outbound(request, bindings):
        lines.append("Require: outbound\r\n")
    return "".join(lines)
