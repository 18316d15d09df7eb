"""The bytes of messages that parties write."""

from collections.abc import Iterable, Mapping
from urllib.parse import quote

from talkpath.sip.digest import ANSWERED, ha1, response
from talkpath.sip.grammar import parse_auth
from talkpath.sip.message import Message

#: Reasons of what parties answer; others say so.
_REASONS = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    302: "Moved Temporarily",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    500: "Server Internal Error",
    503: "Service Unavailable",
    603: "Decline",
}
# Of user-unreserved in RFC 3261 section 25.1.
_SAFE = "+-_.!~*'()&=$,;?/"

Fields = Iterable[tuple[str, str]]


def uri_of(number: str, domain: str) -> str:
    """The URI that a phone makes of what is dialled; a URI stays what it is."""
    if number.startswith(("sip:", "sips:", "tel:")):
        return number
    return f"sip:{quote(number, safe=_SAFE)}@{domain}"


def request(start: tuple[str, str], fields: Fields, body: bytes = b"", kind: str = "application/sdp") -> bytes:
    """A request, from its method and Request-URI."""
    return _message(f"{start[0]} {start[1]} SIP/2.0", fields, body, kind)


def answer(
    to: Message, status: int, reason: str = "", *, tag: str = "", fields: Fields = (), body: bytes = b""
) -> bytes:
    """A response to a request (RFC 3261 section 8.2.6.2)."""
    party = to.first("To") or ""
    if not to.to_tag and tag and status > 100:
        party += f";tag={tag}"
    lines = [("Via", value) for value in to.all("Via")]
    if status > 100:
        lines += [("Record-Route", value) for value in to.all("Record-Route")]
    lines += [("From", to.first("From") or ""), ("To", party), ("Call-ID", to.call_id)]
    lines += [("CSeq", to.first("CSeq") or ""), *fields]
    return _message(f"SIP/2.0 {status} {reason or _REASONS.get(status, 'Because')}", lines, body, "application/sdp")


def _message(start: str, fields: Fields, body: bytes, kind: str) -> bytes:
    lines = [start, *(f"{name}: {value}" for name, value in fields)]
    if body:
        lines.append(f"Content-Type: {kind}")
    lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape") + body


def credentials(challenge: Message, method: str, uri: str, user: str, password: str) -> tuple[str, str] | None:
    """The field that answers a 401 or 407; None where it asks for something that we cannot do."""
    asked, told = ("WWW-Authenticate", "Authorization")
    if challenge.status == 407:
        asked, told = ("Proxy-Authenticate", "Proxy-Authorization")
    for value in challenge.all(asked):
        scheme, params = parse_auth(value)
        algorithm = params.get("algorithm", "MD5")
        if scheme.lower() == "digest" and algorithm in ANSWERED:
            return told, _digest(params, algorithm, method, uri, user, password)
    return None


def _digest(params: Mapping[str, str], algorithm: str, method: str, uri: str, user: str, password: str) -> str:
    realm, nonce = params.get("realm", ""), params.get("nonce", "")
    given = {"uri": uri, "nonce": nonce, "qop": "auth", "nc": "00000001", "cnonce": "c"}
    proof = response(algorithm, ha1(algorithm, user, realm, password), method, given)
    return (
        f'Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", response="{proof}", '
        f'algorithm={algorithm}, qop=auth, nc=00000001, cnonce="c"'
    )


def is_proven(request: Message, user: str, password: str) -> bool:
    """Whether a request brings credentials that are right for a challenge of a party."""
    for name in ("Proxy-Authorization", "Authorization"):
        for value in request.all(name):
            _, params = parse_auth(value)
            algorithm = params.get("algorithm", "MD5")
            if algorithm not in ANSWERED or params.get("username") != user:
                continue
            secret = ha1(algorithm, user, params.get("realm", ""), password)
            if response(algorithm, secret, request.method, params, request.body) == params.get("response"):
                return True
    return False
