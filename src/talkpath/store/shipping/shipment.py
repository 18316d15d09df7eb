"""One recording goes to the store: its packets, its metadata, and last its manifest, which says where they are.

It can be broken off anywhere and begun again: what is in the store already is known by what it holds, and nothing
that is there is written over. Only what was read back whole and has the right SHA-256 counts as stored, and only then
may the local copy go.

    pcaps/<name>.pcap, metadata/rtpengine-meta-<name>.txt, manifests/<name>.json     each with .age when sealed

A file that stands under such a name and is not ours to write over leaves `<name>~2.pcap` to us, and so on.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import msgspec

from talkpath.base import limits
from talkpath.base.errors import Unavailable
from talkpath.store import files, locks
from talkpath.store.recordings.capture import digest_of
from talkpath.store.recordings.layout import Layout
from talkpath.store.recordings.manifest import LOCAL, STORE, Manifest, State, Stored, encoded, read
from talkpath.store.shipping.objects import BrokenOff, Failing, Objects, StoreFailed, digest_in, put_and_check
from talkpath.store.shipping.sealing import SUFFIX, Sealer, chunks_of
from talkpath.store.shipping.stretches import sweep

# Names that others have taken, before it is given up for this time.
_NAMES = 9


class FileFailed(Unavailable):
    """The recording on the disk is not what its manifest says, or cannot be read. It is left alone."""


class Shipped(NamedTuple):
    """The manifest as it is now; `bytes` went to the store in this try, `was_there` that some had gone in another."""

    manifest: Manifest
    bytes: int
    was_there: bool
    freed: bool


@dataclass(frozen=True, slots=True)
class _Source:
    """What is to be stored: a file, its size and its digest."""

    path: Path
    place: PurePosixPath
    size: int
    digest: str


def is_to_be_shipped(one: Manifest) -> bool:
    """Whether there are packets that no store has yet."""
    return one.is_saved and not one.in_store


@dataclass(slots=True)
class Shipment:
    """Brings recordings of a directory to a store. `is_ending` says that we stop."""

    layout: Layout
    objects: Objects
    url: str
    keep_local: bool
    sealer: Sealer | None = None
    #: running recordings are copied there in stretches, which the whole takes the place of
    has_stretches: bool = False
    is_ending: Callable[[], bool] = lambda: False

    def ship(self, name: str) -> Shipped | None:
        """Bring one there; None where nothing is to be done.

        Raises `StoreFailed`, `FileFailed`, `BrokenOff` and OSError.
        """
        lock = self.layout.tmp / f"{name}.shipping"
        self.layout.tmp.mkdir(mode=0o750, parents=True, exist_ok=True)
        held = locks.take(lock)
        if held is None:
            # Another edge that shares the directory is at it; where it dies, this is found again.
            return None
        try:
            return self._ship(name)
        finally:
            lock.unlink(missing_ok=True)
            os.close(held)

    def _ship(self, name: str) -> Shipped | None:
        one = self._read(name)
        if one is None or not self.concerns(one):
            return None
        if not is_to_be_shipped(one):
            return self._finish(one, 0, was_there=True)
        sources = list(self._sources(one))
        sent, was_there, stored = 0, False, []
        for source in sources:
            place, is_new = self._store(source)
            sent, was_there = sent + is_new * source.size, was_there or not is_new
            stored.append(Stored(where=STORE, url=self.url, path=place, bytes=source.size, sha256=source.digest))
        kept = tuple(at for at in one.stored if at.where != LOCAL or self.keep_local)
        there = msgspec.structs.replace(one, stored=(*kept, *stored))
        self._store_manifest(there)
        if self.has_stretches:
            sweep(self.objects, name)
        return self._finish(self._commit(there), sent, was_there=was_there)

    def concerns(self, one: Manifest) -> bool:
        """Whether something is to be done with it."""
        return is_to_be_shipped(one) or self._is_left_over(one)

    def _read(self, name: str) -> Manifest | None:
        try:
            return read(self.layout.manifest_of(name))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise FileFailed("not-a-manifest", str(error), name) from error

    def _is_left_over(self, one: Manifest) -> bool:
        """A crash came between the word that it is not here any more and its removal."""
        return bool(one.in_store) and not one.is_local and self.layout.pcap_of(one.name).exists()

    # --- what goes

    def _sources(self, one: Manifest) -> Iterator[_Source]:
        pcap, notes = self.layout.pcap_of(one.name), self.layout.metadata_of(one.name)
        if not pcap.exists() or pcap.stat().st_size != one.bytes or digest_of(pcap) != one.sha256:
            raise FileFailed(
                "not-as-recorded", "the file is not what was recorded; see `recordings verify`", one.name
            )
        for path, folder in ((pcap, "pcaps"), (notes, "metadata")):
            if path.exists():
                yield self._sealed(path, PurePosixPath(folder))

    def _sealed(self, path: Path, folder: PurePosixPath) -> _Source:
        """The file, or a sealed copy, which stays until all is done: sealed again it would be another."""
        if self.sealer is not None:
            sealed = self._sealed_path(path)
            if not sealed.exists():
                with path.open("rb") as file:
                    self.sealer.seal(file, sealed)
            path = sealed
        return _Source(path, folder / path.name, path.stat().st_size, digest_of(path))

    def _sealed_path(self, path: Path) -> Path:
        return self.layout.tmp / (path.name + SUFFIX)

    # --- how it goes

    def _store(self, source: _Source) -> tuple[str, bool]:
        """Have it in the store: under which name, and whether it went there now."""
        for number in range(1, _NAMES + 1):
            place = str(_numbered(source.place, number))
            size = self.objects.size(place)
            if size is None:
                self._put(source, place)
                return place, True
            if size == source.size and self._held(place) == source.digest:
                return place, False
        raise StoreFailed(Failing.ALTERED, "all names for it are taken by other files", str(source.place))

    def _put(self, source: _Source, place: str) -> None:
        with source.path.open("rb") as file:
            chunks = chunks_of(file, limits.STORE_CHUNK_BYTES)
            put_and_check(self.objects, place, chunks, source.digest, self._watched)

    def _held(self, place: str) -> str:
        return digest_in(self._watched(self.objects.read(place)))

    def _watched(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            if self.is_ending():
                raise BrokenOff
            yield chunk

    def _store_manifest(self, there: Manifest) -> None:
        """The same manifest for people who find the store and not us."""
        path, text = self.layout.tmp / f"{there.name}.stored", encoded(there)
        if not path.exists() or path.read_bytes() != text:
            self._sealed_path(path).unlink(missing_ok=True)
            files.replace(path, text)
        found = self._sealed(path, PurePosixPath("manifests"))
        place = found.place.with_name(found.place.name.replace(".stored", ".json"))
        self._store(_Source(found.path, place, found.size, found.digest))

    # --- when all of it is there

    def _commit(self, there: Manifest) -> Manifest:
        """Say it in the manifest, unless the recording was removed in the meantime."""
        now = self._read(there.name)
        if now is not None and now.state is State.REMOVED:
            return now
        files.replace(self.layout.manifest_of(there.name), encoded(there))
        return there

    def _finish(self, there: Manifest, sent: int, *, was_there: bool) -> Shipped:
        freed = not there.is_local
        pcap, notes = self.layout.pcap_of(there.name), self.layout.metadata_of(there.name)
        if freed:
            pcap.unlink(missing_ok=True)
        work = self.layout.tmp / f"{there.name}.stored"
        for path in (work, *map(self._sealed_path, (pcap, notes, work))):
            path.unlink(missing_ok=True)
        return Shipped(there, sent, was_there, freed)


def manifests_of(one: Manifest) -> Iterator[str]:
    """Where a store may have its manifest: it bears the number that the packets bear."""
    for at in one.in_store:
        path = PurePosixPath(at.path)
        if path.parts[0] == "pcaps":
            name = path.name.removesuffix(SUFFIX)
            suffix = SUFFIX if path.name.endswith(SUFFIX) else ""
            yield f"manifests/{name.removesuffix('.pcap')}.json{suffix}"


def _numbered(place: PurePosixPath, number: int) -> PurePosixPath:
    if number == 1:
        return place
    stem, dot, rest = place.name.rpartition(".")
    return place.with_name(f"{stem}~{number}{dot}{rest}")
