"""What an account may spend: calls out of the house, all of them and those abroad, at once and within an hour.

A stolen password is turned into calls and messages to numbers that cost. What is counted are calls and other requests
(MESSAGE, SUBSCRIBE, REFER ...) of proven accounts that leave for a domain elsewhere; what goes to users and services
here is free, and so is whom the operator trusts by address.
"""

from collections import Counter, OrderedDict
from collections.abc import Hashable
from typing import Final

from talkpath.base import limits
from talkpath.calls.guarded import Tolled
from talkpath.edge.settings import Allowance, TollSettings
from talkpath.sip.uri import Uri

#: What a running call is known by: itself. Its Call-ID and tag may be written by anybody.
Key = Hashable

# What an hour is counted in. A call weighs on its account until the slot in which it began is an hour old.
_SLOT_S: Final = 300.0
_SLOTS: Final = 12
# Visual separators of a number (RFC 3966 section 5.1.1).
_SEPARATORS = str.maketrans("", "", "-.()")
_FIRST_DIGITS = frozenset("123456789")


class _Slot:
    """Calls that began, seconds that were talked, and requests that began no call, within five minutes."""

    __slots__ = ("calls", "number", "requests", "seconds")

    def __init__(self, number: int) -> None:
        self.number = number
        self.calls = 0
        self.seconds = 0.0
        self.requests = 0


class _Usage:
    """What an account spent within the last hour: calls that began, seconds that were talked, other requests."""

    __slots__ = ("_at", "_slots", "at_once", "talking")

    def __init__(self, now: float) -> None:
        self.at_once = 0
        self.talking = 0
        self._at = now
        self._slots: list[_Slot] = []

    def begun(self, now: float) -> None:
        self.move(now)
        self.at_once += 1
        self._slot(now).calls += 1

    def answered(self, now: float) -> None:
        self.move(now)
        self.talking += 1

    def ended(self, was_talking: bool, now: float) -> None:
        self.move(now)
        self.at_once -= 1
        self.talking -= was_talking

    def asked(self, now: float) -> None:
        """A request that begins no call left."""
        self.move(now)
        self._slot(now).requests += 1

    def over_requests(self, allowed: Allowance, times: float, now: float) -> tuple[str, int] | None:
        """How many requests that begin no call were allowed where they are used up; None where one more may leave."""
        self.move(now)
        requests = int(allowed.requests_per_h * times)
        return ("requests", requests) if sum(slot.requests for slot in self._slots) >= requests else None

    def over(self, allowed: Allowance, times: float, now: float) -> tuple[str, int] | None:
        """Which of what is allowed is used up, and how much that was; None where one more call may be."""
        self.move(now)
        at_once, calls = int(allowed.at_once * times), int(allowed.calls_per_h * times)
        minutes = int(allowed.minutes_per_h * times)
        if self.at_once >= at_once:
            return "at-once", at_once
        if sum(slot.calls for slot in self._slots) >= calls:
            return "calls", calls
        if sum(slot.seconds for slot in self._slots) >= 60.0 * minutes:
            return "minutes", minutes
        return None

    def move(self, now: float) -> None:
        """Count what was talked since it was last counted, and forget what is over."""
        at = max(self._at, now - _SLOT_S * _SLOTS)
        while self.talking and at < now:
            until = min(now, (at // _SLOT_S + 1) * _SLOT_S)
            self._slot(at).seconds += self.talking * (until - at)
            at = until
        self._at = max(now, self._at)
        oldest = int(now // _SLOT_S) - _SLOTS
        while self._slots and self._slots[0].number < oldest:
            del self._slots[0]

    def _slot(self, at: float) -> _Slot:
        number = int(at // _SLOT_S)
        if not self._slots or self._slots[-1].number < number:
            self._slots.append(_Slot(number))
        return self._slots[-1]


class _Account:
    __slots__ = ("abroad", "everywhere")

    def __init__(self, now: float) -> None:
        self.everywhere = _Usage(now)
        self.abroad = _Usage(now)


class _Call:
    __slots__ = ("account", "is_abroad", "is_talking", "user")

    def __init__(self, user: str, account: _Account, is_abroad: bool) -> None:
        self.user = user
        self.account = account
        self.is_abroad = is_abroad
        self.is_talking = False

    def usages(self) -> list[_Usage]:
        return [self.account.everywhere, self.account.abroad] if self.is_abroad else [self.account.everywhere]


class Toll:
    """See the module's docstring. A machine: time comes in, stories go out (`take_told`)."""

    def __init__(self, settings: TollSettings) -> None:
        self._settings = settings
        self._accounts: OrderedDict[str, _Account] = OrderedDict()
        #: each goes when its call ends, so there are no more than calls may be
        self._calls: dict[Key, _Call] = {}
        self._told: OrderedDict[str, Tolled] = OrderedDict()
        self.counters: Counter[str] = Counter()

    def adopt(self, settings: TollSettings) -> None:
        """Go by these settings from now on; what accounts used up stays used up."""
        self._settings = settings

    def refusal(self, user: str, uri: Uri, source: str, now: float, *, is_call: bool = True) -> Tolled | None:
        """Why a proven account may not call a number elsewhere now, or send it another request; None where it may.
        `source` is where it calls from."""
        if not self._settings.is_on:
            return None
        account = self._account(user, now)
        times = self._settings.times.get(user, 1.0)
        over_of = _Usage.over if is_call else _Usage.over_requests
        over = over_of(account.everywhere, self._settings.everywhere, times, now)
        where = ""
        if over is None and self.is_abroad(uri):
            over, where = over_of(account.abroad, self._settings.abroad, times, now), "abroad-"
        if over is None:
            return None
        self.counters["toll_refused_abroad" if where else "toll_refused"] += 1
        return self._tell(Tolled(user, source, f"toll.{where}{over[0]}", over[1], uri.username[:64], now, now, 1))

    def begun(self, user: str, uri: Uri, key: Key, now: float) -> None:
        """A call that was not refused sets out."""
        if not self._settings.is_on or key in self._calls:
            return
        call = self._calls[key] = _Call(user, self._account(user, now), self.is_abroad(uri))
        for usage in call.usages():
            usage.begun(now)

    def asked(self, user: str, uri: Uri, now: float) -> None:
        """A request that begins no call, and was not refused, sets out."""
        if self._settings.is_on:
            account = self._account(user, now)
            account.everywhere.asked(now)
            if self.is_abroad(uri):
                account.abroad.asked(now)

    def is_counted(self, key: Key) -> bool:
        """Whether a call has set out already."""
        return key in self._calls

    def counted(self, key: Key) -> tuple[str, bool] | None:
        """The account that pays for a call, and whether it goes abroad; None for one that costs nothing."""
        call = self._calls.get(key)
        return None if call is None else (call.user, call.is_abroad)

    def resumed(self, user: str, is_abroad: bool, key: Key, is_talking: bool, now: float) -> None:
        """A call of another process goes on in this one, ringing or answered."""
        if self._settings.is_on and key not in self._calls:
            call = self._calls[key] = _Call(user, self._account(user, now), is_abroad)
            for usage in call.usages():
                usage.begun(now)
            if is_talking:
                self.answered(key, now)

    def answered(self, key: Key, now: float) -> None:
        """Somebody took it: from now on it is talk."""
        call = self._calls.get(key)
        if call is not None and not call.is_talking:
            call.is_talking = True
            for usage in call.usages():
                usage.answered(now)

    def ended(self, key: Key, now: float) -> None:
        """A call is over, however; of calls that were not counted nothing is kept."""
        call = self._calls.pop(key, None)
        if call is not None:
            for usage in call.usages():
                usage.ended(call.is_talking, now)

    def is_abroad(self, uri: Uri) -> bool:
        """Whether a number leads to another country than those of the house. Without any of these, none does."""
        if not self._settings.home:
            return False
        number = self._international(uri)
        return bool(number) and not number.startswith(self._settings.home)

    def _international(self, uri: Uri) -> str:
        """The number with its + and country, as it is dialled from elsewhere; "" for one that names no country."""
        number = uri.username.translate(_SEPARATORS)
        if number.startswith("+"):
            return number
        if uri.phone_context.startswith("+"):
            return uri.phone_context.translate(_SEPARATORS) + number
        for prefix in self._settings.prefixes:
            rest = number[len(prefix) :]
            if number.startswith(prefix) and rest[:1] in _FIRST_DIGITS:
                return f"+{rest}"
        return ""

    def take_told(self) -> list[Tolled]:
        """What was refused since this was last asked, one for each account."""
        told, self._told = self._told, OrderedDict()
        return list(told.values())

    def _tell(self, one: Tolled) -> Tolled:
        before = self._told.get(one.user)
        if before is not None or len(self._told) < limits.GUARD_STORIES:
            first, times = (before.first, before.times + 1) if before is not None else (one.first, 1)
            self._told[one.user] = Tolled(
                one.user, one.source, one.kind, one.limit, one.number, first, one.last, times
            )
        return one

    def _account(self, user: str, now: float) -> _Account:
        known = self._accounts.get(user)
        if known is None:
            known = self._accounts[user] = _Account(now)
            if len(self._accounts) > limits.TOLL_ACCOUNTS:
                self._forget_one()
        else:
            self._accounts.move_to_end(user)
        return known

    def _forget_one(self) -> None:
        """The one that called longest ago makes room. One that is in a call does not: no more are than calls."""
        user, account = self._accounts.popitem(last=False)
        if account.everywhere.at_once:
            self._accounts[user] = account
