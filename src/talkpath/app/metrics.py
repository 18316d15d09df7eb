"""Counters and gauges of a running node for Prometheus, on a small page of their own.

Rooms keep plain dictionaries; they are read when somebody asks, so counting costs nothing more than it must.
"""

from collections.abc import Callable, Iterable, Mapping
from socket import socket
from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from talkpath.base import limits
from talkpath.base.address import Address

Counters = Callable[[], Mapping[str, int]]
Gauge = Callable[[], float]
#: Families that the labels of a room need, made when somebody asks.
Families = Callable[[], Iterable[Metric]]


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
    """

    def __init__(self, listen: Address, metrics: Metrics, descriptors: int = limits.DESCRIPTORS) -> None:
        registry = CollectorRegistry()
        registry.register(metrics)
        served: tuple[WSGIServer, Thread] = start_http_server(listen.port, listen.host, registry)
        self._server, self._thread = served

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
