"""Work that takes long, beside the event loop."""

import threading
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

Made = TypeVar("Made")


def beside(loop: AbstractEventLoop, work: Callable[[], Made], name: str) -> "Future[Made]":
    """Do it in a thread of that name; what it gives or raises comes by the future. One that never ends keeps nobody
    from leaving, which a pool of threads would."""
    future: Future[Made] = loop.create_future()

    def tell(made: list[Made], error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(made[0])

    def run() -> None:
        made, error = list[Made](), None
        try:
            made.append(work())
        except BaseException as failed:  # noqa: BLE001 - told where it is waited for
            error = failed
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(tell, made, error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future
