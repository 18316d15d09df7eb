"""A WebRTC peer that is no browser: aiortc, with an ICE, a DTLS and a reading of SDP of its own."""

import asyncio
import fractions
import time

import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, VideoStreamTrack
from av import AudioFrame

_RATE_HZ = 8000
_FRAME = 160


class _Tone(MediaStreamTrack):
    """A tone in frames of 20 ms, in time."""

    kind = "audio"

    def __init__(self, hertz: float) -> None:
        super().__init__()
        self._hertz = hertz
        self._count = 0
        self._began = time.monotonic()

    async def recv(self) -> AudioFrame:
        await asyncio.sleep(max(0.0, self._began + self._count / _RATE_HZ - time.monotonic()))
        at = (np.arange(_FRAME) + self._count) / _RATE_HZ
        samples = (12_000 * np.sin(2 * np.pi * self._hertz * at)).astype(np.int16)
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = _RATE_HZ, self._count, fractions.Fraction(1, _RATE_HZ)
        self._count += _FRAME
        return frame


class WebPeer:
    """One peer connection that says a tone, and shows a picture where it has video."""

    def __init__(self, hertz: float, *, video: bool = False) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.connection.addTrack(_Tone(hertz))
        if video:
            self.connection.addTrack(VideoStreamTrack())
        self.pictures = 0
        self._news = asyncio.Event()
        self._heard: list[np.ndarray] = []
        self._rate_hz = _RATE_HZ
        self._listening: set[asyncio.Task[None]] = set()
        self.connection.on("track", self._begin)

    async def offer(self) -> bytes:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp.encode()

    async def answer(self, offer: bytes) -> bytes:
        await self.connection.setRemoteDescription(RTCSessionDescription(offer.decode(), "offer"))
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        return self.connection.localDescription.sdp.encode()

    async def accept(self, answer: bytes) -> None:
        await self.connection.setRemoteDescription(RTCSessionDescription(answer.decode(), "answer"))

    async def hears(self, hertz: float, *, pictures: int = 0, timeout_s: float = 15.0) -> None:
        """Until a second of sound is this tone, and so many pictures came."""
        async with asyncio.timeout(timeout_s):
            while abs(self._loudest() - hertz) > 10 or self.pictures < pictures:
                self._news.clear()
                await self._news.wait()

    async def close(self) -> None:
        await self.connection.close()
        for task in self._listening:
            task.cancel()
        await asyncio.gather(*self._listening, return_exceptions=True)

    def _begin(self, track: MediaStreamTrack) -> None:
        task = asyncio.create_task(self._listen(track))
        self._listening.add(task)

    async def _listen(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                frame = await track.recv()
                if track.kind == "audio":
                    self._rate_hz = frame.sample_rate
                    self._heard.append(frame.to_ndarray().reshape(-1)[:: len(frame.layout.channels)])
                else:
                    self.pictures += 1
                self._news.set()
        except MediaStreamError:
            return

    def _loudest(self) -> float:
        """The frequency of the last second, 0 of silence."""
        last = np.concatenate([np.zeros(1), *self._heard[-50:]]).astype(float)
        if len(last) < self._rate_hz // 2 or np.abs(last).max() < 500:
            return 0.0
        spectrum = np.abs(np.fft.rfft(last * np.hanning(len(last))))
        return float(np.argmax(spectrum)) * self._rate_hz / len(last)
