"""Counters, gauges and histograms of a running node for Prometheus, and whether it is well, on a small page of their
own.

Rooms keep plain dictionaries; they are read when somebody asks, so counting costs nothing more than it must.

    /metrics   all of it, in the format that is asked for (OpenMetrics names calls beside what is counted)
    /healthz   200 while the event loop turns, else 503: whoever started the process may end it
    /readyz    200 where calls are taken, else 503 and why not: whoever sends calls here may send them elsewhere
"""

from collections.abc import Callable, Iterable, Mapping
from socket import socket
from threading import Thread
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from talkpath.base import limits
from talkpath.base.address import Address

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
            yield family
        for name, value in self._gauges.items():
            yield GaugeMetricFamily(f"talkpath_{name}", f"Now: {name.replace('_', ' ')}.", value=value())
        yield from self._families()


class MetricsPage:
    """The page, from construction until `close`. Raises `OSError` where the port is not free.

    Connections get descriptors below `descriptors` only: who opens many must not take those that others need.
    `ill` and `unready` say what stands against being well, and against taking calls.
    """

    def __init__(
        self,
        listen: Address,
        metrics: Metrics,
        descriptors: int = limits.DESCRIPTORS,
        ill: Reasons = tuple,
        unready: Reasons = tuple,
    ) -> None:
        registry = CollectorRegistry()
        registry.register(metrics)
        served: tuple[WSGIServer, Thread] = start_http_server(listen.port, listen.host, registry)
        self._server, self._thread = served
        self._server.set_app(_routed(make_wsgi_app(registry), {"/healthz": ill, "/readyz": unready}))

        def has_room(request: object, _: object) -> bool:
            return isinstance(request, socket) and request.fileno() < descriptors

        self._server.verify_request = has_room  # type: ignore[assignment]

    @property
    def address(self) -> Address:
        """Where it is served; with port 0 asked for, the port that was given."""
        host, port = self._server.server_address[:2]
        return Address(str(host), int(port))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


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
