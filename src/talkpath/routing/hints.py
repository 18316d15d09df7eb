"""What was probably meant where a script names something that is not there."""

import builtins
import inspect
import pkgutil
import re
import sys
from collections.abc import Iterable, Iterator
from types import ModuleType, TracebackType

from talkpath.routing.mistakes import nearest

_OURS = "talkpath"
_UNEXPECTED = re.compile(r"(?:\w+\.)*(\w+)\(\) got an unexpected keyword argument '(\w+)'")


def hint_of(error: BaseException) -> str:
    """The nearest right name for a wrong one; "" where the error is another, or nothing is near."""
    if isinstance(error, NameError):
        return nearest(error.name or "", _names_at(error.__traceback__))
    if isinstance(error, AttributeError):
        if error.obj is None:
            return ""
        return nearest(error.name or "", (name for name in dir(error.obj) if not name.startswith("_")))
    if isinstance(error, ImportError):
        return _exported(error)
    if isinstance(error, TypeError):
        found = _UNEXPECTED.search(str(error))
        return nearest(found[2], _parameters(found[1], error.__traceback__)) if found else ""
    return ""


def _exported(error: ImportError) -> str:
    """The nearest name in a module that lacks what is imported of it, or of the module that is not there."""
    from talkpath import routing

    if isinstance(error, ModuleNotFoundError):
        return _module_near(error.name or "")
    module = sys.modules.get(error.name or "")
    found = re.search(r"cannot import name '(\w+)'", str(error))
    if module is None or found is None:
        return ""
    if module is not routing and module.__name__.partition(".")[0] == _OURS and found[1] in routing.__all__:
        return f"from {routing.__name__} import {found[1]}"
    return nearest(found[1], getattr(module, "__all__", None) or dir(module))


def _module_near(name: str) -> str:
    """The module that was probably meant: of the same package, or one that can be imported."""
    package, _, last = name.rpartition(".")
    if package:
        path = getattr(sys.modules.get(package), "__path__", None)
        found = nearest(last, (one.name for one in pkgutil.iter_modules(path))) if path is not None else ""
        return f"{package}.{found}" if found else ""
    return nearest(last, {*sys.stdlib_module_names, *(one.name for one in pkgutil.iter_modules())})


def _names_at(trace: TracebackType | None) -> Iterable[str]:
    """Every name that is known where an error was raised."""
    frames = list(_frames(trace))
    if not frames:
        return ()
    frame = frames[-1].tb_frame
    return [*frame.f_locals, *frame.f_globals, *dir(builtins)]


def _parameters(function: str, trace: TracebackType | None) -> Iterable[str]:
    """The parameters of a function or method of ours, as it is named where an error was raised."""
    from talkpath import routing

    places: list[object] = [routing]
    places += [kind for name in routing.__all__ if isinstance(kind := getattr(routing, name), type)]
    for place in places:
        found = getattr(place, function, None)
        if callable(found) and not isinstance(found, ModuleType):
            return [name for name in inspect.signature(found).parameters if name != "self"]
    return ()


def _frames(trace: TracebackType | None) -> Iterator[TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next
