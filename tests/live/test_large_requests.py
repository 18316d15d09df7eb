"""Requests that do not fit into one datagram: real phones take them over TCP where they listen there, and with short
header names and a thinner description where they do not."""

import pytest

from harness.network import Nat, run, site
from harness.talk import assert_both_hear, begin, end, listen

pytestmark = [pytest.mark.live]

_LARGE = ";medianat=ice;mediaenc=dtls_srtp"


@pytest.mark.parametrize("ends", ["caller", "callee"])
def test_a_phone_that_registered_over_udp_is_called_over_tcp(phones, edge, ends: str) -> None:
    first, second = phones.baresip("udp", account=_LARGE), phones.baresip("udp", account=_LARGE)
    begin(first, second)
    listen(first, second, 2)
    end(first, second) if ends == "caller" else end(second, first)
    assert_both_hear(first, second)
    if not edge.is_reference:
        (row,) = [row for row in edge.calls() if second.identity.user in row["to"]]
        story = edge.command("calls", row["id"])
        assert "it goes over TCP" in story
        assert "compact header forms" not in story


def test_a_phone_without_tcp_takes_a_request_that_was_made_smaller(phones, edge) -> None:
    first, second = phones.baresip("udp", account=_LARGE), phones.linphone("udp")
    begin(first, second)
    listen(first, second, 2)
    end(first, second)
    assert_both_hear(first, second)
    if not edge.is_reference:
        (row,) = [row for row in edge.calls() if second.identity.user in row["to"]]
        assert "compact header forms" in edge.command("calls", row["id"])


def test_a_phone_behind_a_firewall_that_drops_fragments_rings(phones) -> None:
    with site(Nat.NONE) as home:
        run("nft add chain ip edge whole { type filter hook prerouting priority -450 ; }", home.router)
        run("nft add rule ip edge whole ip frag-off & 0x3fff != 0 drop", home.router)
        at_home = phones.baresip("udp", namespace=home.namespace, account=_LARGE)
        outside = phones.baresip("udp", account=_LARGE)
        # The To of what arrives is as long.
        outside.dial(outside.identity.uri_of(at_home.identity.user) + ";pad=" + "n" * 600)
        at_home.accept()
        outside.established()
        at_home.established()
        listen(outside, at_home, 2)
        end(at_home, outside)
        assert_both_hear(outside, at_home)
        phones.stop()


def test_what_a_router_says_of_the_way_counts_for_the_next_request(phones, edge) -> None:
    with site(Nat.NONE) as home:
        for device, namespace in (("lan", home.router), ("eth0", home.namespace)):
            run(f"ip link set {device} mtu 1200", namespace)
        at_home, outside = phones.linphone("udp", namespace=home.namespace), phones.baresip("udp", account=_LARGE)
        for _ in range(2):
            begin(outside, at_home)
            listen(outside, at_home, 1)
            end(outside, at_home)
        phones.stop()
    if not edge.is_reference:
        stories = [edge.command("calls", row["id"]) for row in edge.calls() if at_home.identity.user in row["to"]]
        assert sorted("over UDP it may be split" in story for story in stories) == [False, True]
