"""Calls that are over, sent to a collector of OpenTelemetry (`net/courier.py`).

To read and to judge a call takes about a millisecond, which the thread takes from the one interpreter: it rests
thrice as long as it works, and what comes faster than that is dropped and counted. So is what is meant for a
collector that is away or refuses.
"""

import logging
import socket
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
from talkpath.net.courier import PARTING_S, Courier

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

_log = logging.getLogger("talkpath.tracing")

# How often the thread looks for calls, and how many make one request.
_PAUSE_S, _AT_ONCE = 1.0, 50
# How much longer than it worked on a call the thread rests.
_REST = 3.0
# How long a collector may take.
_PATIENCE_S = 5.0
# That it takes nothing is said so often.
_SAY_AGAIN_S = 60.0

#: Makes the spans of a call; sends spans, and tells whether they were taken.
Making = Callable[[Trace], "list[ReadableSpan]"]
Sending = Callable[[Sequence["ReadableSpan"]], bool]


class Tracing(Courier[Trace]):
    """See the module's docstring."""

    def __init__(self, endpoint: str, make: Making, send: Sending, language: Language) -> None:
        super().__init__("talkpath-traces", limits.TRACES_QUEUE, _PAUSE_S)
        self._endpoint, self._make, self._send, self._language = endpoint, make, send, language
        self._said_at = -_SAY_AGAIN_S

    def close(self) -> None:
        """What waits is sent where that is possible at once."""
        self.leave()
        self.join(PARTING_S)

    def ended(self, traces: Iterable[Trace]) -> None:
        """Calls whose story is over."""
        for trace in traces:
            self.put(trace)

    def counts(self) -> dict[str, int]:
        """What became of the calls."""
        return {name: self.counters[name] for name in ("sent", "dropped", "overflowed", "unreadable")}

    @property
    def queued(self) -> int:
        """How many calls wait."""
        return len(self.waiting)

    def carry(self) -> float:
        spans: list[ReadableSpan] = []
        calls = 0
        while self.waiting and calls < _AT_ONCE:
            trace, began = self.waiting.popleft(), monotonic()
            try:
                spans += self._make(trace)
            except Exception:  # noqa: BLE001 - the outermost driver of this thread: it costs one call
                self.counters["unreadable"] += 1
                _log.exception("the trace of a call could not be made")
            else:
                calls += 1
            self.rest(_REST * (monotonic() - began))
        if spans and self._send(spans):
            self.counters["sent"] += calls
        elif spans:
            self.counters["dropped"] += calls
            self._say_away()
        return 0.0

    def _say_away(self) -> None:
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
