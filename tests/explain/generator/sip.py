"""SIP calls through proxies, message by message, with every header a rule may look at."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count

from .media import Sender
from .wire import EPOCH, At, Tcp, Wire, ws_frame, ws_upgrade

PCMU, PCMA, EVENT = (0, "PCMU/8000"), (8, "PCMA/8000"), (101, "telephone-event/8000")
G729, OPUS = (18, "G729/8000"), (111, "opus/48000/2")
HOP_S = 0.002


def sdp(
    media: At,
    codecs: Iterable[tuple[int, str]] = (PCMU, PCMA, EVENT),
    direction: str = "sendrecv",
    extra: Iterable[str] = (),
    profile: str = "RTP/AVP",
) -> str:
    """A session description with one audio section; `extra` are further a= lines."""
    codecs = list(codecs)
    lines = ["v=0", f"o=- 1 1 IN IP4 {media.host}", "s=-", f"c=IN IP4 {media.host}", "t=0 0"]
    lines.append(f"m=audio {media.port} {profile} " + " ".join(str(number) for number, _ in codecs))
    lines += [f"a=rtpmap:{number} {name}" for number, name in codecs]
    lines += ["a=fmtp:101 0-16"] if EVENT in codecs else []
    lines += [f"a={direction}", *(f"a={line}" for line in extra)]
    return "\r\n".join(lines) + "\r\n"


def webrtc_sdp(media: At, ufrag: str, password: str, setup: str, fingerprint: str = "AA:" * 31 + "AA") -> str:
    """What a browser offers or answers: ICE, DTLS-SRTP, Opus and G.711."""
    extra = [
        f"ice-ufrag:{ufrag}",
        f"ice-pwd:{password}",
        f"fingerprint:sha-256 {fingerprint}",
        f"setup:{setup}",
        "rtcp-mux",
        "mid:0",
        f"candidate:1 1 udp 2130706431 {media.host} {media.port} typ host",
    ]
    return sdp(media, (PCMU, EVENT), extra=extra, profile="UDP/TLS/RTP/SAVPF")


@dataclass
class Agent:
    """A phone: who it is, where it is, and what it writes into its messages."""

    user: str
    host: str
    port: int = 5060
    contact: str | None = None
    agent: str = "Yealink SIP-T46U 108.86.0.20"
    media_port: int = 10_000
    transport: str = "UDP"

    @property
    def at(self) -> At:
        return At(self.host, self.port)

    @property
    def media(self) -> At:
        return At(self.host, self.media_port)

    @property
    def contact_uri(self) -> str:
        suffix = "" if self.transport == "UDP" else f";transport={self.transport.lower()}"
        return self.contact or f"sip:{self.user}@{self.host}:{self.port}{suffix}"


@dataclass
class Proxy:
    """A record-routing proxy with one address."""

    host: str = "10.0.0.1"
    port: int = 5060
    record_route: str | None = ""

    @property
    def at(self) -> At:
        return At(self.host, self.port)

    @property
    def route(self) -> str | None:
        """The URI it puts into Record-Route; None when it does not."""
        return f"sip:{self.host}:{self.port};lr" if self.record_route == "" else self.record_route


_numbers = count(1)


@dataclass
class Call:
    """One call along a path; every method puts messages on the wire and moves the clock."""

    wire: Wire
    caller: Agent
    callee: Agent
    proxies: list[Proxy] = field(default_factory=list)
    at: float = EPOCH
    call_id: str = ""
    number: str = ""
    headers: tuple[str, ...] = ()
    links: dict[int, Tcp] = field(default_factory=dict)
    websocket: set[int] = field(default_factory=set)
    from_tag: str = "ft1"
    to_tag: str = "tt1"

    def __post_init__(self) -> None:
        self.call_id = self.call_id or f"call-{next(_numbers)}@{self.caller.host}"
        self.number = self.number or self.callee.user
        self._branch = 0

    @property
    def path(self) -> list[At]:
        return [self.caller.at, *(proxy.at for proxy in self.proxies), self.callee.at]

    def connect(self, link: int, websocket: bool = False) -> Tcp:
        """Open a connection for one link, from its outer end (the phone's) before anything is sent."""
        left, right = self.path[link], self.path[link + 1]
        client, server = (right, left) if link == len(self.path) - 2 and self.proxies else (left, right)
        tcp = Tcp(self.wire, client, server)
        tcp.open(self.at - 1)
        if websocket:
            ws_upgrade(tcp, self.at - 0.9)
            self.websocket.add(link)
        self.links[link] = tcp
        return tcp

    def wait(self, seconds: float) -> "Call":
        self.at += seconds
        return self

    def emit(self, link: int, forward: bool, text: str, at: float | None = None, keep: tuple[int, ...] | None = None):
        """One message over one link, by whatever carries it."""
        src, dst = (self.path[link], self.path[link + 1]) if forward else (self.path[link + 1], self.path[link])
        when = self.at if at is None else at
        tcp = self.links.get(link)
        if tcp is None:
            self.wire.udp(when, src, dst, text.encode(), keep)
            return
        sender = tcp.ends.index(src)
        data = ws_frame(text.encode(), masked=sender == 0) if link in self.websocket else text.encode()
        tcp.send(when, sender, data)

    def transport(self, link: int) -> str:
        if link in self.websocket:
            return "WS"
        return "TCP" if link in self.links else "UDP"

    def _vias(self, branch: int, link: int, forward: bool) -> str:
        hops = self.path[: link + 1] if forward else self.path[link + 1 :][::-1]
        offsets = range(len(hops)) if forward else [len(self.path) - 2 - i for i in range(len(hops))]
        lines = [
            f"Via: SIP/2.0/{self.transport(i)} {hop};rport;branch=z9hG4bK-{self.call_id[:12]}-{branch}-{hop}"
            for i, hop in zip(offsets, hops, strict=True)
        ]
        return "\r\n".join(reversed(lines))

    def _record_routes(self, link: int) -> list[str]:
        return [f"Record-Route: <{proxy.route}>" for proxy in self.proxies[:link] if proxy.route][::-1]

    def text(
        self,
        start: str,
        method: str,
        cseq: int,
        vias: str,
        from_caller: bool = True,
        tagged: bool = True,
        extra: Iterable[str] = (),
        body: str = "",
        agent: str = "",
    ) -> str:
        """A whole message; From and To are those of the party whose request it is."""
        one = f"<sip:{self.caller.user}@example.com>;tag={self.from_tag}"
        two = f"<sip:{self.number}@example.com>" + (f";tag={self.to_tag}" if tagged else "")
        from_, to = (one, two) if from_caller else (two, one)
        lines = [start, vias, "Max-Forwards: 70", f"From: {from_}", f"To: {to}", f"Call-ID: {self.call_id}"]
        lines += [f"CSeq: {cseq} {method}", *extra]
        lines += [f"User-Agent: {agent}"] if agent else []
        lines += ["Content-Type: application/sdp"] if body else []
        return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body])

    def invite(
        self,
        body: str | None = None,
        upto: int | None = None,
        cseq: int = 1,
        keep: tuple[int, ...] | None = None,
        extra: Iterable[str] = (),
        rewrite: dict[int, str] | None = None,
    ) -> "Call":
        """The initial INVITE over every link (or only those before `upto`); `rewrite` gives a link its own body."""
        body = sdp(self.caller.media) if body is None else body
        self._branch += 1
        self.invite_branch = self._branch
        for link in range(len(self.path) - 1):
            if upto is not None and link >= upto:
                break
            headers = [*self._record_routes(link), f"Contact: <{self.caller.contact_uri}>", *self.headers, *extra]
            text = self.text(
                f"INVITE sip:{self.number}@example.com SIP/2.0",
                "INVITE",
                cseq,
                self._vias(self._branch, link, forward=True),
                tagged=False,
                extra=headers,
                body=(rewrite or {}).get(link, body),
                agent=self.caller.agent,
            )
            self.emit(link, True, text, keep=keep)
            self.at += HOP_S
        return self

    def respond(
        self,
        status: int,
        reason: str = "OK",
        body: str = "",
        down_to: int = 0,
        start_link: int | None = None,
        method: str = "INVITE",
        cseq: int = 1,
        branch: int | None = None,
        extra: Iterable[str] = (),
        rewrite: dict[int, str] | None = None,
        contact: bool = True,
    ) -> "Call":
        """A response to the caller's request, back from the callee (or after `start_link`) to link `down_to`."""
        last = len(self.path) - 2 if start_link is None else start_link
        for link in range(last, down_to - 1, -1):
            headers = [*extra]
            if method == "INVITE" and status < 300:
                headers += [*self._record_routes(len(self.path) - 2)] if contact else []
                headers += [f"Contact: <{self.callee.contact_uri}>"] if contact else []
            text = self.text(
                f"SIP/2.0 {status} {reason}",
                method,
                cseq,
                self._vias(branch or self.invite_branch, link, forward=True),
                tagged=status > 100,
                extra=headers,
                body=(rewrite or {}).get(link, body),
                agent=self.callee.agent if last == len(self.path) - 2 else "",
            )
            self.emit(link, False, text)
            self.at += HOP_S
        return self

    def ring(self) -> "Call":
        self.respond(100, "Trying", start_link=0, contact=False) if self.proxies else None
        return self.respond(180, "Ringing").wait(2)

    def answer(self, body: str | None = None, **kw: object) -> "Call":
        return self.respond(200, "OK", sdp(self.callee.media) if body is None else body, **kw)  # type: ignore[arg-type]

    def request(
        self,
        method: str,
        from_caller: bool = True,
        cseq: int = 2,
        upto: int | None = None,
        body: str = "",
        uri: str | None = None,
        extra: Iterable[str] = (),
    ) -> "Call":
        """An in-dialog request along the route set (every record-routing proxy is on the path here)."""
        self._branch += 1
        links = list(range(len(self.path) - 1))
        target = uri or (self.callee if from_caller else self.caller).contact_uri
        for number, link in enumerate(links if from_caller else links[::-1]):
            if upto is not None and number >= upto:
                break
            left = self.proxies[link:] if from_caller else self.proxies[:link][::-1]
            routes = [f"Route: <{proxy.route}>" for proxy in left if proxy.route]
            text = self.text(
                f"{method} {target} SIP/2.0",
                method,
                cseq,
                self._vias(self._branch, link, forward=from_caller),
                from_caller=from_caller,
                extra=[*routes, *extra],
                body=body,
                agent=(self.caller if from_caller else self.callee).agent,
            )
            self.emit(link, from_caller, text)
            self.at += HOP_S
        return self

    def ack(self, upto: int | None = None, cseq: int = 1) -> "Call":
        return self.request("ACK", cseq=cseq, upto=upto)

    def ack_failure(self, cseq: int = 1) -> "Call":
        """The hop-by-hop ACK of a final failure (RFC 3261 17.1.1.3)."""
        for link in range(len(self.path) - 1):
            vias = self._vias(self.invite_branch, link, forward=True).split("\r\n")[0]
            self.emit(link, True, self.text(f"ACK sip:{self.number}@example.com SIP/2.0", "ACK", cseq, vias))
        return self

    def close(
        self,
        method: str,
        from_caller: bool,
        status: int = 200,
        reason: str = "OK",
        cseq: int = 2,
        first: int = 0,
        extra: Iterable[str] = (),
        body: str = "",
    ) -> "Call":
        """The final response to an in-dialog request, back over every link it took (or `first` of them)."""
        links = list(range(len(self.path) - 1))
        way = links[::-1] if from_caller else links
        for link in way if not first else way[-first:]:
            text = self.text(
                f"SIP/2.0 {status} {reason}",
                method,
                cseq,
                self._vias(self._branch, link, forward=from_caller),
                from_caller=from_caller,
                extra=extra,
                body=body,
            )
            self.emit(link, not from_caller, text)
            self.at += HOP_S
        return self

    def bye(self, from_caller: bool = True, cseq: int = 2) -> "Call":
        return self.request("BYE", from_caller, cseq).close("BYE", from_caller, cseq=cseq)

    def talk(self, seconds: float = 6, **changes: dict[str, object]) -> "Call":
        """Both directions of audio between the two phones; `a` and `b` change the caller's and callee's sender."""
        one = {"src": self.caller.media, "dst": self.callee.media, "ssrc": 0xA0000 + self._serial()}
        two = {"src": self.callee.media, "dst": self.caller.media, "ssrc": 0xB0000 + self._serial()}
        for base, side in ((one, "a"), (two, "b")):
            change = dict(changes.get(side, {}))
            if change.pop("mute", False):
                continue
            length = float(str(change.pop("seconds", seconds)))
            begin = float(str(change.pop("after", 0.0)))
            Sender(**{**base, **change}).play(self.wire, self.at + begin, length - begin)  # type: ignore[arg-type]
        self.at += seconds
        return self

    def _serial(self) -> int:
        return sum(self.call_id.encode()) + len(self.call_id)


def phones(second: int = 0) -> tuple[Agent, Agent]:
    """Two phones in one office; `second` moves them to other addresses."""
    return Agent("1001", f"10.0.1.{11 + second}"), Agent("1002", f"10.0.2.{11 + second}")


def plain_call(wire: Wire, *, proxies: list[Proxy] | None = None, **kw: object) -> Call:
    """Phones, a proxy between them, up to the ACK."""
    one, two = phones()
    call = Call(wire, one, two, [Proxy()] if proxies is None else proxies, **kw)  # type: ignore[arg-type]
    return call.invite().ring().answer().ack()


__all__ = ["Agent", "Call", "Proxy", "phones", "plain_call", "sdp", "webrtc_sdp"]
