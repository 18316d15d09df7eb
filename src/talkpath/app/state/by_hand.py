"""What the operator's commands leave for a running edge: files in the state directory, which it follows."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from talkpath.store import files, locks

Content = TypeVar("Content")


class FileByHand(Generic[Content]):
    """One such file, as JSON: read when it changed, written whole, and for its owner alone."""

    def __init__(self, path: Path, kind: type[Content], nothing: Content) -> None:
        self._path = path
        self._kind = kind
        self._nothing = nothing
        self._seen: int | None = None

    def read(self) -> Content:
        """What is there; `nothing` where there is no file, or one that nobody can read."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=self._kind)
        except (OSError, msgspec.MsgspecError):
            return self._nothing

    def write(self, content: Content) -> None:
        """All of it at once: a reader never sees half a file. Raises OSError."""
        files.replace(self._path, msgspec.json.encode(content), mode=0o600)

    def alone(self) -> AbstractContextManager[None]:
        """Nobody else reads it to change it meanwhile: of two commands at once none undoes the other's work."""
        return locks.alone(self._path.with_suffix(".lock"), mode=0o600)

    def has_changed(self) -> bool:
        """Whether it changed since this was last asked; at first, whether it may have."""
        try:
            changed = self._path.stat().st_mtime_ns
        except OSError:
            changed = 0
        seen, self._seen = self._seen, changed
        return changed != seen
