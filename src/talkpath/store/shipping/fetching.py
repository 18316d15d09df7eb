"""A recording comes back from the store: read, opened where it is sealed, and compared with what was recorded."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from talkpath.store import files
from talkpath.store.recordings.capture import digest_of
from talkpath.store.recordings.layout import Layout
from talkpath.store.recordings.manifest import Manifest, Stored, manifest_in
from talkpath.store.shipping.objects import Failing, Objects, StoreFailed
from talkpath.store.shipping.sealing import SUFFIX, unseal, unsealed

#: The identities that open sealed files, asked for when there is one.
Keys = Callable[[], list[Any]]


def fetch(one: Manifest, objects: Objects, target: Layout, keys: Keys) -> Iterator[Path]:
    """Bring its files into a directory of the same layout, the packets first; what is there already is left alone.

    Raises `StoreFailed`, also where the store holds other bytes than it was given, and OSError. Half a file is never
    there under its name.
    """
    target.make()
    for at in one.in_store:
        name = Path(at.path).name.removesuffix(SUFFIX)
        path = target.pcap_of(one.name) if at.path.startswith("pcaps/") else target.metadata / name
        if not path.exists():
            _bring(at, objects, path, keys)
            if at.path.startswith("pcaps/") and digest_of(path) != one.sha256:
                path.unlink()
                raise StoreFailed(Failing.ALTERED, "it is not what was recorded", at.path)
            yield path


def stored_manifest(objects: Objects, name: str, keys: Keys) -> Manifest | None:
    """What a store says of a recording; None where it has no manifest of that name. Raises `StoreFailed`, OSError."""
    for suffix in ("", SUFFIX):
        place = f"manifests/{name}.json{suffix}"
        if objects.size(place) is not None:
            data = b"".join(objects.read(place))
            try:
                return manifest_in(unsealed(data, keys()) if suffix else data)
            except ValueError as error:
                raise StoreFailed(Failing.ALTERED, str(error), place) from error
    return None


def _bring(at: Stored, objects: Objects, path: Path, keys: Keys) -> None:
    fresh = path.with_name(path.name + ".fetched")
    try:
        with fresh.open("wb") as file:
            for chunk in objects.read(at.path):
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        if digest_of(fresh) != at.sha256:
            raise StoreFailed(Failing.ALTERED, "the store holds other bytes than it was given", at.path)
        if at.path.endswith(SUFFIX):
            opened = path.with_name(path.name + ".opened")
            try:
                unseal(fresh, opened, keys())
                files.sync(opened)
                opened.rename(path)
            finally:
                opened.unlink(missing_ok=True)
        else:
            fresh.rename(path)
        files.sync(path.parent)
    finally:
        fresh.unlink(missing_ok=True)
