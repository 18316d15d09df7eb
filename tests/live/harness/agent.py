"""A user agent over `sip.Endpoint`: each step is a call of its own, so that tests can reorder them."""

import re
import secrets
from dataclasses import dataclass
from typing import Self

from harness.edge import Identity
from harness.process import Stoppable
from harness.sip import Endpoint, Received, Request, acknowledgement, tag_of
from harness.websocket import WebEndpoint

_SDP = "Content-Type: application/sdp"


class Agent(Stoppable):
    """One user at one socket."""

    def __init__(self, identity: Identity, endpoint: Endpoint | None = None, *, bind: str = "") -> None:
        self.identity = identity
        self.endpoint = endpoint or _open(identity, bind)
        self._taken: set[str] = set()

    def register(self, *parameters: str, expires_s: int = 600, algorithm: str | None = None) -> Received:
        """REGISTER our Contact; the final answer after authentication."""
        request = self.request("REGISTER", self._registrar())
        request.to = self.identity.aor
        contact = self.endpoint.contact(self.identity.user) + "".join(f";{item}" for item in parameters)
        request.extra = [contact, f"Expires: {expires_s}"]
        return self.endpoint.ask_as(request, self.identity.user, self.identity.password, algorithm)

    def registered(self, *parameters: str) -> Self:
        """Itself, once registered."""
        answer = self.register(*parameters)
        assert answer.status == 200, answer.start
        return self

    def request(self, method: str, target: str) -> Request:
        """A request outside a dialog to a user of the edge, or to a whole URI."""
        uri = target if ":" in target else self.identity.uri_of(target)
        return Request(method, uri, self.identity.aor, uri)

    def ask(self, request: Request) -> Received:
        """Send and give the final answer, with credentials where asked for."""
        return self.endpoint.ask_as(request, self.identity.user, self.identity.password)

    def dial(self, target: str, body: bytes) -> "Call":
        """Send an INVITE (again with credentials when challenged) and return while it is in progress."""
        request = self.request("INVITE", target)
        request.body = body
        request.extra = [self.endpoint.contact(self.identity.user), *([_SDP] if body else [])]
        self.endpoint.send(request)
        if (challenge := self._challenge(request)) is not None:
            self.endpoint.send(acknowledgement(request, challenge))
            request.answer_challenge(challenge, self.identity.user, self.identity.password)
            self.endpoint.send(request)
        return Call(self, request)

    def _challenge(self, request: Request) -> Received | None:
        """The challenge of a request just sent, if there is one: it comes before the answer to a later OPTIONS."""

        def is_it(item: Received) -> bool:
            return item.status in (401, 407) and item.first("call-id") == request.call_id

        self.endpoint.ask(self.request("OPTIONS", self._registrar()))
        return self.endpoint.wait(is_it) if self.endpoint.has(is_it) else None

    def incoming(self, timeout_s: float = 10.0) -> "Incoming":
        """The next INVITE that begins a call, not one that came again because we were slow (RFC 3261 17.2.3)."""
        invite = self.endpoint.wait(self._is_new_invite, timeout_s)
        self._taken.add(invite.first("via"))
        return Incoming(self, invite)

    def _is_new_invite(self, item: Received) -> bool:
        return not item.status and item.method == "INVITE" and item.first("via") not in self._taken

    def stop(self) -> None:
        self.endpoint.stop()

    def _registrar(self) -> str:
        return f"sip:{self.identity.authority}"


@dataclass
class Dialog:
    """What both ends of a call need for requests within it (RFC 3261 12.1)."""

    agent: Agent
    call_id: str
    local: str
    local_tag: str
    remote: str
    remote_tag: str
    target: str
    routes: list[str]
    number: int = 1000

    def request(self, method: str, extra: list[str] | None = None, body: bytes = b"") -> Request:
        self.number += 1
        request = Request(method, self.target, self.local, self.remote, self.call_id, self.local_tag, self.remote_tag)
        request.number = self.number
        request.extra = [f"Route: {route}" for route in self.routes] + (extra or [])
        request.body = body
        return request

    def ask(self, method: str, extra: list[str] | None = None, body: bytes = b"") -> Received:
        """A request within the dialog and its final answer."""
        return self.agent.endpoint.ask(self.request(method, extra, body))

    def offer_again(self, body: bytes) -> Request:
        """A re-INVITE, not yet sent."""
        return self.request("INVITE", [self.agent.endpoint.contact(self.agent.identity.user), _SDP], body)

    def renegotiate(self, other: "Dialog", offer: bytes, answer: bytes) -> tuple[Received, Received]:
        """A re-INVITE the other side accepts, to its ACK: what it was told, and what we were answered."""
        request = self.offer_again(offer)
        self.agent.endpoint.send(request)
        arrived = other.wait("INVITE")
        here = other.agent
        here.endpoint.reply(arrived, "200 OK", [here.endpoint.contact(here.identity.user), _SDP], answer)
        accepted = self._accepted(request)
        other.wait("ACK")
        return arrived, accepted

    def offer_to_phone(self, offer: bytes) -> bytes:
        """A re-INVITE that a real phone accepts, to its ACK: what it answers."""
        request = self.offer_again(offer)
        self.agent.endpoint.send(request)
        return self._accepted(request).body

    def _accepted(self, request: Request) -> Received:
        accepted = self.agent.endpoint.final(request)
        ack = self.request("ACK")
        self.number -= 1
        ack.number = request.number
        self.agent.endpoint.send(ack)
        assert accepted.status == 200, accepted.start
        return accepted

    def wait(self, method: str, timeout_s: float = 10.0) -> Received:
        """The next request of this method within the dialog (retransmissions of our answer are the peer's)."""
        return self.agent.endpoint.wait(
            lambda item: not item.status and item.method == method and item.first("call-id") == self.call_id,
            timeout_s,
        )

    def wait_bye(self, timeout_s: float = 10.0) -> Received:
        """The other side's BYE, answered."""
        bye = self.wait("BYE", timeout_s)
        self.agent.endpoint.reply(bye, "200 OK")
        return bye

    def bye(self) -> Received:
        return self.ask("BYE")


@dataclass
class Call:
    """A call we began."""

    agent: Agent
    invite: Request
    dialog: Dialog | None = None
    answer: Received | None = None

    def provisional(self, status: int = 180, timeout_s: float = 10.0) -> Received:
        return self.agent.endpoint.wait(lambda item: item.status == status and self._is_ours(item), timeout_s)

    def final(self, timeout_s: float = 40.0, answer_in_ack: bytes = b"") -> Received:
        """The final answer, acknowledged (with our SDP where the INVITE had none); a 2xx makes the dialog."""
        answer = self.agent.endpoint.final(self.invite, timeout_s)
        self.answer = answer
        if answer.status >= 300:
            self.agent.endpoint.send(acknowledgement(self.invite, answer))
            return answer
        self.dialog = Dialog(
            self.agent,
            self.invite.call_id,
            self.invite.sender,
            self.invite.from_tag,
            self.invite.to,
            tag_of(answer.first("to")),
            _uri(answer.first("contact")),
            _routes(answer)[::-1],
            self.invite.number,
        )
        self.acknowledge(answer_in_ack)
        return answer

    def established(self, timeout_s: float = 40.0) -> bytes:
        """The SDP of the 200."""
        answer = self.final(timeout_s)
        assert answer.status == 200, answer.start
        return answer.body

    def acknowledge(self, body: bytes = b"") -> None:
        """The ACK of a 2xx: a request of its own within the dialog (13.2.2.4)."""
        assert self.dialog is not None
        ack = self.dialog.request("ACK", [_SDP] if body else [], body)
        self.dialog.number -= 1
        ack.number = self.invite.number
        self.agent.endpoint.send(ack)

    def cancel(self) -> None:
        """CANCEL the INVITE as it was sent (9.1)."""
        invite = self.invite
        request = Request("CANCEL", invite.uri, invite.sender, invite.to, invite.call_id, invite.from_tag)
        request.number, request.branch = invite.number, invite.branch
        self.agent.endpoint.send(request)

    def bye(self) -> Received:
        assert self.dialog is not None
        return self.dialog.bye()

    def _is_ours(self, item: Received) -> bool:
        return item.first("call-id") == self.invite.call_id


class Incoming:
    """A call that came to us."""

    def __init__(self, agent: Agent, invite: Received) -> None:
        self.agent = agent
        self.invite = invite
        self._tag = secrets.token_hex(4)
        self.dialog = Dialog(
            agent,
            invite.first("call-id"),
            _uri(invite.first("to")),
            self._tag,
            _uri(invite.first("from")),
            tag_of(invite.first("from")),
            _uri(invite.first("contact")),
            _routes(invite),
        )

    def ring(self) -> None:
        self._reply("180 Ringing")

    def progress(self, body: bytes) -> None:
        """Early media."""
        self._reply("183 Session Progress", body)

    def accept(self, body: bytes) -> None:
        self._reply("200 OK", body)

    def refuse(self, status: str) -> None:
        self._reply(status)

    def wait_ack(self, timeout_s: float = 10.0) -> Received:
        return self.dialog.wait("ACK", timeout_s)

    def wait_cancel(self, timeout_s: float = 10.0) -> None:
        """The CANCEL, answered, and the INVITE ended with 487 (9.2)."""
        cancel = self.dialog.wait("CANCEL", timeout_s)
        self.agent.endpoint.reply(cancel, "200 OK", tag=self._tag)
        self._reply("487 Request Terminated")
        self.wait_ack()

    def _reply(self, status: str, body: bytes = b"") -> None:
        extra = [self.agent.endpoint.contact(self.agent.identity.user), *([_SDP] if body else [])]
        self.agent.endpoint.reply(self.invite, status, extra, body, self._tag)


def connect(caller: Agent, callee: Agent, offer: bytes, answer: bytes) -> tuple[Call, Incoming]:
    """A call that is answered at once; the callee has the ACK."""
    call = caller.dial(callee.identity.user, offer)
    incoming = callee.incoming()
    incoming.ring()
    incoming.accept(answer)
    call.final()
    incoming.wait_ack()
    return call, incoming


def hang_up(first: Dialog | None, second: Dialog | None) -> None:
    """BYE from the first, answered by the second."""
    assert first is not None
    assert second is not None
    bye = first.request("BYE")
    first.agent.endpoint.send(bye)
    second.wait_bye()
    assert first.agent.endpoint.final(bye).status == 200


def _open(identity: Identity, bind: str) -> Endpoint:
    if identity.transport in ("ws", "wss"):
        return WebEndpoint(identity.host, identity.port, secure=identity.transport == "wss")
    return Endpoint((bind or identity.host, 0), (identity.host, identity.port), identity.transport)


def _uri(value: str) -> str:
    found = re.search(r"<([^>]+)>", value)
    return found[1] if found else value.split(";", maxsplit=1)[0].strip()


def _routes(message: Received) -> list[str]:
    """Record-Route entries in the order of the message, several in one field included."""
    return [part.strip() for value in message.all("record-route") for part in re.split(r",(?=\s*<)", value)]
