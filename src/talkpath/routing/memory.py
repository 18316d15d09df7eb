"""What a script remembers of a call, as data: another node that goes on with the call asks its hooks there.

Of the variables those go that come out as they went in: numbers, texts, bytes, lists and dictionaries of them. Others
(an open connection, an object of the script) are of their process, and are left out one by one.
"""

from typing import Any

import msgspec

from talkpath.base import limits


class Memory(msgspec.Struct, frozen=True, omit_defaults=True):
    """The user that the caller has proven to be; the gateway that brought the call, and its group; `Call.vars`."""

    user: str = ""
    gateway: str = ""
    group: str = ""
    vars: dict[str, Any] = {}


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Memory)


def written(memory: Memory) -> bytes:
    """Its bytes; b"" for nothing, and for names that are no UTF-8."""
    kept: dict[str, Any] = {}
    room = limits.SCRIPT_MEMORY_BYTES
    for name, value in memory.vars.items():
        size = _size_of(name, value)
        if size <= room:
            room -= size
            kept[name] = value
    # msgspec keeps subclasses of str out.
    said = Memory(str(memory.user), str(memory.gateway), str(memory.group), kept)
    if said == Memory():
        return b""
    try:
        return _encoder.encode(said)
    except UnicodeEncodeError:
        return b""


def _size_of(name: str, value: object) -> int:
    """The bytes of a variable; more than there may be for one that would not come back as it is."""
    try:
        data = _encoder.encode((name, value))
        is_same = msgspec.msgpack.decode(data) == [name, value]
    except (TypeError, ValueError, OverflowError, RecursionError, NotImplementedError):
        is_same = False
    return len(data) if is_same else limits.SCRIPT_MEMORY_BYTES + 1


def read(data: bytes) -> Memory | None:
    """What they say; None for what cannot be read."""
    try:
        return _decoder.decode(data)
    except msgspec.MsgspecError:
        return None
