"""Chromium, the echo service, and a phone that speaks plain RTP, through the real relay."""

import asyncio
import os
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from tests.media.browser import OURS
from tests.media.in_memory import sdp
from tests.native.rtp_peers import rtp

from harness.browser import Browser
from harness.chromium import Page, chromium, page_of
from harness.network import run
from talkpath._native import Relay
from talkpath.media import CALLER, Exchange, LegId, MediaAddress, MediaPolicy, MediaSession, Origin, Security
from talkpath.net.media import CallLeases, translated
from talkpath.sdp import MediaSection, SessionDescription

pytestmark = pytest.mark.live

HERE = (MediaAddress("127.0.0.1", "127.0.0.1"),)
WEB, PHONE = Origin("127.0.0.1", False, HERE, True), Origin("127.0.0.1", False, HERE)
BRANCH = LegId(1)
SOON_S = 30.0


class Host:
    """A session on a relay, with the timers and events that a node gives it."""

    def __init__(self) -> None:
        self.relay = Relay()
        security = Security(self.relay, OURS, os.urandom)
        self.session = MediaSession(CallLeases(self.relay, {}, "call"), MediaPolicy(), security)
        self.kinds: list[str] = []
        self.hellos: list[str] = []
        asyncio.get_running_loop().add_reader(self.relay.fileno(), self.take)
        self._ticking = asyncio.get_running_loop().create_task(self._tick())

    def take(self) -> None:
        for event in self.relay.events():
            told = translated(event)
            if told is not None:
                self.session.receive(told, time.time())
        for one in self.session.drain():
            self.kinds.append(one.kind)
            self.hellos += [str(one.values["versions"])] if one.kind == "dtls.client-hello" else []

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(0.01)
            if (at := self.session.deadline()) is not None and at <= time.time():
                self.session.expire(time.time())
                self.take()

    def carry(
        self, body: bytes, *, by_caller: bool, status: int, web: bool, cseq: int = 1, to_web: bool | None = None
    ) -> str:
        """A description of the caller or the callee travels; `web` is whether its writer is Chromium.

        The other side is what the writer is not, unless `to_web` says.
        """
        frm, to = (CALLER, BRANCH) if by_caller else (BRANCH, CALLER)
        is_web = not web if to_web is None else to_web
        origin, target = WEB if web else PHONE, WEB if is_web else PHONE
        exchange = Exchange("INVITE", cseq, status)
        sent = self.session.carry(
            body, frm=frm, to=to, exchange=exchange, origin=origin, target=target, now=time.time()
        )
        if status == 200:
            self.session.chosen(BRANCH, time.time())
        return sent.decode()

    def close(self) -> None:
        self._ticking.cancel()
        asyncio.get_running_loop().remove_reader(self.relay.fileno())
        self.session.close(time.time())
        self.relay.shutdown()


class Phone(asyncio.DatagramProtocol):
    """Speaks PCMA to whoever it is told, every 20 ms, and counts what it hears."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.port = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.heard.append(data)

    async def talk(self, to: int) -> None:
        sequence = 0
        while True:
            sequence += 1
            self.transport.sendto(rtp(sequence), ("127.0.0.1", to))
            await asyncio.sleep(0.02)

    def description(self) -> bytes:
        return sdp("127.0.0.1", f"audio {self.port} RTP/AVP 8 101\na=rtpmap:101 telephone-event/8000")


class Mirror(asyncio.DatagramProtocol):
    """A phone's video: it sends back what it sees under a source of its own, and asks for key frames (RFC 4585).

    It knows neither MID nor any other header extension.
    """

    SSRC = 0x700
    EVERY = 100

    def __init__(self) -> None:
        self.seen = 0
        self.port = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if 192 <= data[1] <= 223:
            return
        if self.seen % self.EVERY == 0:
            self.transport.sendto(struct.pack("!BBHI4s", 0x81, 206, 2, self.SSRC, data[8:12]), addr)
        self.seen += 1
        start = 12 + (4 + 4 * int.from_bytes(data[14:16], "big") if data[0] & 0x10 else 0)
        head = bytes([data[0] & 0xEF]) + data[1:8] + self.SSRC.to_bytes(4, "big")
        self.transport.sendto(head + data[start:], addr)

    def section(self, offered: MediaSection) -> bytes:
        """Its answer to a video section: the first codec, RTCP on the same port."""
        number = offered.formats[0]
        rtpmap = next(line for line in offered.attributes.all("rtpmap") if line.startswith(f"{number} "))
        lines = [f"m=video {self.port} {offered.protocol} {number}", f"a=rtpmap:{rtpmap}", f"a=rtcp:{self.port}"]
        return ("\r\n".join([*lines, f"a=rtcp-fb:{number} nack pli"]) + "\r\n").encode()


@pytest.fixture(name="page")
async def a_page(browser: Browser) -> AsyncIterator[Page]:
    async with page_of(browser.port, browser.path) as page:
        yield page


@pytest.fixture(name="other")
async def another_page(browser: Browser) -> AsyncIterator[Page]:
    async with page_of(browser.port, browser.path) as page:
        yield page


@pytest.fixture(name="host")
async def a_host() -> AsyncIterator[Host]:
    host = Host()
    yield host
    host.close()


@pytest.fixture(name="phone")
async def a_phone() -> AsyncIterator[Phone]:
    phone = Phone()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: phone, local_addr=("127.0.0.1", 0))
    yield phone
    transport.close()


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    end = time.monotonic() + SOON_S
    while not await holds():
        assert time.monotonic() < end
        await asyncio.sleep(0.05)


async def hears(page: Page, packets: int) -> None:
    async def enough() -> bool:
        return bool((await page.run("stats()"))["received"] >= packets)

    await until(enough)


async def sees(page: Page, frames: int) -> None:
    async def enough() -> bool:
        return bool(await page.run("frames()") >= frames)

    await until(enough)


async def heard(phone: Phone, packets: int) -> None:
    async def enough() -> bool:
        return len(phone.heard) >= packets

    await until(enough)


@pytest.mark.parametrize("policy", ["balanced", "max-bundle"])
async def test_a_page_hears_its_echo(page: Page, host: Host, policy: str) -> None:
    await page.run("begin({bundlePolicy: %s})", policy)
    offer = await page.run("offer()")
    answer = host.session.answer_locally(offer.encode(), "echo", WEB, time.time()).decode()
    await page.run("take('answer', %s)", answer)
    await hears(page, 50)
    stats = await page.run("stats()")
    assert (stats["state"], stats["cipher"]) == ("connected", "SRTP_AEAD_AES_256_GCM")
    # A browser may send its ClientHello on a pair that works before it names that pair the selected one.
    for story in (
        ["ice.checked", "ice.selected"],
        ["ice.checked", "dtls.client-hello", "dtls.fingerprint-right", "srtp.keyed"],
    ):
        assert [kind for kind in dict.fromkeys(host.kinds) if kind in story] == story


# DTLS within STUN, and header extensions encrypted where the other side can (RFC 9335).
NEWEST = (
    "--force-fieldtrials=WebRTC-IceHandshakeDtls/Enabled/",
    "--enable-blink-features=RtcRtpHeaderEncryptionPolicy",
)


async def test_a_page_that_offers_what_is_newest_falls_back_to_what_we_have(host: Host) -> None:
    """Its ClientHello is of DTLS 1.3 and takes two datagrams, for a key share that no quantum computer opens."""
    async with chromium(*NEWEST) as page:
        await page.run("begin({rtpHeaderEncryptionPolicy: 'negotiate'})")
        offer = await page.run("offer()")
        assert "a=cryptex" in offer
        assert "sped" in offer
        answer = host.session.answer_locally(offer.encode(), "echo", WEB, time.time()).decode()
        assert "cryptex" not in answer
        await page.run("take('answer', %s)", answer)
        await hears(page, 50)
        assert (await page.run("stats()"))["cipher"] == "SRTP_AEAD_AES_256_GCM"
    assert "1.3" in host.hellos[0]


@pytest.mark.parametrize("policy", ["balanced", "max-bundle"])
async def test_a_page_calls_a_phone_and_restarts_ice(page: Page, host: Host, phone: Phone, policy: str) -> None:
    await page.run("begin({bundlePolicy: %s})", policy)
    offered = host.carry((await page.run("offer()")).encode(), by_caller=True, status=0, web=True)
    audio = SessionDescription.parse(offered.encode()).audio
    assert audio.protocol == "RTP/AVP"
    answer = host.carry(phone.description(), by_caller=False, status=200, web=False)
    await page.run("take('answer', %s)", answer)
    talking = asyncio.get_running_loop().create_task(phone.talk(audio.port))
    await heard(phone, 30)
    await hears(page, 30)
    assert {packet[1] & 0x7F for packet in phone.heard} == {8}

    again = await page.run("offer({iceRestart: true})")
    host.carry(again.encode(), by_caller=True, status=0, web=True, cseq=2)
    answer = host.carry(phone.description(), by_caller=False, status=200, web=False, cseq=2)
    before = len(phone.heard)
    await page.run("take('answer', %s)", answer)
    await heard(phone, before + 100)
    await hears(page, 130)
    assert "ice.restarted" in host.kinds or host.kinds.count("ice.selected") >= 2
    assert host.kinds.count("srtp.keyed") == 1, "DTLS goes on through a restart of ICE"
    assert "disconnected" not in await page.run("states")
    talking.cancel()


async def test_a_phone_calls_a_page(page: Page, host: Host, phone: Phone) -> None:
    await page.run("begin({})")
    offered = host.carry(phone.description(), by_caller=True, status=0, web=False)
    answered = await page.run("answer(%s)", offered)
    answer = host.carry(answered.encode(), by_caller=False, status=200, web=True)
    audio = SessionDescription.parse(answer.encode()).audio
    assert audio.protocol == "RTP/AVP"
    talking = asyncio.get_running_loop().create_task(phone.talk(audio.port))
    await heard(phone, 30)
    await hears(page, 30)
    assert (await page.run("stats()"))["state"] == "connected"
    talking.cancel()


async def test_two_pages_talk(page: Page, other: Page, host: Host) -> None:
    await page.run("begin({})")
    await other.run("begin({})")
    offer = (await page.run("offer()")).encode()
    offered = host.carry(offer, by_caller=True, status=0, web=True, to_web=True)
    answered = (await other.run("answer(%s)", offered)).encode()
    answer = host.carry(answered, by_caller=False, status=200, web=True, to_web=True)
    await page.run("take('answer', %s)", answer)
    await hears(page, 50)
    await hears(other, 50)
    assert host.kinds.count("srtp.keyed") == 2


@pytest.mark.parametrize("policy", ["max-compat", "balanced", "max-bundle"])
async def test_two_pages_see_each_other(page: Page, other: Page, host: Host, policy: str) -> None:
    media = {"audio": True, "video": True}
    await page.run("begin({bundlePolicy: %s}, %s)", policy, media)
    await other.run("begin({}, %s)", media)
    offer = (await page.run("offer()")).encode()
    offered = host.carry(offer, by_caller=True, status=0, web=True, to_web=True)
    answered = (await other.run("answer(%s)", offered)).encode()
    answer = host.carry(answered, by_caller=False, status=200, web=True, to_web=True)
    await page.run("take('answer', %s)", answer)
    # Video begins with a key frame, which is asked for by RTCP when the first was lost.
    await sees(page, 20)
    await sees(other, 20)
    await hears(page, 50)
    await hears(other, 50)
    assert host.kinds.count("srtp.keyed") == 2, "one association a page"


@pytest.mark.parametrize("policy", ["balanced", "max-bundle"])
async def test_a_page_with_video_calls_a_phone_without(page: Page, host: Host, phone: Phone, policy: str) -> None:
    await page.run("begin({bundlePolicy: %s}, {audio: true, video: true})", policy)
    offered = host.carry((await page.run("offer()")).encode(), by_caller=True, status=0, web=True)
    audio = SessionDescription.parse(offered.encode()).audio
    answer = host.carry(phone.description() + b"m=video 0 RTP/AVP 96\r\n", by_caller=False, status=200, web=False)
    await page.run("take('answer', %s)", answer)
    talking = asyncio.get_running_loop().create_task(phone.talk(audio.port))
    await heard(phone, 30)
    await hears(page, 30)
    talking.cancel()


@pytest.mark.parametrize("policy", ["balanced", "max-bundle"])
async def test_a_page_sees_the_video_of_a_phone(page: Page, host: Host, phone: Phone, policy: str) -> None:
    """The phone has a port for each section and names no MID; the page has both on one transport."""
    mirror = Mirror()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: mirror, local_addr=("127.0.0.1", 0))
    await page.run("begin({bundlePolicy: %s}, {audio: true, video: true})", policy)
    body = host.carry((await page.run("offer()")).encode(), by_caller=True, status=0, web=True)
    offered = SessionDescription.parse(body.encode())
    answer = phone.description() + mirror.section(offered.video)
    await page.run("take('answer', %s)", host.carry(answer, by_caller=False, status=200, web=False))
    talking = loop.create_task(phone.talk(offered.audio.port))
    await sees(page, 20)
    await hears(page, 30)
    await heard(phone, 30)
    assert {packet[1] & 0x7F for packet in phone.heard} == {8}, "its audio port hears audio alone"
    talking.cancel()
    transport.close()


@pytest.fixture(name="bad_network")
def a_bad_network() -> Iterator[None]:
    """Every twentieth packet is lost, and none may be longer than IPv6's least MTU."""
    run("nft add table inet bad")
    run("nft add chain inet bad in { type filter hook input priority 0 ; }")
    run("nft add rule inet bad in meta l4proto udp numgen random mod 20 == 0 drop")
    run("ip link set lo mtu 1280")
    yield
    run("ip link set lo mtu 65536")
    run("nft delete table inet bad")


async def test_a_page_hears_its_echo_over_a_bad_network(page: Page, host: Host, bad_network: None) -> None:
    await page.run("begin({})")
    offer = await page.run("offer()")
    answer = host.session.answer_locally(offer.encode(), "echo", WEB, time.time()).decode()
    await page.run("take('answer', %s)", answer)
    await hears(page, 200)
    assert (await page.run("stats()"))["state"] == "connected"
