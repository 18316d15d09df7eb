"""What is wrong in a script and can be seen without running it.

Only what is certain is a mistake: a thing of the call that nobody awaits, a name that a call does not have. What may
be meant is a hint. Names of gateway groups and users are read where they are written out.
"""

import ast
import inspect
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from talkpath.base.texts import Text
from talkpath.edge.routing.choosing import SERVICES
from talkpath.routing import words
from talkpath.routing.call import Call
from talkpath.routing.kinds import Kinds, names_of
from talkpath.routing.meaning import Meaning, taken_for_true, unknown_names
from talkpath.routing.mistakes import Mistake, Place, nearest
from talkpath.routing.within import CallWithin, Request

_AWAITED = ("authenticate", "to")
# What keeps the loop from everybody else, and what does not.
_BLOCKING = {
    "time.sleep": "await asyncio.sleep()",
    "requests.get": "await httpx.AsyncClient().get()",
    "requests.post": "await httpx.AsyncClient().post()",
    "requests.request": "await httpx.AsyncClient().request()",
    "urllib.request.urlopen": "await httpx.AsyncClient().get()",
    "subprocess.run": "await asyncio.create_subprocess_exec()",
    "os.system": "await asyncio.create_subprocess_shell()",
}
# So many names can be read at a glance.
_SAID_IN_FULL = 24
_CALL_FUNCTION = (("call", Call),)
_REQUEST_FUNCTION = (("call", CallWithin), ("request", Request))


class Named(NamedTuple):
    """A name that a script writes out, and where."""

    name: str
    place: Place


class Reading:
    """One file of a script, read."""

    def __init__(self, file: str, tree: ast.Module) -> None:
        self._file = file
        self._tree = tree

    def mistakes(self, names: Mapping[str, object] | None = None) -> Iterator[Mistake]:
        """What is certainly wrong; more of it is seen by the `names` that the file has once it was run."""
        for function, parameters in self._functions():
            yield from self._of_function(function, parameters)
        for node in ast.walk(self._tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                announced = [kind for one in node.decorator_list if (kind := _announced_as(one))]
                yield from self._unknown_parts(node, Kinds(node, announced[0] if announced else ()))
        if names is not None:
            yield from self._misused(names)

    def hints(self) -> Iterator[Mistake]:
        """What may be wrong."""
        seen: dict[int, Mistake] = {}
        for node in ast.walk(self._tree):
            if isinstance(node, ast.AsyncFunctionDef):
                seen |= {mistake.place.line: mistake for mistake in self._blocking(node)}
        yield from seen.values()

    def groups(self) -> Iterator[Named]:
        """Gateway groups that are named."""
        return self._texts_given_to("gateways")

    def users(self) -> Iterator[Named]:
        """Users that are named."""
        return self._texts_given_to("users")

    def _functions(self) -> Iterator[tuple[ast.AsyncFunctionDef, dict[str, type]]]:
        """Functions that are announced on an edge, with what their parameters are."""
        for node in ast.walk(self._tree):
            if isinstance(node, ast.AsyncFunctionDef):
                kinds = [kind for one in node.decorator_list if (kind := _announced_as(one))]
                given = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
                for kind in kinds:
                    yield node, dict(zip(given, (what for _, what in kind), strict=False))

    def _of_function(self, function: ast.AsyncFunctionDef, parameters: dict[str, type]) -> Iterator[Mistake]:
        if Call in parameters.values() and not _has_return(function):
            yield self._mistake(function, words.NEVER_RETURNS, name=function.name)
        awaited = {id(node.value) for node in ast.walk(function) if isinstance(node, ast.Await)}
        handed_on = _handed_on(function)
        changed = _assigned(function)
        for node in ast.walk(function):
            what = _awaitable(node, parameters, changed)
            if isinstance(node, ast.expr) and what and id(node) not in awaited and id(node) not in handed_on:
                yield self._mistake(node, words.NOT_AWAITED, what=what)

    def _unknown_parts(self, function: ast.AST, kinds: Kinds) -> Iterator[Mistake]:
        """Names that a call, or a part of it, does not have."""
        for node in ast.walk(function):
            if not isinstance(node, ast.Attribute) or (kind := kinds.of(node.value)) is None:
                continue
            if not hasattr(kind, node.attr):
                yield self._unknown_part(node, names_of(kind))
            elif not isinstance(node.ctx, ast.Load) and _is_read_only(kind, node.attr):
                yield self._mistake(node, words.READ_ONLY, what=ast.unparse(node))

    def _unknown_part(self, node: ast.Attribute, known: Sequence[str]) -> Mistake:
        """It has no such name: the nearest may be meant; where none is near and they are few, all are said."""
        near, text = nearest(node.attr, known), words.UNKNOWN_PART
        if near:
            text = words.UNKNOWN_PART_NEAR
        elif len(known) <= _SAID_IN_FULL:
            text = words.UNKNOWN_PART_OF
        what = ast.unparse(node.value)
        return self._mistake(node, text, what=what, name=node.attr, near=near, known=", ".join(known))

    def _misused(self, names: Mapping[str, object]) -> Iterator[Mistake]:
        """Names that nobody made, keywords that nobody takes, and coroutines taken for their results."""
        for unknown in unknown_names(self._tree, names):
            near = nearest(unknown.name, unknown.known)
            text = words.UNKNOWN_NAME_NEAR if near else words.UNKNOWN_NAME
            yield Mistake(Place(self._file, unknown.line), text, {"name": unknown.name, "near": near})
        for function in self._outermost(self._tree):
            meaning = Meaning(function, names)
            for node in ast.walk(function):
                for what, unknown in meaning.unknown_keywords(node):
                    near = nearest(unknown.name, unknown.known)
                    text = words.UNKNOWN_KEYWORD_NEAR if near else words.UNKNOWN_KEYWORD
                    values = {"what": what, "name": unknown.name, "near": near, "known": ", ".join(unknown.known)}
                    yield Mistake(Place(self._file, unknown.line), text, values)
            given = [node.value for node in _returns(function) if node.value is not None]
            for value in (*taken_for_true(function), *(given if _is_announced(function) else ())):
                if isinstance(value, ast.Call) and meaning.is_coroutine(value):
                    yield self._mistake(value, words.NOT_AWAITED, what=f"{ast.unparse(value.func)}()")

    def _outermost(self, node: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Functions, those within others left out."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                yield child
            else:
                yield from self._outermost(child)

    def _blocking(self, function: ast.AsyncFunctionDef) -> Iterator[Mistake]:
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and (what := ast.unparse(node.func)) in _BLOCKING:
                yield self._mistake(node, words.BLOCKS, is_hint=True, what=f"{what}()", instead=_BLOCKING[what])

    def _texts_given_to(self, function: str) -> Iterator[Named]:
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function:
                for given in node.args:
                    if isinstance(given, ast.Constant) and isinstance(given.value, str):
                        yield Named(given.value, Place(self._file, given.lineno))

    def _mistake(self, node: ast.expr | ast.stmt, text: Text, *, is_hint: bool = False, **values: object) -> Mistake:
        return Mistake(Place(self._file, node.lineno), text, values, is_hint)


def unknown_groups(named: Iterator[Named], known: Collection[str]) -> Iterator[Mistake]:
    """Groups without a gateway."""
    for name, place in named:
        if name not in known:
            near = nearest(name, known)
            text = words.UNKNOWN_GROUP_NEAR if near else words.UNKNOWN_GROUP if known else words.NO_GROUPS
            yield Mistake(place, text, {"name": name, "near": near, "known": ", ".join(sorted(known))})


def unknown_users(named: Iterator[Named], known: Collection[str]) -> Iterator[Mistake]:
    """Users without an account: a hint, for they may be made while the edge runs."""
    for name, place in named:
        if name not in known and name not in SERVICES:
            near = nearest(name, known)
            text = words.UNKNOWN_USER_NEAR if near else words.UNKNOWN_USER
            yield Mistake(place, text, {"name": name, "near": near}, is_hint=True)


def _is_read_only(kind: type, name: str) -> bool:
    """Whether a name of a kind is certainly none that can be set."""
    found = inspect.getattr_static(kind, name, None)
    return isinstance(found, property) and found.fset is None


def _announced_as(decorator: ast.expr) -> tuple[tuple[str, type], ...]:
    if isinstance(decorator, ast.Attribute) and decorator.attr == "on_call":
        return _CALL_FUNCTION
    if isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute):
        return _REQUEST_FUNCTION if decorator.func.attr == "on_request" else ()
    return ()


def _is_announced(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(_announced_as(one) for one in function.decorator_list)


def _returns(node: ast.AST) -> Iterator[ast.Return]:
    """What a function itself returns, functions within it left out."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Return):
            yield child
        elif not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            yield from _returns(child)


def _has_return(function: ast.AsyncFunctionDef) -> bool:
    """Whether a value is returned, or an error raised, anywhere in it. What yields is told of elsewhere."""
    return any(
        (isinstance(node, ast.Return) and node.value is not None) or isinstance(node, ast.Raise | ast.Yield)
        for node in ast.walk(function)
    )


def _assigned(function: ast.AsyncFunctionDef) -> set[str]:
    """Names that become something else within it."""
    return {
        node.id for node in ast.walk(function) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    }


def _awaitable(node: ast.AST, parameters: dict[str, type], changed: set[str]) -> str:
    """`call.to()` where a node calls what must be awaited, else ""."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return ""
    owner = node.func.value
    if not isinstance(owner, ast.Name) or owner.id in changed or parameters.get(owner.id) is not Call:
        return ""
    return f"{owner.id}.{node.func.attr}()" if node.func.attr in _AWAITED else ""


def _handed_on(function: ast.AsyncFunctionDef) -> set[int]:
    """Values that somebody else may await: given to a function, collected, returned by a lambda, or kept under a name
    of which that is true or that is awaited."""
    found: set[int] = set()
    names: set[str] = set()
    assigned: list[tuple[str, ast.expr]] = []
    for node in ast.walk(function):
        given = _given(node)
        found.update(id(one) for one in given)
        names.update(one.id for one in given if isinstance(one, ast.Name))
        if isinstance(node, ast.Await) and isinstance(node.value, ast.Name):
            names.add(node.value.id)
        assigned += _kept(node)
    return found | {id(value) for name, value in assigned if name in names}


def _given(node: ast.AST) -> list[ast.expr]:
    """What a node hands on."""
    if isinstance(node, ast.Call):
        return [*node.args, *(keyword.value for keyword in node.keywords)]
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return list(node.elts)
    return [node.body] if isinstance(node, ast.Lambda) else []


def _kept(node: ast.AST) -> list[tuple[str, ast.expr]]:
    """The names that a node gives to what."""
    if isinstance(node, ast.Assign):
        return [(target.id, node.value) for target in node.targets if isinstance(target, ast.Name)]
    if (
        isinstance(node, ast.AnnAssign | ast.NamedExpr)
        and isinstance(node.target, ast.Name)
        and node.value is not None
    ):
        return [(node.target.id, node.value)]
    return []
