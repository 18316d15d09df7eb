"""Phones behind a router that forgets datagram flows after some seconds ring all the same."""

import time

import pytest

from harness.network import Nat, site
from harness.talk import assert_both_hear, begin, end, listen

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("healthy")]

# The router's patience, and longer than it by a lot.
FORGETS_S = 8
SILENT_S = 25


def test_phones_ring_long_after_their_router_would_have_forgotten_them(phones) -> None:
    with site(Nat.SYMMETRIC, forgets_s=FORGETS_S) as home:
        kinds = (phones.baresip, phones.linphone)
        pairs = [(kind("udp", namespace=home.namespace), phones.baresip("udp")) for kind in kinds]
        time.sleep(SILENT_S)  # what is tried is that time passes in the router
        for at_home, outside in pairs:
            begin(outside, at_home)
        for at_home, outside in pairs:
            listen(outside, at_home)
            end(outside, at_home)
            assert_both_hear(outside, at_home)
        phones.stop()
