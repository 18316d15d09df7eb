from urllib.request import urlopen

from talkpath.app.metrics import Metrics, MetricsPage
from talkpath.base.address import Address


def test_page_shows_what_the_rooms_counted() -> None:
    counted = {"malformed_version": 3}
    page = MetricsPage(Address("127.0.0.1", 0), Metrics({"sip": lambda: counted}, {"calls": lambda: 7}))
    try:
        counted["stray_responses"] = 1
        with urlopen(f"http://{page.address}/metrics") as answer:
            text = answer.read().decode()
    finally:
        page.close()
    assert 'talkpath_sip_events_total{event="malformed_version"} 3.0' in text
    assert 'talkpath_sip_events_total{event="stray_responses"} 1.0' in text
    assert "talkpath_calls 7.0" in text
