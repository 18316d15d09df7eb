"""Headless Firefox with several pages, driven over WebDriver BiDi; it plays to a PulseAudio without a device.

Without one its audio clock stands still, and so does every sound of a page.
"""

import base64
import json
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from harness.page import PATIENCE_S, Page, PageFailed
from harness.process import Process, Stoppable

_SETTINGS = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    # It asks nobody anything at start.
    "app.update.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
}


class BiDi:
    """Commands and their answers, events in between."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._sent = 0
        self._pages: dict[str, FirefoxPage] = {}

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._sent += 1
        self._socket.send(json.dumps({"id": self._sent, "method": method, "params": parameters}))
        while True:
            reply: dict[str, Any] = json.loads(self._socket.recv(PATIENCE_S))
            if reply.get("id") == self._sent:
                if reply["type"] == "error":
                    raise PageFailed(f"{method}: {reply['error']}: {reply['message']}")
                return dict(reply["result"])
            self._hear(reply)

    def page(self) -> "FirefoxPage":
        """A page of its own, as if in a window of its own (nothing is shared between them)."""
        user = self.command("browser.createUserContext")["userContext"]
        context = self.command("browsingContext.create", type="tab", userContext=user)["context"]
        made = self._pages[context] = FirefoxPage(self, context)
        return made

    def _hear(self, event: dict[str, Any]) -> None:
        if event.get("method") == "log.entryAdded" and event["params"]["type"] == "javascript":
            page = self._pages.get(event["params"]["source"].get("context", ""))
            if page is not None and event["params"]["level"] == "error":
                page.complaints.append(event["params"]["text"])


class FirefoxPage(Page):
    """One tab."""

    def __init__(self, browser: BiDi, context: str) -> None:
        super().__init__()
        self._browser = browser
        self._context = context

    def open(self, url: str) -> None:
        """Go there and wait until it is loaded."""
        self._browser.command("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def run(self, expression: str, *values: Any) -> Any:
        source = expression % tuple(json.dumps(value) for value in values) if values else expression
        # A script of several statements has no value; what they define stays.
        reply = self._browser.command(
            "script.evaluate",
            expression=f"(async value => JSON.stringify(await value) ?? null)(eval({json.dumps(source)}))",
            target={"context": self._context},
            awaitPromise=True,
            userActivation=True,
        )
        if reply["type"] != "success":
            raise PageFailed(f"{source[:200]}: {reply['exceptionDetails']['text']}")
        text = reply["result"].get("value")
        return None if text is None else json.loads(text)

    def picture(self, path: Path) -> None:
        """A screenshot."""
        taken = self._browser.command("browsingContext.captureScreenshot", context=self._context)
        path.write_bytes(base64.b64decode(taken["data"]))

    def close(self) -> None:
        self._browser.command("browsingContext.close", context=self._context)


class Firefox(Stoppable):
    """One Firefox; `page` gives pages of it."""

    def __init__(self, place: Path) -> None:
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        profile = Path(self._profile.name)
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in _SETTINGS.items()]
        (profile / "user.js").write_text("".join(lines))
        socket = profile / "sound"
        home = {"HOME": self._profile.name, "XDG_RUNTIME_DIR": self._profile.name}
        modules = ("module-null-sink", f"module-native-protocol-unix socket={socket} auth-anonymous=1")
        sound = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1"]
        self._sound = Process([*sound, *(f"--load={one}" for one in modules)], place / "pulseaudio.log", env=home)
        argv = ["firefox-esr", "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port=0"]
        env = {**home, "PULSE_SERVER": f"unix:{socket}"}
        self.process = Process([*argv, "about:blank"], place / "firefox.log", env=env)
        found = self.process.wait_for(r"WebDriver BiDi listening on (ws://127\.0\.0\.1:(\d+))", 60)
        self._sockets = ExitStack()
        self._bidi = BiDi(self._sockets.enter_context(connect(f"{found[1]}/session", max_size=None)))
        self._bidi.command("session.new", capabilities={"alwaysMatch": {"acceptInsecureCerts": True}})
        self._bidi.command("session.subscribe", events=["log.entryAdded"])
        #: A page without scripts that may use a microphone.
        self.secure_url = f"http://127.0.0.1:{found[2]}/"

    def page(self, url: str = "about:blank") -> FirefoxPage:
        made = self._bidi.page()
        if url != "about:blank":
            made.open(url)
        return made

    def stop(self) -> None:
        self._sockets.close()
        self.process.stop()
        self._sound.stop()
        self._profile.cleanup()
