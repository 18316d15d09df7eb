"""Requests of a party that await their answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from talkpath.base.unsent import Unsent
from talkpath.sip.message import Message
from talkpath.sip.transaction import ClientTransaction


class Exchange:
    """One request, and the future of its final answer: None where none came. Who wants more is told each answer."""

    def __init__(self, heard: Callable[[Message], None] | None = None) -> None:
        self.answer: asyncio.Future[Message | None] = asyncio.get_running_loop().create_future()
        self._heard = heard
        #: sends CANCEL for the request
        self.cancel: Callable[[], None] = lambda: None

    def on_response(self, transaction: ClientTransaction, response: Message, now: float) -> None:
        """See `ClientOwner`."""
        if self._heard is not None:
            self._heard(response)
        if response.status >= 200:
            self._settle(response)

    def on_timeout(self, transaction: ClientTransaction, now: float) -> None:
        """See `ClientOwner`."""
        self._settle(None)

    def on_unsendable(self, transaction: ClientTransaction, why: Unsent, now: float) -> None:
        """See `ClientOwner`."""
        self._settle(None)

    def _settle(self, answer: Message | None) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)
