"""All gateways: added and removed, chosen for a call, known by where a request comes from. A machine like the edge:
time comes in, requests go out as transactions of the edge, `expire` does what is due."""

from collections.abc import Callable, Iterable
from hashlib import blake2b

from talkpath.base import limits
from talkpath.base.address import Flow
from talkpath.edge.core import Core
from talkpath.edge.gateways.agenda import Agenda
from talkpath.edge.gateways.choice import Choice
from talkpath.edge.gateways.credentials import Credentials
from talkpath.edge.gateways.gateway import Gateway, Said, Told
from talkpath.edge.gateways.group import Group
from talkpath.edge.gateways.own import Pace
from talkpath.edge.gateways.probing import Probing
from talkpath.edge.gateways.registering import Registering
from talkpath.edge.gateways.settings import Choosing, GatewaySettings, GroupSettings
from talkpath.edge.gateways.sources import Sources

# How often the shares of calls carried forget what is long ago.
_SWEEP_S = 10.0


class Gateways:
    """See the module's docstring."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._agenda = Agenda()
        self._pace = Pace()
        self._sources = Sources(core.guard.trust)
        self._groups: dict[str, Group] = {}
        self._by_name: dict[str, Gateway] = {}
        #: Those whose certificate not anybody may sign whom the system trusts.
        self._with_authority: dict[str, GatewaySettings] = {}
        self._probing: dict[str, Probing] = {}
        self._registering: dict[str, Registering] = {}
        #: Registrations whose end a carrier has not answered yet, by what is registered.
        self._leaving: dict[str, Registering] = {}
        self._left: Callable[[], None] = _nobody
        self._told: list[Told] = []
        self._number = 0
        self._sweep_at = 0.0
        for group in core.settings.gateway_groups:
            self._groups[group.name] = Group(group)
        self._settings = core.settings.gateways

    # --- who there is

    def start(self, now: float) -> None:
        """Add those that the edge was told of, and begin to look at them."""
        for settings in self._settings:
            self.add(settings, now)

    def adopt(self, settings: tuple[GatewaySettings, ...], groups: tuple[GroupSettings, ...], now: float) -> set[str]:
        """Have those that the edge is told of now, instead of those before; one that stays as it was does not notice.
        Gives the names of those that came, went, or are another."""
        before = {one.name: one for one in self._settings}
        wanted = {one.name: one for one in settings}
        self._settings = settings
        for name in before.keys() - wanted.keys():
            self.remove(name, now)
        changed = [one for one in settings if before.get(one.name) != one]
        for one in changed:
            self.add(one, now)
        self._adopt_groups({one.name: one for one in groups})
        return {one.name for one in changed} | (before.keys() - wanted.keys())

    def _adopt_groups(self, wanted: dict[str, GroupSettings]) -> None:
        for name in self._groups.keys() | wanted.keys():
            settings = wanted.get(name) or GroupSettings(name)
            group = self._groups.get(name)
            if group is None:
                self._groups[name] = Group(settings)
            elif group.settings != settings:
                group.adopt(settings)

    def add(self, settings: GatewaySettings, now: float) -> Gateway | None:
        """One more gateway; one of that name that is there is replaced. None where there are too many."""
        before = self._by_name.get(settings.name)
        self.remove(settings.name, now)
        if len(self._by_name) >= limits.GATEWAYS:
            return None
        gateway = self._by_name[settings.name] = Gateway(settings, self._agenda, self._tell, now)
        if before is not None:
            gateway.succeed(before)
        group = self._groups.get(settings.group)
        if group is None:
            group = self._groups[settings.group] = Group(GroupSettings(settings.group))
        group.add(gateway)
        self._sources.add(gateway)
        if settings.ca:
            self._with_authority[settings.name] = settings
        self._number += 1
        core, name = self._core, settings.name
        probing = self._probing[name] = Probing(core, self._agenda, self._pace, self._sources, gateway, self._number)
        probing.begin(now)
        if settings.registers:
            self._register(gateway, now)
        return gateway

    def remove(self, name: str, now: float) -> bool:
        """Give it no calls and ask it nothing any more; those that run go on. Whether there was one."""
        gateway = self._by_name.pop(name, None)
        if gateway is None:
            return False
        self._with_authority.pop(name, None)
        self._probing.pop(name).stop(now)
        if (registering := self._registering.pop(name, None)) is not None:
            self._leave(registering, now)
        self._groups[gateway.settings.group].remove(gateway)
        self._sources.remove(gateway)
        return True

    def leave(self, left: Callable[[], None], now: float) -> None:
        """Be registered nowhere any more: the edge stops. `left` is called when no carrier has yet to answer that."""
        for registering in self._registering.values():
            self._leave(registering, now)
        self._registering.clear()
        self._left = left
        if not self._leaving:
            left()

    def _register(self, gateway: Gateway, now: float) -> None:
        registering = Registering(self._core, self._agenda, self._pace, gateway, self.credentials(gateway))
        self._registering[gateway.settings.name] = registering
        if (before := self._leaving.get(registering.account)) is not None:
            # To the carrier this is the same registration, which must not end after it began anew.
            before.give_up(now)
        registering.begin(now)

    def _leave(self, registering: Registering, now: float) -> None:
        account = registering.account
        registering.stop(now, lambda: self._forget(account, registering))
        if registering.is_leaving:
            self._leaving[account] = registering

    def _forget(self, account: str, registering: Registering) -> None:
        if self._leaving.get(account) is registering:
            del self._leaving[account]
            if not self._leaving:
                self._left()

    def named(self, name: str) -> Gateway | None:
        return self._by_name.get(name)

    def all(self) -> Iterable[Gateway]:
        """Every gateway, in the order in which they were added."""
        return self._by_name.values()

    def __len__(self) -> int:
        return len(self._by_name)

    # --- for calls

    def choose(self, group: str, caller: str, *, is_dry: bool = False) -> Choice | None:
        """The gateways that a call of this caller tries, one after another; None where there is no such group or
        nobody in it. A dry choice changes nothing for the calls after it."""
        known = self._groups.get(group)
        return None if known is None or not len(known) else Choice(known, caller, is_dry)

    def chooses_by_caller(self, group: str) -> bool:
        """Whether it matters to a group who calls."""
        known = self._groups.get(group)
        return known is not None and known.settings.choosing is Choosing.CALLER

    def of_source(self, flow: Flow) -> Gateway | None:
        """The gateway at the far end of a flow, None for everybody else."""
        return self._sources.of(flow)

    def authority(self, place: str) -> str:
        """The file with those who may sign the certificate of a name or an address; "" for whom the system trusts."""
        return next((one.ca for one in self._with_authority.values() if one.address == place), "")

    def credentials(self, gateway: Gateway) -> Credentials:
        """Answers to the challenges that a gateway makes for one call."""
        return Credentials(gateway.settings, self._cnonce)

    def _cnonce(self) -> str:
        return blake2b(self._core.fresh().encode(), key=self._core.cnonce_key, digest_size=12).hexdigest()

    # --- other nodes

    def said(self) -> dict[str, Said]:
        """What they are to know, by the names of the gateways."""
        return {name: gateway.said() for name, gateway in self._by_name.items()}

    def heard_of(self, name: str, node: str, said: Said, before: Said | None, now: float) -> None:
        """A node says what it knows of a gateway, and said `before`."""
        gateway = self._by_name.get(name)
        if gateway is not None:
            gateway.heard_of(node, said, before, now)

    def taken_elsewhere(self, name: str, said: list[Said], now: float) -> None:
        """The nodes that are there say this of a gateway: their calls take its channels."""
        gateway = self._by_name.get(name)
        if gateway is not None:
            gateway.taken_elsewhere(said, now)

    # --- the machine

    def deadline(self) -> float | None:
        """When `expire` wants to be called next, or None."""
        return self._agenda.deadline()

    def expire(self, now: float) -> None:
        """Probe, register and forgive who is due."""
        self._agenda.expire(now)
        if now >= self._sweep_at:
            self._sweep_at = now + _SWEEP_S
            for group in self._groups.values():
                if group.settings.choosing is Choosing.SUCCESS:
                    group.move(now)

    def take_told(self) -> list[Told]:
        """What happened to gateways since this was last asked."""
        told, self._told = self._told, []
        return told

    def _tell(self, told: Told) -> None:
        if len(self._told) < limits.GATEWAY_NEWS:
            self._told.append(told)


def _nobody() -> None:
    """Nobody waits for that."""
