"""Who asked in vain to be let in, and why: what a capture would show of registrations and calls that were refused.

Bounded, and so that who floods pushes out nobody but himself: stories lie on shelves, a shelf has places (an address,
or the network of a subscriber), and a place has users. One place with a thousand names loses the oldest of its own; a
thousand places lose the one longest unheard of their shelf; and phones of ours, names of accounts and names that
nobody has lie on shelves of their own. No password and no credentials are kept.
"""

from __future__ import annotations

from collections import Counter, OrderedDict

from talkpath.base import limits
from talkpath.base.address import Flow
from talkpath.calls.guarded import Refused, Why
from talkpath.edge.admission.tries import place_of
from talkpath.sip.message import Message

# A name or a word that a peer wrote, as long as it is worth reading.
_NAME = 64
# Who was not heard for so long begins a story anew.
STORY_S = 3_600.0
# What belongs to every registration: to be challenged, or told a longer time. It is a failure when it comes again and
# nothing better follows.
_USUAL = frozenset((Why.NO_CREDENTIALS, Why.OTHER_REALM, Why.TOO_BRIEF))
_USUAL_TIMES = 3


class _Story:
    """See `Refused`."""

    __slots__ = (
        "agent",
        "asked",
        "first",
        "flow",
        "is_account",
        "last",
        "mended",
        "method",
        "times",
        "untried",
        "user",
        "why",
    )

    def __init__(self, user: str, now: float) -> None:
        self.user = user
        self.first = self.last = now
        self.method = self.agent = ""
        self.why = Why.NO_CREDENTIALS
        #: times that he was only asked, and that it came to nothing
        self.asked = self.times = self.untried = 0
        self.mended = 0.0
        self.is_account = False
        self.flow: Flow | None = None

    def begin_with(self, times: int, why: Why, now: float) -> None:
        """What was told before is over."""
        if self.mended:
            self.first = now
        self.times, self.untried, self.mended, self.why = times, 0, 0.0, why

    def told(self, flow: Flow) -> Refused:
        return Refused(
            self.user,
            flow.remote.host,
            self.method,
            self.first,
            self.last,
            self.times,
            self.untried,
            why=self.why.value,
            port=flow.remote.port,
            transport=flow.transport.value,
            agent=self.agent,
            mended=self.mended,
            is_account=self.is_account,
        )


class _Shelf:
    """So many places, the one longest unheard first, with so many users each."""

    __slots__ = ("most_places", "most_users", "places")

    def __init__(self, most_places: int, most_users: int) -> None:
        self.places: OrderedDict[str, OrderedDict[str, _Story]] = OrderedDict()
        self.most_places, self.most_users = most_places, most_users

    def story(self, place: str, user: str, now: float) -> _Story:
        users = self.places.get(place)
        if users is None:
            users = self.places[place] = OrderedDict()
            if len(self.places) > self.most_places:
                self.places.popitem(last=False)
        self.places.move_to_end(place)
        known = users.get(user)
        if known is None or now - max(known.last, known.mended) > STORY_S:
            known = users[user] = _Story(user, now)
            if len(users) > self.most_users:
                users.popitem(last=False)
        users.move_to_end(user)
        return known

    def take(self, place: str, user: str) -> None:
        """Forget a user there."""
        users = self.places[place]
        users.pop(user, None)
        if not users:
            del self.places[place]


class Failures:
    """See the module's docstring."""

    def __init__(self) -> None:
        self._ours = _Shelf(limits.FAILING_OFFICES, limits.FAILING_IN_AN_OFFICE)
        self._accounts = _Shelf(limits.FAILING_PLACES, limits.FAILING_IN_A_PLACE)
        self._nobodies = _Shelf(limits.FAILING_PLACES, limits.FAILING_IN_A_PLACE)
        self._shelves = (self._ours, self._accounts, self._nobodies)
        #: (method, reason) of all since the start
        self.counts: Counter[tuple[str, str]] = Counter()
        #: how often anything was added: who follows need not look while this stands still
        self.added = 0

    def add(
        self,
        request: Message,
        user: str,
        flow: Flow,
        why: Why,
        now: float,
        *,
        is_ours: bool,
        is_account: bool,
        is_tried: bool = True,
    ) -> None:
        """A request of a user was refused. `is_ours`: phones of ours are known at that place."""
        shelf = self._ours if is_ours else self._accounts if is_account else self._nobodies
        place, user = place_of(flow), user[:_NAME]
        for other in self._shelves:
            if other is not shelf and place in other.places:
                # Meanwhile a phone is known there, or the account was made.
                other.take(place, user)
        story = shelf.story(place, user, now)
        if why in _USUAL:
            if story.times and story.why not in _USUAL and not story.mended:
                return  # the challenge between two wrong passwords
            story.asked += 1
            if story.asked < _USUAL_TIMES:
                return
            story.begin_with(story.asked, why, now)
        elif story.why in _USUAL or story.mended:
            story.begin_with(1, why, now)
        else:
            story.times += 1
            if why is not Why.TOO_MANY_TRIES:
                # That there were too many is what follows; what was wrong at first says what to mend.
                story.why = why
        story.last, story.untried = now, story.untried + (not is_tried)
        story.method, story.flow, story.is_account = request.method, flow, is_account
        story.agent = (request.first("User-Agent") or "")[:_NAME]
        self.added += 1
        self.counts[_counted(request.method), why.value] += 1

    def came(self, user: str, flow: Flow, now: float) -> None:
        """The user proved himself there: what is usual was nothing more, and what was wrong is mended."""
        place, user = place_of(flow), user[:_NAME]
        for shelf in self._shelves:
            users = shelf.places.get(place)
            if users is None:
                continue
            story = users.get(user)
            if story is None:
                continue
            story.asked = 0
            if story.why in _USUAL:
                shelf.take(place, user)
            elif not story.mended:
                story.mended = now

    def __len__(self) -> int:
        return sum(len(users) for shelf in self._shelves for users in shelf.places.values())

    @property
    def is_empty(self) -> bool:
        """Whether nobody was refused."""
        return not (self._ours.places or self._accounts.places or self._nobodies.places)

    def told(self) -> list[Refused]:
        """Who was refused, the least recent first; without those to whom nothing unusual happened."""
        every = (story for shelf in self._shelves for users in shelf.places.values() for story in users.values())
        stories = [(story.last, story, flow) for story in every if story.times and (flow := story.flow) is not None]
        stories.sort(key=_last)
        return [story.told(flow) for _, story, flow in stories]


def _last(entry: tuple[float, _Story, Flow]) -> float:
    return entry[0]


def _counted(method: str) -> str:
    """Methods are few, and what strangers make up is one."""
    return method if method in ("REGISTER", "INVITE", "SUBSCRIBE", "MESSAGE", "PUBLISH", "OPTIONS") else "other"


def wanted_realm(request: Message, field: str, realm: str) -> Why:
    """Why a request was challenged that may bring credentials: those of another realm are for somebody else."""
    value = request.first(field)
    if value is None or f'realm="{realm}"' in value:
        return Why.NO_CREDENTIALS
    return Why.OTHER_REALM
