"""What callers of the office find."""

from talkpath.testing import Network


async def test_the_reception_answers(network: Network) -> None:
    reception = await network.phone("10")
    await network.phone("11")
    carrier = network.gateway("carrier")
    call = await carrier.call("4930555", caller="+4915112345678")
    assert call.answered_by(reception)
    assert call.tried == [reception]


async def test_after_a_while_the_desks_ring(network: Network) -> None:
    await network.phone("10", rings_s=60)
    desk = await network.phone("12", rings_s=2)
    call = await network.gateway("carrier").call("4930555", caller="+4915112345678")
    assert call.answered_by(desk)
    assert 17 < call.seconds < 18


async def test_colleagues_call_each_other(network: Network) -> None:
    anna, ben = await network.phone("11"), await network.phone("12")
    assert (await anna.call("12")).answered_by(ben)


async def test_calls_out_show_the_extension_behind_the_number_of_the_house(network: Network) -> None:
    anna, carrier = await network.phone("11"), network.gateway("carrier", challenges=True)
    call = await anna.call("030 4444".replace(" ", ""))
    assert call.answered_by(carrier)
    invite = carrier.calls[-1].invite
    assert invite is not None
    assert invite.uri.startswith("sip:+49304444@")
    assert "+493055511" in (invite.first("From") or "")


async def test_emergency_numbers_are_dialled_as_they_are(network: Network) -> None:
    anna, carrier = await network.phone("11"), network.gateway("carrier")
    assert (await anna.call("112")).answered_by(carrier)
    invite = carrier.calls[-1].invite
    assert invite is not None
    assert invite.uri.startswith("sip:112@")


async def test_a_phone_hears_itself_at_echo(network: Network) -> None:
    anna, carrier = await network.phone("11"), network.gateway("carrier")
    assert (await anna.call("echo")).status == 200
    assert carrier.calls == []


async def test_premium_numbers_are_refused(network: Network) -> None:
    anna, carrier = await network.phone("11"), network.gateway("carrier")
    call = await anna.call("0900123456")
    assert (call.status, call.reason) == (403, "No premium numbers")
    assert carrier.calls == []
