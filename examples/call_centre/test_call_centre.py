"""Who takes a call, and over which carrier one goes out."""

import pytest

from talkpath.testing import Network


async def test_agents_take_calls_in_turn(network: Network) -> None:
    agents = [await network.phone("agent1"), await network.phone("agent2")]
    carrier = network.gateway("carrier-a")
    for turn in range(4):
        call = await carrier.call("+49800123", caller="+4915112345678")
        assert call.answered_by(agents[turn % 2])
        await call.hang_up()


async def test_a_busy_agent_is_passed_over(network: Network) -> None:
    await network.phone("agent1", status=486)
    second = await network.phone("agent2")
    call = await network.gateway("carrier-a").call("+49800123", caller="+4915112345678")
    assert call.answered_by(second)
    assert call.seconds < 4


async def test_the_supervisor_rings_when_no_agent_answers(network: Network) -> None:
    await network.phone("agent1", rings_s=60)
    await network.phone("agent2", rings_s=60)
    supervisor = await network.phone("supervisor")
    call = await network.gateway("carrier-a").call("+49800123", caller="+4915112345678")
    assert call.answered_by(supervisor)
    assert 21 < call.seconds < 22


async def test_nobody_is_there(network: Network) -> None:
    call = await network.gateway("carrier-a").call("+49800123", caller="+4915112345678")
    assert (call.status, call.reason) == (480, "All agents are busy")


@pytest.mark.parametrize("fault", [{"silent": True}, {"status": 503}, {"late_s": 5.0}])
async def test_the_other_carrier_takes_over(network: Network, fault: dict[str, object]) -> None:
    agent = await network.phone("agent1")
    network.gateway("carrier-a", **fault)  # type: ignore[arg-type]
    other = network.gateway("carrier-b")
    call = await agent.call("+4930123")
    assert call.answered_by(other)
    assert call.seconds < 3


async def test_a_carrier_that_is_dead_costs_only_the_first_calls_time(network: Network) -> None:
    agent, first, other = await network.phone("agent1"), network.gateway("carrier-a"), network.gateway("carrier-b")
    first.dies()
    await network.wait(60)  # probes find out
    call = await agent.call("+4930123")
    assert call.answered_by(other)
    assert call.tried == [other]
    assert call.seconds < 1.2
