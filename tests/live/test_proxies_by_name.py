"""Phones whose outbound proxy and registrar are given by a name, which is ours because it says so or leads here."""

from pathlib import Path

import pytest

from conftest import Phones
from harness.edge import Edge, Identity
from harness.names import Names
from harness.network import HOME
from harness.talk import assert_both_hear, begin, end, listen

pytestmark = pytest.mark.live

NAME = "edge.example"


def _with_hosts(place: Path) -> tuple[str, ...]:
    """What gives a program a hosts file of its own, in which the name stands."""
    place.mkdir()
    hosts = place / "hosts"
    hosts.write_text(f"127.0.0.1 localhost\n{HOME} {NAME}\n")
    return ("unshare", "-m", "sh", "-c", f'mount --bind {hosts} /etc/hosts && exec "$@"', "sh")


@pytest.mark.parametrize("how", ["configured", "found"])
def test_phones_that_know_us_by_name_register_and_call(tmp_path: Path, how: str) -> None:
    """baresip puts the proxy as a Route before each request: it is us, whatever it is called (RFC 3261 16.4)."""
    settings = f'domains = ["{NAME}"]' if how == "configured" else ""
    under = () if how == "configured" else _with_hosts(tmp_path / "mounted")
    with Names(NAME, HOME) as names, Edge(tmp_path / "edge", settings=settings, under=under) as edge:
        phones = Phones(edge, tmp_path)
        try:
            first, second = (
                phones.baresip(identity=_named(edge, transport), dns_server=names.place)
                for transport in ("udp", "tcp")
            )
            begin(first, second)
            listen(first, second, 2)
            end(second, first)
            assert_both_hear(first, second)
        finally:
            phones.stop()
        assert edge.complaints() == []


def _named(edge: Edge, transport: str) -> Identity:
    who = edge.identity(transport)
    return Identity(who.user, who.password, NAME, who.port, transport)
