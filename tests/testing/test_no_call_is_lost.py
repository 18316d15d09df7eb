"""As long as one of three carriers takes calls, every call finds it, whatever the others do and did a moment ago."""

import asyncio
from random import Random

import pytest

from talkpath.testing import Gateway, Network

HOUSE = """
[[accounts]]
user = "1001"
password = "secret"
outbound = true

[routing]
outbound = "carriers"

[[gateways]]
name = "a"
address = "203.0.113.20"

[[gateways]]
name = "b"
address = "b.example"

[[gateways]]
name = "c"
address = "c.example:5080"
priority = 2

[[gateway_groups]]
name = "carriers"
choose = "CHOICE"
"""
CHOICES = ("weight", "round-robin", "least-channels", "caller", "success")


def shaken(carriers: list[Gateway], random: Random) -> None:
    """One of them works; each of the others is well, silent, slow, out of order, or dead."""
    well = random.choice(carriers)
    for one in carriers:
        one.silent, one.status, one.late_s, one.is_on = False, 200, 0.0, True
        match random.randrange(6) if one is not well else 5:
            case 0:
                one.silent = True
            case 1 | 2:
                one.status = random.choice((408, 500, 502, 503, 504))
            case 3:
                one.late_s = random.choice((1.4, 1.6, 3.0))
            case 4:
                one.dies()


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("seed", range(8))
async def test_no_call_fails_that_another_carrier_could_take(network: Network, choice: str, seed: int) -> None:
    random = Random(f"{choice} {seed}")
    async with Network(toml=HOUSE.replace("CHOICE", choice), seed=seed) as house:
        phone = await house.phone("1001")
        carriers = [house.gateway(name) for name in "abc"]
        for _ in range(12):
            shaken(carriers, random)
            await house.wait(random.choice((0, 1, 10, 40)))
            calls = [phone.dial(f"+4930{random.randrange(1000)}") for _ in range(random.choice((1, 1, 3)))]
            await asyncio.gather(*(call.settled() for call in calls))
            for call in calls:
                assert call.is_answered, call.ladder
                await call.hang_up()
