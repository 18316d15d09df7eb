"""What a process leaves to the one that takes its place (`talkpath upgrade`): its listening sockets, and the calls
that run with all that is known of them.

It lies in memory that goes with the process (memfd_create(2)), and nowhere else: it holds the keys of calls.
"""

import os
import sys
from collections.abc import MutableMapping

import msgspec

_VARIABLE = "TALKPATH_LEGACY"


class Legacy(msgspec.Struct, frozen=True):
    """`sockets` are descriptors, `calls` as `CallCodec` writes them, `left_at` is in seconds since the epoch. With
    the key of nonces and the certificate for DTLS, phones and pages meet who they met before."""

    sockets: tuple[int, ...] = ()
    calls: tuple[bytes, ...] = ()
    nonce_key: bytes = b""
    certificate: bytes = b""
    certificate_key: bytes = b""
    left_at: float = 0.0


def begin_anew(legacy: Legacy) -> None:
    """Become the program as it is installed now, in this very process, with its arguments. Does not return. Raises
    OSError."""
    memory = os.memfd_create("talkpath-legacy", 0)
    with os.fdopen(memory, "wb", closefd=False) as file:
        file.write(msgspec.msgpack.encode(legacy))
    for number in legacy.sockets:
        os.set_inheritable(number, True)
    os.environ[_VARIABLE] = str(memory)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def inherited(environ: MutableMapping[str, str] = os.environ) -> Legacy:
    """What was left to this process; nothing where it began by itself."""
    memory = environ.pop(_VARIABLE, "")
    if not memory.isdigit():
        return Legacy()
    try:
        with os.fdopen(int(memory), "rb") as file:
            file.seek(0)
            return msgspec.msgpack.decode(file.read(), type=Legacy)
    except (OSError, msgspec.MsgspecError):
        return Legacy()
