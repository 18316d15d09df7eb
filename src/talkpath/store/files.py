"""Small files that are replaced or extended so that a crash or a full disk leaves the old one or the new."""

import os
from pathlib import Path


def replace(path: Path, data: bytes, *, mode: int = 0o640, synced: bool = True) -> None:
    """All or nothing: whoever reads finds the old file or the new one. Raises OSError."""
    fresh = path.with_name(path.name + ".new")
    # What another left there may be open to more than `mode` says.
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        _write_whole(descriptor, data)
        if synced:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    fresh.rename(path)
    if synced:
        sync(path.parent)


def append(path: Path, data: bytes) -> None:
    """Append all of it, or nothing. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
    try:
        _write_whole(descriptor, data)
    finally:
        os.close(descriptor)


def _write_whole(descriptor: int, data: bytes) -> None:
    before = os.fstat(descriptor).st_size
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError:
        os.ftruncate(descriptor, before)
        raise


def sync(path: Path) -> None:
    """Have the disk keep a file, or the names in a folder. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
