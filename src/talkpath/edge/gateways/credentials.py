"""Answers to the challenges of a carrier, for calls and registrations (RFC 3261 section 22.3, RFC 7616, RFC 8760)."""

from collections.abc import Callable

from talkpath.edge.gateways.settings import GatewaySettings
from talkpath.sip.digest import ANSWERED, ha1, response
from talkpath.sip.grammar import parse_auth
from talkpath.sip.message import Message

# Where a challenge stands, and where its answer goes.
_FIELDS = (("WWW-Authenticate", "Authorization"), ("Proxy-Authenticate", "Proxy-Authorization"))
# Answers to one realm for one request: the first, and those to nonces that were too old.
_MOST_ANSWERS = 3

Name = tuple[str, str]


class _Known:
    """What a realm asked for last, and how often its nonce was used."""

    __slots__ = ("algorithm", "answers", "count", "nonce", "opaque", "qop")

    def __init__(self, params: dict[str, str], algorithm: str, qop: str) -> None:
        self.nonce = params.get("nonce", "")
        self.opaque = params.get("opaque")
        self.algorithm = algorithm
        self.qop = qop
        self.count = 0
        #: Answers for the request that is under way.
        self.answers = 0


class Credentials:
    """Answers for one call, or for the registration at one gateway. `cnonce` gives words that nobody can foretell.

    A nonce is used again for the next request, with the next count, until the other side wants another.
    """

    def __init__(self, settings: GatewaySettings, cnonce: Callable[[], str]) -> None:
        self._settings = settings
        self._cnonce = cnonce
        self._known: dict[Name, _Known] = {}
        #: Why `answer` gave nothing: `none`, `realm`, `algorithm` or `refused`.
        self.why = ""

    def answer(self, challenge: Message, method: str, uri: str, body: bytes = b"") -> str:
        """The header lines that a request needs to be sent again after a 401 or 407, with line ends; "" where none
        would help, and then `why` says why not. `uri` is its Request-URI."""
        return self.lines(method, uri, body) if self.learn(challenge) else ""

    def learn(self, challenge: Message) -> bool:
        """Take a 401 or 407; whether sending the request again with `lines` may help, and `why` not."""
        if not (self._settings.username and self._settings.password.reveal()):
            self.why = "none"
            return False
        self.why = "realm"
        wanted: set[Name] = set()
        for theirs, ours in _FIELDS:
            for value in challenge.all(theirs):
                name = (ours, parse_auth(value)[1].get("realm", ""))
                # The topmost that can be answered counts (RFC 8760 section 2.4).
                if name not in wanted and self._learn(name, value):
                    wanted.add(name)
        if not wanted or self.why == "refused":
            return False
        self.why = ""
        return True

    def _learn(self, name: Name, value: str) -> bool:
        """Take a challenge; whether it can be answered."""
        scheme, params = parse_auth(value)
        if scheme != "digest" or (self._settings.realm and name[1] != self._settings.realm):
            return False
        algorithm = params.get("algorithm", "MD5").upper()
        offered = [one.strip().lower() for one in params.get("qop", "").split(",")]
        qop = next((one for one in ("auth", "auth-int", "") if one in offered), None)
        if algorithm not in ANSWERED or qop is None:
            self.why = "algorithm"
            return False
        before = self._known.get(name)
        answers = before.answers if before is not None else 0
        is_stale = params.get("stale", "").lower() == "true"
        if answers >= (_MOST_ANSWERS if is_stale else 1):
            self.why = "refused"
            return False
        known = self._known[name] = _Known(params, algorithm, qop)
        known.answers = answers + 1
        return True

    def lines(self, method: str, uri: str, body: bytes = b"") -> str:
        """The header lines for a request, from what was asked for before; "" where nothing was.

        That a nonce of before is not taken again says nothing of the password.
        """
        return "".join(self._line(name, known, method, uri, body) for name, known in self._known.items())

    def accepted(self) -> None:
        """A request passed, or another begins: what it is asked for is no refusal of what came before."""
        for known in self._known.values():
            known.answers = 0

    def _line(self, name: Name, known: _Known, method: str, uri: str, body: bytes) -> str:
        field, realm = name
        settings = self._settings
        known.count += 1
        params = {"uri": uri, "nonce": known.nonce}
        rest = ""
        if known.qop:
            params |= {"qop": known.qop, "nc": f"{known.count:08x}", "cnonce": self._cnonce()}
            rest = f', qop={known.qop}, nc={params["nc"]}, cnonce="{params["cnonce"]}"'
        if known.opaque is not None:
            rest += f', opaque="{_quoted(known.opaque)}"'
        secret = ha1(known.algorithm, settings.username, realm, settings.password.reveal())
        proof = response(known.algorithm, secret, method, params, body)
        return (
            f'{field}: Digest username="{_quoted(settings.username)}", realm="{_quoted(realm)}", '
            f'nonce="{_quoted(known.nonce)}", uri="{uri}", response="{proof}", algorithm={known.algorithm}{rest}\r\n'
        )


def _quoted(text: str) -> str:
    """The inside of a quoted string: no line of a challenge may make two of ours."""
    plain = "".join(character for character in text if character >= " " and character != "\x7f")
    return plain.replace("\\", "\\\\").replace('"', '\\"')
