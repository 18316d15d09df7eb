"""Digest authentication of requests (RFC 3261 section 22, RFC 7616, RFC 8760)."""

import re
from collections import OrderedDict
from collections.abc import Callable
from enum import Enum, auto
from hmac import compare_digest
from typing import Protocol

from talkpath.base import limits
from talkpath.edge.settings import EdgeSettings
from talkpath.sip.digest import Algorithm, Nonces, algorithm_of, challenge, response
from talkpath.sip.grammar import parse_auth
from talkpath.sip.message import Message

# nc-value of RFC 7616 section 3.4; some phones leave out leading zeros.
_COUNT = re.compile(r"[0-9a-fA-F]{1,8}")


class Accounts(Protocol):
    """Who may register and call. Answers from memory."""

    def ha1(self, user: str, algorithm: Algorithm) -> str | None:
        """What the account keeps of its password, None when there is no such account."""

    def exists(self, user: str) -> bool:
        """Whether there is such an account."""

    def is_known(self, user: str) -> bool:
        """The same for what is only told of a request: nothing is looked up, so that no name takes longer."""

    def may_dial_out(self, user: str) -> bool:
        """Whether it may call numbers that are no users here."""

    def is_guest(self, user: str) -> bool:
        """Whether it is one that nobody made for this user: it may call our users and services, and nobody else."""


# What stands for the HA1 of users that there are not.
_NO_SECRET = {Algorithm.MD5: "0" * 32, Algorithm.SHA256: "0" * 64}
# A name that no account can have.
_NOBODY = "\0"


class Verdict(Enum):
    """What became of a request's credentials."""

    PROVEN = auto()
    MISSING = auto()
    STALE = auto()
    #: a directive is missing or says nothing (RFC 7616 section 3.4)
    MALFORMED = auto()
    WRONG = auto()


class Proof:
    """The verdict, and the user that the credentials name; `is_tried` says whether they were looked at at all,
    `lacks` what is missing of those that are malformed."""

    __slots__ = ("is_tried", "lacks", "user", "verdict")

    def __init__(self, verdict: Verdict, user: str = "", *, is_tried: bool = True, lacks: str = "") -> None:
        self.verdict = verdict
        self.user = user
        self.is_tried = is_tried
        self.lacks = lacks


class Authentication:
    """Checks credentials and writes challenges."""

    def __init__(self, settings: EdgeSettings, accounts: Accounts, key: bytes) -> None:
        self._realm = settings.realm
        self._accounts = accounts
        self._nonces = Nonces(key, settings.nonce_lifetime_s)
        self._counts: OrderedDict[str, int] = OrderedDict()

    def adopt(self, settings: EdgeSettings) -> None:
        """Go by these settings from now on; nonces that phones have stay ours."""
        self._realm = settings.realm
        self._nonces.lifetime_s = settings.nonce_lifetime_s

    def check(self, request: Message, field: str, place: str, may_try: Callable[[str], bool], now: float) -> Proof:
        """Judge the credentials for our realm in `field` (Authorization or Proxy-Authorization) of a request from a
        place: an address, or the network of a subscriber.

        `may_try` says of a user whether credentials for him are looked at; those that are not count as wrong.
        """
        for value in request.all(field):
            scheme, params = parse_auth(value)
            if scheme == "digest" and params.get("realm") == self._realm:
                return self._judge(request, params, place, may_try, now)
        return Proof(Verdict.MISSING)

    def _judge(
        self, request: Message, params: dict[str, str], place: str, may_try: Callable[[str], bool], now: float
    ) -> Proof:
        user = params.get("username", "")
        algorithm = algorithm_of(params)
        nonce = params.get("nonce", "")
        if algorithm is None or params.get("qop", "auth") != "auth" or not self._nonces.is_ours(nonce, place):
            return Proof(Verdict.MISSING, user)
        if lacks := _lacks(params):
            return Proof(Verdict.MALFORMED, user, lacks=lacks)
        if not may_try(user):
            return Proof(Verdict.WRONG, user, is_tried=False)
        secret = self._accounts.ha1(user, algorithm)
        # An unknown user costs the same time as a wrong password.
        expected = response(algorithm, secret or _NO_SECRET[algorithm], request.method, params)
        given = params.get("response", "").lower()
        if not compare_digest(expected.encode(), given.encode("utf-8", "replace")) or secret is None:
            if secret is not None:
                # The look-up of a name that nobody has takes longer than that of a user.
                self._accounts.ha1(_NOBODY, algorithm)
            return Proof(Verdict.WRONG, user)
        count = params["nc"] if "qop" in params else None
        if self._nonces.is_stale(nonce, now) or self._is_replay(nonce, count):
            return Proof(Verdict.STALE, user)
        return Proof(Verdict.PROVEN, user)

    def _is_replay(self, nonce: str, count: str | None) -> bool:
        """Whether this nonce was used with this count or a later one (RFC 7616 section 3.4.6).

        Only proven credentials get here, so that strangers do not fill the table. RFC 2069 clients send no count, and
        what else they write there is none.
        """
        if count is None:
            return False
        used = int(count, 16)
        if used <= self._counts.get(nonce, 0):
            return True
        if nonce not in self._counts and len(self._counts) >= limits.NONCES:
            self._counts.popitem(last=False)
        self._counts[nonce] = used
        return False

    def challenges(self, field: str, stale: bool, request: Message, place: str, now: float) -> str:
        """The challenge lines, one an algorithm.

        MD5 stands first although RFC 8760 wants the strongest there: SIP.js, SIPp and many desk phones read only the
        first line, and know nothing else.
        """
        nonce = self._nonces.fresh(place, now)
        algorithms = [Algorithm.MD5] if _refuses_sha256(request) else [Algorithm.MD5, Algorithm.SHA256]
        return "".join(f"{field}: {challenge(one, self._realm, nonce, stale)}\r\n" for one in algorithms)


def _refuses_sha256(request: Message) -> bool:
    """Who gives up at a challenge with an algorithm it does not know, also where there is another one.

    The libraries for browsers (JsSIP 3.13, SIP.js 0.21) keep the last of several challenges, and know MD5 alone. A
    page may give them any User-Agent, so that all who come over WebSocket are taken for them. Phones on libre before
    3.0 (baresip 1 and 2) give up at the first they do not know.
    """
    last = request.all("Via")[-1]
    # Nearly every Via that stands there alone is of a phone over UDP, which one look tells.
    is_plain = last.startswith("SIP/2.0/UDP ") and "," not in last
    if not is_plain and last.rpartition(",")[2].strip().upper().startswith("SIP/2.0/WS"):
        return True
    agent = request.first("User-Agent")
    return agent is not None and agent.lower().startswith(("baresip v0", "baresip v1", "baresip v2"))


def _lacks(params: dict[str, str]) -> str:
    """What is missing of credentials (RFC 7616 section 3.4), "" where all is there."""
    for name in ("username", "uri", "response"):
        if not params.get(name):
            return name
    if "qop" in params and not (_COUNT.fullmatch(params.get("nc", "")) and params.get("cnonce")):
        return "nc or cnonce"
    return ""
