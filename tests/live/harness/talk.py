"""Two phones, whatever they are: call, listen, compare."""

from pathlib import Path
from typing import Protocol

from harness.edge import Identity
from harness.process import Stoppable
from harness.sound import Samples, assert_alike, read


class Listener(Stoppable):
    """Who keeps what it hears, and says how much that is."""

    def sound_s(self) -> float:
        """How many seconds of sound it has heard so far."""
        raise NotImplementedError

    def wait_sound(self, until_s: float, timeout_s: float = 20.0) -> None:
        """Wait until it has heard that many."""
        raise NotImplementedError

    def wait_heard(self, seconds: float, timeout_s: float = 20.0) -> None:
        """Wait until it has heard that many more."""
        self.wait_sound(self.sound_s() + seconds, timeout_s)


class Phone(Protocol):
    """What baresip and linphonec have in common."""

    identity: Identity
    voice: Path

    def dial(self, target: str) -> None: ...
    def accept(self) -> None: ...
    def established(self) -> None: ...
    def closed(self, timeout_s: float = 20.0) -> object: ...
    def hang_up(self) -> None: ...
    def heard(self) -> Samples: ...
    def sound_s(self) -> float: ...
    def wait_sound(self, until_s: float, timeout_s: float = 20.0) -> None: ...


def begin(caller: Phone, callee: Phone) -> None:
    """A call that both say is up."""
    caller.dial(callee.identity.user)
    callee.accept()
    caller.established()
    callee.established()


def listen(first: Phone, second: Phone, seconds: float = 5.0) -> None:
    """Both hear that much more: enough for what a jitter buffer does in its first second not to weigh."""
    both = [(phone, phone.sound_s() + seconds) for phone in (first, second)]
    for phone, until_s in both:
        phone.wait_sound(until_s)


def end(first: Phone, second: Phone) -> None:
    """The first hangs up, the second notices."""
    first.hang_up()
    second.closed()


def assert_hears(listener: Phone, speaker: Phone) -> None:
    """What the listener recorded is the speaker's voice."""
    assert_alike(read(speaker.voice), listener.heard())


def assert_both_hear(first: Phone, second: Phone) -> None:
    assert_hears(first, second)
    assert_hears(second, first)
