"""The network of a test: the edge in its middle, and everybody around it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path as File
from types import TracebackType
from typing import Any, Self, Unpack

from talkpath.app.config.endpoints import parse_endpoint
from talkpath.app.config.file import read, read_text
from talkpath.app.config.gateways import Gateway as GatewayOfConfig
from talkpath.app.config.tree import Config
from talkpath.base.address import Address, Transport
from talkpath.base.texts import Language
from talkpath.calls.build import call_of
from talkpath.calls.drawing import draw_call
from talkpath.calls.model import Call as Story
from talkpath.net.location import numeric
from talkpath.routing.loading import load
from talkpath.testing.accounts import Accounts
from talkpath.testing.browser import Browser
from talkpath.testing.house import HOME, House
from talkpath.testing.manner import Manner
from talkpath.testing.party import Party
from talkpath.testing.phone import Gateway, NotRegistered, Phone, Stranger
from talkpath.testing.wire import Nat, Path, Wire
from talkpath.testing.zone import Zone

_WIDTH = 118


class Network:
    """See the module. `config` is a talkpath.toml and `toml` the text of one, as if it stood in `folder`; neither for
    the defaults. `script` is the routing script where it is not the one that the configuration names. Chance (loss,
    reordering, the weights of DNS) comes from `seed`. Used as `async with Network(...) as network`; the fixture
    `network` is one that is open.

    Raises `BadConfig` and `BadScript` with what `talkpath check` says.
    """

    def __init__(
        self,
        config: str | File | None = None,
        *,
        script: str | File | None = None,
        toml: str = "",
        folder: str | File = ".",
        seed: int = 1,
    ) -> None:
        self.config = _read(config, toml, File(folder))
        routing = script or self.config.routing.script
        self._script = File(routing) if routing else None
        self.seed = seed
        #: names that the edge can look up
        self.dns = Zone()
        self.accounts = Accounts(self.config)
        #: everybody, in the order in which they came
        self.parties: list[Party] = []
        #: what went wrong in a party's own code
        self.faults: list[BaseException] = []
        self._hosts = count(1)
        self._words = count(1)
        self._house: House | None = None
        self._named_hosts = {named[0] for one in self.config.gateways if (named := parse_endpoint(one.address))}
        #: where gateways are that the configuration knows by a name
        self._places = {one.name: self._named_place(one) for one in self.config.gateways}

    async def __aenter__(self) -> Self:
        self.loop = asyncio.get_running_loop()
        self.wire = Wire(self.seed, lambda: self.now, self.loop.call_later)
        self._house = House(self.config, self.accounts, self.dns, self.wire, self.loop, self._script)
        self._house.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.check()

    async def checked(self, test: Awaitable[None]) -> None:
        """Run a test, and `check` when it is through."""
        await test
        self.check()

    # --- who is there

    async def phone(
        self,
        user: str,
        *,
        transport: str | Transport = Transport.UDP,
        host: str = "",
        nat: Nat | None = None,
        path: Path | None = None,
        registers: bool = True,
        **manner: Unpack[Manner],
    ) -> Phone:
        """A phone of a user, registered. A user that the configuration does not name gets an account."""
        address = self._account_and_address(user, host, nat)
        phone = Phone(self, user, address, Transport(transport), path, nat, **manner)
        if registers:
            await _registered(phone)
        return phone

    async def browser(
        self,
        user: str,
        *,
        transport: str | Transport = Transport.WSS,
        host: str = "",
        path: Path | None = None,
        registers: bool = True,
        **manner: Unpack[Manner],
    ) -> Browser:
        """A browser with a page of a user, registered. Its media is WebRTC."""
        address = self._account_and_address(user, host, None)
        browser = Browser(self, user, address, Transport(transport), path, **manner)
        if registers:
            await _registered(browser)
        return browser

    def gateway(
        self,
        name: str,
        *,
        host: str = "",
        path: Path | None = None,
        **manner: Unpack[Manner],
    ) -> Gateway:
        """The machine behind a gateway of the configuration, where that says it is; with the account that it says.
        `host` is for one of several that its name leads to. Raises LookupError where there is no such gateway."""
        settings = next((one for one in self.config.gateways if one.name == name), None)
        if settings is None:
            named = ", ".join(one.name for one in self.config.gateways) or "none"
            raise LookupError(f"the configuration has no gateway {name}; it has {named}")
        place = self._places[name]
        address = place._replace(host=host) if host else place
        gateway = Gateway(self, name, address, Transport(settings.transport or "UDP"), path, **manner)
        gateway.account = settings.username or name
        gateway.password = settings.password.reveal() if settings.password is not None else name
        return gateway

    def _named_place(self, settings: GatewayOfConfig) -> Address:
        """Where a gateway is; a name leads to an address that nobody else has."""
        named = parse_endpoint(settings.address)
        assert named is not None, "the configuration was checked"
        host, port = named
        if not numeric(host):
            name, host = host, self._free("203.0.113")
            self.dns.address(name, host)
        return Address(host, port or Transport(settings.transport or "UDP").default_port)

    def stranger(
        self,
        name: str = "stranger",
        *,
        host: str = "",
        transport: str | Transport = Transport.UDP,
        path: Path | None = None,
        **manner: Unpack[Manner],
    ) -> Stranger:
        """Somebody from the internet."""
        return Stranger(
            self, name, Address(host or self._free("203.0.113"), 5060), Transport(transport), path, **manner
        )

    def nat(self, host: str = "", keeps_s: float = 30.0) -> Nat:
        """A router with a NAT, for phones to stand behind; `keeps_s` is how long it keeps a silent way open."""
        return Nat(host or self._free("203.0.113"), keeps_s)

    def _account_and_address(self, user: str, host: str, nat: Nat | None) -> Address:
        if not self.accounts.exists(user):
            self.accounts.add(user)
        return Address(host or self._free("192.168.1" if nat is not None else "198.51.100"), 5060)

    def _free(self, network: str) -> str:
        """The next address of a network that nobody has."""
        taken = {party.address.host for party in self.parties} | self._named_hosts
        return next(host for number in self._hosts if (host := f"{network}.{number + 9}") not in taken)

    # --- what happens

    def reload(self) -> None:
        """Load the script anew, as saving it does. Raises `BadScript`, and then goes on with the one that it has."""
        router = self.house.router
        assert router is not None, "there is no script"
        router.use(load(router.script.file, router.script.kept))

    @property
    def house(self) -> House:
        """The edge and what is around it."""
        assert self._house is not None, "the network is not open: use `async with Network(...)`"
        return self._house

    @property
    def now(self) -> float:
        """The time, in seconds since the epoch."""
        return self.house.clock.now()

    @property
    def elapsed_s(self) -> float:
        """The seconds since the test began."""
        return self.loop.time()

    @property
    def domain(self) -> str:
        """What phones call the edge."""
        return self.config.domains[0] if self.config.domains else HOME

    async def wait(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)

    async def until(self, is_so: Callable[[], object], within_s: float = 60.0) -> None:
        """Let time pass until something is so. Raises AssertionError when it is not within that time."""
        end = self.now + within_s
        while not is_so():
            assert self.now < end, f"it did not become so within {within_s:.0f} s"
            await asyncio.sleep(0.01)

    @property
    def stories(self) -> list[Story]:
        """Every call that the edge saw, the oldest first: what `talkpath calls` shows."""
        return [call_of(trace) for trace in self.house.traces()]

    def drawn(self, call_id: str = "", *, last: int = 0, width: int = _WIDTH) -> str:
        """A call as text, or all of them, or the `last` so many."""
        traces = [one for one in self.house.traces() if not call_id or call_id in one.call_ids][-last:]
        drawn = ("\n".join(line.text for line in draw_call(call_of(one), Language.EN, width)) for one in traces)
        return "\n\n".join(drawn)

    def check(self) -> None:
        """Raise what could not be handled while the test went on: a fault of talkpath, or of a party."""
        faults = [*(self._house.faults if self._house is not None else ()), *self.faults]
        if faults:
            raise BaseExceptionGroup("what could not be handled on the network", faults)

    # --- for parties

    def join(self, party: Party) -> None:
        """One more party."""
        self.parties.append(party)
        self.wire.ends.append(party)

    def fresh(self, prefix: str) -> str:
        """A word that nothing else in this test bears."""
        return f"{prefix}{next(self._words)}"

    def at(self, when: float, do: Callable[[], Any]) -> asyncio.TimerHandle:
        """Do something at a time."""
        return asyncio.get_running_loop().call_at(self.house.clock.until(when), do)


async def _registered(phone: Phone) -> None:
    answer = await phone.register()
    if not phone.is_registered:
        said = f"{answer.status} {answer.reason}" if answer is not None else "no answer"
        raise NotRegistered(f"{phone.name} could not register: {said}")


def _read(file: str | File | None, toml: str, folder: File) -> Config:
    if file is not None:
        return read(File(file), is_to_run=False)
    return read_text(toml, folder / "talkpath.toml", is_to_run=False)
