"""An edge behind a 1:1 NAT, phones in its LAN and outside: each meets the address that it can reach."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from harness.baresip import Baresip
from harness.edge import Edge
from harness.network import Hairpin, Office, office
from harness.talk import assert_both_hear, begin, end, listen

pytestmark = pytest.mark.live


@contextmanager
def _phones(tmp_path, place: Office, near_meets: str, transport: str) -> Iterator[tuple[Baresip, Baresip, Edge]]:
    with Edge(tmp_path, users=4, host=place.edge, advertised=place.public) as edge:
        made = []
        try:
            for number, (namespace, host) in enumerate(((place.near, near_meets), (place.far, place.public)), 1):
                home = tmp_path / f"phone{number}"
                home.mkdir()
                phone = Baresip(edge.identity(transport, host), home, seed=number, namespace=namespace)
                made.append(phone)
                phone.registered()
            yield made[0], made[1], edge
        finally:
            for phone in made:
                phone.stop()
        assert not edge.complaints()
        edge.command("explain", "--own")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_phone_in_the_lan_meets_the_edge_there_and_one_outside_its_public_address(tmp_path, transport) -> None:
    with office(Hairpin.KEEPS) as place, _phones(tmp_path, place, place.edge, transport) as (near, far, _):
        for caller, callee in ((near, far), (far, near)):
            begin(caller, callee)
            listen(caller, callee)
            end(callee, caller)
        assert_both_hear(near, far)
        # Neither its ACK and BYE nor its audio took the way around.
        assert place.turned_round() == 0


@pytest.mark.parametrize("hairpin", Hairpin)
def test_a_phone_in_the_lan_that_knows_the_public_address_is_heard_too(tmp_path, hairpin) -> None:
    """Its router turns what it sends there round, with its own address as the source or with that of the phone."""
    with office(hairpin) as place, _phones(tmp_path, place, place.public, "udp") as (near, far, _):
        for caller, callee in ((near, far), (far, near)):
            begin(caller, callee)
            listen(caller, callee)
            end(caller, callee)
        assert_both_hear(near, far)
        assert place.turned_round() > 0
