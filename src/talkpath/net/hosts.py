"""The names of the hosts file, which come before DNS."""

import os
from pathlib import Path

from talkpath.base import limits
from talkpath.net.location import numeric

_FILE = Path("/etc/hosts")
# Somebody who edits it waits no longer than that.
_LOOK_EVERY_S = 1.0
#: RFC 6761 section 6.3: no server is asked for these.
_LOOPBACK = ("127.0.0.1", "::1")


class HostsFile:
    """Read again when it changes."""

    def __init__(self, path: Path = _FILE) -> None:
        self._path = path
        self._names: dict[str, list[str]] = {}
        self._changed: tuple[int, int] | None = None
        self._looked_at = float("-inf")

    def addresses(self, name: str, now: float) -> list[str]:
        """Addresses of both families, none where the name is not in the file."""
        if not 0.0 <= now - self._looked_at < _LOOK_EVERY_S:
            self._looked_at = now
            self._refresh()
        found = self._names.get(name, [])
        if not found and (name == "localhost" or name.endswith(".localhost")):
            return list(_LOOPBACK)
        return found

    def _refresh(self) -> None:
        try:
            seen = os.stat(self._path)
            changed = (seen.st_mtime_ns, seen.st_size)
            if changed == self._changed:
                return
            text = self._path.read_text("utf-8", "replace")
        except OSError:
            return  # What was known of it still counts: the last descriptor may be gone.
        self._changed, self._names = changed, _read(text)


def _read(text: str) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for line in text.splitlines():
        address, *named = line.partition("#")[0].split() or [""]
        if not (address := numeric(address.partition("%")[0])):
            continue
        for name in named:
            known = names.setdefault(name.lower().rstrip("."), [])
            if address not in known and len(known) < limits.DNS_TARGETS:
                known.append(address)
    return names
