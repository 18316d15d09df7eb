"""baresip as a phone: commands and events over its ctrl_tcp module, sound from a wav, what it hears into a wav."""

import json
import signal
import socket
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from harness import sound
from harness.edge import Identity
from harness.network import free_port, inside
from harness.process import PeerFailed, Process, wait_until
from harness.talk import Listener

_MODULES = Path("/usr/lib/baresip/modules")
_CONFIG = """\
poll_method epoll
sip_listen {listen}
call_local_timeout 60
call_max_calls 8
audio_source aufile,{voice}
audio_player aubridge,ear
audio_alert aubridge,bell
ausrc_srate {rate}
auplay_srate {rate}
ausrc_channels 1
auplay_channels 1
jitter_buffer_delay 2-10
module_path {modules}
module g711.so
module g722.so
module opus.so
module aufile.so
module aubridge.so
module sndfile.so
module srtp.so
module ice.so
module dtls_srtp.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
snd_path {recordings}
"""


@dataclass(frozen=True, slots=True)
class Event:
    """One event of baresip, such as CALL_ESTABLISHED with its peer and parameter."""

    type: str
    peer: str
    param: str


class Baresip(Listener):
    """One running baresip with one account. Every command waits for baresip's own word that it was done."""

    def __init__(
        self,
        identity: Identity,
        place: Path,
        *,
        seed: int = 0,
        hertz: float = 0.0,
        listen: str = "0.0.0.0",
        codec: str = "PCMA/8000/1",
        answer: str = "manual",
        account: str = "",
        namespace: str | None = None,
        expires_s: int = 600,
        dns_server: str = "",
    ) -> None:
        self.identity = identity
        self.sip_port = free_port()
        self._recordings = place / "heard"
        self._recordings.mkdir(parents=True)
        # The resampler of baresip 1.0 leaves images, so that its files have the rate of the codec.
        _, rate, channels = codec.partition(",")[0].split("/")
        self._bytes_s = 2 * int(rate) * int(channels)
        self.voice = sound.write_voice(place / "voice.wav", seed, hertz, int(rate))
        control = free_port()
        config = _CONFIG.format(
            listen=f"{listen}:{self.sip_port}",
            voice=self.voice,
            rate=rate,
            modules=_MODULES,
            control=control,
            recordings=self._recordings,
        )
        named = f"dns_server {dns_server}\n" if dns_server else ""
        (place / "config").write_text(config + named)
        (place / "accounts").write_text(self._account(codec, answer, expires_s) + account + "\n")
        (place / "contacts").write_text("")
        self.process = Process(
            ["baresip", "-f", str(place), "-v"], place / "log", namespace=namespace, is_prompt=True
        )
        self._news = threading.Condition()
        self._events: list[Event] = []
        self._replies: list[dict[str, Any]] = []
        self._seen = 0
        self.process.ready("baresip is ready")
        self._control = _connect(control, namespace)
        threading.Thread(target=self._listen, daemon=True).start()

    def registered(self) -> Self:
        """Itself, once the registrar has said 200."""
        self.process.wait_for(r"\[\d+ bindings?\]", 20)
        return self

    def dial(self, target: str) -> None:
        """Call a user of the edge, or a whole URI; answers when the INVITE is on its way."""
        uri = target if ":" in target else self.identity.uri_of(target)
        self.command("dial", uri)

    def command(self, name: str, parameters: str = "") -> str:
        """One command of baresip's menu; its answer. A refusal raises."""
        body = json.dumps({"command": name, "params": parameters, "token": "t"}).encode()
        with self._news:
            before = len(self._replies)
            self._control.sendall(b"%d:%s," % (len(body), body))
            if not self._news.wait_for(lambda: len(self._replies) > before, 10):
                raise PeerFailed(f"baresip {self.identity.user} does not answer {name}")
            reply = self._replies[before]
        if not reply["ok"]:
            raise PeerFailed(f"baresip {self.identity.user} refuses {name}: {reply['data']}")
        return str(reply["data"])

    def ring(self) -> None:
        """Wait for an incoming call."""
        self.wait("CALL_INCOMING")

    def accept(self) -> None:
        """Wait for an incoming call and answer it."""
        self.ring()
        self.command("accept")

    def established(self) -> None:
        self.wait("CALL_ESTABLISHED")

    def closed(self, timeout_s: float = 20.0) -> str:
        """Wait for the end of a call; why it ended, in baresip's words."""
        return self.wait("CALL_CLOSED", timeout_s).param

    def hang_up(self) -> None:
        self.command("hangup")

    def wait(self, kind: str, timeout_s: float = 20.0) -> Event:
        """The next event of this type after the last one waited for."""
        found: Event | None = None

        def happened() -> bool:
            nonlocal found
            for number in range(self._seen, len(self._events)):
                if self._events[number].type == kind:
                    found, self._seen = self._events[number], number + 1
                    return True
            return False

        with self._news:
            if not self._news.wait_for(happened, timeout_s):
                seen = [event.type for event in self._events]
                who = f"baresip {self.identity.user}"
                raise PeerFailed(f"{who}: no {kind} in {timeout_s} s, but {seen}:\n{self.process.text[-800:]}")
        assert found is not None
        return found

    def events(self, kind: str) -> list[Event]:
        """All events of this type so far."""
        return [event for event in self._events if event.type == kind]

    def heard(self) -> sound.Samples:
        """All it heard so far, call after call."""
        files = sorted(self._recordings.glob("*-dec.wav"))
        return sound.join([sound.read(file) for file in files])

    def sound_s(self) -> float:
        """How many seconds of decoded sound are in its recording so far."""
        return sum(max(0, file.stat().st_size - 44) for file in self._recordings.glob("*-dec.wav")) / self._bytes_s

    def wait_sound(self, until_s: float, timeout_s: float = 20.0) -> None:
        """Wait until that many are in it."""
        if not wait_until(lambda: self.sound_s() >= until_s, timeout_s):
            raise PeerFailed(
                f"baresip {self.identity.user} heard {self.sound_s()} s, not {until_s}:\n{self.process.text[-800:]}"
            )

    def kill(self) -> None:
        """Die as by a power cut: nothing is said to anyone."""
        self.process.send(signal.SIGKILL)
        self.process.wait_ended()

    def stop(self) -> None:
        """End it; where it is polite it unregisters."""
        self._control.close()
        self.process.stop()

    def _account(self, codec: str, answer: str, expires_s: int) -> str:
        who = self.identity
        return (
            f"<{who.aor};transport={who.transport}>;auth_user={who.user}"
            f';auth_pass={who.password};outbound="{who.registrar}";regint={expires_s};answermode={answer}'
            f";audio_codecs={codec};ptime=20"
        )

    def _listen(self) -> None:
        buffer = b""
        while True:
            try:
                chunk = self._control.recv(65536)
            except OSError:
                return
            if not chunk:
                return
            buffer += chunk
            with self._news:
                buffer = self._take(buffer)
                self._news.notify_all()

    def _take(self, buffer: bytes) -> bytes:
        """Cut netstrings off the front of `buffer`; what is left."""
        while b":" in buffer:
            size, _, rest = buffer.partition(b":")
            if len(rest) <= int(size):
                break
            item = json.loads(rest[: int(size)])
            buffer = rest[int(size) + 1 :]
            if item.get("response"):
                self._replies.append(item)
            else:
                self._events.append(Event(item["type"], item.get("peeruri", ""), item.get("param", "")))
        return buffer


def _connect(port: int, namespace: str | None) -> socket.socket:
    """A connection to 127.0.0.1:`port` as seen inside `namespace`."""
    with inside(namespace):
        connection = socket.create_connection(("127.0.0.1", port), 10)
    # Nothing may happen for long: a phone waits for its call.
    connection.settimeout(None)
    return connection
