"""Stretches of a recording whose node never came back are put together to the file that it would have left.

It is closed as any recording is that an edge left behind when it died. What is in the store stays there until the
whole is stored.
"""

import os
from collections.abc import Iterable, Iterator
from typing import IO

import msgspec

from talkpath.base.errors import Malformed
from talkpath.store import files
from talkpath.store.recordings import metadata
from talkpath.store.recordings.layout import Layout
from talkpath.store.recordings.manifest import Manifest, State, encoded, known, local
from talkpath.store.recordings.mending import cut_to_whole, made_of, recovered, unfinished
from talkpath.store.recordings.verifying import Fault, Finding
from talkpath.store.shipping.copying import SIGN_S
from talkpath.store.shipping.fetching import Keys
from talkpath.store.shipping.objects import Failing, Objects, StoreFailed
from talkpath.store.shipping.sealing import unsealed
from talkpath.store.shipping.stretches import FOLDER, Opened, Stretch, listed, opened, stretches, sweep

#: A recording of which no stretch came for so long is made no more. Clocks of stores and edges differ a little.
DEAD_S = 5 * SIGN_S


def join(some: Iterable[Stretch], objects: Objects, target: Layout, keys: Keys) -> Manifest:
    """Put the stretches of one recording together in a directory. What follows one that is missing or altered is left
    out, which the manifest says. Raises `StoreFailed`, where not even the first is good too, and OSError."""
    some = list(some)
    name = some[0].name
    target.make()
    if target.pcap_of(name).exists():
        raise FileExistsError(17, os.strerror(17), str(target.pcap_of(name)))
    fresh = target.tmp / f"{name}.joined"
    try:
        with fresh.open("wb") as file:
            draft, notes, trouble = _written(some, objects, keys, file)
            file.flush()
            os.fsync(file.fileno())
        if not fresh.stat().st_size:
            raise StoreFailed(Failing.ALTERED, trouble, some[0].path)
        cut_to_whole(fresh)
        pcap = target.pcap_of(name)
        facts = draft or made_of(target, name)
        facts = recovered(
            msgspec.structs.replace(facts, stored=(local(name),), trouble=trouble or facts.trouble), fresh
        )
        files.replace(target.metadata_of(name), notes + metadata.ending(facts).encode())
        fresh.rename(pcap)
        files.sync(target.pcaps)
    finally:
        fresh.unlink(missing_ok=True)
    files.replace(target.manifest_of(name), encoded(facts))
    return facts


def _written(
    some: list[Stretch], objects: Objects, keys: Keys, file: IO[bytes]
) -> tuple[Manifest | None, bytes, str]:
    """Write the packets; what was known of the call at the end, its text, and why it ends before the last stretch."""
    draft: Manifest | None = None
    notes = b""
    for number, one in enumerate(some, 1):
        try:
            found = _opened(one, objects, keys)
        except Malformed as error:
            return draft, notes, f"stretch {one.number} of {some[-1].number}: {error.reason}"
        if (found.head.start, found.head.notes_start) != (file.tell(), len(notes)) or one.number != number:
            return draft, notes, f"stretch {number} of {some[-1].number} is missing"
        file.write(found.packets)
        notes += found.notes
        draft = found.head.draft or draft
    return draft, notes, ""


def _opened(one: Stretch, objects: Objects, keys: Keys) -> Opened:
    data = b"".join(objects.read(one.path))
    if one.is_sealed:
        try:
            data = unsealed(data, keys())
        except OSError as error:
            raise Malformed("not-a-stretch", error.strerror or str(error)) from error
    return opened(data)


# --- what is there


def left_over(layout: Layout, objects: Objects, url: str, now: float) -> Iterator[Finding]:
    """Stretches of recordings that the store has whole, and those of which there is nothing but stretches since their
    node died. Raises `StoreFailed`."""
    newest: dict[str, float] = {}
    for there in listed(objects):
        one = Stretch.at(there.path)
        if one is not None:
            newest[one.name] = max(newest.get(one.name, 0.0), there.modified)
    running = set(unfinished(layout))
    for name in sorted(newest.keys() - running):
        place = f"{url.rstrip('/')}/{FOLDER}/{name}"
        here = known(layout.manifest_of(name))
        if here is not None and here.state is not State.FAILED:
            if here.in_store or here.state is State.REMOVED:
                yield Finding(Fault.STORE_SWEEP, name, place)
        elif now - newest[name] > DEAD_S:
            whole = any(objects.size(f"manifests/{name}.json{suffix}") is not None for suffix in ("", ".age"))
            yield Finding(Fault.STORE_SWEEP if whole else Fault.STORE_STRETCHES, name, place)


def mend(layout: Layout, objects: Objects, finding: Finding, keys: Keys) -> bool:
    """Put together, or sweep, what `left_over` found; whether it was. Raises `StoreFailed` and OSError."""
    match finding.fault:
        case Fault.STORE_SWEEP:
            return sweep(objects, finding.name) > 0
        case Fault.STORE_STRETCHES if (
            known(layout.manifest_of(finding.name)) is None and not layout.pcap_of(finding.name).exists()
        ):
            join(stretches(objects, finding.name)[finding.name], objects, layout, keys)
            return True
        case _:
            return False
