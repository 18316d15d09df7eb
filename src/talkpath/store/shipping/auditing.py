"""Whether the stores hold what the manifests say they were given: each object is read whole and held against it.

Beside `recordings/verifying`, which does this for what lies here.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator

import msgspec

from talkpath.store import files
from talkpath.store.recordings.capture import digest_of
from talkpath.store.recordings.layout import Layout
from talkpath.store.recordings.manifest import LOCAL, Manifest, encoded, known, read
from talkpath.store.recordings.verifying import Fault, Finding
from talkpath.store.shipping.objects import Objects, StoreFailed, digest_in

#: The store at a URL, with the credentials of now.
Open = Callable[[str], Objects]


def audit(layout: Layout, open_at: Open) -> Iterator[Finding]:
    """Everything that is wrong in the stores, as it is found. A store that fails is one finding, and is left then."""
    by_url = defaultdict[str, list[Manifest]](list)
    for path in sorted(layout.manifests.glob("*.json")):
        one = known(path)
        if one is None:
            continue  # a finding of its own, of what lies here
        for url in dict.fromkeys(at.url for at in one.in_store):
            by_url[url].append(one)
    for url, some in by_url.items():
        try:
            objects = open_at(url)
            # A bucket that is gone has none of its objects, which is one fault and not thousands.
            next(objects.list(""), None)
            for one in some:
                yield from _faults_of(one, url, objects)
        except StoreFailed as error:
            yield Finding(Fault.STORE_UNREAD, "", url, error.reason)


def _faults_of(one: Manifest, url: str, objects: Objects) -> Iterator[Finding]:
    for at in one.in_store:
        if at.url == url:
            place, size = f"{url.rstrip('/')}/{at.path}", objects.size(at.path)
            if size is None:
                yield Finding(Fault.STORE_MISSING, one.name, place)
            elif size != at.bytes or digest_in(objects.read(at.path)) != at.sha256:
                yield Finding(Fault.STORE_ALTERED, one.name, place)


def bring_again(layout: Layout, finding: Finding) -> bool:
    """Have the edge bring a recording to the store once more: whether the packets are here, as they were recorded.
    Raises OSError."""
    path = layout.manifest_of(finding.name)
    if finding.fault not in (Fault.STORE_MISSING, Fault.STORE_ALTERED):
        return False
    one, pcap = read(path), layout.pcap_of(finding.name)
    if not one.is_saved or not pcap.exists() or digest_of(pcap) != one.sha256:
        return False
    kept = tuple(at for at in one.stored if at.where == LOCAL)
    files.replace(path, encoded(msgspec.structs.replace(one, stored=kept)))
    return True
