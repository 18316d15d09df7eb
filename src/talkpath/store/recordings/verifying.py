"""Whether everything is there and as it was written: each file that is missing, cut, altered, nobody's or double.

A manifest is the word of the edge about a file; the file is read whole and held against it. What is being recorded
now is left out; what an edge that died left behind is not.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import msgspec

from talkpath.store import files
from talkpath.store.recordings import metadata
from talkpath.store.recordings.capture import digest_of, measured
from talkpath.store.recordings.layout import Layout
from talkpath.store.recordings.manifest import Manifest, State, encoded, local, read
from talkpath.store.recordings.mending import cut_to_whole, left_behind, made_of, mend, recovered, unfinished

#: What an edge that is at work wrote in the last seconds may not have its manifest yet.
FRESH_S = 10.0


class Fault(StrEnum):
    """What is wrong.

    `MISSING` has a manifest and no file, `ORPHANED` a file and no manifest, and `TORN` is no whole capture besides;
    `TRUNCATED` is shorter than written, `ALTERED` otherwise not what was written; `NO_METADATA` lacks the text of
    rtpengine, `UNREADABLE` is a manifest that is none, or a file that the disk does not give, `UNFINISHED` was left
    behind, `DUPLICATE` has two names, `NEVER_MADE` is an answered call that was to be recorded and has no recording.
    A store lacks what it was given (`STORE_MISSING`), holds other bytes (`STORE_ALTERED`), or could not be read
    (`STORE_UNREAD`); it has stretches of a recording whose node died (`STORE_STRETCHES`), or of one that it has whole
    (`STORE_SWEEP`).
    """

    MISSING = "missing"
    ORPHANED = "orphaned"
    TRUNCATED = "truncated"
    TORN = "torn"
    ALTERED = "altered"
    NO_METADATA = "no-metadata"
    UNREADABLE = "unreadable"
    UNFINISHED = "unfinished"
    DUPLICATE = "duplicate"
    NEVER_MADE = "never-made"
    STORE_MISSING = "store-missing"
    STORE_ALTERED = "store-altered"
    STORE_UNREAD = "store-unread"
    STORE_STRETCHES = "store-stretches"
    STORE_SWEEP = "store-sweep"


class Finding(NamedTuple):
    """One fault of one file, or of an object at a URL. `of` is what it is like, the call, or why."""

    fault: Fault
    name: str
    path: Path | str
    of: str = ""


class Expected(NamedTuple):
    """An answered call that was recorded, as its story says: the name that the recording was given."""

    name: str
    call_id: str


def verify(layout: Layout, expected: Iterable[Expected] = (), *, is_recording: bool = False) -> Iterator[Finding]:
    """Everything that is wrong, as it is found. `is_recording`: an edge is at work on what lies in tmp, but for what
    one that died left there. Raises OSError."""
    under_way, dead = set(unfinished(layout)), left_behind(layout, is_recording=is_recording)
    names: set[str] = set()
    digests = defaultdict[str, list[str]](list)
    for path in sorted(layout.manifests.glob("*.json")):
        name = layout.name_in(path)
        names.add(name)
        try:
            one = read(path)
        except (OSError, ValueError) as error:
            yield Finding(Fault.UNREADABLE, name, path, str(error))
            continue
        yield from _faults_of(layout, one)
        if one.packets and one.sha256 and one.state is not State.REMOVED:
            digests[one.sha256].append(name)
    for name in dead:
        yield Finding(Fault.UNFINISHED, name, layout.notes_of(name))
    for finding in _orphans(layout, names | under_way):
        if not is_recording or not _is_fresh(layout, finding):
            yield finding
    for same in digests.values():
        for name in same[1:]:
            yield Finding(Fault.DUPLICATE, name, layout.pcap_of(name), same[0])
    for call in expected:
        if call.name not in names | under_way:
            yield Finding(Fault.NEVER_MADE, call.name, layout.pcap_of(call.name), call.call_id)


def _faults_of(layout: Layout, one: Manifest) -> Iterator[Finding]:
    path = layout.pcap_of(one.name)
    if one.state is State.FAILED and one.answered is not None:
        yield Finding(Fault.NEVER_MADE, one.name, path, one.trouble)
    if one.state is State.REMOVED or not one.is_local:
        return
    try:
        size = path.stat().st_size
        if size < one.bytes:
            yield Finding(Fault.TRUNCATED, one.name, path, f"{size} < {one.bytes}")
        elif size > one.bytes or digest_of(path) != one.sha256:
            yield Finding(Fault.ALTERED, one.name, path)
    except FileNotFoundError:
        yield Finding(Fault.MISSING, one.name, path)
        return
    except OSError as error:
        yield Finding(Fault.UNREADABLE, one.name, path, error.strerror or str(error))
    if not layout.metadata_of(one.name).exists():
        yield Finding(Fault.NO_METADATA, one.name, layout.metadata_of(one.name))


def _orphans(layout: Layout, names: set[str]) -> Iterator[Finding]:
    for path in sorted(layout.pcaps.iterdir()) if layout.pcaps.exists() else ():
        if layout.name_in(path) not in names:
            yield _orphan(layout.name_in(path), path)
    for path in sorted(layout.metadata.glob("*.txt")):
        name = layout.name_in(path)
        if name not in names and not layout.pcap_of(name).exists():
            yield Finding(Fault.ORPHANED, name, path)


def _orphan(name: str, path: Path) -> Finding:
    try:
        torn = path.is_file() and not measured(path).is_whole
    except OSError as error:
        return Finding(Fault.UNREADABLE, name, path, error.strerror or str(error))
    return Finding(Fault.TORN if torn else Fault.ORPHANED, name, path)


def _is_fresh(layout: Layout, finding: Finding) -> bool:
    """Whether an edge that is at work began it, or finished it, since this was begun."""
    name = finding.name
    known = (layout.draft_of(name), layout.notes_of(name), layout.manifest_of(name))
    try:
        age_s = time.time() - Path(finding.path).stat().st_mtime
    except FileNotFoundError:
        return True
    return age_s < FRESH_S or any(path.exists() for path in known)


def repair(layout: Layout, finding: Finding) -> bool:
    """Mend what can be mended: whether it was. Nothing good is thrown away. Raises OSError."""
    name, pcap = finding.name, layout.pcap_of(finding.name)
    match finding.fault:
        case Fault.UNFINISHED:
            mend(layout, name)
        case Fault.ORPHANED | Fault.TORN if finding.path == pcap and measured(pcap).whole_bytes:
            cut_to_whole(pcap)
            files.replace(layout.manifest_of(name), encoded(recovered(made_of(layout, name), pcap)))
        case Fault.TRUNCATED if measured(pcap).whole_bytes:
            cut_to_whole(pcap)
            before = read(layout.manifest_of(name))
            now = recovered(before, pcap)
            lost = before.packets - now.packets
            now = msgspec.structs.replace(now, dropped=now.dropped + max(0, lost), trouble="the file was cut")
            files.replace(layout.manifest_of(name), encoded(now))
        case Fault.UNREADABLE if finding.path != pcap and pcap.exists() and measured(pcap).is_whole:
            unreadable = Path(finding.path)
            unreadable.rename(unreadable.with_name(unreadable.name + ".unreadable"))
            files.replace(layout.manifest_of(name), encoded(recovered(made_of(layout, name), pcap)))
        case Fault.NO_METADATA:
            one = read(layout.manifest_of(name))
            text = metadata.heading(pcap) + metadata.ending(one)
            files.replace(layout.metadata_of(name), text.encode("utf-8", "surrogateescape"))
        case Fault.MISSING:
            return _found_elsewhere(layout, name, pcap)
        case _:
            return False
    return True


def _found_elsewhere(layout: Layout, name: str, pcap: Path) -> bool:
    """Whether a file that somebody moved within the directory was brought back."""
    one = read(layout.manifest_of(name))
    for path in layout.directory.rglob(pcap.name):
        if path != pcap and path.is_file() and digest_of(path) == one.sha256:
            path.rename(pcap)
            stored = (local(name), *one.in_store)
            files.replace(layout.manifest_of(name), encoded(msgspec.structs.replace(one, stored=stored)))
            return True
    return False
