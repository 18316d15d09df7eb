"""One capture in which a rule must fire and look-alikes in which it must not, for every code of the catalogue."""

from collections.abc import Callable
from dataclasses import dataclass

from ..generator.wire import Wire

Build = Callable[[Wire], None]


@dataclass(frozen=True)
class Scenario:
    """A capture, by the phenomenon it shows. `code` is what it is about; `fires` whether the rule must."""

    name: str
    code: str
    fires: bool
    build: Build

    def pcaps(self) -> list[bytes]:
        """The capture; of some calls a second one, from another place."""
        wire = Wire()
        self.build(wire)
        return [wire.pcap(), *([wire.elsewhere.pcap()] if wire.elsewhere else [])]


SCENARIOS: list[Scenario] = []


def fires(code: str) -> Callable[[Build], Build]:
    """The finding `code` must be there, and no error of another cause."""
    return _register(code, True)


def quiet(code: str) -> Callable[[Build], Build]:
    """It looks like `code`, and nothing is wrong: no error at all."""
    return _register(code, False)


def _register(code: str, does_fire: bool) -> Callable[[Build], Build]:
    def register(build: Build) -> Build:
        SCENARIOS.append(Scenario(build.__name__, code, does_fire, build))
        return build

    return register


def load() -> list[Scenario]:
    """Every scenario of the catalogue."""
    from . import (  # noqa: F401
        between,
        doubtful,
        everyday,
        field,
        hangup,
        network,
        quality,
        security,
        setup,
        strangers,
        unheard,
        unseen,
        webrtc,
    )

    return SCENARIOS
