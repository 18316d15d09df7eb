"""Coroutines of a script that nobody awaited: each is taken for yes, whatever it would have said.

Python warns of one when it is thrown away. That happens at once, in the context of the function that did it, which
says where it is written down. What is kept under a name is looked for where a call is let go on.
"""

import asyncio
import os
import re
import sys
import warnings
from collections.abc import Iterable
from contextvars import ContextVar
from inspect import CORO_CREATED, getcoroutinestate
from types import CoroutineType, FrameType
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


def kept(values: Iterable[object]) -> str:
    """The first of these that is a coroutine which nobody began to run, in words; "" for none."""
    for value in values:
        if isinstance(value, CoroutineType) and getcoroutinestate(value) == CORO_CREATED and not _is_of_task(value):
            name = value.__name__
            value.close()  # or Python says so once more, when it is thrown away
            return (
                f"{name}() is kept and was not awaited: write await {name}(), or asyncio.create_task({name}()) where "
                "it is to go on meanwhile"
            )
    return ""


def kept_by_script() -> str:
    """The same of all that the functions of the script keep that are asking for something now."""
    frame: FrameType | None = sys._getframe(1)
    has_seen_script = False
    while frame is not None and not (has_seen_script and frame.f_code.co_filename.startswith(_OURS)):
        if not frame.f_code.co_filename.startswith(_OURS):
            has_seen_script = True
            if found := kept(frame.f_locals.values()):
                return found
        frame = frame.f_back
    return ""


def _is_of_task(one: object) -> bool:
    loop = asyncio._get_running_loop()
    return loop is not None and any(task.get_coro() is one for task in asyncio.all_tasks(loop))


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
