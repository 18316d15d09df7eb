"""A peer as a child process whose output can be waited for. No waiting by the clock: only for what is printed."""

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self


class PeerFailed(AssertionError):
    """A peer ended or stayed silent where it had to speak; the text ends with its last lines."""


def wait_until(happened: Callable[[], bool], timeout_s: float = 20.0) -> bool:
    """Look fifty times a second whether something `happened` that no process announces; False when it did not."""
    tick = threading.Event()
    limit = time.monotonic() + timeout_s  # a look may be a command that takes a second
    while time.monotonic() < limit:
        if happened():
            return True
        tick.wait(0.02)
    return happened()


class Stoppable:
    """What is stopped when the `with` that holds it ends."""

    def stop(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _put_first(pid: int) -> None:
    """Among processes, and among sessions where the kernel shares out between these first (sched(7), autogroups)."""
    os.setpriority(os.PRIO_PROCESS, pid, -10)
    group = Path(f"/proc/{pid}/autogroup")
    if group.exists():
        group.write_text("-10")


class Process(Stoppable):
    """One child in its own process group; stdout and stderr go to `log` and are searched as they come."""

    def __init__(
        self,
        argv: Sequence[str],
        log: Path,
        *,
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
        namespace: str | None = None,
        is_prompt: bool = False,
    ) -> None:
        """`is_prompt`: it has the processor when it needs it, as on a machine of its own. So have phones and edges,
        which need little but every few milliseconds, beside browsers and tests that take what they get."""
        command = ["ip", "netns", "exec", namespace, *argv] if namespace else list(argv)
        self.log = log
        self._text = ""
        self._ended = False
        self._news = threading.Condition()
        self._child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            start_new_session=True,
        )
        if is_prompt:
            _put_first(self._child.pid)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def text(self) -> str:
        """All it has printed so far."""
        return self._text

    @property
    def is_running(self) -> bool:
        return self._child.poll() is None

    def say(self, line: str) -> None:
        """Type one line into its standard input."""
        assert self._child.stdin is not None
        self._child.stdin.write(line.encode() + b"\n")
        self._child.stdin.flush()

    def wait_for(self, pattern: str, timeout_s: float = 20.0, start: int = 0) -> re.Match[str]:
        """The first match of `pattern` at or after `start` in the output, as soon as it is printed."""
        compiled = re.compile(pattern)
        found: re.Match[str] | None = None

        def printed() -> bool:
            nonlocal found
            found = compiled.search(self._text, start)
            return found is not None or self._ended

        with self._news:
            self._news.wait_for(printed, timeout_s)
        if found is None:
            verb = "ended without" if self._ended else f"has not in {timeout_s} s"
            raise PeerFailed(f"{self._child.args!r} {verb} printed {pattern!r}:\n{self._text[-800:]}")
        return found

    def ready(self, pattern: str, timeout_s: float = 30.0) -> Self:
        """Itself, once it has printed that it is up; stopped when it does not."""
        try:
            self.wait_for(pattern, timeout_s)
        except PeerFailed:
            self.stop()
            raise
        return self

    def wait_ended(self, timeout_s: float = 20.0) -> int:
        """Its exit status, once it has ended by itself."""
        try:
            status = self._child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise PeerFailed(f"{self._child.args!r} still runs after {timeout_s} s:\n{self._text[-800:]}") from None
        self._close()
        return status

    def send(self, number: signal.Signals) -> None:
        """Send a signal to it and its children, where it still runs."""
        if self.is_running:
            os.killpg(self.pid, number)

    def stop(self, number: signal.Signals = signal.SIGTERM, patience_s: float = 5.0) -> None:
        """End it: first politely, then not."""
        self.send(number)
        try:
            self._child.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.send(signal.SIGKILL)
            self._child.wait(5)
        self._close()

    def _close(self) -> None:
        """Read to the end (a grandchild may hold the output open a little longer), then let go of the pipes."""
        self._reader.join(5)
        if self._child.stdin is not None:
            self._child.stdin.close()
        if self._child.stdout is not None and not self._reader.is_alive():
            self._child.stdout.close()

    def _read(self) -> None:
        assert self._child.stdout is not None
        with self.log.open("ab") as log:
            while chunk := os.read(self._child.stdout.fileno(), 65536):
                log.write(chunk)
                log.flush()
                with self._news:
                    self._text += chunk.decode(errors="replace")
                    self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()
