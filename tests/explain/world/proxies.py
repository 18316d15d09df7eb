"""A stateless record-routing proxy with a registrar, and a relay for media where it is asked to have one."""

from dataclasses import dataclass

from ..generator.wire import At
from .guises import is_text
from .messages import Sip, media_of, place, uri_in, user_in
from .network import Network

OTHER_LEG = "-other"


@dataclass
class Manners:
    """What a proxy does; the defaults are those of a good one."""

    mends_contacts: bool = True
    relays: bool = False
    challenges: bool = False
    record_route: str = ""
    sends_on_to: At | None = None
    extra: int = 0
    #: another phone of the callee, by its URI, which rings too
    also_rings: str = ""
    #: gives each leg a Call-ID of its own, as a B2BUA does (RFC 7092 3.1)
    splits_calls: bool = False


class Proxy:
    """`home` are the phones it knows without a registration."""

    def __init__(self, net: Network, host: str, manners: Manners) -> None:
        self.net, self.at, self.manners = net, At(host, 5060), manners
        self.where: dict[str, tuple[str, At]] = {}
        self._ports: dict[tuple[str, str], int] = {}
        self._pairs: dict[int, int] = {}
        self._targets: dict[int, At] = {}
        self._next_port = 30_000
        self._refused: set[str] = set()
        self._forks: dict[str, tuple[Sip, Sip]] = {}
        net.host(host, self.receive)

    def receive(self, src: At, dst: At, data: bytes) -> None:
        if not is_text(data):
            self._media(src, dst, data)
            return
        message = Sip.parse(data)
        if message.is_request:
            self._request(src, message)
        else:
            self._response(src, message)

    def _request(self, src: At, message: Sip) -> None:
        via = message.first("Via").replace(";rport", f";received={src.host};rport={src.port}")
        message.fields[[name for name, _ in message.fields].index("Via")] = ("Via", via)
        is_first = "tag=" not in message.first("To")
        if message.method == "REGISTER":
            self._register(src, message)
            return
        if self.manners.challenges and message.method == "INVITE" and is_first and self._is_challenged(src, message):
            return
        if message.method == "ACK" and message.branch in self._refused:
            return
        hops = int(message.first("Max-Forwards") or 70)
        if hops <= 0:
            self._answer(src, message, 483, "Too Many Hops")
            return
        target = self._target(message, is_first)
        if target is None:
            if message.method != "ACK":
                self._answer(src, message, 404, "Not Found")
            return
        uri, where = target
        self._forward(src, message, uri, where, hops, is_first)

    def _register(self, src: At, message: Sip) -> None:
        if self.manners.challenges and self._is_challenged(src, message, "WWW-Authenticate", 401):
            return
        self.where[user_in(uri_in(message.first("To")))] = uri_in(message.first("Contact")), src
        contact = ("Contact", f"{message.first('Contact')};expires={message.first('Expires')}")
        self._answer(src, message, 200, "OK", (contact,))

    def _is_challenged(self, src: At, message: Sip, name: str = "Proxy-Authenticate", status: int = 407) -> bool:
        given = message.first("Authorization") or message.first("Proxy-Authorization")
        if given and 'username="wrong' not in given:
            return False
        nonce = f'Digest realm="example.com", nonce="{self.net.dice.getrandbits(64):016x}"'
        self._answer(src, message, status, "Unauthorized", ((name, nonce),))
        return True

    def _target(self, message: Sip, is_first: bool) -> tuple[str, At] | None:
        if is_first:
            if self.manners.sends_on_to is not None:
                return message.uri, self.manners.sends_on_to
            user = user_in(message.uri)
            known = self.where.get(user)
            return (known[0], known[1] if self.manners.mends_contacts else place(known[0])) if known else None
        routes = list(message.of("Route"))
        left = routes[1:] if routes and place(uri_in(routes[0])).host in (self.at.host, "192.168.77.1") else routes
        message.fields = [one for one in message.fields if one[0] != "Route"]
        message.fields[1:1] = [("Route", one) for one in left]
        if left:
            return message.uri, place(uri_in(left[0]))
        if message.method == "CANCEL" or self.manners.mends_contacts:
            known = self.where.get(user_in(message.uri))
            if known is not None:
                return message.uri, known[1]
        return message.uri, place(message.uri)

    def _forward(self, src: At, message: Sip, uri: str, where: At, hops: int, is_first: bool) -> None:
        fields = [one for one in message.fields if one[0] != "Max-Forwards"]
        fields.insert(0, ("Via", f"SIP/2.0/UDP {self.at};branch={message.branch}p{self.at.host[-1]}"))
        fields.append(("Max-Forwards", str(hops - 1)))
        if message.method == "INVITE" and is_first:
            route = self.manners.record_route or f"sip:{self.at};lr"
            fields.insert(0, ("Record-Route", f"<{route}>"))
            fields += [(f"X-Padding-{number}", "y" * 100) for number in range(self.manners.extra)]
        out = Sip(f"{message.start.split()[0]} {uri} SIP/2.0", fields, message.body)
        self._mend(out, src)
        self._split(out)
        self.net.send(self.at, where, out.bytes())
        if self.manners.also_rings and message.method == "INVITE" and is_first:
            via = ("Via", f"SIP/2.0/UDP {self.at};branch={message.branch}q{self.at.host[-1]}")
            index = [name for name, _ in out.fields].index("Via")
            fields = [*out.fields[:index], via, *out.fields[index + 1 :]]
            other = Sip(f"INVITE {self.manners.also_rings} SIP/2.0", fields, out.body)
            self._forks[message.branch] = out, other
            self.net.send(self.at, place(other.uri), other.bytes())

    def _is_of_a_fork(self, message: Sip) -> bool:
        """One that answers ends the other's ringing (RFC 3261 16.7 step 10), whose last word nobody needs."""
        own = message.first("Via").partition("branch=")[2].partition(";")[0]
        forks = self._forks.get(own[:-2])
        if forks is None or message.method not in ("INVITE", "CANCEL"):
            return False
        rings = next(one for one in forks if one.branch == own)
        rest = next(one for one in forks if one.branch != own)
        if message.method == "CANCEL" or message.status >= 300:
            if message.method == "INVITE":
                self._say(rings, "ACK", message.first("To"))
            return True
        if message.status >= 200 and self.manners.also_rings:
            self._say(rest, "CANCEL", rest.first("To"))
        return message.status == 100

    def _say(self, invite: Sip, method: str, to: str) -> None:
        """A request of this hop alone: CANCEL, or the ACK of a refusal."""
        fields = [("Via", invite.first("Via")), ("Max-Forwards", "70"), ("From", invite.first("From")), ("To", to)]
        fields += [("Call-ID", invite.first("Call-ID")), ("CSeq", f"{invite.number} {method}")]
        self.net.send(self.at, place(invite.uri), Sip(f"{method} {invite.uri} SIP/2.0", fields).bytes())

    def _response(self, src: At, message: Sip) -> None:
        if self._is_of_a_fork(message):
            return
        message.fields.pop([name for name, _ in message.fields].index("Via"))
        via = message.first("Via")
        if not via:
            return
        named = place("sip:" + via.split()[1].partition(";")[0])
        host, port = via.partition("received=")[2].partition(";")[0], via.partition("rport=")[2].partition(";")[0]
        self._mend(message, src)
        self._split(message)
        self.net.send(self.at, At(host or named.host, int(port) if port else named.port), message.bytes())

    def _mend(self, message: Sip, src: At) -> None:
        """What stands between phones behind NAT: their Contact by where they are seen, and a relay's address."""
        if self.manners.mends_contacts and message.first("Contact") and message.method == "INVITE":
            user = user_in(uri_in(message.first("Contact")))
            if user in self.where or message.is_request:
                self.where.setdefault(user, (uri_in(message.first("Contact")), src))
        if self.manners.relays and message.body and (message.is_request or 100 < message.status < 300):
            message.body = self._relayed(message)

    def _split(self, message: Sip) -> None:
        if self.manners.splits_calls:
            known = message.first("Call-ID")
            other = known.removesuffix(OTHER_LEG) if known.endswith(OTHER_LEG) else known + OTHER_LEG
            message.fields = [(name, other if name == "Call-ID" else value) for name, value in message.fields]

    def _relayed(self, message: Sip) -> str:
        media = media_of(message.body)
        side = "a" if message.is_request else "b"
        key = message.first("Call-ID").removesuffix(OTHER_LEG), side
        if key not in self._ports:
            self._ports[key] = self._next_port
            self._next_port += 2
        port = self._ports[key]
        other = self._ports.get((key[0], "b" if side == "a" else "a"))
        if other is not None:
            self._pairs[port], self._pairs[other] = other, port
        self._targets[port] = media
        return message.body.replace(f"m=audio {media.port}", f"m=audio {port}").replace(media.host, self.at.host)

    def _media(self, src: At, dst: At, data: bytes) -> None:
        """What comes to the port told to one side is from there: it goes out of the other one's."""
        other = self._pairs.get(dst.port)
        if other is None:
            return
        self._targets[other] = src
        target = self._targets.get(dst.port)
        if target is not None:
            self.net.send(At(self.at.host, other), target, data)

    def _answer(self, src: At, request: Sip, status: int, reason: str, more: tuple = ()) -> None:
        self._refused.add(request.branch)
        fields = [("Via", one) for one in request.of("Via")]
        to = request.first("To")
        to += ";tag=proxy" if "tag=" not in to else ""
        fields += [("From", request.first("From")), ("To", to), ("Call-ID", request.first("Call-ID"))]
        fields += [("CSeq", request.first("CSeq")), *more]
        self.net.send(self.at, src, Sip(f"SIP/2.0 {status} {reason}", fields).bytes())
