"""Notices as files: those that wait in `notices/NAME.json`, those that were told in `notices/told/NAME.json`.

Which recordings nobody wanted to be told of stands in `notices/.before`: the names of those that were there when
notices were asked for.
"""

from pathlib import Path

import msgspec

from talkpath.store import files
from talkpath.store.notices.notice import SCHEMA, Notice
from talkpath.store.recordings.layout import Layout


class Outbox:
    """The notices of a directory of recordings. Each verb that writes raises OSError."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._before = layout.notices / ".before"

    def open(self) -> None:
        """Notices are wanted from now on, or still."""
        self._layout.told_notices.mkdir(mode=0o750, parents=True, exist_ok=True)
        if not self._before.exists():
            known = sorted(_names(self._layout.manifests) - self._waiting() - _names(self._layout.told_notices))
            files.replace(self._before, "\n".join(known).encode("utf-8", "surrogateescape"))

    def close(self) -> None:
        """No notices are wanted any more: none of what is recorded until they are."""
        self._before.unlink(missing_ok=True)

    def untold(self) -> set[str]:
        """The names of recordings of which something may be to be told."""
        before = self._before.read_bytes().decode("utf-8", "surrogateescape").split("\n")
        names = _names(self._layout.manifests) - set(before)
        return (names | self._waiting()) - _names(self._layout.told_notices)

    def notice(self, name: str) -> Notice | None:
        """The notice of a recording; None where there is none that can be read."""
        for path in (self._layout.told_notice_of(name), self._layout.notice_of(name)):
            try:
                one = msgspec.json.decode(path.read_bytes(), type=Notice)
            except (OSError, ValueError, msgspec.MsgspecError):
                continue
            if one.schema == SCHEMA:
                return one
        return None

    def keep(self, name: str, one: Notice) -> None:
        """It waits, or waits on."""
        files.replace(self._layout.notice_of(name), _encoded(one))

    def told(self, name: str, one: Notice, now: float) -> None:
        """It was taken. A crash before the last step tells it once more, under the same id."""
        done = msgspec.structs.replace(one, body="", tries=one.tries + 1, trouble="", told=now)
        files.replace(self._layout.told_notice_of(name), _encoded(done))
        self._layout.notice_of(name).unlink(missing_ok=True)

    def _waiting(self) -> set[str]:
        return _names(self._layout.notices)


def _encoded(one: Notice) -> bytes:
    return msgspec.json.format(msgspec.json.encode(one), indent=2) + b"\n"


def _names(folder: Path) -> set[str]:
    return {Layout.name_in(path) for path in folder.glob("*.json")}
