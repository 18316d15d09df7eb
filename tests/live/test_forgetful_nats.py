"""Phones behind a router that forgets datagram flows after some seconds ring all the same."""

import time

import pytest

from harness.network import Nat, site
from harness.talk import assert_both_hear, begin, end, listen

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("healthy")]

# The router's patience, and longer than it by a lot.
FORGETS_S = 8
SILENT_S = 25


@pytest.mark.parametrize("kind", ["baresip", "linphone"])
def test_a_phone_rings_long_after_its_router_would_have_forgotten_it(phones, kind) -> None:
    with site(Nat.SYMMETRIC, forgets_s=FORGETS_S) as home:
        at_home = getattr(phones, kind)("udp", namespace=home.namespace)
        outside = phones.baresip("udp")
        time.sleep(SILENT_S)  # what is tried is that time passes in the router
        begin(outside, at_home)
        listen(outside, at_home)
        end(outside, at_home)
        assert_both_hear(outside, at_home)
        phones.stop()
