"""Phones in a network of their own, behind a router that translates, loses or narrows."""

import json

import pytest

from harness.network import Nat, site
from harness.process import wait_until
from harness.talk import assert_both_hear, begin, end, listen

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("healthy")]


@pytest.mark.parametrize("nat", [Nat.CONE, Nat.SYMMETRIC])
@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_a_phone_behind_a_nat_calls_and_is_called(phones, nat, transport) -> None:
    with site(nat) as home:
        at_home, outside = phones.baresip(transport, namespace=home.namespace), phones.baresip("udp")
        for caller, callee in ((at_home, outside), (outside, at_home)):
            begin(caller, callee)
            listen(caller, callee)
            end(callee, caller)
        assert_both_hear(at_home, outside)
        phones.stop()


def test_two_phones_behind_different_nats_talk(phones) -> None:
    with site(Nat.SYMMETRIC) as here, site(Nat.SYMMETRIC) as there:
        first = phones.baresip("udp", namespace=here.namespace)
        second = phones.linphone("tcp", namespace=there.namespace)
        begin(first, second)
        listen(first, second)
        end(first, second)
        assert_both_hear(first, second)
        phones.stop()


def test_a_call_over_a_narrow_and_lossy_line(edge, phones) -> None:
    """MTU 1280 and one datagram in twenty lost: signalling repeats, audio has gaps and goes on."""
    with site(Nat.CONE, loss_percent=5, mtu=1280) as home:
        at_home, outside = phones.baresip("udp", namespace=home.namespace), phones.baresip("udp")
        begin(outside, at_home)
        listen(outside, at_home, 3)
        end(outside, at_home)
        # The answer to the BYE may be lost: the phone is there until one has come.
        assert wait_until(lambda: "200 OK (BYE)" in _story_of(edge, at_home))
        phones.stop()


def _story_of(edge, callee) -> str:
    (row,) = [row for row in edge.calls() if callee.identity.user in row["to"]]
    return json.dumps(edge.calls(row["id"]))
