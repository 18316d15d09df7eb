"""What lies between the edge and its parties: loss, order, duplicates, NATs, connections that go."""

import pytest

from talkpath.testing import Network, Path

LOSSY = {"loss": 0.3, "reordering": 0.2, "duplicates": 0.2}


async def calls_over(network: Network, path: Path, count: int = 5) -> list[float]:
    """How long some calls took to be answered over a bad path, each whole from INVITE to BYE."""
    alice, bob = await network.phone("1001", path=path), await network.phone("1002", path=path)
    took = []
    for _ in range(count):
        call = await alice.call("1002")
        assert call.answered_by(bob)
        await network.wait(1)
        assert await call.hang_up() is not None
        await bob.calls[-1].over()
        took.append(round(call.seconds, 6))
    return took


async def test_calls_survive_loss_and_disorder(network: Network) -> None:
    took = await calls_over(network, Path(**LOSSY))
    assert network.wire.lost > 10
    assert max(took) > 1.5


@pytest.mark.parametrize("seed", [1, 2])
async def test_chance_is_the_same_for_the_same_seed(network: Network, seed: int) -> None:
    took = []
    for _ in range(2):
        async with Network(seed=seed) as other:
            took.append((await calls_over(other, Path(**LOSSY)), other.wire.lost))
    assert took[0] == took[1]


async def test_a_phone_behind_a_nat_is_reached_while_its_way_is_open(network: Network) -> None:
    alice = await network.phone("1001")
    bob = await network.phone("1002", nat=network.nat(keeps_s=30))
    await network.wait(600)
    call = await alice.call("1002")
    assert bob.keepalives > 50
    assert call.answered_by(bob)


@pytest.mark.network(toml="keepalive = { interval_s = 0 }")
async def test_without_keep_alives_the_way_closes(network: Network) -> None:
    alice = await network.phone("1001")
    await network.phone("1002", nat=network.nat(keeps_s=30))
    await network.wait(60)
    call = await alice.call("1002")
    assert call.status in (408, 480, 504)
    assert call.tried == []


async def test_two_phones_behind_one_nat(network: Network) -> None:
    nat = network.nat()
    alice, bob = await network.phone("1001", nat=nat), await network.phone("1002", nat=nat)
    call = await alice.call("1002")
    assert call.answered_by(bob)
    assert (await bob.calls[0].hang_up()) is not None
    assert call.is_over


@pytest.mark.parametrize("transport", ["TCP", "TLS"])
async def test_calls_over_streams(network: Network, transport: str) -> None:
    alice, bob = await network.phone("1001", transport=transport), await network.phone("1002", transport=transport)
    call = await alice.call("1002")
    assert call.answered_by(bob)
    assert (await call.hang_up()) is not None
    assert bob.calls[0].ended_by == "them"


async def test_a_phone_whose_connection_went_gets_no_call_until_it_is_back(network: Network) -> None:
    alice, bob = await network.phone("1001"), await network.phone("1002", transport="TCP")
    bob.disconnects()
    await network.wait(1)
    bob.listens = False
    assert not (await alice.call("1002")).is_answered
    await bob.register()
    assert (await alice.call("1002")).answered_by(bob)


async def test_a_phone_that_dies_in_a_call_ends_it(network: Network) -> None:
    alice, bob = await network.phone("1001"), await network.phone("1002")
    call = await alice.call("1002")
    await network.wait(1)
    bob.dies()
    await network.until(lambda: call.is_over, within_s=600)
    assert call.ended_by == "them"
    assert "media" in call.story.ended_how


async def test_a_phone_that_is_back_rings_again(network: Network) -> None:
    alice, bob = await network.phone("1001"), await network.phone("1002")
    bob.dies()
    missed = await alice.call("1002")
    assert not missed.is_answered
    await bob.returns()
    assert (await alice.call("1002")).answered_by(bob)


async def test_an_answer_that_is_lost_is_said_again_over_a_stream(network: Network) -> None:
    alice, bob = await network.phone("1001"), await network.phone("1002", transport="TCP")
    call = alice.dial("1002")
    await call.ringing()
    alice.path.loss = 1.0
    await network.wait(3)
    alice.path.loss = 0.0
    await call.settled()
    assert call.answered_by(bob)
    assert 3 < call.seconds < 6
