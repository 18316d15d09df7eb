"""How many passwords may be tried, by whom, for whom: a lane for each pair of user and place.

Nobody locks an account by guessing: what is limited is always a place together with the user, the place alone, and a
flow alone. A phone that proved itself from this very flow before has a lane of its own, so that a neighbour behind
the same NAT who guesses its password does not keep it out; and who was never seen gets his first tries whatever
others did, only fewer of them while the account is under attack.
"""

from collections import OrderedDict
from ipaddress import IPv6Network

from talkpath.base import limits
from talkpath.base.address import Address, Flow

#: Passwords tried at once, and the seconds after which one more may be.
Lane = tuple[int, float]

_OF_A_DEVICE: Lane = (10, 10.0)
_OF_A_FLOW: Lane = (6, 30.0)
_OF_A_PAIR: Lane = (20, 20.0)
_OF_A_SOURCE: Lane = (60, 5.0)
# Where others have proven who they are: an office whose phones were all given wrong passwords.
_OF_AN_OFFICE: Lane = (600, 0.5)
# Wrong passwords of places that nobody knows, before each of them is given only two tries.
_OF_AN_ACCOUNT: Lane = (60, 60.0)
_UNDER_ATTACK: Lane = (2, 60.0)
# Requests that a known phone sends without credentials, to be challenged: each of an exchange, and no more.
_UNASKED: Lane = (200, 0.1)


class Tries:
    """Lanes of those who were wrong. Time is an argument; who is right costs nothing."""

    def __init__(self) -> None:
        self._back_at: OrderedDict[tuple[str, ...], float] = OrderedDict()
        self._devices: OrderedDict[tuple[str, Address], None] = OrderedDict()
        #: of those who sent no credentials
        self._unasked: OrderedDict[Address, float] = OrderedDict()

    @property
    def is_idle(self) -> bool:
        """Whether nobody was wrong of late: everybody may try."""
        return not self._back_at

    def may(self, user: str, flow: Flow, is_office: bool, now: float) -> bool:
        """Whether a password may be tried for the user from there."""
        return all(self._has_room(key, lane, now) for key, lane in self._lanes(user, flow, is_office, now))

    def wrong(self, user: str, flow: Flow, is_office: bool, now: float) -> None:
        """It was tried, and was none."""
        for key, (_, pause_s) in self._lanes(user, flow, is_office, now):
            self._take(key, pause_s, now)
        if not self._is_device(user, flow):
            self._take(("account", user), _OF_AN_ACCOUNT[1], now)

    def right(self, user: str, flow: Flow) -> None:
        """The user proved himself there."""
        remote = flow.remote
        device = (user, remote)
        try:
            self._devices.move_to_end(device)
        except KeyError:
            self._devices[device] = None
            if len(self._devices) > limits.KNOWN_DEVICES:
                self._devices.popitem(last=False)
        if self._unasked:
            self._unasked.pop(remote, None)
        if self._back_at:
            for key in (_flow_key(user, flow), _pair_key(user, flow)):
                self._back_at.pop(key, None)

    def is_pestering(self, flow: Flow, now: float) -> bool:
        """One more request without credentials came from who could show some; whether that is more than it takes."""
        remote, (most, pause_s) = flow.remote, _UNASKED
        back_at = self._unasked.get(remote)
        if back_at is None:
            self._unasked[remote] = now + pause_s
            if len(self._unasked) > limits.LANES:
                self._unasked.popitem(last=False)
            return False
        if back_at - now > (most - 1) * pause_s:
            return True
        self._unasked[remote] = max(back_at, now) + pause_s
        self._unasked.move_to_end(remote)
        return False

    def forget(self, now: float) -> None:
        """Forget lanes on which as many may be tried as ever, the one longest unheard first."""
        for lanes in (self._back_at, self._unasked):
            while lanes and next(iter(lanes.values())) <= now:
                lanes.popitem(last=False)

    def __len__(self) -> int:
        return len(self._back_at) + len(self._unasked)

    def _lanes(self, user: str, flow: Flow, is_office: bool, now: float) -> list[tuple[tuple[str, ...], Lane]]:
        if self._is_device(user, flow):
            return [(("device", user, flow.remote.host, str(flow.remote.port)), _OF_A_DEVICE)]
        is_attacked = not self._has_room(("account", user), _OF_AN_ACCOUNT, now)
        return [
            (_flow_key(user, flow), _UNDER_ATTACK if is_attacked else _OF_A_FLOW),
            (_pair_key(user, flow), _OF_A_PAIR),
            (("source", place_of(flow)), _OF_AN_OFFICE if is_office else _OF_A_SOURCE),
        ]

    def _is_device(self, user: str, flow: Flow) -> bool:
        return (user, flow.remote) in self._devices

    def _has_room(self, key: tuple[str, ...], lane: Lane, now: float) -> bool:
        back_at = self._back_at.get(key)
        return back_at is None or back_at - now <= (lane[0] - 1) * lane[1]

    def _take(self, key: tuple[str, ...], pause_s: float, now: float) -> None:
        self._back_at[key] = max(self._back_at.get(key, now), now) + pause_s
        self._back_at.move_to_end(key)
        if len(self._back_at) > limits.LANES:
            self._back_at.popitem(last=False)


def place_of(flow: Flow) -> str:
    """The source of a flow."""
    return place_of_host(flow.remote.host)


def place_of_host(host: str) -> str:
    """A source: an IPv4 address, or the /64 that one IPv6 subscriber has."""
    return host if ":" not in host else str(IPv6Network((host.partition("%")[0], 64), strict=False))


def _flow_key(user: str, flow: Flow) -> tuple[str, ...]:
    return ("flow", user, flow.remote.host, str(flow.remote.port))


def _pair_key(user: str, flow: Flow) -> tuple[str, ...]:
    return ("pair", user, place_of(flow))
