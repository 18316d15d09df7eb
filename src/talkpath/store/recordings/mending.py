"""What an edge that died left behind: each recording that was not finished is closed to valid files.

Files that are being written look the same: they are told apart by the edge that records them (`atwork`), and where
nothing names it, only who holds the directory alone may do this.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import msgspec

from talkpath.store import files
from talkpath.store.recordings import metadata
from talkpath.store.recordings.atwork import edges_at_work
from talkpath.store.recordings.capture import digest_of, measured
from talkpath.store.recordings.layout import Layout
from talkpath.store.recordings.manifest import Manifest, State, encoded, known, local

_OUR_NAME = re.compile(r"-[0-9a-f]{16}$")


class Mended(NamedTuple):
    """A recording that was closed: whole packets that it has, and bytes of one that was cut off. `why` is what keeps
    it from being closed, in words of the system."""

    name: str
    packets: int
    cut_bytes: int
    why: str = ""


def unfinished(layout: Layout) -> list[str]:
    """The names of recordings that nobody has finished."""
    drafts = {layout.name_in(path) for path in layout.tmp.glob("*.json")}
    notes = {layout.name_in(path) for path in layout.tmp.glob("rtpengine-meta-*.tmp")}
    return sorted(drafts | notes)


def left_behind(layout: Layout, *, is_recording: bool) -> list[str]:
    """Those of them whose edge died. `is_recording`: some edge is at work, to which those belong that name none.
    Raises OSError."""
    alive = set(edges_at_work(layout.directory))
    found = []
    for name in unfinished(layout):
        edge = _draft(layout, name).edge
        if edge not in alive if edge else not is_recording:
            found.append(name)
    return found


def _wordless(layout: Layout) -> list[str]:
    """Those of which there is a file and no word at all: of an edge that died before the first one was written. What
    is not called as we call our files is of somebody else."""
    known = {layout.name_in(path) for folder in (layout.manifests, layout.metadata) for path in folder.iterdir()}
    known.update(unfinished(layout))
    names = {layout.name_in(path) for path in layout.pcaps.glob("*.pcap")}
    return sorted(name for name in names - known if _OUR_NAME.search(name))


def left_over(layout: Layout, *, is_recording: bool) -> list[str]:
    """All that is to be closed, as far as it is surely of an edge that died. Raises OSError."""
    left = left_behind(layout, is_recording=is_recording)
    return left if is_recording else [*left, *_wordless(layout)]


def sweep(layout: Layout) -> None:
    """Remove what was half written. For who has the directory alone. Raises OSError."""
    for path in layout.tmp.glob("*.new"):
        path.unlink()


def mend_all(layout: Layout, *, is_recording: bool = False) -> Iterator[Mended]:
    """Close what was left behind. Raises OSError where the directory itself cannot be read."""
    for name in left_over(layout, is_recording=is_recording):
        yield tried(layout, name)
    if not is_recording:
        sweep(layout)


def tried(layout: Layout, name: str) -> Mended:
    """Close one, or say why not: it stays for the next time, and keeps no other waiting."""
    try:
        return mend(layout, name)
    except OSError as error:
        return Mended(name, 0, 0, error.strerror or str(error))


def mend(layout: Layout, name: str) -> Mended:
    """Close one recording. Raises OSError."""
    pcap, manifest = layout.pcap_of(name), layout.manifest_of(name)
    facts = _draft(layout, name)
    cut = 0
    if pcap.exists():
        cut = cut_to_whole(pcap)
        files.sync(layout.pcaps)
        facts = recovered(facts, pcap)
    else:
        facts = msgspec.structs.replace(facts, state=State.FAILED, trouble="the file was never made", stored=())
    notes = layout.notes_of(name)
    if not notes.exists() and not layout.metadata_of(name).exists():
        files.append(notes, metadata.heading(pcap).encode("utf-8", "surrogateescape"))
    if notes.exists():
        files.append(notes, metadata.ending(facts).encode())
        files.sync(notes)
        notes.rename(layout.metadata_of(name))
        files.sync(layout.metadata)
    if not manifest.exists():
        files.replace(manifest, encoded(facts))
    layout.draft_of(name).unlink(missing_ok=True)
    return Mended(name, facts.packets, cut)


def cut_to_whole(pcap: Path) -> int:
    """Cut a pcap back to its last whole packet; how many bytes that took. What has no head stays as it is. The disk
    is made to keep it, for a manifest is to speak for it, and the last turn of an edge that died was not synced."""
    found = measured(pcap)
    if not found.whole_bytes:
        return 0
    if not found.is_whole:
        os.truncate(pcap, found.whole_bytes)
    files.sync(pcap)
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
    return known(layout.draft_of(name)) or made_of(layout, name)


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
        stored=(local(name),),
    )


def _link_of(pcap: Path) -> int:
    try:
        with pcap.open("rb") as file:
            return int.from_bytes(file.read(24)[20:24], "little")
    except OSError:
        return 0
