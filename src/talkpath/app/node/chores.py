"""What is done now and then besides the calls."""

import asyncio
import logging
from collections.abc import Callable, Sequence

_log = logging.getLogger("talkpath.chores")

Chore = Callable[[], None]


async def do_chores(chores: Sequence[Chore], pause_s: float) -> None:
    """Do all chores after every pause, in their order. What fails now (a disk that is full) may work the next time,
    and must stop neither the others nor itself: a node that forgot its chores would fill its memory in silence."""
    while True:
        await asyncio.sleep(pause_s)
        for chore in chores:
            try:
                chore()
            except Exception:  # noqa: BLE001 - the outermost driver
                _log.exception("a chore failed and is tried again in %g s", pause_s)
