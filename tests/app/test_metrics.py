"""The page for Prometheus: what is counted is told, in both formats, and whether the node is well."""

import math
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from tests.calls.talk import PHONE, Talk, flow
from tests.explain.own import OwnCall

from talkpath.app.metrics.calls import CallMetrics
from talkpath.app.metrics.judge import Judge
from talkpath.app.metrics.page import Metrics, MetricsPage
from talkpath.base.address import Address
from talkpath.calls.ledger import Ledger
from talkpath.calls.model import Side
from talkpath.calls.trace import pack_second
from talkpath.capture.records import Second

START = 1_700_000_000.0


def fetch(page: MetricsPage, path: str, accept: str = "") -> str:
    with urlopen(Request(f"http://{page.address}{path}", headers={"Accept": accept})) as answer:
        return answer.read().decode()


def test_page_shows_what_the_rooms_counted() -> None:
    counted = {"malformed_version": 3}
    page = MetricsPage(Address("127.0.0.1", 0), Metrics({"sip": lambda: counted}, {"calls": lambda: 7}))
    page.start()
    try:
        counted["stray_responses"] = 1
        text = fetch(page, "/metrics")
    finally:
        page.close()
    assert 'talkpath_sip_events_total{event="malformed_version"} 3.0' in text
    assert 'talkpath_sip_events_total{event="stray_responses"} 1.0' in text
    assert "talkpath_calls 7.0" in text


def test_who_asks_whether_it_is_well_gets_a_status_and_the_reasons() -> None:
    reasons: list[str] = []
    page = MetricsPage(Address("127.0.0.1", 0), Metrics({}, {}), unready=lambda: reasons)
    page.start()
    try:
        assert fetch(page, "/healthz") == "ok\n"
        assert fetch(page, "/readyz") == "ok\n"
        reasons.append("draining")
        with pytest.raises(HTTPError) as refused:
            fetch(page, "/readyz")
        assert (refused.value.code, refused.value.read()) == (503, b"draining\n")
        assert fetch(page, "/healthz") == "ok\n"
    finally:
        page.close()


# --- calls


def second(at: float, packets: int = 50, lost: int = 0, level: float = -30.0) -> Second:
    return Second(at, packets, lost, 0, 4.0, 20, level, 0, 0, 0, 0, packets * 160)


def ended(*, status: int = 200, by: Side = Side.CALLEE, how: str = "bye", lost: int = 0) -> Ledger:
    """One call that is over; its caller was told port 30000, its callee 30002."""
    ledger, talk = Ledger(), Talk(call_id="1@x", caller="1001")
    ledger.written(START, flow(PHONE), talk.call_id, talk.invite(), sent=False)
    ledger.written(START + 1, flow(PHONE), talk.call_id, talk.answer(180), sent=True)
    sdp = b"\r\nm=audio 30000 RTP/AVP 0\r\n"
    ledger.written(START + 3, flow(PHONE), talk.call_id, talk.answer(status) + sdp, sent=True)
    other = flow(PHONE)._replace(remote=Address("192.0.2.77", 5060))
    ledger.written(START, other, talk.call_id, b"INVITE sip:x SIP/2.0\r\n\r\nm=audio 30002 RTP/AVP 0\r\n", sent=True)
    for number in range(4):
        for port, level in ((30000, -30.0), (30002, -90.0)):
            key = Address("198.51.100.1", 4000), Address("192.0.2.1", port), port
            row = pack_second(second(START + 3 + number, 50, lost, level))
            ledger.media(START + 3 + number, talk.call_id, key, row)
    ledger.ended(START + 7, talk.call_id, by, how)
    return ledger


def samples(ledger: Ledger) -> dict[tuple[str, str], float]:
    metrics = CallMetrics()
    metrics.ended(ledger.running())
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in metrics.families()
        for sample in family.samples
    }


def test_a_call_is_counted_by_its_result_and_cause() -> None:
    assert samples(ended())["talkpath_calls_total", "answered,bye"] == 1
    assert samples(ended(how="media-timeout"))["talkpath_calls_total", "answered,media-timeout"] == 1
    assert samples(ended(status=486, how="refused"))["talkpath_calls_total", "busy,486"] == 1
    assert samples(ended(status=499, how="refused"))["talkpath_calls_total", "failed,4xx"] == 1


def test_a_stranger_who_was_asked_for_proof_is_no_failed_call() -> None:
    assert samples(ended(status=407, how="refused"))["talkpath_calls_total", "unproven,407"] == 1


def test_how_long_it_took_and_how_each_side_sounded_are_histograms() -> None:
    found = samples(ended(lost=50))
    assert found["talkpath_call_ring_delay_seconds_sum", ""] == 1
    assert found["talkpath_call_setup_seconds_sum", ""] == 3
    assert found["talkpath_call_duration_seconds_sum", ""] == 4
    assert found["talkpath_stream_loss_ratio_sum", "caller"] == 0.5
    assert math.isclose(found["talkpath_stream_jitter_seconds_sum", "callee"], 0.004)
    assert found["talkpath_stream_silence_ratio_sum", "caller"] == 0
    assert found["talkpath_stream_silence_ratio_sum", "callee"] > 0.9
    assert 1 <= found["talkpath_stream_mos_sum", "caller"] < 2
    assert found["talkpath_stream_mos_count", "callee"] == 1


def test_buckets_name_a_call_in_openmetrics_and_not_in_the_older_format() -> None:
    metrics = CallMetrics()
    ledger = ended()
    metrics.ended(ledger.running())
    page = MetricsPage(Address("127.0.0.1", 0), Metrics({}, {}, metrics.families))
    page.start()
    try:
        newer = fetch(page, "/metrics", "application/openmetrics-text; version=1.0.0")
        older = fetch(page, "/metrics")
    finally:
        page.close()
    examples = {
        sample.exemplar.labels["call"]
        for family in text_string_to_metric_families(newer)
        for sample in family.samples
        if sample.exemplar
    }
    assert len(examples) == 1
    assert examples.pop() not in older


def test_findings_on_calls_that_ended_are_counted_by_code() -> None:
    judge = Judge()
    judge.take([OwnCall().answered().speaks(Side.CALLER).hung_up()])
    found = {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in judge.families()
        for sample in family.samples
    }
    assert found["talkpath_calls_explained_total", "yes"] == 1
    assert found["talkpath_findings_total", "one-way-rtp,error"] == 1


def test_each_side_of_a_call_of_the_edge_is_told_apart() -> None:
    metrics = CallMetrics()
    metrics.ended([OwnCall().answered().speaks(Side.CALLER).hung_up()])
    counts = {
        sample.labels["from"]: sample.value
        for family in metrics.families()
        for sample in family.samples
        if sample.name == "talkpath_stream_mos_count"
    }
    assert counts == {"caller": 1, "callee": 0}


def test_what_there_is_no_time_to_explain_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talkpath.app.metrics.judge._TURN_S", 0.0)
    judge = Judge()
    judge.take([next(ended().running()) for _ in range(5)])
    looked = list(judge.families())[1]
    assert {sample.labels["looked_at"]: sample.value for sample in looked.samples} == {"yes": 1, "no": 4}
