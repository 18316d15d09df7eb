"""Phones, browsers, gateways and strangers: what each is besides a party."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Unpack

from talkpath.base.address import Address, Transport
from talkpath.sip.message import Message
from talkpath.testing.manner import Manner
from talkpath.testing.party import Party
from talkpath.testing.wire import Nat, Path

if TYPE_CHECKING:
    from talkpath.testing.network import Network

# A phone registers anew when so much of the time has gone.
_REFRESH = 0.8


class NotRegistered(AssertionError):
    """The edge did not let a phone register."""


class Phone(Party):
    """A phone with an account of the edge; `Network.phone` registers it."""

    def __init__(
        self,
        network: Network,
        name: str,
        address: Address,
        transport: Transport = Transport.UDP,
        path: Path | None = None,
        nat: Nat | None = None,
        **manner: Unpack[Manner],
    ) -> None:
        super().__init__(network, name, address, transport, path, nat, **manner)
        self.password = network.accounts.password(name).reveal()
        self.expires_s = 3600
        self.is_registered = False
        self._register_call = network.fresh("register")
        self._refresh: asyncio.TimerHandle | None = None

    def own_uri(self, caller: str = "") -> str:
        return f"sip:{caller or self.name}@{self.network.domain}"

    async def register(self, fields: Mapping[str, str] | None = None) -> Message | None:
        """Register, and keep registered; gives the answer."""
        answer = await self._register(self.expires_s, fields or {})
        self.is_registered = answer is not None and answer.status == 200
        if self.is_registered:
            loop = asyncio.get_running_loop()
            self._refresh = loop.call_later(_REFRESH * self.expires_s, self._register_again)
        return answer

    async def unregister(self) -> Message | None:
        """Take the registration back."""
        self._stop_refreshing()
        self.is_registered = False
        return await self._register(0, {})

    def dies(self) -> None:
        super().dies()
        self._stop_refreshing()
        self.is_registered = False

    async def returns(self) -> None:
        """Have power again: it registers."""
        await super().returns()
        await self.register()

    async def _register(self, expires_s: int, fields: Mapping[str, str]) -> Message | None:
        uri = f"sip:{self.network.domain}"
        whom = f"<{self.own_uri()}>"
        identity = (f"{whom};tag={self.network.fresh('t')}", whom, self._register_call)
        return await self.ask("REGISTER", uri, identity, {"Expires": str(expires_s), **fields}, b"", "")

    def _register_again(self) -> None:
        async def again() -> None:
            await self.register()

        self.does(again())

    def _stop_refreshing(self) -> None:
        if self._refresh is not None:
            self._refresh.cancel()
            self._refresh = None


class Gateway(Party):
    """A carrier, or another machine that takes calls and brings some. `user` and `password` are those that it asks
    for where it `challenges`."""

    def __init__(
        self,
        network: Network,
        name: str,
        address: Address,
        transport: Transport = Transport.UDP,
        path: Path | None = None,
        nat: Nat | None = None,
        **manner: Unpack[Manner],
    ) -> None:
        super().__init__(network, name, address, transport, path, nat, **manner)
        self.account = name

    @property
    def user(self) -> str:
        return self.account


class Stranger(Party):
    """Somebody from the internet whom the edge does not know."""
