"""Where the files of a recording lie, exactly as rtpengine lays them out, and the manifest beside them.

    pcaps/<name>.pcap                       the packets
    tmp/rtpengine-meta-<name>.tmp           what is known of the call, while it is recorded
    metadata/rtpengine-meta-<name>.txt      the same when it is over
    manifests/<name>.json                   the manifest; while it is recorded, tmp/<name>.json
    notices/<name>.json                     who asked is still to be told of it; afterwards notices/told/<name>.json

The name is the Call-ID, escaped as in a URI, and 16 hexadecimal digits that no other recording has.
"""

from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

# A name and what stands around it fit the 255 bytes of a file name: "rtpengine-meta-", "-", 16 digits, ".json.new".
_ESCAPED_BYTES = 200
_PREFIX = "rtpengine-meta-"


def name_of(call_id: str, digits: str) -> str:
    """The name of a recording. A Call-ID that is too long for a file is cut, and told from others by its digest."""
    raw = call_id.encode("utf-8", "surrogateescape")
    escaped = quote(raw, safe="")
    if len(escaped) > _ESCAPED_BYTES:
        kept = escaped[: _ESCAPED_BYTES - 17]
        # Not within an escape.
        kept = kept[: kept.rfind("%")] if "%" in kept[-2:] else kept
        escaped = f"{kept}~{sha256(raw).hexdigest()[:16]}"
    return f"{escaped}-{digits}"


class Layout:
    """The folders below a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.pcaps = directory / "pcaps"
        self.metadata = directory / "metadata"
        self.tmp = directory / "tmp"
        self.manifests = directory / "manifests"
        # Made only where somebody is to be told.
        self.notices = directory / "notices"
        self.told_notices = self.notices / "told"

    @property
    def folders(self) -> tuple[Path, ...]:
        return (self.pcaps, self.metadata, self.tmp, self.manifests)

    def make(self) -> None:
        """Make the folders that are missing. Raises OSError."""
        for folder in self.folders:
            folder.mkdir(mode=0o750, parents=True, exist_ok=True)

    def pcap_of(self, name: str) -> Path:
        return self.pcaps / f"{name}.pcap"

    def notes_of(self, name: str) -> Path:
        """The metadata of a call that is being recorded."""
        return self.tmp / f"{_PREFIX}{name}.tmp"

    def metadata_of(self, name: str) -> Path:
        return self.metadata / f"{_PREFIX}{name}.txt"

    def draft_of(self, name: str) -> Path:
        """The manifest of a call that is being recorded."""
        return self.tmp / f"{name}.json"

    def manifest_of(self, name: str) -> Path:
        return self.manifests / f"{name}.json"

    def notice_of(self, name: str) -> Path:
        """What is to be told of it."""
        return self.notices / f"{name}.json"

    def told_notice_of(self, name: str) -> Path:
        """That it was told."""
        return self.told_notices / f"{name}.json"

    @staticmethod
    def name_in(path: Path) -> str:
        """The name of the recording that a file of any of these folders belongs to."""
        return path.name.removeprefix(_PREFIX).rpartition(".")[0]
