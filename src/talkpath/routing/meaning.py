"""What the names in a script mean, once it is loaded: what is certainly wrong with them before the first call comes.

A name in a function that neither its module nor Python has, a keyword that a function of ours does not take, a
coroutine that is taken for its result. Names that a function makes itself are left alone, and so is a module that
writes its own names at run time.
"""

import ast
import builtins
import dis
import inspect
from collections.abc import Collection, Iterator, Mapping
from types import CodeType, FunctionType
from typing import NamedTuple

# What can make names that nobody sees here.
_MAKES_NAMES = frozenset(("globals", "exec", "eval", "setattr", "NameError"))
_OURS = "talkpath.routing"


class Unknown(NamedTuple):
    """A name that is not there, the line, and what may have been meant."""

    name: str
    line: int
    known: Collection[str]


def unknown_names(tree: ast.Module, names: Mapping[str, object]) -> Iterator[Unknown]:
    """Names in the functions of a module that was run and has these `names`."""
    code = compile(tree, "<script>", "exec", dont_inherit=True)
    codes = list(_codes(code))
    if any(_MAKES_NAMES.intersection(one.co_names) for one in codes):
        return
    known = {*names, *dir(builtins), *(name for one in codes for name in _made_global(one))}
    told: set[tuple[str, int]] = set()
    for one in codes[1:]:
        for step in dis.get_instructions(one):
            line = step.positions.lineno if step.positions is not None else None
            if step.opname == "LOAD_GLOBAL" and step.argval not in known and (step.argval, line) not in told:
                told.add((step.argval, line or 0))
                yield Unknown(step.argval, line or one.co_firstlineno, [*one.co_varnames, *known])


def _codes(code: CodeType) -> Iterator[CodeType]:
    """A piece of code and those within it."""
    yield code
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _codes(one)


def _made_global(code: CodeType) -> Iterator[str]:
    return (step.argval for step in dis.get_instructions(code) if step.opname == "STORE_GLOBAL")


class Meaning:
    """What the names in a function mean: those of its module that it does not make its own."""

    def __init__(self, function: ast.AST, names: Mapping[str, object]) -> None:
        self._names = names
        within = (node for child in ast.iter_child_nodes(function) for node in ast.walk(child))
        self._own = {name for node in within for name in _made_by(node)}

    def of(self, node: ast.expr) -> object:
        """The value of a name, or of a chain of names such as `asyncio.sleep`; None for what is not known."""
        if isinstance(node, ast.Name):
            return None if node.id in self._own else self._names.get(node.id)
        if isinstance(node, ast.Attribute):
            owner = self.of(node.value)
            return None if owner is None else inspect.getattr_static(owner, node.attr, None)
        return None

    def is_coroutine(self, node: ast.AST) -> bool:
        """Whether a node calls an async function: without `await` it gives something that is always true."""
        return isinstance(node, ast.Call) and inspect.iscoroutinefunction(self.of(node.func))

    def unknown_keywords(self, node: ast.AST) -> Iterator[tuple[str, Unknown]]:
        """Keywords that a function of ours does not take, and what the function is called."""
        function = self.of(node.func) if isinstance(node, ast.Call) else None
        if not isinstance(node, ast.Call) or not isinstance(function, FunctionType):
            return
        if not function.__module__.startswith(_OURS):
            return
        parameters = inspect.signature(function).parameters
        for keyword in node.keywords:
            if keyword.arg is not None and keyword.arg not in parameters:
                yield function.__name__, Unknown(keyword.arg, keyword.value.lineno, list(parameters))


def _made_by(node: ast.AST) -> Iterator[str]:
    """Names that a node within a function makes."""
    if isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, ast.alias):
        yield node.asname or node.name.partition(".")[0]
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name


def taken_for_true(function: ast.AST) -> Iterator[ast.expr]:
    """Values in a function of which only counts that they are there or true: nobody awaits them any more."""
    for node in ast.walk(function):
        if isinstance(node, ast.Expr):
            yield node.value
        elif isinstance(node, ast.If | ast.While | ast.IfExp | ast.Assert):
            yield node.test
        elif isinstance(node, ast.BoolOp):
            yield from node.values[:-1]
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield node.operand
        elif isinstance(node, ast.Compare):
            yield from (node.left, *node.comparators)
