"""How a party takes requests: what it answers, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from talkpath.base.address import Flow
from talkpath.sip.message import Message
from talkpath.sip.transaction import ServerTransaction
from talkpath.testing import writing

if TYPE_CHECKING:
    from talkpath.testing.call import Call
    from talkpath.testing.party import Party

_ALLOW = ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, REFER, NOTIFY, MESSAGE")


class Asked:
    """A request that a handler of the test answers (`Party.on`). What it says is written as it says it."""

    def __init__(self, party: Party, message: Message, server: ServerTransaction) -> None:
        self.message = message
        self._party = party
        self._server = server
        self._tag = party.network.fresh("t")

    def answer(
        self,
        status: int,
        reason: str = "",
        *,
        tag: str = "",
        fields: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> None:
        """Send a response: with the same To tag each time unless another is given, and with Contact."""
        told = {"Contact": self._party.contact, **(fields or {})}
        data = writing.answer(
            self.message, status, reason, tag=tag or self._tag, fields=tuple(told.items()), body=body
        )
        self._party.respond(self._server, status, data)

    def description(self, port: int = 4_000) -> bytes:
        """An answer to the offer that it brought, with media at a port of the party; b"" where there is none."""
        at = self._party.address._replace(port=port)
        return self._party.answer_to(self.message.sdp, at) or b"" if self.message.sdp else b""


Handler = Callable[[Asked], Coroutine[Any, Any, None]]


class Answering:
    """The server side of a party."""

    def __init__(self, party: Party) -> None:
        self._party = party
        self.handlers: dict[str, Handler] = {}
        self._ringing: dict[ServerTransaction, tuple[Call, Message, asyncio.Task[None]]] = {}

    def take(self, request: Message, flow: Flow) -> None:
        """A request came."""
        party = self._party
        if request.method == "ACK":
            if not party.transactions.ack(request, party.network.now):
                self._acknowledged(request)
            return
        server = party.transactions.request(request, flow, flow, party.network.now)
        if server is None:
            return
        call = self._call_of(request)
        handler = self.handlers.get(request.method)
        if handler is not None:
            party.does(handler(Asked(party, request, server)))
        elif request.method == "CANCEL":
            self._cancelled(request, server)
        elif request.method == "INVITE" and not request.to_tag:
            self._invited(request, server, flow)
        elif request.to_tag and request.method != "NOTIFY" and call is None:
            self._say(server, request, 481)
        elif call is not None and request.to_tag:
            self._within(call, request, server)
        elif request.method == "OPTIONS":
            if party.options is not None:
                self._say(server, request, party.options)
        elif request.method == "REGISTER":
            self._registered(request, server)
        else:
            self._say(server, request, 200)

    # --- calls

    def _invited(self, request: Message, server: ServerTransaction, flow: Flow) -> None:
        party = self._party
        if party.challenges and not writing.is_proven(request, party.user, party.password):
            self._challenge(request, server)
            return
        call = party.begin(request.call_id, is_incoming=True)
        call.invite, call.flow = request, flow
        call.received.append(request)
        call.learn_peer(request)
        task = party.does(self._ring(call, request, server))
        self._ringing[server] = (call, request, task)
        task.add_done_callback(lambda _: self._ringing.pop(server, None))

    async def _ring(self, call: Call, invite: Message, server: ServerTransaction) -> None:
        party = self._party
        if party.late_s:
            await asyncio.sleep(party.late_s)
        if party.trying:
            self._say(server, invite, 100)
        description = self._description(call, invite)
        call.learns(invite.sdp)
        if description is None:
            self._refuse(call, invite, server, 488)
            return
        # A machine that cannot says so at once; people let it ring.
        if (party.rings or party.early_media) and party.status < 500:
            status = 183 if party.early_media else 180
            call.rang(status)
            self._say(server, invite, status, tag=call.local_tag, body=description if status == 183 else b"")
            await asyncio.sleep(party.rings_s)
        if party.redirects_to:
            self._refuse(call, invite, server, 302, (("Contact", f"<{party.redirects_to}>"),))
        elif party.status >= 300:
            self._refuse(call, invite, server, party.status)
        else:
            self._pick_up(call, invite, server, description)
            if party.hangs_up_s is not None:
                await asyncio.sleep(party.hangs_up_s)
                if not call.is_over:
                    await call.hang_up()

    def _description(self, call: Call, invite: Message) -> bytes | None:
        if not invite.sdp:
            return self._party.describe(call.media)
        return self._party.answer_to(invite.sdp, call.media)

    def _pick_up(self, call: Call, invite: Message, server: ServerTransaction, description: bytes) -> None:
        party = self._party
        fields = (("Contact", party.contact), _ALLOW)
        data = writing.answer(invite, party.status, party.reason, tag=call.local_tag, fields=fields, body=description)
        call.ok = Message.parse(data)
        call.settles(party.status, call.ok.reason)
        party.respond(server, party.status, data)
        call.repeat_until_acknowledged(server, data)

    def _refuse(
        self, call: Call, invite: Message, server: ServerTransaction, status: int, fields: writing.Fields = ()
    ) -> None:
        reason = self._party.reason if status == self._party.status else ""
        data = writing.answer(invite, status, reason, tag=call.local_tag, fields=fields)
        call.settles(status, Message.parse(data).reason)
        self._party.respond(server, status, data)

    def _cancelled(self, request: Message, server: ServerTransaction) -> None:
        invite = self._party.transactions.cancelled(request)
        if invite is None:
            self._say(server, request, 481)
            return
        self._say(server, request, 200)
        ringing = self._ringing.pop(invite, None)
        if ringing is not None:
            call, asked, task = ringing
            task.cancel()
            self._refuse(call, asked, invite, 487)
            call.ended_by = "them"

    def _acknowledged(self, request: Message) -> None:
        call = self._call_of(request)
        if call is not None:
            call.acknowledged()
            call.received.append(request)
            call.learns(request.sdp)

    # --- within calls

    def _within(self, call: Call, request: Message, server: ServerTransaction) -> None:
        call.received.append(request)
        if request.method == "BYE":
            call.ends("them")
            self._say(server, request, 200)
        elif request.method in ("INVITE", "UPDATE"):
            self._offered(call, request, server)
        elif request.method == "REFER":
            self._say(server, request, 202)
        else:
            self._say(server, request, 200)

    def _offered(self, call: Call, request: Message, server: ServerTransaction) -> None:
        party = self._party
        call.retarget(request)
        call.version += 1
        body: bytes | None = b""
        if request.sdp:
            call.learns(request.sdp)
            body = party.answer_to(request.sdp, call.media, call.version)
        elif request.method == "INVITE":
            body = party.describe(call.media, version=call.version)
        if body is None:
            self._say(server, request, 488)
            return
        data = writing.answer(request, 200, fields=(("Contact", party.contact), _ALLOW), body=body)
        party.respond(server, 200, data)
        if request.method == "INVITE":
            call.repeat_until_acknowledged(server, data)

    # --- other requests

    def _registered(self, request: Message, server: ServerTransaction) -> None:
        party = self._party
        if party.challenges and not writing.is_proven(request, party.user, party.password):
            self._challenge(request, server)
            return
        expires = request.first("Expires") or "3600"
        contact = request.first("Contact") or ""
        self._say(server, request, 200, fields=(("Contact", f"{contact};expires={expires}"), ("Expires", expires)))

    def _challenge(self, request: Message, server: ServerTransaction) -> None:
        status, name = (401, "WWW-Authenticate") if request.method == "REGISTER" else (407, "Proxy-Authenticate")
        nonce = self._party.network.fresh("nonce")
        value = f'Digest realm="{self._party.name}", nonce="{nonce}", algorithm=MD5, qop="auth"'
        self._say(server, request, status, fields=((name, value),))

    def _say(
        self,
        server: ServerTransaction,
        request: Message,
        status: int,
        *,
        tag: str = "",
        fields: writing.Fields = (),
        body: bytes = b"",
    ) -> None:
        tag = tag or (self._party.network.fresh("t") if status > 100 else "")
        if not fields and 100 < status < 300 and request.method in ("INVITE", "OPTIONS"):
            fields = (("Contact", self._party.contact), _ALLOW)
        self._party.respond(server, status, writing.answer(request, status, tag=tag, fields=fields, body=body))

    def _call_of(self, request: Message) -> Call | None:
        for call in reversed(self._party.calls):
            if call.call_id == request.call_id and request.to_tag in ("", call.local_tag):
                return call
        return None
