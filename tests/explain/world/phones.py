"""Phones that call and are called, with the timers of RFC 3261 17 and 13.3.1.4, and send sound."""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from ..generator.media import sealer
from ..generator.wire import At
from .guises import is_text
from .messages import (
    Sip,
    description,
    direction_of,
    fax,
    is_fax,
    media_of,
    place,
    tag_in,
    types_of,
    uri_in,
    user_in,
    video_port_of,
    with_video,
)
from .network import Network
from .sound import tape

T1, T2, T4 = 0.5, 4.0, 32.0
EVENT, NOISE, VIDEO = 101, 13, 96


@dataclass
class Habits:
    """What a phone is and does; the defaults are those of a good one."""

    types: list[int] = field(default_factory=lambda: [0, 8, EVENT])
    sound: str = "voice"
    ptime_ms: int = 20
    says_ptime: int = 0
    skew_ppm: float = 0.0
    ring_s: float = 1.5
    answer: int = 200
    waits_for_media_s: float = 0.0
    speaks_from_s: float = 0.0
    contact: str = ""
    session_address: str = ""
    reads_session_address: bool = False
    suppresses_silence: bool = False
    refuses_bye: int = 0
    expires: int = 0
    refreshes: bool = True
    presses: tuple[tuple[float, int], ...] = ()
    holds: tuple[float, float] | None = None
    early_media: bool = False
    is_recording: bool = False
    credentials_work: bool = True
    acknowledges_number: bool = False
    sends_from: int = 0
    moves_after_s: float = 0.0
    rings_reliably: bool = False
    describes_noise: bool = False
    plays_music: bool = False
    refreshes_by_invite: bool = False
    key: str = ""
    has_video: bool = False
    faxes_after_s: float = 0.0
    refers: tuple[float, str] | None = None


@dataclass
class Dialog:
    """One call at one end."""

    call_id: str
    local: str
    remote: str
    target: str
    routes: list[str]
    is_caller: bool
    number: int = 1
    media: At | None = None
    types: list[int] = field(default_factory=list)
    invite: Sip | None = None
    answer: Sip | None = None
    is_up: bool = False
    is_over: bool = False
    is_acked: bool = False
    is_sending: bool = False
    sent: int = 0
    is_held: bool = False
    is_fax: bool = False
    video: At | None = None
    #: the RSeq that were acknowledged (RFC 3262)
    heard: set[str] = field(default_factory=set)


class Phone:
    """Speaks to one proxy over UDP. `pending` are its requests that still wait for a final response."""

    def __init__(self, net: Network, user: str, host: str, proxy: At, habits: Habits, public: str = "") -> None:
        self.net, self.user, self.at, self.proxy, self.habits = net, user, At(host, 5060), proxy, habits
        self.media = At(host, 10_000 + 2 * net.dice.randrange(2000))
        self.dialogs: dict[str, Dialog] = {}
        self.pending: dict[tuple[str, str], Callable[[Sip], None]] = {}
        self.heard: set[tuple[str, str]] = set()
        #: what to do when a call is answered
        self.answered: dict[str, Callable[[], None]] = {}
        self._seed = net.dice.randrange(6)
        self._ssrc = net.dice.getrandbits(32)
        self._serial = 0
        self._replies: dict[tuple[str, str, int], bytes] = {}
        self.talk_s = 10.0
        self._seal = sealer(habits.key) if habits.key else bytes
        net.host(host, self.receive, public)

    # --- requests and their timers

    def _token(self) -> str:
        self._serial += 1
        return f"{self.user}x{self._serial}x{self.net.dice.getrandbits(24):06x}"

    @property
    def contact(self) -> str:
        return self.habits.contact or f"sip:{self.user}@{self.at}"

    def ask(self, message: Sip, done: Callable[[Sip], None], dst: At | None = None) -> None:
        """Send a request until something comes (INVITE) or a final response does."""
        branch = f"z9hG4bK{self._token()}"
        message.fields.insert(0, ("Via", f"SIP/2.0/UDP {self.at};rport;branch={branch}"))
        key = branch, message.method
        self.pending[key] = done
        where = dst or self._next_hop(message)
        self._again(key, message, where, T1, self.net.now + T4)

    def _again(self, key: tuple[str, str], message: Sip, where: At, wait: float, until: float) -> None:
        if key not in self.pending or key in self.heard:
            return
        if self.net.now >= until - 0.01:
            done = self.pending.pop(key)
            done(Sip("SIP/2.0 408 Timed Out", [("CSeq", message.first("CSeq"))]))
            return
        self.net.send(self.at, where, message.bytes())
        longest = T4 if message.method == "INVITE" else T2
        following = min(self.net.now + wait, until)
        self.net.at(following, lambda: self._again(key, message, where, min(2 * wait, longest), until))

    def _next_hop(self, message: Sip) -> At:
        routes = message.of("Route")
        return place(uri_in(routes[0])) if routes else place(message.uri)

    # --- what comes

    def receive(self, src: At, dst: At, data: bytes) -> None:
        if not is_text(data):
            return
        message = Sip.parse(data)
        if message.is_request:
            self._asked(src, message)
            return
        key = message.branch, message.method
        if message.status < 200:
            if message.method == "INVITE":
                self.heard.add(key)
            if key in self.pending and message.status > 100:
                self._progress(message)
            return
        done = self.pending.pop(key, None)
        if done is not None:
            done(message)
        elif message.method == "INVITE" and message.status < 300:
            self._acknowledge(message)

    def _progress(self, message: Sip) -> None:
        """What is sent reliably is acknowledged (RFC 3262 4)."""
        dialog, serial = self.dialogs.get(message.first("Call-ID")), message.first("RSeq")
        if dialog is None or not serial or serial in dialog.heard:
            return
        dialog.heard.add(serial)
        self._meet(dialog, message)
        dialog.number += 1
        fields = [*self._fields(dialog, "PRACK"), ("RAck", f"{serial} {message.first('CSeq')}")]
        self.ask(Sip(f"PRACK {dialog.target} SIP/2.0", fields), lambda _: None)

    def _tag(self, request: Sip) -> str:
        return f";tag=t{self.user}{self.at.host[-2:]}{request.first('Call-ID')[:6]}"

    def _reply(self, src: At, request: Sip, status: int, reason: str, body: str = "", more: tuple = ()) -> Sip:
        to = request.first("To")
        if status > 100 and "tag=" not in to:
            to += self._tag(request)
        fields = [("Via", one) for one in request.of("Via")]
        fields += [("Record-Route", one) for one in request.of("Record-Route")] if status > 100 else []
        fields += [("From", request.first("From")), ("To", to), ("Call-ID", request.first("Call-ID"))]
        fields += [("CSeq", request.first("CSeq")), *more]
        fields += [("Contact", f"<{self.contact}>")] if request.method == "INVITE" and 100 < status < 300 else []
        fields += [("Content-Type", "application/sdp")] if body else []
        answer = Sip(f"SIP/2.0 {status} {reason}", fields, body)
        self.net.send(self.at, src, answer.bytes())
        return answer

    def _asked(self, src: At, request: Sip) -> None:
        call_id, method = request.first("Call-ID"), request.method
        key = request.branch, method, request.number
        if key in self._replies and method != "ACK":
            self.net.send(self.at, src, self._replies[key])
            return
        dialog = self.dialogs.get(call_id)
        if method == "INVITE" and dialog is None:
            self._called(src, request)
        elif method == "INVITE" and dialog is not None and dialog.is_up:
            self._keep(key, self._reinvited(src, request, dialog))
        elif method == "ACK" and dialog is not None:
            self._acked(dialog)
        elif method == "BYE":
            self._keep(key, self._hung_up(src, request, dialog))
        elif method == "CANCEL" and dialog is not None and not dialog.is_up and not dialog.is_over:
            self._keep(key, self._reply(src, request, 200, "OK"))
            dialog.is_over = True
            if dialog.invite is not None:
                self._reply(src, dialog.invite, 487, "Request Terminated")
        elif method == "REFER" and dialog is not None:
            self._keep(key, self._reply(src, request, 202, "Accepted"))
            self._follow(dialog, user_in(uri_in(request.first("Refer-To"))))
        elif method == "UPDATE" and dialog is not None and request.body:
            self._keep(key, self._reinvited(src, request, dialog))
        elif method in ("UPDATE", "OPTIONS", "INFO", "PRACK", "NOTIFY"):
            self._keep(key, self._reply(src, request, 200, "OK"))
            if dialog is not None and "200 OK" in request.body:
                self.hang_up(dialog)  # the other one speaks to whom it was referred to

    def _keep(self, key: tuple[str, str, int], answer: Sip) -> None:
        self._replies[key] = answer.bytes()

    # --- being called

    def _called(self, src: At, request: Sip) -> None:
        trying = self._reply(src, request, 100, "Trying")
        self._keep((request.branch, "INVITE", request.number), trying)
        dialog = Dialog(
            request.first("Call-ID"),
            request.first("To") + self._tag(request),
            request.first("From"),
            uri_in(request.first("Contact")),
            [uri_in(one) for one in request.of("Record-Route")],
            is_caller=False,
            invite=request,
        )
        self.dialogs[dialog.call_id] = dialog
        self._learn(dialog, request.body)
        if self.habits.answer >= 300:
            self.net.at(self.net.now + 0.3, lambda: self._refuse(src, request))
            return
        self.net.at(self.net.now + 0.1, lambda: self._ring(src, request, dialog))

    def _refuse(self, src: At, request: Sip) -> None:
        answer = self._reply(src, request, self.habits.answer, "No")
        self._keep((request.branch, "INVITE", request.number), answer)

    def _ring(self, src: At, request: Sip, dialog: Dialog) -> None:
        if dialog.is_over:
            return
        if self.habits.early_media:
            self._reply(src, request, 183, "Session Progress", self._describe(request.body))
            self.speak(dialog)
        else:
            more = (("Require", "100rel"), ("RSeq", "71")) if self.habits.rings_reliably else ()
            self._reply(src, request, 180, "Ringing", more=more)
        self.net.at(self.net.now + self.habits.ring_s, lambda: self._answer(src, request, dialog, T1))

    def _answer(self, src: At, request: Sip, dialog: Dialog, wait: float) -> None:
        if dialog.is_over or dialog.is_acked:
            return
        more = ()
        if asked := request.first("Session-Expires"):
            refresher = asked if "refresher" in asked else f"{asked};refresher=uac"
            more = (("Session-Expires", refresher), ("Supported", "timer"))
        if not dialog.is_up:
            dialog.is_up = True
            dialog.answer = self._reply(src, request, 200, "OK", self._describe(request.body), more)
            self._keep((request.branch, "INVITE", request.number), dialog.answer)
            self.speak(dialog)
            self.net.at(self.net.now + T4, lambda: self._give_up(dialog))
        elif dialog.answer is not None:
            self.net.send(self.at, src, dialog.answer.bytes())
        self.net.at(self.net.now + wait, lambda: self._answer(src, request, dialog, min(2 * wait, T2)))

    def _give_up(self, dialog: Dialog) -> None:
        if not dialog.is_acked and not dialog.is_over:
            self.hang_up(dialog)

    def _acked(self, dialog: Dialog) -> None:
        if not dialog.is_acked and self.habits.moves_after_s:
            self.net.at(self.net.now + self.habits.moves_after_s, lambda: self._move(dialog))
        if not dialog.is_acked and self.habits.refers is not None:
            self.net.at(self.net.now + self.habits.refers[0], lambda: self._refer(dialog))
        dialog.is_acked = True

    def _move(self, dialog: Dialog) -> None:
        self.media = At(self.media.host, self.media.port + 4000)
        self.reinvite(dialog, "sendrecv")

    def _reinvited(self, src: At, request: Sip, dialog: Dialog) -> Sip:
        self._learn(dialog, request.body)
        dialog.is_held = direction_of(request.body) in ("sendonly", "inactive")
        if is_fax(request.body):
            return self._reply(src, request, 200, "OK", fax(self.media))
        more = ()
        if asked := request.first("Session-Expires"):
            more = (("Session-Expires", asked), ("Supported", "timer"))
        back = {"sendonly": "recvonly", "inactive": "inactive"}.get(direction_of(request.body), "sendrecv")
        return self._reply(src, request, 200, "OK", self._describe(request.body, back), more)

    # --- transfer (RFC 5589 6)

    def _refer(self, dialog: Dialog) -> None:
        if dialog.is_over or self.habits.refers is None:
            return
        dialog.number += 1
        fields = [*self._fields(dialog, "REFER"), ("Refer-To", f"<sip:{self.habits.refers[1]}@example.com>")]
        fields.append(("Contact", f"<{self.contact}>"))
        self.ask(Sip(f"REFER {dialog.target} SIP/2.0", fields), lambda _: None)

    def _follow(self, dialog: Dialog, number: str) -> None:
        """Call whom one is referred to, and say how that goes."""
        self._notify(dialog, "active;expires=60", "SIP/2.0 100 Trying")
        call_id = self.call(number, 6.0)
        self.answered[call_id] = lambda: self._notify(dialog, "terminated;reason=noresource", "SIP/2.0 200 OK")

    def _notify(self, dialog: Dialog, state: str, fragment: str) -> None:
        dialog.number += 1
        fields = [*self._fields(dialog, "NOTIFY"), ("Event", "refer"), ("Subscription-State", state)]
        fields += [("Contact", f"<{self.contact}>"), ("Content-Type", "message/sipfrag")]
        self.ask(Sip(f"NOTIFY {dialog.target} SIP/2.0", fields, f"{fragment}\r\n"), lambda _: None)

    def _hung_up(self, src: At, request: Sip, dialog: Dialog | None) -> Sip:
        if dialog is None:
            return self._reply(src, request, 481, "Call/Transaction Does Not Exist")
        if self.habits.refuses_bye:
            return self._reply(src, request, self.habits.refuses_bye, "Server Internal Error")
        dialog.is_over = True
        return self._reply(src, request, 200, "OK")

    # --- calling

    def call(self, number: str, talk_s: float, gives_up_s: float = 0.0) -> str:
        """Call a number; `gives_up_s` after which a caller that hears no answer gives up."""
        call_id = self._token()
        self.talk_s = talk_s
        dialog = Dialog(
            call_id,
            f"<sip:{self.user}@example.com>;tag=f{call_id[-6:]}",
            f"<sip:{number}@example.com>",
            f"sip:{number}@example.com",
            [],
            is_caller=True,
        )
        self.dialogs[call_id] = dialog
        self._invite(dialog)
        if gives_up_s:
            self.net.at(self.net.now + gives_up_s, lambda: self._cancel(dialog))
        return call_id

    def _invite(self, dialog: Dialog, more: tuple[tuple[str, str], ...] = ()) -> None:
        habits = self.habits
        fields = self._fields(dialog, "INVITE")
        fields += [("Contact", f"<{self.contact}>"), ("User-Agent", f"Phone {self.user}"), *more]
        fields += [("Session-Expires", str(habits.expires)), ("Supported", "timer")] if habits.expires else []
        fields += [("Supported", "100rel")] if habits.rings_reliably else []
        fields.append(("Content-Type", "application/sdp"))
        message = Sip(f"INVITE {dialog.target} SIP/2.0", fields, self._describe(""))
        dialog.invite = message
        self.ask(message, lambda answer: self._answered(dialog, answer), self.proxy)

    def _fields(self, dialog: Dialog, method: str, number: int = 0) -> list[tuple[str, str]]:
        fields = [("Max-Forwards", "70"), *(("Route", f"<{one}>") for one in dialog.routes)]
        fields += [("From", dialog.local), ("To", dialog.remote), ("Call-ID", dialog.call_id)]
        return [*fields, ("CSeq", f"{number or dialog.number} {method}")]

    def _cancel(self, dialog: Dialog) -> None:
        if dialog.is_up or dialog.is_over or dialog.invite is None:
            return
        dialog.is_over = True
        fields = list(self._fields(dialog, "CANCEL"))
        message = Sip(f"CANCEL {dialog.target} SIP/2.0", [("Via", dialog.invite.first("Via")), *fields])
        self.net.send(self.at, self.proxy, message.bytes())

    def _answered(self, dialog: Dialog, answer: Sip) -> None:
        if answer.status >= 300:
            if answer.first("Via"):
                self._ack_refusal(dialog, answer)
            tries = dialog.number
            if answer.status in (401, 407) and tries < (2 if self.habits.credentials_work else 6):
                dialog.number += 1
                nonce = answer.first("WWW-Authenticate") or answer.first("Proxy-Authenticate")
                credentials = f'Digest username="{self.user}", {nonce.partition(" ")[2]}, uri="x", response="{tries}"'
                self._invite(dialog, (("Proxy-Authorization", credentials),))
            else:
                dialog.is_over = True
            return
        self._acknowledge(answer)
        if dialog.is_over or dialog.is_up:
            return
        dialog.is_up = True
        self.answered.pop(dialog.call_id, lambda: None)()
        self.speak(dialog)
        self._plan(dialog)

    def _plan(self, dialog: Dialog) -> None:
        now = self.net.now
        self.net.at(now + self.talk_s, lambda: self.hang_up(dialog))
        if self.habits.holds is not None:
            start, length = self.habits.holds
            self.net.at(now + start, lambda: self.reinvite(dialog, "sendonly"))
            self.net.at(now + start + length, lambda: self.reinvite(dialog, "sendrecv"))
        if self.habits.faxes_after_s:
            self.net.at(now + self.habits.faxes_after_s, lambda: self._fax(dialog))
        interval = self.habits.expires
        if interval and self.habits.refreshes:
            self.net.at(now + interval / 2, lambda: self._refresh(dialog))
        elif interval:
            self.net.at(now + interval, lambda: self.hang_up(dialog))

    def _refresh(self, dialog: Dialog) -> None:
        if dialog.is_over:
            return
        if self.habits.refreshes_by_invite:
            self.reinvite(dialog, "sendrecv")
            self.net.at(self.net.now + self.habits.expires / 2, lambda: self._refresh(dialog))
            return
        dialog.number += 1
        fields = [*self._fields(dialog, "UPDATE"), ("Session-Expires", f"{self.habits.expires};refresher=uac")]
        self.ask(Sip(f"UPDATE {dialog.target} SIP/2.0", fields), lambda _: None)
        self.net.at(self.net.now + self.habits.expires / 2, lambda: self._refresh(dialog))

    def _fax(self, dialog: Dialog) -> None:
        self.reinvite(dialog, "sendrecv", fax(self.media))

    def reinvite(self, dialog: Dialog, direction: str, body: str = "") -> None:
        if dialog.is_over:
            return
        dialog.number += 1
        dialog.is_held = direction == "sendonly" and not self.habits.plays_music
        fields = [*self._fields(dialog, "INVITE"), ("Contact", f"<{self.contact}>")]
        if self.habits.expires:
            fields += [("Session-Expires", f"{self.habits.expires};refresher=uac"), ("Supported", "timer")]
        fields.append(("Content-Type", "application/sdp"))
        message = Sip(f"INVITE {dialog.target} SIP/2.0", fields, body or self._describe("", direction))
        self.ask(message, self._acknowledge)

    def update(self, dialog: Dialog) -> None:
        """Offer anew without a re-INVITE (RFC 3311)."""
        dialog.number += 1
        fields = [*self._fields(dialog, "UPDATE"), ("Contact", f"<{self.contact}>")]
        fields.append(("Content-Type", "application/sdp"))
        message = Sip(f"UPDATE {dialog.target} SIP/2.0", fields, self._describe(""))
        self.ask(message, lambda answer: self._learn(dialog, answer.body))

    def _acknowledge(self, answer: Sip) -> None:
        dialog = self.dialogs.get(answer.first("Call-ID"))
        if dialog is None or answer.status >= 300:
            return
        self._meet(dialog, answer)
        fields = [("Via", f"SIP/2.0/UDP {self.at};rport;branch=z9hG4bK{self._token()}")]
        fields += self._fields(dialog, "ACK", answer.number)
        target = uri_in(dialog.remote) if self.habits.acknowledges_number else dialog.target
        message = Sip(f"ACK {target} SIP/2.0", fields)
        self.net.send(self.at, self._next_hop(message), message.bytes())

    def _meet(self, dialog: Dialog, answer: Sip) -> None:
        """The dialog as an answer establishes it (RFC 3261 12.1.2); its routes stay as they are (12.2.1.2)."""
        dialog.remote = answer.first("To")
        if not dialog.is_up:
            dialog.routes = [uri_in(one) for one in answer.of("Record-Route")][::-1]
        dialog.target = uri_in(answer.first("Contact"))
        self._learn(dialog, answer.body)

    def _ack_refusal(self, dialog: Dialog, answer: Sip) -> None:
        invite = dialog.invite
        if invite is None:
            return
        fields = [("Via", invite.first("Via")), ("Max-Forwards", "70"), ("From", dialog.local)]
        fields += [("To", answer.first("To")), ("Call-ID", dialog.call_id), ("CSeq", f"{dialog.number} ACK")]
        self.net.send(self.at, self.proxy, Sip(f"ACK {invite.uri} SIP/2.0", fields).bytes())

    def hang_up(self, dialog: Dialog) -> None:
        if dialog.is_over:
            return
        dialog.is_over = True
        dialog.number += 1
        self.ask(Sip(f"BYE {dialog.target} SIP/2.0", self._fields(dialog, "BYE")), lambda _: None)

    def register(self, server: At, expires: int = 3600) -> None:
        self._registered(server, expires, self._token(), 1, "")

    def _registered(self, server: At, expires: int, call_id: str, number: int, credentials: str) -> None:
        own = f"<sip:{self.user}@example.com>"
        fields = [("Max-Forwards", "70"), ("From", f"{own};tag=r{call_id[-4:]}"), ("To", own), ("Call-ID", call_id)]
        fields += [("CSeq", f"{number} REGISTER"), ("Contact", f"<{self.contact}>"), ("Expires", str(expires))]
        fields += [("Authorization", credentials)] if credentials else []

        def done(answer: Sip) -> None:
            if answer.status == 401 and number < (2 if self.habits.credentials_work else 6):
                nonce = answer.first("WWW-Authenticate").partition(" ")[2]
                told = f'Digest username="{self.user}", {nonce}, uri="sip:example.com", response="{number}"'
                self._registered(server, expires, call_id, number + 1, told)

        self.ask(Sip("REGISTER sip:example.com SIP/2.0", fields), done, server)

    # --- media

    def _describe(self, offer: str, direction: str = "sendrecv") -> str:
        types = self.habits.types
        if offer:
            common = [one for one in types_of(offer) if one in types]
            beside = (EVENT, NOISE)
            types = [*[one for one in common if one not in beside][:1], *[one for one in common if one in beside]]
        more = (f"a=ptime:{self.habits.says_ptime}",) if self.habits.says_ptime else ()
        more += (f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{self.habits.key}",) if self.habits.key else ()
        body = description(self.media, types, direction, self.habits.session_address, more)
        return with_video(body, self.media.port + 5000) if self.habits.has_video else body

    def _learn(self, dialog: Dialog, body: str) -> None:
        if is_fax(body):
            dialog.is_fax = True
            self._send_fax(dialog, 0)
        elif body:
            port = video_port_of(body)
            dialog.video = At(media_of(body).host, port) if port and self.habits.has_video else None
            dialog.media = media_of(body, self.habits.reads_session_address)
            dialog.types = types_of(body)

    def speak(self, dialog: Dialog) -> None:
        if not dialog.is_sending:
            dialog.is_sending = True
            start = self.net.now + self.habits.waits_for_media_s
            self.net.at(start, lambda: self._send(dialog, 0, start))
            self.net.at(start, lambda: self._film(dialog, 0, 0))

    def _send(self, dialog: Dialog, number: int, start: float) -> None:
        habits = self.habits
        is_done = dialog.is_over or (habits.is_recording and dialog.is_up and number * habits.ptime_ms > 6000)
        if is_done or dialog.media is None:
            return
        voices = [one for one in dialog.types if one in habits.types and one not in (EVENT, NOISE)]
        is_pause = habits.suppresses_silence and self._is_quiet(number, voices)
        is_still = dialog.is_held or dialog.is_fax
        if voices and not is_still and not is_pause:
            self._packet(dialog, number, voices[0])
        elif is_pause and not is_still and habits.describes_noise and number % 10 == 0:
            self._packet(dialog, number, NOISE)
        step = habits.ptime_ms / 1000 * (1 + habits.skew_ppm / 1e6)
        self.net.at(start + (number + 1) * step, lambda: self._send(dialog, number + 1, start))

    def _send_fax(self, dialog: Dialog, number: int) -> None:
        """UDPTL in pieces of 30 ms (T.38 9.1)."""
        if not dialog.is_over and dialog.media is not None:
            self.net.send(self.media, dialog.media, struct.pack("!HBB", number, 1, 6) + self.net.dice.randbytes(40))
            self.net.at(self.net.now + 0.03, lambda: self._send_fax(dialog, number + 1))

    def _film(self, dialog: Dialog, frame: int, sent: int) -> None:
        """Thirty pictures a second in one to four packets (RFC 6184), a large one every two seconds."""
        if dialog.is_over or dialog.video is None:
            return
        count = 8 if frame % 60 == 0 else self.net.dice.randrange(1, 4)
        for index in range(count):
            mark = 0x80 if index == count - 1 else 0
            sequence, stamp = (sent + index) & 0xFFFF, (frame * 3000 + self._ssrc) & 0xFFFFFFFF
            head = struct.pack("!BBHII", 0x80, VIDEO | mark, sequence, stamp, self._ssrc ^ 0xFFFF)
            body = b"\x7c" + self.net.dice.randbytes(self.net.dice.randrange(200, 1100))
            self.net.send(At(self.media.host, self.media.port + 5000), dialog.video, head + body)
        self.net.at(self.net.now + 1 / 30, lambda: self._film(dialog, frame + 1, sent + count))

    def _is_quiet(self, number: int, voices: list[int]) -> bool:
        """Nothing but the room in this packet and the ten before it (0.2 s of hangover)."""
        samples = self.habits.ptime_ms * 8
        sound, quiet = tape(self.habits.sound, self._seed, 0), tape("room", self._seed, 0)
        offset = number * samples % (len(sound) - samples)
        first = max(0, offset - 10 * samples)
        return bool(voices) and sound[first : offset + samples] == quiet[first : offset + samples]

    def _packet(self, dialog: Dialog, number: int, payload_type: int) -> None:
        habits, media = self.habits, dialog.media
        samples = habits.ptime_ms * 8
        is_mute = number * habits.ptime_ms < habits.speaks_from_s * 1000
        sound = tape("room" if is_mute else habits.sound, self._seed, payload_type)
        offset = number * samples % (len(sound) - samples)
        body = sound[offset : offset + samples] if payload_type in (0, 8) else self.net.dice.randbytes(samples // 8)
        body = b"\x40" if payload_type == NOISE else body
        event = next((kind for at, kind in habits.presses if 0 <= number * habits.ptime_ms / 1000 - at < 0.2), 0)
        if event:
            done = number * habits.ptime_ms / 1000 - next(at for at, kind in habits.presses if kind == event)
            body = struct.pack("!BBH", 5, (0x80 if done > 0.13 else 0) | 10, max(160, int(done * 8000)))
            payload_type = event
        mark = 0x80 if number == 0 else 0
        dialog.sent += 1
        sequence, stamp = (dialog.sent + self._seed * 1000) & 0xFFFF, (number * samples + self._ssrc) & 0xFFFFFFFF
        head = struct.pack("!BBHII", 0x80, payload_type | mark, sequence, stamp, self._ssrc)
        source = At(self.media.host, habits.sends_from or self.media.port)
        if media is not None:
            self.net.send(source, media, self._seal(head + body))


__all__ = ["Habits", "Phone", "tag_in", "user_in"]
