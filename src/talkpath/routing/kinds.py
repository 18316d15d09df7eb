"""What kind of thing an expression in a script is, as far as that can be seen: a call, its number, its offer."""

import ast
import inspect
from collections.abc import Iterator
from typing import get_type_hints

from talkpath.routing.call import Call
from talkpath.routing.routes import Outcome
from talkpath.routing.within import CallWithin, Request
from talkpath.sdp.attributes import Attributes
from talkpath.sdp.codecs import Codecs
from talkpath.sdp.description import MediaSection, SessionDescription
from talkpath.sdp.edits import Offer
from talkpath.sip.uri import Uri

_ROOM = __name__.rpartition(".")[0] + "."
_ANNOTATED = {kind.__name__: kind for kind in (Call, CallWithin, Request, Outcome)}
# Compiled modules keep no annotations of their properties.
_PARTS: dict[tuple[type, str], type] = {
    (SessionDescription, "audio"): MediaSection,
    (SessionDescription, "video"): MediaSection,
    (MediaSection, "codecs"): Codecs,
    (MediaSection, "attributes"): Attributes,
}


class Kinds:
    """The kinds of the names in one function: parameters as they are announced or annotated, and what is awaited of a
    call. A name that becomes anything else has none."""

    def __init__(
        self, function: ast.FunctionDef | ast.AsyncFunctionDef, announced: tuple[tuple[str, type], ...] = ()
    ) -> None:
        given = [*function.args.posonlyargs, *function.args.args]
        found = {one.arg: kind for one in given if (kind := _annotated(one.annotation)) is not None}
        found |= {one.arg: kind for one, (_, kind) in zip(given, announced, strict=False)}
        stored = [node for node in ast.walk(function) if isinstance(node, ast.Name | ast.arg) and _is_made(node)]
        made = [node.id if isinstance(node, ast.Name) else node.arg for node in stored]
        parameters = {id(one) for one in given}
        again = {name for name, node in zip(made, stored, strict=True) if id(node) not in parameters}
        self._kinds = {name: kind for name, kind in found.items() if name not in again}
        outcomes = list(self._outcomes(function))
        self._kinds |= {name: Outcome for name in outcomes if outcomes.count(name) == made.count(name)}

    def of(self, node: ast.expr) -> type | None:
        """The kind of an expression; None for what can not be seen."""
        if isinstance(node, ast.Name):
            return self._kinds.get(node.id)
        if isinstance(node, ast.Attribute):
            owner = self.of(node.value)
            return None if owner is None else _part(owner, node.attr)
        return None

    def _outcomes(self, function: ast.AST) -> Iterator[str]:
        """Names that are given to what `await call.to()` gives."""
        for node in ast.walk(function):
            if isinstance(node, ast.Assign | ast.NamedExpr) and isinstance(node.value, ast.Await):
                asked = node.value.value
                if not (isinstance(asked, ast.Call) and isinstance(asked.func, ast.Attribute)):
                    continue
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if asked.func.attr == "to" and self.of(asked.func.value) is Call:
                    yield from (target.id for target in targets if isinstance(target, ast.Name))


def names_of(kind: type) -> list[str]:
    """What scripts may ask of a kind."""
    return [name for name in dir(kind) if not name.startswith("_")]


def _is_made(node: ast.Name | ast.arg) -> bool:
    return isinstance(node, ast.arg) or not isinstance(node.ctx, ast.Load)


def _annotated(annotation: ast.expr | None) -> type | None:
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return _ANNOTATED.get(annotation.value)
    if isinstance(annotation, ast.Name):
        return _ANNOTATED.get(annotation.id)
    return None


def _part(kind: type, name: str) -> type | None:
    """The kind of a part, for those whose names are all known."""
    for owner in kind.__mro__:
        if (owner, name) in _PARTS:
            return _PARTS[owner, name]
    getter = getattr(inspect.getattr_static(kind, name, None), "fget", None)
    if getter is None or not kind.__module__.startswith(_ROOM):
        return None
    hint = get_type_hints(getter).get("return")
    is_known = isinstance(hint, type) and (hint.__module__.startswith(_ROOM) or hint in (Offer, Uri))
    return hint if is_known else None
