"""What systemd is told of this process (sd_notify(3)), where it started us and wants to know."""

import os
import socket
import time
from collections.abc import MutableMapping


class Systemd:
    """One datagram for each word; where nobody listens it costs nothing, and what cannot be said is let go."""

    def __init__(self, environ: MutableMapping[str, str] = os.environ) -> None:
        self._place = environ.get("NOTIFY_SOCKET", "")

    def ready(self) -> None:
        """Everything is served, or served again."""
        self._say("READY=1")

    def reloading(self) -> None:
        """A configuration is being taken up; `ready` follows. (Type=notify-reload waits for both.)"""
        self._say(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """No new calls are taken."""
        self._say("STOPPING=1")

    def _say(self, words: str) -> None:
        if not self._place:
            return
        # A name that begins with @ is none of the file system.
        place = f"\0{self._place[1:]}" if self._place.startswith("@") else self._place
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaker:
                speaker.setblocking(False)
                speaker.sendto(words.encode(), place)
        except OSError:
            return
