"""Live tests: each process of pytest-xdist has a network of its own and one edge that its tests share."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.agent import Agent
from harness.baresip import Baresip
from harness.browser import Browser
from harness.edge import Edge, Identity
from harness.linphone import Linphone
from harness.network import enter_private_network
from harness.reference import Reference
from harness.rtp import Talker
from harness.sound import voice
from harness.wire import Wire

AnyEdge = Edge | Reference


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--edge", choices=("talkpath", "reference"), default="talkpath", help="what live tests talk to")


@pytest.fixture(scope="session", autouse=True)
def _private_network() -> None:
    enter_private_network()


@pytest.fixture(scope="session")
def edge(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnyEdge]:
    """One edge for all tests of this process that do not break it."""
    make = Reference if request.config.getoption("--edge") == "reference" else Edge
    place = tmp_path_factory.mktemp("edge")
    with make(place) as running:
        wire = Wire(running.doors, place)
        yield running
        wire.stop()
        assert not running.complaints()
        assert wire.complaints() == []


class Phones:
    """Makes registered phones, each with a user of its own; all are gone when the test ends."""

    def __init__(self, edge: AnyEdge, place: Path) -> None:
        self._edge = edge
        self._place = place
        self._numbers = itertools.count(1)
        self._made: list[Baresip | Linphone] = []

    def baresip(self, transport: str = "udp", identity: Identity | None = None, **options: Any) -> Baresip:
        who = identity or self._edge.identity(transport)
        number, place = self._next()
        made = Baresip(who, place, **{"seed": number, **options})
        self._made.append(made)
        return made.registered()

    def linphone(self, transport: str = "tcp", identity: Identity | None = None, **options: Any) -> Linphone:
        who = identity or self._edge.identity(transport)
        number, place = self._next()
        made = Linphone(who, place, **{"seed": number, **options})
        self._made.append(made)
        return made.registered()

    def stop(self) -> None:
        for each in self._made:
            each.stop()

    def _next(self) -> tuple[int, Path]:
        number = next(self._numbers)
        place = self._place / f"phone{number}"
        place.mkdir()
        return number, place


@pytest.fixture
def phones(edge: AnyEdge, tmp_path: Path) -> Iterator[Phones]:
    """Phones of the shared edge."""
    made = Phones(edge, tmp_path)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One Chromium for all tests of a module."""
    with Browser(tmp_path_factory.mktemp("browser")) as made:
        yield made


class Agents:
    """Makes registered agents of our own and talkers; all sockets are closed when the test ends."""

    def __init__(self, edge: AnyEdge) -> None:
        self._edge = edge
        self._made: list[Agent | Talker] = []
        self._numbers = itertools.count(1)

    def agent(self, transport: str = "udp", identity: Identity | None = None, *parameters: str) -> Agent:
        """`parameters` go into its Contact, as `+sip.instance="<urn:uuid:...>"`."""
        return self.silent(transport, identity).registered(*parameters)

    def silent(self, transport: str = "udp", identity: Identity | None = None) -> Agent:
        """One that has not registered."""
        made = Agent(identity or self._edge.identity(transport))
        self._made.append(made)
        return made

    def talker(self, host: str | None = None, seconds: float = 30.0) -> Talker:
        number = next(self._numbers)
        made = Talker(host or self._edge.host, voice(number, seconds), ssrc=number)
        self._made.append(made)
        return made

    def close(self) -> None:
        for each in self._made:
            each.close()


@pytest.fixture
def own_agents(own_edge: AnyEdge) -> Iterator[Agents]:
    """Agents of the edge that only this test has."""
    made = Agents(own_edge)
    yield made
    made.close()


@pytest.fixture
def own_phones(own_edge: AnyEdge, tmp_path: Path) -> Iterator[Phones]:
    """Phones of the edge that only this test has."""
    made = Phones(own_edge, tmp_path)
    yield made
    made.stop()


@pytest.fixture
def agents(edge: AnyEdge) -> Iterator[Agents]:
    """Agents of the shared edge."""
    made = Agents(edge)
    yield made
    made.close()
