"""The `Edge` of a script: where its functions are announced, and what of it outlives a reload.

What is announced wrongly is an error when the script is loaded, with its line, and not when the first call comes.
"""

import inspect
import sys
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from talkpath.routing import words
from talkpath.routing.call import Call
from talkpath.routing.mistakes import BadScript, Mistake, Place, nearest
from talkpath.routing.routes import Decision, Outcome, Rejection

if TYPE_CHECKING:
    from talkpath.routing.within import CallWithin, Request

Kept = TypeVar("Kept")
CallFunction = Callable[[Call], Awaitable["Decision | Outcome"]]
RequestFunction = Callable[["CallWithin", "Request"], Awaitable["Rejection | None"]]

#: Requests within a call that can be refused. ACK, BYE and CANCEL end things, and PRACK holds them together.
REFUSABLE = ("INFO", "INVITE", "MESSAGE", "NOTIFY", "OPTIONS", "PUBLISH", "REFER", "SUBSCRIBE", "UPDATE")


class Loading:
    """What a script that is being loaded has made so far."""

    def __init__(self, kept: dict[str, object]) -> None:
        #: what earlier loads left, by name; what this load adds, which counts only if it succeeds
        self.kept = kept
        self.fresh: dict[str, object] = {}
        self.edges: list[Edge] = []


LOADING: ContextVar[Loading | None] = ContextVar("talkpath_loading", default=None)


class Edge:
    """What a script routes for. Make one: `edge = Edge()`."""

    def __init__(self) -> None:
        self.place = _here()
        self.call_function: CallFunction | None = None
        self.request_functions: dict[str, RequestFunction] = {}
        self.mistakes: list[Mistake] = []
        self._loading = LOADING.get()
        if self._loading is not None:
            self._loading.edges.append(self)

    def on_call(self, function: CallFunction) -> CallFunction:
        """`@edge.on_call` above `async def NAME(call: Call)`: decides about each call that begins."""
        place = _place_of(function)
        if self._is_fit(function, ("call",), "on_call", place):
            if self.call_function is None:
                self.call_function = function
            else:
                self._note(place, words.TWO_DECIDE, first=_place_of(self.call_function).line)
        return function

    def on_request(self, *methods: str) -> Callable[[RequestFunction], RequestFunction]:
        """`@edge.on_request("REFER", "INFO")` above `async def NAME(call, request)`: is asked about such requests
        within calls, may change them, and gives None to let one pass, or reject()."""
        place = _here()
        if not methods or not all(isinstance(method, str) for method in methods):
            self._note(place, words.NO_METHOD)
            methods = ()
        for method in methods:
            if method not in REFUSABLE:
                self._note_method(place, method)

        def announce(function: RequestFunction) -> RequestFunction:
            at = _place_of(function)
            if self._is_fit(function, ("call", "request"), "on_request", at):
                for method in methods:
                    first = self.request_functions.setdefault(method, function)
                    if first is not function:
                        self._note(at, words.TWO_FOR_METHOD, method=method, first=_place_of(first).line)
            return function

        return announce

    def keep(self, name: str, factory: Callable[[], Kept]) -> Kept:
        """Something that survives a reload: what is kept under this name, or at first what `factory` makes."""
        if not callable(factory):
            raise BadScript([Mistake(_here(), words.NO_FACTORY, {"name": name})])
        loading = self._loading
        if loading is None:
            return factory()
        if name in loading.fresh:
            self._note(_here(), words.KEPT_TWICE, name=name)
        value = loading.kept[name] if name in loading.kept else factory()
        if isinstance(factory, type) and not isinstance(value, factory):
            values = {"name": name, "old": type(value).__name__, "new": factory.__name__}
            raise BadScript([Mistake(_here(), words.KEPT_OTHERWISE, values)])
        loading.fresh[name] = value
        return value  # type: ignore[return-value]  # of another load, under the same name

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        near = nearest(name, ("on_call", "on_request", "keep"))
        text = words.UNKNOWN_ON_EDGE_NEAR if near else words.UNKNOWN_ON_EDGE
        raise BadScript([Mistake(_here(), text, {"name": name, "near": near})])

    def _is_fit(self, function: object, parameters: tuple[str, ...], decorator: str, place: Place) -> bool:
        values = {"decorator": decorator, "parameters": ", ".join(parameters)}
        if not callable(function):
            self._note(place, words.DECORATES_NOTHING, **values)
            return False
        name = getattr(function, "__name__", "")
        if not inspect.iscoroutinefunction(function):
            text = words.A_GENERATOR if inspect.isasyncgenfunction(function) else words.NOT_ASYNC
            self._note(place, text, name=name, **values)
            return False
        try:
            inspect.signature(function).bind(*parameters)
        except TypeError:
            self._note(place, words.OTHER_PARAMETERS, name=name, **values)
            return False
        return True

    def _note_method(self, place: Place, method: str) -> None:
        near = nearest(method, REFUSABLE)
        if method in ("ACK", "BYE", "CANCEL", "PRACK"):
            self._note(place, words.NEVER_REFUSED, method=method)
        elif near:
            self._note(place, words.UNKNOWN_METHOD_NEAR, method=method, near=near)
        else:
            self._note(place, words.UNKNOWN_METHOD, method=method, known=", ".join(REFUSABLE))

    def _note(self, place: Place, text: Any, **values: object) -> None:
        mistake = Mistake(place, text, values)
        self.mistakes.append(mistake)
        if self._loading is None:
            raise BadScript([mistake])


def _place_of(function: object) -> Place:
    """The line of a function's `def`; of what is no function, the line that is being run."""
    code = getattr(inspect.unwrap(function) if callable(function) else function, "__code__", None)
    return _here(3) if code is None else Place(code.co_filename, code.co_firstlineno)


def _here(depth: int = 2) -> Place:
    frame = sys._getframe(depth)
    return Place(frame.f_code.co_filename, frame.f_lineno)
