"""The pytest plugin: the fixture `network`, `async def` tests and fixtures that use it, ladders under what failed.

It is there as soon as talkpath is installed. Tests run on the network's own loop; no other plugin is needed for them,
and those of others (pytest-asyncio, anyio) are left what is theirs.
"""

import functools
import inspect
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from talkpath.testing.loop import VirtualLoop, close, run_on
from talkpath.testing.network import Network

_FILE = "talkpath.toml"
# Ladders under a test that failed: the last calls are those that it looked at.
_SHOWN = 5


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        "network(config, script, toml, seed): what the fixture `network` is made of: a talkpath.toml beside the test "
        "or its text, a routing script, and the seed of chance",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Module | pytest.Class, name: str, obj: Any) -> None:
    """Tests of a network run on its loop."""
    is_test = inspect.iscoroutinefunction(obj) and collector.istestfunction(obj, name)
    if is_test and "network" in inspect.signature(obj).parameters:
        setattr(collector.obj, name, _on_its_loop(obj))


@pytest.fixture
def network(request: pytest.FixtureRequest) -> Iterator[Network]:
    """The edge and everybody around it, with the talkpath.toml that stands beside the test or in a folder above."""
    mark = request.node.get_closest_marker("network")
    loop = VirtualLoop()
    try:
        made = _made(request, **(mark.kwargs if mark is not None else {}))
        run_on(loop, made.__aenter__())
        yield made
    finally:
        close(loop)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
    """So do fixtures of a network."""
    made = fixturedef.func
    if "network" in fixturedef.argnames and inspect.iscoroutinefunction(made):
        fixturedef.func = _made_on_its_loop(made)  # type: ignore[misc]  # there is no other way to wrap one
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the calls of a test that failed."""
    report = yield
    used = getattr(item, "funcargs", {}).get("network")
    if report.failed and isinstance(used, Network):
        report.sections += [("calls on the network", drawn) for drawn in (used.drawn(last=_SHOWN),) if drawn]
    return report


def _on_its_loop(test: Callable[..., Any]) -> Callable[..., None]:
    @functools.wraps(test)
    def on_its_loop(*args: Any, **kwargs: Any) -> None:
        network: Network = kwargs["network"]
        run_on(network.loop, network.checked(test(*args, **kwargs)))

    return on_its_loop


def _made_on_its_loop(fixture: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(fixture)
    def on_its_loop(*args: Any, **kwargs: Any) -> Any:
        return run_on(kwargs["network"].loop, fixture(*args, **kwargs))

    return on_its_loop


def _made(
    request: pytest.FixtureRequest,
    config: str | None = None,
    script: str | None = None,
    toml: str | None = None,
    seed: int = 1,
) -> Network:
    here = request.path.parent
    routing = here / script if script is not None else None
    if toml is not None:
        return Network(script=routing, toml=toml, folder=here, seed=seed)
    file = here / config if config is not None else _nearest(here, request.config.rootpath)
    return Network(file, script=routing, seed=seed)


def _nearest(folder: Path, root: Path) -> Path | None:
    """The configuration that a test is about."""
    for one in (folder, *folder.parents):
        if (one / _FILE).exists():
            return one / _FILE
        if one == root:
            return None
    return None
