"""Calls that are over, as traces of OpenTelemetry at a collector that takes OTLP over HTTP."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import NoReturn

import pytest
from msgspec.structs import replace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.explain.own import START, OwnCall

from talkpath.app.config.records import Tracing as Section
from talkpath.app.config.tree import Config
from talkpath.app.metrics import tracing as module
from talkpath.app.metrics.tracing import Tracing, tracing_of
from talkpath.base import limits
from talkpath.base.texts import Language
from talkpath.calls.ids import id_of
from talkpath.calls.trace import Trace

PATIENCE_S = 20.0


class Collector:
    """What a collector was told; `status` is what it answers."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        self.status = 200
        told = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                told.requests.append(ExportTraceServiceRequest.FromString(body))
                self.send_response(told.status)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = HTTPServer(("127.0.0.1", 0), Door)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}/v1/traces"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def spans(self) -> list[Span]:
        return [
            span
            for request in self.requests
            for of_resource in request.resource_spans
            for of_scope in of_resource.scope_spans
            for span in of_scope.spans
        ]


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    try:
        yield collector
    finally:
        collector.close()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAUSE_S", 0.01)


@contextmanager
def telling(endpoint: str) -> Iterator[Tracing]:
    found = tracing_of(replace(Config(), tracing=Section(endpoint=endpoint)), Language.EN)
    assert found is not None
    found.start()
    try:
        yield found
    finally:
        found.close()


def until(is_so: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < end, "it took too long"
        threading.Event().wait(0.01)


def attributes(told: "Span | Span.Event") -> dict[str, object]:
    return {one.key: getattr(one.value, str(one.value.WhichOneof("value"))) for one in told.attributes}


def ended_call() -> Trace:
    """One in which nobody was heard."""
    return OwnCall().answered().hung_up()


def test_nobody_is_told_unless_somebody_is_named() -> None:
    assert tracing_of(Config(), Language.EN) is None


def test_a_call_is_one_trace_with_a_span_for_each_hop(collector: Collector) -> None:
    trace = ended_call()
    with telling(collector.endpoint) as tracing:
        tracing.ended([trace])
        until(lambda: tracing.counts()["sent"] == 1)
    root, hop = collector.spans
    assert (root.kind, hop.kind) == (Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT)
    assert not root.parent_span_id
    assert (hop.trace_id, hop.parent_span_id) == (root.trace_id, root.span_id)
    assert root.start_time_unix_nano == int(START * 1e9)
    about = attributes(root)
    assert about["talkpath.call.id"] == id_of(trace.call_ids[0], trace.start)
    assert (about["network.transport"], about["sip.response.status_code"]) == ("udp", 200)
    assert "error.type" not in about
    assert next(event.name for event in hop.events) == "INVITE"
    (resource,) = (one.resource for one in collector.requests[0].resource_spans)
    assert "talkpath" in [one.value.string_value for one in resource.attributes if one.key == "service.name"]


def test_what_was_decided_and_found_are_events_with_their_sentences(collector: Collector) -> None:
    with telling(collector.endpoint) as tracing:
        tracing.ended([ended_call()])
        until(lambda: collector.spans)
    events = {event.name: attributes(event) for event in collector.spans[0].events}
    assert events["media.leased"]["message"]
    assert {"talkpath.finding.code", "talkpath.finding.fix", "message"} <= set(events["finding"])
    times = [event.time_unix_nano for event in collector.spans[0].events]
    assert times == sorted(times)


def test_the_same_call_is_told_under_the_same_numbers(collector: Collector) -> None:
    trace = ended_call()
    with telling(collector.endpoint) as tracing:
        tracing.ended([trace])
        tracing.ended([trace])
        until(lambda: tracing.counts()["sent"] == 2)
    spans = collector.spans
    assert [span.span_id for span in spans[:2]] == [span.span_id for span in spans[2:]]
    assert len({span.trace_id for span in spans}) == 1


def test_a_collector_that_refuses_costs_what_was_meant_for_it(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    collector.status = 400
    with telling(collector.endpoint) as tracing:
        tracing.ended([ended_call()])
        until(lambda: tracing.counts()["dropped"] == 1)
        tracing.ended([ended_call()])
        until(lambda: tracing.counts()["dropped"] == 2)
        collector.status = 200
        tracing.ended([ended_call()])
        until(lambda: tracing.counts()["sent"] == 1)
    assert [record.name for record in caplog.records] == ["talkpath.tracing"]


def test_what_is_too_much_is_counted_and_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TRACES_QUEUE", 2)
    tracing = Tracing("", lambda trace: [], lambda spans: True, Language.EN)
    tracing.ended([ended_call()] * 3)
    assert (tracing.queued, tracing.counts()["overflowed"]) == (2, 1)


def test_a_call_that_cannot_be_told_costs_itself(caplog: pytest.LogCaptureFixture) -> None:
    def fail(trace: Trace) -> NoReturn:
        raise ValueError(trace.number)

    tracing = Tracing("", fail, lambda spans: True, Language.EN)
    tracing.start()
    tracing.ended([ended_call(), ended_call()])
    until(lambda: tracing.counts()["unreadable"] == 2)
    tracing.close()
