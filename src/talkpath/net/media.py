"""Drives the native media engine: ports for the media machines, events to their calls, meters to the ledger."""

import asyncio
import errno
import logging
import os
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar, cast

from talkpath import _native
from talkpath.base.address import Address
from talkpath.base.errors import Malformed, Unavailable
from talkpath.calls.ledger import Ledger
from talkpath.edge.calls.call import RunningCall
from talkpath.media.engine import (
    Advanced,
    Climbed,
    Elsewhere,
    Engine,
    EngineEvent,
    FirstHeard,
    Latched,
    Leases,
    Played,
    Port,
    Received,
    SecureEngine,
    TimedOut,
    Totals,
)
from talkpath.media.keying import Security
from talkpath.media.policy import MediaAddress, MediaPolicy
from talkpath.media.record import MediaRecord
from talkpath.media.session import MediaSession
from talkpath.net.clock import Clock
from talkpath.net.descriptors import Descriptors
from talkpath.secure.certificate import Certificate
from talkpath.secure.identity import Identity

_log = logging.getLogger(__name__)

# How often each port's meter is read, and in how many portions: three thousand streams take ten milliseconds.
_METER_PAUSE_S = 1.0
_METER_PARTS = 20
_NO_FILES = "this process may open no more files: raise LimitNOFILE= or `ulimit -n`"


Owner = TypeVar("Owner")


class CallLeases(Generic[Owner]):
    """Implements `Leases`: whose call a port is stands in `owners` for as long as the port is leased."""

    __slots__ = ("_call", "_owners", "_relay", "engine")

    def __init__(self, relay: _native.Relay, owners: dict[int, Owner], call: Owner) -> None:
        self._relay = relay
        self._owners = owners
        self._call = call
        self.engine = cast(Engine, relay)

    def open(self, address: str, low: int, high: int) -> Port:
        """Lease a port pair. Raises Unavailable(`media-ports`)."""
        try:
            port = self._relay.open(address, low, high)
        except OSError as error:
            raise _exhausted(error, low, high, address) from error
        self._owners[port.id] = self._call
        return port

    def share(self, port: Port) -> Port:
        """Another section on the transport of a port of this call. Raises Unavailable(`media-bundle`)."""
        try:
            shared = cast(Leases, self._relay).share(port)
        except ValueError as error:
            raise Unavailable("media-bundle", f"{error}; offer fewer in one bundle", port.host) from error
        self._owners[shared.id] = self._call
        return shared

    def save(self, ports: Sequence[Port], *, last: bool = False) -> bytes:
        """Ports of this call as bytes. Raises ValueError where one leads to another that is not among them."""
        return cast(Leases, self._relay).save(ports, last=last)

    def adopt(
        self, state: bytes, *, heir: int = 1, hosts: Sequence[str] = (), low: int = 0, high: int = 0
    ) -> list[Port]:
        """Go on with ports that another engine saved. Raises Unavailable, ValueError where they cannot be read."""
        try:
            ports = cast(Leases, self._relay).adopt(state, heir=heir, hosts=hosts, low=low, high=high)
        except OSError as error:
            raise _not_adopted(error) from error
        self._owners.update((port.id, self._call) for port in ports)
        return ports

    def close(self, port: Port) -> Totals:
        """Release a port pair."""
        self._owners.pop(port.id, None)
        return cast(Leases, self._relay).close(port)


class SecureRelay:
    """The relay's verbs for WebRTC (`SecureEngine`). What makes a new deadline wakes the call of the port: `wake` is
    told the port and whether the deadline may be earlier than the one that is waited for."""

    def __init__(self, relay: _native.Relay, wake: Callable[[int, bool], None]) -> None:
        engine = cast(SecureEngine, relay)
        self._checks = engine.checks
        self._send = engine.send
        self._wake = wake
        self.approve: Callable[..., None] = engine.approve
        self.revoke: Callable[..., None] = engine.revoke
        self.secure: Callable[..., None] = engine.secure
        self.shut: Callable[[Port], None] = engine.shut
        self.unsecure: Callable[[Port], None] = engine.unsecure

    def checks(self, port: Port, names: list[tuple[str, str]]) -> None:
        """Let only checks climb that name one of these ufrags and know its password."""
        self._checks(port, names)
        self._wake(port.id, True)

    def send(self, port: Port, data: bytes, address: tuple[str, int], *, rtcp: bool = False) -> None:
        """Send STUN or DTLS. What is not answered is sent again, so a call that has no timer yet needs one."""
        self._wake(port.id, False)
        self._send(port, data, address, rtcp=rtcp)


class MediaDriver:
    """The relay of this process and who owns its ports."""

    def __init__(
        self,
        clock: Clock,
        ledger: Ledger,
        policy: MediaPolicy,
        workers: int,
        descriptors: Descriptors | None = None,
        certificate: Certificate | None = None,
        *,
        kernel: bool = False,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._policy = policy
        self._owners: dict[int, RunningCall] = {}
        self._told: Callable[[RunningCall, float], None] | None = None
        self._part = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timers: dict[RunningCall, tuple[float, asyncio.TimerHandle]] = {}
        most = (descriptors or Descriptors.of_process()).media
        self.relay = _native.Relay(workers=workers, epoch=clock.epoch, descriptors=most, kernel=kernel)
        # One certificate a process, or for all nodes of a cluster: browsers know it by the fingerprint in each
        # description.
        self.certificate = certificate or Certificate.make(clock.now())
        identity = Identity(self.certificate, os.urandom(32))
        self._security = Security(SecureRelay(self.relay, self._wake), identity, os.urandom)

    @property
    def by_sockets(self) -> str:
        """Why media cannot pass in the kernel, though it may; empty where it does, or may not."""
        why = self.relay.kernel
        return "" if why is None or why == "off" else why

    def start(self, told: Callable[[RunningCall, float], None]) -> None:
        """Begin to listen; `told(call, now)` is called after a call's media machine heard something."""
        self._told = told
        loop = asyncio.get_running_loop()
        loop.add_reader(self.relay.fileno(), self._take_events)
        self._timer = loop.call_later(_METER_PAUSE_S / _METER_PARTS, self._take_meters)

    def adopt(self, policy: MediaPolicy) -> None:
        """Go by these wishes from now on. Calls that run keep theirs, and their ports."""
        self._policy = policy

    def close(self) -> None:
        """Stop to listen and close every port."""
        if self._timer is not None:
            self._timer.cancel()
            asyncio.get_running_loop().remove_reader(self.relay.fileno())
        for _, timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self.relay.shutdown()

    def open(self, call: RunningCall) -> MediaSession:
        """The media machine of a call."""
        return MediaSession(CallLeases(self.relay, self._owners, call), self._policy, self._security)

    def resume(
        self,
        call: RunningCall,
        record: MediaRecord,
        state: bytes,
        heir: int,
        places: tuple[MediaAddress, ...],
        now: float,
    ) -> MediaSession:
        """The media machine of a call that another process began, as the `heir` of that number; at the addresses that
        it had, or at these `places`. Raises Malformed, Unavailable."""
        leases, policy = CallLeases(self.relay, self._owners, call), self._policy
        hosts = [place.host for place in places]
        try:
            ports = leases.adopt(state, heir=heir, hosts=hosts, low=policy.first_port, high=policy.last_port)
        except ValueError as error:
            raise Malformed("media-ports", f"the ports of a call cannot be read ({error})") from error
        try:
            session = MediaSession.resumed(record, ports, leases, policy, self._security, now, places)
        except Malformed:
            for port in ports:
                leases.close(port)
            raise
        asyncio.get_running_loop().call_soon(self._schedule, call)
        return session

    def end(self, call: RunningCall, now: float) -> None:
        """The call is over: what its meters counted last goes to the ledger, its ports go back."""
        if call.media is not None:
            for _, anchor in call.media.ports:
                self._keep(self.relay.meters(cast(_native.Port, anchor.port)))
            call.media.close(now)
        timer = self._timers.pop(call, None)
        if timer is not None:
            timer[1].cancel()

    def _wake(self, port: int, may_be_earlier: bool) -> None:
        """The call of this port may have a new deadline, once what is being done now is done."""
        call = self._owners.get(port)
        if call is not None and (may_be_earlier or call not in self._timers):
            asyncio.get_running_loop().call_soon(self._schedule, call)

    def _schedule(self, call: RunningCall) -> None:
        """Call `_expire` when ICE or DTLS of this call wants it; calls of phones only never do.

        A timer that fires earlier than needed stays: deadlines mostly move away, and it asks again.
        """
        deadline = None if call.media is None else call.media.deadline()
        if deadline is None:
            return
        loop, timer = asyncio.get_running_loop(), self._timers.get(call)
        at = loop.time() + max(0.0, deadline - self._clock.now())
        if timer is not None:
            if timer[0] <= at:
                return
            timer[1].cancel()
        self._timers[call] = (at, loop.call_at(at, self._expire, call))

    def _expire(self, call: RunningCall) -> None:
        """Let what is due of a call happen. One that fails is asked for again at the call's next event: at once it
        would fail without end."""
        self._timers.pop(call, None)
        if call.media is None:
            return
        now = self._clock.now()
        try:
            call.media.expire(now)
        except Exception:  # noqa: BLE001 - the outermost driver: one call must not stop the others
            _log.exception("a timer of the media of %s could not be handled; please report this", call.call_id)
            return
        self._tell(call, now)
        self._schedule(call)

    def _take_events(self) -> None:
        now = self._clock.now()
        touched: dict[RunningCall, None] = {}
        for event in self.relay.events():
            call = self._owners.get(event.port)
            told = translated(event)
            if call is not None and told is not None:
                self._hear(call, told, now)
                touched[call] = None
        for call in touched:
            self._tell(call, now)
            self._schedule(call)

    def _hear(self, call: RunningCall, event: EngineEvent, now: float) -> None:
        """Hand one event to its call. A fault of ours costs this call and no other."""
        try:
            if call.media is not None:
                call.media.receive(event, now)
        except Exception:  # noqa: BLE001 - the outermost driver: one call must not stop the others
            _log.exception("an event of the media of %s could not be handled; please report this", call.call_id)

    def _tell(self, call: RunningCall, now: float) -> None:
        try:
            if self._told is not None:
                self._told(call, now)
        except Exception:  # noqa: BLE001 - see `_hear`
            _log.exception("news of the media of %s could not be handled; please report this", call.call_id)

    def _take_meters(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_METER_PAUSE_S / _METER_PARTS, self._take_meters)
        self._part = (self._part + 1) % _METER_PARTS
        self._keep(self.relay.meters(part=self._part, parts=_METER_PARTS))

    def _keep(self, seconds: list[_native.Second]) -> None:
        """Hand seconds to their calls and the ledger."""
        for second in seconds:
            call = self._owners.get(second.port)
            if call is None or call.media is None:
                continue
            try:
                self._meter(call, call.media, second)
            except Exception:  # noqa: BLE001 - see `_hear`
                _log.exception("a meter of the media of %s could not be handled; please report this", call.call_id)

    def _meter(self, call: RunningCall, media: MediaSession, second: _native.Second) -> None:
        anchor = media.anchor(second.port)
        if anchor is None:
            return
        if not anchor.has_sounded and media.metered(second.port, second) and self._told is not None:
            self._told(call, self._clock.now())
        if anchor.remote is not None:
            key = (anchor.remote, anchor.local, second.ssrc)
            found = max(0, -second.lost)
            self._ledger.media(second.at, call.call_id, key, second.row, second.payload_type, found)


def _exhausted(error: OSError, low: int, high: int, address: str) -> Unavailable:
    """What is missing, and what to do about it."""
    match error.errno:
        case errno.EMFILE | errno.ENFILE:
            return Unavailable("descriptors", _NO_FILES, address)
        case errno.EADDRNOTAVAIL:
            return Unavailable("media-address", f"this host no longer has the address {address}", address)
        case int():
            return Unavailable("media-system", f"no media port can be opened: {error.strerror}", address)
    return Unavailable("media-ports", f"no media port is free in {low}-{high}: widen media.last_port", address)


def _not_adopted(error: OSError) -> Unavailable:
    """Why the ports of a call cannot be had here; the pair stands before the error."""
    where = str(error.strerror or error)
    match error.errno:
        case errno.EMFILE | errno.ENFILE:
            return Unavailable("descriptors", f"{where}: {_NO_FILES}")
        case errno.EADDRNOTAVAIL:
            return Unavailable("media-address", f"{where}: the address has not come to this host")
        case errno.EADDRINUSE:
            return Unavailable("media-ports", f"{where}: keep the ports of media for media alone on every node")
    return Unavailable("media-system", f"no media port can be opened: {where}")


def translated(event: object) -> EngineEvent | None:
    """An event of the engine in the media machine's words; None for what it does not know."""
    match event:
        case _native.FirstHeard():
            return FirstHeard(event.port, event.at, Address(*event.source))
        case _native.Latched():
            return Latched(event.port, event.at, Address(*event.source), event.rtcp, event.rebound)
        case _native.Elsewhere():
            return Elsewhere(event.port, event.at, Address(*event.source))
        case _native.Received():
            return Received(event.port, event.at, event.unheard_packets)
        case _native.Announced():
            return Played(event.port, event.at, event.seconds)
        case _native.TimedOut():
            return TimedOut(event.port, event.at, event.silent_s)
        case _native.Climbed():
            return Climbed(event.port, event.at, Address(*event.source), event.data, event.rtcp)
        case _native.Advanced():
            return Advanced(event.port, event.at)
        case _:
            return None
