"""RFC 4475 and RFC 5118: every message, with the RFC's verdict and what the edge does with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from ipaddress import ip_network
from pathlib import Path
from types import MappingProxyType

import pytest

from talkpath.base.address import Address, Target, Transport
from talkpath.base.texts import Language
from talkpath.calls.build import call_of
from talkpath.calls.facts import story_of
from talkpath.edge.settings import EdgeSettings
from talkpath.sip.message import Message

from ..edge.lab import HOME, PORT, REALM, Lab

HERE = Path(__file__).parent
#: What the edge does: hands the request on, or says nothing; else the status that it answers with.
FORWARDED, DISCARDED = "forwarded", "discarded"


@dataclass(frozen=True)
class Case:
    """`says` is the RFC's verdict; where it leaves a choice, ours is the one given."""

    section: str
    says: str
    does: str | int
    #: The request is for a user of ours and not for another domain.
    local: bool = False
    #: Fields that go on by the letter though they came otherwise.
    written: Mapping[str, str] = field(default_factory=dict)


RFC4475 = {
    "wsinv": Case("3.1.1.1", "well-formed; it names a dialog, which we do not know", 481),
    "intmeth": Case("3.1.1.2", "well-formed, the method is one that nobody knows", FORWARDED),
    "esc01": Case("3.1.1.3", "well-formed; escapes are what they stand for", FORWARDED),
    "escnull": Case("3.1.1.4", "well-formed: a registration with an escaped NUL in the user", 200, local=True),
    "esc02": Case("3.1.1.5", "well-formed; % in a method or a display name escapes nothing", FORWARDED),
    "lwsdisp": Case("3.1.1.6", "well-formed without a space before <", FORWARDED),
    "longreq": Case("3.1.1.7", "well-formed with long values", FORWARDED),
    "dblreq": Case("3.1.1.8", "what follows the body in a datagram is no part of it", 200, local=True),
    "semiuri": Case("3.1.1.9", "well-formed with a semicolon in the user part", FORWARDED),
    "transports": Case("3.1.1.10", "unknown transports in a Via are well-formed", FORWARDED),
    "mpart01": Case("3.1.1.11", "well-formed with a body of several parts, one binary", FORWARDED),
    "unreason": Case("3.1.1.12", "a well-formed response; none of ours", DISCARDED),
    "noreason": Case("3.1.1.13", "a well-formed response without a reason; none of ours", DISCARDED),
    "badinv01": Case("3.1.2.1", "400: separators without values in Via and Contact", 400),
    "clerr": Case("3.1.2.2", "400: the body is shorter than Content-Length", 400),
    "ncl": Case("3.1.2.3", "400: a negative Content-Length", 400),
    "scalar02": Case("3.1.2.4", "400: a CSeq beyond 2**31", 400),
    "scalarlg": Case("3.1.2.5", "a response whose CSeq is out of range is discarded", DISCARDED),
    "quotbal": Case("3.1.2.6", "400: a quote that does not end", 400),
    "ltgtruri": Case("3.1.2.7", "400, or taken as meant: <> around the Request-URI", 400),
    "lwsruri": Case("3.1.2.8", "400, or taken as meant: white space in the Request-URI", 400),
    "lwsstart": Case("3.1.2.9", "400, or taken as meant: several spaces in the first line", FORWARDED),
    "trws": Case("3.1.2.10", "400, or taken as meant: spaces after the version", 400),
    "escruri": Case("3.1.2.11", "400, or taken without: header fields in the Request-URI", 400),
    "baddate": Case("3.1.2.12", "a Date that is not in GMT; who needs no Date need not care", FORWARDED),
    "regbadct": Case("3.1.2.13", "400: a Contact with header fields must stand in <>", 400, local=True),
    "badaspec": Case(
        "3.1.2.14",
        "400, or taken as meant: spaces within <>",
        FORWARDED,
        written={"to": '"Watson, Thomas" <sip:t.watson@example.org>'},
    ),
    "baddn": Case("3.1.2.15", "400, or taken as meant: a comma in a name without quotes", 400),
    "badvers": Case("3.1.2.16", "505: version 7.0", 505),
    "mismatch01": Case("3.1.2.17", "400: CSeq names another method", 400),
    "mismatch02": Case("3.1.2.18", "400 or 501: CSeq names another unknown method", 400),
    "bigcode": Case("3.1.2.19", "a response whose status is no status is discarded", DISCARDED),
    "badbranch": Case("3.2.1", "a branch that is only the magic cookie identifies nothing", FORWARDED),
    "insuf": Case("3.3.1", "400: From, To and Call-ID are missing", 400),
    "unkscm": Case("3.3.2", "416: an unknown scheme", 416),
    "novelsc": Case("3.3.3", "416: a known scheme that is none of SIP", 416),
    "unksm2": Case("3.3.4", "404: addresses of unknown schemes are none of our domain", 404, local=True),
    "bext01": Case("3.3.5", "420: extensions that nobody knows", 420),
    "invut": Case("3.3.6", "415 of the callee: a body of an unknown type", FORWARDED),
    "regaut01": Case(
        "3.3.7", "401 of a registrar that wants proof: a scheme that it does not know is none", 401, local=True
    ),
    "multi01": Case("3.3.8", "400: several From, To, Call-ID, CSeq", 400),
    "mcl01": Case("3.3.9", "400: two Content-Lengths that differ", 400),
    "bcast": Case("3.3.10", "a response whose first Via is not ours is discarded", DISCARDED),
    "zeromf": Case("3.3.11", "483: no hops are left", 483),
    "cparam01": Case("3.3.12", "well-formed: a parameter of Contact that nobody knows", 200, local=True),
    "cparam02": Case("3.3.13", "well-formed: a parameter of the URI that nobody knows", 200, local=True),
    "regescrt": Case("3.3.14", "well-formed: header fields in a Contact that stands in <>", 200, local=True),
    "sdp01": Case("3.3.15", "406 of the callee: it accepts no SDP", FORWARDED),
    "inv2543": Case("3.4.1", "well-formed by RFC 2543: no branch, no Max-Forwards", FORWARDED),
}
RFC5118 = {
    "ipv6-good": Case("4.1", "well-formed", 200, local=True),
    "ipv6-bad": Case("4.2", "400: an IPv6 address without brackets in the Request-URI", 400),
    "port-ambiguous": Case("4.3", "well-formed: 5070 belongs to the address", FORWARDED),
    "port-unambiguous": Case("4.4", "well-formed: 5070 is the port", FORWARDED),
    "via-received-param-with-delim": Case("4.5", "taken as meant: brackets in received", 481),
    "via-received-param-no-delim": Case("4.5", "well-formed: none in received", FORWARDED),
    "ipv6-in-sdp": Case("4.6", "well-formed, but for a Content-Length that is 17 bytes more than there are", 400),
    "mult-ip-in-header": Case("4.7", "well-formed with both families; it names a dialog that we do not know", 481),
    "mult-ip-in-sdp": Case("4.8", "well-formed with both families in the description", FORWARDED),
    "ipv4-mapped-ipv6": Case("4.9", "well-formed with an IPv4-mapped address", FORWARDED),
    "ipv6-bug-abnf-3-colons": Case("4.10", "taken as meant: three colons, from an error in the grammar", FORWARDED),
    "ipv6-correct-abnf-2-colons": Case("4.10", "well-formed", FORWARDED),
}
CASES = [("rfc4475", name, case) for name, case in RFC4475.items()]
CASES += [("rfc5118", name, case) for name, case in RFC5118.items()]
# SHA-256 over the files in the order of their names.
DIGEST_4475 = "e6cf1e5e4ec89ebb736976dfeab5baa4bcad5116d1492d810d53106fc6fc964e"
DIGEST_5118 = "e124e714fc8d99c72de2c880f26a8e2a725bd77609e335ae781fc404ca271dfb"
# Fields that a proxy may touch.
_OURS = frozenset({"via", "max-forwards", "record-route", "route", "content-length"})
# A request that is too large for its hop may go on with short names (RFC 3261 section 7.3.3).
_LONG = {
    "a": "accept-contact", "b": "referred-by", "c": "content-type", "d": "request-disposition",
    "e": "content-encoding", "f": "from", "i": "call-id", "j": "reject-contact", "k": "supported",
    "l": "content-length", "m": "contact", "n": "identity-info", "o": "event", "r": "refer-to", "s": "subject",
    "t": "to", "u": "allow-events", "v": "via", "x": "session-expires", "y": "identity",
}  # fmt: skip


class Everywhere(dict[str, list[Target]]):
    """Every name leads to the same neighbour."""

    def get(self, key: str, default: object = None) -> list[Target]:  # type: ignore[override]
        return [Target(Transport.UDP, Address("203.0.113.9", 5060))]


def _bytes(folder: str, name: str) -> bytes:
    data = (HERE / folder / f"{name}.dat").read_bytes()
    if folder == "rfc4475":
        return data
    data = data.replace(b"\n", b"\r\n")
    return data if b"\r\n\r\n" in data else data + b"\r\n"


def _lab(case: Case) -> Lab:
    """For requests to others we are a proxy that their sender may use; to ours we are their home."""
    settings = EdgeSettings(
        own_hosts=frozenset({HOME, "localhost"}),
        listening=frozenset(PORT.items()),
        realm=REALM,
        domains=frozenset({"example.com", "2001:db8::10"} if case.local else {"talkpath.example"}),
        trusted=() if case.does == 401 else (ip_network("198.51.100.0/24"),),
    )
    lab = Lab(settings, users=("user", "null-%00-null", "j.user", "watson"))
    lab.names = Everywhere()
    return lab


def _answers(lab: Lab) -> list[Message]:
    return [Message.parse(send.data) for send in lab.lost if send.data.startswith(b"SIP/2.0")]


def test_the_messages_are_those_of_the_archives() -> None:
    found = {path.parent.name + "/" + path.stem for path in HERE.glob("rfc*/*.dat")}
    assert found == {f"{folder}/{name}" for folder, name, _ in CASES}
    for folder, digest in (("rfc4475", DIGEST_4475), ("rfc5118", DIGEST_5118)):
        whole = b"".join(path.read_bytes() for path in sorted((HERE / folder).glob("*.dat")))
        assert sha256(whole).hexdigest() == digest


@pytest.mark.parametrize(("folder", "name", "case"), CASES, ids=[name for _, name, _ in CASES])
def test_each_gets_its_verdict(folder: str, name: str, case: Case) -> None:
    lab, data = _lab(case), _bytes(folder, name)
    neighbour, sender = lab.phone("gw", "203.0.113.9"), lab.phone("x", "198.51.100.7")
    lab.deliver(sender.flow, data)
    answers = [*(message for message in sender.inbox if not message.is_request), *_answers(lab)]
    final = {message.status for message in answers if message.status >= 200}
    if case.does == FORWARDED:
        assert not final
        (onward,) = {message.raw: message for message in neighbour.inbox}.values()
        _assert_unchanged(Message.parse(data), onward, case.written)
    elif case.does == DISCARDED:
        assert not answers
        assert not neighbour.inbox
    else:
        assert final == {case.does}
        assert not neighbour.inbox
        assert all(b";;" not in message.raw and b",," not in message.raw for message in answers)
    for trace in lab.ledger.running():
        story_of(call_of(trace), Language.EN, with_messages=True)


def test_ipv6_in_a_description_goes_on_when_its_length_is_right() -> None:
    case = RFC5118["mult-ip-in-sdp"]
    lab = _lab(case)
    neighbour, sender = lab.phone("gw", "203.0.113.9"), lab.phone("x", "198.51.100.7")
    data = _bytes("rfc5118", "ipv6-in-sdp").replace(b"Content-Length: 268", b"Content-Length: 251")
    lab.deliver(sender.flow, data)
    _assert_unchanged(Message.parse(data), neighbour.last())


def _assert_unchanged(came: Message, went: Message, written: Mapping[str, str] = MappingProxyType({})) -> None:
    """What a proxy has no business with is as it was; `written` are fields by the letter that came otherwise."""
    assert (went.method, went.uri) == (came.method, came.uri)
    assert _fields(went) == [(name, written.get(name, value)) for name, value in _fields(came)]
    assert went.body == came.body or went.carries_sdp
    assert went.all("Via")[1:] == came.all("Via") or "received" in went.all("Via")[1]


def _fields(message: Message) -> list[tuple[str, str]]:
    fields = (message.frame.field(at) for at in range(message.frame.count))
    named = ((_LONG.get(name.lower(), name.lower()), value) for name, value in fields)
    return [(name, value) for name, value in named if name not in _OURS]


@pytest.mark.parametrize("user", ["1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*", "a%3Fb", "a?b", "j%2Euser"])
def test_a_user_of_every_character_is_found_escaped_or_not(user: str) -> None:
    lab = Lab(users=("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/", "a?b", "j.user"))
    name = {"a%3Fb": "a?b", "j%2Euser": "j.user"}.get(user, user.partition(";")[0])
    phone = lab.registered(name, "198.51.100.8")
    lab.phone("x", "198.51.100.7").request("MESSAGE", f"sip:{user}@{HOME}", user="stranger", to="<sip:x@y>")
    assert phone.methods() == ["MESSAGE"]
