"""Loads an operator's script: all of it or nothing, and what is wrong with its line.

A script is one file, with the modules beside it that it imports. It is loaded anew as a whole: modules beside it are
imported again, those of the system are not. What a load that failed has made is thrown away.
"""

import ast
import codecs
import importlib
import linecache
import os
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType, ModuleType

from talkpath.base.texts import Text
from talkpath.routing import words
from talkpath.routing.edge import LOADING, CallFunction, Edge, Loading, RequestFunction
from talkpath.routing.hints import hint_of
from talkpath.routing.mistakes import BadScript, Mistake, Place
from talkpath.routing.reading import Reading

#: what a script is called among the modules
MODULE = "talkpath_script"


@dataclass(frozen=True, slots=True)
class Script:
    """A script that was loaded."""

    file: Path
    on_call: CallFunction | None
    on_request: dict[str, RequestFunction]
    #: the script and the modules beside it
    files: tuple[Path, ...]
    #: what it keeps, by name
    kept: dict[str, object]

    def readings(self) -> Iterator[Reading]:
        """Its files, read."""
        for file in self.files:
            yield Reading(str(file), ast.parse(file.read_bytes(), str(file)))


def load(file: Path, kept: dict[str, object] | None = None, *, is_trial: bool = False) -> Script:
    """Load a script. `kept` is what an earlier one keeps. Raises BadScript with what is wrong, and changes nothing
    then. A trial changes nothing either: what its functions import later is what the script in use imports."""
    file = file.absolute()
    code = _compiled(file)
    importlib.invalidate_caches()
    linecache.checkcache()
    loading = Loading(dict(kept or {}))
    with _beside(file.parent, is_trial) as beside:
        module = ModuleType(MODULE)
        module.__file__ = str(file)
        sys.modules[MODULE] = module
        token = LOADING.set(loading)
        try:
            exec(code, module.__dict__)  # noqa: S102 - this is what a script is
        except BadScript:
            raise
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
                raise
            raise BadScript([_raised(error, file, has_edge=bool(loading.edges))]) from error
        finally:
            LOADING.reset(token)
        modules = {**dict(sorted(beside().items())), file: module}
        files = (file, *(path for path in modules if path != file))
        mistakes = list(_hidden(file, module))
        edge = _edge(loading, file, mistakes)
        for one in files:
            mistakes += Reading(str(one), ast.parse(one.read_bytes(), str(one))).mistakes(vars(modules[one]))
        if mistakes or edge is None:
            raise BadScript(mistakes)
    return Script(file, edge.call_function, dict(edge.request_functions), files, loading.fresh)


def _compiled(file: Path) -> CodeType:
    source = _source(file)
    try:
        return compile(source, str(file), "exec", dont_inherit=True)
    except SyntaxError as error:
        line = error.lineno or 0
        if "codec can't decode" in str(error.msg) or "(unicode error)" in str(error.msg):
            raise BadScript([Mistake(Place(str(file), line), words.NOT_UTF8)]) from None
        raise BadScript([Mistake(Place(str(file), line), words.NOT_PYTHON, {"reason": error.msg})]) from None
    except (ValueError, RecursionError, MemoryError) as error:
        # The last two tell of an expression that is nested too deeply; MemoryError says nothing at all.
        reason = str(error) or "an expression is nested too deeply"
        raise BadScript([Mistake(Place(str(file)), words.NOT_PYTHON, {"reason": reason})]) from None


def _source(file: Path) -> bytes:
    try:
        source = file.read_bytes()
    except OSError as error:
        raise BadScript([Mistake(Place(str(file)), words.UNREADABLE, {"reason": error.strerror})]) from None
    if source.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        # What some editors call Unicode.
        raise BadScript([Mistake(Place(str(file), 1), words.NOT_UTF8)])
    if (at := source.find(b"\0")) >= 0:
        place = Place(str(file), source.count(b"\n", 0, at) + 1)
        raise BadScript([Mistake(place, words.NOT_PYTHON, {"reason": "there is a null byte"})])
    return source


class _UnderWay:
    """A load that has not ended: what it put aside."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = list(sys.path)
        self._modules = _of_scripts(folder)
        for name in self._modules:
            del sys.modules[name]
        # Last: a file named like a module of the system must not take its place everywhere.
        sys.path[:] = [*(place for place in self._path if place not in _last_folder), str(folder)]
        # Two saves within a second may leave the same size and time, by which stale bytecode is told.
        sys.dont_write_bytecode = True

    def put_back(self) -> None:
        """The modules are those that were there before."""
        for name in _of_scripts(self._folder):
            del sys.modules[name]
            # Whoever imports a module holds a lock of its name, and a load that was given up may do so for ever.
            getattr(importlib._bootstrap, "_module_locks", {}).pop(name, None)
        sys.modules.update(self._modules)
        sys.path[:] = self._path
        sys.dont_write_bytecode = _NO_BYTECODE

    def take(self) -> None:
        """The modules stay as they are now."""
        _last_folder[:] = [str(self._folder)]
        _in_use.clear()
        _in_use.update(_of_scripts(self._folder))
        sys.dont_write_bytecode = _NO_BYTECODE


# The load that may still change modules; what the last one that was taken imported.
_under_way: list[_UnderWay] = []
_in_use: dict[str, ModuleType] = {}
_NO_BYTECODE = sys.dont_write_bytecode


def give_up() -> None:
    """Nobody waits any more for the load that is under way: what it put aside is put back, and however it ends, if it
    does, changes nothing."""
    if _under_way:
        _under_way.pop().put_back()


@contextmanager
def _beside(folder: Path, is_trial: bool) -> Iterator[Callable[[], dict[Path, ModuleType]]]:
    """Let modules of the script's folder be imported, and be imported anew. What is given tells them by their files;
    after an error, and after a trial, the modules are those that were there before."""
    give_up()
    load = _UnderWay(folder)
    _under_way.append(load)

    def modules() -> dict[Path, ModuleType]:
        found = (module for module in list(sys.modules.values()) if _is_in(module, str(folder)))
        return {Path(str(module.__file__)): module for module in found}

    is_taken = False
    try:
        yield modules
        is_taken = not is_trial
    finally:
        if load in _under_way:
            _under_way.clear()
            if is_taken:
                load.take()
            else:
                load.put_back()
        else:
            # An import that fails takes its name away, whoever has it by then.
            for name, module in _in_use.items():
                sys.modules.setdefault(name, module)


# Where the last script of this process was loaded from: another than the next one in tests of several scripts.
_last_folder: list[str] = []
_OURS = f"{Path(__file__).parent.parent}{os.sep}"


def _of_scripts(folder: Path) -> dict[str, ModuleType]:
    """The modules of a script in this folder, and of the last one."""
    folders = {str(folder), *_last_folder}
    return {
        name: module
        for name, module in sys.modules.items()
        if name == MODULE or any(_is_in(module, one) for one in folders)
    }


def _is_in(module: ModuleType, folder: str) -> bool:
    """Whether a module is a file below the folder, and none that was installed there."""
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or not file.startswith(f"{folder}{os.sep}"):
        return False
    return file.endswith(".py") and "site-packages" not in file and not file.startswith(_OURS)


def _hidden(file: Path, module: ModuleType) -> Iterator[Mistake]:
    """Modules beside the script that it means, and others of the same name that it gets."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        else:
            continue
        for name in names:
            top = name.partition(".")[0]
            meant, found = file.parent / f"{top}.py", sys.modules.get(top)
            if found is not None and meant.exists() and getattr(found, "__file__", None) != str(meant):
                other = getattr(found, "__file__", None) or f"the module {top} of Python"
                yield Mistake(Place(str(file), node.lineno), words.HIDDEN_MODULE, {"file": meant, "other": other})


def _edge(loading: Loading, file: Path, mistakes: list[Mistake]) -> Edge | None:
    """The one edge of a script; what is wrong otherwise is added to the mistakes."""
    if not loading.edges:
        mistakes.append(Mistake(Place(str(file)), words.NO_EDGE))
        return None
    edge = loading.edges[0]
    for second in loading.edges[1:]:
        if second.place == edge.place and file.stem in sys.modules:
            mistakes.append(Mistake(Place(str(file)), words.IMPORTS_ITSELF, {"name": file.stem}))
            return edge
        mistakes.append(Mistake(second.place, words.TWO_EDGES, {"first": edge.place}))
    mistakes += edge.mistakes
    if not mistakes and edge.call_function is None and not edge.request_functions:
        mistakes.append(Mistake(edge.place, words.DECIDES_NOTHING))
    return edge


_NO_PARENTHESES = re.compile(r"Edge\.on_call\(\) (missing|got an unexpected|takes)")


def _raised(error: BaseException, file: Path, *, has_edge: bool) -> Mistake:
    """What a script raised while it was loaded, at the last line of it or of a module beside it."""
    if isinstance(error, SyntaxError) and error.filename:
        return Mistake(Place(error.filename, error.lineno or 0), words.NOT_PYTHON, {"reason": error.msg})
    place = place_of(error, file.parent) or Place(str(file))
    if _NO_PARENTHESES.search(str(error)):
        return Mistake(place, words.NO_PARENTHESES if has_edge else words.NO_EDGE)  # of the class itself: edge = Edge
    near = hint_of(error)
    if isinstance(error, ModuleNotFoundError) and error.name and "." not in error.name:
        text: Text = words.NO_MODULE_NEAR if near else words.NO_MODULE
        return Mistake(place, text, {"name": error.name, "near": near, "python": sys.executable})
    text = words.RAISED_NEAR if near else words.RAISED
    return Mistake(place, text, {"error": described(error), "near": near})


def place_of(error: BaseException, folder: Path) -> Place | None:
    """The last line of the script, or of a module beside it, that an error went through."""
    place = None
    for frame, line in _steps_of(error):
        file = frame.f_code.co_filename
        if os.path.abspath(file).startswith(f"{folder}{os.sep}") and "site-packages" not in file:
            place = Place(file, line)
    return place


def _steps_of(error: BaseException) -> Iterator[tuple[FrameType, int]]:
    """The way to an error; what happened to several at once was found at the end of it."""
    yield from traceback.walk_tb(error.__traceback__)
    if first_of(error) is not error:
        yield from traceback.walk_tb(first_of(error).__traceback__)


def first_of(error: BaseException) -> BaseException:
    """The first error of a group (asyncio.TaskGroup), else the error itself."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def described(error: BaseException) -> str:
    """`KeyError: 'x'`: an error in one line; the first one of several that came together."""
    error = first_of(error)
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
