"""What `talkpath doctor` sees of this host: its clock, its limits, its kernel, and the state directory."""

import ctypes
import os
import pwd
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from talkpath import _native
from talkpath.app.check.remarks import calls_within, too_few_descriptors
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Trouble, phrase
from talkpath.app.doctor import words as texts
from talkpath.app.doctor.look import Health, Look, problems
from talkpath.app.state.directory import make_state_directory
from talkpath.app.state.private import close_to_others
from talkpath.app.status.rows import Status
from talkpath.net.descriptors import Descriptors

# `struct timex` of adjtimex(2) on 64 bits: modes, offset, freq, maxerror, esterror, status; it has 208 bytes.
_TIMEX = struct.Struct("@I4xqqqqi")
_TIMEX_BYTES = 208
_UNSYNCHRONISED = 0x40


class Clock(NamedTuple):
    """What the kernel says of its clock: whether a time server sets it, and by how much it may be wrong."""

    is_synchronised: bool
    most_error_s: float


def clock() -> Look:
    """Whether it is right."""
    try:
        said = read_clock()
    except OSError as error:
        return Look(texts.CLOCK, Health.NOTE, phrase(texts.CLOCK_UNREAD, reason=error.strerror))
    return clock_look(said)


def clock_look(said: Clock) -> Look:
    """What the kernel's words mean."""
    if not said.is_synchronised:
        return Look(texts.CLOCK, Health.PROBLEM, phrase(texts.CLOCK_LEFT))
    return Look(texts.CLOCK, Health.GOOD, phrase(texts.CLOCK_RIGHT, error_ms=said.most_error_s * 1000))


def read_clock() -> Clock:
    """adjtimex(2) without changing anything. Raises OSError."""
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)
    if ctypes.CDLL(None, use_errno=True).adjtimex(timex) < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    _, _, _, most_error_us, _, state = _TIMEX.unpack_from(timex)
    return Clock(not state & _UNSYNCHRONISED, most_error_us / 1e6)


def descriptors(config: Config, status: Status | None) -> Iterator[Look]:
    """Whether enough files may be open; of the edge that runs, for who asks may have another limit."""
    known = Descriptors.of_process() if status is None else Descriptors.within(status.files_max)
    few = list(too_few_descriptors(config, known))
    yield from problems(texts.FILES, few)
    if not few:
        enough = phrase(texts.FILES_ENOUGH, limit=known.limit, calls=calls_within(known))
        yield Look(texts.FILES, Health.GOOD, enough)


def kernel(config: Config, status: Status | None) -> Look:
    """Whether media passes in the kernel. Where no edge runs its program is loaded once, by whoever asks."""
    release = os.uname().release
    if config.media.kernel == "off":
        return Look(texts.KERNEL, Health.GOOD, phrase(texts.KERNEL_OFF, release=release))
    why_not = (_native.Relay(kernel=True).kernel or "") if status is None else status.media_by_sockets
    if why_not:
        return Look(texts.KERNEL, Health.NOTE, phrase(texts.KERNEL_SOCKETS, release=release, reason=why_not))
    return Look(texts.KERNEL, Health.GOOD, phrase(texts.KERNEL_PASSES, release=release))


def directory(state: Path) -> Iterator[Look]:
    """Whether the state directory can be written, and by its owner alone; what is open is closed, as `check` does."""
    if not state.exists():
        yield Look(texts.DIRECTORY, Health.GOOD, phrase(texts.DIRECTORY_TO_COME, path=state))
        return
    owner = state.stat().st_uid
    if os.geteuid() not in (owner, 0):
        values = {"owner": _name(owner), "user": _name(os.geteuid())}
        yield Look(texts.DIRECTORY, Health.PROBLEM, phrase(texts.DIRECTORY_OF_OTHERS, path=state, **values))
        return
    try:
        make_state_directory(state)
    except Trouble as trouble:
        yield Look(texts.DIRECTORY, Health.PROBLEM, trouble.what)
        return
    closed = close_to_others(state)
    health = Health.NOTE if closed.is_whole else Health.PROBLEM
    yield from (Look(texts.DIRECTORY, health, one) for one in closed.said)
    if not closed.said:
        yield Look(texts.DIRECTORY, Health.GOOD, phrase(texts.DIRECTORY_GOOD, path=state))


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)
