"""An engine in memory with the contract of the real one, for tests: several members on one `Hub`."""

import asyncio

from talkpath.cluster.engine import Description, Engine, Told
from talkpath.cluster.envelope import Place


class Hub:
    """Holds the records of a cluster. `is_up`: whether anybody reaches it; `is_writable`: whether it has a leader;
    `is_watched`: whether watchers are told."""

    def __init__(self) -> None:
        self.records: dict[Place, tuple[int, bytes]] = {}
        self.last = 0
        self.is_writable = True
        self.is_watched = True
        self.members: list[MemoryEngine] = []

    def write(self, place: Place, data: bytes) -> None:
        if not self.is_writable:
            return
        self.last += 1
        self.records.pop(place, None)
        self.records[place] = self.last, data
        for member in self.members:
            member.tell(place, data, self.last)

    def cut(self, engine: "MemoryEngine") -> None:
        """The network between this member and the engine is gone."""
        engine.is_connected = False
        engine.is_watching = False
        if engine.told is not None:
            engine.told.disconnected()

    def mend(self, engine: "MemoryEngine") -> None:
        """It is back."""
        engine.is_connected = True
        if engine.told is not None:
            engine.told.connected()


class MemoryEngine(Engine):
    """One member's connection to the hub."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.told: Told | None = None
        self.is_connected = True
        self.is_watching = False
        hub.members.append(self)

    async def start(self, told: Told) -> None:
        self.told = told
        if self.is_connected:
            told.connected()

    def publish(self, place: Place, data: bytes) -> None:
        if self.is_connected:
            self.hub.write(place, data)

    def watch(self, after: int) -> None:
        self.is_watching = False
        if self.told is None or not self.is_connected or not self.hub.is_watched or self.told.last_is(self.hub.last):
            return
        self.is_watching = True
        for place, (sequence, data) in list(self.hub.records.items()):
            if sequence > after:
                self.told.delivered(place, data, sequence)
        self.told.read_whole()

    def tell(self, place: Place, data: bytes, sequence: int) -> None:
        if self.told is not None and self.is_watching and self.hub.is_watched:
            self.told.delivered(place, data, sequence)

    async def create(self, place: Place, data: bytes) -> bool:
        await asyncio.sleep(0)
        if not self.is_connected or not self.hub.is_writable or place in self.hub.records:
            return False
        self.hub.write(place, data)
        return True

    async def close(self) -> None:
        await asyncio.sleep(0)
        self.is_connected = self.is_watching = False
        if self in self.hub.members:
            self.hub.members.remove(self)

    def describe(self) -> Description:
        return Description("memory", "", 1)
