"""A house whose calls a script routes: the real edge in memory, two phones and a stranger."""

import asyncio
from dataclasses import replace

from tests.edge.lab import HOME, Lab
from tests.routing.desk import Desk

from talkpath.calls.model import Moment
from talkpath.routing.router import ScriptRouter

URI = f"sip:reception@{HOME}"


class House:
    """See the module's docstring."""

    def __init__(self, desk: Desk) -> None:
        self.lab = Lab()
        self.desk = desk
        self.anna = self.lab.registered("1001", "198.51.100.7")
        self.bob = self.lab.registered("1002", "198.51.100.8")
        self.stranger = self.lab.phone("mallory", "198.51.100.9")

    def script(self, body: str) -> None:
        script = self.desk.load(body)
        loop = asyncio.get_running_loop()
        settings = self.desk.settings
        self.router = ScriptRouter(script, settings, loop, lambda: self.lab.now, self.lab.pump)
        self.lab.edge.core.world = replace(self.lab.edge.core.world, router=self.router)

    def on_call(self, body: str) -> None:
        lines = "\n".join(f"    {line}" for line in body.split("\n"))
        self.script(f"@edge.on_call\nasync def route(call):\n{lines}\n")

    def told(self, call_id: str = "c1") -> list[Moment]:
        trace = self.lab.ledger.trace(call_id)
        return list(trace.moments) if trace is not None else []

    def moments(self, call_id: str = "c1") -> list[str]:
        return [kind for kind in self.lab.kinds(call_id) if kind.startswith("script.")]


async def turn() -> None:
    """Let functions that wait go on."""
    for _ in range(5):
        await asyncio.sleep(0)
