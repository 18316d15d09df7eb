"""Counters, gauges and histograms of a running node for Prometheus, and whether it is well, on a small page of their
own.

Rooms keep plain dictionaries; they are read when somebody asks, so counting costs nothing more than it must.

    /metrics   all of it, in the format that is asked for (OpenMetrics names calls beside what is counted)
    /healthz   200 while the event loop turns, else 503: whoever started the process may end it
    /readyz    200 where calls are taken, else 503 and why not: whoever sends calls here may send them elsewhere
"""

from collections.abc import Callable, Iterable, Mapping
from socket import SHUT_RDWR, socket
from socketserver import ThreadingMixIn
from threading import Thread
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from talkpath.base import limits
from talkpath.base.address import Address, Transport
from talkpath.net.listening import Endpoint, open_sockets

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

Counters = Callable[[], Mapping[str, int]]
Gauge = Callable[[], float]
#: Families that the labels of a room need, made when somebody asks.
Families = Callable[[], Iterable[Metric]]
#: Why something is not well; nothing where it is.
Reasons = Callable[[], Iterable[str]]


class Metrics(Collector):
    """What a node can tell. `counters` is by room, `gauges` by name; `families` have labels of their own."""

    def __init__(
        self, counters: Mapping[str, Counters], gauges: Mapping[str, Gauge], families: Families = tuple
    ) -> None:
        self._counters = dict(counters)
        self._gauges = dict(gauges)
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """One family for each room, with the event as its label, and one for each gauge."""
        for room, read in self._counters.items():
            family = CounterMetricFamily(f"talkpath_{room}_events", f"Events counted in {room}.", labels=["event"])
            # A copy: the page is served by another thread than the one that counts.
            for event, count in sorted(dict(read()).items()):
                family.add_metric([event], count)
            if family.samples:
                yield family
        for name, value in self._gauges.items():
            yield GaugeMetricFamily(f"talkpath_{name}", f"Now: {name.replace('_', ' ')}.", value=value())
        yield from self._families()


class MetricsPage:
    """The page: it has its port from construction on, and answers from `start` until `close`. Raises CannotListen.

    Connections get descriptors below `descriptors` only: who opens many must not take those that others need.
    `ill` and `unready` say what stands against being well, and against taking calls. `beside` is a page of ours whose
    port this one may have, on other addresses or the same.
    """

    def __init__(
        self,
        listen: Address,
        metrics: Metrics,
        descriptors: int = limits.DESCRIPTORS,
        ill: Reasons = tuple,
        unready: Reasons = tuple,
        beside: "MetricsPage | None" = None,
    ) -> None:
        registry = CollectorRegistry()
        registry.register(metrics)
        endpoint = Endpoint(Transport.TCP, listen.host, listen.port)
        (door,) = open_sockets(endpoint, () if beside is None else (beside._server.socket,))
        self._server: _Server = _Server(door, descriptors)
        self._server.set_app(_routed(make_wsgi_app(registry), {"/healthz": ill, "/readyz": unready}))
        self._thread = Thread(target=self._server.serve_forever, name="talkpath-metrics", daemon=True)

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    @property
    def address(self) -> Address:
        """Where it is served; with port 0 asked for, the port that was given."""
        host, port = self._server.server_address[:2]
        return Address(str(host), int(port))

    def close(self) -> None:
        """Answer nothing more. Returns at once: a socket that is shut down wakes the thread that listens."""
        if self._thread.is_alive():
            self._server.socket.shutdown(SHUT_RDWR)
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Server(ThreadingMixIn, WSGIServer):
    """Answers at a socket that listens, each request in a thread."""

    daemon_threads = True

    def __init__(self, door: socket, descriptors: int) -> None:
        self.address_family = door.family
        super().__init__(door.getsockname()[:2], _Silent, bind_and_activate=False)
        self.socket.close()
        self.socket = door
        self._descriptors = descriptors
        self.server_name, self.server_port = door.getsockname()[:2]
        self.setup_environ()

    def verify_request(self, request: object, client_address: object) -> bool:
        """Whether it may have the descriptor that it got."""
        return isinstance(request, socket) and request.fileno() < self._descriptors


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Requests are no news."""


def _routed(
    metrics: "Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]", checks: Mapping[str, Reasons]
) -> "Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]":
    def page(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        check = checks.get(environ["PATH_INFO"])
        if check is None:
            return metrics(environ, start)
        reasons = list(check())
        status = "503 Service Unavailable" if reasons else "200 OK"
        start(status, [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")])
        return [("\n".join(reasons or ["ok"]) + "\n").encode()]

    return page
