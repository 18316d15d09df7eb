"""The engine without sockets hands ports over as the relay does."""

import pytest

from talkpath.base.errors import Unavailable
from talkpath.media.memory import MemoryEngine, MemoryPort

PEER = ("192.0.2.7", 4000)
KEYS = ("AEAD_AES_128_GCM", (b"k", b"s"), (b"K", b"S"))


def call(engine: MemoryEngine) -> list[MemoryPort]:
    one, other = (engine.open("10.0.0.1", 40000, 40009) for _ in range(2))
    engine.expect(one, rtp=PEER, mux=True, formats=[(8, 8000, "PCMA")])
    engine.expect(other, rtp=None, mux=True, ice=True)
    engine.approve(other, PEER)
    engine.secure(other, *KEYS)
    engine.identify(other, "0", ssrcs=[5])
    engine.route(one, other)
    engine.route(other, one)
    engine.watch(one, 30.0)
    engine.hear(one, 1000.0, 7)
    return [one, engine.share(other), other]


def test_another_engine_knows_what_the_first_did() -> None:
    first, heir = MemoryEngine(), MemoryEngine()
    ports = call(first)
    heir.open("10.0.0.1", 30000, 30009)
    again = [heir.ports[port.id] for port in heir.adopt(first.save(ports))]
    for port, before in zip(again, ports, strict=True):
        for name in ("host", "rtp", "expected", "approved", "sends_to", "keys", "identity", "timeout_s"):
            assert getattr(port, name) == getattr(before, name)
    one, shared, other = again
    assert (one.target, other.target, shared.carrier) == (other, one, other)
    assert (one.heard_packets, other.sent_packets) == (7, 7)
    assert one.id != ports[0].id
    assert heir.hear(one, 1001.0) is None, "it was heard before"


def test_all_or_none_are_adopted() -> None:
    first, heir = MemoryEngine(), MemoryEngine()
    state = first.save(call(first))
    heir.open("10.0.0.1", 40002, 40003)
    with pytest.raises(Unavailable, match="40002") as taken:
        heir.adopt(state)
    assert taken.value.code == "media-ports"
    heir = MemoryEngine()
    heir.absent.add("10.0.0.1")
    with pytest.raises(Unavailable) as absent:
        heir.adopt(state)
    assert (absent.value.code, heir.ports) == ("media-address", {})
    heir.absent.clear()
    assert len(heir.adopt(state)) == 3


def test_what_cannot_be_read_or_lacks_a_port_is_refused() -> None:
    engine = MemoryEngine()
    ports = call(engine)
    for lacking in (ports[:2], ports[1:]):
        with pytest.raises(ValueError, match="saved with it"):
            engine.save(lacking)
    state = engine.save(ports)
    for mangled in (state[:-1], b"", state.replace(b"version", b"verlion")):
        with pytest.raises(ValueError, match="no state"):
            MemoryEngine().adopt(mangled)
    with pytest.raises(ValueError, match="version 2"):
        MemoryEngine().adopt(state.replace(b"version\x01", b"version\x02"))
    with pytest.raises(ValueError, match="heirs"):
        MemoryEngine().adopt(state, heir=4)
