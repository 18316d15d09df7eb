"""Who gets all that crosses this edge, as the configuration says."""

from functools import partial

from talkpath.app.config.endpoints import parse_endpoint
from talkpath.app.config.hep import HepTarget
from talkpath.app.config.tree import Config
from talkpath.base.texts import Language
from talkpath.calls.ledger import Ledger
from talkpath.calls.words import said
from talkpath.net.hep import Mirror, Target

_PORT = 9060


def mirrored(config: Config, language: Language) -> tuple[Ledger, Mirror | None]:
    """A ledger and who else is told what it hears, None where nobody is."""
    ledger = Ledger()
    mirror = Mirror(tuple(map(_target, config.hep)), partial(said, language=language)) if config.hep else None
    ledger.mirror = mirror
    return ledger, mirror


def _target(given: HepTarget) -> Target:
    found = parse_endpoint(given.address)
    assert found is not None  # `talkpath check` and `run` refuse what is none
    host, port = found
    key = "" if given.key is None else given.key.reveal()
    return Target(host, port or _PORT, given.transport == "TCP", given.agent, given.node, key, given.secrets)
