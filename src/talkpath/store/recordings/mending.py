"""What an edge that died left behind: each recording that was not finished is closed to valid files.

Only who holds the directory alone (`Held`) may do this: files that are being written look the same.
"""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import msgspec

from talkpath.store import files
from talkpath.store.recordings import metadata
from talkpath.store.recordings.capture import digest_of, measured
from talkpath.store.recordings.layout import Layout
from talkpath.store.recordings.manifest import Manifest, State, Stored, encoded, read

_LOCK = ".lock"


class Held:
    """A directory of recordings, while this lives: shared by those who record there, or had alone by who mends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def alone(cls, directory: Path) -> "Held | None":
        """None while anybody else is there. Raises OSError."""
        return cls._take(directory, fcntl.LOCK_EX)

    @classmethod
    def shared(cls, directory: Path) -> "Held | None":
        """None while somebody has it alone. Raises OSError."""
        return cls._take(directory, fcntl.LOCK_SH)

    @classmethod
    def _take(cls, directory: Path, how: int) -> "Held | None":
        descriptor = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return cls(descriptor)

    def share(self) -> None:
        """Let others record there, too. Raises OSError."""
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def release(self) -> None:
        """Leave it to others; the end of the process does the same."""
        os.close(self._descriptor)


class Mended(NamedTuple):
    """A recording that was closed: whole packets that it has, and bytes of one that was cut off."""

    name: str
    packets: int
    cut_bytes: int


def unfinished(layout: Layout) -> list[str]:
    """The names of recordings that nobody finished, while nobody records."""
    drafts = {layout.name_in(path) for path in layout.tmp.glob("*.json")}
    notes = {layout.name_in(path) for path in layout.tmp.glob("rtpengine-meta-*.tmp")}
    return sorted(drafts | notes)


def mend_all(layout: Layout) -> Iterator[Mended]:
    """Close what was left behind. What cannot be closed now stays for the next time. Raises OSError."""
    for name in unfinished(layout):
        yield mend(layout, name)
    for path in layout.tmp.glob("*.new"):
        path.unlink()


def mend(layout: Layout, name: str) -> Mended:
    """Close one recording. Raises OSError."""
    pcap, manifest = layout.pcap_of(name), layout.manifest_of(name)
    facts = _draft(layout, name)
    cut = 0
    if pcap.exists():
        cut = cut_to_whole(pcap)
        facts = recovered(facts, pcap)
    else:
        facts = msgspec.structs.replace(facts, state=State.FAILED, trouble="the file was never made", stored=())
    notes = layout.notes_of(name)
    if notes.exists():
        ended = facts.started if facts.ended is None else facts.ended
        files.append(notes, metadata.ending(facts.started, ended, f"talkpath={name}").encode())
        files.sync(notes)
        notes.rename(layout.metadata_of(name))
        files.sync(layout.metadata)
    if not manifest.exists():
        files.replace(manifest, encoded(facts))
    layout.draft_of(name).unlink(missing_ok=True)
    return Mended(name, facts.packets, cut)


def cut_to_whole(pcap: Path) -> int:
    """Cut a pcap back to its last whole packet; how many bytes that took. What has no head stays as it is."""
    found = measured(pcap)
    if not found.whole_bytes or found.is_whole:
        return 0
    with pcap.open("r+b") as file:
        file.truncate(found.whole_bytes)
        os.fsync(file.fileno())
    return found.file_bytes - found.whole_bytes


def recovered(facts: Manifest, pcap: Path) -> Manifest:
    """The manifest of what is in the file."""
    found = measured(pcap)
    ended = max(facts.started, found.last or 0.0)
    return msgspec.structs.replace(
        facts,
        state=State.RECOVERED if found.whole_bytes else State.FAILED,
        ended=ended if facts.ended is None else facts.ended,
        end=facts.end or "edge-died",
        packets=found.packets,
        bytes=found.file_bytes,
        sha256=digest_of(pcap),
    )


def _draft(layout: Layout, name: str) -> Manifest:
    """What was known of it; little, where not even the draft was written."""
    try:
        return read(layout.draft_of(name))
    except (OSError, ValueError, msgspec.MsgspecError):
        return made_of(layout, name)


def made_of(layout: Layout, name: str) -> Manifest:
    """A manifest for files of which nothing else is known than their name."""
    pcap = layout.pcap_of(name)
    try:
        started = measured(pcap).first
    except OSError:
        started = None
    if started is None:
        started = pcap.stat().st_mtime if pcap.exists() else 0.0
    return Manifest(
        name=name,
        state=State.RECOVERED,
        call_id=unquote(name.rpartition("-")[0], errors="replace"),
        link_type="ethernet" if _link_of(pcap) == 1 else "raw",
        started=started,
        started_by="unknown",
        stored=(Stored(where="local", path=str(Path("pcaps") / pcap.name)),),
    )


def _link_of(pcap: Path) -> int:
    try:
        with pcap.open("rb") as file:
            return int.from_bytes(file.read(24)[20:24], "little")
    except OSError:
        return 0
