"""What is asked of the engine that holds a cluster's records, and what it tells."""

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from talkpath.cluster.envelope import Place


class Missing(StrEnum):
    """What an engine lacks, so that no cluster can live on it."""

    #: It keeps no records (NATS without JetStream).
    STORAGE = "storage"
    #: It knows us not, or lets us not do what is needed.
    PERMISSION = "permission"
    #: Its certificate is not trusted, or ours is not by it.
    TRUST = "trust"


class Told(Protocol):
    """Who hears the engine."""

    def connected(self) -> None:
        """There is a connection, the first or a new one."""

    def disconnected(self) -> None: ...

    def delivered(self, place: Place, data: bytes, sequence: int) -> None:
        """The watcher brings a record; sequences rise."""

    def read_whole(self) -> None:
        """The watcher has told all that there was when it began."""

    def last_is(self, sequence: int) -> bool:
        """The engine's last record has this number; whether it is to be read anew from its beginning, for which the
        watcher that was asked for comes too late."""

    def missing(self, what: Missing) -> None:
        """It cannot serve us."""


class Engine(Protocol):
    """Holds the last record of each place. Nothing here waits, but `start`, `create` and `close`."""

    async def start(self, told: Told) -> None:
        """Connect, now or as soon as it can be reached."""

    def publish(self, place: Place, data: bytes) -> None:
        """Write a record. Whether it arrived shows when the watcher brings it."""

    def watch(self, after: int) -> None:
        """Tell the records with higher numbers than this, and then each new one, in place of an earlier watcher."""

    async def create(self, place: Place, data: bytes) -> bool:
        """Write a record where there is none; False where one is, or nobody answers."""

    async def close(self) -> None:
        """Write what was handed over, and disconnect."""

    def describe(self) -> "Description":
        """What is known of it."""


class Description:
    """What a listing says of an engine: where we are connected, and how many of its servers hold each record."""

    __slots__ = ("replicas", "server", "version")

    def __init__(self, server: str = "", version: str = "", replicas: int = 0) -> None:
        self.server = server
        self.version = version
        self.replicas = replicas


#: Makes the engine of a cluster.
MakeEngine = Callable[[], Engine]
