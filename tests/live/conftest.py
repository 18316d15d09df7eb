"""Live tests: each process of pytest-xdist has a network of its own and one edge that its tests share."""

import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.agent import Agent
from harness.baresip import Baresip
from harness.browser import Browser
from harness.edge import Edge, Identity
from harness.linphone import Linphone
from harness.network import HOME, enter_private_network
from harness.nginx import Nginx
from harness.reference import Reference
from harness.rtp import Talker
from harness.sound import Samples, tone, voice
from harness.webphone import WebPhone
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


@pytest.fixture(scope="module")
def healthy(edge: AnyEdge) -> Iterator[None]:
    """Our own rules find no error on the calls of the module: nobody felt one. The answer names the users."""
    start = time.time()
    yield
    if isinstance(edge, Edge):
        edge.command("explain", "--own", "--since", str(start))


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


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One Chromium for all tests of this process: its pages share nothing."""
    with Browser(tmp_path_factory.mktemp("browser")) as made:
        yield made


class WebPhones:
    """Makes registered phones that are pages; all are gone when the test ends."""

    def __init__(self, edge: AnyEdge, browser: Browser, place: Path) -> None:
        self._edge = edge
        self._browser = browser
        self._place = place
        self._made: list[WebPhone] = []

    def jssip(self, transport: str = "wss", identity: Identity | None = None, **options: Any) -> WebPhone:
        return self._phone("jssip", transport, identity, options)

    def sipjs(self, transport: str = "wss", identity: Identity | None = None, **options: Any) -> WebPhone:
        return self._phone("sipjs", transport, identity, options)

    def of(self, library: str, transport: str = "wss", **options: Any) -> WebPhone:
        return self._phone(library, transport, None, options)

    def stop(self) -> None:
        for each in self._made:
            each.stop()
        assert [each.page.complaints for each in self._made if each.page.complaints] == []

    def _phone(self, library: str, transport: str, identity: Identity | None, options: dict[str, Any]) -> WebPhone:
        number = len(self._made) + 20
        place = self._place / f"web{number}"
        place.mkdir()
        who = identity or self._edge.identity(transport)
        made = WebPhone(self._browser, who, place, library=library, **{"hertz": 40 * number + 5, **options})
        self._made.append(made)
        return made.registered()


@pytest.fixture
def webphones(edge: AnyEdge, browser: Browser, tmp_path: Path) -> Iterator[WebPhones]:
    """Pages as phones of the shared edge."""
    made = WebPhones(edge, browser, tmp_path)
    yield made
    made.stop()


@pytest.fixture(name="nginx")
def an_nginx(edge: Edge, tmp_path: Path) -> Iterator[Nginx]:
    """A web server in front of the shared edge, for pages."""
    with Nginx(tmp_path / "nginx", HOME, edge.doors.ws, edge.place / "state") as running:
        yield running


class Agents:
    """Makes registered agents of our own and talkers; all sockets are closed when the test ends. `host` is the
    address that they have, where it is not that of the edge."""

    def __init__(self, edge: AnyEdge, host: str = "") -> None:
        self._edge = edge
        self._host = host
        self._made: list[Agent | Talker] = []
        self._numbers = itertools.count(1)
        self._voices = itertools.count(1)

    def agent(self, transport: str = "udp", identity: Identity | None = None, *parameters: str) -> Agent:
        """`parameters` go into its Contact, as `+sip.instance="<urn:uuid:...>"`."""
        return self.silent(transport, identity).registered(*parameters)

    def silent(self, transport: str = "udp", identity: Identity | None = None) -> Agent:
        """One that has not registered."""
        made = Agent(identity or self._edge.identity(transport), bind=self._host)
        self._made.append(made)
        return made

    def talker(self, host: str | None = None, seconds: float = 30.0, hertz: float = 0.0) -> Talker:
        """It speaks with a voice of its own, or plays a tone."""
        played = tone(hertz, seconds) if hertz else voice(next(self._voices), seconds)
        return self.player(played, host)

    def player(self, played: Samples, host: str | None = None) -> Talker:
        """It plays this."""
        made = Talker(host or self._host or self._edge.host, played, ssrc=next(self._numbers))
        self._made.append(made)
        return made

    def stop(self) -> None:
        for each in self._made:
            each.stop()


@pytest.fixture
def own_agents(own_edge: AnyEdge) -> Iterator[Agents]:
    """Agents of the edge that only this test has."""
    made = Agents(own_edge)
    yield made
    made.stop()


@pytest.fixture
def agents_of() -> Iterator[Callable[..., Agents]]:
    """Agents of an edge that the test starts."""
    made: list[Agents] = []

    def make(edge: AnyEdge, host: str = "") -> Agents:
        made.append(Agents(edge, host))
        return made[-1]

    yield make
    for each in made:
        each.stop()


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
    made.stop()
