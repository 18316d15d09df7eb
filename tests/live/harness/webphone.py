"""A page with JsSIP or SIP.js as a phone: the same verbs as baresip and linphone have."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from harness import sound
from harness.browser import Browser
from harness.edge import Identity
from harness.firefox import Firefox
from harness.page import Page
from harness.process import PeerFailed, wait_until
from harness.talk import Listener

_KIT = Path(__file__).parent.parent / "pages" / "built" / "kit.js"
# Where AudioContext works in pages.
_EAR_HZ = 48_000


def load_kit(page: Page, voice: Path) -> None:
    """Give a page the libraries, and a voice instead of a microphone."""
    samples = (sound.read(voice) * 32767).astype("<i2").tobytes()
    page.run(_KIT.read_text())
    page.run("kit.speak(%s)", base64.b64encode(samples).decode())


def _url_of(identity: Identity) -> str:
    return f"{identity.transport}://{identity.authority}/"


class WebPhone(Listener):
    """One page with one account. `url` is where its WebSocket goes, where that is not the edge itself; `others` are
    the same user at other edges, to which JsSIP goes when that is gone.

    It plays a tone of `hertz`. `stun` leaves SIP.js the STUN server that it has by default: it is not there, and
    SIP.js waits 5 s for it at each call. JsSIP has none.
    """

    def __init__(
        self,
        browser: Browser | Firefox,
        identity: Identity,
        place: Path,
        *,
        library: str = "jssip",
        hertz: float,
        url: str = "",
        video: bool = False,
        stun: bool = False,
        others: Sequence[Identity] = (),
    ) -> None:
        self.identity = identity
        self.library = library
        self.hertz = hertz
        self.voice = sound.write_voice(place / "voice.wav", 0, hertz)
        self._url = url or _url_of(identity)
        self._options = {"video": video, "stun": stun, "others": [_url_of(one) for one in others]}
        self.page: Page = browser.page(browser.secure_url)
        self._seen = 0
        self.start()

    def start(self) -> None:
        """Load the libraries and register."""
        load_kit(self.page, self.voice)
        self._seen = 0
        options = {
            "url": self._url,
            "user": self.identity.user,
            "password": self.identity.password,
            "domain": self.identity.host,
            **self._options,
        }
        self.page.run("kit.open(%s, %s)", self.library, options)

    def registered(self) -> Self:
        """Itself, once the registrar has said 200."""
        self.wait("registered")
        return self

    def wait(self, word: str, timeout_s: float = 20.0) -> str:
        """The next word of its log that begins so, after the last one waited for."""
        found = ""

        def happened() -> bool:
            nonlocal found
            log = self.log()
            for number in range(self._seen, len(log)):
                if log[number].startswith(word):
                    found, self._seen = log[number], number + 1
                    return True
            return False

        if not wait_until(happened, timeout_s):
            who = f"{self.library} {self.identity.user}"
            raise PeerFailed(f"{who}: no {word} in {timeout_s} s after {self._seen} of {self.log()}")
        return found

    def log(self) -> list[str]:
        return list(self.page.run("phone.log"))

    def do(self, verb: str, *values: Any) -> None:
        """One of its verbs: hold, unhold, restart, press, referTo, joinCalls, comeBack."""
        self.page.run(f"void phone.{verb}({', '.join(['%s'] * len(values))})", *values)

    def hold(self) -> None:
        self.do("hold")
        self.wait("held:local")

    def resume(self) -> None:
        self.do("unhold")
        self.wait("unheld:local")

    def sees(self) -> None:
        """Wait until it shows moving pictures of the other side."""
        self.page.until("phone.shown && phone.shown.videoWidth > 0 && phone.shown.currentTime > 0.5")

    def dial(self, target: str) -> None:
        self.do("dial", target)

    def ring(self) -> None:
        self.wait("incoming")

    def accept(self) -> None:
        """Wait for an incoming call and answer it."""
        self.ring()
        self.do("accept")

    def established(self) -> None:
        self.wait("established")

    def closed(self, timeout_s: float = 20.0) -> str:
        return self.wait("ended", timeout_s)

    def hang_up(self) -> None:
        self.do("hangUp")

    def heard_s(self) -> float:
        return float(self.page.run("phone.ear.count")) / _EAR_HZ

    def heard(self, from_s: float = 0.0) -> sound.Samples:
        """What it heard since that many seconds of hearing, at 8 kHz."""
        data = base64.b64decode(self.page.run("phone.ear.heard(%s)", from_s))
        return sound.resampled(np.frombuffer(data, "<i2") / 32768, _EAR_HZ)

    def sound_s(self) -> float:
        """How many seconds of sound have come so far, without silence."""
        return float(self.page.run("phone.ear.loud")) / 10

    def wait_sound(self, until_s: float, timeout_s: float = 20.0) -> None:
        """Wait until that many have come."""
        if not wait_until(lambda: bool(self.page.run("phone.ear.loud / 10 >= %s", until_s)), timeout_s):
            raise PeerFailed(f"{self.library} {self.identity.user} heard {self.sound_s()} s of sound: {self.log()}")

    def stop(self) -> None:
        self.page.close()
