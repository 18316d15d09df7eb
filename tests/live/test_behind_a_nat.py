"""Phones in a network of their own, behind a router that translates, loses or narrows."""

import pytest

from harness.network import Nat, site
from harness.sound import compare, read

pytestmark = pytest.mark.live


@pytest.fixture(params=[Nat.CONE, Nat.SYMMETRIC])
def home(request):
    with site(request.param) as place:
        yield place


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_a_phone_behind_a_nat_calls_and_is_called(edge, phones, home, transport) -> None:
    at_home = phones.baresip(identity=edge.identity(transport), namespace=home.namespace, seed=11)
    outside = phones.baresip("udp", seed=12)
    _talk(at_home, outside)
    _talk(outside, at_home)
    assert compare(read(outside.voice), at_home.heard()).is_good
    assert compare(read(at_home.voice), outside.heard()).is_good


def _talk(caller, callee) -> None:
    caller.dial(callee.identity.user)
    callee.accept()
    caller.wait("CALL_ESTABLISHED")
    caller.wait_heard(2)
    callee.wait_heard(2)
    callee.hang_up()
    caller.wait("CALL_CLOSED")
