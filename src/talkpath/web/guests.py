"""Guests: visitors of the page who are users for a while, without anybody having made an account for them.

A guest's password is a MAC over number and end of life, so that nothing is stored: whoever still has it is let in
again after a restart, with the same number (`docs/decisions/guests.md`).
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from talkpath.base import limits
from talkpath.base.redact import Secret
from talkpath.sip.digest import Algorithm, ha1

Networks = tuple[IPv4Network | IPv6Network, ...]

# A guest who has not registered by then has closed the page, and leaves room for another.
_ARRIVAL_S = 60.0
# Numbers have six digits, so that a desk phone can dial them and nobody guesses one quickly.
_FIRST, _LAST = 100_000, 999_999
_DRAWS = 64


@dataclass(frozen=True, slots=True)
class GuestRules:
    """Who may be a guest: from where, how many at a time, for how many seconds."""

    networks: Networks
    most: int
    lifetime_s: int
    realm: str


@dataclass(frozen=True, slots=True)
class Guest:
    """One guest: the number, when it ends (seconds since the epoch), and the password."""

    number: str
    ends_at: int
    password: Secret

    def __str__(self) -> str:
        """What the page keeps, and shows to be let in again."""
        return f"{self.number}.{self.ends_at}.{self.password.reveal()}"


class Why(StrEnum):
    """Why a visitor can not be a guest."""

    OFF = "off"
    NETWORK = "network"
    FULL = "full"


class NotAdmitted(Exception):
    """The visitor can not be a guest."""

    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why = why


@dataclass(slots=True)
class _Present:
    guest: Guest
    host: str
    admitted_at: float
    ha1: dict[str, str]


class Guests:
    """The guests of one node. `draw` gives a random number between two, both included."""

    def __init__(
        self,
        rules: GuestRules,
        key: bytes,
        draw: Callable[[int, int], int],
        is_taken: Callable[[str], bool],
        is_registered: Callable[[str, float], bool],
    ) -> None:
        self._rules = rules
        self._key = key
        self._draw = draw
        self._is_taken = is_taken
        self._is_registered = is_registered
        self._present: dict[str, _Present] = {}

    def adopt(self, rules: GuestRules) -> None:
        """Go by these rules from now on. Guests who are there stay."""
        self._rules = rules

    # --- what digest authentication and routing ask

    def ha1(self, user: str, algorithm: Algorithm) -> str | None:
        """H(user:realm:password) of a guest, None when there is no such guest."""
        present = self._present.get(user)
        return present.ha1[algorithm] if present is not None else None

    def exists(self, user: str) -> bool:
        """Whether this is the number of a guest."""
        return user in self._present

    def __len__(self) -> int:
        return len(self._present)

    # --- what the page asks

    def admit(self, host: str, shown: str, now: float) -> Guest:
        """A guest for the visitor at `host`: the one `shown` (its text), renewed when half its time is over, or else
        a new one. Raises NotAdmitted.
        """
        self._refuse_strangers(host)
        self.sweep(now)
        number, ends_at = self._proven(shown, now) or ("", 0)
        if number not in self._present:
            self._refuse_crowds(host)
        if ends_at - now < self._rules.lifetime_s / 2:
            ends_at = int(now) + self._rules.lifetime_s
        return self._enter(number or self._free_number(), ends_at, host, now)

    def sweep(self, now: float) -> None:
        """Forget those whose time is over, and those who did not register or are gone."""
        for number, present in list(self._present.items()):
            has_arrived = now - present.admitted_at < _ARRIVAL_S or self._is_registered(number, now)
            if present.guest.ends_at <= now or not has_arrived or self._is_taken(number):
                del self._present[number]

    # --- inside

    def _refuse_strangers(self, host: str) -> None:
        if not self._rules.most:
            raise NotAdmitted(Why.OFF)
        if not any(ip_address(host) in network for network in self._rules.networks):
            raise NotAdmitted(Why.NETWORK)

    def _refuse_crowds(self, host: str) -> None:
        """Each address, and each IPv6 subscriber, has a share: one visitor must not take every place."""
        place = _place(host)
        neighbours = sum(_place(present.host) == place for present in self._present.values())
        if len(self._present) >= self._rules.most or neighbours >= limits.GUESTS_PER_ADDRESS:
            raise NotAdmitted(Why.FULL)

    def _proven(self, shown: str, now: float) -> tuple[str, int] | None:
        """Number and end of a guest of ours whose time is not over, and whom no user has replaced."""
        number, _, rest = shown.partition(".")
        ends, _, password = rest.partition(".")
        if not (number.isascii() and number.isdigit() and ends.isascii() and ends.isdigit() and len(ends) < 12):
            return None
        is_ours = hmac.compare_digest(password.encode("utf-8", "replace"), self._password(number, int(ends)).encode())
        return (number, int(ends)) if is_ours and int(ends) > now and not self._is_taken(number) else None

    def _free_number(self) -> str:
        for _ in range(_DRAWS):
            number = str(self._draw(_FIRST, _LAST))
            if number not in self._present and not self._is_taken(number):
                return number
        raise NotAdmitted(Why.FULL)

    def _enter(self, number: str, ends_at: int, host: str, now: float) -> Guest:
        guest = Guest(number, ends_at, Secret(self._password(number, ends_at)))
        secrets = {name.value: ha1(name, number, self._rules.realm, guest.password.reveal()) for name in Algorithm}
        self._present[number] = _Present(guest, host, now, secrets)
        return guest

    def _password(self, number: str, ends_at: int) -> str:
        named = f"{number}.{ends_at}".encode()
        return blake2b(named, key=self._key, person=b"talkpath guest", digest_size=16).hexdigest()


def _place(host: str) -> str:
    """What one visitor can vary freely counts once: the lower half of an IPv6 address."""
    return str(ip_network(f"{host}/64", strict=False)) if ":" in host else host
