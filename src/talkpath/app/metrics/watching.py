"""What a running node tells of itself to those who watch it: metrics, whether it is well, and `talkpath status`."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from talkpath import __version__
from talkpath.app.cluster.joining import Joined
from talkpath.app.cluster.shared_history import SharedHistory
from talkpath.app.config.endpoints import parse_address_and_port
from talkpath.app.config.listeners import Listener
from talkpath.app.config.tree import Config
from talkpath.app.metrics.calls import CallMetrics
from talkpath.app.metrics.gateways import gateway_metrics
from talkpath.app.metrics.judge import Judge
from talkpath.app.metrics.observers import Observers, Wanted
from talkpath.app.metrics.page import Metrics, MetricsPage
from talkpath.app.metrics.vitals import STUCK_S, Vitals, memory_bytes, open_files
from talkpath.app.node.start import Prepared
from talkpath.app.process.host import cannot_listen
from talkpath.app.recordings.after_call import AfterCall
from talkpath.app.state.directory import recordings_directory
from talkpath.app.status.rows import Status
from talkpath.base.address import Transport
from talkpath.calls.trace import Trace
from talkpath.edge.admission.guard import Guard
from talkpath.edge.edge import Edge
from talkpath.edge.registrar.binding import Binding
from talkpath.net.clock import Clock
from talkpath.net.listening import CannotListen
from talkpath.net.media import MediaDriver
from talkpath.net.recorder import RecordingDriver
from talkpath.net.records import Records
from talkpath.net.signalling import Signalling
from talkpath.store.embedded import EmbeddedStore
from talkpath.store.recordings.keeper import Keeper
from talkpath.web.guests import Guests


@dataclass(frozen=True, slots=True)
class Rooms:
    """Whom of a node is asked."""

    prepared: Prepared
    clock: Clock
    edge: Edge
    guard: Guard
    guests: Guests
    signalling: Signalling
    media: MediaDriver
    records: Records
    store: EmbeddedStore[Binding]
    recording: RecordingDriver
    keeper: Keeper
    after_call: AfterCall
    cluster: Joined | None
    shared_history: SharedHistory | None
    observers: Observers


class Watching:
    """See the module's docstring."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        prepared = rooms.prepared
        config = prepared.config
        places = {"state": prepared.state}
        if config.recording.directory:
            places["recordings"] = recordings_directory(config, prepared.state)
        self._vitals = Vitals(self._certificates, places, prepared.database, prepared.descriptors.limit)
        self._listen = config.metrics.listen
        self._calls = CallMetrics()
        self._judge = Judge()
        self._page: MetricsPage | None = None
        self._is_open = False

    # --- life

    def open(self) -> None:
        """Everything listens: begin to watch, and open the page where one is wanted. Raises `Trouble`."""
        self._is_open = True
        self._vitals.loop.start()
        self._rooms.observers.start()
        self._page = self._page_at(self._listen)
        if self._page is not None:
            self._page.start()

    def close(self) -> None:
        self._is_open = False
        self._vitals.loop.close()
        if self._page is not None:
            self._page.close()
        self._rooms.observers.close()

    def made(self, config: Config) -> Wanted:
        """Who is told by another configuration (`Observers.made`). Raises `Trouble`."""
        return self._rooms.observers.made(config)

    def opened(self, config: Config) -> MetricsPage | None:
        """The page as another configuration wants it, for `take`; the one that is there where nothing changed. Raises
        `Trouble`."""
        listen = config.metrics.listen
        return self._page if listen == self._listen else self._page_at(listen)

    def left(self, page: MetricsPage | None) -> None:
        """What was opened for `take` is not taken."""
        if page is not None and page is not self._page:
            page.close()

    def take(self, wanted: Wanted, page: MetricsPage | None) -> None:
        """Go by another configuration from now on."""
        self._rooms.observers.take(wanted)
        before, self._page, self._listen = self._page, page, wanted.config.metrics.listen
        if page is before:
            return
        if page is not None:
            page.start()
        if before is not None:
            before.close()

    def _page_at(self, place: str) -> MetricsPage | None:
        listen = parse_address_and_port(place)
        if listen is None:
            return None
        descriptors = self._rooms.prepared.descriptors.opened
        try:
            return MetricsPage(listen, self._metrics(), descriptors, self._ill, self._unready, self._page)
        except CannotListen as error:
            page = Listener(transport=Transport.TCP, address=listen.host, port=listen.port)
            raise cannot_listen(page, listen, error.cause) from error

    def ended(self, traces: Iterable[Trace]) -> None:
        """Calls whose story is over, each once. Costs nothing where nobody wants to know."""
        tracing = self._rooms.observers.tracing
        if self._page is None and tracing is None:
            return
        known = [trace for trace in traces if trace.messages]
        if self._page is not None:
            self._calls.ended(known)
            self._judge.take(known)
        if tracing is not None:
            tracing.ended(known)

    # --- what is told

    def status(self) -> Status:
        """One look at everything."""
        rooms, now = self._rooms, self._rooms.clock.now()
        core = rooms.edge.core
        return Status(
            version=__version__,
            started=self._vitals.started,
            now=now,
            node="" if rooms.cluster is None else rooms.cluster.membership.about.node,
            is_draining=core.is_draining,
            listeners=tuple(f"{transport.value} {address}" for transport, address in rooms.signalling.listening),
            connections=dict(rooms.signalling.standing()),
            registrations=dict(core.registrar.ways.by_transport),
            registrations_elsewhere=core.registrar.elsewhere,
            phones_gone=len(core.keep_alive.gone),
            failing=sum(1 for one in rooms.guard.refused() if not one.mended),
            guests=len(rooms.guests),
            bans=len(rooms.guard.bans(now)),
            running_calls=len(core.calls),
            media_in_kernel=rooms.media.relay.passing,
            media_by_sockets=rooms.media.by_sockets,
            recordings=rooms.recording.running,
            gateways={one.settings.name: one.state.value for one in rooms.edge.gateways.all()},
            loop_worst_s=self._vitals.loop.worst_s,
            memory=memory_bytes(),
            files_open=open_files(),
            files_max=rooms.prepared.descriptors.limit,
            disks=self._vitals.disks(),
            certificates=self._vitals.certificates(),
            store_waiting=rooms.store.writer.queued,
            store_lost=rooms.store.writer.dropped + rooms.store.history.dropped,
            faults=rooms.signalling.counters["faults"],
        )

    def _ill(self) -> Iterator[str]:
        """Why the process is of no use any more."""
        stood_s = self._vitals.loop.stood_s
        if stood_s > STUCK_S:
            yield f"the event loop has stood still for {stood_s:.0f} s"

    def _unready(self) -> Iterator[str]:
        """Why calls should go elsewhere."""
        yield from self._ill()
        if not self._is_open:
            yield "closing"
        if self._rooms.edge.core.is_draining:
            yield "draining: no new calls are taken"

    def _certificates(self) -> dict[str, Path]:
        """The first is "tls"; those for other names bear the name of their file."""
        names = ("tls", *(str(one.certificate) for one in self._rooms.prepared.presented.files[1:]))
        return {name: one.certificate for name, one in zip(names, self._rooms.prepared.presented.files, strict=False)}

    # --- the page

    def _metrics(self) -> Metrics:
        rooms = self._rooms
        core = rooms.edge.core
        history, cluster = rooms.shared_history, rooms.cluster
        counters = {
            "edge": lambda: core.counters,
            "net": lambda: rooms.signalling.counters,
            "store": rooms.store.counters,
            "dns": lambda: rooms.records.counters,
            "keepalive": core.keep_alive.counted,
            "guard": rooms.guard.counts,
            "recording": rooms.recording.counters,
            "recordings": lambda: rooms.keeper.counters,
            **rooms.after_call.counters,
            **({} if cluster is None else cluster.counters),
            **({} if history is None else {"history": history.counters}),
            "hep": rooms.observers.mirrored,
            "tracing": rooms.observers.traced,
        }
        gauges = {
            "running_calls": lambda: len(core.calls),
            "flows_kept_open": lambda: len(core.keep_alive),
            "phones_gone": lambda: len(core.keep_alive.gone),
            "guests": lambda: len(rooms.guests),
            "recordings_running": lambda: rooms.recording.running,
            "recording_queued_bytes": lambda: rooms.recording.queued_bytes,
            "store_queued": lambda: rooms.store.writer.queued,
            "sources": lambda: len(rooms.guard.sources),
            "bans": lambda: len(rooms.guard.bans(rooms.clock.now())),
            "refused_stories": lambda: len(rooms.guard.failures),
            "draining": lambda: float(core.is_draining),
            **rooms.after_call.gauges,
            **({} if cluster is None else cluster.gauges),
            **({} if history is None else history.gauges),
        }
        return Metrics(counters, gauges, self._families)

    def _families(self) -> Iterable[Metric]:
        return chain(
            self._of_registrations(),
            self._calls.families(),
            self._judge.families(),
            self._vitals.families(),
            gateway_metrics(self._rooms.edge.gateways),
            self._of_observers(),
        )

    def _of_observers(self) -> Iterator[Metric]:
        """How much waits for them. They come and go."""
        for name, queued in self._rooms.observers.queued().items():
            yield GaugeMetricFamily(f"talkpath_{name}_queued", f"Now: {name} queued.", value=queued)

    def _of_registrations(self) -> Iterator[Metric]:
        rooms = self._rooms
        build = GaugeMetricFamily("talkpath_build_info", "The version that runs.", labels=["version"])
        build.add_metric([__version__], 1)
        registered = GaugeMetricFamily("talkpath_registrations", "Registered phones.", labels=["transport"])
        standing = GaugeMetricFamily("talkpath_connections", "Connections that stand.", labels=["transport"])
        connections = rooms.signalling.standing()
        for transport in Transport:
            registered.add_metric([transport.value], rooms.edge.core.registrar.ways.by_transport[transport.value])
            if transport.is_reliable:
                standing.add_metric([transport.value], connections[transport.value])
        refused = CounterMetricFamily(
            "talkpath_refused", "Requests of users who were not let in, by reason.", labels=["method", "reason"]
        )
        for (method, why), count in sorted(rooms.guard.failures.counts.copy().items()):
            refused.add_metric([method, why], count)
        yield from (build, registered, standing, refused)
