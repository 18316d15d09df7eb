"""A call goes on with ports of another process: whose they are, and what is said where they cannot be had."""

import msgspec
import pytest

from talkpath._native import Relay
from talkpath.base.errors import Unavailable
from talkpath.net.media import CallLeases

LOW, HIGH = 20000, 29999


def test_adopted_ports_are_the_calls_own_until_it_closes_them() -> None:
    first, heir = Relay(), Relay()
    owners: dict[int, str] = {}
    engine = CallLeases(first, {}, "call")
    port = engine.open("127.0.0.1", LOW, HIGH)
    state = engine.save([port, engine.share(port)])
    first.shutdown()
    goes_on = CallLeases(heir, owners, "call")
    ports = goes_on.adopt(state)
    assert owners == {ports[0].id: "call", ports[1].id: "call"}
    goes_on.close(ports[1])
    assert owners == {ports[0].id: "call"}
    heir.shutdown()


def test_why_ports_cannot_be_had_is_said_with_their_address() -> None:
    first, heir = Relay(), Relay()
    engine, goes_on = CallLeases(first, {}, "call"), CallLeases(heir, {}, "call")
    port = engine.open("127.0.0.1", LOW, HIGH)
    state = engine.save([port])
    with pytest.raises(Unavailable, match=f"127.0.0.1:{port.rtp}") as taken:
        goes_on.adopt(state)
    fields = msgspec.msgpack.decode(state)
    fields["ports"][0]["host"] = {"V4": [192, 0, 2, 1]}
    with pytest.raises(Unavailable, match=r"192\.0\.2\.1") as absent:
        goes_on.adopt(msgspec.msgpack.encode(fields))
    assert (taken.value.code, absent.value.code) == ("media-ports", "media-address")
    with pytest.raises(ValueError, match="no state"):
        goes_on.adopt(b"\x80")
    first.shutdown()
    heir.shutdown()
