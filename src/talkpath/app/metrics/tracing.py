"""Calls that are over, sent to a collector of OpenTelemetry by a thread of its own.

Whoever hands over a call waits for nothing. To read and to judge a call takes about a millisecond, which the thread
takes from the one interpreter: it rests thrice as long as it works, and what comes faster than that is dropped and
counted. So is what is meant for a collector that is away or refuses.
"""

import logging
import socket
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from time import monotonic
from typing import TYPE_CHECKING

from talkpath import __version__
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Trouble, phrase
from talkpath.app.metrics import words
from talkpath.base import limits
from talkpath.base.texts import Language
from talkpath.calls.trace import Trace

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

_log = logging.getLogger("talkpath.tracing")

# How often the thread looks for calls, and how many make one request.
_PAUSE_S, _AT_ONCE = 1.0, 50
# How much longer than it worked on a call the thread rests.
_REST = 3.0
# How long a collector may take; at the end it gets less, for another process may wait to take over.
_PATIENCE_S, _PARTING_S = 5.0, 1.0
# That it takes nothing is said so often.
_SAY_AGAIN_S = 60.0

#: Makes the spans of a call; sends spans, and tells whether they were taken.
Making = Callable[[Trace], "list[ReadableSpan]"]
Sending = Callable[[Sequence["ReadableSpan"]], bool]


class Tracing:
    """See the module's docstring."""

    def __init__(self, endpoint: str, make: Making, send: Sending, language: Language) -> None:
        self._endpoint, self._make, self._send, self._language = endpoint, make, send, language
        self._waiting: deque[Trace] = deque()
        self._counters: Counter[str] = Counter()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="talkpath-traces", daemon=True)
        self._said_at = -_SAY_AGAIN_S

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """What waits is sent where that is possible at once."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_PARTING_S)

    def ended(self, traces: Iterable[Trace]) -> None:
        """Calls whose story is over."""
        for trace in traces:
            if len(self._waiting) < limits.TRACES_QUEUE:
                self._waiting.append(trace)
            else:
                self._counters["overflowed"] += 1

    def counters(self) -> dict[str, int]:
        """What became of the calls."""
        return {name: self._counters[name] for name in ("sent", "dropped", "overflowed", "unreadable")}

    @property
    def queued(self) -> int:
        """How many calls wait."""
        return len(self._waiting)

    def _run(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._stop.wait(_PAUSE_S)
            while self._waiting:
                self._tell_some()

    def _tell_some(self) -> None:
        spans: list[ReadableSpan] = []
        calls = 0
        while self._waiting and calls < _AT_ONCE:
            trace, began = self._waiting.popleft(), monotonic()
            try:
                spans += self._make(trace)
            except Exception:  # noqa: BLE001 - the outermost driver of this thread: it costs one call
                self._counters["unreadable"] += 1
                _log.exception("the trace of a call could not be made")
            else:
                calls += 1
            self._stop.wait(_REST * (monotonic() - began))
        if not spans:
            return
        if self._send(spans):
            self._counters["sent"] += calls
            return
        self._counters["dropped"] += calls
        if monotonic() - self._said_at >= _SAY_AGAIN_S:
            self._said_at = monotonic()
            said = phrase(words.COLLECTOR_AWAY, endpoint=self._endpoint)
            _log.warning("%s", said.say_briefly(self._language))


def tracing_of(config: Config, language: Language) -> Tracing | None:
    """What sends the calls of a node, None where nobody wants them. Raises `Trouble`."""
    endpoint = config.tracing.endpoint
    if not endpoint:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace.export import SpanExportResult
    except ImportError as error:
        raise Trouble(
            "not-installed", phrase(words.NO_OPENTELEMETRY, module=error.name or "opentelemetry")
        ) from error
    from talkpath.app.metrics.spans import spans_of
    from talkpath.explain.judging.own import explain_own
    from talkpath.explain.reading.sites import Sites

    # What it says of a collector that is away is said here, and less often.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    exporter = OTLPSpanExporter(endpoint, timeout=_PATIENCE_S)
    node = config.cluster.node or socket.gethostname()
    about = {"service.name": "talkpath", "service.version": __version__, "service.instance.id": node}
    resource = Resource.create(about)

    def make(trace: Trace) -> "list[ReadableSpan]":
        (one,) = explain_own([trace], Sites(), trace.ended_at or trace.touched).calls
        return spans_of(one.call, one.findings, resource, language)

    def send(spans: Sequence["ReadableSpan"]) -> bool:
        return exporter.export(spans) is SpanExportResult.SUCCESS

    return Tracing(endpoint, make, send, language)
