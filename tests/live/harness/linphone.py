"""linphonec as a phone: lines typed into it, its sentences read, wav files in place of microphone and speaker.

It gives a GRUU-like Contact with +sip.instance, has its own digest and SDP code (belle-sip, oRTP), and so keeps us
from fitting the edge to baresip alone.
"""

import signal
from pathlib import Path
from typing import Self

from harness import sound
from harness.edge import Identity
from harness.network import free_port
from harness.process import PeerFailed, Process, wait_until
from harness.talk import Listener

_CONFIG = """\
[sip]
sip_port={udp}
sip_tcp_port={tcp}
sip_tls_port={tls}
verify_server_certs=0
verify_server_cn=0
guess_hostname=1
use_ipv6={ipv6}
register_only_when_network_is_up=0
media_encryption=none
update_presence_model_timestamp_before_publish_expires_refresh=0
[rtp]
audio_rtp_port={rtp}
[net]
mtu=0
[sound]
echocancellation=0
[video]
enabled=0
[misc]
uuid={uuid}
[auth_info_0]
username={user}
passwd={password}
[proxy_0]
reg_proxy=<{registrar}>
reg_route=<{registrar};lr>
reg_identity={aor}
reg_expires=600
reg_sendregister=1
publish=0
"""
_CODECS = ("opus/48000", "speex/16000", "speex/8000", "PCMU/8000", "PCMA/8000", "GSM/8000", "G722/8000", "G729/8000")


class Linphone(Listener):
    """One running linphonec with one account."""

    def __init__(
        self,
        identity: Identity,
        place: Path,
        *,
        seed: int = 0,
        hertz: float = 0.0,
        codecs: tuple[str, ...] = ("PCMA/8000",),
        namespace: str | None = None,
        ipv6: bool = False,
    ) -> None:
        self.identity = identity
        self.instance = f"00000000-0000-4000-8000-{seed:012d}"
        self.voice = sound.write_voice(place / "voice.wav", seed, hertz)
        self._recording = place / "heard.wav"
        (place / "rc").write_text(self._settings(codecs, ipv6))
        (place / ".local/share/linphone").mkdir(parents=True)
        argv = ["linphonec", "-c", str(place / "rc"), "-d", "6", "-l", "/dev/stdout"]
        self.process = Process(argv, place / "log", env={"HOME": str(place)}, namespace=namespace, is_prompt=True)
        self._seen = 0
        self.process.ready("linphonec> ")
        for line in ("soundcard use files", f"play {self.voice}", f"record {self._recording}"):
            self.process.say(line)

    def registered(self) -> Self:
        """Itself, once the registrar has said 200."""
        self.process.wait_for(r"to \[LinphoneRegistrationOk\]")
        return self

    def dial(self, target: str) -> None:
        """Call a user of the edge, or a whole URI."""
        self.process.say("call " + (target if ":" in target else self.identity.uri_of(target)))

    def ring(self) -> None:
        """Wait for an incoming call."""
        self.wait("IncomingReceived")

    def accept(self) -> None:
        """Wait for an incoming call and answer it."""
        self.ring()
        self.process.say("answer")

    def established(self) -> None:
        self.wait("StreamsRunning")

    def closed(self, timeout_s: float = 20.0) -> None:
        self.wait("End", timeout_s)

    def wait(self, state: str, timeout_s: float = 20.0) -> None:
        """Wait until its call enters a state of liblinphone, such as IncomingReceived, StreamsRunning or End."""
        found = self.process.wait_for(rf"moving from state \w+ to LinphoneCall{state}\b", timeout_s, self._seen)
        self._seen = found.end()

    def hang_up(self) -> None:
        self.process.say("terminate")

    def hold(self) -> None:
        self.process.say("pause")
        self.wait("Paused")

    def resume(self) -> None:
        self.process.say("resume")
        self.wait("StreamsRunning")

    def heard(self) -> sound.Samples:
        """What it recorded. The head of its wav is zeros until its side of the call has ended, and is waited for."""
        if not wait_until(lambda: self._recording.read_bytes()[:4] == b"RIFF", 10.0):
            raise PeerFailed(f"linphonec {self.identity.user} still records:\n{self.process.text[-800:]}")
        return sound.read(self._recording)

    def sound_s(self) -> float:
        """How many seconds of sound are in its recording so far."""
        return sound.length_s(self._recording) if self._recording.exists() else 0.0

    def wait_sound(self, until_s: float, timeout_s: float = 20.0) -> None:
        """Wait until that many are in it."""
        if not wait_until(lambda: self.sound_s() >= until_s, timeout_s):
            raise PeerFailed(f"linphonec {self.identity.user} hears too little:\n{self.process.text[-800:]}")

    def kill(self) -> None:
        """Die as by a power cut."""
        self.process.send(signal.SIGKILL)
        self.process.wait_ended()

    def stop(self) -> None:
        if self.process.is_running:
            self.process.say("quit")
        self.process.stop()

    def _settings(self, codecs: tuple[str, ...], ipv6: bool) -> str:
        who = self.identity
        port = free_port()
        text = _CONFIG.format(
            udp=port if who.transport == "udp" else 0,
            tcp=port if who.transport == "tcp" else 0,
            tls=port if who.transport == "tls" else 0,
            rtp=free_port(),
            ipv6=int(ipv6),
            uuid=self.instance,
            user=who.user,
            password=who.password,
            registrar=who.registrar,
            aor=who.aor,
        )
        for number, name in enumerate(_CODECS):
            mime, _, rate = name.partition("/")
            channels = 2 if mime == "opus" else 1
            text += f"[audio_codec_{number}]\nmime={mime}\nrate={rate}\nchannels={channels}\n"
            text += f"enabled={int(name in codecs)}\n"
        return text
