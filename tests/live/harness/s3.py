"""versitygw, a real S3 server, over a directory: buckets are folders and objects files, which can be altered."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from harness.network import free_port
from harness.process import Process, Stoppable, wait_until

_COMMAND = Path(sys.executable).parent / "versitygw"
_KEY, _SECRET = "talkpath", "a-secret-of-the-tests"


class S3(Stoppable):
    """One server with one bucket."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self.port = free_port()
        self.bucket = place / "data" / "bucket"
        self.bucket.mkdir(parents=True)
        self.process = self.start()

    def start(self) -> Process:
        """Start (again) over the same directory."""
        argv = [str(_COMMAND), "--port", f"127.0.0.1:{self.port}", "posix", str(self._place / "data")]
        keys = {"ROOT_ACCESS_KEY": _KEY, "ROOT_SECRET_KEY": _SECRET}
        self.process = Process(argv, self._place / "log", env=keys).ready(r"127\.0\.0\.1")
        return self.process

    def settings(self, *, secret: str = _SECRET, keep_local: bool = False, more: str = "") -> str:
        """What an edge is told of it."""
        return f"""[recording]
calls = "all"
store = "s3://bucket/edge"
store_endpoint = "http://127.0.0.1:{self.port}"
store_key_id = "{_KEY}"
store_secret = "{secret}"
keep_local = {str(keep_local).lower()}
{more}
"""

    def objects(self, folder: str = "") -> dict[str, Path]:
        """The objects of the edge, by name; what is under way is none."""
        top = self.bucket / "edge"
        found = {str(path.relative_to(top)): path for path in _files(top)}
        return {name: path for name, path in found.items() if name.startswith(folder)}

    @property
    def has_parts(self) -> bool:
        """Whether an upload is under way, or was given up."""
        return any(_files(self.bucket / ".sgwtmp"))

    def age_parts(self) -> None:
        """As if all that is under way, or was given up, had been begun days ago."""
        for path in (self.bucket / ".sgwtmp").rglob("*"):
            os.utime(path, (1000.0, 1000.0))

    def vanish(self) -> None:
        """The bucket is gone with all that is in it."""
        assert wait_until(lambda: not shutil.rmtree(self.bucket, ignore_errors=True) and not self.bucket.exists())

    def appear(self) -> None:
        self.bucket.mkdir()

    def stop(self) -> None:
        self.process.stop()


def _files(top: Path) -> Iterator[Path]:
    """All files below. Folders that the server takes away meanwhile have none."""
    for folder, _, names in os.walk(top):
        yield from (Path(folder, name) for name in names)
