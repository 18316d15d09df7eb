"""Headless Chromium with several pages, driven over its DevTools protocol from ordinary (blocking) tests."""

import base64
import json
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from harness.chromium import ARGUMENTS, SECURE_PAGE
from harness.network import inside
from harness.page import PATIENCE_S, Page, PageFailed
from harness.process import Process, Stoppable

# The certificates here are home-made.
_MORE_ARGUMENTS = ("--ignore-certificate-errors",)


class DevTools:
    """One connection to the browser or to a page of it: commands and their answers, events in between."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._sent = 0

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._sent += 1
        self._socket.send(json.dumps({"id": self._sent, "method": method, "params": parameters}))
        while True:
            reply: dict[str, Any] = json.loads(self._socket.recv(PATIENCE_S))
            if reply.get("id") == self._sent:
                if "error" in reply:
                    raise PageFailed(f"{method}: {reply['error']}")
                return dict(reply["result"])
            self._hear(reply)

    def _hear(self, event: dict[str, Any]) -> None:
        """What came in between."""


class ChromiumPage(DevTools, Page):
    """One tab."""

    def __init__(self, socket: ClientConnection) -> None:
        DevTools.__init__(self, socket)
        Page.__init__(self)
        for domain in ("Page", "Runtime"):
            self.command(f"{domain}.enable")

    def open(self, url: str) -> None:
        """Go there and wait until it is loaded."""
        self.command("Page.navigate", url=url)
        self.run("new Promise(done => document.readyState == 'complete' ? done() : onload = done)")

    def reload(self) -> None:
        """As somebody who presses F5."""
        self.run("window.isOld = true")
        self.command("Page.reload")
        self.until("!window.isOld && document.readyState == 'complete'")

    def run(self, expression: str, *values: Any) -> Any:
        source = expression % tuple(json.dumps(value) for value in values) if values else expression
        reply = self.command(
            "Runtime.evaluate", expression=source, awaitPromise=True, returnByValue=True, userGesture=True
        )
        if "exceptionDetails" in reply:
            raise PageFailed(f"{source[:200]}: {reply['exceptionDetails']}")
        return reply.get("result", {}).get("value")

    def _hear(self, event: dict[str, Any]) -> None:
        if event.get("method") == "Runtime.exceptionThrown":
            details = event["params"]["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description") or details["text"])

    def picture(self, path: Path, width: int = 1280, height: int = 900) -> None:
        """A screenshot."""
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        path.write_bytes(base64.b64decode(self.command("Page.captureScreenshot")["data"]))

    def close(self) -> None:
        self.command("Page.close")


class Browser(Stoppable):
    """One Chromium; `page` gives pages of it, each as if in a window of its own (nothing is shared between them)."""

    def __init__(self, place: Path, *arguments: str, namespace: str | None = None, language: str = "en") -> None:
        self._namespace = namespace
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        argv = [
            "chromium",
            *ARGUMENTS,
            *_MORE_ARGUMENTS,
            f"--lang={language}",
            *arguments,
            f"--user-data-dir={self._profile.name}",
        ]
        place.mkdir(parents=True, exist_ok=True)
        self.process = Process([*argv, "about:blank"], place / "chromium.log", namespace=namespace)
        found = self.process.wait_for(r"DevTools listening on ws://127\.0\.0\.1:(\d+)(\S+)", 60)
        #: Where its DevTools are.
        self.port, self.path = int(found[1]), found[2]
        self._sockets = ExitStack()
        self._tools = DevTools(self._connect(self.path))

    @property
    def secure_url(self) -> str:
        """A page without scripts that may use a microphone."""
        return SECURE_PAGE.format(port=self.port)

    def page(self, url: str = "about:blank") -> ChromiumPage:
        context = self._tools.command("Target.createBrowserContext")["browserContextId"]
        target = self._tools.command("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        made = ChromiumPage(self._connect(f"/devtools/page/{target}"))
        if url != "about:blank":
            made.open(url)
        return made

    def stop(self) -> None:
        self._sockets.close()
        self.process.stop()
        self._profile.cleanup()

    def _connect(self, path: str) -> ClientConnection:
        with inside(self._namespace):
            return self._sockets.enter_context(connect(f"ws://127.0.0.1:{self.port}{path}", max_size=None))
