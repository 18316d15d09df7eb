"""Carriers on the network: where the configuration says they are, with the account that it says."""

import pytest

from talkpath.testing import Network

CARRIERS = """
[[accounts]]
user = "1001"
password = "secret"

[[gateways]]
name = "carrier-a"
address = "203.0.113.20"
username = "4930"
password = "hidden"
register = true

[[gateways]]
name = "carrier-b"
address = "sip.carrier.example"
priority = 2
"""
carriers = pytest.mark.network(toml=CARRIERS)


@carriers
async def test_a_carrier_brings_a_call(network: Network) -> None:
    alice = await network.phone("1001")
    carrier = network.gateway("carrier-a")
    call = await carrier.call("1001", caller="+4915112345678")
    assert call.answered_by(alice)


@carriers
async def test_a_carrier_that_wants_a_registration_gets_one_with_credentials(network: Network) -> None:
    carrier = network.gateway("carrier-a", challenges=True)
    await network.wait(2)
    registered = [request for request in carrier.requests if request.method == "REGISTER"]
    assert "Authorization" in registered[-1].raw.decode()
    assert registered[-1].address("To").parsed_uri().user == "4930"


@carriers
async def test_carriers_are_probed_at_the_address_of_their_name(network: Network) -> None:
    carrier = network.gateway("carrier-b")
    await network.wait(60)
    assert len([request for request in carrier.requests if request.method == "OPTIONS"]) >= 3
    assert ("sip.carrier.example", "A") in network.dns.asked


@carriers
async def test_a_carrier_that_is_not_configured_is_a_mistake_of_the_test(network: Network) -> None:
    with pytest.raises(LookupError, match="has no gateway carrier-c; it has carrier-a, carrier-b"):
        network.gateway("carrier-c")


async def test_a_stranger_calls_users_and_nobody_else(network: Network) -> None:
    alice, stranger = await network.phone("1001"), network.stranger()
    assert (await stranger.call("1001")).answered_by(alice)
    assert not (await stranger.call("sip:1@203.0.113.99")).is_answered


OUTBOUND = """
[[accounts]]
user = "1001"
password = "secret"
outbound = true

[routing]
outbound = "carriers"
inbound = { "+4930555" = "1001" }

[[gateways]]
name = "carrier-a"
address = "203.0.113.20"

[[gateways]]
name = "carrier-b"
address = "sip.carrier.example"
priority = 2
"""


@pytest.mark.network(toml=OUTBOUND)
async def test_the_second_carrier_takes_over(network: Network) -> None:
    alice = await network.phone("1001")
    first, second = network.gateway("carrier-a", silent=True), network.gateway("carrier-b")
    call = await alice.call("+4930123")
    assert call.answered_by(second)
    assert call.tried == [first, second]
    assert call.seconds < 3


@pytest.mark.network(toml=OUTBOUND)
async def test_a_late_answer_of_the_first_is_hung_up(network: Network) -> None:
    alice = await network.phone("1001")
    first, second = network.gateway("carrier-a", late_s=1.6, rings=False), network.gateway("carrier-b", rings_s=5)
    call = await alice.call("+4930123")
    assert call.answered_by(second)
    assert first.calls[0].is_over


@pytest.mark.network(toml=OUTBOUND)
async def test_a_number_that_a_carrier_brings_is_a_users(network: Network) -> None:
    alice = await network.phone("1001")
    assert (await network.gateway("carrier-b").call("+4930555")).answered_by(alice)


@pytest.mark.network(toml=OUTBOUND)
async def test_a_name_leads_to_several_machines(network: Network) -> None:
    network.dns.service("_sip._udp.sip.carrier.example", "one.example", priority=1)
    network.dns.service("_sip._udp.sip.carrier.example", "two.example", priority=2)
    network.dns.address("one.example", "203.0.113.31")
    network.dns.address("two.example", "203.0.113.32")
    network.gateway("carrier-a", status=503)
    network.gateway("carrier-b", host="203.0.113.31", status=503)
    two = network.gateway("carrier-b", host="203.0.113.32")
    call = await (await network.phone("1001")).call("+4930123")
    assert call.answered_by(two)
