"""Coroutines of a script that nobody awaited: each is taken for yes, whatever it would have said.

Python warns of one when it is thrown away. That happens at once, in the context of the function that did it, which
says where it is written down.
"""

import os
import re
import warnings
from contextvars import ContextVar
from typing import Any, TextIO

_NEVER = re.compile(r"coroutine '(?:.*\.)?(.+)' was never awaited")
_OURS = os.path.dirname(os.path.dirname(__file__)) + os.sep

#: where the function that runs is told of what it forgot; None for what is no function of a script
FORGOTTEN: ContextVar[list[str] | None] = ContextVar("talkpath_forgotten", default=None)
_before: list[Any] = []


def listen() -> None:
    """Write down from now on what functions of scripts forget. Warnings of others are shown as before."""
    if warnings.showwarning is not _show:
        _before[:] = [warnings.showwarning]
        warnings.showwarning = _show
    warnings.filterwarnings("always", message="coroutine .* was never awaited", category=RuntimeWarning)


def forgotten() -> str:
    """What the function that runs has forgotten first, in words; "" for nothing."""
    found = FORGOTTEN.get()
    return found[0] if found else ""


def _show(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    found = FORGOTTEN.get()
    name = _NEVER.match(str(message)) if category is RuntimeWarning else None
    if found is None or name is None:
        _before[0](message, category, filename, lineno, file, line)
        return
    where = "" if filename.startswith(_OURS) else f" in {os.path.basename(filename)}:{lineno}"
    found.append(f"{name[1]}(){where} was not awaited: write await {name[1]}()")
