"""What passes the border, and how."""

from talkpath.testing import Network


async def test_numbers_and_codecs_leave_as_the_carrier_wants_them(network: Network) -> None:
    pbx = network.gateway("pbx", codecs=("G722", "PCMA", "PCMU"), video=("H264",))
    carrier = network.gateway("carrier", codecs=("PCMA", "PCMU"), challenges=True)
    call = await pbx.call("0301234567", caller="11", fields={"X-Department": "sales"})
    assert call.answered_by(carrier)
    there = carrier.calls[-1]
    assert there.invite is not None
    assert there.invite.uri.startswith("sip:+49301234567@")
    assert there.invite.first("X-Department") is None
    assert there.codecs == ["PCMA"]
    assert all(section.is_rejected for section in there.description.of_kind("video"))


async def test_numbers_come_in_as_extensions(network: Network) -> None:
    pbx, carrier = network.gateway("pbx"), network.gateway("carrier")
    call = await carrier.call("+493077711", caller="+4915112345678")
    assert call.answered_by(pbx)
    assert pbx.calls[-1].invite is not None
    assert pbx.calls[-1].invite.uri.startswith("sip:11@")


async def test_nobody_else_gets_in(network: Network) -> None:
    pbx = network.gateway("pbx")
    call = await network.stranger().call("11")
    assert call.status == 403
    assert pbx.calls == []
