"""What a script decides: one value, made by one of these functions and returned.

A route is where a call goes: `users("anna")`, `gateways("carrier-a", "carrier-b")`, `uri("sip:x@example.com")`,
`service("echo")`. `.then` says who is tried when nobody answered; `together` rings several at once. The other
decisions are `reject`, `redirect`, `drop` and `as_usual`. Each is a value that nothing changes, so one may be made
once and returned for many calls. What makes no sense raises, and the call whose function does that is refused.
"""

import re
import sys
from collections.abc import Iterable, Mapping
from typing import Final

from talkpath.base.errors import Malformed
from talkpath.edge.routing.inquiry import Outcome as EdgeOutcome
from talkpath.media.service import Service
from talkpath.routing.headers import header_line
from talkpath.routing.mistakes import Place, nearest
from talkpath.sip.uri import Uri

# What a gateway is dialled: user-unreserved (RFC 3261 section 25.1), as long as a user part sensibly is.
_DIALLED = re.compile(r"[A-Za-z0-9\-_.!~*'()&=+$,#]{1,64}")

# With the first a text makes lines of its own; with surrogates that stand for no byte of a peer it makes none.
_UNWRITABLE = re.compile("[\r\n\0\ud800-\udc7f\udd00-\udfff]")

# Who is sent on more often is sent in a circle.
MOST_REDIRECTIONS = 5


class Decision:
    """What a script returns. `place` is the line that made it."""

    __slots__ = ("place",)

    def __init__(self, place: Place) -> None:
        self.place = place


class ToUsers:
    """Registered phones of users, all at once."""

    __slots__ = ("names",)

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names

    def __str__(self) -> str:
        return f"users {', '.join(self.names)}"


class ToUri:
    """Wherever a URI leads."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text


class ToGroup:
    """The gateways of a group, one after another or all at once; `number` is dialled there, "" for the one that was
    called."""

    __slots__ = ("at_once", "name", "number")

    def __init__(self, name: str, number: str, at_once: bool) -> None:
        self.name = name
        self.number = number
        self.at_once = at_once

    def __str__(self) -> str:
        return f"gateways {self.name}" + (f" ({self.number})" if self.number else "")


class ToService:
    """What the edge answers itself."""

    __slots__ = ("service",)

    def __init__(self, service: Service) -> None:
        self.service = service

    def __str__(self) -> str:
        return f"service {self.service}"


Aim = ToUsers | ToUri | ToGroup | ToService


class Step:
    """Aims that are rung at once, and when the next step has its turn."""

    __slots__ = ("aims", "follow", "no_answer_s", "on", "ring_s")

    def __init__(
        self,
        aims: tuple[Aim, ...],
        ring_s: float | None,
        no_answer_s: float | None,
        on: frozenset[int] | None,
        follow: int,
    ) -> None:
        self.aims = aims
        self.follow = follow
        self.ring_s = ring_s
        self.no_answer_s = no_answer_s
        self.on = on


class Route(Decision):
    """Where a call goes: steps that are tried one after another until somebody answers."""

    __slots__ = ("for_strangers", "leaves_house", "steps")

    def __init__(
        self, place: Place, steps: tuple[Step, ...], leaves_house: bool = False, for_strangers: bool = True
    ) -> None:
        super().__init__(place)
        self.steps = steps
        #: whether it names others than users and services here; and whether even a stranger may take each of these
        self.leaves_house = leaves_house
        self.for_strangers = for_strangers

    def then(self, *routes: "Route") -> "Route":
        """This route, and those after it when nobody answered."""
        for route in routes:
            _expect_route(route, "then()")
        steps = tuple(step for route in (self, *routes) for step in route.steps)
        return Route(_here(), steps, *_openness((self, *routes)))

    def __str__(self) -> str:
        return ", then ".join(" + ".join(str(aim) for aim in step.aims) for step in self.steps)

    def __bool__(self) -> bool:
        raise TypeError("a route is neither true nor false; return it, or await call.to(route) to try it")


class Rejection(Decision):
    """A final answer of the edge: a refusal, or a redirection. `fields` are whole header lines."""

    __slots__ = ("fields", "reason", "status")

    def __init__(self, place: Place, status: int, reason: str, fields: str) -> None:
        super().__init__(place)
        self.status = status
        self.reason = str(reason)
        self.fields = str(fields)

    def __str__(self) -> str:
        return f"{self.status} {self.reason}".rstrip()


class Dropped(Decision):
    """No answer at all."""

    __slots__ = ()

    def __str__(self) -> str:
        return "drop"


class Usual(Decision):
    """What happens without a script."""

    __slots__ = ()

    def __str__(self) -> str:
        return "as usual"


class Outcome:
    """How `await call.to(route)` ended. True where somebody answered.

    `status` is what the caller got (2xx) or would get; `by` is who answered, "" for nobody. Returned from the
    function, an outcome that was not answered is what the caller gets.
    """

    __slots__ = ("by", "place", "reason", "status")

    def __init__(self, outcome: EdgeOutcome, place: Place) -> None:
        self.status: Final = outcome.status
        self.reason: Final = outcome.reason
        self.by: Final = outcome.by
        self.place: Final = place

    @property
    def is_answered(self) -> bool:
        """Whether the call is up."""
        return 200 <= self.status < 300

    @property
    def is_busy(self) -> bool:
        """486 or 600: somebody is there and talks."""
        return self.status in (486, 600)

    def __bool__(self) -> bool:
        return self.is_answered

    def __str__(self) -> str:
        return f"{self.status} {self.reason}".rstrip()

    def __repr__(self) -> str:
        return f"Outcome({self})"


def users(
    *names: str,
    ring_s: float | None = None,
    no_answer_s: float | None = None,
    on: Iterable[int] | int | None = None,
    follow: int = 0,
) -> Route:
    """Ring the registered phones of these users, all at once.

    `ring_s`: after so many seconds without an answer the next step has its turn. `no_answer_s`: a phone that says
    nothing at all is given up after so many seconds. `on`: the final statuses after which the next step is tried; all
    but 6xx where it is left out. `follow`: so many redirections (3xx) in a row are followed; 0 passes them on.
    """
    if not names:
        raise ValueError('users() needs the name of a user: users("anna")')
    for name in names:
        _expect_text(name, "users()", "the name of a user")
    # Plain text, whatever kind of text a script calls a user by (`call.number`).
    return Route(_here(), (_step((ToUsers(tuple(str(name) for name in names)),), ring_s, no_answer_s, on, follow),))


def uri(
    text: str,
    *,
    ring_s: float | None = None,
    no_answer_s: float | None = None,
    on: Iterable[int] | int | None = None,
    follow: int = 0,
    for_strangers: bool = False,
) -> Route:
    """Send the call to where a SIP, SIPS or TEL URI leads. The rest is as in `users`.

    A caller who has proven nothing and is not trusted does not get out of the house, unless `for_strangers` says so;
    who bears a name of ours in From is asked for proof before any script is. A URI that leads back here rings who it
    names.
    """
    _expect_text(text, "uri()", "a URI")
    try:
        parsed = Uri.parse(text)
    except Malformed:
        raise ValueError(f"{text!r} is no URI; write sip:user@host") from None
    if parsed.scheme not in ("sip", "sips", "tel"):
        raise ValueError(f"{text!r} can not be called; write a sip:, sips: or tel: URI")
    is_open = _is_yes(for_strangers, "for_strangers")
    return Route(_here(), (_step((ToUri(str(text)),), ring_s, no_answer_s, on, follow),), True, is_open)


def gateways(
    *groups: str,
    number: str = "",
    at_once: bool = False,
    ring_s: float | None = None,
    no_answer_s: float | None = None,
    on: Iterable[int] | int | None = None,
    follow: int = 0,
    for_strangers: bool = False,
) -> Route:
    """Send the call to the gateways of a group, one after another as it chooses them, then to those of the next.

    `number` is dialled there instead of the one that was called; `at_once` asks all gateways of a group at once.
    `ring_s`, `on` and `follow` are as in `users`, for each group; `no_answer_s` is for each gateway; `for_strangers`
    is as in `uri`.
    """
    if not groups:
        raise ValueError('gateways() needs the name of a group: gateways("carrier")')
    for name in groups:
        _expect_text(name, "gateways()", "the name of a group")
    if number and (not isinstance(number, str) or not _DIALLED.fullmatch(number)):
        raise ValueError(f"{str(number)[:40]!r} can not be dialled; give digits, with or without a + before them")
    together = _is_yes(at_once, "at_once")
    aims = [ToGroup(str(name), str(number), together) for name in groups]
    steps = tuple(_step((aim,), ring_s, no_answer_s, on, follow) for aim in aims)
    return Route(_here(), steps, True, _is_yes(for_strangers, "for_strangers"))


def service(name: str) -> Route:
    """Answer the call here: "echo" sends back what it hears, "tone" plays a tone."""
    _expect_text(name, "service()", "the name of a service")
    if name not in frozenset(Service):
        near = nearest(name, map(str, Service))
        meant = f"; is it {near!r}?" if near else f"; there are {', '.join(Service)}"
        raise ValueError(f"there is no service {name!r}{meant}")
    return Route(_here(), (_step((ToService(Service(name)),), None, None, None, 0),))


def together(
    *routes: Route,
    ring_s: float | None = None,
    no_answer_s: float | None = None,
    on: Iterable[int] | int | None = None,
    follow: int = 0,
) -> Route:
    """Ring what these routes name at once. Each of them may be one step only; the limits are those given here."""
    if not routes:
        raise ValueError("together() needs routes")
    for route in routes:
        _expect_route(route, "together()")
        if len(route.steps) > 1:
            raise ValueError("together() rings at once what is given; put .then() behind it, not within it")
        step = route.steps[0]
        if (step.ring_s, step.no_answer_s, step.on, step.follow) != (None, None, None, 0):
            raise ValueError("give ring_s, no_answer_s, on and follow to together(), not to the routes within it")
    aims = tuple(aim for route in routes for aim in route.steps[0].aims)
    return Route(_here(), (_step(aims, ring_s, no_answer_s, on, follow),), *_openness(routes))


def reject(status: int = 403, reason: str = "", *, headers: Mapping[str, str] | None = None) -> Rejection:
    """Refuse with a final status from 400 to 699; `reason` is shown to people, the RFC's where left out."""
    if isinstance(status, bool) or not isinstance(status, int) or not 400 <= status <= 699:
        raise ValueError(f"reject() takes a status from 400 to 699, not {status!r}")
    _expect_line(reason, "reject()")
    lines = "".join(header_line(name, value) for name, value in (headers or {}).items())
    return Rejection(_here(), status, str(reason), lines)


def redirect(*targets: str, status: int = 302, reason: str = "") -> Rejection:
    """Tell the caller to call these URIs instead, the best first (RFC 3261 section 21.3)."""
    if not targets:
        raise ValueError('redirect() needs a URI: redirect("sip:anna@example.com")')
    if status not in (300, 301, 302, 305, 380):
        raise ValueError(f"redirect() takes 300, 301, 302, 305 or 380, not {status!r}")
    _expect_line(reason, "redirect()")
    for text in targets:
        _expect_text(text, "redirect()", "a URI")
        try:
            Uri.parse(text)
        except Malformed:
            raise ValueError(f"{text!r} is no URI; write sip:user@host") from None
    qs = ["" if len(targets) == 1 else f";q={max(1.0 - at / 10, 0.1):.1f}" for at in range(len(targets))]
    lines = "".join(f"Contact: <{text}>{q}\r\n" for text, q in zip(targets, qs, strict=True))
    return Rejection(_here(), status, str(reason), lines)


def drop() -> Dropped:
    """Say nothing at all: for who is not to learn that anybody is here. A caller repeats itself for half a minute."""
    return Dropped(_here())


def as_usual() -> Usual:
    """What happens without a script: users and services here, other domains for who may call them."""
    return Usual(_here())


def _openness(routes: tuple[Route, ...]) -> tuple[bool, bool]:
    """Whether any of these leaves the house, and whether each is for strangers."""
    return any(route.leaves_house for route in routes), all(route.for_strangers for route in routes)


def _here() -> Place:
    """The line outside this file that is being run."""
    frame = sys._getframe(2)
    return Place(frame.f_code.co_filename, frame.f_lineno)


def _step(
    aims: tuple[Aim, ...],
    ring_s: float | None,
    no_answer_s: float | None,
    on: Iterable[int] | int | None,
    follow: int,
) -> Step:
    if isinstance(follow, bool) or not isinstance(follow, int) or not 0 <= follow <= MOST_REDIRECTIONS:
        raise ValueError(f"follow= takes how many redirections, 0 to {MOST_REDIRECTIONS}, not {follow!r}")
    _expect_seconds(ring_s, "ring_s")
    _expect_seconds(no_answer_s, "no_answer_s")
    if on is None:
        return Step(aims, ring_s, no_answer_s, None, follow)
    statuses = frozenset((on,) if isinstance(on, int) else on)
    for status in statuses:
        if isinstance(status, bool) or not isinstance(status, int) or not 300 <= status <= 699:
            raise ValueError(f"on= takes final statuses from 300 to 699, not {status!r}")
    return Step(aims, ring_s, no_answer_s, statuses, follow)


def _expect_seconds(value: float | None, name: str) -> None:
    if value is not None and (
        isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 86_400
    ):
        raise ValueError(f"{name} takes seconds above 0, not {value!r}")


def _expect_text(value: object, where: str, what: str) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{where} takes {what}, not {type(value).__name__}")
    if not value:
        raise ValueError(f"{where} takes {what}, and this one is empty")
    if _UNWRITABLE.search(value):
        raise ValueError(f"{where}: {value[:40]!r} holds a line break or another character that can not be written")


def _expect_line(value: object, where: str) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{where} takes a reason as text, not {type(value).__name__}")
    if _UNWRITABLE.search(value):
        raise ValueError(f"{where}: the reason {value[:40]!r} holds a line break or what can not be written")


def _expect_route(value: object, where: str) -> None:
    if not isinstance(value, Route):
        raise TypeError(f"{where} takes routes such as users() or gateways(), not {type(value).__name__}")


def _is_yes(value: object, name: str) -> bool:
    """Only True opens the house."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} is True or False, not {value!r}")
    return value
