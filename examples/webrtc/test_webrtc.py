"""Browsers and phones hear each other, whoever calls."""

from talkpath.testing import Network


async def test_a_browser_calls_a_phone_that_has_no_codec_in_common(network: Network) -> None:
    browser, desk = await network.browser("browser", codecs=("opus",)), await network.phone("desk", codecs=("PCMA",))
    call = await browser.call("desk")
    assert call.answered_by(desk)
    await network.wait(2)
    assert call.hears
    assert desk.calls[0].hears
    assert call.codecs == ["opus"]


async def test_a_phone_calls_a_browser(network: Network) -> None:
    browser, desk = await network.browser("browser"), await network.phone("desk")
    call = await desk.call("browser")
    assert call.answered_by(browser)
    await network.wait(2)
    assert call.hears
    await call.hang_up()
    assert browser.calls[0].ended_by == "them"


async def test_the_phone_is_offered_nothing_of_webrtc(network: Network) -> None:
    browser, desk = await network.browser("browser"), await network.phone("desk")
    await browser.call("desk")
    audio = desk.calls[0].description.audio
    assert audio.protocol == "RTP/AVP"
    assert not audio.candidates


async def test_a_page_that_is_closed_in_a_call_ends_it(network: Network) -> None:
    browser, desk = await network.browser("browser"), await network.phone("desk")
    call = await desk.call("browser")
    await network.wait(5)
    browser.dies()
    await network.until(lambda: call.is_over, within_s=120)
    assert call.ended_by == "them"
