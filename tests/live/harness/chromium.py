"""Headless Chromium with a fake microphone, driven over its DevTools protocol."""

import asyncio
import contextlib
import json
import re
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import websockets

# A page that every Chromium has and that may use a microphone: it is its own, on loopback (a secure context).
SECURE_PAGE = "http://127.0.0.1:{port}/json/version"
ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--remote-debugging-port=0",
)
_START_S = 30.0

# What the tests ask of a page.
_SCRIPT = """
window.gathered = pc => new Promise(done => {
  const check = () => pc.iceGatheringState == 'complete' && done();
  check(); pc.onicegatheringstatechange = check; setTimeout(done, 2000);
});
window.begin = async (configuration, media = {audio: true}) => {
  window.pc = new RTCPeerConnection(configuration);
  window.states = []; pc.onconnectionstatechange = () => states.push(pc.connectionState);
  const stream = await navigator.mediaDevices.getUserMedia(media);
  stream.getTracks().forEach(track => pc.addTrack(track, stream));
};
window.offer = async options => {
  await pc.setLocalDescription(await pc.createOffer(options)); await gathered(pc); return pc.localDescription.sdp;
};
window.take = (type, sdp) => pc.setRemoteDescription({type, sdp});
window.answer = async sdp => {
  await take('offer', sdp);
  await pc.setLocalDescription(await pc.createAnswer()); await gathered(pc); return pc.localDescription.sdp;
};
window.frames = async () => {
  let decoded = 0;
  (await pc.getStats()).forEach(one => { if (one.type == 'inbound-rtp') decoded += one.framesDecoded || 0; });
  return decoded;
};
window.stats = async () => {
  const found = {};
  (await pc.getStats()).forEach(one => {
    if (one.kind != 'video') found[one.type] = one;
  });
  return {received: (found['inbound-rtp'] || {}).packetsReceived || 0, state: pc.connectionState,
          sent: (found['outbound-rtp'] || {}).packetsSent || 0, cipher: (found['transport'] || {}).srtpCipher};
};
"""


class Page:
    """One page; `run` gives the value of a JavaScript expression, awaited."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self._socket = socket
        self._sent = 0

    async def run(self, expression: str, *values: Any) -> Any:
        """`%s` in the expression stand for the values, as JSON."""
        source = expression % tuple(json.dumps(value) for value in values) if values else expression
        reply = await self._call("Runtime.evaluate", expression=source, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in reply, reply["exceptionDetails"]
        return reply["result"].get("value")

    async def open(self, url: str) -> None:
        await self._call("Page.enable")
        await self._call("Page.navigate", url=url)
        await self.run("new Promise(done => document.readyState == 'complete' ? done() : onload = done)")
        await self.run(_SCRIPT)

    async def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._sent += 1
        await self._socket.send(json.dumps({"id": self._sent, "method": method, "params": parameters}))
        while True:
            reply: dict[str, Any] = json.loads(await self._socket.recv())
            if reply.get("id") == self._sent:
                return dict(reply["result"])


@contextlib.asynccontextmanager
async def chromium(*arguments: str) -> AsyncIterator[Page]:
    """A page in a browser of its own, started with further arguments."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            "chromium",
            *ARGUMENTS,
            *arguments,
            f"--user-data-dir={profile}",
            "about:blank",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            port, path = await asyncio.wait_for(_devtools(Path(profile)), _START_S)
            async with page_of(port, path) as page:
                yield page
        finally:
            process.kill()
            await process.wait()


@contextlib.asynccontextmanager
async def page_of(port: int, path: str) -> AsyncIterator[Page]:
    """A page of the browser whose DevTools are there, as if in a window of its own."""
    async with websockets.connect(f"ws://127.0.0.1:{port}{path}", max_size=None) as socket:
        browser = Page(socket)
        context = (await browser._call("Target.createBrowserContext"))["browserContextId"]
        made = await browser._call("Target.createTarget", url="about:blank", browserContextId=context)
        url = f"ws://127.0.0.1:{port}/devtools/page/{made['targetId']}"
        async with websockets.connect(url, max_size=None) as its_own:
            page = Page(its_own)
            await page.open(SECURE_PAGE.format(port=port))
            yield page
        await browser._call("Target.disposeBrowserContext", browserContextId=context)


async def _devtools(profile: Path) -> tuple[int, str]:
    """Where the browser listens: it writes that into its profile when it is ready."""
    file = profile / "DevToolsActivePort"
    while True:
        if file.exists() and (found := re.match(r"(\d+)\n(\S+)", file.read_text())):
            return int(found[1]), found[2]
        await asyncio.sleep(0.05)
