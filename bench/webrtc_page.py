"""The browser of `bench/webrtc.py`: full ICE and DTLS on one socket, the same towards every server."""

import os
import socket
import time

from talkpath._native import Srtp
from talkpath.base.address import Address
from talkpath.ice import events as ice
from talkpath.ice.agent import IceAgent
from talkpath.sdp import SessionDescription
from talkpath.secure import events as dtls
from talkpath.secure.certificate import Fingerprint
from talkpath.secure.endpoint import DtlsEndpoint
from talkpath.secure.identity import Identity

HOST = "127.0.0.3"


class Page:
    """One call's browser and its phone: `offer` and `phone` are what they write."""

    def __init__(self, identity: Identity) -> None:
        self.socket, self.phone_socket = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        for one in (self.socket, self.phone_socket):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            one.bind((HOST, 0))
            one.setblocking(False)
        self._address = Address(*self.socket.getsockname())
        self._fingerprint = identity.fingerprint
        local = ice.LocalSocket(1, 1, self._address)
        self._agent = IceAgent((local,), lite=False, controlling=True, entropy=os.urandom)
        self._endpoint = DtlsEndpoint(identity)
        self._sealer: Srtp | None = None
        self._sequence = 0
        self.target = ("", 0)

    @property
    def offer(self) -> str:
        credentials = self._agent.credentials
        lines = [
            *("v=0", f"o=- 1 1 IN IP4 {HOST}", "s=-", f"c=IN IP4 {HOST}", "t=0 0", "a=group:BUNDLE 0"),
            f"m=audio {self._address.port} UDP/TLS/RTP/SAVPF 8",
            *("a=mid:0", "a=rtcp-mux", "a=sendrecv", "a=rtpmap:8 PCMA/8000", "a=setup:actpass"),
            f"a=ice-ufrag:{credentials.ufrag}",
            f"a=ice-pwd:{credentials.password}",
            f"a=fingerprint:{self._fingerprint}",
            *(f"a=candidate:{candidate}" for candidate in self._agent.candidates),
        ]
        return "\r\n".join([*lines, ""])

    @property
    def phone(self) -> str:
        port = self.phone_socket.getsockname()[1]
        lines = ["v=0", f"o=- 1 1 IN IP4 {HOST}", "s=-", f"c=IN IP4 {HOST}", "t=0 0", f"m=audio {port} RTP/AVP 8", ""]
        return "\r\n".join(lines)

    def learn(self, answer: str) -> None:
        """The server's description; we are the DTLS client."""
        section, now = SessionDescription.parse(answer.encode()).media[0], time.monotonic()
        self.target = (section.candidates[0].host, section.candidates[0].port)
        credentials = ice.Credentials(section.inherited("ice-ufrag") or "", section.inherited("ice-pwd") or "")
        candidates = tuple(section.attributes.all("candidate"))
        lite = "ice-lite" in section.session.attributes
        self._agent.receive(ice.RemoteDescribed(credentials, candidates, lite), now)
        values = section.attributes.all("fingerprint") or section.session.attributes.all("fingerprint")
        named = tuple(map(Fingerprint.parse, values))
        self._endpoint.receive(dtls.RemoteDescribed(named), now)

    def turn(self) -> bool:
        """Do what there is to do; whether the phone heard what the browser said, so that both have their keys."""
        now = time.monotonic()
        self._take(now)
        self._agent.expire(now)
        self._endpoint.expire(now)
        self._settle(now)
        self.talk()
        return self.heard() > 0

    def talk(self) -> None:
        """One packet of 20 ms, once there are keys."""
        if self._sealer is None:
            return
        self._sequence += 1
        head = b"\x80\x08" + (self._sequence & 0xFFFF).to_bytes(2, "big")
        packet = head + (160 * self._sequence).to_bytes(4, "big") + b"talk" + b"\xd5" * 160
        self.socket.sendto(self._sealer.protect(packet), self.target)

    def heard(self) -> int:
        """Packets that came to the phone since the last time."""
        count = 0
        while True:
            try:
                self.phone_socket.recv(2048)
            except BlockingIOError:
                return count
            count += 1

    def _take(self, now: float) -> None:
        while True:
            try:
                data, source = self.socket.recvfrom(2048)
            except BlockingIOError:
                return
            remote = Address(*source)
            if data[0] < 4:
                self._agent.receive(ice.DatagramArrived(1, remote, data), now)
            elif data[0] < 64:
                self._endpoint.receive(dtls.DtlsArrived((1, remote), data), now)

    def _settle(self, now: float) -> None:
        while outputs := [*self._agent.drain(), *self._endpoint.drain()]:
            for output in outputs:
                match output:
                    case ice.SendDatagram(_, remote, data) | dtls.SendDtls((_, remote), data):
                        self.socket.sendto(data, remote)
                    case ice.PairNominated(_, remote):
                        self._endpoint.receive(dtls.Begun((1, remote)), now)
                    case dtls.KeysAgreed(_, keys):
                        self._sealer = Srtp(keys.suite.sdes_name, keys.ours.key, keys.ours.salt)

    def close(self) -> None:
        """Say goodbye, as a page does that is left."""
        self._endpoint.receive(dtls.Ended(), time.monotonic())
        self._settle(time.monotonic())
        self.socket.close()
        self.phone_socket.close()
