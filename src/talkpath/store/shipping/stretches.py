"""A recording that is still running goes to the store in stretches, so that it outlives the node that makes it.

A stretch is one object, `live/<name>/<number>-<end>-<notes>.part`, with .age when sealed: a line of JSON (`Head`),
the packets from where the one before ended up to `end`, and the text of rtpengine up to `notes`, each counted in
bytes of its file. Its name says all that must be known to go on where another edge stopped, also where it is sealed.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from talkpath.base.errors import Malformed
from talkpath.store.recordings.manifest import Manifest
from talkpath.store.shipping.objects import Listed, Objects
from talkpath.store.shipping.sealing import SUFFIX

SCHEMA = "talkpath-stretch/1"
FOLDER = "live"

_NAME = re.compile(r"live/(?P<name>[^/]+)/(?P<number>\d{6})-(?P<end>\d{12})-(?P<notes>\d{9})\.part(\.age)?")


@dataclass(frozen=True, slots=True, order=True)
class Stretch:
    """Which one it is: ends of its packets and of its text in their files."""

    name: str
    number: int
    end: int
    notes: int
    is_sealed: bool = False

    @property
    def path(self) -> str:
        """The object that holds it."""
        sealed = SUFFIX if self.is_sealed else ""
        return f"{FOLDER}/{self.name}/{self.number:06d}-{self.end:012d}-{self.notes:09d}.part{sealed}"

    @classmethod
    def at(cls, path: str) -> "Stretch | None":
        """The stretch that an object holds; None for what is none."""
        found = _NAME.fullmatch(path)
        if found is None:
            return None
        number, end, notes = (int(found[key]) for key in ("number", "end", "notes"))
        return cls(found["name"], number, end, notes, path.endswith(SUFFIX))


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What stands before the bytes: where they belong, their SHA-256, and the draft of the manifest at that time."""

    schema: str = SCHEMA
    start: int
    end: int
    notes_start: int
    notes_end: int
    sha256: str
    draft: Manifest | None = None


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch that was read and is what was written."""

    head: Head
    packets: bytes
    notes: bytes


def closed(start: int, packets: bytes, notes_start: int, notes: bytes, draft: Manifest | None) -> bytes:
    """The bytes of a stretch."""
    head = Head(
        start=start,
        end=start + len(packets),
        notes_start=notes_start,
        notes_end=notes_start + len(notes),
        sha256=sha256(packets + notes).hexdigest(),
        draft=draft,
    )
    return b"\n".join((msgspec.json.encode(head), packets + notes))


def opened(data: bytes) -> Opened:
    """What a stretch holds. Raises `Malformed` for what is none, or was altered."""
    line, _, rest = data.partition(b"\n")
    try:
        head = msgspec.json.decode(line, type=Head)
    except (msgspec.MsgspecError, ValueError) as error:
        raise Malformed("not-a-stretch", str(error)) from error
    length = head.end - head.start
    if head.schema != SCHEMA or len(rest) != length + head.notes_end - head.notes_start or length < 0:
        raise Malformed("not-a-stretch", "it has another length than it says")
    if sha256(rest).hexdigest() != head.sha256:
        raise Malformed("not-a-stretch", "it has other bytes than it says")
    return Opened(head=head, packets=rest[:length], notes=rest[length:])


def stretches(objects: Objects, name: str = "") -> dict[str, list[Stretch]]:
    """The stretches that a store holds, of one recording or of all. Raises `StoreFailed`."""
    return in_order(one.path for one in listed(objects, name))


def sweep(objects: Objects, name: str) -> int:
    """Remove the stretches of a recording; how many there were. Raises `StoreFailed`."""
    swept = 0
    for one in list(listed(objects, name)):
        objects.delete(one.path)
        swept += 1
    return swept


def listed(objects: Objects, name: str = "") -> Iterator[Listed]:
    """The objects of stretches, of one recording or of all. Raises `StoreFailed`."""
    return objects.list(f"{FOLDER}/{name}" if name else FOLDER)


def in_order(paths: Iterable[str]) -> dict[str, list[Stretch]]:
    """The stretches among objects, by recording, in their order; of two with one number the longer one."""
    found: dict[str, dict[int, Stretch]] = {}
    for one in sorted(filter(None, map(Stretch.at, paths))):
        found.setdefault(one.name, {})[one.number] = one
    return {name: [by_number[number] for number in sorted(by_number)] for name, by_number in found.items()}
