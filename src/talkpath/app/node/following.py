"""What of a running node follows its configuration.

`made` is all that takes time, or may fail, and changes nothing; it may be called beside the loop. `take` changes all
of it within one turn of the loop, so that no message meets half of a change.
"""

import logging
import ssl
from dataclasses import dataclass
from pathlib import Path

from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Trouble
from talkpath.app.gateways.by_hand import OwnGateways
from talkpath.app.listening.certificate import CertificateFiles, certificates_of, server_context
from talkpath.app.listening.presented import Presented
from talkpath.app.log.log import follow_logging
from talkpath.app.metrics.observers import Wanted
from talkpath.app.metrics.page import MetricsPage
from talkpath.app.metrics.watching import Watching
from talkpath.app.node.settings import (
    edge_settings,
    guard_settings,
    guest_rules,
    media_doors,
    media_policy,
    router_settings,
)
from talkpath.app.process.host import cannot_listen, endpoint_of
from talkpath.app.routing.rehearsing import Trial
from talkpath.app.users.accounts import Users
from talkpath.base.errors import Unavailable
from talkpath.edge.admission.guard import Guard
from talkpath.edge.edge import Edge
from talkpath.edge.settings import EdgeSettings, GuardSettings
from talkpath.net.descriptors import Descriptors
from talkpath.net.doors import Door
from talkpath.net.facing import Facing
from talkpath.net.interfaces import Interfaces
from talkpath.net.listening import CannotListen, Endpoint
from talkpath.net.media import MediaDriver
from talkpath.net.signalling import Limits, Signalling
from talkpath.store.accounts import Account
from talkpath.web.guests import Guests

_log = logging.getLogger("talkpath.reload")

# How often a listener that was left is looked at: that means to look at all calls and registrations.
_LOOK_S = 5.0


@dataclass(frozen=True, slots=True)
class Made:
    """A configuration as the rooms of a node are told it."""

    config: Config
    edge: EdgeSettings
    guard: GuardSettings
    users: dict[str, Account]
    certificates: tuple[CertificateFiles, ...]
    tls: ssl.SSLContext | None
    observers: Wanted


@dataclass(frozen=True, slots=True)
class Opened:
    """What listens by a configuration, and is not heard yet: listeners that are new, and the page of counters."""

    doors: list[Door]
    page: MetricsPage | None


@dataclass(slots=True)
class Following:
    """See the module's docstring."""

    edge: Edge
    guard: Guard
    users: Users
    guests: Guests
    media: MediaDriver
    facing: Facing
    signalling: Signalling
    interfaces: Interfaces
    descriptors: Descriptors
    gateways: OwnGateways
    trial: Trial
    presented: Presented
    watching: Watching
    state: Path
    #: when listeners that are left are looked at again
    look_at: float = 0.0

    def made(self, config: Config) -> Made:
        """All that can be made before. Raises Malformed and Unavailable where a file that it names cannot be
        read, and `Trouble` where something that it wants is not installed."""
        own = self.interfaces.addresses
        files = certificates_of(config, self.state)
        try:
            # Files that did not change may be between two states; those of `look` are whole.
            tls = self.presented.context if files == self.presented.files else server_context(files)
        except OSError as error:
            raise Unavailable("certificate", error.strerror or str(error)) from error
        return Made(
            config,
            edge_settings(config, own),
            guard_settings(config, own),
            self.users.prepared(config),
            files,
            tls,
            self.watching.made(config),
        )

    def opened(self, config: Config) -> Opened:
        """What is new among what listens, for `take`. Raises `Trouble`."""
        page = self.watching.opened(config)
        try:
            return Opened(self._doors(config), page)
        except Trouble:
            self.watching.left(page)
            raise

    def _doors(self, config: Config) -> list[Door]:
        try:
            return self.signalling.begin([endpoint_of(one) for one in config.doors])
        except CannotListen as error:
            endpoint = error.endpoint
            listener = next(one for one in config.doors if endpoint_of(one) == endpoint)
            raise cannot_listen(listener, error.address, error.cause) from error

    def take(self, made: Made, opened: Opened, now: float) -> None:
        """Go by it from now on."""
        config = made.config
        follow_logging(config.log.level, config.log.format)
        self.users.adopt(config, made.users)
        self.guests.adopt(guest_rules(config, self.interfaces.addresses))
        self.guard.adopt(made.guard, made.edge.trusted)
        self.presented.take(made.certificates, made.tls)
        self.signalling.take(opened.doors, [endpoint_of(one) for one in config.doors])
        self.signalling.adopt(limits_of(config, self.descriptors), made.edge.web_proxies, config.websocket.ping_s)
        self.media.adopt(media_policy(config))
        self.trial.adopt(router_settings(config))
        self.watching.take(made.observers, opened.page)
        changed = self.edge.adopt(made.edge, now)
        self.gateways.overruled(changed, self.edge.gateways, now)
        # What parties are told follows from what the edge calls itself.
        self.facing.adopt(media_doors(config))
        self._look(now)
        self.signalling.pump()

    def look(self, now: float) -> None:
        """Close listeners that were left, when nothing goes over them any more. To be called every second."""
        if self.edge.core.is_left is not None and now >= self.look_at:
            for endpoint in self._look(now):
                _log.info("%s is closed: nothing goes over it any more", endpoint)

    def _look(self, now: float) -> list[Endpoint]:
        self.look_at = now + _LOOK_S
        if not self.signalling.left:
            return []
        over = self.signalling.look_at_left(self.edge.places())
        self.edge.core.is_left = self.signalling.is_left if self.signalling.left else None
        return over


def limits_of(config: Config, descriptors: Descriptors) -> Limits:
    """How many connections there may be."""
    return Limits(config.limits.connections, config.limits.connections_per_address, descriptors)
