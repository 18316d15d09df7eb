"""Browsers: ICE, DTLS and SRTP end at the edge, and phones notice nothing of it."""

import pytest

from talkpath.testing import Network


async def test_a_browser_calls_a_phone(network: Network) -> None:
    page, phone = await network.browser("1001"), await network.phone("1002", codecs=("PCMA",))
    call = await page.call("1002")
    assert call.answered_by(phone)
    assert "fingerprint" in call.description.audio.attributes
    assert phone.calls[0].description.audio.protocol == "RTP/AVP"
    await network.wait(2)
    assert call.hears
    assert phone.calls[0].hears


async def test_a_phone_calls_a_browser(network: Network) -> None:
    page, phone = await network.browser("1001", transport="WS"), await network.phone("1002")
    call = await phone.call("1001")
    assert call.answered_by(page)
    await network.wait(2)
    assert call.hears
    assert page.calls[0].hears
    assert await call.hang_up() is not None
    assert page.calls[0].is_over


async def test_a_browser_hears_nothing_before_its_handshake(network: Network) -> None:
    page = await network.browser("1001", codecs=("opus",))
    call = await page.call("echo")
    assert call.is_answered
    assert not call.hears
    await network.wait(2)
    assert call.hears


@pytest.mark.network(toml="[media]\ntranscoding = []")
async def test_without_transcoding_no_codec_is_left(network: Network) -> None:
    page, phone = await network.browser("1001", codecs=("opus",)), await network.phone("1002", codecs=("PCMA",))
    call = await page.call("1002")
    assert call.status == 488
    assert call.tried == [phone]
