"""The recordings that are there: found, copied elsewhere, and removed by age or for space.

Each is known by its manifest. One that cannot be read is passed over here; `verifying` tells of it.
"""

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from talkpath.store import files
from talkpath.store.recordings.layout import Layout
from talkpath.store.recordings.manifest import Manifest, State, encoded, read


@dataclass(frozen=True, slots=True)
class Sought:
    """Which recordings somebody asks for: `name` begins the name or is the Call-ID, `number` is part of a number or
    user of a party, times are of the beginning."""

    name: str = ""
    number: str = ""
    gateway: str = ""
    since: float | None = None
    until: float | None = None
    with_removed: bool = False
    limit: int | None = None


def fits(one: Manifest, sought: Sought) -> bool:
    """Whether a recording is among those asked for."""
    return (
        (not sought.name or one.name.startswith(sought.name) or one.call_id == sought.name)
        and (not sought.number or any(sought.number in text for text in one.numbers))
        and (not sought.gateway or sought.gateway in one.gateways)
        and (sought.since is None or one.started >= sought.since)
        and (sought.until is None or one.started < sought.until)
        and (sought.with_removed or one.state is not State.REMOVED)
    )


class Shelf:
    """A directory of recordings."""

    def __init__(self, directory: Path) -> None:
        self.layout = Layout(directory)
        #: manifests that could not be read when last looked
        self.unread = 0

    def all(self) -> Iterator[Manifest]:
        """All, those under way among them, in no order."""
        self.unread = 0
        for path in (*self.layout.manifests.glob("*.json"), *self.layout.tmp.glob("*.json")):
            try:
                yield read(path)
            except FileNotFoundError:
                continue
            except (OSError, ValueError):
                self.unread += 1

    def find(self, sought: Sought) -> list[Manifest]:
        """Those asked for, the latest last; with a limit, the latest of them."""
        found = sorted((one for one in self.all() if fits(one, sought)), key=lambda one: (one.started, one.name))
        return found if sought.limit is None else found[-sought.limit :]

    def files_of(self, one: Manifest) -> list[Path]:
        """What there is of it: packets, metadata, manifest."""
        layout, name = self.layout, one.name
        paths = (layout.pcap_of(name), layout.metadata_of(name), layout.manifest_of(name))
        return [path for path in paths if path.exists()]

    def export(self, some: Iterable[Manifest], target: Path) -> Iterator[Path]:
        """Copy recordings into the same folders below another directory; what is there already is left alone. Raises
        OSError."""
        there = Layout(target)
        there.make()
        for one in some:
            for path in self.files_of(one):
                copy = target / path.relative_to(self.layout.directory)
                if not copy.exists():
                    fresh = copy.with_name(copy.name + ".new")
                    shutil.copy2(path, fresh)
                    files.sync(fresh)
                    fresh.rename(copy)
                    yield copy

    def remove(self, one: Manifest, now: float) -> int:
        """Remove the packets and the metadata here; the manifest stays and says so, and where a store has them. Gives
        the bytes. Raises OSError."""
        layout = self.layout
        removed = msgspec.structs.replace(one, state=State.REMOVED, removed=now, stored=one.in_store)
        # The word goes first: a crash in between leaves files too many, and none that is missed.
        files.replace(layout.manifest_of(one.name), encoded(removed))
        freed = 0
        for path in (layout.pcap_of(one.name), layout.metadata_of(one.name)):
            if path.exists():
                freed += path.stat().st_size
                path.unlink()
        return freed

    def forget(self, one: Manifest) -> None:
        """Remove the last words of one that was removed. Raises OSError."""
        layout, name = self.layout, one.name
        for path in (layout.manifest_of(name), layout.notice_of(name), layout.told_notice_of(name)):
            path.unlink(missing_ok=True)


def outdated(
    some: Iterable[Manifest], now: float, days: float | None, most_bytes: int | None, *, with_removed: bool = False
) -> list[Manifest]:
    """Which to remove, the oldest first: those older than so many days, and as many more as are beyond the space.
    `with_removed`: those too that are gone here and that a store has."""
    finished = (one for one in some if one.state in _FINISHED or (with_removed and one.in_store))
    kept = sorted(finished, key=lambda one: (one.started, one.name))
    gone = [one for one in kept if days is not None and one.started < now - days * 86_400]
    if most_bytes is not None:
        left = kept[len(gone) :]
        size = sum(one.bytes for one in left)
        while left and size > most_bytes:
            size -= left[0].bytes
            gone.append(left.pop(0))
    return gone


_FINISHED = frozenset((State.COMPLETE, State.RECOVERED, State.FAILED))
