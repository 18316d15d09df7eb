"""How the process itself is: whether its event loop turns, what it takes of the host, how much room is left, and
until when its certificates are good. Read when somebody asks; only the loop is watched all the time."""

import asyncio
import os
import resource
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from cryptography import x509
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from talkpath.app.metrics.histogram import Histogram, family_of

# How often it is measured by how much a timer is late.
_LOOK_S = 0.25
_LAGS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
# A loop that has not turned for so long does nothing for anybody.
STUCK_S = 10.0
_PAGE_BYTES = resource.getpagesize()


class LoopWatch:
    """Measures how late timers of the event loop fire."""

    def __init__(self) -> None:
        self.lag = Histogram(_LAGS_S)
        #: the worst of the last minute or two
        self._worst = [0.0, 0.0]
        self._minute = 0.0
        self._turned_at = time.monotonic()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._look(asyncio.get_running_loop().time() - _LOOK_S)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    @property
    def worst_s(self) -> float:
        """The worst lag of the last minute, and up to one more."""
        return max(self._worst)

    @property
    def stood_s(self) -> float:
        """For how long the loop has not turned."""
        return max(0.0, time.monotonic() - self._turned_at - _LOOK_S)

    def _look(self, planned: float) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        late = max(0.0, now - planned - _LOOK_S)
        self.lag.observe(late)
        if now - self._minute >= 60:
            self._minute, self._worst = now, [0.0, self._worst[0]]
        self._worst[0] = max(self._worst[0], late)
        self._turned_at = time.monotonic()
        self._timer = loop.call_later(_LOOK_S, self._look, now)


class Vitals:
    """See the module's docstring. `certificates` are files by the name they are told under, `places` directories."""

    def __init__(
        self, certificates: Callable[[], Mapping[str, Path]], places: Mapping[str, Path], store: Path, files: int
    ) -> None:
        self.loop = LoopWatch()
        self.started = time.time()
        self._certificates = certificates
        self._places = dict(places)
        self._store = store
        self._files = files
        self._read: dict[Path, tuple[int, float]] = {}

    def families(self) -> Iterator[Metric]:
        """All of it for a page; what many boards know goes by its usual name."""
        yield family_of("talkpath_event_loop_lag_seconds", "How late timers fire.", "", {"": self.loop.lag})
        usage = resource.getrusage(resource.RUSAGE_SELF)
        yield CounterMetricFamily(
            "process_cpu_seconds", "CPU time that this process took.", value=usage.ru_utime + usage.ru_stime
        )
        yield GaugeMetricFamily("process_resident_memory_bytes", "Memory of this process.", value=memory_bytes())
        yield GaugeMetricFamily("process_open_fds", "Files that this process has open.", value=open_files())
        yield GaugeMetricFamily("process_max_fds", "Files that it may open.", value=self._files)
        yield GaugeMetricFamily("process_start_time_seconds", "When it was started.", value=self.started)
        yield GaugeMetricFamily("talkpath_store_bytes", "Size of the database.", value=_size(self._store))
        free = GaugeMetricFamily("talkpath_disk_free_bytes", "Room on the disk of a directory.", labels=["place"])
        whole = GaugeMetricFamily("talkpath_disk_bytes", "Size of the disk of a directory.", labels=["place"])
        for place, (size, left) in self.disks().items():
            free.add_metric([place], left)
            whole.add_metric([place], size)
        yield from (free, whole)
        ends = GaugeMetricFamily(
            "talkpath_certificate_expires_timestamp_seconds", "When a certificate ends.", labels=["certificate"]
        )
        for name, at in self.certificates().items():
            ends.add_metric([name], at)
        yield ends

    def disks(self) -> dict[str, tuple[int, int]]:
        """Size and room of the disks on which directories are; without those that are gone."""
        found = {}
        for name, path in self._places.items():
            try:
                usage = shutil.disk_usage(path)
            except OSError:
                continue
            found[name] = usage.total, usage.free
        return found

    def certificates(self) -> dict[str, float]:
        """When each ends, in seconds since the epoch; 0 for one that cannot be read any more."""
        return {name: self._end_of(path) for name, path in self._certificates().items()}

    def _end_of(self, path: Path) -> float:
        try:
            changed = path.stat().st_mtime_ns
            known = self._read.get(path)
            if known is None or known[0] != changed:
                ends = x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc.timestamp()
                known = self._read[path] = (changed, ends)
        except (OSError, ValueError):
            return 0.0
        return known[1]


def memory_bytes() -> int:
    """The memory of this process that is in RAM."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES


def open_files() -> int:
    """How many files this process has open. Since Linux 6.2 the directory knows; before, they are counted."""
    return os.stat("/proc/self/fd").st_size or len(os.listdir("/proc/self/fd"))


def _size(path: Path) -> int:
    """A database with what was written ahead of it."""
    return sum(_bytes_of(one) for one in (path, path.with_name(f"{path.name}-wal")))


def _bytes_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
